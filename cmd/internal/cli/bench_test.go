package cli

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"lastcall/collectors/evidence"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
	"lastcall/testdata/bench/traffic"
)

// The benchmark's generator must write what the parsers take whole, or its table measures something else.
func TestEveryLineOfTheBenchmarkIsUnderstood(t *testing.T) {
	dir := t.TempDir()
	res, err := traffic.Write(dir, traffic.Options{Lines: 1000, Hours: 1, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if res.Requests < 800 || res.Requests >= 1000 {
		t.Fatalf("%d requests in 1000 lines", res.Requests)
	}
	for _, name := range append(traffic.Formats(), traffic.Crashes) {
		var s recordtest.Sink
		err := evidence.New(evidence.Options{Paths: []string{filepath.Join(dir, name)}}).Collect(t.Context(), record.Query{}, &s)
		if err != nil || len(s.Warnings) > 0 {
			t.Errorf("%s: error %v, warnings %v", name, err, s.Warnings)
		}
		requests, crashes := res.Requests, 0
		if name == traffic.Crashes {
			requests, crashes = 0, res.Crashes
		}
		if len(s.Requests) != requests || len(s.Crashes) != crashes {
			t.Errorf("%s: %d requests and %d crashes, want %d and %d", name, len(s.Requests), len(s.Crashes), requests, crashes)
		}
	}
}

func TestTheBenchmarksIncidentIsOneThatCanBeSolved(t *testing.T) {
	dir := t.TempDir()
	res, err := traffic.Write(dir, traffic.Options{Lines: 30_000, Hours: 6, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	r := runIn(t, nil, "investigate", filepath.Join(dir, traffic.Router), filepath.Join(dir, traffic.Crashes), "--format", "json")
	var rep struct{ Verdict struct{ Endpoint string } }
	if err := json.Unmarshal([]byte(r.out), &rep); err != nil || r.code != 0 || rep.Verdict.Endpoint != res.Culprit {
		t.Errorf("exit %d, endpoint %q, want %q (%v)\n%s", r.code, rep.Verdict.Endpoint, res.Culprit, err, r.errOut)
	}
}
