package report

import (
	"bytes"
	"fmt"
	"strings"
)

// page is a text report being written.
type page struct {
	buf   *bytes.Buffer
	width int
	color bool
	err   error // the first layout error
}

// style is a terminal style.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "1;31"
	green  style = "1;32"
	yellow style = "1;33"
)

// paint puts text between the marks of a style, where the terminal takes them.
func (p *page) paint(s style, text string) string {
	if !p.color || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// block writes text wrapped, its first line after first and the others after rest.
func (p *page) block(s style, first, rest, text string) {
	p.styledBlock(plain, s, first, rest, text)
}

func (p *page) styledBlock(prefix, s style, first, rest, text string) {
	indent := max(columns(first), columns(rest))
	for i, line := range wrap(text, max(p.width-indent, minFlexColumn)) {
		lead := first
		if i > 0 {
			lead = rest
		}
		out := p.paint(prefix, lead) + p.paint(s, line)
		p.buf.WriteString(strings.TrimRight(out, " "))
		p.buf.WriteByte('\n')
	}
}

func (p *page) para(text string) { p.block(plain, "  ", "  ", text) }

// field writes "  name      text".
func (p *page) field(name, text string) {
	if text != "" {
		p.styledBlock(dim, plain, fmt.Sprintf("  %-10s", name), strings.Repeat(" ", 12), text)
	}
}

func (p *page) heading(title string) {
	p.buf.WriteByte('\n')
	p.block(bold, "", "", title)
}

// table writes a table, at most limit rows of it, indented by two.
func (p *page) table(cols []column, rows [][]string, limit int) {
	more := 0
	if len(rows) > limit {
		more = len(rows) - limit
		rows = rows[:limit]
	}
	if !fits(cols, rows, p.width-2) {
		p.records(cols, rows)
		p.more(more)
		return
	}
	t, err := table(cols, rows, p.width-2)
	if err != nil && p.err == nil {
		p.err = err
	}
	for line := range strings.Lines(t) {
		p.buf.WriteString(strings.TrimRight("  "+line, " "))
	}
	p.more(more)
}

// records writes rows under each other, where a table would be too wide.
func (p *page) records(cols []column, rows [][]string) {
	for _, r := range rows {
		lead, rest := "  ", "    "
		for i, c := range cols {
			if i >= len(r) || r[i] == "" {
				continue
			}
			t := r[i]
			if i > 0 && c.title != "" {
				t = c.title + ": " + t
			}
			p.block(plain, lead, rest, t)
			lead, rest = "    ", "      "
		}
	}
}

func (p *page) more(n int) {
	if n > 0 {
		p.block(dim, "  ", "  ", fmt.Sprintf("… and %s more", countText(int64(n))))
	}
}
