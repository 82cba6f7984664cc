package life

import (
	"cmp"
	"sort"
	"strings"

	"lastcall/collectors/record"
)

// SortCrashes and SortEvents put records into an order that does not depend on how they came in.
func SortCrashes(c []record.Crash) {
	sort.SliceStable(c, func(i, j int) bool { return crashLess(&c[i], &c[j]) })
}

// SortEvents is SortCrashes for lifecycle events.
func SortEvents(e []record.Lifecycle) {
	sort.SliceStable(e, func(i, j int) bool { return eventLess(&e[i], &e[j]) })
}

// crashLess and eventLess order by time, then by everything else: the result must not depend on the order of the input.
func crashLess(a, b *record.Crash) bool {
	return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.Container, b.Container), compareBool(a.Exited, b.Exited), cmp.Compare(a.Kind, b.Kind),
		comparePos(a.Pos, b.Pos), strings.Compare(a.Text, b.Text), cmp.Compare(a.ExitCode, b.ExitCode), strings.Compare(a.Signal, b.Signal),
		strings.Compare(a.Instance, b.Instance), strings.Compare(a.Service, b.Service), strings.Compare(a.Host, b.Host), strings.Compare(a.Version, b.Version), strings.Compare(a.Pod, b.Pod)) < 0
}

func eventLess(a, b *record.Lifecycle) bool {
	return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.Container, b.Container), cmp.Compare(a.Kind, b.Kind), comparePos(a.Pos, b.Pos),
		strings.Compare(a.Text, b.Text), strings.Compare(a.Reason, b.Reason), cmp.Compare(a.End, b.End), cmp.Compare(a.ExitCode, b.ExitCode),
		strings.Compare(a.Instance, b.Instance), strings.Compare(a.Service, b.Service), strings.Compare(a.Host, b.Host), strings.Compare(a.Version, b.Version), strings.Compare(a.Pod, b.Pod)) < 0
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func comparePos(a, b record.Pos) int {
	return cmp.Or(strings.Compare(sourceName(a), sourceName(b)), cmp.Compare(a.Line, b.Line))
}
