package report

import (
	"fmt"
	"math"
	"time"

	"lastcall/analyze/finding"
)

// The fixtures: whole reports made by hand, as an analyzer would fill them. Their charts come from formulas, so that they are
// large enough to be true and the same on every run.

var t0 = time.Date(2026, 11, 16, 13, 30, 17, 0, time.UTC)

func at(d time.Duration) time.Time { return t0.Add(d) }

const (
	exportEndpoint = "GET /api/campaigns/{id}/profiles-collection/csv"
	mib            = 1 << 20
)

// noise is a repeatable value in [0, 1) for i.
func noise(i int) float64 {
	x := math.Sin(float64(i)*12.9898+78.233) * 43758.5453
	return x - math.Floor(x)
}

// fixtures are all reports by name.
func fixtures() map[string]*finding.Report {
	return map[string]*finding.Report{
		"burst":        burstReport(),
		"leak":         leakReport(),
		"healthy":      healthyReport(),
		"undetermined": undeterminedReport(),
		"nothing":      nothingReport(),
	}
}

// burstReport is four crashes by one request that one user repeats from container to container.
func burstReport() *finding.Report {
	ep := new(exportEndpoint)
	fn, file := new("computeParticipantProfile"), new("src/campaigns/domain/usecases/export-profiles-collection.js")
	deaths := []struct {
		at        time.Duration
		container string
		instance  string
		ran       float64
		request   string
	}{
		{17*time.Minute + 40*time.Second, "web-1", "dc317786f4c66790fb508272", 82.1, "6c203d84-76a2-4b5d-a2d9-3604a8c5d9b9"},
		{22*time.Minute + 5*time.Second, "web-4", "38fb04a96ae61c2d00f1a9b2", 71.4, "0a3c1f7e-11aa-4c09-9d55-6b0c2c6d7e21"},
		{27*time.Minute + 48*time.Second, "web-7", "499e3e228aff77ab01cd23ef", 88.9, "be5f2f0d-2b1c-4c3a-8f10-95f8d0a4c7aa"},
		{33*time.Minute + 2*time.Second, "web-2", "d8405f775fe1aa00bb11cc22", 76.3, "f1b7a1de-90f4-4f69-8a15-3d7d0f4e8c10"},
	}
	limit := new(int64(400 * mib))
	r := &finding.Report{
		SchemaVersion: finding.SchemaVersion,
		Window:        finding.Window{From: t0, To: at(46 * time.Minute)},
		Verdict: finding.Verdict{
			Cause: finding.RequestBurst, Grade: finding.Conclusive, Endpoint: ep, Function: fn, File: file,
			Summary: "GET /api/campaigns/{id}/profiles-collection/csv killed web-1, web-4, web-7 and web-2: it was open at every death, it is almost never open " +
				"otherwise, and the same user retried it on the next container each time.",
		},
		Pattern: &finding.Pattern{
			Kind: "user", Value: "107919", SpacingSeconds: 314,
			Next: "the next container dies about 5 minutes after the last one; the request is routed at random among web-3, web-5, web-6 and web-8.",
		},
		Restarts: []finding.Restart{
			{Time: at(time.Minute), Container: "web-3", Reason: "cycling", Detail: "daily restart of the platform"},
			{Time: at(40 * time.Minute), Container: "web-8", Reason: "stopped_reporting", Detail: "no metric and no log line after 14:10:17"},
		},
		Impact: &finding.Impact{Requests: 21532, Failed: 220, ServerErrors: 236, Users: 187, DownSeconds: 41.6},
		Actions: []finding.Action{
			{Kind: "mitigate", Rule: "burst.open-at-onset", Text: "Block or rate-limit GET /api/campaigns/{id}/profiles-collection/csv at the router until it is fixed; user 107919 retries it by hand."},
			{Kind: "fix", Rule: "burst.open-at-onset", Text: "Stream the export in pages instead of holding all participants in memory (computeParticipantProfile)."},
			{Kind: "observe", Rule: "coverage.started-lines", Text: "Log incoming requests when they start: then an open request is seen, not inferred from the router giving up."},
		},
		Method: []string{
			"Compared with 412 quiet windows of the same containers, at the same hour, 1 minute each.",
			"Clock skew between router.log and platform.log: 0.6 s (4 crashes).",
			"The router logs a request when it ends; a request it gave up on after 30 s counts as running until the application logs it or the container dies.",
		},
		HeapNotes: []string{"web-1 wrote a profile as memory ran out (web-1_20261116T134757Z_oom.pb.gz); the other deaths fall between two profiles."},
		Heap: []finding.Heap{
			{Function: "computeParticipantProfile", File: file, Line: 41, GrowthBytes: 71 * mib, Share: 0.82, Endpoint: ep, Profiles: 6, FlatBytes: 70 * mib, CumBytes: 71 * mib,
				OnOOM: true, Containers: 1, CalledFrom: []string{"exportProfilesCollection", "handler"}},
			{Function: "parseRow", File: new("node_modules/pg/lib/result.js"), Line: 88, GrowthBytes: 9 * mib, Share: 0.1, Profiles: 6, FlatBytes: 9 * mib, CumBytes: 9 * mib},
		},
		Checks: []finding.Check{
			{Rule: "burst.open-at-onset", Outcome: finding.Supports, Detail: "Open when the slow-down began in 4 of 4 crashes; in 3 of 412 comparable quiet windows."},
			{Rule: "burst.same-user", Outcome: finding.Supports, Detail: "User 107919 sent it each time, 2 to 9 s after the previous container died."},
			{Rule: "rival.load", Outcome: finding.Neutral, Detail: "The load was ordinary before the crashes (53rd percentile)."},
			{Rule: "rival.deploy", Outcome: finding.Supports, Detail: "No deploy in the 6 hours before."},
			{Rule: "leak.floor", Outcome: finding.Contradicts, Detail: "On web-7 the floor rose by 4 MiB in the ten minutes before, which a burst does not explain."},
			{Rule: "heap.names-code", Outcome: finding.NotPossible, Detail: "Three of the four deaths fall between two heap profiles."},
		},
		Coverage: []finding.Coverage{
			{Source: "router.log", Signal: "requests", From: new(at(33 * time.Second)), To: new(at(46 * time.Minute)), Records: 21532, Format: "scalingo-router"},
			{Source: "platform.log", Signal: "crashes", From: new(t0), To: new(at(46 * time.Minute)), Records: 61, Format: "scalingo-platform"},
			{Source: "metrics.csv", Signal: "memory", From: new(t0), To: new(at(46 * time.Minute)), Records: 2204, Format: "metrics-csv"},
			{Source: "datadog logs", Signal: "requests", From: new(t0), To: new(at(46 * time.Minute)), Records: 2150, Sampled: new(0.1)},
			{Source: "app.ndjson", Signal: "started requests", MissingReason: new("the application logs only finished requests; turn on \"incoming request\" lines (pino: customReceivedMessage)")},
		},
		Warnings: []finding.Warning{
			{Code: "malformed", Count: 3, Text: "lines that no format recognises", Example: new("<--- Last few GCs --->"), Source: "platform.log", Line: 17},
			{Code: "clock-skew", Count: 1, Text: "source runs 0.6 s ahead of the others", Source: "platform.log"},
		},
		Charts: &finding.Charts{},
		Sensitive: []finding.Sensitive{
			{Kind: "user", Value: "107919"},
			{Kind: "request", Value: "6c203d84-76a2-4b5d-a2d9-3604a8c5d9b9"},
		},
	}
	s := finding.Suspect{
		Endpoint: exportEndpoint, Role: finding.Culprit, Grade: finding.Conclusive, CrashesWith: 4, CrashesTotal: 4, Baseline: 3.0 / 412, BaselineWith: 3, BaselineTotal: 412,
		Effect:    finding.Effect{Value: 561234, Low: 12500, High: 3.2e6, Measure: "likelihood_ratio"},
		PAdjusted: new(0.00002), Probability: new(0.9991), OpenAtDeath: 4, LongestSeconds: 88.9, Requests: 70, TrafficShare: 0.0033,
		BytesPerRequest: &finding.Estimate{Value: 74 * mib, Low: 61 * mib, High: 92 * mib},
		Reasons: []string{
			"It had begun before the slow-down in every crash and never ended.",
			"The heap profile at the first death names its code, computeParticipantProfile.",
		},
		Function: fn, File: file,
	}
	for i, d := range deaths {
		id := fmt.Sprintf("c%d", i+1)
		death := at(d.at)
		start := death.Add(-time.Duration(d.ran * float64(time.Second)))
		c := finding.Crash{
			ID: id, Time: death, Container: d.container, Instance: new(d.instance), Kind: "heap_limit", ExitCode: new(134), Signal: new("SIGABRT"),
			UptimeSeconds: new(d.at.Seconds() - 8), ExplainedBy: ep,
			Requests:   &finding.CrashRequests{Cut: 21 - i, GivenUp: 34 + 3*i, Open: 1, Finished: 212 + 11*i},
			LastMemory: &finding.LastMemory{Metric: "rss", Bytes: float64(190+4*i) * mib, LimitBytes: limit, AgeSeconds: 14.7 + float64(i)},
			Evidence: []finding.Evidence{
				{Source: "platform.log", Line: int64(20 + 40*i), Time: new(death), Text: "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"},
				{Source: "platform.ndjson", Line: int64(17 + 4*i), Time: new(death.Add(700 * time.Millisecond)), Text: "crashed, exit code 134"},
			},
		}
		r.Crashes = append(r.Crashes, c)
		r.Pattern.Steps = append(r.Pattern.Steps, finding.Step{Crash: id, Container: d.container, Start: start, Seconds: d.ran})
		s.Examples = append(s.Examples, finding.Example{
			Crash: id, Container: d.container, Start: start, Seconds: d.ran, Outcome: "given_up", Status: 504, Path: "/api/campaigns/48211/profiles-collection/csv?lang=fr",
			RequestID: d.request, User: "107919", Source: "router.log", Line: int64(8123 + 2600*i),
		})
		r.Timeline = append(r.Timeline,
			finding.Event{Time: start, Kind: "request", Text: "user 107919 asks " + d.container + " for " + exportEndpoint, Source: "router.log", Line: int64(8123 + 2600*i), Observed: true, Container: d.container, Crash: id},
			finding.Event{Time: death.Add(-20 * time.Second), Kind: "memory", Text: d.container + " is short of memory: everything on it slows down", Source: "metrics.csv", Line: int64(310 + 90*i), Observed: false, Container: d.container, Crash: id},
			finding.Event{Time: death, Kind: "crash", Text: d.container + " dies: heap limit, exit 134", Source: "platform.log", Line: int64(20 + 40*i), Observed: true, Container: d.container, Crash: id},
			finding.Event{Time: death.Add(10 * time.Second), Kind: "restart", Text: d.container + " is up again", Source: "platform.log", Line: int64(52 + 40*i), Observed: true, Container: d.container},
		)
	}
	r.Timeline = append(r.Timeline, finding.Event{Time: at(45 * time.Minute), Kind: "planned", Text: "maintenance window begins (given by the user)", Source: "--planned", Observed: true})
	victim := "POST /api/assessments/{id}/answers"
	r.Suspects = []finding.Suspect{s,
		{Endpoint: victim, Role: finding.Victim, Grade: finding.Insufficient, CrashesWith: 4, CrashesTotal: 4, Baseline: 0.61, BaselineWith: 251, BaselineTotal: 412,
			Effect: finding.Effect{Value: 0.4, Low: 0.1, High: 1.2, Measure: "likelihood_ratio"}, PAdjusted: new(1.0), OpenAtDeath: 19, LongestSeconds: 75.9, Requests: 4401, TrafficShare: 0.2044,
			Reasons: []string{"Slowed down only once the container was short of memory, as everything on it did."}},
		{Endpoint: "GET /api/campaigns/{id}", Role: finding.Victim, Grade: finding.Insufficient, CrashesWith: 2, CrashesTotal: 4, Baseline: 0.12, BaselineWith: 49, BaselineTotal: 412,
			Effect: finding.Effect{Value: 1.1, Low: 0.2, High: 3.9, Measure: "likelihood_ratio"}, Requests: 612, TrafficShare: 0.0284, Reasons: []string{"Began after the slow-down."}},
	}
	for i := range 14 {
		r.Suspects = append(r.Suspects, finding.Suspect{
			Endpoint: fmt.Sprintf("GET /api/%s/{id}", []string{"users", "organizations", "sessions", "certifications", "modules", "tutorials", "badges", "targets", "tags", "places", "prescribers", "feedbacks", "stages", "levels"}[i]),
			Role:     finding.Bystander, Grade: finding.Insufficient, CrashesWith: i % 3, CrashesTotal: 4, Baseline: float64(40+i*13) / 412, BaselineWith: 40 + i*13, BaselineTotal: 412,
			Requests: int64(900 - 40*i), TrafficShare: float64(900-40*i) / 21532, Reasons: []string{"Open as often in quiet times."},
		})
	}
	// Memory of eight containers, the four dead ones with a life after.
	for n := 1; n <= 8; n++ {
		name := fmt.Sprintf("web-%d", n)
		var death time.Duration
		var crash, instance string
		for i, d := range deaths {
			if d.container == name {
				death, crash, instance = d.at, fmt.Sprintf("c%d", i+1), d.instance
			}
		}
		end := 46 * time.Minute
		if death > 0 {
			end = death - 15*time.Second
		}
		lives := []struct {
			from, to time.Duration
			crash    string
			instance string
		}{{20 * time.Second, end, crash, instance}}
		if death > 0 {
			lives = append(lives, struct {
				from, to time.Duration
				crash    string
				instance string
			}{death + 10*time.Second, 46 * time.Minute, "", ""})
		}
		for k, l := range lives {
			sr := finding.Series{Container: name, Instance: l.instance, Metric: "rss", LimitBytes: limit, Crash: l.crash}
			for x := l.from; x < l.to; x += 10 * time.Second {
				v := 118 + 14*(1-math.Exp(-(x-l.from).Seconds()/120)) + 6*noise(n*1000+k*500+int(x.Seconds()))
				if l.crash != "" {
					if left := (death - x).Seconds(); left < 90 {
						v += (90 - left) * 0.8
					}
				}
				sr.Points = append(sr.Points, finding.Point{T: at(x), V: v * mib})
			}
			r.Charts.Memory = append(r.Charts.Memory, sr)
			m := finding.Memory{Container: name, Metric: "rss", Shape: finding.ShapeFlat, SlopeBytesPerHour: finding.Estimate{Value: 0.4 * mib, Low: -1.2 * mib, High: 2.1 * mib}, LimitBytes: limit,
				SampleIntervalSeconds: 10, From: sr.Points[0].T, To: sr.Points[len(sr.Points)-1].T, FirstBytes: sr.Points[0].V, LastBytes: sr.Points[len(sr.Points)-1].V, MaxBytes: 146 * mib, Samples: len(sr.Points)}
			if l.crash != "" {
				m.Shape, m.Crash, m.BlindSeconds, m.MaxBytes = finding.ShapeBurst, l.crash, new(14.7), m.LastBytes
				m.Instance = new(l.instance)
				m.Note = "at least 48 MiB a minute in the last minute; what came in the 15 s before the death is not seen"
			}
			r.Memory = append(r.Memory, m)
		}
	}
	// Requests: the suspect's, and some of everybody's.
	for i := range 640 {
		start := at(time.Duration(noise(i) * float64(45*time.Minute)))
		b := finding.Bar{Container: fmt.Sprintf("web-%d", 1+i%8), Endpoint: victim, Role: finding.Victim, Start: start, Seconds: 0.2 + 3*noise(i+7000), Outcome: "answered", Source: "router.log", Line: int64(100 + i)}
		if i%16 == 0 {
			b.Endpoint, b.Role, b.Seconds = exportEndpoint, finding.Culprit, 4+9*noise(i+90)
		}
		r.Charts.Requests = append(r.Charts.Requests, b)
	}
	for i, e := range s.Examples {
		r.Charts.Requests = append(r.Charts.Requests, finding.Bar{Container: e.Container, Endpoint: exportEndpoint, Role: finding.Culprit, Start: e.Start, Seconds: e.Seconds, Outcome: "given_up", Crash: e.Crash, Source: e.Source, Line: e.Line})
		for j := range 12 {
			st := e.Start.Add(time.Duration((20 + 4*j) * int(time.Second)))
			death := r.Crashes[i].Time
			r.Charts.Requests = append(r.Charts.Requests, finding.Bar{Container: e.Container, Endpoint: victim, Role: finding.Victim, Start: st, Seconds: death.Sub(st).Seconds(), Outcome: "cut", Crash: e.Crash, Source: "router.log", Line: int64(9000 + 100*i + j)})
		}
	}
	for m := range 46 {
		t := at(time.Duration(m) * time.Minute)
		near := 0.0
		for _, d := range deaths {
			if g := math.Abs(d.at.Minutes() - float64(m) - 0.5); g < 1.5 {
				near = 1.5 - g
			}
		}
		r.Charts.Latency = append(r.Charts.Latency,
			finding.Latency{Endpoint: exportEndpoint, T: t, P50: 6.2 + noise(m) + 20*near, P99: 12.5 + 3*noise(m+50) + 50*near, Count: int64(1 + m%3)},
			finding.Latency{Endpoint: "others", T: t, P50: 0.04 + 0.01*noise(m+9), P99: 0.31 + 0.1*noise(m+99) + 14*near, Count: int64(450 + 30*noise(m))})
	}
	r.Charts.Flame = &finding.Flame{Name: "all", Value: 126 * mib, Delta: 87 * mib, Children: []*finding.Flame{
		{Name: "processTicksAndRejections", File: "node:internal/process/task_queues", Value: 121 * mib, Delta: 85 * mib, Children: []*finding.Flame{
			{Name: "handler", File: "node_modules/@hapi/hapi/lib/handler.js", Value: 112 * mib, Delta: 81 * mib, Children: []*finding.Flame{
				{Name: "exportProfilesCollection", File: "src/campaigns/application/campaign-controller.js", Value: 86 * mib, Delta: 80 * mib, Children: []*finding.Flame{
					{Name: "computeParticipantProfile", File: *file, Value: 72 * mib, Delta: 71 * mib},
					{Name: "query", File: "node_modules/pg/lib/client.js", Value: 12 * mib, Delta: 9 * mib, Children: []*finding.Flame{
						{Name: "parseRow", File: "node_modules/pg/lib/result.js", Value: 11 * mib, Delta: 9 * mib},
					}},
				}},
				{Name: "saveAnswer", File: "src/assessments/domain/usecases/save-answer.js", Value: 21 * mib, Delta: 3 * mib},
				{Name: "warmCache", File: "src/shared/cache.js", Value: 4 * mib, Delta: -2 * mib},
			}},
			{Name: "flushLogs", File: "node_modules/pino/lib/transport.js", Value: 6 * mib, Delta: 4 * mib},
		}},
		{Name: "(program)", Value: 5 * mib, Delta: 2 * mib},
	}}
	return r
}

