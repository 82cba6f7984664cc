package datadog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// window is a time in the life of one container of which every line was asked for.
type window struct {
	from, to  time.Time
	container string // as Datadog names it
	read      int64
	quiet     bool
}

// Bounds of a sample.
const (
	maxHazard   = 16 * time.Minute // what lies further before a death says little about it
	minHazard   = 30 * time.Second // less than this around a death is not worth a call
	afterDeath  = 45 * time.Second // the router's lines of cut requests come after the death
	awayFromAny = 20 * time.Minute // a quiet window keeps away from every death of its container this far, where the window is long enough
	maxDeaths   = 12
	signPages   = 6
	slowPages   = 8
)

// sample answers from a part of the lines: signs of death, statistics by Datadog, the slowest and failed requests, and whole
// windows around the deaths and in quiet times of the same containers.
func (r *run) sample(ctx context.Context) error {
	src := newSources().logs
	var f facets
	if err := r.slice(ctx, "31-attributes", r.sink, &f, func(s *slice) error {
		var err error
		if f, err = r.attributes(ctx); err != nil {
			return err
		}
		return s.note(f)
	}); err != nil {
		if err := r.gap(src.Name, "requests", err); err != nil {
			return err
		}
	}
	r.choose("in log lines: %s", f)
	r.sink.t.learn(f.Patterns)
	steps := []func(context.Context, facets) error{r.signs, r.exposure, r.slowest, r.windowsAround, r.byPattern}
	for _, step := range steps {
		if err := step(ctx, f); err != nil {
			return err
		}
	}
	total := r.vol.total()
	if total > 0 {
		r.sampled = min(1, max(float64(r.read)/float64(total), 1e-9))
		r.missing(src.Name, "requests", fmt.Sprintf("a sample: %d of %d lines were read, whole in %d windows (%s)", r.read, total, len(r.windows), r.windowText()))
	}
	return nil
}

func (r *run) windowText() string {
	quiet := 0
	for _, w := range r.windows {
		if w.quiet {
			quiet++
		}
	}
	return fmt.Sprintf("%d around deaths, %d quiet ones", len(r.windows)-quiet, quiet)
}

func (f facets) String() string {
	name := func(what, v string) string {
		if v == "" {
			return what + " not found"
		}
		return what + " in " + v
	}
	route := name("route", f.Route)
	if f.Raw {
		route = name("path", f.Route)
	}
	return strings.Join([]string{route, name("method", f.Method), name("status", f.Status), name("duration", f.Duration), name("container", f.Container)}, ", ")
}

// attributes looks at a page of lines for the attributes that hold route, method, status and duration, and for the container.
func (r *run) attributes(ctx context.Context) (facets, error) {
	var items []json.RawMessage
	// From the middle of the busiest step: lines of a quiet hour, or of a death, are not typical.
	busiest := 0
	for i, n := range r.vol.Lines {
		if n > r.vol.Lines[busiest] {
			busiest = i
		}
	}
	from := r.vol.at(r.from, busiest)
	_, err := r.api.list(ctx, pathLogs, listing{query: r.vol.Query, from: from, to: r.to, pages: 1, tier: r.vol.Tier}, func(_ time.Time, _ string, item []byte) error {
		items = append(items, slices.Clone(item))
		return nil
	})
	if err != nil {
		return facets{}, err
	}
	f := findFacets(items, r.fleet(), r.d.ContainerTag, r.o.Attributes)
	if f.Raw {
		f.Patterns = map[string]int{}
		for _, raw := range items {
			if p := patternOf(attribute(raw, strings.TrimPrefix(f.Route, "@"))); p != "" {
				f.Patterns[p]++
			}
		}
	}
	return f, nil
}

// attribute is a text attribute of a log item.
func attribute(item json.RawMessage, path string) string {
	var it struct {
		Attributes struct {
			Attributes map[string]any `json:"attributes"`
		} `json:"attributes"`
	}
	if json.Unmarshal(item, &it) != nil {
		return ""
	}
	v, _ := lookup(it.Attributes.Attributes, path)
	s, _ := v.(string)
	return s
}

