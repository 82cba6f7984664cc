// Package tables reads what people and dashboards save as CSV: metrics over time, and lists of crashes.
package tables

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"lastcall/collectors/evidence/internal/bounded"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// Metrics reads tables with a header, in wide form (a row is a moment of a container, a column a metric) and in long form (a row is a
// value: time, container, metric, value and perhaps unit), separated by commas, semicolons or tabs:
//
//	time,timestamp_ms,service,container,pid,rss_bytes,memory_limit_bytes,cpu_percent,heap_used_bytes,event_loop_lag_max_ms
//	time,container,metric,value,unit
//
// and as dashboards export them: a column a series (`Time,"memory_usage{pod=""web-1""}"`), a column a container, or a row a point
// of a series (Series;Time;Value).
//
// Units come from the names of the columns ("_bytes", "_mb", "_percent", "_ms") and from the cells ("512 MiB"). Rows are streamed.
type Metrics struct {
	Zone *time.Location // of times that name none; nil is UTC
}

var _ format.WholeFormat = Metrics{}

// Name implements Format.
func (Metrics) Name() string { return "metrics-csv" }

// Sniff implements Format.
func (Metrics) Sniff(head []byte) int {
	header, rows := headerAndRows(head, sampleRows)
	if header == nil {
		return 0
	}
	t := newTable(header, rows, "")
	if t.timeColumn < 0 {
		return 0
	}
	// A header without rows is still a table; a row must have a time where the header promises one.
	if len(rows) > 0 {
		if _, _, ok := t.time(rows[0]); !ok {
			return 0
		}
	}
	switch {
	case t.valid() == nil:
		return 90
	case len(rows) > 0:
		return 30 // A table over time of something else: Parse says what is missing.
	}
	return 0
}

// headerSize is how much of a table is looked at before its first row is read: the labels of a hundred series make a long header.
const headerSize = 64 << 10

// How many rows are looked at to see whether a head is a table, and to see what the values of one can be.
const (
	sampleRows = 20
	valueRows  = 1000
)

// headerAndRows reads the first records of a head, of which the last may be cut; nil when there is no header of at least two cells.
func headerAndRows(head []byte, most int) (header []string, rows [][]string) {
	if len(head) == 0 || bytes.IndexByte(cut.FirstLine(head), 0) >= 0 || jsondoc.IsJSON(head) {
		return nil, nil
	}
	whole := head
	if i := bytes.LastIndexByte(head, '\n'); i >= 0 && len(head) > headerSize/2 {
		whole = head[:i+1]
	}
	text, comma := prepareTable(whole)
	r := newCSVReader(bytes.NewReader(text), comma)
	cells, err := r.Read()
	if err != nil || len(cells) < 2 {
		return nil, nil
	}
	header = joinLabels(cells)
	for len(rows) < most {
		row, err := r.Read()
		if err != nil {
			break
		}
		rows = append(rows, append([]string(nil), row...))
	}
	return header, rows
}

// prepareTable finds the separator from the first line, and mends what some write there: "sep=;" for spreadsheets stands before the
// header, and quotation marks within a quoted label are written \" instead of "". Lines keep their numbers.
func prepareTable(head []byte) ([]byte, rune) {
	line := cut.FirstLine(head)
	comma := rune(0)
	if sep, ok := bytes.CutPrefix(bytes.TrimRight(line, "\r"), []byte("sep=")); ok && len(sep) == 1 && len(line) < len(head) {
		comma = rune(sep[0])
		head = head[len(line):] // from its line end on: an empty line is no record
		line = cut.FirstLine(head[1:])
		if comma != ',' && comma != ';' && comma != '\t' {
			comma = 0
		}
	}
	if comma == 0 {
		commas, semicolons, tabs := bytes.Count(line, []byte(",")), bytes.Count(line, []byte(";")), bytes.Count(line, []byte("\t"))
		switch {
		case tabs > commas && tabs > semicolons:
			comma = '\t'
		case semicolons > commas:
			comma = ';'
		default:
			comma = ','
		}
	}
	if i := bytes.Index(head, line); len(line) > 0 && bytes.Contains(line, []byte(`=\"`)) {
		mended := append(bytes.Clone(head[:i]), bytes.ReplaceAll(line, []byte(`\"`), []byte(`""`))...)
		head = append(mended, head[i+len(line):]...)
	}
	return head, comma
}

