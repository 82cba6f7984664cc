package analyze_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/collectors/record"
)

// TestAQuestionAboutOneService takes what the platform says of everybody, and nothing of other services.
func TestAQuestionAboutOneService(t *testing.T) {
	src := &record.Source{Name: "export.ndjson"}
	r := look(t, analyze.Options{Service: "api"}, func(s record.Sink) {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		line := int64(0)
		request := func(service string, layer record.Layer, container, path string, start record.Time, dur time.Duration, out record.Outcome) {
			line++
			must(s.Request(&record.Request{Pos: record.Pos{Source: src, Line: line}, Layer: layer, Outcome: out, Start: start, End: start.Add(dur), Status: 200, Method: []byte("GET"),
				Path: []byte(path), Container: []byte(container), Service: []byte(service), ID: []byte(fmt.Sprint(line))}))
		}
		for i := range 1440 {
			at := dawn.Add(time.Duration(i) * 5 * time.Second)
			request("router", record.LayerRouter, "web-1", "/ok", at, 100*time.Millisecond, record.Answered)
			request("billing", record.LayerApp, "web-1", "/invoices", at, 100*time.Millisecond, record.Answered)
		}
		for _, m := range []int{20, 50, 80, 110} {
			at := dawn.Add(time.Duration(m) * time.Minute)
			request("router", record.LayerRouter, "web-1", "/big", at.Add(-20*time.Second), 20*time.Second, record.Cut)
			for _, service := range []string{"scalingo", "billing"} {
				k := killed("web-1", at)
				if k.Service = service; service == "billing" {
					k.Container = "billing-1"
				}
				line++
				k.Pos = record.Pos{Source: src, Line: line}
				must(s.Crash(k))
			}
		}
	})
	if r.Verdict.Endpoint == nil || *r.Verdict.Endpoint != "GET /big" || len(r.Crashes) != 4 {
		t.Errorf("%d crashes: %s", len(r.Crashes), r.Verdict.Summary)
	}
	for _, c := range r.Crashes {
		if c.Container != "web-1" {
			t.Errorf("%s is of another service: %s", c.ID, c.Container)
		}
	}
	if strings.Contains(r.Verdict.Summary, "invoices") || r.Impact != nil && r.Impact.Requests != 1444 {
		t.Errorf("%s %+v", r.Verdict.Summary, r.Impact)
	}
}
