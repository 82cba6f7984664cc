package finding

import (
	"testing"
	"time"
)

// TestCrashesStayInATimelineThatIsCut, wherever they stand in it, and what stays is in order.
func TestCrashesStayInATimelineThatIsCut(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	var all []Event
	for i := range 500 {
		kind := EventMemory
		switch {
		case i >= 497:
			kind = EventCrash
		case i%100 == 99:
			kind = EventDeploy
		}
		all = append(all, Event{Time: at.Add(time.Duration(i) * time.Second), Kind: kind})
	}
	kept, dropped := MainEvents(all, 10)
	n := map[EventKind]int{}
	for i, e := range kept {
		n[e.Kind]++
		if i > 0 && e.Time.Before(kept[i-1].Time) {
			t.Errorf("%s comes after %s", e.Time, kept[i-1].Time)
		}
	}
	if len(kept) != 10 || dropped != 490 || n[EventCrash] != 3 || n[EventDeploy] != 4 || n[EventMemory] != 3 {
		t.Errorf("%d kept, %d dropped: %v", len(kept), dropped, n)
	}
	if kept, dropped := MainEvents(all, 500); len(kept) != 500 || dropped != 0 {
		t.Errorf("%d kept, %d dropped of a timeline that fits", len(kept), dropped)
	}
}
