package redact

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/analyze/finding"
	"lastcall/report/internal/walk"
)

func testReport() *finding.Report {
	t0 := time.Date(2026, 11, 16, 13, 0, 0, 0, time.UTC)
	ex := func(crash, user, id, path string) finding.Example {
		return finding.Example{Crash: crash, Container: "web-1", Start: t0, Outcome: "given_up", Path: path, User: user, RequestID: id, Source: "router.log", Line: 7}
	}
	return &finding.Report{
		SchemaVersion: "1",
		Verdict:       finding.Verdict{Cause: finding.RequestBurst, Grade: finding.Likely, Endpoint: new("GET /api/users/{id}/export"), Summary: "User laura sent it to web-1 and captain-api-7d9f8b6c5d-x2x4z, as did user 42."},
		Crashes: []finding.Crash{{ID: "c1", Time: t0, Container: "web-1", Kind: "oom_kill", Instance: new("7d9f8b6c5d1122334455667788990011aabbccddeeff00112233445566778899"), Version: new("4f2a91c0d3e5b6a7980011223344556677889900"), Host: new("10.0.3.7"),
			Evidence: []finding.Evidence{{Source: "/home/laura/evidence/router.log", Line: 3, Text: `at=info path="/api/users/107919/export?mail=laura@example.com" host=x request_id=6c203d84-76a2-4b5d-a2d9-3604a8c5d9b9 fwd="203.0.113.7" dyno=web.1 user=laura`},
				{Source: "docker.log", Text: "container 7d9f8b6c5d1122334455667788990011aabbccddeeff00112233445566778899 died, image sha 4f2a91c0d3e5b6a7980011223344556677889900"}}}},
		Suspects: []finding.Suspect{{Endpoint: "GET /api/users/{id}/export", Role: finding.Culprit, Grade: finding.Likely, Reasons: []string{"42 of 42 requests of 203.0.113.7 and of 198.51.100.9 were slow; 203.0.113.7 came back"}, Examples: []finding.Example{
			ex("c1", "laura", "6c203d84-76a2-4b5d-a2d9-3604a8c5d9b9", "/api/users/107919/export?x=1"),
			ex("c2", "42", "r-9", "/api/users/laura/export"),
			ex("c3", "laura", "r-10", "/api/users/107919/export"),
		}}},
		Pattern:   &finding.Pattern{Kind: "user", Value: "laura", Next: "laura will hit web-3 next"},
		Charts:    &finding.Charts{Requests: []finding.Bar{{Container: "web-1", Endpoint: "GET /api/users/{id}/export", Start: t0}}, Flame: &finding.Flame{Name: "main.cacheProfile", File: "/app/profile.go"}},
		Sensitive: []finding.Sensitive{{Kind: "user", Value: "laura"}, {Kind: "client", Value: "203.0.113.7"}, {Kind: "path", Value: "/api/secret/abc"}},
	}
}

