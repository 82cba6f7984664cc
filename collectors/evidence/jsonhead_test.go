package evidence

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// readLog reads a log from standard input.
func readLog(t *testing.T, log string, workers int) *recordtest.Sink {
	t.Helper()
	var sink recordtest.Sink
	o := Options{Paths: []string{"-"}, Stdin: strings.NewReader(log), Workers: workers}
	if err := New(o).Collect(t.Context(), record.Query{}, &sink); err != nil {
		t.Fatal(err)
	}
	sink.Sort()
	return &sink
}

// headLog writes requests a second apart, each with its end, and its beginning if begin is not empty. %[1]s is the time, %[2]d the number
// of the request, %[3]s its duration as logged.
func headLog(begin, end string, took []time.Duration, logged []string, clock string) string {
	var log strings.Builder
	for i, d := range took {
		at := time.Date(2026, 11, 20, 8, 0, i, 123_000_000, time.UTC)
		stamp := func(t time.Time) string {
			if clock == "epoch" {
				return fmt.Sprintf("%.6f", float64(t.UnixNano())/1e9)
			}
			return t.Format(clock)
		}
		if begin != "" {
			fmt.Fprintf(&log, begin+"\n", stamp(at), i, logged[i])
		}
		fmt.Fprintf(&log, end+"\n", stamp(at.Add(d)), i, logged[i])
	}
	return log.String()
}

func TestTheUnitOfDurationsIsThatOnWhichTheHeadOfTheirLogAgrees(t *testing.T) {
	const (
		begin = `{"time":"%[1]s","level":"INFO","msg":"request started","method":"GET","path":"/x/%[2]d","request_id":"r%[2]d"}`
		end   = `{"time":"%[1]s","level":"INFO","msg":"request completed","method":"GET","path":"/x/%[2]d","status":200,"duration":%[3]s,"request_id":"r%[2]d"}`
		zap   = `{"level":"info","ts":%[1]s,"msg":"finished","method":"GET","path":"/x/%[2]d","status":200,"duration":%[3]s}`
		nanos = "2006-01-02T15:04:05.000000000Z07:00"
		whole = time.RFC3339
	)
	real := []time.Duration{64_712_345, 130_000_001, 18_400_000, 2_003_004_005, 24_387_000, 45_000_000, 31_000_500}
	in := func(unit time.Duration, format string) (out []string) {
		for _, d := range real {
			out = append(out, fmt.Sprintf(format, float64(d)/float64(unit)))
		}
		return out
	}
	short := []time.Duration{300_123, 180_456, 95_789, 220_000, 1_400_500}
	var quick []time.Duration
	var quickLogged []string
	for i := range 25 {
		quick = append(quick, time.Duration(350_000+i*7_001))
		quickLogged = append(quickLogged, fmt.Sprint(350_000+i*7_001))
	}
	for _, c := range []struct {
		name       string
		begin, end string
		took       []time.Duration
		logged     []string
		clock      string
		unit       time.Duration
		why        string
	}{
		{"slog with beginnings", begin, end, real, in(1, "%.0f"), nanos, time.Nanosecond, "as nanoseconds, because the lines"},
		{"microseconds with beginnings", begin, end, real, in(time.Microsecond, "%.0f"), nanos, time.Microsecond, "as microseconds, because the lines"},
		{"milliseconds with beginnings", begin, end, real, in(time.Millisecond, "%.0f"), nanos, time.Millisecond, "as milliseconds, because the lines"},
		{"seconds with beginnings", begin, end, real, in(time.Second, "%.6f"), nanos, time.Second, "as seconds, because the lines"},
		{"slog alone", "", end, real, in(1, "%.0f"), nanos, time.Nanosecond, "in which Go counts"},
		{"slog of a quick service", "", end, quick, quickLogged, nanos, time.Nanosecond, ""},
		{"zap", "", zap, real, in(time.Second, "%.6f"), "epoch", time.Second, "because they have fractions and the times"},
		{"zap that was given milliseconds", "", zap, real, in(time.Millisecond, "%.3f"), "epoch", time.Millisecond, "as milliseconds"},
		{"seconds alone", "", end, real, in(time.Second, "%.15f"), nanos, time.Second, "shorter than any request"},
		{"short ones that were counted in nanoseconds", "", end, short[:5], []string{"0.030123", "0.018456", "0.009789", "0.022000", "12.400500"}, nanos, time.Millisecond, "as milliseconds"},
		{"milliseconds with fractions", "", end, real, in(time.Millisecond, "%.3f"), nanos, time.Millisecond, "as milliseconds"},
		{"milliseconds of a quick service", "", end, short, []string{"0.300123", "0.180456", "0.095789", "0.22", "1.4005"}, nanos, time.Millisecond, "as milliseconds"},
		{"times of whole seconds tell no unit", begin, end, real, in(time.Millisecond, "%.0f"), whole, time.Millisecond, "as milliseconds"},
		{"two requests are too few", begin, end, real[:2], in(time.Second, "%.3f")[:2], nanos, time.Millisecond, "as milliseconds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := readLog(t, headLog(c.begin, c.end, c.took, c.logged, c.clock), 1)
			var got []time.Duration
			for _, r := range sink.Requests {
				if r.Phase == record.Completed {
					got = append(got, r.End.Sub(r.Start).Round(time.Microsecond))
				}
			}
			var want []time.Duration
			for _, s := range c.logged {
				var v float64
				if _, err := fmt.Sscan(s, &v); err != nil {
					t.Fatal(err)
				}
				want = append(want, time.Duration(v*float64(c.unit)).Round(time.Microsecond))
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if sink.WarningCount("duration_unit_assumed") != int64(len(want)) {
				t.Errorf("warnings %+v", sink.Warnings)
			}
			for _, w := range sink.Warnings {
				if w.Code == "duration_unit_assumed" && !strings.Contains(w.Text, c.why) {
					t.Errorf("the warning %q does not say %q", w.Text, c.why)
				}
			}
		})
	}
}

