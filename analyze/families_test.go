package analyze_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// people gives five hours of an API whose paths hold names: four deaths, thirty seconds into an export that culprit names, and the usual
// requests, of which some are cut as well.
func people(t *testing.T, culprit func(death int) string) func(record.Sink) {
	names := []string{"judy", "henry", "carol_k", "erin.oneil", "dave", "mallory", "ivan", "peggy"}
	return func(s record.Sink) {
		line := int64(0)
		serve := func(container, path string, start record.Time, dur time.Duration, out record.Outcome) {
			line++
			served(t, s, routerLog, line, container, path, fmt.Sprint("r", line), start, dur, out)
		}
		for i := range 5 * 3600 / 2 {
			at := dawn.Add(time.Duration(i) * 2 * time.Second)
			web := fmt.Sprintf("web-%d", i%4+1)
			serve(web, "/api/users/"+names[i*7%len(names)], at, 30*time.Millisecond, record.Answered)
			serve(web, []string{"/api/orders", "/api/products", "/api/carts"}[i%3], at, 50*time.Millisecond, record.Answered)
			if i%1000 == 0 {
				serve(web, "/api/users/"+names[i/1000%len(names)]+"/export", at, 2*time.Second, record.Answered)
			}
		}
		for d := range 4 {
			at := dawn.Add(time.Duration(d+1) * 55 * time.Minute)
			web := fmt.Sprintf("web-%d", d+1)
			if c := culprit(d); c != "" {
				serve(web, c, at.Add(-30*time.Second), 30*time.Second, record.Cut)
			}
			for i := range 3 {
				serve(web, "/api/users/"+names[(d+i)%len(names)], at.Add(-time.Duration(i+1)*300*time.Millisecond), time.Duration(i+1)*300*time.Millisecond, record.Cut)
			}
			if err := s.Crash(killed(web, at)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestPathsWithNamesAreTakenTogether: where each death met an export of another person, the export of people is accused, at likely at
// best, and nobody is named.
func TestPathsWithNamesAreTakenTogether(t *testing.T) {
	r := look(t, analyze.Options{}, people(t, func(d int) string {
		return "/api/users/" + []string{"judy", "henry", "carol_k", "erin.oneil"}[d] + "/export"
	}))
	v := r.Verdict
	if v.Cause != finding.RequestBurst || v.Grade != finding.Likely || v.Endpoint == nil || *v.Endpoint != "GET /api/users/{id}/export" {
		t.Fatalf("%s (%s): %s", v.Cause, v.Grade, v.Summary)
	}
	if !slices.ContainsFunc(r.Method, func(s string) bool { return strings.Contains(s, "a second look") }) || !strings.Contains(v.Summary, "taken together") {
		t.Errorf("it is not said that there was a second look: %s\n%s", v.Summary, strings.Join(r.Method, "\n"))
	}
	total := int64(0)
	for _, s := range r.Suspects {
		if s.Grade.Rank() > finding.Likely.Rank() {
			t.Errorf("%s is %s", s.Endpoint, s.Grade)
		}
		if strings.Contains(s.Endpoint, "judy") {
			t.Errorf("%s names a person", s.Endpoint)
		}
		total += s.Requests
	}
	if total == 0 || total > 5*3600+100 {
		t.Errorf("the suspects have %d requests", total)
	}
	// Nothing was open at the deaths but what is always there: a second look accuses nobody either.
	if r := look(t, analyze.Options{}, people(t, func(int) string { return "" })); r.Verdict.Endpoint != nil {
		t.Errorf("%s is accused: %s", *r.Verdict.Endpoint, r.Verdict.Summary)
	}
	// What one look finds is not blurred by another.
	if v := look(t, analyze.Options{}, people(t, func(int) string { return "/api/users/judy/export" })).Verdict; v.Endpoint == nil || *v.Endpoint != "GET /api/users/judy/export" {
		t.Errorf("%s (%s): %s", v.Cause, v.Grade, v.Summary)
	}
}

// TestASecondLookAccusesNoPopularNeighbour: rare actions beside the items of a collection are no items, though all their paths differ in one
// segment only; at each death another one was open.
func TestASecondLookAccusesNoPopularNeighbour(t *testing.T) {
	for _, usual := range []string{"/api/users/%d", "/api/users/feed"} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			line := int64(0)
			serve := func(container, path string, start record.Time, dur time.Duration, out record.Outcome) {
				line++
				served(t, s, routerLog, line, container, path, fmt.Sprint("r", line), start, dur, out)
			}
			actions := []string{"export", "import", "merge", "sync"}
			for i := range 5 * 3600 {
				path := usual
				if strings.Contains(usual, "%") {
					path = fmt.Sprintf(usual, 1000+i%500)
				}
				serve(fmt.Sprintf("web-%d", i%4+1), path, dawn.Add(time.Duration(i)*time.Second), 30*time.Millisecond, record.Answered)
				if i%4000 == 500 {
					serve(fmt.Sprintf("web-%d", i%4+1), "/api/users/"+actions[i/4000%4], dawn.Add(time.Duration(i)*time.Second), 4*time.Second, record.Answered)
				}
			}
			for d, action := range actions {
				web, at := fmt.Sprintf("web-%d", d+1), dawn.Add(time.Duration(d+1)*55*time.Minute)
				serve(web, "/api/users/"+action, at.Add(-30*time.Second), 30*time.Second, record.Cut)
				if err := s.Crash(killed(web, at)); err != nil {
					t.Fatal(err)
				}
			}
		})
		if e := r.Verdict.Endpoint; e != nil && *e == "GET /api/users/{id}" {
			t.Errorf("beside %s: %s is accused: %s", usual, *e, r.Verdict.Summary)
		}
	}
}
