package life

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"lastcall/collectors/record"
)

// Exit statuses of processes that a signal ended: 128 and its number, as shells and container runtimes tell it.
const (
	exitSIGILL  = 128 + 4
	exitSIGABRT = 128 + 6
	exitSIGBUS  = 128 + 7
	exitSIGKILL = 128 + 9
	exitSIGSEGV = 128 + 11
	exitSIGTERM = 128 + 15
)

// Death is one death of one container, however many sources told of it.
type Death struct {
	// Index is its place in time order, from 0.
	Index int
	// Time is when the process ended, by the sign that is closest to the end; First is the first sign of it.
	Time, First record.Time
	Container   string
	// Instance is the id of the life that ended; empty when unknown.
	Instance string
	Kind     record.CrashKind
	// ExitCode is -1 when unknown.
	ExitCode               int
	Signal                 string
	LimitBytes             int64
	UsedBytes              int64
	Uptime                 time.Duration
	Service, Host, Version string
	// Signs are the records it rests on, in time order.
	Signs []Sign
	// Exited reports whether a source said that the process ended (as against last words only).
	Exited bool
	// Loop is the number of deaths of the crash loop that it belongs to; 0 when it belongs to none.
	Loop int
	// AfterDeploy names the deploy (version or text) shortly before; empty when there was none. DeployAge is the time since.
	AfterDeploy string
	DeployAge   time.Duration
	// Unreachable is true when the platform lost the container rather than seeing it die.
	Unreachable bool
	// Unfinished, when not 0, is how many requests the process had begun and never ended before it started again, which is all that tells
	// of its end.
	Unfinished int
	// Broke, when not 0, is how many of its requests broke off as it ended, which is all that tells of its end; see [Broken].
	Broke int
}

// Inferred reports whether no source tells of the death.
func (d *Death) Inferred() bool { return d.Unfinished > 0 || d.Broke > 0 }

// ID returns the id used in reports.
func (d *Death) ID() string { return fmt.Sprintf("c%d", d.Index+1) }

// Sign is one record that tells of a death.
type Sign struct {
	Pos    record.Pos
	Time   record.Time
	Kind   record.CrashKind
	Exited bool
	Text   string
}

// signOf is an event as a sign of a death of a kind.
func signOf(e *record.Lifecycle, kind record.CrashKind) Sign {
	return Sign{Pos: e.Pos, Time: e.Time, Kind: kind, Text: e.Text}
}

// sortSigns puts the signs in time order again.
func (d *Death) sortSigns() {
	sort.SliceStable(d.Signs, func(i, j int) bool { return d.Signs[i].Time < d.Signs[j].Time })
}

// deathOf makes a death of the event that alone tells of it.
func deathOf(e *record.Lifecycle) Death {
	return Death{Time: e.Time, First: e.Time, Container: e.Container, Instance: e.Instance, Kind: record.CrashOther, ExitCode: -1,
		Service: e.Service, Host: e.Host, Version: e.Version, Signs: []Sign{signOf(e, record.CrashOther)}}
}

// merge makes one death of its signs, which are in time order; begins are the starts of the container.
func merge(signs []*record.Crash, begins []record.Time) Death {
	d := Death{Container: signs[0].Container, ExitCode: -1, First: signs[0].Time, Kind: record.CrashOther}
	for _, s := range signs {
		d.Signs = append(d.Signs, Sign{Pos: s.Pos, Time: s.Time, Kind: s.Kind, Exited: s.Exited, Text: s.Text})
		if kindRank(s.Kind) > kindRank(d.Kind) {
			d.Kind = s.Kind
		}
		if s.ExitCode >= 0 && d.ExitCode <= 0 {
			d.ExitCode = s.ExitCode
		}
		d.Signal = cmp.Or(d.Signal, s.Signal)
		if len(s.Instance) > len(d.Instance) {
			d.Instance = s.Instance
		}
		d.Service, d.Host, d.Version = cmp.Or(d.Service, s.Service), cmp.Or(d.Host, s.Host), cmp.Or(d.Version, s.Version)
		d.LimitBytes = max(d.LimitBytes, s.LimitBytes)
		d.UsedBytes = max(d.UsedBytes, s.UsedBytes)
		d.Uptime = max(d.Uptime, s.Uptime)
		d.Exited = d.Exited || s.Exited
	}
	d.Time = endTime(signs, begins)
	d.Kind = kindByExit(d.Kind, d.ExitCode)
	d.Signal = cmp.Or(d.Signal, signalOf(d.ExitCode))
	return d
}

// endTime returns when the process ended that the signs tell of.
func endTime(signs []*record.Crash, begins []record.Time) record.Time {
	at := signs[len(signs)-1].Time
	// The first line that says the process ended is the nearest to its end: later ones are tellings of it.
	if i := slices.IndexFunc(signs, func(s *record.Crash) bool { return s.Exited }); i >= 0 {
		at = signs[i].Time
	}
	// An exit told after the next life had begun was told late: the last words before that are nearer to it.
	if i := sort.Search(len(begins), func(i int) bool { return begins[i] > signs[0].Time }); i < len(begins) && begins[i] < at {
		for _, s := range signs {
			if s.Time <= begins[i] {
				at = s.Time
			}
		}
	}
	return at
}

// kindRank orders what signs say of one death: the more specific wins.
func kindRank(k record.CrashKind) int {
	switch k {
	case record.CrashOOMKill:
		return 9
	case record.CrashHeapLimit:
		return 8
	case record.CrashHealthCheck:
		return 7
	case record.CrashSegfault:
		return 6
	case record.CrashException:
		return 5
	case record.CrashAbort:
		return 4
	case record.CrashSigterm:
		return 3
	case record.CrashExit:
		return 2
	}
	return 1
}

// kindByExit is the kind of a death of which the signs say kind, given its exit status.
func kindByExit(kind record.CrashKind, code int) record.CrashKind {
	if kind == record.CrashException && (code == exitSIGKILL || code == exitSIGTERM) {
		kind = record.CrashOther // a process that was killed did not die of the error that it logged
	}
	if kind != record.CrashOther && kind != record.CrashExit {
		return kind
	}
	switch code {
	case exitSIGABRT:
		return record.CrashAbort
	case exitSIGSEGV, exitSIGBUS, exitSIGILL:
		return record.CrashSegfault
	case exitSIGTERM:
		return record.CrashSigterm
	case -1, 0, exitSIGKILL: // that alone is a kill by somebody, not yet a memory kill
		return kind
	}
	return record.CrashExit
}

// signalOf names the signal that an exit status tells of; empty when it tells of none.
func signalOf(code int) string {
	switch code {
	case exitSIGILL:
		return "SIGILL"
	case exitSIGABRT:
		return "SIGABRT"
	case exitSIGBUS:
		return "SIGBUS"
	case exitSIGKILL:
		return "SIGKILL"
	case exitSIGSEGV:
		return "SIGSEGV"
	case exitSIGTERM:
		return "SIGTERM"
	}
	return ""
}
