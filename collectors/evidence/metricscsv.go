package evidence

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"lastcall/collectors/record"
)

// metricsCSV reads tables with a header, in wide form (a row is a moment of a container, a column a metric) and in long form (a row is a
// value: time, container, metric, value and perhaps unit), separated by commas, semicolons or tabs:
//
//	time,timestamp_ms,service,container,pid,rss_bytes,memory_limit_bytes,cpu_percent,heap_used_bytes,event_loop_lag_max_ms
//	time,container,metric,value,unit
//
// Units come from the names of the columns ("_bytes", "_mb", "_percent", "_ms"). Rows are streamed.
type metricsCSV struct{}

// Name implements Format.
func (metricsCSV) Name() string { return "metrics-csv" }

// Sniff implements Format.
func (metricsCSV) Sniff(head []byte) int {
	header, row := headerAndRow(head)
	if header == nil {
		return 0
	}
	t := newTable(header)
	if t.timeColumn < 0 {
		return 0
	}
	// A header without rows is still a table; a row must have a time where the header promises one.
	if row != nil {
		if _, _, ok := t.time(row); !ok {
			return 0
		}
	}
	switch {
	case t.valid() == nil:
		return 90
	case row != nil:
		return 30 // A table over time of something else: Parse says what is missing.
	}
	return 0
}

// headerAndRow reads the first two records of a head; nil when there is no header of at least two cells.
func headerAndRow(head []byte) (header, row []string) {
	first := head
	if i := bytes.IndexByte(head, '\n'); i >= 0 {
		first = head[:i]
	}
	if len(first) > 16<<10 || bytes.IndexByte(first, 0) >= 0 || looksLikeJSON(head) {
		return nil, nil
	}
	r := newCSVReader(bytes.NewReader(head), first)
	header, err := r.Read()
	if err != nil || len(header) < 2 {
		return nil, nil
	}
	header = append([]string(nil), header...)
	row, err = r.Read()
	if err != nil {
		row = nil
	}
	return header, row
}

// newCSVReader guesses the separator from the first line.
func newCSVReader(r io.Reader, firstLine []byte) *csv.Reader {
	c := csv.NewReader(r)
	c.FieldsPerRecord = -1
	c.LazyQuotes = true
	c.ReuseRecord = true
	c.TrimLeadingSpace = true
	commas, semicolons, tabs := bytes.Count(firstLine, []byte(",")), bytes.Count(firstLine, []byte(";")), bytes.Count(firstLine, []byte("\t"))
	switch {
	case tabs > commas && tabs > semicolons:
		c.Comma = '\t'
		c.TrimLeadingSpace = false
	case semicolons > commas:
		c.Comma = ';'
	}
	return c
}

// Parse implements WholeFormat.
func (metricsCSV) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	rows, header, err := openCSV(r)
	if err != nil {
		return err
	}
	t := newTable(header)
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

// openCSV reads the header.
func openCSV(r io.Reader) (*csvRows, []string, error) {
	// The separator must be known before the first record is read.
	const peek = 16 << 10
	head := make([]byte, peek)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, err
	}
	head = head[:n]
	first, _, _ := bytes.Cut(head, []byte("\n"))
	in := newBounded(io.MultiReader(bytes.NewReader(head), r), maxRow, "a row is longer than 1 MiB; a quotation mark may lack its other one")
	rows := newCSVReader(in, first)
	header, err := rows.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("the table has no header: %w", err)
	}
	return &csvRows{rows, in}, append([]string(nil), header...), nil
}

// maxRow bounds a row, which takes up to forty times its length in memory.
const maxRow = 1 << 20

// csvRows reads rows that are not longer than maxRow.
type csvRows struct {
	*csv.Reader
	in *bounded
}