// leakReport is a slow leak of one handler of a Go service, with heap profiles and goroutines.
func leakReport() *finding.Report {
	ep := new("GET /api/users/{id}/profile")
	limit := new(int64(512 * mib))
	fn, file := new("main.cacheProfile"), new("/app/profile.go")
	r := &finding.Report{
		SchemaVersion: finding.SchemaVersion,
		Window:        finding.Window{From: t0, To: at(30 * time.Hour)},
		Verdict: finding.Verdict{Cause: finding.RequestLeak, Grade: finding.Likely, Endpoint: ep, Function: fn, File: file,
			Summary: "Every GET /api/users/{id}/profile keeps about 2.1 KiB (main.cacheProfile); api-1 died of it after 26 h, api-2 reaches its limit in about 3 h."},
		Crashes: []finding.Crash{{ID: "c1", Time: at(26 * time.Hour), Container: "api-1", Instance: new("7d9f8b6c5d1122334455667788990011aabbccddeeff00112233445566778899"), Kind: "oom_kill", ExitCode: new(137), Signal: new("SIGKILL"),
			UptimeSeconds: new(26.0 * 3600), Version: new("v312"), Host: new("node-3"), Service: new("api"), ExplainedBy: ep, Note: "26 h after deploy v312",
			Requests:   &finding.CrashRequests{Open: 2},
			LastMemory: &finding.LastMemory{Metric: "rss", Bytes: 509 * mib, LimitBytes: limit, AgeSeconds: 8},
			Evidence:   []finding.Evidence{{Source: "kernel.log", Line: 4411, Time: new(at(26 * time.Hour)), Text: "Memory cgroup out of memory: Killed process 4123 (api) total-vm:1820400kB, anon-rss:520100kB"}}}},
		Suspects: []finding.Suspect{{Endpoint: *ep, Role: finding.Culprit, Grade: finding.Likely, CrashesWith: 1, CrashesTotal: 1,
			Effect: finding.Effect{Value: 0.91, Low: 0.78, High: 0.99, Measure: "share_of_growth"}, Probability: new(0.94), PAdjusted: new(0.012),
			BytesPerRequest: &finding.Estimate{Value: 2150, Low: 1800, High: 2490}, LongestSeconds: 0.12, Requests: 412_000, TrafficShare: 0.31,
			Reasons: []string{"The floor of the memory follows its cumulative count on both containers, and time alone explains it worse.", "main.cacheProfile holds 88% of the growth of the heap."}, Function: fn, File: file}},
		Memory: []finding.Memory{
			{Container: "api-1", Metric: "rss", Shape: finding.ShapeLeak, SlopeBytesPerHour: finding.Estimate{Value: 17 * mib, Low: 16 * mib, High: 18.2 * mib}, LimitBytes: limit, SampleIntervalSeconds: 60, BlindSeconds: new(8.0),
				From: t0, To: at(26 * time.Hour), FirstBytes: 64 * mib, LastBytes: 509 * mib, MaxBytes: 509 * mib, Samples: 1560, Crash: "c1"},
			{Container: "api-2", Metric: "rss", Shape: finding.ShapeLeak, SlopeBytesPerHour: finding.Estimate{Value: 14 * mib, Low: 12.5 * mib, High: 15 * mib}, LimitBytes: limit, SampleIntervalSeconds: 60,
				TimeToLimitSeconds: new(3.1 * 3600), TimeToLimit: &finding.Estimate{Value: 3.1 * 3600, Low: 2.4 * 3600, High: 4.2 * 3600}, From: t0, To: at(30 * time.Hour), FirstBytes: 62 * mib, LastBytes: 468 * mib, MaxBytes: 468 * mib, Samples: 1800},
		},
		Heap: []finding.Heap{
			{Function: "main.cacheProfile", File: file, Line: 57, GrowthBytes: 348 * mib, Share: 0.88, Endpoint: ep, Profiles: 52, FlatBytes: 348 * mib, CumBytes: 348 * mib, SlopeBytesPerHour: &finding.Estimate{Value: 13 * mib, Low: 12 * mib, High: 14 * mib}, Shape: finding.ShapeLeak, Containers: 2,
				CalledFrom: []string{"main.(*server).getProfile", "net/http.HandlerFunc.ServeHTTP"}},
			{Function: "main.newSession", File: new("/app/session.go"), Line: 12, GrowthBytes: 11 * mib, Share: 0.03, Profiles: 52, FlatBytes: 11 * mib, CumBytes: 14 * mib, Shape: finding.ShapePlateau, Containers: 1, Note: "grew in the first hour, then stayed"},
		},
		Goroutines: []finding.Goroutines{{Function: "main.(*hub).subscribe", File: new("/app/hub.go"), State: "chan receive", First: 12, Last: 4310, Container: "api-1", Leak: true, Note: "grows with GET /api/events"}},
		Timeline: []finding.Event{
			{Time: t0, Kind: "deploy", Text: "deploy v312", Source: "platform.log", Line: 1, Observed: true},
			{Time: at(20 * time.Hour), Kind: "memory", Text: "api-1 passes 80% of its limit", Source: "metrics.csv", Line: 1201, Observed: true, Container: "api-1"},
			{Time: at(26 * time.Hour), Kind: "crash", Text: "api-1 dies: OOM kill", Source: "kernel.log", Line: 4411, Observed: true, Container: "api-1", Crash: "c1"},
			{Time: at(33*time.Hour + 6*time.Minute), Kind: "memory", Text: "api-2 would reach its limit", Source: "metrics.csv", Observed: false, Container: "api-2"},
		},
		Checks: []finding.Check{
			{Rule: "leak.per-request", Outcome: finding.Supports, Detail: "2.1 KiB per request (90%: 1.8 to 2.4 KiB) on both containers."},
			{Rule: "leak.time-only", Outcome: finding.Neutral, Detail: "Growth with time alone is 40 times less likely, not impossible with one crash."},
		},
		Coverage: []finding.Coverage{{Source: "access.log", Signal: "requests", From: new(t0), To: new(at(30 * time.Hour)), Records: 1_330_000}, {Source: "profiles", Signal: "heap profiles", From: new(t0), To: new(at(30 * time.Hour)), Records: 52}},
		Actions:  []finding.Action{{Kind: "mitigate", Text: "Restart api-2 within 2 h.", Rule: "leak.forecast"}, {Kind: "fix", Text: "Bound the cache in main.cacheProfile (/app/profile.go:57)."}},
		Charts:   &finding.Charts{},
	}
	for n := 1; n <= 2; n++ {
		s := finding.Series{Container: fmt.Sprintf("api-%d", n), Metric: "rss", LimitBytes: limit}
		hours := 30.0
		if n == 1 {
			hours, s.Crash = 26, "c1"
		}
		for i := range 500 {
			h := hours * float64(i) / 499
			s.Points = append(s.Points, finding.Point{T: at(time.Duration(h * float64(time.Hour))), V: (63 + (17.1-3.6*float64(n-1))*h + 14*noise(i*n)) * mib})
		}
		r.Charts.Memory = append(r.Charts.Memory, s)
	}
	r.Charts.Flame = &finding.Flame{Name: "all", Value: 440 * mib, Delta: 395 * mib, Children: []*finding.Flame{
		{Name: "net/http.(*conn).serve", File: "net/http/server.go", Value: 430 * mib, Delta: 390 * mib, Children: []*finding.Flame{
			{Name: "main.(*server).getProfile", File: "/app/server.go", Value: 380 * mib, Delta: 360 * mib, Children: []*finding.Flame{{Name: "main.cacheProfile", File: *file, Value: 349 * mib, Delta: 348 * mib}}},
			{Name: "main.newSession", File: "/app/session.go", Value: 14 * mib, Delta: 11 * mib},
			{Name: "bufio.NewReaderSize", File: "bufio/bufio.go", Value: 8 * mib, Delta: -6 * mib},
		}},
	}}
	return r
}

