package evidence

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/record"
)

func TestAnAnswerOfTheMetricsQuery(t *testing.T) {
	const text = `{"status":"ok","res_type":"time_series","series":[
	{"metric":"container.memory.usage","scope":"container:web-1,env:production,service:api","tag_set":["container:web-1"],"interval":20,
	 "unit":[{"family":"bytes","name":"byte","scale_factor":1},null],"pointlist":[[1794835840000,96985088],[1794835860000,null],[1794835880000,97564672.5]]},
	{"metric":"container.cpu.usage","scope":"container:web-1,env:production,service:api","unit":[{"family":"percentage","name":"percent","scale_factor":1},null],
	 "pointlist":[[1794835840000,50],[1794835860000,150]]},
	{"metric":"container.cpu.usage","scope":"container:web-2,service:api","unit":[{"family":"cpu","name":"nanocore","scale_factor":1e-9},null],"pointlist":[[1794835840000,2.5e8]]},
	{"metric":"runtime.node.event_loop.delay.max","scope":"container:web-1","unit":[{"family":"time","name":"millisecond","scale_factor":0.001},null],"pointlist":[[1794835840000,250]]},
	{"metric":"system.load.1","scope":"host:a","unit":null,"pointlist":[[1794835840000,1]]}
	],"error":""}`
	if f, score := bestFormat([]byte(text)); f == nil || f.Name() != "datadog-query" {
		t.Fatalf("recognised as %v (%d)", f, score)
	}
	sink := formattest.MustRead(t, datadogQuery{}, "m.json", text)
	t0 := formattest.At(t, "2026-11-16T13:31:00Z") // the end of the first bucket
	web1 := record.Sample{Container: "web-1", Service: "api", Interval: 20 * time.Second}
	sample := func(base record.Sample, at record.Time, m record.Metric, v float64) record.Sample {
		base.Time, base.Metric, base.Value = at, m, v
		return base
	}
	want := []record.Sample{
		sample(web1, t0, record.RSS, 96985088),
		sample(web1, t0.Add(40*time.Second), record.RSS, 97564672.5),
		sample(web1, t0, record.CPU, 0.5),
		sample(web1, t0.Add(20*time.Second), record.CPU, 1.5),
		// Of how long a bucket is nothing tells.
		sample(record.Sample{Container: "web-2", Service: "api"}, t0.Add(-20*time.Second), record.CPU, 0.25),
		sample(record.Sample{Container: "web-1"}, t0.Add(-20*time.Second), record.EventLoopDelayMax, 0.25),
	}
	if diff := cmp.Diff(want, sink.Samples, ignoring); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sink.WarningCount("metric_not_used") != 1 {
		t.Errorf("warnings %v", sink.Warnings)
	}
}

