package report

import (
	"strings"
	"testing"

	"lastcall/report/redact"
)

func TestEvidenceInJSONIsPutIntoWords(t *testing.T) {
	for in, want := range map[string]string{
		"Container web-1 crashed": "Container web-1 crashed",
		`{"time":"2026-11-13T10:12:23.689Z","type":"liveness_kill","container":"web-6","reason":"Unhealthy"}`:   "liveness_kill: Unhealthy",
		`{"type":"container_crashed","exit_code":137,"signal":"SIGKILL","more":{"reason":"no"},"reason":"OOM"}`: "container_crashed: OOM, exit code 137, SIGKILL",
		`{"reason":"OOMKilled","message":"Container api was OOMKilled","involvedObject":{"kind":"Po…`:           "OOMKilled, Container api was OOMKilled",
		`{"type":"oom"}`:                   "oom",
		`{"a":[1,{"reason":"x"}],"b":"c"}`: `{"a":[1,{"reason":"x"}],"b":"c"}`,
		`{broken`:                          `{broken`,
		`{"reason":"a\u001bb"}`:            `{"reason":"a\u001bb"}`,
		`{"reason":"a\nb"}`:                "a b",
	} {
		if got := evidenceText(in, false); got != want {
			t.Errorf("%s\n got %q\nwant %q", in, got, want)
		}
	}
}

// TestEscapesHideNothingFromMasking: what is masked is looked for in the text as written, where "\n4111…" is a word that begins with n.
func TestEscapesHideNothingFromMasking(t *testing.T) {
	for _, c := range []struct{ in, secret, want string }{
		{`{"reason":"card\n4111111111111111"}`, "4111111111111111", "card [card]"},
		{`{"reason":"from\t203.0.113.77"}`, "203.0.113.77", "from [ip]"},
		{`{"reason":"GET \/q?token=hunter2hunter2"}`, "hunter2hunter2", "GET /q"},
		{`{"type":"oom","message":"of \"web-1\""}`, "no secret", `oom: of "web-1"`},
	} {
		// As the report comes to the page: masked as it was written.
		if got := evidenceText(redact.Text(c.in), true); strings.Contains(got, c.secret) || got != c.want {
			t.Errorf("%s became %q, want %q", c.in, got, c.want)
		}
	}
}

func FuzzEvidenceText(f *testing.F) {
	f.Add(`{"type":"container_crashed","exit_code":137,"more":{"reason":"no"},"reason":"OOM"}`)
	f.Add(`{"a":[1,{"reason":"x`)
	f.Fuzz(func(t *testing.T, s string) {
		if got := evidenceText(s, false); strings.ContainsFunc(got, hidden) || s != "" && clean(s) != "" && got == "" {
			t.Errorf("%q became %q", s, got)
		}
		if got := evidenceText(s, true); strings.ContainsFunc(got, hidden) || s != "" && clean(s) != "" && got == "" {
			t.Errorf("masked, %q became %q", s, got)
		}
	})
}