// healthyReport is a quiet day: everything was seen and nothing is wrong.
func healthyReport() *finding.Report {
	r := &finding.Report{
		SchemaVersion: finding.SchemaVersion,
		Window:        finding.Window{From: t0, To: at(24 * time.Hour)},
		Verdict:       finding.Verdict{Cause: finding.None, Grade: finding.Likely, Summary: "No crash and no growth on 2 containers over 24 h, with requests, memory and platform events seen throughout."},
		Memory: []finding.Memory{
			{Container: "web-1", Metric: "rss", Shape: finding.ShapePlateau, SlopeBytesPerHour: finding.Estimate{Value: 20_000, Low: -90_000, High: 130_000}, LimitBytes: new(int64(512 * mib)), SampleIntervalSeconds: 60, From: t0, To: at(24 * time.Hour), FirstBytes: 80 * mib, LastBytes: 141 * mib, MaxBytes: 150 * mib, Samples: 1440},
			{Container: "web-2", Metric: "rss", Shape: finding.ShapeFlat, SlopeBytesPerHour: finding.Estimate{Value: -4_000, Low: -90_000, High: 70_000}, LimitBytes: nil, SampleIntervalSeconds: 60, From: t0, To: at(24 * time.Hour), FirstBytes: 138 * mib, LastBytes: 139 * mib, MaxBytes: 147 * mib, Samples: 1440},
		},
		Checks:   []finding.Check{{Rule: "leak.floor", Outcome: finding.Supports, Detail: "The floor of the memory does not rise on any container."}},
		Coverage: []finding.Coverage{{Source: "router.log", Signal: "requests", From: new(t0), To: new(at(24 * time.Hour)), Records: 1_201_334}, {Source: "platform.log", Signal: "crashes", From: new(t0), To: new(at(24 * time.Hour)), Records: 12}},
		Impact:   &finding.Impact{Requests: 1_201_334, ServerErrors: 3},
		Charts:   &finding.Charts{},
	}
	for n := 1; n <= 2; n++ {
		s := finding.Series{Container: fmt.Sprintf("web-%d", n), Metric: "rss", LimitBytes: new(int64(512 * mib))}
		for i := range 288 {
			s.Points = append(s.Points, finding.Point{T: at(time.Duration(i) * 5 * time.Minute), V: (138 - 58*math.Exp(-float64(i)/12) + 9*noise(i+n*400)) * mib})
		}
		r.Charts.Memory = append(r.Charts.Memory, s)
	}
	return r
}

