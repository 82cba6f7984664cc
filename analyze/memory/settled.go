package memory

import (
	"slices"

	"lastcall/collectors/record"
)

// settled returns the readings that say how memory grows, in hours since the start of the life: without the first minutes, and, where the
// life ended for want of memory, without the time that it stood at its ceiling.
func (l Life) settled(pts []Point) (t, v []float64) {
	t, v = hours(pts, l.start()), values(pts)
	if l.Died && mayBeOfMemory(l.Kind) {
		n := beforeCeiling(t, v)
		t, v = t[:n], v[:n]
	}
	return dropWarmUp(t, v)
}

// mayBeOfMemory reports whether a death of this kind may be one for want of memory.
func mayBeOfMemory(k record.CrashKind) bool {
	switch k {
	case record.CrashHeapLimit, record.CrashOOMKill, record.CrashAbort, record.CrashExit, record.CrashOther, "":
		return true
	}
	return false
}

// beforeCeiling returns how many readings lie before memory reached the level at which it stood until the end: a runtime whose heap is
// full collects garbage for minutes before it gives up, and grows no more. All of them where it rose little, reached that level in the
// first half already, as a cache does, or fell again.
func beforeCeiling(t, v []float64) int {
	n := len(v)
	if n < MinReadings {
		return n
	}
	low, high := slices.Min(v), slices.Max(v)
	rise := high - low
	if rise < ceilingRise*low {
		return n
	}
	i := slices.IndexFunc(v, func(x float64) bool { return x >= low+ceilingReached*rise })
	span := t[n-1] - t[0]
	if t[i]-t[0] < max(ceilingFrom*span, ceilingAfter.Hours()) || t[n-1]-t[i] < ceilingTime*span || slices.Min(v[i:]) < low+ceilingStays*rise {
		return n
	}
	return i + 1
}
