// Package origin makes records: it holds when, where and by whom something was written, and says what an exit status tells of an end.
package origin

import (
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/record"
)

// Origin is when, where and by whom a piece of text was written: what every record made from it has in common. Names stay bytes
// until a record is made, because most lines make none.
type Origin struct {
	Pos                                         record.Pos
	Time                                        record.Time
	Container, Instance, Service, Host, Version []byte
	Address                                     []byte // of the container, where a lifecycle event tells it
	Pod                                         []byte // the UID of the Kubernetes pod
	// Process is which process of the container it was, where the names tell only of several.
	Process []byte
}

// Crash is a crash of the given kind, of which nothing else is known.
func (o *Origin) Crash(kind record.CrashKind, text []byte) *record.Crash {
	return &record.Crash{
		Pos: o.Pos, Time: o.Time, Kind: kind, ExitCode: -1,
		Container: string(o.Container), Instance: string(o.Instance), Service: string(o.Service), Host: string(o.Host),
		Version: string(o.Version), Pod: string(o.Pod), Text: Quote(text),
	}
}

// Speaker is who says something: the container, or the process where no container is named, or one of several.
func (o *Origin) Speaker() []byte {
	if len(o.Process) > 0 {
		return o.Process
	}
	if len(o.Container) > 0 {
		return o.Container
	}
	return o.Instance
}

// Exited is a crash that says with which status the process ended. reason is the source's own word, which may decide the kind.
func (o *Origin) Exited(code int, reason string, text []byte) *record.Crash {
	kind, signal := kindOfExit(code, reason)
	c := o.Crash(kind, text)
	c.Exited, c.ExitCode, c.Signal = true, code, signal
	return c
}

// Lifecycle is an event in the life of the container; reason is the source's own word.
func (o *Origin) Lifecycle(kind record.LifecycleKind, reason string, text []byte) *record.Lifecycle {
	return &record.Lifecycle{
		Pos: o.Pos, Time: o.Time, Kind: kind, ExitCode: -1, Reason: reason,
		Container: string(o.Container), Instance: string(o.Instance), Service: string(o.Service), Host: string(o.Host),
		Version: string(o.Version), Pod: string(o.Pod), Text: Quote(text),
	}
}

// Stopped is an end as it was asked for, with an exit status, below 0 where none is known.
func (o *Origin) Stopped(code int, reason string, text []byte) *record.Lifecycle {
	l := o.Lifecycle(record.Stopped, reason, text)
	l.ExitCode = code
	return l
}

// Sample is a value of the container, in the unit of the metric.
func (o *Origin) Sample(metric record.Metric, value float64) *record.Sample {
	return &record.Sample{
		Pos: o.Pos, Time: o.Time, Metric: metric, Value: value,
		Container: string(o.Container), Instance: string(o.Instance), Service: string(o.Service), Host: string(o.Host),
		Version: string(o.Version),
	}
}

// QuoteLimit bounds the text that a record quotes, in bytes.
const QuoteLimit = 300

// Quote is what a record quotes of a text.
func Quote(b []byte) string { return cut.Clip(b, QuoteLimit) }
