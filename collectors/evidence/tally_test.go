package evidence

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

func TestOfOtherServicesOnlyWhatTheirPlatformSaysIsTaken(t *testing.T) {
	for _, c := range []struct {
		name    string
		service string
		layer   record.Layer
		want    bool
	}{
		{"the one that was asked for", "api", record.LayerApp, true},
		{"a log that names none", "", record.LayerRouter, true},
		{"another application", "web", record.LayerApp, false},
		{"another application's proxy", "web", record.LayerRouter, false},
		{"the platform's router", "router", record.LayerRouter, true},
		{"the platform's router under the platform's name", "heroku", record.LayerRouter, true},
		{"an application that is called as a platform is", "docker", record.LayerApp, false},
	} {
		var sink recordtest.Sink
		tally := newTally(&sink, &record.Source{}, record.Query{Service: "api"})
		if err := tally.Request(&record.Request{Service: []byte(c.service), Layer: c.layer, Start: 1, End: 2}); err != nil {
			t.Fatal(err)
		}
		if got := len(sink.Requests) == 1; got != c.want {
			t.Errorf("%s: taken %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAskingForAServiceAllocatesNothingForARequest(t *testing.T) {
	tally := newTally(record.Discard{}, &record.Source{}, record.Query{Service: "api"})
	r := record.Request{Service: []byte("a-service-whose-name-is-longer-than-what-fits-on-the-stack"), Layer: record.LayerRouter, Start: 1, End: 2}
	if n := testing.AllocsPerRun(100, func() { _ = tally.Request(&r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestWarningsOfEveryLineAreCountedAndTheFirstIsTheExample(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	for range 200 {
		quick, slow := newTally(record.Discard{}, &record.Source{}, record.Query{}), newTally(record.Discard{}, &record.Source{}, record.Query{})
		for range rnd.IntN(20) {
			pos := record.Pos{Line: rnd.Int64N(10)}
			code, example := string(rune('a'+rnd.IntN(3))), fmt.Sprint("line ", pos.Line)
			_ = warning.Tell(quick, pos, code, "text", []byte(example))
			_ = slow.Warn(&record.Warning{Code: code, Pos: pos, Count: 1, Text: "text", Example: example})
		}
		if diff := cmp.Diff(slow.warns, quick.warns); diff != "" {
			t.Fatal(diff)
		}
	}
}
