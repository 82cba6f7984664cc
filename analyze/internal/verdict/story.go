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

// maxWarnings bounds those that are told.
const maxWarnings = 10_000

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

// unheard returns the containers that died and of which there is no request, where others of their service serve.
func (q *inquiry) unheard() (names []string) {
	if !q.traffic.Containers.Named || q.traffic.Sampled.Fraction > 0 {
		return nil
	}
	pools := map[string]bool{}
	for name := range q.serving() {
		pools[q.poolOf(name)] = true
	}
	for d := range q.traffic.Life.Deaths {
		name := q.traffic.Life.Deaths[d].Container
		if _, process := naming.IsProcess(name); process || slices.Contains(names, name) || !pools[q.poolOf(name)] {
			continue
		}
		if c := q.traffic.Containers.Index(name); c == 0 || !q.measured.Serves[c] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
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
	if dead := q.unheard(); len(dead) > 0 && len(q.untied.Dead) == 0 {
		why := "did they never come up, or is their log missing?"
		if strange := q.traffic.StrangeAddresses(); len(strange) > 0 {
			why = fmt.Sprintf("did they never come up, is their log missing, or were they at an address that nothing ties to a container (%s)?", listSome(strange, 4))
		}
		own("requests_missing", int64(len(dead)), fmt.Sprintf("containers died of which there is no request, while others like them serve (%s): %s Their deaths speak against every endpoint", listSome(dead, 4), why))
	}
	if len(q.untied.Addresses) > 0 {
		own("untied_addresses", int64(len(q.untied.Addresses)), fmt.Sprintf("requests name what served them by address (%s), and no source ties those to what died (%s): which requests were open at a death is not known; save what has both (docker inspect, kubectl get pods -o json), or log the name of the container", listSome(q.untied.Addresses, 4), listSome(q.untied.Dead, 4)))
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
