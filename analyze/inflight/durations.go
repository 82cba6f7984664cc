package inflight

import (
	"math"
)

// Histogram counts durations in logarithmic bins; see DurationBin.
type Histogram struct {
	N    int64
	Bins [256]uint32
}

// DurationBin returns the bin of a duration in seconds: 12 bins to the octave of milliseconds, 6 % wide, up to 38 minutes.
func DurationBin(sec float64) int {
	ms := sec * 1000
	if ms < 1 {
		return 0
	}
	// The octave and the next six bits of the fraction tell the bin but for one edge, without a logarithm: there is one duration to
	// every request of the evidence.
	i := int(math.Float64bits(ms)>>(52-6)) - 1023<<6
	if i >= len(durationBins.first) {
		return 255
	}
	b := int(durationBins.first[i])
	if ms >= durationBins.edges[b+1] {
		b++
	}
	return b
}

// durationBins has the lower edge of each bin in milliseconds, and the first bin that each 64th of an octave reaches.
var durationBins = func() (t struct {
	edges [257]float64
	first [22 << 6]uint8
}) {
	for b := range 256 {
		t.edges[b] = math.Exp2(float64(b-1) / 12)
	}
	t.edges[256] = math.Inf(1)
	for i := range t.first {
		from := math.Float64frombits(uint64(i+1023<<6) << (52 - 6))
		b := 0
		for t.edges[b+1] <= from {
			b++
		}
		t.first[i] = uint8(b)
	}
	return t
}()

// Add counts one duration in seconds.
func (h *Histogram) Add(sec float64) { h.AddBin(DurationBin(sec)) }

// AddBin counts one duration that lies in a bin.
func (h *Histogram) AddBin(bin int) {
	h.N++
	h.Bins[bin]++
}

// Merge adds the durations of another histogram.
func (h *Histogram) Merge(o *Histogram) {
	h.N += o.N
	for b, n := range &o.Bins {
		h.Bins[b] += n
	}
}

// Above returns the share of the durations that lie above a bin, half of those in it included; NaN when empty.
func (h *Histogram) Above(bin int) float64 {
	n := float64(h.Bins[bin]) / 2
	for _, c := range h.Bins[bin+1:] {
		n += float64(c)
	}
	return n / float64(h.N)
}

// OfAge counts the durations that fall into an age bin.
func (h *Histogram) OfAge(bin int) (n int64) {
	to := len(h.Bins) // the last bin of ages takes all that is longer
	if bin+1 < Bins {
		to = DurationBin(Ages[bin+1])
	}
	for _, c := range h.Bins[DurationBin(Ages[bin]):to] {
		n += int64(c)
	}
	return n
}

// Sub takes away durations that were counted.
func (h *Histogram) Sub(o *Histogram) {
	h.N -= o.N
	for b, n := range &o.Bins {
		h.Bins[b] -= n
	}
}

// Median returns the median bin.
func (h *Histogram) Median() int { return h.quantile(0.5) }

func (h *Histogram) quantile(q float64) int {
	var c int64
	for b, n := range h.Bins {
		c += int64(n)
		if float64(c) >= q*float64(h.N) && c > 0 {
			return b
		}
	}
	return 0
}

// Quantile returns the q quantile in seconds (the middle of its bin, so within 3 % up to 38 minutes); NaN when empty.
func (h *Histogram) Quantile(q float64) float64 {
	if h.N == 0 {
		return math.NaN()
	}
	b := h.quantile(q)
	if b == 0 {
		return 0.001
	}
	return math.Exp2((float64(b)-0.5)/12) / 1000
}

// survival answers "what share of this endpoint's requests takes as long as this".
type survival struct {
	tail   [][257]float64 // per endpoint: count of durations in bins >= b
	n      []float64
	median []int
	pooled [513]float64    // share of durations at least (i-256) bins above their endpoint's median
	table  []*[256]float64 // per endpoint, when asked for: surprise by duration bin
}

func newSurvival(b *Baseline) *survival {
	s := &survival{tail: make([][257]float64, len(b.Durations)), n: make([]float64, len(b.Durations)), median: make([]int, len(b.Durations)),
		table: make([]*[256]float64, len(b.Durations))}
	var pool [513]float64
	var total float64
	for e := range b.Durations {
		h := &b.Durations[e]
		s.n[e] = float64(h.N)
		s.median[e] = h.Median()
		for k := 255; k >= 0; k-- {
			s.tail[e][k] = s.tail[e][k+1] + float64(h.Bins[k])
		}
		for k, n := range h.Bins {
			pool[k-s.median[e]+256] += float64(n)
			total += float64(n)
		}
	}
	acc := 0.0
	for i := 512; i >= 0; i-- {
		acc += pool[i]
		if total > 0 {
			s.pooled[i] = acc / total
		} else {
			s.pooled[i] = 1
		}
	}
	return s
}

// of returns the share of requests of e that take x seconds or longer; one pseudo-observation comes from all endpoints together,
// so that a rare endpoint is judged by the shape of the others.
func (s *survival) of(e int, x float64) float64 {
	if x <= 0 {
		return 1
	}
	return s.share(e, DurationBin(x))
}

func (s *survival) share(e, bin int) float64 {
	q := s.pooled[min(512, max(0, bin-s.median[e]+256))]
	return (s.tail[e][bin] + max(q, 1e-4)) / (s.n[e] + 1)
}

// surprise is the cumulative hazard of ending, -ln of the survival: how much patience a request of e has used up after x seconds.
// At the usual pace it grows by 1 until the end on average, whatever the endpoint. It is capped, as the far tail is a guess.
func (s *survival) surprise(e int, x float64) float64 {
	if x <= 0 {
		return 0
	}
	t := s.table[e]
	if t == nil { // asked for far more often than there are bins
		t = new([256]float64)
		for b := range t {
			t[b] = min(maxSurprise, -math.Log(s.share(e, b)))
		}
		s.table[e] = t
	}
	return t[DurationBin(x)]
}

// maxSurprise caps the surprise of one request: beyond it the tail of a histogram is a guess.
const maxSurprise = 8

// completions is [Histogram.OfAge] of e, in two steps.
func (s *survival) completions(e, bin int) float64 {
	hi := 0.0
	if bin+1 < Bins { // the last bin of ages takes all that is longer
		hi = s.tail[e][DurationBin(Ages[bin+1])]
	}
	return s.tail[e][DurationBin(Ages[bin])] - hi
}