func newCSVReader(r io.Reader, comma rune) *csv.Reader {
	c := csv.NewReader(r)
	c.FieldsPerRecord = -1
	c.LazyQuotes = true
	c.ReuseRecord = true
	c.Comma = comma
	c.TrimLeadingSpace = comma != '\t'
	return c
}

// joinLabels copies a header and puts cells together that belong to one series whose labels were not quoted: {pod="a", ns="b"}.
func joinLabels(cells []string) []string {
	header := make([]string, 0, len(cells))
	for i := 0; i < len(cells); i++ {
		cell := cells[i]
		if strings.Count(cell, "{") > strings.Count(cell, "}") {
			for j := i + 1; j < len(cells) && j <= i+maxLabels; j++ {
				if strings.Count(cells[j], "}") > strings.Count(cells[j], "{") {
					cell = strings.Join(cells[i:j+1], ",")
					i = j
					break
				}
			}
		}
		header = append(header, strings.Clone(cell))
	}
	return header
}

// maxLabels bounds the labels of one series.
const maxLabels = 64

// Parse implements WholeFormat.
func (m Metrics) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	rows, first, err := openCSV(r)
	if err != nil {
		return err
	}
	t := newTable(rows.header, first, src.Name)
	t.clock.Zone = m.Zone
	if err := t.valid(); err != nil {
		return err
	}
	if err := t.tellUnused(src, sink); err != nil {
		return err
	}
	return eachRow(ctx, rows, src, sink, func(line int64, row []string) error {
		return t.row(record.Pos{Source: src, Line: line}, row, sink)
	})
}

// openCSV reads the header, and shows the first rows, which are read again later.
func openCSV(r io.Reader) (rows *csvRows, first [][]string, err error) {
	// The separator must be known before the first record is read.
	head := make([]byte, headerSize)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, err
	}
	head = head[:n]
	_, first = headerAndRows(head, valueRows)
	text, comma := prepareTable(head)
	in := bounded.New(io.MultiReader(bytes.NewReader(text), r), maxRow, "a row is longer than 1 MiB; a quotation mark may lack its other one")
	rows = &csvRows{Reader: newCSVReader(in, comma), in: in}
	header, err := rows.Reader.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("the table has no header: %w", err)
	}
	rows.header = joinLabels(header)
	return rows, first, nil
}

// maxRow bounds a row, which takes up to forty times its length in memory.
const maxRow = 1 << 20

// csvRows reads rows that are not longer than maxRow.
type csvRows struct {
	*csv.Reader
	in     *bounded.Reader
	header []string
}

// Read returns the next row, valid until the next call.
func (c *csvRows) Read() ([]string, error) {
	c.in.Again()
	return c.Reader.Read()
}

// eachRow streams the rows; broken ones are counted.
func eachRow(ctx context.Context, rows *csvRows, src *record.Source, sink record.Sink, f func(line int64, row []string) error) error {
	for n := 0; ; n++ {
		if n%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		row, err := rows.Read()
		var broken *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &broken):
			if err := warning.Tell(sink, record.Pos{Source: src, Line: int64(broken.Line)}, "malformed_line", "a row that is no CSV was left out", []byte(strings.Join(row, ","))); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("reading the table: %w", err)
		}
		line, _ := rows.FieldPos(0)
		if err := f(int64(line), row); err != nil {
			return err
		}
	}
}

// table is what a header means.
type table struct {
	timeColumn int // -1: none
	labels     []labelColumn
	metrics    []metricColumn
	long       longColumns
	unused     []string
	unitless   []string    // memory, but neither name nor values tell in which unit
	assumed    *assumption // what its values are, where no name says it
	unzoned    bool        // whether the missing zone was told

	clock  stamp.Clock
	key    []byte                    // scratch
	named  map[string]metrics.Labels // by the label cells of a row: rows of one container repeat them
	known  map[string]longSeries
	sample record.Sample
}

type labelColumn struct {
	column int
	name   string
	many   bool // its cells hold several labels, or the name of a series: "pod_name:web-1,env:prod"
}

type metricColumn struct {
	column  int
	name    string
	meaning metrics.Meaning
	labels  *metrics.Labels // where the column's own name says whose it is
	heap    *heapColumns
}

