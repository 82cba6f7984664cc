package datadog_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"lastcall/collectors/datadog"
	"lastcall/collectors/datadog/datadogtest"
	"lastcall/collectors/record"
)

// big is a Store of lines that are made as they are read: a service with many requests a second for hours, whose lines are too many
// to list. A container dies three times, each time in the midst of an export.
type big struct {
	from       time.Time
	perSecond  int
	hours      int
	containers int
	deaths     map[int64]int // millisecond -> container
}

func (b *big) total() int64 { return int64(b.perSecond) * int64(b.hours) * 3600 }

// bigLine is one line; which, its number decides.
type bigLine struct {
	b    *big
	n    int64
	died int // container that the platform speaks of; 0 means a request
	at   int64
}

func (l *bigLine) hash() uint64 {
	x := uint64(l.n)*0x9e3779b97f4a7c15 + 1
	x ^= x >> 31
	x *= 0xbf58476d1ce4e5b9
	return x ^ x>>29
}

func (l *bigLine) At() int64 { return l.at }
func (l *bigLine) ID() string {
	if l.died > 0 {
		return fmt.Sprintf("B%015dX", l.n)
	}
	return fmt.Sprintf("B%015d", l.n)
}

func (l *bigLine) container() string {
	if l.died > 0 {
		return fmt.Sprintf("web-%d", l.died)
	}
	return bigNames[l.hash()%uint64(l.b.containers)]
}

var bigNames = [...]string{"web-1", "web-2", "web-3", "web-4", "web-5", "web-6", "web-7", "web-8"}

func (l *bigLine) Message() string {
	if l.died > 0 {
		return fmt.Sprintf("[system] [web-%d] Container web-%d (2de782379f00) crashed, exit status 137 (out of memory: 512MB/512MB)", l.died, l.died)
	}
	return "request completed"
}

func (l *bigLine) route() (method, route string) {
	switch h := l.hash() >> 8 % 1000; {
	case h < 600:
		return "GET", "/api/users/:id"
	case h < 900:
		return "GET", "/api/courses"
	case h < 998:
		return "POST", "/api/answers"
	}
	return "GET", "/api/exports/:id/csv"
}

func (l *bigLine) duration() float64 {
	_, route := l.route()
	d := 5e6 + float64(l.hash()>>20%1000)*1e5
	if route == "/api/exports/:id/csv" {
		d *= 400
	}
	return d
}

func (l *bigLine) Value(facet string) any {
	switch facet {
	case "env":
		return "production"
	case "container", "host":
		return l.container()
	case "service":
		if l.died > 0 {
			return "platform"
		}
		return "api"
	}
	if l.died > 0 {
		return nil
	}
	switch facet {
	case "@http.route":
		_, r := l.route()
		return r
	case "@http.method":
		m, _ := l.route()
		return m
	case "@http.status_code":
		return 200.0
	case "@duration":
		return l.duration()
	}
	return nil
}

func (l *bigLine) Raw() []byte {
	attrs := map[string]any{}
	if l.died == 0 {
		m, r := l.route()
		attrs = map[string]any{
			"http": map[string]any{
				"method": m, "route": r, "status_code": 200, "request_id": l.ID(),
				"url_details": map[string]any{"path": strings.ReplaceAll(r, ":id", fmt.Sprint(l.n))},
			},
			"duration": int64(l.duration()),
		}
	}
	service := l.Value("service").(string)
	b, err := json.Marshal(map[string]any{"id": l.ID(), "type": "log", "attributes": map[string]any{
		"timestamp": time.UnixMilli(l.at).UTC().Format("2006-01-02T15:04:05.000Z"), "host": l.container(), "service": service, "status": "info",
		"message": l.Message(), "tags": []string{"env:production", "service:" + service, "container:" + l.container()}, "attributes": attrs,
	}})
	if err != nil {
		panic(err)
	}
	return b
}

func (b *big) Scan(from, to int64, visit func(datadogtest.Entry) bool) {
	start := b.from.UnixMilli()
	line := &bigLine{b: b}
	first := max(0, (from-start)*int64(b.perSecond)/1000-1)
	for n := first; n < b.total(); n++ {
		at := start + n*1000/int64(b.perSecond)
		if at < from {
			continue
		}
		if at > to {
			return
		}
		*line = bigLine{b: b, n: n, at: at}
		if !visit(line) {
			return
		}
		if c := b.deaths[at]; c > 0 && (n == 0 || start+(n-1)*1000/int64(b.perSecond) != at) {
			*line = bigLine{b: b, n: n, at: at, died: c}
			if !visit(line) {
				return
			}
		}
	}
}