func TestLinesAtWhichRequestsBeginAreTheirBeginningsWhateverTheySay(t *testing.T) {
	const nanos = "2006-01-02T15:04:05.000000000Z07:00"
	const slogEnd = `{"time":"%[1]s","level":"INFO","msg":"request completed","method":"GET","path":"/x/%[2]d","status":200,"duration_ms":%[3]s,"request_id":"r%[2]d"}`
	for _, c := range []struct {
		name, begin, end string
		want             bool
	}{
		{
			"bunyan",
			`{"name":"api","hostname":"web-1","pid":1,"level":30,"req_id":"r%[2]d","req":{"method":"GET","url":"/x/%[2]d"},"msg":"request start","time":"%[1]s","v":0}`,
			`{"name":"api","hostname":"web-1","pid":1,"level":30,"req_id":"r%[2]d","req":{"method":"GET","url":"/x/%[2]d"},"res":{"statusCode":200},"duration":%[3]s,"msg":"request finish","time":"%[1]s","v":0}`,
			true,
		},
		{
			"structlog",
			`{"event": "request_started", "request_id": "r%[2]d", "method": "GET", "path": "/x/%[2]d", "user_email": null, "level": "info", "timestamp": "%[1]s"}`,
			`{"event": "request_finished", "request_id": "r%[2]d", "method": "GET", "path": "/x/%[2]d", "status_code": 200, "duration_ms": %[3]s, "level": "info", "timestamp": "%[1]s"}`,
			true,
		},
		{"slog", `{"time":"%[1]s","level":"INFO","msg":"request started","method":"GET","path":"/x/%[2]d","request_id":"r%[2]d"}`, slogEnd, true},
		{"the query only at the beginning", `{"time":"%[1]s","level":"INFO","msg":"-> GET /x","method":"get","path":"/x/%[2]d?a=1","request_id":"r%[2]d"}`, slogEnd, true},
		{"no message at all", `{"time":"%[1]s","method":"GET","path":"/x/%[2]d","request_id":"r%[2]d"}`, slogEnd, true},
		{
			"logback",
			`{"@timestamp": "%[1]s", "@version": "1", "message": "Incoming GET /x/%[2]d", "level": "INFO", "level_value": 20000, "traceId": "r%[2]d", "method": "GET", "uri": "/x/%[2]d"}`,
			`{"@timestamp": "%[1]s", "@version": "1", "message": "Completed GET /x/%[2]d 200 in %[3]s ms", "level": "INFO", "level_value": 20000, "traceId": "r%[2]d", "method": "GET", "uri": "/x/%[2]d", "status": 200, "elapsed_ms": %[3]s}`,
			true,
		},
		{"an error", `{"time":"%[1]s","level":"ERROR","msg":"no such row","method":"GET","path":"/x/%[2]d","request_id":"r%[2]d"}`, slogEnd, false},
		{"a call to another service", `{"time":"%[1]s","level":"INFO","msg":"calling GET /x","method":"GET","path":"/x/%[2]d","request_id":"r%[2]d"}`, slogEnd, false},
		{"another path", `{"time":"%[1]s","level":"INFO","msg":"checking token","method":"POST","path":"/introspect","request_id":"r%[2]d"}`, slogEnd, false},
		{"another id", `{"time":"%[1]s","level":"INFO","msg":"request started","method":"GET","path":"/x/%[2]d","request_id":"s%[2]d"}`, slogEnd, false},
		{"one line per request, without a status", `{"time":"%[1]s","level":"INFO","msg":"request","method":"GET","path":"/x/%[2]d","request_id":"r%[2]d"}`, `{"time":"%[1]s","level":"INFO","msg":"tick %[2]d"}`, false},
		{
			"two like lines in each request",
			`{"time":"%[1]s","level":"INFO","msg":"query","method":"GET","path":"/x/%[2]d","request_id":"r%[2]d"}` + "\n" +
				`{"time":"%[1]s","level":"INFO","msg":"query","method":"GET","path":"/x/%[2]d","request_id":"r%[2]d"}`, slogEnd, false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			took := []time.Duration{12e6, 40e6, 7e6, 55e6, 80e6}
			sink := readLog(t, headLog(c.begin, c.end, took, []string{"12", "40", "7", "55", "80"}, nanos), 1)
			started := map[string]record.Time{}
			for _, r := range sink.Requests {
				switch r.Phase {
				case record.Started:
					if string(r.Method) != "GET" || len(r.Path) == 0 || r.Start != r.End || r.Status != 0 || r.Outcome != record.OutcomeUnknown || r.Layer != record.LayerApp {
						t.Errorf("a beginning %+v", r)
					}
					started[string(r.ID)] = r.Start
				case record.Completed:
					if at, ok := started[string(r.ID)]; c.want && (!ok || at.Sub(r.Start).Abs() > time.Millisecond) {
						t.Errorf("the request %s began at %v, by its end at %v", r.ID, at.Std(), r.Start.Std())
					}
				}
			}
			want := 0
			if c.want {
				want = len(took)
			}
			if len(started) != want {
				t.Errorf("%d beginnings, want %d", len(started), want)
			}
		})
	}
}

