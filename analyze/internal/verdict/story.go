package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"lastcall/analyze/endpoint"
	"lastcall/analyze/finding"
	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/naming"
	"lastcall/analyze/internal/traffic"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

const (
	maxChartPoints = 400
	maxBars        = 3000
	// maxWarnings bounds those that are told.
	maxWarnings = 10_000
)

// writeStory fills in everything that explains the verdict rather than makes it.
func (q *inquiry) writeStory() {
	r := q.report
	r.Memory = []finding.Memory{}
	for i := range q.memory.curves {
		r.Memory = append(r.Memory, q.memory.curves[i].Memory)
	}
	r.Heap = []finding.Heap{}
	if q.heap != nil {
		r.Heap = append(r.Heap, q.heap.Heap...)
		r.Goroutines = q.heap.Goroutines
		r.HeapNotes = q.heap.Notes
	}
	q.report.Timeline = q.timeline()
	q.impact()
	q.actions()
	q.method()
	q.coverageRows()
	q.warningRows()
	q.charts()
}

func after(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

func (q *inquiry) kindWords(d *life.Death) string {
	if q.ofMachine(d) {
		return "killed as the machine ran out of memory"
	}
	s := map[record.CrashKind]string{record.CrashOOMKill: "killed for exceeding its memory limit", record.CrashHeapLimit: "heap limit reached, the runtime aborted",
		record.CrashAbort: "aborted", record.CrashSegfault: "segmentation fault", record.CrashException: "uncaught exception", record.CrashHealthCheck: "killed because it did not answer health checks",
		record.CrashExit: "exited with an error", record.CrashSigterm: "terminated", record.CrashOther: "killed or ended, no source says why"}[d.Kind]
	if d.ExitCode >= 0 {
		s += fmt.Sprintf(" (exit status %d)", d.ExitCode)
	}
	return s
}

func (q *inquiry) impact() {
	if q.measured.Counts.Total == 0 {
		return
	}
	im := &finding.Impact{Requests: q.measured.Counts.Total, Failed: q.measured.Counts.Failed, ServerErrors: q.measured.Counts.ServerErrors, Users: int64(len(q.measured.Counts.Users))}
	starts, ups := map[string][]record.Time{}, map[string][]record.Time{}
	for _, l := range q.traffic.Life.Lives {
		starts[l.Container] = append(starts[l.Container], l.Start)
	}
	for i := range q.traffic.Evidence.Events { // in the order of time
		if e := &q.traffic.Evidence.Events[i]; e.Kind == record.Up {
			ups[e.Container] = append(ups[e.Container], e.Time)
		}
	}
	for _, of := range starts {
		slices.Sort(of)
	}
	again := map[string]record.Time{} // the next death of each container: what does not come up is down once
	for d := len(q.traffic.Life.Deaths) - 1; d >= 0; d-- {
		x := &q.traffic.Life.Deaths[d]
		next := q.traffic.Window.To
		of := starts[x.Container]
		if i, _ := slices.BinarySearch(of, x.Time); i < len(of) {
			next = min(next, of[i])
		}
		of = ups[x.Container]
		if i, _ := slices.BinarySearch(of, x.Time+1); i < len(of) && of[i].Sub(next) < 5*time.Minute {
			next = max(next, of[i])
		}
		if at, ok := again[x.Container]; ok {
			next = min(next, at)
		}
		again[x.Container] = x.Time
		if next < q.traffic.Window.To {
			im.DownSeconds += next.Sub(x.Time).Seconds()
		}
	}
	im.DownSeconds = round(im.DownSeconds, 1)
	q.report.Impact = im
}

// actions follow from the verdict and from what was missing.
func (q *inquiry) actions() {
	r := q.report
	add := func(kind, rule, text string) {
		r.Actions = append(r.Actions, finding.Action{Kind: kind, Rule: rule, Text: text})
	}
	r.Actions = []finding.Action{}
	v := &r.Verdict
	causes := q.accusedBy()
	for _, c := range causes {
		q.actionsFor(c.cause, c.endpoints, add)
	}
	if slow, ok := q.measured.Latency.Slowest(); ok && v.Cause.Harmless() {
		add("observe", "latency.slow", fmt.Sprintf("Look at what requests waited for from %s to %s: a database, something else that they call, the machine.", clockTime(slow.From), clockTime(slow.To)))
	}
	if v.Cause == finding.Undetermined {
		switch {
		case v.Endpoint != nil:
			add("mitigate", "burst.open-at-onset", "Limit or switch off "+listAll(causes[0].endpoints)+" until it is known how it kills, and block the request or caller shown in the examples.")
			add("observe", "memory.shape", "Keep the last words of the process and readings of its heap: they tell memory from a held event loop.")
		case len(q.traffic.Life.Deaths) > 0 && q.memory.growth.Gate.Open:
			add("mitigate", "memory.leak", "Restart the containers in turn before they reach the limit, until it is known what grows.")
		}
	}
	if len(q.traffic.Life.Deaths) > 0 || v.Cause == finding.Undetermined {
		if q.measured.Counts.Total > 0 && q.traffic.Layer == record.LayerApp && !q.hasStarts() {
			add("observe", "evidence.starts", "Log the start of requests (or save the router's log): the request that kills never logs its end.")
		}
		if q.measured.Counts.Total == 0 {
			add("observe", "evidence.requests", "Add the router's log or the application's request log of the hour before the crashes.")
		}
		if q.measured.Counts.Total > 0 && !q.traffic.Containers.Named {
			add("observe", "evidence.container", "Let the request log say which container served each request.")
		}
		if !q.traffic.Life.Told {
			add("observe", "evidence.platform", "Add the platform's log or events: they tell a crash from a deploy.")
		}
		if len(q.memory.curves) == 0 {
			add("observe", "evidence.memory", "Add memory readings of each container (RSS and heap, every minute or finer).")
		}
		for i := range r.Memory {
			if r.Memory[i].SampleIntervalSeconds >= 300 {
				add("observe", "memory.blind", fmt.Sprintf("Sample memory every minute or finer: readings %s apart cannot show a burst.", minutes(time.Duration(r.Memory[i].SampleIntervalSeconds*1e9))))
				break
			}
		}
		if q.heap == nil && (v.Cause == finding.RequestLeak || v.Cause == finding.BackgroundLeak || v.Cause == finding.Undetermined && q.memory.growth.Gate.Open) {
			add("observe", "heap.growth", "Take two heap profiles of one container some minutes apart and add them: they name the code.")
		}
	}
	if n := len(q.traffic.Life.Deaths); n > 0 && v.Cause == finding.Undetermined && v.Endpoint == nil {
		at := make([]string, 0, n)
		faults, machine := 0, 0
		for d := range q.traffic.Life.Deaths {
			at = append(at, clockTime(q.traffic.Life.Deaths[d].Time))
			if classOf(&q.traffic.Life.Deaths[d]) == byFault {
				faults++
			}
			if q.ofMachine(&q.traffic.Life.Deaths[d]) {
				machine++
			}
		}
		if n <= fewDeaths && len(r.Suspects) > 0 && r.Suspects[0].CrashesWith == n {
			add("observe", "burst.open-at-onset", "Look at the request of "+r.Suspects[0].Endpoint+" that was open at "+listSome(at, 2)+", and at what it asked for: with so few deaths it is a guess.")
		}
		switch {
		case q.onlyCompanions(q.allDeaths()):
			add("fix", "burst.open-at-onset", "Look at what the companion needs, and at its limit: requests play no part in it.")
		case 2*machine > n:
			add("mitigate", "rival.host-memory", "Look at what else takes memory on the machine at "+listSome(at, 3)+" (the kernel's log lists every process and who asked), and reserve what the containers need.")
		case 2*faults > n:
			add("observe", "burst.open-at-onset", "Read what the processes wrote just before "+listSome(at, 3)+": they ended by an error, and its first line and trace say where.")
		default:
			add("observe", "burst.open-at-onset", "Look at what the processes do without a request just before "+listSome(at, 3)+" (jobs, timers, consumers), and let the runtime write a heap snapshot when memory runs out.")
		}
	}
}

// unheard returns the containers that died and of which there is no request, where others of their service serve.
func (q *inquiry) unheard() (names []string) {
	if !q.traffic.Containers.Named || q.traffic.Sampled.Fraction > 0 {
		return nil
	}
	serving := q.serving()
	for d := range q.traffic.Life.Deaths {
		name := q.traffic.Life.Deaths[d].Container
		if _, process := naming.IsProcess(name); process || slices.Contains(names, name) || serving[life.Pool(name, "")] == 0 {
			continue
		}
		if c := q.traffic.Containers.Index(name); c == 0 || !q.measured.Serves[c] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// accused are the endpoints of one cause.
type accused struct {
	cause     finding.Cause
	endpoints []string
}

// accusedBy returns the causes of the report, the main one first, each once, with the endpoints that are accused of it.
func (q *inquiry) accusedBy() (out []accused) {
	causes := q.report.Causes
	if len(causes) == 0 {
		causes = []finding.Verdict{q.report.Verdict}
	}
	for _, v := range causes {
		i := slices.IndexFunc(out, func(a accused) bool { return a.cause == v.Cause })
		if i < 0 {
			i = len(out)
			out = append(out, accused{cause: v.Cause})
		}
		if v.Endpoint != nil {
			out[i].endpoints = append(out[i].endpoints, *v.Endpoint)
		}
	}
	return out
}

// actionsFor says what to do about one cause.
func (q *inquiry) actionsFor(cause finding.Cause, endpoints []string, add func(kind, rule, text string)) {
	ep := "what these requests share" // several endpoints, or all, and none of them accused
	are := "it is"
	if len(endpoints) > 0 {
		ep = listAll(endpoints)
	}
	if len(endpoints) > 1 {
		are = "they are"
	}
	switch cause {
	case finding.RequestBurst:
		add("mitigate", "burst.open-at-onset", "Limit or switch off "+ep+" until "+are+" fixed, and block the request or caller shown in the examples.")
		add("fix", "burst.open-at-onset", "In the code of "+ep+", look for work over a whole collection at once (Promise.all over a list, loading all rows): stream it or bound its concurrency, and cap the size.")
		add("fix", "burst.open-at-onset", "Let the process stop working on a request once the router has given up on it, and do not let clients retry it without a limit.")
	case finding.RequestLeak:
		add("mitigate", "leak.attribution", "Restart the containers in turn before they reach the limit, until the leak is fixed.")
		add("fix", "leak.attribution", "In the code of "+ep+", look for what is kept after the answer: caches without bound, listeners, timers, maps at module level.")
	case finding.BackgroundLeak:
		add("mitigate", "leak.time-only", "Restart the containers in turn before they reach the limit, until the leak is fixed.")
		add("fix", "leak.time-only", "Look at what runs without a request: timers, jobs, consumers, metric buffers; compare two heap profiles some minutes apart.")
	case finding.Capacity:
		add("mitigate", "rival.load", "Add containers or raise the memory limit; limit concurrency per container.")
	case finding.CPUStall:
		add("mitigate", "stall.silence", "Limit or switch off "+ep+", and block the request shown in the examples.")
		add("fix", "stall.silence", "In the code of "+ep+", look for work that never yields: regular expressions on user input, parsing, sorting, synchronous crypto; move it to a worker or bound its input.")
	case finding.RequestCrash:
		add("mitigate", "burst.open-at-onset", "Block the request shown in the examples.")
		add("fix", "burst.open-at-onset", "Handle the error that ends the process in the code of "+ep+"; the last words in the crash's evidence say which.")
	case finding.HungDependency:
		add("mitigate", "hang.constant-duration", "Take the instance that hangs out of the list of live instances, or restart its clients so that they forget it.")
		add("fix", "hang.constant-duration", "Give calls a shorter timeout with one retry on another instance, and let health checks take hung instances off the list.")
	case finding.HostFailure:
		add("fix", "rival.host", "Spread the containers of one service over several hosts.")
	}
}

// method says what the numbers rest on.
func (q *inquiry) method() {
	r := q.report
	add := func(format string, a ...any) { r.Method = append(r.Method, fmt.Sprintf(format, a...)) }
	if q.measured.Counts.Total > 0 {
		layer := map[record.Layer]string{record.LayerRouter: "the router's log (every request, and when it gave up on one)", record.LayerApp: "the application's log", record.LayerUnknown: "access logs"}[q.traffic.Layer]
		if q.traffic.Layer == record.LayerApp && !q.hasStarts() {
			layer += " (finished requests only)"
		}
		if f := q.traffic.Sampled.Fraction; f > 0 {
			add("%s of the requests were fetched, those around the deaths and in matched quiet windows; base rates rest on the windows.", percent(f))
			if q.traffic.Sampled.Counted {
				add("Counts per endpoint and container that the source computed over all requests explain the growth of memory.")
			}
		}
		add("Requests are counted from %s: %d requests on %d endpoints.", layer, q.measured.Counts.Total, q.endpointCount())
		if q.traffic.Endpoints.Joined > 0 {
			add("%d endpoints whose paths differ in one segment were taken together as %d, as none of them stood out alone; that was a second look, which is likely at best.", q.traffic.Endpoints.Joined, len(q.traffic.Endpoints.Families))
		}
	}
	if len(q.traffic.Life.Deaths) > 0 && q.measured.Counts.Total > 0 {
		add("Base rates rest on %s of quiet container time; %s before and %s after each death are left out.", minutes(time.Duration(q.traffic.Quiet.Seconds*1e9)), minutes(q.traffic.Quiet.Lookback), minutes(min(traffic.PressureAfter, q.traffic.Quiet.Lookback)))
		if len(q.traffic.Deaths.Skew) > 0 {
			s := slices.Clone(q.traffic.Deaths.Skew)
			slices.Sort(s)
			add("Deaths are set on the clock of the requests, by the moment their connections broke: the platform's lines differ by %.1f s (median).", s[len(s)/2].Seconds())
		}
	}
	if q.traffic.Names.Tied > 0 {
		add("%d containers have other names in the requests than anywhere else, and were known by their connections, which broke when they died.", q.traffic.Names.Tied)
	}
	if q.traffic.Names.Counted() > 0 {
		add("%d memory kills were told by a node without the container, and are known by the count of restarts: the kills of the node that nothing else explains are as many as the restarts that nothing else explains.", q.traffic.Names.Counted())
	}
	known, processes := q.partProcesses(q.allDeaths())
	if n := q.containersSeen(); n > 0 {
		add("%d containers were seen, %d of them died.", n, len(q.containersOf(known)))
	}
	if processes != "" {
		add("Beside those died %s; some may be of containers that were seen.", processes)
	}
}

func (q *inquiry) allDeaths() []int {
	d := make([]int, len(q.traffic.Life.Deaths))
	for i := range d {
		d[i] = i
	}
	return d
}

func (q *inquiry) endpointCount() int {
	n := 0
	for _, c := range q.measured.Counts.PerEndpoint {
		if c > 0 {
			n++
		}
	}
	return n
}

func (q *inquiry) coverageRows() {
	rows := []finding.Coverage{}
	for i := range q.traffic.Evidence.Coverage {
		c := &q.traffic.Evidence.Coverage[i]
		x := finding.Coverage{Signal: c.Signal, Records: c.Records, MissingReason: ptr(c.MissingReason)}
		if c.Source != nil {
			x.Source, x.Format = c.Source.Name, c.Source.Format
		}
		if c.Records > 0 && c.From != 0 {
			from, to := c.From.Std(), c.To.Std()
			x.From, x.To = &from, &to
		}
		if c.Sampled > 0 && c.Sampled < 1 {
			s := c.Sampled
			x.Sampled = &s
		}
		rows = append(rows, x)
	}
	missing := func(signal, why string) {
		for i := range rows {
			if rows[i].Signal == signal {
				return
			}
		}
		rows = append(rows, finding.Coverage{Source: "(none)", Signal: signal, MissingReason: &why})
	}
	if q.measured.Counts.Total == 0 {
		missing("requests", "no request log was given")
	}
	if len(q.traffic.Evidence.Series) == 0 {
		missing("memory", "no memory readings were given")
	}
	if !q.traffic.Life.Told {
		missing("lifecycle", "no platform log or events were given: crashes are known by last words only")
	}
	if len(q.traffic.Evidence.Profiles) == 0 {
		missing("profiles", "no heap profiles were given")
	}
	at := func(t *time.Time) int64 {
		if t == nil {
			return 0
		}
		return t.UnixNano()
	}
	slices.SortStableFunc(rows, func(a, b finding.Coverage) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.Signal, b.Signal), cmp.Compare(at(a.From), at(b.From)), cmp.Compare(at(a.To), at(b.To)),
			cmp.Compare(a.Records, b.Records), strings.Compare(a.Format, b.Format), strings.Compare(deref(a.MissingReason), deref(b.MissingReason)), cmp.Compare(deref(a.Sampled), deref(b.Sampled)))
	})
	q.report.Coverage = rows
}

