package report

import (
	"strings"
	"testing"
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
		if got := evidenceText(in); got != want {
			t.Errorf("%s\n got %q\nwant %q", in, got, want)
		}
	}
}

func FuzzEvidenceText(f *testing.F) {
	f.Add(`{"type":"container_crashed","exit_code":137,"more":{"reason":"no"},"reason":"OOM"}`)
	f.Add(`{"a":[1,{"reason":"x`)
	f.Fuzz(func(t *testing.T, s string) {
		if got := evidenceText(s); strings.ContainsFunc(got, hidden) || s != "" && clean(s) != "" && got == "" {
			t.Errorf("%q became %q", s, got)
		}
	})
}
