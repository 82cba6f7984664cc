package report

import (
	"strconv"
	"strings"
	"time"
)

// How much of each list the page shows, so that a browser stays quick; JSON has all of it.
const (
	htmlRows    = 1000
	htmlQuotes  = 2   // of one crash
	htmlQuote   = 140 // characters
	htmlExample = 200 // characters of an odd line
)

// tableView is one table.
type tableView struct {
	Caption  string
	Sortable bool
	Head     []headCell
	Rows     [][]cell
	More     string
}

type headCell struct {
	Text string
	Num  bool
}

// cell is one cell. Sort, if not empty, is the number by which it sorts; Tag a class that makes it a badge.
type cell struct {
	Text, Class, Sort, Tag string
	Code                   bool
}

// newTable begins a table; the head of a column of numbers has a leading #.
func newTable(head ...string) *tableView {
	t := &tableView{Sortable: true}
	for _, h := range head {
		text, num := strings.CutPrefix(h, "#")
		t.Head = append(t.Head, headCell{text, num})
	}
	return t
}

func (t *tableView) add(cells ...cell) {
	for i := range cells {
		if i < len(t.Head) && t.Head[i].Num && cells[i].Class == "" {
			cells[i].Class = "num"
		}
	}
	t.Rows = append(t.Rows, cells)
}

// done cuts the table and returns nil when it is empty.
func (t *tableView) done() *tableView {
	if len(t.Rows) == 0 {
		return nil
	}
	if n := len(t.Rows) - htmlRows; n > 0 {
		t.Rows = t.Rows[:htmlRows]
		t.More = "… and " + countText(int64(n)) + " more; JSON has all of them."
	}
	t.Sortable = t.Sortable && len(t.Rows) > 1
	return t
}

func txt(s string) cell  { return cell{Text: clean(s)} }
func keep(s string) cell { return cell{Text: clean(s), Class: "keep"} }
func code(s string) cell { return cell{Text: clean(s), Code: true} }
func num(text string, v float64) cell {
	return cell{Text: text, Sort: strconv.FormatFloat(v, 'g', -1, 64)}
}
func when(t time.Time) cell {
	return cell{Text: dateTime(t.UTC()), Class: "keep", Sort: strconv.FormatInt(t.UnixMilli(), 10)}
}