// Read returns the next row, valid until the next call.
func (c *csvRows) Read() ([]string, error) {
	c.in.again()
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
			if err := warn(sink, record.Pos{Source: src, Line: int64(broken.Line)}, "malformed_line", "a row that is no CSV was left out", []byte(strings.Join(row, ","))); err != nil {
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
	unzoned    bool // whether the missing zone was told

	pods   podNames
	key    []byte            // scratch
	named  map[string]labels // by the label cells of a row: rows of one container repeat them
	known  map[string]meaning
	sample record.Sample
}

type labelColumn struct {
	column int
	name   string
}

type metricColumn struct {
	column  int
	name    string
	meaning meaning
	labels  *labels // where the column's own name says whose it is
}

// longColumns are those of the long form; metric < 0 when the table is wide.
type longColumns struct{ metric, value, unit int }

func newTable(header []string) *table {
	t := &table{timeColumn: -1, long: longColumns{-1, -1, -1}, known: map[string]meaning{}, named: map[string]labels{}}
	timeRank := 0
	nameColumn := -1
	var unknown []string
	var found []metricColumn
	for i, name := range header {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
		words := strings.Join(wordsOf(name), ".")
		if r := timeColumnRank(words, i); r > timeRank {
			t.timeColumn, timeRank = i, r
			continue
		} else if r > 0 {
			continue
		}
		switch words {
		case "metric", "metric.name", "series", "measurement", "field":
			if t.long.metric < 0 {
				t.long.metric = i
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
		}
		if labelKindOf(name) != labelNone {
			t.labels = append(t.labels, labelColumn{i, name})
			continue
		}
		if metric, own, ok := seriesHeader(name); ok {
			m, ok := meaningOf(metric, unitNone)
			if ok && !m.counter {
				names := own.resolve(&t.pods)
				found = append(found, metricColumn{i, metric, m, &names})
				continue
			}
		}
		m, ok := meaningOf(name, unitNone)
		if !ok || m.counter {
			unknown = append(unknown, name)
			continue
		}
		found = append(found, metricColumn{column: i, name: name, meaning: m})
	}
	// "name" is the metric's in a long table that has no other, else the container's.
	switch {
	case nameColumn >= 0 && t.long.metric < 0 && t.long.value >= 0:
		t.long.metric = nameColumn
	case nameColumn >= 0:
		t.labels = append([]labelColumn{{nameColumn, "process"}}, t.labels...)
	}
	if t.long.metric >= 0 && t.long.value >= 0 {
		return t
	}
	t.long = longColumns{-1, -1, -1}
	// Of several columns of one metric the one that fits it best is used.
	best := map[string]int{}
	key := func(c metricColumn) string {
		if c.labels != nil {
			return c.meaning.metric.String() + "\x00" + c.labels.container + "\x00" + c.labels.instance
		}
		return c.meaning.metric.String()
	}
	for _, c := range found {
		best[key(c)] = max(best[key(c)], c.meaning.rank)
	}
	for _, c := range found {
		if c.meaning.rank < best[key(c)] {
			unknown = append(unknown, c.name)
			continue
		}
		best[key(c)] = c.meaning.rank + 1 // of equal ones the first
		t.metrics = append(t.metrics, c)
	}
	t.unused = unknown
	return t
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

// seriesHeader reads a column named after a series, as dashboards export them: "container.memory.usage{container:web-1}" or
// `process_resident_memory_bytes{pod="web-1"}`.
func seriesHeader(name string) (string, labelSet, bool) {
	open := strings.IndexByte(name, '{')
	if open <= 0 || !strings.HasSuffix(name, "}") {
		return "", labelSet{}, false
	}
	var l labelSet
	for tag := range strings.SplitSeq(name[open+1:len(name)-1], ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(tag), "=")
		if !ok {
			key, value, _ = strings.Cut(strings.TrimSpace(tag), ":")
		}
		l.add(strings.TrimSpace(key), strings.Trim(strings.TrimSpace(value), `"`))
	}
	return metricOfQuery(name), l, true
}

// valid says whether the header makes a table of metrics.
func (t *table) valid() error {
	switch {
	case t.timeColumn < 0:
		return errors.New("the table has no column of times; name one \"time\" (ISO 8601) or \"timestamp_ms\"")
	case t.long.metric < 0 && len(t.metrics) == 0:
		return fmt.Errorf("the table has no column whose name says what it measures, such as rss_bytes or heap_used_bytes (it has %s)", strings.Join(t.unused, ", "))
	}
	return nil
}

func (t *table) tellUnused(src *record.Source, sink record.Sink) error {
	if len(t.unused) == 0 {
		return nil
	}
	return sink.Warn(&record.Warning{
		Code: "column_not_used", Pos: record.Pos{Source: src, Line: 1}, Count: int64(len(t.unused)), Example: clipTo([]byte(strings.Join(t.unused, ", ")), exampleLimit),
		Text: "columns that mean nothing here, have a unit that does not fit, or are told better by another column",
	})
}

func (t *table) time(row []string) (at record.Time, zoned, ok bool) {
	if t.timeColumn >= len(row) {
		return 0, false, false
	}
	return parseTime([]byte(row[t.timeColumn]))
}

func (t *table) row(pos record.Pos, row []string, sink record.Sink) error {
	if len(row) == 1 && strings.TrimSpace(row[0]) == "" {
		return nil
	}
	at, zoned, ok := t.time(row)
	if !ok {
		return warn(sink, pos, "malformed_line", "a row whose time cannot be read was left out", []byte(strings.Join(row, ",")))
	}
	if !zoned && !t.unzoned {
		t.unzoned = true
		if err := warn(sink, pos, "no_timezone", noZoneText, []byte(row[t.timeColumn])); err != nil {
			return err
		}
	}
	names := t.names(row)
	if t.long.metric >= 0 {
		return t.longRow(pos, at, names, row, sink)
	}
	for i := range t.metrics {
		c := &t.metrics[i]
		if c.column >= len(row) {
			continue
		}
		if c.labels != nil {
			names = *c.labels
		}
		if err := t.emit(pos, at, names, c.meaning, row[c.column], row, sink); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) longRow(pos record.Pos, at record.Time, names labels, row []string, sink record.Sink) error {
	if t.long.metric >= len(row) || t.long.value >= len(row) {
		return warn(sink, pos, "malformed_line", "a row with too few cells was left out", []byte(strings.Join(row, ",")))
	}
	name, u := row[t.long.metric], unitNone
	if t.long.unit >= 0 && t.long.unit < len(row) {
		_, u = unitOfWords(wordsOf(row[t.long.unit]))
	}
	key := name + "\x00" + string(rune(u))
	m, known := t.known[key]
	if !known {
		m, _ = meaningOf(name, u)
		if len(t.known) < 10_000 {
			t.known[strings.Clone(key)] = m
		}
	}
	if m.metric == record.MetricUnknown || m.counter {
		return warn(sink, pos, "metric_not_used", "values of metrics that mean nothing here or have a unit that does not fit", []byte(name))
	}
	return t.emit(pos, at, names, m, row[t.long.value], row, sink)
}

func (t *table) emit(pos record.Pos, at record.Time, names labels, m meaning, cell string, row []string, sink record.Sink) error {
	cell = strings.TrimSpace(cell)
	switch cell {
	case "", "null", "NULL", "NaN", "nan", "N/A", "-", "None", "undefined", "+Inf", "Inf":
		return nil
	}
	v, ok := parseNumberText(cell)
	if !ok {
		return warn(sink, pos, "malformed_line", "a cell that is no number was left out", []byte(strings.Join(row, ",")))
	}
	if v, ok = m.value(v); !ok {
		return nil
	}
	t.sample = record.Sample{
		Pos: pos, Time: at, Metric: m.metric, Value: v,
		Container: names.container, Instance: names.instance, Service: names.service, Host: names.host, Version: names.version,
	}
	return sink.Sample(&t.sample)
}

// maxNamed bounds the combinations of label cells that are remembered.
const maxNamed = 100_000

// names resolves the label cells of a row. The strings are made once for each combination.
func (t *table) names(row []string) labels {
	t.key = t.key[:0]
	for _, c := range t.labels {
		t.key = append(append(t.key, cellAt(row, c.column)...), 0)
	}
	if known, ok := t.named[string(t.key)]; ok {
		return known
	}
	var l labelSet
	for _, c := range t.labels {
		l.add(c.name, strings.Clone(strings.TrimSpace(cellAt(row, c.column))))
	}
	out := l.resolve(&t.pods)
	if len(t.named) < maxNamed {
		t.named[string(t.key)] = out
	}
	return out
}