// heapColumns are the pools of a heap, each of which has a column.
type heapColumns struct {
	names   []string
	columns []int
}

// longColumns are those of the long form; value < 0 when the table is wide, metric < 0 when all values are of one metric.
type longColumns struct{ metric, value, unit int }

// longSeries is what a cell of the metric column says.
type longSeries struct {
	meaning metrics.Meaning
	labels  *metrics.Labels // where it names them
	bare    bool            // it is not known yet that its values are bytes
	refused bool            // they are not
}

func newTable(header []string, rows [][]string, file string) *table {
	t := &table{timeColumn: -1, long: longColumns{-1, -1, -1}, known: map[string]longSeries{}, named: map[string]metrics.Labels{}}
	timeRank := 0
	nameColumn := -1
	aliased := false // the metric column holds names of series, which people choose in dashboards
	var unknown, unitless []string
	var found, nameless []metricColumn
	for i, name := range header {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
		words := strings.Join(cut.Words(name), ".")
		if r := timeColumnRank(words, i); r > timeRank {
			t.timeColumn, timeRank = i, r
			continue
		} else if r > 0 {
			continue
		}
		switch words {
		case "metric", "metric.name", "series", "measurement", "field":
			if t.long.metric < 0 {
				t.long.metric, aliased = i, words == "series"
			}
			continue
		case "name":
			nameColumn = i
			continue
		case "value":
			t.long.value = i
			continue
		case "unit", "units":
			t.long.unit = i
			continue
		case "group", "scope", "tags", "labels":
			t.labels = append(t.labels, labelColumn{i, name, true})
			continue
		}
		if metric, own, ok := metrics.SplitSeries(name); ok {
			m, known := metrics.MeaningOfColumn(metric, metrics.NoUnit)
			pool := ""
			if !known {
				if m, known = metrics.HeapPoolMeaning(metric); known {
					pool, known = own.HeapPool()
				}
			}
			names, isOwn := own.ResolveWritten()
			switch {
			case known && isOwn && m.Pool:
				found = addHeapColumn(found, metricColumn{column: i, name: name, meaning: m, labels: &names}, pool)
			case known && needsValues(name, m) && !sizesOf(cellsOf(rows, i)).areBytes():
				unitless = append(unitless, name)
			case known && isOwn && !m.Counter:
				found = append(found, metricColumn{column: i, name: name, meaning: m, labels: &names})
			case metric == "" && isOwn:
				nameless = append(nameless, metricColumn{column: i, name: name, labels: &names})
			default:
				unknown = append(unknown, name)
			}
			continue
		}
		if metrics.IsLabel(name) {
			t.labels = append(t.labels, labelColumn{column: i, name: name})
			continue
		}
		m, ok := metrics.MeaningOfColumn(name, metrics.NoUnit)
		if ok && needsValues(name, m) && !sizesOf(cellsOf(rows, i)).areBytes() {
			unitless = append(unitless, name)
			continue
		}
		if ok && !m.Counter {
			found = append(found, metricColumn{column: i, name: name, meaning: m})
			continue
		}
		if mayNameContainer(name) {
			nameless = append(nameless, metricColumn{column: i, name: name, labels: &metrics.Labels{Container: name}})
			continue
		}
		unknown = append(unknown, name)
	}
	// "name" is the metric's in a long table that has no other, else the container's.
	switch {
	case nameColumn >= 0 && t.long.metric < 0 && t.long.value >= 0:
		t.long.metric = nameColumn
	case nameColumn >= 0:
		t.labels = append([]labelColumn{{column: nameColumn, name: "process"}}, t.labels...)
	}
	if t.long.value >= 0 && (t.long.metric >= 0 || len(found) == 0) {
		t.assumeLong(aliased, rows, file)
		return t
	}
	t.long = longColumns{-1, -1, -1}
	if len(found) == 0 && len(t.labels) == 0 {
		found, nameless = t.assumeWide(nameless, rows, file)
	}
	for _, c := range nameless {
		unknown = append(unknown, c.name)
	}
	// Of several columns of one metric the one that fits it best is used.
	best := map[string]int{}
	key := func(c metricColumn) string {
		if c.labels != nil {
			return c.meaning.Metric.String() + "\x00" + c.labels.Container + "\x00" + c.labels.Instance
		}
		return c.meaning.Metric.String()
	}
	for _, c := range found {
		best[key(c)] = max(best[key(c)], c.meaning.Rank)
	}
	for _, c := range found {
		if c.meaning.Rank < best[key(c)] {
			unknown = append(unknown, c.name)
			continue
		}
		best[key(c)] = c.meaning.Rank + 1 // of equal ones the first
		t.metrics = append(t.metrics, c)
	}
	t.unused, t.unitless = unknown, unitless
	return t
}

