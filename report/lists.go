package report

import (
	"strconv"
	"strings"
)

// atMost returns the first n of a list that may be shorter.
func atMost[T any](all []T, n int) []T { return all[:min(len(all), n)] }

// grouping gathers lines that say the same of several things, so that they are said once.
type grouping struct{ groups []*group }

type group struct {
	text         string
	names, cites []string
}

func (g *grouping) add(text, name, cite string) {
	for _, x := range g.groups {
		if x.text == text {
			if x.names[len(x.names)-1] != name {
				x.names = append(x.names, name)
			}
			if cite != "" {
				x.cites = append(x.cites, cite)
			}
			return
		}
	}
	n := &group{text: text, names: []string{name}}
	if cite != "" {
		n.cites = []string{cite}
	}
	g.groups = append(g.groups, n)
}

func (g *group) who() string { return strings.Join(g.names, ", ") }

func (g *group) where() string {
	if len(g.cites) == 0 {
		return ""
	}
	return " (" + strings.Join(g.cites, ", ") + ")"
}

// cut shortens s to n runes.
func cut(s string, n int) string {
	i := 0
	for at := range s {
		if i == n {
			return s[:at] + "…"
		}
		i++
	}
	return s
}

// codeText is "computeProfile, src/export.js", or empty.
func codeText(function, file *string) string {
	var p []string
	if function != nil && *function != "" {
		p = append(p, clean(*function))
	}
	if file != nil && *file != "" {
		p = append(p, clean(*file))
	}
	return strings.Join(p, ", ")
}

// cite is "platform.log:25".
func cite(source string, line int64) string {
	if source == "" {
		return ""
	}
	if line > 0 {
		return clean(source) + ":" + strconv.FormatInt(line, 10)
	}
	return clean(source)
}