func TestReportKeepsWhoIsWho(t *testing.T) {
	r := testReport()
	before := testReport()
	got := Report(r)
	if diff := cmp.Diff(before, r); diff != "" {
		t.Fatalf("the report itself was changed:\n%s", diff)
	}
	if !got.Redacted || got.Sensitive != nil {
		t.Errorf("Redacted %v, Sensitive %v", got.Redacted, got.Sensitive)
	}
	for what, pair := range map[string][2]string{
		"summary":         {got.Verdict.Summary, "user-1 sent it to web-1 and captain-api-7d9f8b6c5d-x2x4z, as did user-2."},
		"pattern":         {got.Pattern.Value, "user-1"},
		"next":            {got.Pattern.Next, "user-1 will hit web-3 next"},
		"first user":      {got.Suspects[0].Examples[0].User, "user-1"},
		"second user":     {got.Suspects[0].Examples[1].User, "user-2"},
		"third user":      {got.Suspects[0].Examples[2].User, "user-1"},
		"first request":   {got.Suspects[0].Examples[0].RequestID, "request-1"},
		"second request":  {got.Suspects[0].Examples[1].RequestID, "request-2"},
		"path":            {got.Suspects[0].Examples[0].Path, "/api/users/{id}/export"},
		"user in a path":  {got.Suspects[0].Examples[1].Path, "/api/users/{id}/export"},
		"evidence":        {got.Crashes[0].Evidence[0].Text, `at=info path="/api/users/{id}/export" host=x request_id=request-1 fwd="client-1" dyno=web.1 user=user-1`},
		"container id":    {got.Crashes[0].Evidence[1].Text, "container 7d9f8b6c5d11 died, image sha 4f2a91c0d3e5"},
		"source":          {got.Crashes[0].Evidence[0].Source, "~/evidence/router.log"},
		"addresses":       {got.Suspects[0].Reasons[0], "42 of 42 requests of client-1 and of ip-2 were slow; client-1 came back"},
		"instance":        {*got.Crashes[0].Instance, "7d9f8b6c5d11"},
		"version":         {*got.Crashes[0].Version, "4f2a91c0d3e5"},
		"host":            {*got.Crashes[0].Host, "ip-1"},
		"endpoint":        {got.Suspects[0].Endpoint, "GET /api/users/{id}/export"},
		"function":        {got.Charts.Flame.Name, "main.cacheProfile"},
		"file":            {got.Charts.Flame.File, "/app/profile.go"},
		"container":       {got.Crashes[0].Container, "web-1"},
		"bar's container": {got.Charts.Requests[0].Container, "web-1"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %q, want %q", what, pair[0], pair[1])
		}
	}
	if diff := cmp.Diff(got, Report(got)); diff != "" {
		t.Errorf("redacting again changes the report:\n%s", diff)
	}
	if diff := cmp.Diff(got, Report(testReport())); diff != "" {
		t.Errorf("redaction differs from one time to the next:\n%s", diff)
	}
}

// The front page is a path like any other, and stands in all of them.
func TestAValueWithoutALetterOrDigitIsNobodys(t *testing.T) {
	r := testReport()
	r.Verdict.Endpoint = new("GET /admin/customers/{id}/history")
	r.Sensitive = []finding.Sensitive{{Kind: "path", Value: "/"}, {Kind: "user", Value: "-"}}
	if got := *Report(r).Verdict.Endpoint; got != "GET /admin/customers/{id}/history" {
		t.Errorf("the endpoint is shown as %q", got)
	}
}

func TestPatternKinds(t *testing.T) {
	for kind, want := range map[string]string{
		"user": "user-1", "request": "request-1", "path": "path-1 (/api/users/{id}/x)", "endpoint": "/api/users/{id}/x", "job": "value-1",
	} {
		r := &finding.Report{Pattern: &finding.Pattern{Kind: kind, Value: "/api/users/42/x?y=1", Next: "if /api/users/42/x?y=1 comes again"}}
		got := Report(r)
		if got.Pattern.Value != want {
			t.Errorf("%s: got %q, want %q", kind, got.Pattern.Value, want)
		}
		if strings.Contains(got.Pattern.Next, "42") || strings.Contains(got.Pattern.Next, "y=1") {
			t.Errorf("%s: %q", kind, got.Pattern.Next)
		}
	}
}