// addHeapColumn adds the column of one pool to those of its heap.
func addHeapColumn(found []metricColumn, c metricColumn, pool string) []metricColumn {
	for i := range found {
		if f := &found[i]; f.heap != nil && f.meaning == c.meaning && *f.labels == *c.labels {
			f.heap.names, f.heap.columns = append(f.heap.names, pool), append(f.heap.columns, c.column)
			return found
		}
	}
	c.heap = &heapColumns{[]string{pool}, []int{c.column}}
	return append(found, c)
}

// cell is the heap of a row, as one cell would have it; empty where a pool has no value.
func (h *heapColumns) cell(m metrics.Meaning, row []string) string {
	values := make([]float64, len(h.columns))
	for i, column := range h.columns {
		v, ok := number.FloatText(strings.TrimSpace(cellAt(row, column)))
		if !ok {
			var u metrics.Unit
			if v, u, ok = parseMeasure(strings.TrimSpace(cellAt(row, column))); !ok || !u.Fits(metrics.Bytes) {
				return ""
			}
			v *= u.Scale() / m.Scale
		}
		values[i] = v
	}
	if sum, ok := metrics.SumHeap(m, h.names, values); ok {
		return strconv.FormatFloat(sum, 'f', -1, 64)
	}
	return ""
}

// timeColumnRank says how well a column's name fits a time: 0 not at all. Of several the highest is used, so that a time with a
// fraction wins over whole milliseconds, and both over a date.
func timeColumnRank(words string, column int) int {
	switch words {
	case "time", "timestamp", "datetime", "date.time", "ts", "at", "time.utc":
		return 4
	case "timestamp.ms", "time.ms", "epoch.ms", "ts.ms", "unix.ms", "timestamp.ns", "time.ns":
		return 3
	case "timestamp.s", "epoch", "unix", "unix.time", "epoch.s", "time.s":
		return 2
	case "date":
		return 1
	case "":
		// An index column that spreadsheets and data frames write without a name.
		if column == 0 {
			return 1
		}
	}
	return 0
}

// Error is why a table gives nothing.
type Error string

func (e Error) Error() string { return string(e) }

// Hint says what to do about a table of which nothing could be used.
const Hint = `name its columns, such as time, container, rss_bytes or heap_used_mb, or rss_bytes{container="web-1"} where a column is a container; or name the file after what all its columns measure, such as memory_bytes.csv`

const hintUnit = "name it memory_bytes or memory_mb; a percentage cannot be used"

// valid says whether the header makes a table of metrics.
func (t *table) valid() error {
	switch {
	case t.timeColumn < 0:
		return Error("the table has no column of times (ISO 8601, or milliseconds since 1970)")
	case t.long.value >= 0 && t.long.metric < 0 && t.assumed == nil:
		return Error("the table does not say what its values measure")
	case t.long.value < 0 && len(t.metrics) == 0 && len(t.unitless) > 0:
		return Error("nothing says in which unit the memory of the table is (" + warning.Example([]byte(strings.Join(t.unitless, ", "))) + "); " + hintUnit)
	case t.long.value < 0 && len(t.metrics) == 0:
		return Error("no column of the table has a name that says what it measures (it has " + warning.Example([]byte(strings.Join(t.unused, ", "))) + ")")
	}
	return nil
}

func (t *table) tellUnused(src *record.Source, sink record.Sink) error {
	pos := record.Pos{Source: src, Line: 1}
	if t.assumed != nil {
		if err := sink.Warn(t.assumed.warning(pos)); err != nil {
			return err
		}
	}
	if len(t.unitless) > 0 {
		err := sink.Warn(&record.Warning{
			Code: "column_without_unit", Pos: pos, Count: int64(len(t.unitless)), Example: warning.Example([]byte(strings.Join(t.unitless, ", "))),
			Text: "columns of memory that were left out because neither their names nor their values tell that they are bytes: " + hintUnit,
		})
		if err != nil {
			return err
		}
	}
	if len(t.unused) == 0 {
		return nil
	}
	return sink.Warn(&record.Warning{
		Code: "column_not_used", Pos: pos, Count: int64(len(t.unused)), Example: warning.Example([]byte(strings.Join(t.unused, ", "))),
		Text: "columns that mean nothing here, have a unit that does not fit, or are told better by another column",
	})
}

