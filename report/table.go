package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// column is one column of a text table.
type column struct {
	title string
	right bool // numbers
	fixed bool // never wrapped nor narrowed
}

const (
	columnGap      = 2
	minColumn      = 10
	minFlexColumn  = 14
	textRuleSymbol = "─"
)

// table lays out rows under columns within width columns of a terminal and returns the lines. Cells that do not fit are
// wrapped. The table library does the drawing only: it measures and wraps nothing, formats no header, and draws into memory,
// because it drops write errors.
func table(cols []column, rows [][]string, width int) (string, error) {
	if len(rows) == 0 {
		return "", nil
	}
	widths := columnWidths(cols, rows, width)
	head := make([]string, len(cols))
	align := make(tw.Alignment, len(cols))
	for i, c := range cols {
		head[i] = strings.Join(wrap(c.title, widths[i]), "\n")
		align[i] = tw.AlignLeft
		if c.right {
			align[i] = tw.AlignRight
		}
	}
	var buf bytes.Buffer
	t := newTextTable(&buf, align)
	t.Header(head)
	for _, r := range rows {
		cells := make([]string, len(cols)) // the library keeps it
		for i := range cols {
			if i < len(r) {
				cells[i] = r[i]
				if !cols[i].fixed {
					cells[i] = strings.Join(wrap(r[i], widths[i]), "\n")
				}
			}
		}
		if err := t.Append(cells); err != nil {
			return "", fmt.Errorf("lay out a table: %w", err)
		}
	}
	if err := t.Render(); err != nil {
		return "", fmt.Errorf("lay out a table: %w", err)
	}
	return trimLines(buf.String()), nil
}

// newTextTable sets the library up: a rule under the header and nothing else between the cells.
func newTextTable(w io.Writer, align tw.Alignment) *tablewriter.Table {
	off := tw.Off
	return tablewriter.NewTable(w,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: rule{},
			Settings: tw.Settings{
				Separators: tw.Separators{ShowHeader: tw.On, BetweenRows: off, BetweenColumns: off},
				Lines:      tw.Lines{ShowTop: off, ShowBottom: off, ShowHeaderLine: tw.On, ShowFooterLine: off},
			},
		})),
		tablewriter.WithHeaderAutoFormat(off),
		tablewriter.WithRowAutoFormat(off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(off),
		tablewriter.WithAlignment(align),
		tablewriter.WithHeaderAlignmentConfig(tw.CellAlignment{PerColumn: align}),
		tablewriter.WithPadding(tw.Padding{Left: "", Right: strings.Repeat(" ", columnGap), Overwrite: true}),
		// Otherwise widths depend on the locale of whoever runs it.
		tablewriter.WithEastAsian(off),
	)
}

// trimLines cuts off what stands after the last column.
func trimLines(table string) string {
	lines := strings.Split(strings.TrimRight(table, "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
		if strings.Trim(l, textRuleSymbol) == "" && l != "" {
			// The rule need not stand under the gap after the last column.
			lines[i] = strings.TrimSuffix(l, strings.Repeat(textRuleSymbol, columnGap))
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// fits reports whether a table of these columns can be read within width: no column needs to be narrower than minColumn.
func fits(cols []column, rows [][]string, width int) bool {
	total := -columnGap
	for i, c := range cols {
		w := columns(c.title)
		for _, r := range rows {
			if i < len(r) {
				w = max(w, columns(r[i]))
			}
		}
		if !c.fixed {
			w = min(w, minColumn)
		}
		total += w + columnGap
	}
	return total <= width
}

// rule is the header line: a rule of dashes, broken between the columns.
type rule struct{}

func (rule) Name() string        { return "rule" }
func (rule) Center() string      { return textRuleSymbol }
func (rule) Row() string         { return textRuleSymbol }
func (rule) Column() string      { return "" }
func (rule) TopLeft() string     { return "" }
func (rule) TopMid() string      { return "" }
func (rule) TopRight() string    { return "" }
func (rule) MidLeft() string     { return "" }
func (rule) MidRight() string    { return "" }
func (rule) BottomLeft() string  { return "" }
func (rule) BottomMid() string   { return "" }
func (rule) BottomRight() string { return "" }
func (rule) HeaderLeft() string  { return "" }
func (rule) HeaderMid() string   { return "" }
func (rule) HeaderRight() string { return "" }

// columnWidths gives every column its natural width while that fits. Where it does not, titles are wrapped first, then the
// widest columns are narrowed.
func columnWidths(cols []column, rows [][]string, width int) []int {
	w := make([]int, len(cols))
	least := make([]int, len(cols)) // what the cells and the words of the title need
	total := -columnGap
	for i, c := range cols {
		for word := range strings.FieldsSeq(c.title) {
			least[i] = max(least[i], columns(word))
		}
		for _, r := range rows {
			if i < len(r) {
				least[i] = max(least[i], columns(r[i]))
			}
		}
		w[i] = max(columns(c.title), least[i])
		total += w[i] + columnGap
	}
	widest := func(room func(i int) int) int {
		best := -1
		for i := range w {
			if !cols[i].fixed && room(i) > 0 && (best < 0 || w[i] > w[best]) {
				best = i
			}
		}
		return best
	}
	for _, floor := range []func(i int) int{
		func(i int) int { return least[i] },
		func(int) int { return minFlexColumn },
		func(int) int { return minColumn },
	} {
		for total > width {
			i := widest(func(i int) int { return w[i] - floor(i) })
			if i < 0 {
				break
			}
			w[i]--
			total--
		}
	}
	return w
}

// columns is the width of s on a terminal.
func columns(s string) int {
	for i := range len(s) {
		if s[i] >= 0x80 || s[i] == 0x1b {
			return twwidth.Width(s)
		}
	}
	return len(s)
}

// wrap breaks s into lines of at most width columns, at spaces where there are any, else after a character at which a path or
// a list can be read on, else anywhere. It returns at least one line.
func wrap(s string, width int) []string {
	if columns(s) <= width {
		return []string{s}
	}
	var lines []string
	line, n := "", 0
	for word := range strings.FieldsSeq(s) {
		wn := columns(word)
		switch {
		case n == 0:
			line, n = word, wn
		case n+1+wn <= width:
			line, n = line+" "+word, n+1+wn
		default:
			lines = append(lines, line)
			line, n = word, wn
		}
		for n > width {
			at := breakAt(line, width)
			lines = append(lines, line[:at])
			line = line[at:]
			n = columns(line)
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// breakAt finds where to break a word that is wider than width; it is more than 0.
func breakAt(word string, width int) int {
	at, nice, n := 0, 0, 0
	for i, r := range word {
		w := 1
		if r >= 0x80 {
			w = twwidth.Width(string(r))
		}
		if n+w > width && i > 0 {
			break
		}
		n += w
		at = i + utf8.RuneLen(r)
		if strings.ContainsRune("/,;&?_-.:", r) && n > width/2 {
			nice = at
		}
	}
	if nice > 0 {
		return nice
	}
	return max(at, 1)
}