// Attributes by what they hold, the usual name first.
var (
	routeAttributes    = []string{"http.route", "route", "req.route", "request.route", "http.url_details.path", "req.url", "path"}
	methodAttributes   = []string{"http.method", "req.method", "method"}
	statusAttributes   = []string{"http.status_code", "res.statusCode", "status_code", "statusCode"}
	durationAttributes = []string{"duration", "responseTime", "http.response_time", "duration_ms", "elapsed_ms", "took_ms"}
)

// firstRawPath is where raw paths begin in routeAttributes.
const firstRawPath = 4

// findFacets chooses, for each thing, the first attribute that at least a fifth of the requests carry.
func findFacets(items []json.RawMessage, fleet []string, tag string, told Attributes) facets {
	count := map[string]int{}
	requests := 0
	for _, raw := range items {
		var it struct {
			Attributes struct {
				Host       string         `json:"host"`
				Tags       []string       `json:"tags"`
				Attributes map[string]any `json:"attributes"`
			} `json:"attributes"`
		}
		if json.Unmarshal(raw, &it) != nil {
			continue
		}
		is := false
		for _, list := range [][]string{routeAttributes, methodAttributes, statusAttributes, durationAttributes} {
			for _, p := range list {
				if v, ok := lookup(it.Attributes.Attributes, p); ok && v != "" {
					count["@"+p]++
					is = is || p != "duration"
				}
			}
		}
		if is {
			requests++
		}
		for _, t := range it.Attributes.Tags {
			// Without series there is no fleet to compare with: any tag that usually names containers will do.
			if k, v, ok := strings.Cut(t, ":"); ok && (slices.Contains(fleet, v) || len(fleet) == 0 && v != "" && slices.Contains(containerTags, k)) {
				count[k]++
			}
		}
		if slices.Contains(fleet, it.Attributes.Host) || len(fleet) == 0 && it.Attributes.Host != "" {
			count["host"]++
		}
	}
	pick := func(told string, list []string) (string, int) {
		if told != "" {
			path, _, _ := strings.Cut(told, ":")
			return "@" + path, 0
		}
		for i, p := range list {
			if n := count["@"+p]; n > 0 && n*5 >= requests {
				return "@" + p, i
			}
		}
		return "", 0
	}
	var f facets
	var i int
	f.Route, i = pick(told.Route, routeAttributes)
	f.Raw = i >= firstRawPath
	f.Method, _ = pick(told.Method, methodAttributes)
	f.Status, _ = pick(told.Status, statusAttributes)
	f.Duration, _ = pick(told.Duration, durationAttributes)
	f.Unit = 1e-9
	if _, unit, ok := strings.Cut(told.Duration, ":"); ok {
		f.Unit = map[string]float64{"s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}[unit]
		if f.Unit == 0 {
			f.Unit = 1e-9
		}
	} else if f.Duration != "" && f.Duration != "@duration" && told.Duration == "" {
		f.Unit = 1e-3
	}
	// The tag that names containers in metrics, if lines carry it; else any that has their names.
	best := 0
	for _, k := range append([]string{tag}, containerTags...) {
		if n := count[k]; n > best {
			f.Container, best = k, n
			if k == tag {
				break
			}
		}
	}
	if c := told.Container; c != "" {
		f.Container = "@" + c
		if t, ok := strings.CutPrefix(c, "tag:"); ok {
			f.Container = t
		}
	}
	return f
}

// signWords are what runtimes, kernels and platforms say when a process dies, is about to, or begins.
var signWords = []string{
	"out of memory", "heap limit", "Ineffective mark-compacts", "OutOfMemoryError", "MemoryError", "NoMemoryError", "OOMKilled", "oom-kill", "Memory quota",
	"fatal error", "FATAL ERROR", "panic", "SIGKILL", "SIGABRT", "SIGSEGV", "SIGTERM", "signal: killed", "exit status", "exit code", "exited", "crashed", "Uncaught",
	"State changed", "Starting container", "Starting process", "is up", "listening", "Stopping", "Restarting", "restarted", "Cycling", "deployed", "Deploy", "Release",
	"health check", "Unhealthy", "liveness", "unreachable", "Evicted",
}

// signs lists the lines that say when containers died and began: those of the platform, and those of the service that are no
// requests and use the words for it.
func (r *run) signs(ctx context.Context, f facets) error {
	src := newSources().logs
	words := make([]string, len(signWords))
	for i, w := range signWords {
		words[i] = quote(w)
	}
	about := "(" + strings.Join(words, " OR ") + ")"
	if len(r.vol.Related) > 0 {
		about = fmt.Sprintf("(service:(%s) OR %s)", quoteAll(r.vol.Related), about)
	}
	var query strings.Builder
	query.WriteString("(" + r.vol.Query + ") AND " + about)
	for _, not := range []string{f.Status, f.Duration} {
		if not != "" {
			query.WriteString(" AND -" + not + ":*")
		}
	}
	pages := min(signPages, max(r.left()-reserve, 1))
	out, err := r.lines(ctx, "32-signs", listing{query: query.String(), from: r.from, to: r.to, last: true, pages: pages, tier: r.vol.Tier}, 0, r.sink, src)
	if out.truncated {
		r.missing(src.Name, "crashes", fmt.Sprintf("more lines speak of deaths and starts than %d pages hold: read up to %s", pages, out.until.Format("15:04:05")))
	}
	return r.gap(src.Name, "crashes", err)
}

// slowest lists the requests that took longest over the whole window, all of them above a bound, and those that failed as cut
// requests do: how rare such requests are at any time is what their presence at a death is weighed against.
func (r *run) slowest(ctx context.Context, f facets) error {
	if f.Duration == "" || r.left() <= reserve+2 {
		return nil
	}
	src := newSources().logs
	var bound struct{ Seconds float64 }
	err := r.slice(ctx, "33-slow-bound", r.sink, &bound, func(s *slice) error {
		// Datadog makes at most 100 bins.
		const width, bins = 1.0, 100
		buckets, _, err := r.api.aggregate(ctx, aggregateRequest{
			Compute: []compute{{Aggregation: "count", Type: "total"}}, Filter: r.filter(r.vol.Query, r.vol.Tier),
			GroupBy: []groupBy{{Facet: f.Duration, Histogram: &groupHistogram{Interval: width / f.Unit, Min: width / f.Unit, Max: (bins + 1) * width / f.Unit}}},
		})
		if err != nil {
			return err
		}
		type bin struct{ at, n float64 }
		var bs []bin
		for _, b := range buckets {
			at, ok := b.By[f.Duration].(float64)
			if !ok {
				if at, ok = number(b.by(f.Duration)); !ok {
					continue
				}
			}
			if n := b.value("c0"); n > 0 {
				bs = append(bs, bin{at * f.Unit, n})
			}
		}
		slices.SortFunc(bs, func(a, b bin) int { return cmp.Compare(b.at, a.at) })
		room := float64(slowPages) * pageLimit * 0.9
		bound.Seconds = (bins + 1) * width
		for _, b := range bs {
			if room -= b.n; room < 0 {
				break
			}
			bound.Seconds = b.at
		}
		return s.note(bound)
	})
	if err != nil {
		return r.gap(src.Name, "requests", err)
	}
	value := fmt.Sprintf("%.0f", math.Floor(bound.Seconds/f.Unit))
	query := fmt.Sprintf("(%s) AND %s:>=%s", r.vol.Query, f.Duration, value)
	pages := min(slowPages+1, r.left()-reserve)
	if pages < 1 {
		return nil
	}
	out, err := r.lines(ctx, "34-slow", listing{query: query, from: r.from, to: r.to, last: true, pages: pages, tier: r.vol.Tier}, 0, r.sink, src)
	if err == nil {
		r.choose("all %d requests of %.3g s and longer", out.items, bound.Seconds)
	}
	return r.gap(src.Name, "requests", err)
}

func number(s string) (float64, bool) {
	var f float64
	_, err := fmt.Sscan(s, &f)
	return f, err == nil
}

// windowsAround lists every line of the containers that died, before each death and in quiet times, as long as calls are left.
func (r *run) windowsAround(ctx context.Context, f facets) error {
	src := newSources().logs
	deaths := r.sink.t.deaths()
	if f.Container == "" {
		if len(deaths) > 0 {
			r.missing(src.Name, "requests", "log lines name no container: lines around the deaths cannot be asked for")
		}
		return nil
	}
	var planned []plannedWindow
	err := r.slice(ctx, "35-windows", r.sink, &planned, func(s *slice) error {
		planned = r.planWindows(deaths, r.left()-reserve)
		return s.note(planned)
	})
	if err != nil {
		return r.gap(src.Name, "requests", err)
	}
	if len(deaths) > 0 && len(planned) == 0 {
		r.missing(src.Name, "requests", "no calls were left for lines around the deaths; allow more with --max-calls")
	}
	windows := make([]window, len(planned))
	err = r.each(ctx, len(planned), func(ctx context.Context, i int, to *tap) error {
		p := planned[i]
		w := window{from: p.From, to: p.To, container: p.Container, quiet: p.Quiet}
		l := listing{
			query: fmt.Sprintf("(%s) AND %s:%s", r.vol.Query, f.Container, quote(p.Container)), from: w.from, to: w.to, tier: r.vol.Tier, pages: p.Pages,
		}
		out, err := r.lines(ctx, fmt.Sprintf("40-window-%s-%s", stamp(w.from), p.Container), l, 0, to, src)
		if isGap(err) {
			err = r.gap(src.Name, "requests", fmt.Errorf("%s, %s to %s: %w", w.container, w.from.Format("15:04:05"), w.to.Format("15:04:05"), err))
			return err
		}
		if out.truncated && out.until.After(w.from) {
			w.to = out.until // whole up to there
		}
		w.read = out.items
		windows[i] = w
		return err
	})
	for _, w := range windows {
		if !w.from.IsZero() {
			r.windows = append(r.windows, w)
		}
	}
	return err
}

// plannedWindow is a window to ask for, kept with a capture.
type plannedWindow struct {
	From, To  time.Time
	Container string
	Quiet     bool
	Pages     int
}

// planWindows chooses windows of one length: one before each death, and for each one or two of the same container at another hour.
// The length is what the calls allow at the rate of lines seen.
func (r *run) planWindows(deaths []death, calls int) []plannedWindow {
	fleet := r.fleet()
	// Deaths by the name that Datadog knows: package evidence may have joined pod and container.
	raw := func(name string) string {
		if slices.Contains(fleet, name) {
			return name
		}
		for _, f := range fleet {
			if strings.HasPrefix(name, f+"/") || strings.HasSuffix(name, "/"+f) || strings.HasPrefix(f, name+"-") {
				return f
			}
		}
		return name
	}
	var usable []death
	for _, d := range deaths {
		if d.container != "" && d.at.After(r.from) && !d.at.After(r.to.Add(sameDeath)) {
			usable = append(usable, death{d.at, raw(d.container)})
		}
	}
	// Spread over all when there are too many.
	if n := len(usable); n > maxDeaths {
		var some []death
		for i := range maxDeaths {
			some = append(some, usable[i*n/maxDeaths])
		}
		usable = some
	}
	containers := max(len(fleet), 1)
	perSecond := float64(r.vol.total()) / r.to.Sub(r.from).Seconds() / float64(containers)
	// All deaths before two quiet windows for each, and fewer deaths only when the windows would be too short to hold anything.
	for n := len(usable); n > 0; n-- {
		for quiet := 2; quiet >= 1; quiet-- {
			each := calls / (n * (1 + quiet))
			if each < 2 {
				continue
			}
			// One call of each window may be the empty page at the end.
			length := time.Duration(float64(each-1)*pageLimit*0.85/max(perSecond, 0.01)) * time.Second
			length = min(length, maxHazard+afterDeath)
			if length >= minHazard || n == 1 {
				return r.placeWindows(usable, n, quiet, max(length, time.Second), each)
			}
		}
	}
	return nil
}

func (r *run) placeWindows(deaths []death, n, quiet int, length time.Duration, pages int) []plannedWindow {
	after := min(afterDeath, length/3).Truncate(time.Second)
	clamp := func(from, to time.Time) (time.Time, time.Time) {
		if from.Before(r.from) {
			from = r.from
		}
		if to.After(r.to) {
			to = r.to
		}
		return from, to
	}
	var out []plannedWindow
	for i := range n {
		d := deaths[i*len(deaths)/n]
		// In whole seconds: log lines have milliseconds, and a bound between two of them would be no bound.
		at := d.at.Truncate(time.Second)
		from, to := clamp(at.Add(after-length), at.Add(after))
		for _, t := range out {
			// Deaths of one container soon after another: each line is asked for once.
			if t.Container == d.container && t.From.Before(to) && from.Before(t.To) {
				from = t.To
			}
		}
		if to.Sub(from) < time.Second {
			continue
		}
		out = append(out, plannedWindow{From: from, To: to, Container: d.container, Pages: pages})
		for range quiet {
			if from, to, ok := r.quietWindow(d, deaths, out, length); ok {
				out = append(out, plannedWindow{From: from, To: to, Container: d.container, Quiet: true, Pages: pages})
			}
		}
	}
	slices.SortFunc(out, func(a, b plannedWindow) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Container, b.Container))
	})
	return out
}