func (t *table) time(row []string) (at record.Time, zoned, ok bool) {
	if t.timeColumn >= len(row) {
		return 0, false, false
	}
	return cellTime(&t.clock, row[t.timeColumn])
}

// cellTime reads a time as a table has it: ISO 8601, seconds or their fractions since 1970, or, as spreadsheets save it, without seconds.
func cellTime(c *stamp.Clock, text string) (at record.Time, zoned, ok bool) {
	b := []byte(strings.TrimSpace(text))
	if len(b) == len("2026-03-10 01:00") && b[13] == ':' {
		b = append(b, ":00"...)
	}
	at, zoned, ok = stamp.Parse(b)
	if ok && !zoned {
		at = c.Local(at)
	}
	return at, zoned, ok
}

func (t *table) row(pos record.Pos, row []string, sink record.Sink) error {
	if len(row) == 1 && strings.TrimSpace(row[0]) == "" {
		return nil
	}
	at, zoned, ok := t.time(row)
	if !ok {
		return warning.Tell(sink, pos, "malformed_line", "a row whose time cannot be read was left out", []byte(strings.Join(row, ",")))
	}
	if !zoned && !t.unzoned {
		t.unzoned = true
		if err := warning.TellZone(sink, pos, t.clock.Zone, []byte(row[t.timeColumn])); err != nil {
			return err
		}
	}
	names := t.names(row)
	if t.long.value >= 0 {
		return t.longRow(pos, at, names, row, sink)
	}
	for i := range t.metrics {
		c := &t.metrics[i]
		if c.column >= len(row) {
			continue
		}
		own := names
		if c.labels != nil {
			own = *c.labels
		}
		cell := row[c.column]
		if c.heap != nil {
			cell = c.heap.cell(c.meaning, row)
		}
		if err := t.emit(pos, at, own, c.meaning, cell, row, sink); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) longRow(pos record.Pos, at record.Time, names metrics.Labels, row []string, sink record.Sink) error {
	if t.long.metric >= len(row) || t.long.value >= len(row) {
		return warning.Tell(sink, pos, "malformed_line", "a row with too few cells was left out", []byte(strings.Join(row, ",")))
	}
	name, u := cellAt(row, t.long.metric), metrics.NoUnit
	if t.long.unit >= 0 && t.long.unit < len(row) {
		_, u = metrics.UnitOfWords(cut.Words(row[t.long.unit]))
	}
	s := t.series(name, u)
	if s.bare {
		if s = t.unitOfFirst(name, u, s, row[t.long.value]); s.bare {
			return warning.Tell(sink, pos, "column_without_unit", "values of memory that were left out because neither their names nor their values tell that they are bytes: "+hintUnit, []byte(name))
		}
	}
	if s.meaning.Metric == record.MetricUnknown || s.meaning.Counter {
		return warning.Tell(sink, pos, "metric_not_used", "values of metrics that mean nothing here or have a unit that does not fit", []byte(name))
	}
	if s.labels != nil {
		names = *s.labels
	}
	return t.emit(pos, at, names, s.meaning, row[t.long.value], row, sink)
}

// series says what a cell of the metric column means.
func (t *table) series(name string, u metrics.Unit) longSeries {
	key := seriesName(name, u)
	s, known := t.known[key]
	if known {
		return s
	}
	metric, own, ok := metrics.SplitSeries(name)
	switch {
	case ok:
		names, isOwn := own.ResolveWritten()
		if m, known := metrics.MeaningOfColumn(metric, u); known && isOwn {
			s = longSeries{meaning: m, labels: &names, bare: u == metrics.NoUnit && needsValues(name, m)}
		} else if metric == "" && isOwn && t.assumed != nil {
			s = longSeries{meaning: t.assumed.meaning, labels: &names}
		}
	case t.long.metric < 0:
		s.meaning = t.assumed.meaning
	default:
		m, known := metrics.MeaningOfColumn(name, u)
		if known {
			s.meaning, s.bare = m, u == metrics.NoUnit && needsValues(name, m)
		} else if t.assumed != nil && mayNameContainer(name) {
			s = longSeries{meaning: t.assumed.meaning, labels: &metrics.Labels{Container: strings.Clone(name)}}
		}
	}
	if len(t.known) < 10_000 {
		t.known[strings.Clone(key)] = s
	}
	return s
}

func seriesName(name string, u metrics.Unit) string { return name + "\x00" + string(rune(u)) }

// unitOfFirst says of a series that is bare whether its values are bytes. Its first value that is not zero decides for all that follow,
// wherever in the table it stands: rows are streamed.
func (t *table) unitOfFirst(name string, u metrics.Unit, s longSeries, cell string) longSeries {
	if s.refused {
		return s
	}
	size := sizesOf([]string{cell})
	if size.units == 0 && size.least == 0 && !size.foreign {
		s.bare = false // nothing, which is nothing in any unit
		return s
	}
	s.bare = !size.areBytes()
	s.refused = s.bare
	if key := seriesName(name, u); len(t.known) < 10_000 || t.known[key] != (longSeries{}) {
		t.known[strings.Clone(key)] = s
	}
	return s
}

func (t *table) emit(pos record.Pos, at record.Time, names metrics.Labels, m metrics.Meaning, cell string, row []string, sink record.Sink) error {
	cell = strings.TrimSpace(cell)
	if isNoValue(cell) {
		return nil
	}
	v, ok := number.FloatText(cell)
	if !ok {
		var u metrics.Unit
		// A unit in the cell says more than one in the header.
		if v, u, ok = parseMeasure(cell); ok && u.Fits(metrics.QuantityOf(m.Metric)) {
			m.Scale = u.Scale()
		} else {
			return warning.Tell(sink, pos, "malformed_line", "a cell that is no number, or has a unit that does not fit, was left out", []byte(strings.Join(row, ",")))
		}
	}
	if v, ok = m.Value(v); !ok {
		return nil
	}
	t.sample = record.Sample{
		Pos: pos, Time: at, Metric: m.Metric, Value: v,
		Container: names.Container, Instance: names.Instance, Service: names.Service, Host: names.Host, Version: names.Version,
	}
	return sink.Sample(&t.sample)
}

// isNoValue knows what tables write where nothing was measured.
func isNoValue(cell string) bool {
	switch cell {
	case "", "null", "NULL", "NaN", "nan", "N/A", "-", "None", "undefined", "+Inf", "Inf":
		return true
	}
	return false
}

// parseMeasure reads a number with its unit, as dashboards format values: "512 MiB", "1.5GiB", "12.5%".
func parseMeasure(cell string) (v float64, u metrics.Unit, ok bool) {
	n := 0
	for n < len(cell) && (number.IsDigit(cell[n]) || cell[n] == '.' || cell[n] == '-') {
		n++
	}
	if v, ok = number.FloatText(cell[:n]); !ok {
		return 0, metrics.NoUnit, false
	}
	word := strings.ToLower(strings.TrimSpace(cell[n:]))
	switch word {
	case "%":
		return v, metrics.Percent, true
	case "tib", "tb":
		return v * 1024, metrics.Gibibyte, true
	}
	u = metrics.UnitOf(word)
	return v, u, u != metrics.NoUnit
}

// maxNamed bounds the combinations of label cells that are remembered.
const maxNamed = 100_000

// names resolves the label cells of a row. The strings are made once for each combination.
func (t *table) names(row []string) metrics.Labels {
	t.key = t.key[:0]
	for _, c := range t.labels {
		t.key = append(append(t.key, cellAt(row, c.column)...), 0)
	}
	if known, ok := t.named[string(t.key)]; ok {
		return known
	}
	var l metrics.LabelSet
	for _, c := range t.labels {
		if !c.many {
			l.Add(c.name, strings.Clone(strings.TrimSpace(cellAt(row, c.column))))
		}
	}
	for _, c := range t.labels {
		if c.many {
			l.AddMany(strings.Clone(cellAt(row, c.column)))
		}
	}
	out := l.Resolve()
	if len(t.named) < maxNamed {
		t.named[string(t.key)] = out
	}
	return out
}
