package evidence

import (
	"bytes"
	"unicode/utf8"

	"lastcall/collectors/record"
)

// origin is when, where and by whom a piece of text was written: what every record made from it has in common. Names stay bytes
// until a record is made, because most lines make none.
type origin struct {
	pos                                         record.Pos
	time                                        record.Time
	container, instance, service, host, version []byte
	address                                     []byte // of the container, where a lifecycle event tells it
}

func (o *origin) crash(kind record.CrashKind, text []byte) *record.Crash {
	return &record.Crash{
		Pos: o.pos, Time: o.time, Kind: kind, ExitCode: -1,
		Container: string(o.container), Instance: string(o.instance), Service: string(o.service), Host: string(o.host),
		Version: string(o.version), Text: clip(text),
	}
}

// speaker is who says something: the container, or the process where no container is named.
func (o *origin) speaker() []byte {
	if len(o.container) > 0 {
		return o.container
	}
	return o.instance
}

// exited is a crash that says with which status the process ended. reason is the source's own word, which may decide the kind.
func (o *origin) exited(code int, reason string, text []byte) *record.Crash {
	kind, signal := kindOfExit(code, reason)
	c := o.crash(kind, text)
	c.Exited, c.ExitCode, c.Signal = true, code, signal
	return c
}

func (o *origin) lifecycle(kind record.LifecycleKind, reason string, text []byte) *record.Lifecycle {
	return &record.Lifecycle{
		Pos: o.pos, Time: o.time, Kind: kind, ExitCode: -1, Reason: reason,
		Container: string(o.container), Instance: string(o.instance), Service: string(o.service), Host: string(o.host),
		Version: string(o.version), Text: clip(text),
	}
}

func (o *origin) stopped(code int, reason string, text []byte) *record.Lifecycle {
	l := o.lifecycle(record.Stopped, reason, text)
	l.ExitCode = code
	return l
}

func (o *origin) sample(metric record.Metric, value float64) *record.Sample {
	return &record.Sample{
		Pos: o.pos, Time: o.time, Metric: metric, Value: value,
		Container: string(o.container), Instance: string(o.instance), Service: string(o.service), Host: string(o.host),
		Version: string(o.version),
	}
}

// quoteLimit bounds the text that a record quotes, exampleLimit that of a warning.
const (
	quoteLimit   = 300
	exampleLimit = 200
)

func clip(b []byte) string { return clipTo(b, quoteLimit) }

func clipTo(b []byte, limit int) string {
	b = bytes.TrimSpace(b)
	if len(b) <= limit {
		return string(b)
	}
	cut := limit
	for cut > limit-utf8.UTFMax && !utf8.RuneStart(b[cut]) {
		cut--
	}
	return string(b[:cut]) + "…"
}
