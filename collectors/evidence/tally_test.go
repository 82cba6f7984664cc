package evidence

import (
	"testing"

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
