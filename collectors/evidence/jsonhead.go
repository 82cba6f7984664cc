package evidence

import (
	"bytes"
	"slices"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/record"
)

// jsonHead gathers from the head of a log what its lines tell together and none tells alone: which lines are the beginnings of the
// requests that others end, and of which unit durations are that name none. The head is the same whichever goroutine reads the rest.
type jsonHead struct {
	first map[string]headBegin // by container and id: the first line of a request that has not ended
	kinds map[string]*headKind
	ends  int // requests that ended and have an id
	took  [tookNames][]headTook
	from  record.Time // of the first and the last line of a request
	to    record.Time
}

// headBegin is a line about a request that does not say how it ended.
type headBegin struct {
	kind         string
	method, path string
	time         record.Time
	others       []string // kinds of the further lines
}

// headKind counts the requests with lines of one kind.
type headKind struct {
	requests int
	first    int // those of which it is the first line, and about the same method and path as the last
	again    int // those with several
}

// headTook is a duration that names no unit.
type headTook struct {
	value    float64
	decimals int
	epoch    bool          // beside a time in seconds since 1970 with a point
	measured time.Duration // from the line at the beginning to that at the end; 0: unknown
}

// maxHeadLines bounds the further lines of a request that are remembered.
const maxHeadLines = 20

func newJSONHead() *jsonHead {
	return &jsonHead{first: map[string]headBegin{}, kinds: map[string]*headKind{}}
}

func (h *jsonHead) see(at record.Time) {
	if h.from == 0 || at < h.from {
		h.from = at
	}
	h.to = max(h.to, at)
}

// keyOf is what the lines of one request have in common. The id of a trace is that of requests of several services.
func (h *jsonHead) keyOf(r *record.Request) string { return string(r.Container) + " " + string(r.ID) }

// begin takes a line about a request that does not say how it ended, of a kind and written at r.Start.
func (h *jsonHead) begin(kind []byte, r *record.Request) {
	h.see(r.Start)
	if len(r.ID) == 0 {
		return
	}
	key := h.keyOf(r)
	b, known := h.first[key]
	if !known {
		h.first[key] = headBegin{kind: string(kind), method: string(r.Method), path: string(withoutQuery(r.Path)), time: r.Start}
	} else if len(b.others) < maxHeadLines {
		b.others = append(b.others, string(kind))
		h.first[key] = b
	}
}

// end takes a line at the end of a request, written at r.End. It returns how long ago the request began, 0 where nothing tells.
func (h *jsonHead) end(r *record.Request) time.Duration {
	h.see(r.End)
	if len(r.ID) == 0 {
		return 0
	}
	h.ends++
	key := h.keyOf(r)
	b, known := h.first[key]
	if !known {
		return 0
	}
	delete(h.first, key)
	same := b.method == string(r.Method) && b.path == string(withoutQuery(r.Path))
	kinds := append([]string{b.kind}, b.others...)
	slices.Sort(kinds)
	for i := 0; i < len(kinds); {
		n := i + 1
		for n < len(kinds) && kinds[n] == kinds[i] {
			n++
		}
		k := h.kinds[kinds[i]]
		if k == nil {
			k = &headKind{}
			h.kinds[kinds[i]] = k
		}
		k.requests++
		if n > i+1 {
			k.again++
		}
		if same && kinds[i] == b.kind {
			k.first++
		}
		i = n
	}
	if !same {
		return 0
	}
	return r.End.Sub(b.time)
}

// minHeadBegins is how many requests must begin with lines of a kind.
const minHeadBegins = 3

// begins are the kinds of lines at which requests begin: the first about nearly all requests that have one, once each, and of at least
// half of all requests. What an application says while it works on some of them is none.
func (h *jsonHead) begins() map[string]bool {
	var out map[string]bool
	for kind, k := range h.kinds {
		if k.first < minHeadBegins || 10*k.first < 9*k.requests || 10*k.again > k.requests || 2*k.first < h.ends || saysOutgoing(kind) {
			continue
		}
		if out == nil {
			out = map[string]bool{}
		}
		out[kind] = true
	}
	return out
}

// saysOutgoing reports whether a message is about a request that the application makes itself.
func saysOutgoing(kind string) bool {
	for _, s := range [...]string{"outgoing", "outbound", "calling", "sending", "client", "fetch", "upstream", "downstream"} {
		if cut.ContainsFold([]byte(kind), s) {
			return true
		}
	}
	return false
}

// messageKind is what a message has in common with those about other requests: the text before a method, a path or a number.
func messageKind(msg, method []byte) []byte {
	end := len(msg)
	if i := bytes.IndexAny(msg, "/0123456789"); i >= 0 {
		end = i
	}
	if i := bytes.Index(msg[:end], method); i >= 0 && len(method) > 0 {
		end = i
	}
	return bytes.TrimSpace(msg[:min(end, 64)])
}

func withoutQuery(path []byte) []byte {
	if i := bytes.IndexByte(path, '?'); i >= 0 {
		return path[:i]
	}
	return path
}

// tookUnit is the unit of durations that name none.
type tookUnit struct {
	known bool
	scale int    // see number.Duration
	text  string // of the warning
}