func TestShortAndNumericIdsAreReplacedOnlyWhereTheyAreIds(t *testing.T) {
	r := func(text string, values ...string) string {
		rep := &finding.Report{Method: []string{text}}
		for _, v := range values {
			rep.Sensitive = append(rep.Sensitive, finding.Sensitive{Kind: "user", Value: v})
		}
		return Report(rep).Method[0]
	}
	for _, tt := range []struct{ text, value, want string }{
		{"user 42 sent 42 requests in 42 s, 42% of all, 4.42 and 42.5", "42", "user-1 sent 42 requests in 42 s, 42% of all, 4.42 and 42.5"},
		{`{"userId":"42","n":42,"sub":"42"}`, "42", `{"userId":"user-1","n":42,"sub":"user-1"}`},
		{"107919 retried it; 107919 bytes; 1079190 and x107919y", "107919", "user-1 retried it; 107919 bytes; 1079190 and x107919y"},
		{"sent by 42, had lived for 42 hours, from 42 containers", "42", "sent by user-1, had lived for 42 hours, from 42 containers"},
		{"user 42 hours ago", "42", "user-1 hours ago"},
		{"al is short, user al is not", "al", "al is short, user-1 is not"},
		{"laura, Laura2 and laura's; flaura", "laura", "user-1, Laura2 and user-1's; flaura"},
		{"a b@c.example d", "b@c.example", "a user-1 d"},
		{"mail b%40c.example!", "b@c.example", "mail user-1!"},
	} {
		if got := r(tt.text, tt.value); got != tt.want {
			t.Errorf("%q with %q:\n got %q\nwant %q", tt.text, tt.value, got, tt.want)
		}
	}
	if got := r("ann and ann-marie", "ann-marie", "anna", "ann-m"); got != "ann and user-1" {
		t.Errorf("the longest value goes first: %q", got)
	}
}

// Every string field of the model, those of tomorrow too, goes through redaction.
func TestNoFieldOfTheModelKeepsASecret(t *testing.T) {
	n := 0
	r := &finding.Report{}
	fill(reflect.ValueOf(r).Elem(), &n, 0)
	out := Report(r)
	walk.Copy(out, func(f walk.Field, s string) string {
		for _, p := range planted {
			if strings.Contains(s, p) {
				// Names are kept; what is long and hexadecimal in them is cut to 12 characters.
				t.Errorf("%s.%s keeps %q: %q", f.Struct, f.Name, p, s)
			}
		}
		return s
	})
}

func fill(v reflect.Value, n *int, depth int) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for _, field := range v.Fields() {
			fill(field, n, depth)
		}
	case reflect.Pointer:
		if depth < 5 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), n, depth+1)
		}
	case reflect.Slice:
		if depth < 5 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			for i := range 2 {
				fill(v.Index(i), n, depth+1)
			}
		}
	case reflect.String:
		*n++
		// What an identifier cannot hold by its nature is not planted in one: a card number is no function name, and so on.
		v.SetString(fmt.Sprintf("n%d %s", *n, strings.Join([]string{planted[0], planted[3], planted[4], planted[5], "password=hunter2hunter2"}, " ")))
	}
}

func TestFieldsOfTextMaskEverything(t *testing.T) {
	text := strings.Join(planted, " ")
	r := &finding.Report{Verdict: finding.Verdict{Summary: text}, Method: []string{text}, HeapNotes: []string{text}, Crashes: []finding.Crash{{Note: text, Evidence: []finding.Evidence{{Text: text}}}},
		Suspects: []finding.Suspect{{Endpoint: "GET /" + planted[9], Reasons: []string{text}, Examples: []finding.Example{{Path: "/x/" + strings.Join(planted, "/") + "?" + text, RequestID: planted[9], User: planted[0]}}}},
		Timeline: []finding.Event{{Text: text}}, Checks: []finding.Check{{Detail: text}}, Coverage: []finding.Coverage{{MissingReason: &text}}, Warnings: []finding.Warning{{Text: text, Example: &text}},
		Pattern: &finding.Pattern{Kind: "request", Value: planted[9], Next: text}, Restarts: []finding.Restart{{Detail: text}}, Goroutines: []finding.Goroutines{{Note: text}}, Actions: []finding.Action{{Text: text}},
		Memory: []finding.Memory{{Note: text}}, Heap: []finding.Heap{{Note: text}}}
	walk.Copy(Report(r), func(f walk.Field, s string) string {
		for _, p := range planted {
			if strings.Contains(s, p) {
				t.Errorf("%s.%s keeps %q: %q", f.Struct, f.Name, p, s)
			}
		}
		return s
	})
}

