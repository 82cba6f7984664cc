package tables

import (
	"bytes"
	"context"
	"io"
	"strings"
	"time"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// Crashes reads lists of crashes: "container,epoch_ms" without a header, or with a header that has a container, a time, and a word
// on how it ended (exit_code, signal, reason or kind).
type Crashes struct {
	Zone *time.Location // of times that name none; nil is UTC
}

var _ format.WholeFormat = Crashes{}

// Name implements Format.
func (Crashes) Name() string { return "crashes-csv" }

// Sniff implements Format. Two bare columns say little, so every line must fit.
func (Crashes) Sniff(head []byte) int {
	if header, rows := headerAndRows(head, 1); header != nil && len(rows) > 0 {
		if c := newCrashTable(header); c != nil {
			if _, _, ok := cellTime(&c.clock, cellAt(rows[0], c.time)); ok {
				return 91 // A table of crashes may also have a column that measures something.
			}
		}
	}
	bad := 0
	n := cut.FirstLines(head, 1000, func(line []byte) {
		if len(bytes.TrimSpace(line)) > 0 && !isBareCrash(line) {
			bad++
		}
	})
	if n == 0 || bad > 0 || len(bytes.TrimSpace(head)) == 0 {
		return 0
	}
	return 70
}

// isBareCrash fits "web-1,1794836877860".
func isBareCrash(line []byte) bool {
	name, ms, ok := bytes.Cut(bytes.TrimSpace(line), []byte(","))
	if !ok || !containers.IsName(name) || len(ms) < 12 || len(ms) > 13 {
		return false
	}
	_, ok = number.Digits64(ms)
	return ok
}

type crashTable struct {
	time, kind, exit, signal, reason int
	labels                           []labelColumn
	clock                            stamp.Clock
}

// newCrashTable returns nil when the header is not that of a list of crashes.
func newCrashTable(header []string) *crashTable {
	c := &crashTable{time: -1, kind: -1, exit: -1, signal: -1, reason: -1}
	rank := 0
	for i, name := range header {
		words := strings.Join(cut.Words(name), ".")
		if r := timeColumnRank(words, i); r > 0 {
			if r > rank {
				c.time, rank = i, r
			}
			continue
		}
		switch words {
		case "crash.time", "crashed.at", "death.time", "died.at":
			c.time, rank = i, 5
		case "exit.code", "exit.status", "exitcode", "code":
			c.exit = i
		case "signal":
			c.signal = i
		case "reason", "cause":
			c.reason = i
		case "kind", "crash.kind":
			c.kind = i
		default:
			if metrics.IsLabel(name) {
				c.labels = append(c.labels, labelColumn{column: i, name: name})
			}
		}
	}
	if c.time < 0 || len(c.labels) == 0 || (c.exit < 0 && c.signal < 0 && c.reason < 0 && c.kind < 0 && rank < 5) {
		return nil
	}
	return c
}

// Parse implements WholeFormat.
func (f Crashes) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	rows, _, err := openCSV(r)
	if err != nil {
		return err
	}
	c := newCrashTable(rows.header)
	if c == nil {
		c = &crashTable{time: 1, kind: -1, exit: -1, signal: -1, reason: -1, labels: []labelColumn{{column: 0, name: "container"}}}
		if err := c.row(record.Pos{Source: src, Line: 1}, rows.header, sink); err != nil {
			return err
		}
	}
	c.clock.Zone = f.Zone
	return eachRow(ctx, rows, src, sink, func(line int64, row []string) error {
		return c.row(record.Pos{Source: src, Line: line}, row, sink)
	})
}

func (c *crashTable) row(pos record.Pos, row []string, sink record.Sink) error {
	text := []byte(strings.Join(row, ","))
	t, zoned, ok := cellTime(&c.clock, cellAt(row, c.time))
	if !ok {
		return warning.Tell(sink, pos, "malformed_line", "a crash whose time cannot be read was left out", text)
	}
	if !zoned {
		if err := warning.TellZone(sink, pos, c.clock.Zone, []byte(cellAt(row, c.time))); err != nil {
			return err
		}
	}
	var l metrics.LabelSet
	for _, x := range c.labels {
		l.Add(x.name, strings.TrimSpace(strings.Clone(cellAt(row, x.column))))
	}
	names := l.Resolve()
	o := origin.Origin{
		Pos: pos, Time: t, Container: []byte(names.Container), Instance: []byte(names.Instance), Service: []byte(names.Service),
		Host: []byte(names.Host), Version: []byte(names.Version),
	}
	code := -1
	if n, ok := number.Digits64([]byte(strings.TrimSpace(cellAt(row, c.exit)))); ok && n < 256 {
		code = int(n)
	}
	crash := o.Exited(code, cellAt(row, c.reason), text)
	if s := strings.TrimSpace(cellAt(row, c.signal)); s != "" {
		crash.Signal = strings.Clone(s)
	}
	switch k := record.CrashKind(strings.TrimSpace(cellAt(row, c.kind))); k {
	case record.CrashOOMKill, record.CrashHeapLimit, record.CrashAbort, record.CrashSegfault, record.CrashException, record.CrashHealthCheck, record.CrashExit, record.CrashSigterm:
		crash.Kind = record.CrashKind(strings.Clone(string(k)))
	}
	return sink.Crash(crash)
}

// cellAt is the cell of a column; empty for a column that is not there.
func cellAt(row []string, column int) string {
	if column < 0 || column >= len(row) {
		return ""
	}
	return row[column]
}