// deref is the value, or zero for none.
func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func (q *inquiry) warningRows() {
	w := make([]record.Warning, 0, len(q.traffic.Evidence.Warnings))
	for _, x := range q.traffic.Evidence.Warnings {
		w = append(w, *x)
	}
	if q.heap != nil {
		w = append(w, q.heap.Warnings...)
	}
	own := func(code string, n int64, text string) {
		if n > 0 {
			w = append(w, record.Warning{Code: code, Count: n, Text: text})
		}
	}
	own("endpoint_overflow", q.traffic.Endpoints.Overflow, "endpoints that did not fit into the table were counted together; they are never accused")
	if q.traffic.Evidence.Endpoints.Full() {
		own("template_overflow", 1, fmt.Sprintf("there are more than %d different templates, before values in paths are recognised: those that came later are counted together and never accused", endpoint.MaxRaw))
	}
	own("outside_window", q.traffic.Left.Outside, "records lie days away from the rest (a wrong clock?) and were left out")
	own("death_overflow", q.traffic.Left.Deaths, fmt.Sprintf("deaths before the last %d were left out: narrow the window to see them", traffic.MaxDeaths))
	own("container_overflow", q.traffic.Left.Containers, fmt.Sprintf("containers beyond %d were left out, with all that tells of them; those that died come first, then those that serve requests: name a service to look at fewer", traffic.MaxFleet))
	own("case_overflow", q.measured.CutCases, "deaths had more requests before them than are looked at one by one: of those that were answered the last ones count")
	own("no_path", q.traffic.Evidence.Left.Paths, "finished requests have neither a path nor a start line that has it: they are counted together and never accused")
	own("open_overflow", q.traffic.Evidence.Left.Open+q.traffic.Left.Open, "start lines without an end were forgotten because too many stayed open")
	own("sample_overflow", q.traffic.Evidence.Left.Points, "memory readings beyond what can be held were left out")
	own("record_overflow", q.traffic.Evidence.Left.Small, fmt.Sprintf("deaths, events, jobs, tables of requests or coverage beyond %d of a kind were left out", intake.MaxSmall))
	own("detail_overflow", q.traffic.Evidence.Left.Details, "requests without an answer are more than the paths, ids and callers that can be held: some are cited without")
	if q.measured.Counts.Total > 0 && !q.traffic.Containers.Named {
		own("no_container", q.measured.Counts.Total, "requests do not say which container served them: all containers are looked at as one, which proves less")
	}
	if dead := q.unheard(); len(dead) > 0 && len(q.untied.dead) == 0 {
		own("requests_missing", int64(len(dead)), fmt.Sprintf("containers died of which there is no request, while others like them serve (%s): did they never come up, or is their log missing? Their deaths speak against every endpoint", listSome(dead, 4)))
	}
	if len(q.untied.dead) > 0 {
		own("untied_addresses", int64(len(q.untied.addresses)), fmt.Sprintf("requests name what served them by address (%s), and no source ties those to what died (%s): which requests were open at a death is not known; save what has both (docker inspect, kubectl get pods -o json), or log the name of the container", listSome(q.untied.addresses, 4), listSome(q.untied.dead, 4)))
	}
	rows := []finding.Warning{}
	add := func(x *record.Warning) {
		rows = append(rows, finding.Warning{Code: x.Code, Count: x.Count, Text: x.Text, Example: ptr(x.Example), Source: intake.SourceName(x.Pos.Source), Line: x.Pos.Line})
	}
	for i := range w {
		add(&w[i])
	}
	sort.SliceStable(rows, func(i, j int) bool {
		a, b := &rows[i], &rows[j]
		if a.Code != b.Code {
			return a.Code < b.Code
		}
		if a.Source != b.Source {
			return a.Source < b.Source
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Text < b.Text
	})
	if len(rows) > maxWarnings {
		lost := q.traffic.Evidence.Left.Warnings
		for i := range rows[maxWarnings:] {
			lost += rows[maxWarnings+i].Count
		}
		rows = rows[:maxWarnings]
		add(&record.Warning{Code: "warning_overflow", Count: lost, Text: fmt.Sprintf("warnings beyond %d kinds and sources were left out", maxWarnings)})
	}
	q.report.Warnings = rows
}

// charts gathers what the pictures need, downsampled.
func (q *inquiry) charts() {
	c := &finding.Charts{Memory: q.memoryChart(), Requests: q.requestBars()}
	if len(q.traffic.Life.Deaths) > 0 && q.measured.Counts.Total > 0 {
		for _, l := range q.measured.Latency.Rows(q.traffic.Endpoints.Names) {
			c.Latency = append(c.Latency, finding.Latency{Endpoint: l.Endpoint, T: l.At.Std(), P50: round(l.P50, 4), P99: round(l.P99, 4), Count: l.Count})
		}
	}
	if q.heap != nil {
		c.Flame = q.heap.Flame
	}
	q.report.Charts = c
}

// memoryChart are the curves of each life.
func (q *inquiry) memoryChart() (out []finding.Series) {
	for i := range q.memory.lives {
		l := &q.memory.lives[i]
		for _, m := range []record.Metric{record.RSS, record.WorkingSet, record.HeapUsed, record.External} {
			pts := l.Series[m]
			if len(pts) < 2 {
				continue
			}
			s := finding.Series{Container: l.Container, Instance: shorten(l.Instance), Metric: m.String(), Crash: l.Crash}
			limit := l.LimitBytes
			if m == record.HeapUsed {
				limit = l.HeapLimitBytes
			}
			if limit > 0 && m != record.External {
				s.LimitBytes = &limit
			}
			step := float64(len(pts)-1) / float64(maxChartPoints-1)
			if step < 1 {
				step = 1
			}
			// Keep the highest reading of each stretch: peaks matter more than averages.
			for x := 0.0; int(x) < len(pts); x += step {
				lo, hi := int(x), min(len(pts), max(int(x)+1, int(x+step)))
				top := lo
				for k := lo; k < hi; k++ {
					if pts[k].V > pts[top].V {
						top = k
					}
				}
				s.Points = append(s.Points, finding.Point{T: pts[top].T.Std(), V: pts[top].V})
			}
			out = append(out, s)
		}
	}
	return out
}

// requestBars are the requests that were open at deaths, and those of the first suspects.
func (q *inquiry) requestBars() (bars []finding.Bar) {
	shown := map[int]finding.Role{}
	for i, s := range q.report.Suspects {
		if s.Role == finding.Culprit || i < 3 {
			shown[q.endpointIndex(s.Endpoint)] = s.Role
		}
	}
	for i := range q.traffic.Pending {
		p := &q.traffic.Pending[i]
		role, ok := shown[int(p.Endpoint)]
		if !ok && p.Death < 0 {
			continue
		}
		if !ok {
			role = finding.Bystander
		}
		end := p.DoneAt()
		if end == 0 {
			end = max(p.End, p.Start)
		}
		b := finding.Bar{Container: q.traffic.Containers.Names[p.Container], Endpoint: q.traffic.Endpoints.Names[p.Endpoint], Role: role, Start: p.Start.Std(), Outcome: outcomeWord(p),
			Source: q.traffic.Evidence.Sources.Name(p.Source), Line: int64(p.Line)}
		if p.Death >= 0 {
			end = q.traffic.Deaths.At[p.Death]
			b.Crash = q.traffic.Life.Deaths[p.Death].ID()
		}
		b.Seconds = round(max(0, end.Sub(p.Start).Seconds()), 3)
		if len(bars) < maxBars || role == finding.Culprit {
			bars = append(bars, b)
		}
	}
	culprits := map[int]bool{}
	for e, role := range shown {
		if role == finding.Culprit {
			culprits[e] = true
		}
	}
	for i := range q.measured.Slow {
		s := &q.measured.Slow[i]
		if culprits[int(s.Endpoint)] && len(bars) < 2*maxBars {
			bars = append(bars, finding.Bar{Container: q.traffic.Containers.Names[s.Container], Endpoint: q.traffic.Endpoints.Names[s.Endpoint], Role: finding.Culprit, Start: s.Start.Std(),
				Seconds: round(s.Duration.Seconds(), 3), Outcome: "answered", Source: q.traffic.Evidence.Sources.Name(s.Source), Line: int64(s.Line)})
		}
	}
	sort.SliceStable(bars, func(i, j int) bool {
		if !bars[i].Start.Equal(bars[j].Start) {
			return bars[i].Start.Before(bars[j].Start)
		}
		return bars[i].Container < bars[j].Container
	})
	return bars
}
