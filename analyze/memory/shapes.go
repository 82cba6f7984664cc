package memory

import (
	"fmt"
	"math"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

// Curves reads every metric of every life, ordered by container, start and metric. A growth that looks like a leak in one short
// life is called a leak only if something confirms it: a day of life, a second life or container that grew alike, or growth
// into the limit.
func Curves(lives []Life, o Options) []Curve {
	var out []Curve
	lives = learnHeapLimit(lives)
	for _, i := range order(lives) {
		for _, m := range metrics {
			if s := lives[i].Series[m]; len(s) > 0 {
				out = append(out, readCurve(lives[i], i, m, s, o.Load[lives[i].Container]))
			}
		}
	}
	warmUps(out, lives, o)
	confirm(out, lives, o)
	promote(out, lives)
	together(out, lives)
	jumps(out, lives)
	return out
}

// readCurve classifies one series by itself.
func readCurve(l Life, index int, m record.Metric, pts []Point, load []Point) Curve {
	c := Curve{Life: index, Kind: m, Confidence: finding.Insufficient}
	c.Container, c.Metric, c.Crash = l.Container, m.String(), l.Crash
	if l.Instance != "" {
		c.Instance = &l.Instance
	}
	c.Samples = len(pts)
	first, last := pts[0], pts[len(pts)-1]
	c.From, c.To = first.T.Std(), last.T.Std()
	c.FirstBytes, c.LastBytes, c.MaxBytes = first.V, last.V, first.V
	for _, p := range pts {
		c.MaxBytes = max(c.MaxBytes, p.V)
	}
	c.SampleIntervalSeconds = sampleInterval(pts).Seconds()
	limit := l.limit(m)
	if limit > 0 {
		c.LimitBytes = &limit
	}
	if l.Died && l.End != 0 && l.End >= last.T {
		blind := l.End.Sub(last.T).Seconds()
		c.BlindSeconds = &blind
	}

	t, v := l.settled(pts)
	if len(v) < MinReadings {
		c.Shape = finding.ShapeInsufficient
		c.few = len(v) >= minPooledReadings && t[len(t)-1] > t[0]
		c.Reasons = append(c.Reasons, fmt.Sprintf("%d readings, at least %d are needed", len(pts), MinReadings))
		c.Note = boundNote(c, l)
		return c
	}
	ft, fv := floors(t, v)
	tr := stat.FitTrend(ft, fv, intervalLevel)
	if math.IsNaN(tr.Slope) {
		c.Shape = finding.ShapeInsufficient
		c.Reasons = append(c.Reasons, "all readings are of the same instant")
		return c
	}
	c.SlopeBytesPerHour = finding.Estimate{Value: tr.Slope, Low: tr.Low, High: tr.High}
	c.Growth = tr.Slope * (ft[len(ft)-1] - ft[0])
	c.unslowed = stat.FitTrend(ft[len(ft)/2:], fv[len(fv)/2:], intervalLevel).Slope >= unslowedHalf*tr.Slope
	level := stat.Median(fv)
	unit := growthUnit(limit, level)

	shape, reasons := leakRule(ft, fv, tr, unit)
	if (shape == finding.ShapeLeak || shape == finding.ShapeInsufficient) && load != nil {
		if s, why := afterLoad(l, load, ft, fv, unit); s != finding.ShapeLeak {
			shape, reasons = s, []string{why}
		}
	}
	if shape != finding.ShapeLeak {
		if ok, why := burstRule(l, t, v, limit, level); ok {
			shape, reasons = finding.ShapeBurst, append([]string{why}, reasons...)
		} else if shape == "" {
			shape, reasons = quietRule(values(pts), v, level, reasons)
		}
	}
	c.Shape, c.Reasons = shape, append(c.Reasons, reasons...)
	c.Confidence = finding.Possible
	if len(v) >= confidentReadings && shape != finding.ShapeLeak {
		c.Confidence = finding.Likely
	}
	if !l.Died && limit > 0 {
		c.ahead = forecast(tr, limit, ft[len(ft)-1], fv[len(fv)-1], t[len(t)-1])
	}
	if shape == finding.ShapeLeak {
		c.foretell()
	}
	c.Note = boundNote(c, l)
	return c
}

// leakRule is the rule for steady growth; it returns an empty shape when the curve does not grow.
func leakRule(ft, fv []float64, tr stat.Trend, unit float64) (finding.Shape, []string) {
	n := len(fv)
	if tr.P >= trendP || tr.Slope <= 0 {
		return "", []string{fmt.Sprintf("the floor does not rise (p %.2g)", tr.P)}
	}
	growth := tr.Slope * (ft[n-1] - ft[0])
	if need := growthShare * unit; growth < need {
		return "", []string{fmt.Sprintf("the floor rises by %s only, %s would count", size(growth), size(need))}
	}
	if growth < growthMADs*tr.Residual {
		return finding.ShapeInsufficient, []string{fmt.Sprintf("the floor rises by %s, within its noise of %s", size(growth), size(tr.Residual))}
	}
	half := stat.FitTrend(ft[n/2:], fv[n/2:], intervalLevel).Slope
	third := stat.FitTrend(ft[n-n/3:], fv[n-n/3:], intervalLevel).Slope
	if n/3 < 4 {
		third = half
	}
	if half < secondHalf*tr.Slope || third < lastThird*tr.Slope {
		return finding.ShapePlateau, []string{fmt.Sprintf("grew, then levelled off: the second half rises at %.0f%%, the last third at %.0f%% of the whole slope",
			100*half/tr.Slope, 100*third/tr.Slope)}
	}
	line, step, at := stat.LineStep(ft, fv)
	if step < stepShare*line && at > 0 {
		return finding.ShapePlateau, []string{fmt.Sprintf("one step %s into the readings explains the rise better than steady growth", duration(ft[at]-ft[0]))}
	}
	return finding.ShapeLeak, []string{fmt.Sprintf("the floor rises steadily by %s over %s (p %.1g)", size(growth), duration(ft[n-1]-ft[0]), tr.P)}
}

// afterLoad tests a growth against a load that rose meanwhile. It returns the shape that remains: leak when growth stays once
// the part that goes with load is taken out, flat when nothing does, insufficient when the two cannot be told apart.
func afterLoad(l Life, load []Point, ft, fv []float64, unit float64) (finding.Shape, string) {
	start := l.start()
	rate, one := make([]float64, len(ft)), make([]float64, len(ft))
	for i, h := range ft { // memory answers to the load of the minutes before the reading
		at := start.Add(time.Duration(h * float64(time.Hour)))
		rate[i], one[i] = meanLoad(load, at.Add(-loadWindow), at), 1
	}
	span := ft[len(ft)-1] - ft[0]
	tr := stat.FitTrend(ft, rate, intervalLevel)
	mean := stat.Mean(rate)
	if mean <= 0 || tr.P >= trendP || tr.Slope*span < loadRise*mean {
		return finding.ShapeLeak, "" // a load that does not rise explains no growth
	}
	// y = a + growth·time + c·load, by least squares: each partial slope from what the other columns leave.
	partial := func(x, other []float64) (slope, se float64) {
		basis := stat.Orthonormal([][]float64{one, other})
		rx, ry := slices.Clone(x), slices.Clone(fv)
		stat.Project(rx, basis)
		stat.Project(ry, basis)
		xx := stat.Dot(rx, rx)
		if xx <= 0 {
			return 0, math.Inf(1)
		}
		slope = stat.Dot(rx, ry) / xx
		rest := max(0, stat.Dot(ry, ry)-slope*slope*xx)
		return slope, math.Sqrt(rest / float64(max(1, len(fv)-3)) / xx)
	}
	c, _ := partial(rate, ft)
	g, se := partial(ft, rate)
	if c <= 0 {
		return finding.ShapeLeak, ""
	}
	rose := 100 * tr.Slope * span / mean
	switch need := growthShare * unit; {
	case g*span < need:
		return finding.ShapeFlat, fmt.Sprintf("memory goes with the number of requests, which rose by %.0f%%; nothing is left that grows", rose)
	case (g-stat.NormalQuantile(0.95)*se)*span < need:
		return finding.ShapeInsufficient, fmt.Sprintf("the number of requests rose by %.0f%% meanwhile, and the two cannot be told apart", rose)
	}
	return finding.ShapeLeak, ""
}

// burstRule sees a rise too fast for the floor: up within a small part of the life, at its end or gone again.
func burstRule(l Life, t, v []float64, limit int64, level float64) (bool, string) {
	n := len(v)
	base := stat.Median(v)
	noise := stat.MAD(v)
	need := max(burstMADs*noise, burstLevel*level)
	if limit > 0 {
		need = max(burstMADs*noise, burstLimit*float64(limit))
	}
	peak, at := v[0], 0
	for i, x := range v {
		if x > peak {
			peak, at = x, i
		}
	}
	if peak-base < need {
		return false, ""
	}
	// How long has it been more than half way up?
	i, j := at, at
	for i > 0 && v[i-1] > base+(peak-base)/2 {
		i--
	}
	for j+1 < n && v[j+1] > base+(peak-base)/2 {
		j++
	}
	if float64(j-i+1) > max(1, burstWidth*float64(n)) && t[j]-t[i] > burstTime.Hours() {
		return false, ""
	}
	if i == 0 { // it was up from the start: nothing rose
		return false, ""
	}
	where := "and fell back"
	if j == n-1 {
		where = "at the end of the readings"
		if l.Died {
			where = "just before the death"
		}
	}
	return true, fmt.Sprintf("rose by %s within %s %s", size(peak-base), duration(t[at]-t[max(0, i-1)]), where)
}

// quietRule names curves that neither grow nor burst. raw is the whole series, with the first minutes.
func quietRule(raw, v []float64, level float64, reasons []string) (finding.Shape, []string) {
	n := len(v)
	late, noise := stat.Median(v[n/2:]), stat.MAD(v[n/2:])
	// Early growth that stopped: the first tenth against the last half.
	for _, e := range []struct{ early, least float64 }{
		{stat.Median(v[:max(1, n/10)]), plateauRise * level},
		{stat.Median(raw[:max(1, len(raw)/10)]), plateauStart * level},
	} {
		if late-e.early > e.least && late-e.early > 3*noise {
			return finding.ShapePlateau, append([]string{fmt.Sprintf("rose by %s at first, then stayed", size(late-e.early))}, reasons...)
		}
	}
	// Swings: rises that collapse, again and again by garbage collection, or once.
	sorted := slices.Clone(v)
	slices.Sort(sorted)
	swing := stat.Quantile(sorted, 0.95) - stat.Quantile(sorted, 0.05)
	drops := 0
	for i := 1; i < n; i++ {
		if v[i-1]-v[i] > swing/2 {
			drops++
		}
	}
	if swing > sawtoothSwing*level && drops >= sawtoothDrops || swing > plateauStart*level && drops > 0 {
		return finding.ShapeSawtooth, append([]string{fmt.Sprintf("swings by %s and comes back down %d times", size(swing), drops)}, reasons...)
	}
	return finding.ShapeFlat, reasons
}

// maxAhead bounds a forecast, in seconds: what takes ten years is no forecast.
const maxAhead = 10 * 365 * 24 * 3600

// forecast is the time to the limit in seconds, counted from the last reading; nil where the floor may not rise at all.
func forecast(tr stat.Trend, limit int64, floorT, floor, lastT float64) *finding.Estimate {
	if tr.Slope <= 0 || tr.Low <= 0 {
		return nil
	}
	left := limitShare*float64(limit) - floor
	at := func(slope float64) float64 { return min(max(0, (left/slope-(lastT-floorT))*3600), maxAhead) }
	return &finding.Estimate{Value: at(tr.Slope), Low: at(tr.High), High: at(tr.Low)}
}

// foretell gives a curve that is called a leak its time to the limit.
func (c *Curve) foretell() {
	if c.ahead != nil {
		c.TimeToLimit, c.TimeToLimitSeconds = c.ahead, &c.ahead.Value
	}
}

// confirm gives growth its confidence from what other lives and metrics did, and takes the name "leak" from what nothing
// confirms: one short life that grows may be warming up, or follow the hour of the day.
func confirm(cs []Curve, lives []Life, o Options) {
	type key struct {
		life int
		kind record.Metric
	}
	shape := make(map[key]finding.Shape, len(cs))
	for _, c := range cs {
		shape[key{c.Life, c.Kind}] = c.Shape
	}
	for i := range cs {
		c := &cs[i]
		if c.Shape != finding.ShapeLeak {
			continue
		}
		l := lives[c.Life]
		span := c.To.Sub(c.From)
		if why := creep(*c, span, shape[key{c.Life, record.HeapUsed}], shape[key{c.Life, record.External}]); why != "" {
			c.demote(why)
			continue
		}
		long := span >= longLife || span >= shortLife && o.Load[l.Container] != nil
		reached := l.Died && c.LimitBytes != nil && c.MaxBytes >= reachedShare*float64(*c.LimitBytes)
		alike, others, containers := 0, 0, map[string]bool{c.Container: true}
		for j := range cs {
			d := &cs[j]
			if j == i || d.Kind != c.Kind || lives[d.Life].Version != l.Version || d.Samples < MinReadings || d.To.Sub(d.From) < span/3 {
				continue
			}
			others++
			if d.SlopeBytesPerHour.Low > 0 && d.SlopeBytesPerHour.Value > alikeShare*c.SlopeBytesPerHour.Value {
				alike++
				containers[d.Container] = true
			}
		}
		most := 2*alike >= others
		if o.Load[l.Container] == nil && span >= hourOfDay && span < longLife {
			most = false // all containers follow the hour of the day alike, and without the load nothing tells
		}
		switch {
		case alike >= 2 && len(containers) >= 2 && most && (reached || long):
			c.Confidence = finding.Conclusive
		case most && (long || alike >= 1), reached:
			c.Confidence = finding.Likely
		case (others == 0 || 2*alike >= others) && c.Growth >= aloneGrowth*growthUnitOf(*c) && c.unslowed:
			c.Confidence = finding.Possible
			c.Reasons = append(c.Reasons, "too little else confirms it")
			continue
		default:
			why := fmt.Sprintf("it grew by %s in %s, and nothing confirms a leak: no other life or container grew alike", size(c.Growth), duration(span.Hours()))
			if alike > 0 && 2*alike >= others {
				why = fmt.Sprintf("it grew by %s in %s, which may follow the hour of the day: the load is not known", size(c.Growth), duration(span.Hours()))
			} else if others > 0 {
				why = fmt.Sprintf("it grew by %s in %s, and only %d of %d comparable lives grew alike", size(c.Growth), duration(span.Hours()), alike, others)
			}
			c.Alone = c.unslowed && c.Growth >= aloneGrowth*growthUnitOf(*c)
			c.demote(why)
			continue
		}
		if others > 0 {
			c.Reasons = append(c.Reasons, fmt.Sprintf("%d of %d comparable lives grew alike", alike, others))
		}
	}
}

// promote calls a growth a leak that, seen alone, looks like a step or levels off, where most comparable lives leak and it grew as
// fast: a leak of few big pieces makes steps.
func promote(cs []Curve, lives []Life) {
	slopes, compared := map[poolKey][]float64{}, map[poolKey]int{}
	for i := range cs {
		c := &cs[i]
		if c.Samples < MinReadings || c.Shape == finding.ShapeInsufficient {
			continue
		}
		k := poolKey{c.Kind, lives[c.Life].Version}
		compared[k]++
		if c.Leaks() {
			slopes[k] = append(slopes[k], c.SlopeBytesPerHour.Value)
		}
	}
	for i := range cs {
		c := &cs[i]
		k := poolKey{c.Kind, lives[c.Life].Version}
		if c.Shape != finding.ShapePlateau || len(slopes[k]) < 2 || 3*len(slopes[k]) < 2*compared[k] {
			continue
		}
		if c.SlopeBytesPerHour.Low > 0 && c.SlopeBytesPerHour.Value >= promoteShare*stat.Median(slopes[k]) {
			c.Shape, c.Confidence = finding.ShapeLeak, finding.Likely
			c.foretell()
			c.Reasons = append([]string{fmt.Sprintf("it grew as fast as the %d of %d comparable lives that leak", len(slopes[k]), compared[k])}, c.Reasons...)
		}
	}
}

// creep recognises resident memory that creeps up in the first hours of a process while what the runtime holds stays: pages of
// code, arenas and fragmentation, not a leak. It returns why, or nothing.
func creep(c Curve, span time.Duration, heap, external finding.Shape) string {
	if c.Kind != record.RSS && c.Kind != record.WorkingSet || span >= shortLife || heap == "" || heap == finding.ShapeInsufficient {
		return ""
	}
	if heap == finding.ShapeLeak || external == finding.ShapeLeak {
		return ""
	}
	if c.Growth >= creepShare*growthUnitOf(c) {
		return ""
	}
	return fmt.Sprintf("resident memory crept up by %s while the heap stayed, as in the first hours of any process", size(c.Growth))
}

func growthUnitOf(c Curve) float64 {
	if c.LimitBytes != nil {
		return growthUnit(*c.LimitBytes, 0)
	}
	return growthUnit(0, c.FirstBytes)
}

// demote takes the name "leak" from a curve, and with it the forecast.
func (c *Curve) demote(why string) {
	c.Shape, c.Confidence = finding.ShapeInsufficient, finding.Possible
	c.Reasons = append([]string{why}, c.Reasons...)
	c.TimeToLimit, c.TimeToLimitSeconds = nil, nil
	if c.Note == "" {
		c.Note = why
	}
}

// learnHeapLimit gives lives without a known heap limit the one that their dead siblings met: the highest heap seen before a
// death at the heap limit after steady growth.
func learnHeapLimit(lives []Life) []Life {
	limits := map[string]int64{}
	for _, l := range lives {
		s := l.Series[record.HeapUsed]
		if l.Kind != record.CrashHeapLimit || !l.Died || l.HeapLimitBytes > 0 || len(s) < MinReadings {
			continue
		}
		t, v := l.settled(s)
		if len(v) < MinReadings {
			continue
		}
		ft, fv := floors(t, v)
		if shape, _ := leakRule(ft, fv, stat.FitTrend(ft, fv, intervalLevel), growthUnit(0, stat.Median(fv))); shape != finding.ShapeLeak {
			continue // the last reading before a burst says nothing of the limit
		}
		for _, p := range s {
			limits[l.Version] = max(limits[l.Version], int64(p.V))
		}
	}
	if len(limits) == 0 {
		return lives
	}
	out := slices.Clone(lives)
	for i := range out {
		if out[i].HeapLimitBytes == 0 {
			out[i].HeapLimitBytes = limits[out[i].Version]
		}
	}
	return out
}

// boundNote says what the sampling hides before a death by memory: how fast memory must have grown between the last reading
// and the death, when the slope seen before does not explain it.
func boundNote(c Curve, l Life) string {
	if c.BlindSeconds == nil || c.LimitBytes == nil || *c.BlindSeconds < 1 {
		return ""
	}
	switch c.Kind {
	case record.RSS, record.WorkingSet:
		if l.Kind != record.CrashOOMKill {
			return ""
		}
	case record.HeapUsed:
		if l.Kind != record.CrashHeapLimit {
			return ""
		}
	default:
		return ""
	}
	limit, blind := float64(*c.LimitBytes), *c.BlindSeconds
	left := limit - c.LastBytes
	if left <= blindShare*limit || c.Shape == finding.ShapeLeak && c.SlopeBytesPerHour.High*blind/3600 >= left {
		return ""
	}
	return fmt.Sprintf("last seen %s below its limit, %s before it died: at least %s a minute, or a burst; readings every %s cannot show which, the requests can",
		size(left), duration(blind/3600), size(left/(blind/60)), duration(c.SampleIntervalSeconds/3600))
}

// sampleInterval is the median time between readings.
func sampleInterval(pts []Point) time.Duration {
	if len(pts) < 2 {
		return 0
	}
	d := make([]float64, len(pts)-1)
	for i := range d {
		d[i] = float64(pts[i+1].T.Sub(pts[i].T))
	}
	return time.Duration(stat.Median(d))
}

func hours(pts []Point, from record.Time) []float64 {
	out := make([]float64, len(pts))
	for i, p := range pts {
		out[i] = p.T.Sub(from).Hours()
	}
	return out
}

func values(pts []Point) []float64 {
	out := make([]float64, len(pts))
	for i, p := range pts {
		out[i] = p.V
	}
	return out
}

// dropWarmUp leaves out the first minutes of a life, in which a process allocates what it will keep.
func dropWarmUp(t, v []float64) ([]float64, []float64) {
	if len(t) == 0 {
		return t, v
	}
	until := min(warmUp.Hours(), t[0]+warmUpShare*(t[len(t)-1]-t[0]))
	i := 0
	for i < len(t) && t[i] < until {
		i++
	}
	return t[i:], v[i:]
}

// floors cuts a curve into at most about 48 blocks and returns their minima.
func floors(t, v []float64) ([]float64, []float64) {
	n := len(v)
	return stat.BlockMin(t, v, max(floorBlock(t, v, minFloorsGC, blockReadings), (n+maxFloors-1)/maxFloors))
}

// floorBlock is the number of readings that make one floor: at least usual where there are enough, and wider than a saw tooth
// of the garbage collector where the curve shows them, but not so many that fewer than atLeast floors remain.
func floorBlock(t, v []float64, atLeast, usual int) int {
	n := len(v)
	block := usual
	if n/block < minFloors {
		block = max(1, n/minFloors)
	}
	if tooth := sawTooth(t, v); tooth > 0 {
		block = max(block, min(int(math.Ceil(toothWidths*tooth)), n/atLeast))
	}
	return max(block, 1)
}

// sawTooth is the typical number of readings from one collapse of the curve to the next; 0 when it has no such form.
func sawTooth(t, v []float64) float64 {
	d := detrend(t, v)
	sorted := slices.Clone(d)
	slices.Sort(sorted)
	swing := stat.Quantile(sorted, 0.95) - stat.Quantile(sorted, 0.05)
	if swing <= 0 {
		return 0
	}
	k := 0
	for i := 1; i < len(d); i++ {
		if d[i-1]-d[i] > collapse*swing {
			k++
		}
	}
	if k < collections {
		return 0
	}
	return float64(len(d)) / float64(k)
}

// growthUnit is what growth is measured against: the limit, or about three times the level where the limit is unknown.
func growthUnit(limit int64, level float64) float64 {
	if limit > 0 {
		return float64(limit)
	}
	return unknownLimit * level
}

func meanLoad(load []Point, from, to record.Time) float64 {
	i, _ := slices.BinarySearchFunc(load, from, func(p Point, t record.Time) int {
		if p.T < t {
			return -1
		}
		return 1
	})
	var s, n float64
	for ; i < len(load) && load[i].T <= to; i++ {
		s += load[i].V
		n++
	}
	if n == 0 {
		return 0
	}
	return s / n
}

// detrend returns y less its least-squares line.
func detrend(x, y []float64) []float64 {
	one := make([]float64, len(y))
	for i := range one {
		one[i] = 1
	}
	out := slices.Clone(y)
	stat.Project(out, stat.Orthonormal([][]float64{one, x}))
	return out
}

// size writes bytes for a person, in binary units, as memory limits are.
func size(b float64) string {
	const kib, mib, gib = 1 << 10, 1 << 20, 1 << 30
	switch a := math.Abs(b); {
	case a >= gib:
		return fmt.Sprintf("%.1f GiB", b/gib)
	case a >= 10*mib:
		return fmt.Sprintf("%.0f MiB", b/mib)
	case a >= mib:
		return fmt.Sprintf("%.1f MiB", b/mib)
	case a >= kib:
		return fmt.Sprintf("%.0f KiB", b/kib)
	}
	return fmt.Sprintf("%.0f B", b)
}

// duration writes hours for a person.
func duration(h float64) string {
	switch s := h * 3600; {
	case s < 90:
		return fmt.Sprintf("%.0f s", s)
	case s < 5400:
		return fmt.Sprintf("%.0f minutes", s/60)
	case h < 48:
		return fmt.Sprintf("%.1f h", h)
	}
	return fmt.Sprintf("%.1f days", h/24)
}