func TestOfTwoNamesOfOneMetricTheBetterIsUsed(t *testing.T) {
	sink := formattest.MustRead(t, datadogQuery{}, "m.json", `{"series":[
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
		if sink := formattest.MustRead(t, datadogQuery{}, "m.json", text); sink.WarningCount("source_error") == 0 {
			t.Errorf("%s: %v", text, sink.Warnings)
		}
	}
	sink := formattest.MustRead(t, datadogQuery{}, "m.json", `{"series":[{"metric":"runtime.node.mem.rss","scope":"*","pointlist":[[1794835840000,900]]}]}`)
	if sink.WarningCount("no_container") != 1 {
		t.Errorf("an average over the fleet is not told: %v", sink.Warnings)
	}
}

func TestAnAnswerOfTheTimeseriesQuery(t *testing.T) {
	const answer = `"data":{"id":"0","type":"timeseries_response","attributes":{"series":[
	{"group_tags":["container:web-1"],"query_index":0,"unit":[{"family":"bytes","name":"byte","scale_factor":1},null]},
	{"group_tags":["pod_name:web-2","kube_container_name:app"],"query_index":1,"unit":null}],
	"times":[1794835840000,1794835860000,1794835880000],"values":[[1,null,3],[10,20,30]]}}`
	t0 := formattest.At(t, "2026-11-16T13:31:00Z") // the end of the first bucket
	one := record.Sample{Container: "web-1", Interval: 20 * time.Second, Metric: record.HeapUsed}
	two := record.Sample{Container: "web-2", Interval: 20 * time.Second, Metric: record.RSS}
	at := func(s record.Sample, step int, v float64) record.Sample {
		s.Time, s.Value = t0.Add(time.Duration(step)*20*time.Second), v
		return s
	}
	t.Run("with the request saved along", func(t *testing.T) {
		text := `{"request":{"data":{"attributes":{"queries":[{"name":"a","query":"max:runtime.node.mem.heap_used{service:api} by {container}.rollup(max, 20)"},
		{"name":"b","query":"avg:kubernetes.memory.rss{*} by {pod_name}"}]}}},"response":{` + answer + `}}`
		if f, score := bestFormat([]byte(text)); f == nil || f.Name() != "datadog-timeseries" {
			t.Fatalf("recognised as %v (%d)", f, score)
		}
		sink := formattest.MustRead(t, datadogTimeseries{}, "x.json", text)
		want := []record.Sample{at(one, 0, 1), at(one, 2, 3), at(two, 0, 10), at(two, 1, 20), at(two, 2, 30)}
		if diff := cmp.Diff(want, sink.Samples, ignoring); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("named by its file", func(t *testing.T) {
		sink := formattest.MustRead(t, datadogTimeseries{}, "saved/runtime.node.mem.heap_used.json.gz", `{`+answer+`}`)
		if len(sink.Samples) != 5 || sink.Samples[0].Metric != record.HeapUsed {
			t.Errorf("%+v", sink.Samples)
		}
	})
	t.Run("named by nothing", func(t *testing.T) {
		sink := formattest.MustRead(t, datadogTimeseries{}, "x.json", `{`+answer+`}`)
		if len(sink.Samples) != 0 || sink.WarningCount("unnamed_series") != 2 {
			t.Errorf("%+v %v", sink.Samples, sink.Warnings)
		}
	})
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
		sink := formattest.MustRead(t, datadogQuery{}, "m.json", c.text)
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

// cassette is a recording of HTTP traffic.
type cassette struct {
	Interactions []struct {
		Response struct {
			Body string `yaml:"body"`
		} `yaml:"response"`
	} `yaml:"interactions"`
}

func TestRecordedAnswersOfDatadog(t *testing.T) {
	root := formattest.Shared(t, "corpus", "datadog", "recordings", "scenarios", "cassettes", "TestScenarios")
	var files []string
	for _, dir := range []string{"v1", "v2"} {
		found, err := filepath.Glob(filepath.Join(root, dir, "Feature_Metrics", "Scenario_*uery_timeseries*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
		found, _ = filepath.Glob(filepath.Join(root, dir, "Feature_Metrics", "Scenario_Timeseries*.yaml"))
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Fatal("no recordings")
	}
	answers, named := 0, 0
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var c cassette
		if err := yaml.Unmarshal(raw, &c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, i := range c.Interactions {
			body := i.Response.Body
			f, _ := bestFormat([]byte(body))
			if f == nil || !strings.HasPrefix(f.Name(), "datadog-") {
				continue
			}
			answers++
			sink, err := formattest.Read(t, f.(format.WholeFormat), "answer.json", []byte(body))
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(name), err)
			}
			formattest.CheckSane(t, sink)
			for _, w := range sink.Warnings {
				if w.Code == "unnamed_series" || w.Code == "metric_not_used" || w.Code == "no_container" {
					named++
				}
			}
		}
	}
	if answers < 15 || named == 0 {
		t.Errorf("%d answers recognised, %d told", answers, named)
	}
}

func FuzzDatadogAnswers(f *testing.F) {
	f.Add([]byte(`{"status":"ok","series":[{"metric":"container.memory.usage","scope":"container:web-1","unit":[{"family":"bytes","name":"byte","scale_factor":1},null],"pointlist":[[1794835840000,1],[1,null],[],null,[1e300,1e308]]}],"error":""}`))
	f.Add([]byte(`{"data":{"type":"timeseries_response","attributes":{"series":[{"group_tags":["container:a"],"query_index":-1}],"times":[1],"values":[[1,2]]}},"query":"a:rss{"}`))
	f.Add([]byte(`[{"series":1},{"series":[1,{}]}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		formattest.FuzzDocument(t, datadogQuery{}, data)
		formattest.FuzzDocument(t, datadogTimeseries{}, data)
	})
}