func TestWhatAnApplicationSaysWithinARequestIsNoBeginning(t *testing.T) {
	var log strings.Builder
	for i := range 20 {
		say := func(ms int, msg, more string) {
			fmt.Fprintf(&log, `{"time":"2026-11-20T08:00:%02d.%03dZ","level":"INFO","msg":"%s","method":"GET","path":"/x/%d","request_id":"r%d"%s}`+"\n", i, ms, msg, i, i, more)
		}
		say(1, "incoming", "")
		if i%2 == 0 {
			say(2, "loading user", "")
		}
		say(3, "rendering", "")
		say(4, "done", `,"status":200,"duration_ms":3`)
	}
	sink := readLog(t, log.String(), 1)
	started, completed := 0, 0
	for _, r := range sink.Requests {
		if r.Phase == record.Started {
			started++
			if r.Start.Std().Nanosecond() != 1_000_000 {
				t.Errorf("a beginning at %v", r.Start.Std())
			}
		} else {
			completed++
		}
	}
	if started != 20 || completed != 20 {
		t.Errorf("%d beginnings and %d ends, want 20 of each", started, completed)
	}
}

func TestTheIDOfATraceIsOfSeveralRequests(t *testing.T) {
	var log strings.Builder
	for i := range 10 {
		line := func(pod string, ms int, msg, path, more string) {
			fmt.Fprintf(&log, `{"time":"2026-11-20T08:00:%02d.%03dZ","level":"INFO","pod":"%s","msg":"%s","method":"GET","path":"%s","trace_id":"t%d"%s}`+"\n", i, ms, pod, msg, path, i, more)
		}
		line("edge-0", 1, "in", "/shop", "")
		line("users-0", 2, "in", "/users/1", "")
		line("users-0", 30, "out", "/users/1", `,"status":200,"duration_ms":28`)
		line("edge-0", 41, "out", "/shop", `,"status":200,"duration_ms":40`)
	}
	started := map[string]int{}
	for _, r := range readLog(t, log.String(), 1).Requests {
		if r.Phase == record.Started {
			started[string(r.Container)+string(r.Path)]++
		}
	}
	if diff := cmp.Diff(map[string]int{"edge-0/shop": 10, "users-0/users/1": 10}, started); diff != "" {
		t.Errorf("beginnings (-want +got):\n%s", diff)
	}
}

func TestWhatTheHeadTellsIsTheSameHoweverALogIsShared(t *testing.T) {
	var took []time.Duration
	var logged []string
	for i := range 20_000 {
		took = append(took, time.Duration(1_000_000+i*1_003))
		logged = append(logged, fmt.Sprint(took[i].Nanoseconds()))
	}
	log := headLog(
		`{"time":"%[1]s","level":"INFO","msg":"request started","method":"GET","path":"/x/%[2]d","request_id":"r%[2]d"}`,
		`{"time":"%[1]s","level":"INFO","msg":"request completed","method":"GET","path":"/x/%[2]d","status":200,"duration":%[3]s,"request_id":"r%[2]d"}`,
		took, logged, "2006-01-02T15:04:05.000000000Z07:00")
	alone := readLog(t, log, 1)
	if len(alone.Requests) != 40_000 {
		t.Fatalf("%d requests, want 40000", len(alone.Requests))
	}
	if diff := cmp.Diff(alone.Requests, readLog(t, log, 4).Requests, cmp.Transformer("line", func(p record.Pos) int64 { return p.Line })); diff != "" {
		t.Errorf("(-alone +shared)\n%.2000s", diff)
	}
}
