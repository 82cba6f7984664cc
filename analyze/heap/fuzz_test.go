package heap

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"lastcall/collectors/record"
)

// FuzzParse: whatever the bytes, Parse returns a valid profile or a ParseError, and the analysis of them ends without a panic.
func FuzzParse(f *testing.F) {
	for _, m := range []made{
		{stacks: map[string]float64{nodeStart: 20, nodeLeak: 5}},
		{types: "alloc_space/bytes inuse_space/bytes", stacks: map[string]float64{nodeOther: 3}, build: "abc", comment: []string{"pid: 7"}},
		{types: "goroutine/count", stacks: map[string]float64{"runtime.gopark@ < main.main@/a.go:1": 1}},
	} {
		var gz, raw bytes.Buffer
		if err := m.profile(f).Write(&gz); err != nil {
			f.Fatal(err)
		}
		if err := m.profile(f).WriteUncompressed(&raw); err != nil {
			f.Fatal(err)
		}
		f.Add(gz.Bytes())
		f.Add(raw.Bytes())
		f.Add(raw.Bytes()[:raw.Len()/2])
	}
	for _, s := range []string{
		"", "\x1f\x8b", "<html>", "heap_v2/524288\n", dump,
		"heap profile: 1: 512 [2: 1024] @ heap/524288\n1: 512 [2: 1024] @ 0x43e2ce 0x44e2a5\n#\t0x43e2cd\tmain.f+0x1\t/a.go:1\n",
		"goroutine profile: total 2\n2 @ 0x43e2ce 0x470aa1\n#\t0x470aa0\tmain.loop+0x20\t/app/worker.go:40\n",
		"--- heapz 1 ---\nformat = java\nresolution = bytes\n1 1 @ 0x1\n0x1 a (b.java:1)\n",
	} {
		f.Add([]byte(s))
	}
	if fs := nodeProfiles(f, "burst"); len(fs) > 0 {
		data, err := os.ReadFile(fs[0])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		var pe *ParseError
		switch {
		case err == nil && p.CheckValid() != nil:
			t.Fatalf("an invalid profile without an error: %v", p.CheckValid())
		case err != nil && !errors.As(err, &pe):
			t.Fatalf("an error that is no ParseError: %v", err)
		}
		// Twice, at two times: as a series.
		ps := []record.Profile{{Name: "a", Data: data, Time: 1e18, Container: "c"}, {Name: "b", Data: data, Time: 2e18, Container: "c"}, {Name: "c", Data: data, Time: 3e18, Container: "c", OnOOM: true}}
		if _, err := Analyze(t.Context(), ps, Options{Endpoints: []string{"GET /a/{id}"}, Deaths: []Death{{Container: "c", Time: 25e17}}}); err != nil {
			t.Fatal(err)
		}
	})
}
