package datadogmetrics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/record"
)

func TestOfTwoNamesOfOneMetricTheBetterIsUsed(t *testing.T) {
	sink := formattest.MustRead(t, Query{}, "m.json", `{"series":[
	{"metric":"container.memory.usage","scope":"container:web-1","pointlist":[[1794835840000,900]]},
	{"metric":"container.memory.usage","scope":"container:web-2","pointlist":[[1794835840000,901]]},
	{"metric":"runtime.node.mem.rss","scope":"container:web-1","pointlist":[[1794835840000,500]]}]}`)
	got := map[string]float64{}
	for _, s := range sink.Samples {
		got[s.Container] += s.Value
	}
	if diff := cmp.Diff(map[string]float64{"web-1": 500, "web-2": 901}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sink.WarningCount("metric_not_used") != 1 {
		t.Errorf("what was left out is not told: %v", sink.Warnings)
	}
}

func TestAnAnswerThatCarriesAnErrorSaysSo(t *testing.T) {
	for _, text := range []string{
		`{"status":"error","error":"rate limited","series":[]}`,
		`{"errors":["Forbidden"],"series":[]}`,
	} {
		if sink := formattest.MustRead(t, Query{}, "m.json", text); sink.WarningCount("source_error") == 0 {
			t.Errorf("%s: %v", text, sink.Warnings)
		}
	}
	sink := formattest.MustRead(t, Query{}, "m.json", `{"series":[{"metric":"runtime.node.mem.rss","scope":"*","pointlist":[[1794835840000,900]]}]}`)
	if sink.WarningCount("no_container") != 1 {
		t.Errorf("an average over the fleet is not told: %v", sink.Warnings)
	}
}

func TestTheIntervalIsThatOfThePoints(t *testing.T) {
	for _, c := range []struct {
		times []record.Time
		want  time.Duration
	}{
		{nil, 0},
		{[]record.Time{5}, 0},
		{[]record.Time{0, 20e9, 40e9, 100e9, 120e9}, 20 * time.Second},
		{[]record.Time{0, 60e9, 80e9}, 20 * time.Second},
	} {
		if got := metrics.StepOf(c.times); got != c.want {
			t.Errorf("%v: %v", c.times, got)
		}
	}
}

func TestPointsOfBucketsAreOfTheirEnd(t *testing.T) {
	series := func(interval string, points ...int) string {
		var list []string
		for _, at := range points {
			list = append(list, fmt.Sprintf("[%d,7]", (1794835840+at)*1000))
		}
		return `{"series":[{"metric":"container.memory.rss","scope":"container:web-1",` + interval + `"pointlist":[` + strings.Join(list, ",") + `]}]}`
	}
	for _, c := range []struct {
		name, text string
		bucket     int // seconds
		want       []int
	}{
		{"by the points", series("", 0, 20, 40), 20, []int{20, 40, 60}},
		{"with a gap", series("", 0, 20, 80, 100), 20, []int{20, 40, 100, 120}},
		{"of a lone point, by the answer", series(`"interval":20,`, 0), 20, []int{20}},
		{"of a lone point, in the milliseconds that the description promises", series(`"interval":20000,`, 0), 20, []int{20}},
		{"of agents that report more seldom than there are buckets", series(`"interval":20,`, 0, 60, 120), 20, []int{20, 80, 140}},
		{"an interval that the points contradict", series(`"interval":300,`, 0, 20, 40), 20, []int{20, 40, 60}},
		{"no interval", series(`"interval":0,`, 0), 0, []int{0}},
	} {
		sink := formattest.MustRead(t, Query{}, "m.json", c.text)
		var got []int
		for _, s := range sink.Samples {
			got = append(got, int(s.Time/1e9)-1794835840)
			if s.Interval != time.Duration(c.bucket)*time.Second {
				t.Errorf("%s: %v", c.name, s.Interval)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func FuzzDatadogAnswers(f *testing.F) {
	f.Add([]byte(`{"status":"ok","series":[{"metric":"container.memory.usage","scope":"container:web-1","unit":[{"family":"bytes","name":"byte","scale_factor":1},null],"pointlist":[[1794835840000,1],[1,null],[],null,[1e300,1e308]]}],"error":""}`))
	f.Add([]byte(`{"data":{"type":"timeseries_response","attributes":{"series":[{"group_tags":["container:a"],"query_index":-1}],"times":[1],"values":[[1,2]]}},"query":"a:rss{"}`))
	f.Add([]byte(`[{"series":1},{"series":[1,{}]}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		formattest.FuzzDocument(t, Query{}, data)
		formattest.FuzzDocument(t, Timeseries{}, data)
	})
}
