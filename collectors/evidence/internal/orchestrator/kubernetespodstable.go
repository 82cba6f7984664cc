package orchestrator

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// podsTable reads what `kubectl get pods` prints for people:
//
//	NAME                         READY   STATUS             RESTARTS        AGE
//	quote-api-6b8d5c9f4d-2rdt8   1/1     Running            1 (7h16m ago)   31h
//	quote-api-6b8d5c9f4d-86lcv   0/1     CrashLoopBackOff   5 (40s ago)     31h
//
// It has ages instead of times, which place nothing: that containers ended is all that it tells, and more than nothing. Ends of two days or more
// before the table was printed are left out, as kubectl tells them for as long as the pod lives; older versions of it tell no age at all.
type podsTable struct{}

var _ format.WholeFormat = podsTable{}

// Name implements Format.
func (podsTable) Name() string { return "kubernetes-pods-table" }

// Sniff implements Format.
func (podsTable) Sniff(head []byte) int {
	if isPodsHeader(cut.FirstText(head)) {
		return 95
	}
	return 0
}

func isPodsHeader(line []byte) bool {
	words := strings.Fields(string(line[:min(len(line), 300)]))
	return len(words) > 0 && (words[0] == "NAME" || words[0] == "NAMESPACE") && cut.HasColumns(words, "NAME READY STATUS RESTARTS AGE")
}

// untimedEnds is the code of ends that a source tells of without their times.
const (
	untimedEnds     = "untimed_ends"
	untimedEndsText = "ends of containers that a table tells of with an age instead of a time; save them with their times (kubectl get pods -o json; kubectl get events -o json; docker inspect)"
)

// Parse implements WholeFormat.
func (podsTable) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	told := record.Warning{Code: untimedEnds, Text: untimedEndsText}
	namespaced := false
	stats, err := format.EachLine(ctx, r, func(no int64, line []byte) error {
		if isPodsHeader(line) {
			namespaced = cut.HasPrefix(line, "NAMESPACE")
			return nil
		}
		fields := strings.Fields(string(line))
		if namespaced && len(fields) > 0 {
			fields = fields[1:]
		}
		if len(fields) < 4 {
			return nil
		}
		if n := endsOfRow(fields); n > 0 {
			if told.Count == 0 {
				told.Pos, told.Example = record.Pos{Source: src, Line: no}, cut.Clip(line, 200)
			}
			told.Count += n
		}
		return nil
	})
	if err == nil && stats.TooLong > 0 {
		err = sink.Warn(warning.LineTooLong(src, stats))
	}
	if err == nil && told.Count > 0 {
		err = sink.Warn(&told)
	}
	return err
}

// endsOfRow is how many ends a row tells of, its name, readiness, status and restarts: those that kubectl counted, of which the last is less
// than two days old, and that of a pod that is down.
func endsOfRow(fields []string) (n int64) {
	n, err := strconv.ParseInt(fields[3], 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	if len(fields) > 5 && strings.HasPrefix(fields[4], "(") && fields[5] == "ago)" && isDaysOld(fields[4][1:]) {
		n = 0
	}
	switch fields[2] {
	case "OOMKilled", "Error", "Evicted", "ContainerStatusUnknown":
		n++
	case "CrashLoopBackOff":
		n = max(n, 1)
	}
	return n
}

// isDaysOld reports whether an age as kubectl prints it, "7h16m", "31h", "2d4h", "40d", "1y20d", is of two days or more: it counts hours up to 48.
func isDaysOld(age string) bool { return strings.ContainsAny(age, "dy") }

// endsOfAgedEvent reads a line of the table of `kubectl get events` that has an age instead of a time: of which object it is, and how many of
// its ends it tells of, at least. What began again as often as kubectl merged ended before:
//
//	2m1s (x8 over 13h)   Warning   BackOff   pod/web-0   Back-off restarting failed container app in pod web-0_prod(a657eb8d-…)
//	2m1s (x8 over 13h)   Normal    Started   pod/web-0   Started container app
func endsOfAgedEvent(line []byte) (object string, n int64) {
	fields := strings.Fields(string(line))
	at := slices.IndexFunc(fields, func(f string) bool { return f == "Warning" || f == "Normal" })
	if at < 1 || len(fields) < at+3 {
		return "", 0
	}
	// The namespace may stand before the age, and what the events were merged over behind it.
	if age := slices.IndexFunc(fields[:at], func(f string) bool { return number.IsDigit(f[0]) }); age < 0 || isDaysOld(fields[age]) {
		return "", 0
	}
	reason, object, message := fields[at+1], fields[at+2], strings.ToLower(strings.Join(fields[at+3:], " "))
	switch reason {
	case "BackOff":
		if strings.Contains(message, "restarting failed") {
			n = 1
		}
	case "Killing":
		if strings.Contains(message, "failed liveness probe") {
			n = 1
		}
	case "OOMKilling", "OOMKilled", "Evicted", "SystemOOM", "NodeNotReady":
		n = 1
	case "Started", "Created":
		for _, f := range fields[:at] {
			merged, ok := strings.CutPrefix(f, "(x")
			if times, err := strconv.ParseInt(merged, 10, 32); ok && err == nil && times > 1 {
				n = times - 1
			}
		}
	}
	return object, n
}