// quietWindow finds a window of the same container that is as far as may be from every death of it and from windows taken, at a time
// with about as many lines as at the death.
func (r *run) quietWindow(d death, deaths []death, taken []plannedWindow, length time.Duration) (from, to time.Time, ok bool) {
	rate := func(at time.Time) float64 {
		i := int(at.Sub(r.from) / (time.Duration(r.vol.Step) * time.Second))
		if i < 0 || i >= len(r.vol.Lines) {
			return 0
		}
		return float64(r.vol.Lines[i])
	}
	step := max((length / 2).Truncate(time.Second), 10*time.Second)
	want := rate(d.at.Add(-length))
	best := -1.0
	for at := r.from; !at.Add(length).After(r.to); at = at.Add(step) {
		end := at.Add(length)
		near := time.Duration(math.MaxInt64)
		for _, x := range deaths {
			if x.container == d.container {
				near = min(near, gapBetween(at, end, x.at, x.at))
			}
		}
		overlaps := false
		for _, t := range taken {
			if t.Container == d.container && at.Before(t.To) && t.From.Before(end) {
				overlaps = true
			}
		}
		if overlaps || near == 0 {
			continue
		}
		// Far enough counts fully; less, in part. Lines at the rate of the death count the more, the closer the rate.
		far := min(1, near.Seconds()/awayFromAny.Seconds())
		like := 1.0
		if want > 0 {
			x := rate(at.Add(length/2)) / want
			like = min(x, 1/max(x, 1e-9))
		}
		if score := far + 0.5*like; score > best {
			best, from, to, ok = score, at, end, true
		}
	}
	return from, to, ok
}

// gapBetween is how far two spans lie apart; 0 when they meet.
func gapBetween(a, b, c, d time.Time) time.Duration {
	switch {
	case b.Before(c):
		return c.Sub(b)
	case d.Before(a):
		return a.Sub(d)
	}
	return 0
}
