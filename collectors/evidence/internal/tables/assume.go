package tables

import (
	"path"
	"strings"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// Dashboards export tables that name the containers and not the metric: the panel's title said it. What such a table measures is
// taken from the name of its file (which is the panel's title), and told as a warning. Nothing is taken for memory whose file is not
// named after it.

// assumption is what the values of a table were taken for.
type assumption struct {
	meaning metrics.Meaning
	columns []string
}

func (a *assumption) warning(pos record.Pos) *record.Warning {
	return &record.Warning{
		Code: "metric_assumed", Pos: pos, Count: int64(max(1, len(a.columns))), Example: warning.Example([]byte(strings.Join(a.columns, ", "))),
		Text: "columns of values that do not say what they measure; they were taken as " + a.meaning.Metric.String() + " of the container that each names, because the file is named after it" +
			" (if that is wrong, name them, such as heap_used_bytes{container=\"web-1\"})",
	}
}

// assumeWide finds the columns of a table that are each a container's, and returns the rest as well.
func (t *table) assumeWide(columns []metricColumn, rows [][]string, file string) (series, plain []metricColumn) {
	for _, c := range columns {
		if strings.HasSuffix(c.name, "}") {
			series = append(series, c)
		} else {
			plain = append(plain, c)
		}
	}
	if len(series) == 0 {
		series, plain = plain, nil
	}
	var cells, names []string
	for _, c := range series {
		names = append(names, c.name)
		for _, row := range rows {
			cells = append(cells, cellAt(row, c.column))
		}
	}
	if len(series) > 0 {
		t.assumed = assume(file, cells)
	}
	if t.assumed == nil {
		return nil, columns
	}
	t.assumed.columns = names
	for i := range series {
		series[i].meaning = t.assumed.meaning
	}
	return series, plain
}

// assumeLong finds what the values of a long table are where no cell beside them says it. aliased says that the metric column holds
// names of series.
func (t *table) assumeLong(aliased bool, rows [][]string, file string) {
	var cells, names []string
	seen := map[string]bool{}
	for _, row := range rows {
		name := cellAt(row, t.long.metric)
		if t.long.metric >= 0 {
			metric, _, ok := metrics.SplitSeries(name)
			switch {
			case ok && metric != "":
				return // named
			case !ok && (!aliased || len(t.labels) > 0 || !mayNameContainer(name)):
				return // a metric that means nothing here
			}
			if _, known := metrics.MeaningOfColumn(name, metrics.NoUnit); known {
				return
			}
		} else {
			for _, l := range t.labels {
				name = strings.Trim(name+" "+cellAt(row, l.column), " ")
			}
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
		cells = append(cells, cellAt(row, t.long.value))
	}
	if t.assumed = assume(file, cells); t.assumed != nil {
		t.assumed.columns = names
	}
}

// assume says what values are whose table does not; nil where the name of its file does not say that they are memory. Neither the size
// of numbers nor a unit of bytes does: disks and networks are counted in as large ones.
func assume(file string, cells []string) *assumption {
	m, ok := meaningOfFile(file)
	if !ok || metrics.QuantityOf(m.Metric) != metrics.Bytes {
		return nil
	}
	s := sizesOf(cells)
	if s.foreign || s.garbled {
		return nil
	}
	if s.areBytes() || m.Scale > 1 && s.numbers > 0 {
		return &assumption{meaning: m}
	}
	return nil
}

// needsValues reports whether only the values of a column can tell that they are bytes: a memory, or the limit of one, whose name says no
// unit. A limit in megabytes would make every use of memory look beyond it.
func needsValues(name string, m metrics.Meaning) bool {
	if m.Metric != record.MemoryLimit && m.Metric != record.HeapLimit {
		return m.Bare
	}
	if metric, _, ok := metrics.SplitSeries(name); ok {
		name = metric
	}
	_, u := metrics.UnitOfWords(cut.Words(name))
	return u == metrics.NoUnit
}

// cellsOf is one column of some rows.
func cellsOf(rows [][]string, column int) []string {
	cells := make([]string, 0, len(rows))
	for _, row := range rows {
		cells = append(cells, cellAt(row, column))
	}
	return cells
}

// sizes is what the cells of a column look like.
type sizes struct {
	units, numbers   int     // cells with a unit of bytes, and numbers without any
	least            float64 // of the numbers above zero
	foreign, garbled bool    // some have another unit; some are no number at all
}

func sizesOf(cells []string) (s sizes) {
	for _, cell := range cells {
		cell = strings.TrimSpace(cell)
		if isNoValue(cell) {
			continue
		}
		v, ok := number.FloatText(cell)
		if !ok {
			_, u, ok := parseMeasure(cell)
			switch {
			case !ok:
				s.garbled = true
			case !u.Fits(metrics.Bytes):
				s.foreign = true
			default:
				s.units++
			}
			continue
		}
		s.numbers++
		if v > 0 && (s.least == 0 || v < s.least) {
			s.least = v
		}
	}
	return s
}

// areBytes reports whether cells can be bytes of memory. Less than a megabyte is no program's memory: a number in the tens or hundreds
// may be megabytes or percent.
func (s sizes) areBytes() bool {
	return !s.foreign && (s.units > 0 && s.least == 0 || s.least >= 1<<20 && s.least < 1<<44)
}

// meaningOfFile reads the name of a file as that of a metric; ok is false for one that does not name memory, or names something else too.
func meaningOfFile(name string) (m metrics.Meaning, ok bool) {
	name = cut.BaseName(name)
	for {
		ext := path.Ext(name)
		switch strings.ToLower(ext) {
		case ".csv", ".tsv", ".txt", ".gz", ".zst":
			name = strings.TrimSuffix(name, ext)
			continue
		}
		break
	}
	words := cut.Words(name)
	if len(words) > 16 {
		words = words[:16]
	}
	memory := false
	for _, w := range words {
		switch w {
		case "mem", "memory", "rss", "heap", "nonheap", "workingset", "resident":
			memory = true
		case "disk", "fs", "filesystem", "volume", "network", "net", "io", "swap", "cache", "cpu", "request", "requests", "latency", "duration", "rx", "tx", "received",
			"receive", "transmitted", "transmit", "throughput", "rate", "traffic", "bandwidth", "percent", "utilization", "utilisation":
			return metrics.Meaning{}, false
		}
		if metrics.IsForeign(w) {
			return metrics.Meaning{}, false
		}
	}
	if !memory && !strings.Contains(strings.Join(words, "."), "working.set") {
		return metrics.Meaning{}, false
	}
	for n := len(words); n > 0; n-- {
		for i := 0; i+n <= len(words); i++ {
			if m, ok := metrics.MeaningOfColumn(strings.Join(words[i:i+n], "."), metrics.NoUnit); ok && !m.Counter {
				m.Bare = false // assume looks at the values
				return m, true
			}
		}
	}
	return metrics.Meaning{}, false
}

// mayNameContainer reports whether the name of a column may be a container's, rather than that of something measured.
func mayNameContainer(name string) bool {
	if id := strings.ReplaceAll(name, "-", ""); containers.IsID([]byte(id)) && strings.ContainsAny(id, "abcdef") && strings.ContainsAny(id, "0123456789") {
		return true // of a machine, an allocation or a task; many begin with a digit
	}
	if !containers.IsName([]byte(name)) {
		return false
	}
	words := cut.Words(name)
	if len(words) == 0 {
		return false
	}
	if _, u := metrics.UnitOfWords(words); u != metrics.NoUnit && len(words) > 1 {
		return false
	}
	switch words[len(words)-1] {
	case "total", "count", "rate", "ratio", "percent", "sum", "avg", "mean", "min", "max", "median", "p50", "p90", "p95", "p99", "free", "usage", "used", "limit", "size",
		"value", "available", "errors", "requests", "label", "status", "type", "id":
		return false
	}
	return true
}