// The texts of the warning: which unit was assumed, and why.
const (
	tookMillis       = "durations that name no unit; they were taken as milliseconds"
	tookNanos        = "durations that name no unit; they were taken as nanoseconds, in which Go counts, because in milliseconds they would be hours"
	tookNanosSpan    = "durations that name no unit; they were taken as nanoseconds, in which Go counts, because in milliseconds they would be far longer than the log"
	tookSecondsEpoch = "durations that name no unit; they were taken as seconds, because they have fractions and the times beside them are in seconds"
	tookSecondsShort = "durations that name no unit; they were taken as seconds, because in milliseconds most would be shorter than any request, and told to the picosecond"

	tookMeasured = ", because the lines at which the same requests begin and end are as far apart"
)

// tookScales are the units that measured durations are compared with.
var tookScales = [...]tookUnit{
	{true, 0, "durations that name no unit; they were taken as nanoseconds" + tookMeasured},
	{true, 3, "durations that name no unit; they were taken as microseconds" + tookMeasured},
	{true, 6, "durations that name no unit; they were taken as milliseconds" + tookMeasured},
	{true, 9, "durations that name no unit; they were taken as seconds" + tookMeasured},
}

// units are those of the durations under each name.
func (h *jsonHead) units() (out [tookNames]tookUnit) {
	for i, seen := range h.took {
		out[i] = measuredUnit(seen)
		if !out[i].known {
			out[i] = likelyUnit(seen, h.to.Sub(h.from))
		}
	}
	return out
}

const (
	// shortMeasured is the shortest time between two lines that tells a unit: times may be whole milliseconds, and lines wait.
	shortMeasured = 10 * time.Millisecond
	minMeasured   = 3
)

// measuredUnit is the unit in which durations agree with the lines at the beginning and the end of the same requests.
func measuredUnit(seen []headTook) tookUnit {
	var votes [len(tookScales)]int
	all := 0
	for _, t := range seen {
		if t.measured < shortMeasured || t.value <= 0 {
			continue
		}
		for i, u := range tookScales {
			if r := float64(t.measured) / (t.value * float64(number.PowerOf10(u.scale))); r > 0.5 && r < 2 {
				votes[i]++
				all++
			}
		}
	}
	for i, n := range votes {
		if n >= minMeasured && 5*n >= 4*all {
			return tookScales[i]
		}
	}
	return tookUnit{}
}

const (
	minUnnamedUnits = 5
	minSpanUnits    = 20
	longDecimals    = 9
)

// likelyUnit is the unit that durations have by their size and the way they are written; span is how long the head of the log lasts.
// Go's loggers write a time.Duration as whole nanoseconds ("duration":1009547000), zap as seconds, nearly all others milliseconds, and one
// line alone does not say which: 3,600,000 is an hour that kills or 3.6 ms. Where many do not tell it is unknown.
func likelyUnit(seen []headTook, span time.Duration) tookUnit {
	var values []float64
	whole, epochs, long := true, 0, 0
	for _, t := range seen {
		if t.value <= 0 {
			continue
		}
		values = append(values, t.value)
		whole = whole && t.decimals == 0
		if t.epoch {
			epochs++
		}
		if t.decimals >= longDecimals {
			long++
		}
	}
	if len(values) < minUnnamedUnits {
		return tookUnit{}
	}
	slices.Sort(values)
	least, half, most := values[0], values[len(values)/2], values[len(values)-1]
	switch {
	// In milliseconds half of the requests would take a quarter of an hour, or some minutes and one of them a day: neither one stream that
	// was open for hours nor many that were for minutes bring that about.
	case whole && (half >= 1e6 || half >= 1e5 && most >= float64(aDay)):
		return tookUnit{true, 0, tookNanos}
	// Or all would take longer than ten seconds, and half of them ten times as long as it took to log them.
	case whole && len(values) >= minSpanUnits && least >= 1e4 && half >= 1e5 && half*float64(time.Millisecond) > 10*float64(max(span, time.Second)):
		return tookUnit{true, 0, tookNanosSpan}
	case !whole && 10*epochs >= 9*len(values) && half < 5:
		return tookUnit{true, 9, tookSecondsEpoch}
	// What others write in milliseconds was counted in nanoseconds, or is not as short.
	case !whole && half < 0.1 && 10*long >= 9*len(values):
		return tookUnit{true, 9, tookSecondsShort}
	}
	return tookUnit{}
}

// aDay is one of milliseconds, which no request takes; or 86 ms.
const aDay = int64(24 * time.Hour / time.Millisecond)

// unitOf is the unit of a duration that names none, under the name at index i.
func (l *jsonLine) unitOf(i int, raw []byte) tookUnit {
	if u := l.format.units[i]; u.known {
		return u
	}
	if number.IsDigits(raw) { // Go's are whole
		if v, ok := number.Decimal(raw, 0); ok && v >= aDay {
			return tookUnit{true, 0, tookNanos}
		}
	}
	return tookUnit{true, 6, tookMillis}
}

// headTookOf reads a duration for jsonHead, which stands beside a time.
func headTookOf(raw, when []byte, measured time.Duration) (t headTook, ok bool) {
	t.value, ok = number.Float(raw)
	t.measured = measured
	if i := bytes.IndexByte(raw, '.'); i >= 0 {
		t.decimals = len(raw) - i - 1
	}
	point := bytes.IndexByte(when, '.')
	t.epoch = point > 0 && point <= len("1797467107") && number.IsDigits(when[:point])
	return t, ok
}
