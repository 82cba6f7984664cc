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
