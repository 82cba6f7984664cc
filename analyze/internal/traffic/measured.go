package traffic

import (
	"time"

	"lastcall/analyze/inflight"
	"lastcall/collectors/record"
)

// Measured is what the pass over all requests found.
type Measured struct {
	Base       *inflight.Baseline // by index of the endpoint
	Cases      []inflight.Case    // per death
	CutCases   int64              // those before which there were more requests than are looked at one by one
	LastMinute []int              // per death, the requests answered in the last minute before it
	Slow       []SlowRequest      // those answered after a second or later, in the order of their starts
	Counts     Counts
	Load       Load
	Serves     []bool // by container: whether it serves requests
	Latency    *Latencies

	t        *Traffic
	blocks   blockCounts
	calls    calls
	failures failures
}

// Counts are how many requests there were.
type Counts struct {
	Total        int64
	PerEndpoint  []int64             // by index
	Failed       int64               // cut, given up on or refused
	ServerErrors int64               // status 5xx
	Users        map[uint32]struct{} // callers of those that failed, by hash
}

// Load is the number of requests over all containers, by steps of LoadStep from the begin of the window on.
type Load struct {
	Steps  []float64
	Logged []bool // whether there were logs to tell it
}

// LoadStep is the resolution of the load before a death.
const LoadStep = 30 * time.Second

// SlowRequest is one slow answered request, for the search for a constant timeout.
type SlowRequest struct {
	Endpoint, Container uint32 // indexes
	Start               record.Time
	Duration            time.Duration
	Source              uint16 // see intake.Evidence
	Line                uint32
}