func FuzzReport(f *testing.F) {
	f.Add("laura", "web-1", "user laura on web-1 asked /api/users/laura", uint8(0))
	f.Add("42", "7d9f8b6c5d1122334455667788990011", "42 requests of user 42 on 7d9f8b6c5d1122334455667788990011", uint8(1))
	f.Add("a\uf8f00\uf8f1", "\uf8f00\uf8f1", "x \uf8f00\uf8f1 y \uf8f0", uint8(2))
	f.Fuzz(func(t *testing.T, user, container, text string, kind uint8) {
		r := &finding.Report{
			Crashes:   []finding.Crash{{Container: container, Instance: &container, Version: &container}},
			Suspects:  []finding.Suspect{{Endpoint: text, Examples: []finding.Example{{User: user, RequestID: container, Path: text}}}},
			Pattern:   &finding.Pattern{Kind: []string{"user", "request", "path", "endpoint", ""}[int(kind)%5], Value: user},
			Method:    []string{text + " " + planted[0] + " " + user},
			Sensitive: []finding.Sensitive{{Kind: "user", Value: user}},
		}
		got := Report(r)
		if strings.Contains(got.Method[0], planted[0]) && !strings.Contains(container, planted[0]) {
			t.Errorf("the e-mail survived: %q", got.Method[0])
		}
		if u := strings.TrimSpace(user); u != "" && got.Suspects[0].Examples[0].User == user && !masked.MatchString(user) {
			t.Errorf("the user survived: %q", user)
		}
		if diff := cmp.Diff(got, Report(r)); diff != "" {
			t.Errorf("not the same twice:\n%s", diff)
		}
	})
}

func TestClassesNameFieldsThatExist(t *testing.T) {
	found := map[walk.Field]bool{}
	seen := map[reflect.Type]bool{}
	var visit func(rt reflect.Type)
	visit = func(rt reflect.Type) {
		for rt.Kind() == reflect.Pointer || rt.Kind() == reflect.Slice {
			rt = rt.Elem()
		}
		if rt.Kind() != reflect.Struct || seen[rt] {
			return
		}
		seen[rt] = true
		for field := range rt.Fields() {
			found[walk.Field{Struct: rt.Name(), Name: field.Name}] = true
			visit(field.Type)
		}
	}
	visit(reflect.TypeFor[finding.Report]())
	for f := range classes {
		if !found[f] {
			t.Errorf("the model has no field %s.%s", f.Struct, f.Name)
		}
	}
}

// TestAPathIsMaskedWhereItsEndpointHasAParameter: who made the template knew that a value stands there, whatever it looks like.
func TestAPathIsMaskedWhereItsEndpointHasAParameter(t *testing.T) {
	for _, value := range []string{"P-AB12CD", "~bob.smith", "name=bob", "4711.pdf", "judy", "a%20b"} {
		path := "/api/sessions/" + value + "/attestations"
		r := &finding.Report{
			Crashes:  []finding.Crash{{Evidence: []finding.Evidence{{Text: `path="` + path + `?mail=x" status=503`}, {Text: `{"url":"` + strings.ReplaceAll(path, "/", `\/`) + `"}`}}}},
			Suspects: []finding.Suspect{{Endpoint: "POST /api/sessions/:sessionId/attestations", Examples: []finding.Example{{Path: path + "?mail=x"}}}},
			Pattern:  &finding.Pattern{Kind: "path", Value: path + "?mail=x"},
		}
		got := Report(r)
		texts := []string{got.Suspects[0].Examples[0].Path, got.Crashes[0].Evidence[0].Text, got.Crashes[0].Evidence[1].Text, got.Pattern.Value}
		for _, text := range texts {
			if strings.Contains(text, value) || !strings.Contains(text, "/api/sessions/{id}/attestations") {
				t.Errorf("%s is shown as %s", value, text)
			}
		}
	}
	for _, c := range [][3]string{
		{"/static/x/y.js", "/static/*", "/static/{id}"}, {"/a/b/c", "/a/{rest*}", "/a/{id}"}, {"/a/b", "/a/b/c", "/a/b"}, {"/a/b/c", "/a/:x", "/a/{id}/c"}, {"", "", ""},
	} {
		if got := alignPath(c[0], c[1]); got != c[2] {
			t.Errorf("%s by %s became %s, want %s", c[0], c[1], got, c[2])
		}
	}
}
