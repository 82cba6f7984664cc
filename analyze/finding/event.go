package finding

import "time"

// EventKind says what an event of the timeline is about.
type EventKind string

// The kinds.
const (
	EventCrash     EventKind = "crash"
	EventLastWords EventKind = "last_words" // what a process wrote before it died
	EventStart     EventKind = "start"      // of a container that had died
	EventRestart   EventKind = "restart"    // an end that is no crash
	EventDeploy    EventKind = "deploy"
	EventPlanned   EventKind = "planned" // scaling, maintenance, a window that the user told of
	EventHost      EventKind = "host"
	EventMembers   EventKind = "members" // the list of live instances changed
	EventMemory    EventKind = "memory"
	EventRequest   EventKind = "request"
	EventSaid      EventKind = "said"   // a line of a log that stands before deaths, and seldom elsewhere
	EventOnset     EventKind = "onset"  // a container begins to slow down
	EventBroken    EventKind = "broken" // connections broke all at once
	EventHang      EventKind = "hang"
	EventMore      EventKind = "more" // how many events are left out
)

// ByPeople reports whether it is something that somebody did to the service.
func (k EventKind) ByPeople() bool { return k == EventDeploy || k == EventPlanned }

// rank orders the kinds by how much a timeline loses without them, the dearest first.
func (k EventKind) rank() int {
	switch k {
	case EventCrash:
		return 0
	case EventDeploy, EventPlanned, EventRestart:
		return 1
	case EventRequest, EventLastWords, EventSaid:
		return 2
	}
	return lastRank
}

const lastRank = 3

// MainEvents cuts a timeline to limit events in their order: crashes stay, then what people did, then requests, then the rest, of equals the
// earlier.
func MainEvents(all []Event, limit int) (kept []Event, dropped int) {
	if len(all) <= limit {
		return all, 0
	}
	keep := make([]bool, len(all))
	left := limit
	for rank := 0; rank <= lastRank && left > 0; rank++ {
		for i := range all {
			if left > 0 && all[i].Kind.rank() == rank {
				keep[i] = true
				left--
			}
		}
	}
	for i := range all {
		if keep[i] {
			kept = append(kept, all[i])
		}
	}
	return kept, len(all) - len(kept)
}

// Event is one line of the timeline. Observed false: inferred.
type Event struct {
	Time      time.Time `json:"time"`
	Text      string    `json:"text"`
	Kind      EventKind `json:"kind"`
	Source    string    `json:"source"`
	Line      int64     `json:"line,omitempty"`
	Observed  bool      `json:"observed"`
	Container string    `json:"container,omitempty"`
	Crash     string    `json:"crash,omitempty"`
}
