package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lastcall/collectors/record/recordtest"
)

func files(t testing.TB) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "..", "..", "testdata", "scenarios", "*.txt"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no scenario files found: %v", err)
	}
	out := map[string]string{}
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(n), ".txt")] = string(text)
	}
	return out
}

func emit(t testing.TB, text string) (*Scenario, *recordtest.Sink) {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	sink := &recordtest.Sink{}
	if err := s.Emit(sink); err != nil {
		t.Fatal(err)
	}
	return s, sink
}

func TestDump(t *testing.T) {
	for name, text := range files(t) {
		s, sink := emit(t, text)
		t.Logf("%s: %s %s tell=%v reqs=%d records=%d samples=%d deaths=%d", name, s.Truth.Cause, s.Truth.Endpoint, s.Truth.CanTell, s.Truth.Requests, len(sink.Requests), len(sink.Samples), len(s.Truth.Deaths))
		for _, d := range s.Truth.Deaths {
			t.Logf("   %s %s %s %s %s", d.Time.Format("15:04:05"), d.Container, d.Kind, d.Cause, d.Endpoint)
		}
		st := map[int]int{}
		for _, r := range sink.Requests {
			st[r.Status]++
		}
		t.Log("   ", st)
	}
}

func TestRandomDump(t *testing.T) {
	for _, k := range Kinds() {
		for seed := uint64(1); seed <= 4; seed++ {
			s := Random(k.Name, seed)
			sink := &recordtest.Sink{}
			began := time.Now()
			if err := s.Emit(sink); err != nil {
				t.Fatal(err)
			}
			tr := s.Truth
			t.Logf("%-16s %d %v: %s %q also %q tell=%v(%s) accept=%v reqs=%d lines=%d samples=%d deaths=%d", k.Name, seed, time.Since(began).Round(time.Millisecond), tr.Cause, tr.Endpoint, tr.Also, tr.CanTell, tr.Why, tr.Accept, tr.Requests, len(sink.Requests), len(sink.Samples), len(tr.Deaths))
		}
	}
}