// undeterminedReport has a crash and evidence that cannot hold the culprit.
func undeterminedReport() *finding.Report {
	return &finding.Report{
		SchemaVersion: finding.SchemaVersion,
		Window:        finding.Window{From: t0, To: at(time.Hour)},
		Verdict:       finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: "web-1 died once of its heap limit; only finished requests are logged, so the request that was running cannot be seen."},
		Crashes:       []finding.Crash{{ID: "c1", Time: at(30 * time.Minute), Container: "web-1", Kind: "heap_limit"}},
		Checks:        []finding.Check{{Rule: "burst.open-at-onset", Outcome: finding.NotPossible, Detail: "No line tells which requests had begun."}},
		Coverage: []finding.Coverage{
			{Source: "app.ndjson", Signal: "requests", From: new(t0), To: new(at(time.Hour)), Records: 9000},
			{Source: "metrics", Signal: "memory", MissingReason: new("no metrics were given")},
		},
		Actions: []finding.Action{{Kind: "observe", Text: "Save the router's log too: it knows requests that never finished."}},
	}
}

// nothingReport is what an empty folder leads to.
func nothingReport() *finding.Report {
	return &finding.Report{
		SchemaVersion: finding.SchemaVersion,
		Verdict:       finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: "No file of the folder could be read."},
		Coverage:      []finding.Coverage{{Source: "evidence/", Signal: "requests", MissingReason: new("no file in a recognised format")}},
	}
}
