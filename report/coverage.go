package report

import (
	"path"
	"strconv"
	"strings"

	"lastcall/analyze/finding"
)

// minFold is from how many sources on a folder of alike ones is shown as one row: a hundred heap profiles are one thing to
// know.
const minFold = 4

// foldCoverage joins the rows of files of one folder that give the same signal in the same format, where there are many. Rows
// that miss or sample something stay as they are.
func foldCoverage(rows []finding.Coverage) []finding.Coverage {
	type key struct{ dir, ext, signal, format string }
	keyOf := func(c *finding.Coverage) (key, bool) {
		dir, file := path.Split(c.Source)
		if dir == "" || c.Records == 0 || c.Sampled != nil || c.MissingReason != nil && *c.MissingReason != "" {
			return key{}, false
		}
		_, ext, _ := strings.Cut(file, ".")
		return key{dir, ext, c.Signal, c.Format}, true
	}
	count := map[key]int{}
	for i := range rows {
		if k, ok := keyOf(&rows[i]); ok {
			count[k]++
		}
	}
	at := map[key]int{} // where the joined row stands in out
	var out []finding.Coverage
	for i := range rows {
		c := rows[i]
		k, ok := keyOf(&c)
		if !ok || count[k] < minFold {
			out = append(out, c)
			continue
		}
		j, seen := at[k]
		if !seen {
			at[k] = len(out)
			c.Source = k.dir + "*"
			if k.ext != "" {
				c.Source += "." + k.ext
			}
			c.Source += " (" + strconv.Itoa(count[k]) + " files)"
			out = append(out, c)
			continue
		}
		o := &out[j]
		o.Records += c.Records
		if c.From != nil && (o.From == nil || c.From.Before(*o.From)) {
			o.From = c.From
		}
		if c.To != nil && (o.To == nil || c.To.After(*o.To)) {
			o.To = c.To
		}
	}
	return out
}

// missingText says why something is missing.
func missingText(c *finding.Coverage) string {
	if c.MissingReason != nil && *c.MissingReason != "" {
		return clean(*c.MissingReason)
	}
	return "no record of it"
}

// missing reports whether the coverage row stands for something that was not there.
func missing(c *finding.Coverage) bool {
	return c.Records == 0 || (c.MissingReason != nil && *c.MissingReason != "")
}

// spanText is the time that a source covers.
func spanText(c *finding.Coverage) string {
	if c.From == nil || c.To == nil {
		return ""
	}
	if day(*c.From) == day(*c.To) {
		return dateTime(c.From.UTC()) + " to " + clock(*c.To)
	}
	return dateTime(c.From.UTC()) + " to " + dateTime(c.To.UTC())
}

// sampledText is what a source does not hold of it.
func sampledText(c *finding.Coverage) string {
	var s []string
	if c.Sampled != nil {
		s = append(s, "a sample of "+percentText(*c.Sampled))
	}
	if c.MissingReason != nil && *c.MissingReason != "" {
		s = append(s, clean(*c.MissingReason))
	}
	return strings.Join(s, "; ")
}

// exampleLength is how much of an odd line is shown, in characters.
const exampleLength = 120

// warningText says what was odd about the input.
func warningText(w *finding.Warning) string {
	t := countText(w.Count) + " × " + clean(w.Text)
	if c := cite(w.Source, w.Line); c != "" {
		t += " (first at " + c + ")"
	}
	if w.Example != nil && *w.Example != "" {
		t += ", such as “" + cut(clean(*w.Example), exampleLength) + "”"
	}
	return t + " [" + clean(w.Code) + "]"
}