func (b *big) evidence() (datadogtest.Evidence, record.Query) {
	ev := datadogtest.Evidence{Logs: b}
	for c := 1; c <= b.containers; c++ {
		s := datadogtest.Series{
			Metric: "container.memory.usage", Tags: []string{"service:api", "env:production", fmt.Sprintf("container:web-%d", c)},
			Unit: json.RawMessage(`[{"family":"bytes","name":"byte","scale_factor":1},null]`),
		}
		for m := range b.hours * 180 {
			s.Points = append(s.Points, [2]float64{float64(b.from.Add(time.Duration(m) * 20 * time.Second).UnixMilli()), 2e8})
		}
		ev.Metrics = append(ev.Metrics, s)
	}
	to := b.from.Add(time.Duration(b.hours) * time.Hour)
	return ev, record.Query{From: record.TimeOf(b.from), To: record.TimeOf(to), Service: "api", Env: "production"}
}

func TestTooManyLinesToListAreAnsweredFromAStatedSampleWithinTheCalls(t *testing.T) {
	b := &big{from: begin, perSecond: 10, hours: 6, containers: 8} // 216 000 lines
	if os.Getenv("LASTCALL_LONG") != "" {
		b.perSecond = 500 // 10.8 million
	}
	b.deaths = map[int64]int{}
	for i, c := range []int{2, 5, 7} {
		b.deaths[begin.Add(time.Duration(90+70*i)*time.Minute).UnixMilli()] = c
	}
	ev, q := b.evidence()
	srv := datadogtest.New(ev)
	defer srv.Close()
	o := options(srv, begin.Add(7*time.Hour))
	o.Patient()
	var sum datadog.Summary
	var plan datadog.Plan
	o.Done = func(s datadog.Summary) { sum = s }
	o.Plan = func(p datadog.Plan) { plan = p }
	s := collect(t, o, q)
	t.Logf("\n%s%s", plan, sum)
	if n := len(srv.Calls()); n > 60 || n != sum.Calls || plan.Calls() > 60 {
		t.Errorf("%d calls, %d told, %d planned", n, sum.Calls, plan.Calls())
	}
	if len(s.Crashes) != 3 {
		t.Errorf("%d signs of death, want 3", len(s.Crashes))
	}
	seen := map[string]bool{}
	for _, r := range s.Requests {
		if seen[string(r.ID)] {
			t.Fatalf("request %s came twice", r.ID)
		}
		seen[string(r.ID)] = true
	}
	var total float64
	for _, e := range s.Exposures {
		if e.Container == "" {
			total += e.Count
		}
	}
	if total != float64(b.total()) {
		t.Errorf("Datadog counted %.0f requests, want %d", total, b.total())
	}
	if f := coverageSampled(s); f <= 0 || f > 0.2 {
		t.Errorf("the sample is said to be %g of the lines", f)
	}
	if m := missing(s, "requests"); !strings.Contains(m, "a sample") {
		t.Errorf("missing: %q", m)
	}
	// Every line of each window said to be whole is there, and each death has one.
	hazards, quiet := 0, 0
	for _, c := range coverage(s, "requests") {
		if c.Container == "" {
			continue
		}
		want := 0
		b.Scan(int64(c.From)/1e6, int64(c.To)/1e6-1, func(e datadogtest.Entry) bool {
			if l := e.(*bigLine); l.died == 0 && l.container() == c.Container {
				want++
			}
			return true
		})
		got := 0
		for _, r := range s.Requests {
			if string(r.Container) == c.Container && r.End >= c.From && r.End < c.To {
				got++
			}
		}
		if got != want {
			t.Errorf("%s from %s to %s: %d requests, want %d", c.Container, c.From.Std(), c.To.Std(), got, want)
		}
		near := false
		for at, n := range b.deaths {
			near = near || (fmt.Sprintf("web-%d", n) == c.Container && record.Time(at*1e6) >= c.From && record.Time(at*1e6) <= c.To)
		}
		if near {
			hazards++
		} else {
			quiet++
		}
	}
	if hazards != 3 || quiet < 3 {
		t.Errorf("%d windows around deaths, %d quiet ones", hazards, quiet)
	}
	// The slowest are all there.
	slow := 0
	for _, r := range s.Requests {
		if r.End.Sub(r.Start) >= 41*time.Second {
			slow++
		}
	}
	want := 0
	b.Scan(0, 1<<60, func(e datadogtest.Entry) bool {
		if l := e.(*bigLine); l.died == 0 && l.duration() >= 41e9 {
			want++
		}
		return true
	})
	if slow != want {
		t.Errorf("%d requests of 41 s and more, want all %d", slow, want)
	}
}
