package datadog_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"lastcall/collectors/datadog/datadogtest"
	"lastcall/collectors/record"
)

// begin is when the small incident begins.
var begin = time.Date(2026, 11, 16, 13, 0, 0, 0, time.UTC)

const (
	smallMinutes  = 60
	smallRequests = 6000
)

var smallRoutes = []struct {
	method, route, path string
	weight              int
	ms                  float64
}{
	{"GET", "/api/users/:id", "/api/users/%d", 60, 20},
	{"GET", "/api/feature-toggles", "/api/feature-toggles", 25, 3},
	{"POST", "/api/answers", "/api/answers", 12, 60},
	{"GET", "/api/exports/:id/csv", "/api/exports/%d/csv", 3, 9000},
}

// small is an incident made here: three containers, web-2 dies at 13:40 with a heap limit, a platform that tells of it, a deploy,
// another application whose containers have the same names, memory, events, statistics and a profile.
func small(t testing.TB) (datadogtest.Evidence, record.Query, time.Time) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(7, 11))
	var items []*datadogtest.Item
	add := func(at time.Time, service, container, message string, tags []string, attrs map[string]any) {
		raw, err := json.Marshal(map[string]any{
			"id": fmt.Sprintf("AgAAA%06d", len(items)), "type": "log",
			"attributes": map[string]any{
				"timestamp": at.UTC().Format("2006-01-02T15:04:05.000Z"), "host": container, "service": service, "status": "info", "message": message,
				"tags": append([]string{"env:production", "service:" + service, "container:" + container}, tags...), "attributes": attrs,
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		it, err := datadogtest.NewItem(raw)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, it)
	}
	request := func(at time.Time, service, container string, n int) {
		k := rnd.IntN(100)
		r := smallRoutes[0]
		for _, r = range smallRoutes {
			if k -= r.weight; k < 0 {
				break
			}
		}
		path := r.path
		if r.route != r.path {
			path = fmt.Sprintf(r.path, rnd.IntN(100000))
		}
		status := 200
		if rnd.IntN(50) == 0 {
			status = 503
		}
		add(at, service, container, "request completed", []string{"version:v1"}, map[string]any{
			"http": map[string]any{
				"method": r.method, "route": r.route, "status_code": status, "request_id": fmt.Sprintf("req-%s-%d", service, n),
				"url_details": map[string]any{"path": path},
			},
			"duration": int64(r.ms * (0.5 + rnd.Float64()) * 1e6), "usr": map[string]any{"id": "mail@example.org"},
		})
	}
	for i := range smallRequests {
		at := begin.Add(time.Duration(i) * smallMinutes * time.Minute / smallRequests)
		c := fmt.Sprintf("web-%d", 1+i%3)
		if c == "web-2" && at.After(begin.Add(40*time.Minute)) && at.Before(begin.Add(41*time.Minute)) {
			c = "web-1"
		}
		request(at, "api", c, i)
	}
	for i := range 300 {
		request(begin.Add(time.Duration(i)*10*time.Second), "shop", "web-2", i)
	}
	died := begin.Add(40 * time.Minute)
	add(died.Add(-time.Second), "api", "web-2", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", nil, map[string]any{})
	add(died.Add(2*time.Second), "platform", "web-2", "[system] [web-2] Container web-2 (dc317786f4c6) crashed, exit status 134", nil, map[string]any{})
	add(died.Add(20*time.Second), "platform", "web-2", "[system] [web-2] Container web-2 (2de782379f00) is up, booted in 12.5s", nil, map[string]any{})
	add(begin.Add(10*time.Minute), "platform", "", "[manager] Deployment of v1 by ci@example.org started", nil, map[string]any{})
	// What the parser must survive.
	add(begin.Add(11*time.Minute), "api", "web-1", "", nil, nil)

	ev := datadogtest.Evidence{Logs: datadogtest.NewItems(items)}
	bytesUnit := json.RawMessage(`[{"family":"bytes","name":"byte","short_name":"B","plural":"bytes","scale_factor":1,"id":2},null]`)
	for c := 1; c <= 3; c++ {
		tags := []string{"service:api", "env:production", fmt.Sprintf("container:web-%d", c), fmt.Sprintf("host:web-%d", c)}
		rss := datadogtest.Series{Metric: "container.memory.usage", Tags: tags, Unit: bytesUnit}
		heap := datadogtest.Series{Metric: "runtime.node.mem.heap_used", Tags: tags, Unit: bytesUnit}
		limit := datadogtest.Series{Metric: "container.memory.limit", Tags: tags, Unit: bytesUnit}
		for s := 0; s < smallMinutes*60; s += 20 {
			at := begin.Add(time.Duration(s) * time.Second)
			age := float64(s)
			if c == 2 && at.After(died) {
				if at.Before(died.Add(25 * time.Second)) {
					continue
				}
				age = at.Sub(died).Seconds()
			}
			ms := float64(at.UnixMilli())
			rss.Points = append(rss.Points, [2]float64{ms, 1e8 + 4e4*age})
			heap.Points = append(heap.Points, [2]float64{ms, 5e7 + 3e4*age})
			limit.Points = append(limit.Points, [2]float64{ms, 4e8})
		}
		ev.Metrics = append(ev.Metrics, rss, heap, limit)
		for _, r := range smallRoutes {
			h := append([]string{"route:" + r.route, "method:" + r.method, "statusCode:200"}, tags...)
			n := datadogtest.Series{Metric: "captain.api.duration.count", Tags: h}
			m := datadogtest.Series{Metric: "captain.api.duration.max", Tags: h}
			for s := 0; s < smallMinutes*60; s += 60 {
				ms := float64(begin.Add(time.Duration(s) * time.Second).UnixMilli())
				n.Points = append(n.Points, [2]float64{ms, float64(r.weight) / 3})
				m.Points = append(m.Points, [2]float64{ms, r.ms * 1.5})
			}
			ev.Metrics = append(ev.Metrics, n, m)
		}
	}
	event, err := datadogtest.NewItem([]byte(`{"id":"e1","type":"event","attributes":{"timestamp":"2026-11-16T13:10:00.000Z","message":"v1 was deployed",` +
		`"tags":["service:api","env:production"],"attributes":{"title":"Deployed v1","service":"api","evt":{"id":"1"}},"service":"api"}}`))
	if err != nil {
		t.Fatal(err)
	}
	ev.Events = datadogtest.NewItems([]*datadogtest.Item{event})
	ev.Resources = []datadogtest.Resource{{Service: "api", Name: "GET /api/users/:id", Hits: 3600, Errors: 70, P50: 0.02, P99: 0.03, MaxOf: 0.031}}
	ev.Profiles = []datadogtest.Profile{
		{EventID: "ev-1", ID: "pr-1", At: begin.Add(5 * time.Minute), Tags: []string{"container:web-1", "service:api"}, Files: map[string][]byte{"heap.pprof": []byte("one"), "metrics.json": []byte("{}")}},
		{EventID: "ev-2", ID: "pr-2", At: died, Tags: []string{"container:web-2", "service:api", "snapshot:on_oom"}, Files: map[string][]byte{"../../heap.pprof": []byte("two")}},
	}
	q := record.Query{From: record.TimeOf(begin), To: record.TimeOf(begin.Add(smallMinutes * time.Minute)), Service: "api", Env: "production"}
	return ev, q, begin.Add(2 * time.Hour)
}
