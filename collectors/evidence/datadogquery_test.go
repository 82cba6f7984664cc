package evidence

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/datadogmetrics"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/formattest"
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
	sink := formattest.MustRead(t, datadogmetrics.Query{}, "m.json", text)
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
	if diff := cmp.Diff(want, sink.Samples, formattest.Ignoring()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sink.WarningCount("metric_not_used") != 1 {
		t.Errorf("warnings %v", sink.Warnings)
	}
}

func TestAnAnswerOfTheTimeseriesQuery(t *testing.T) {
	const answer = `"data":{"id":"0","type":"timeseries_response","attributes":{"series":[
	{"group_tags":["container:web-1"],"query_index":0,"unit":[{"family":"bytes","name":"byte","scale_factor":1},null]},
	{"group_tags":["pod_name:web-2","kube_container_name:app"],"query_index":1,"unit":null}],
	"times":[1794835840000,1794835860000,1794835880000],"values":[[1,null,3],[10,20,30]]}}`
	t0 := formattest.At(t, "2026-11-16T13:31:00Z") // the end of the first bucket
	one := record.Sample{Container: "web-1", Interval: 20 * time.Second, Metric: record.HeapUsed}
	two := record.Sample{Container: "web-2/app", Interval: 20 * time.Second, Metric: record.RSS}
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
		sink := formattest.MustRead(t, datadogmetrics.Timeseries{}, "x.json", text)
		want := []record.Sample{at(one, 0, 1), at(one, 2, 3), at(two, 0, 10), at(two, 1, 20), at(two, 2, 30)}
		if diff := cmp.Diff(want, sink.Samples, formattest.Ignoring()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("named by its file", func(t *testing.T) {
		sink := formattest.MustRead(t, datadogmetrics.Timeseries{}, "saved/runtime.node.mem.heap_used.json.gz", `{`+answer+`}`)
		if len(sink.Samples) != 5 || sink.Samples[0].Metric != record.HeapUsed {
			t.Errorf("%+v", sink.Samples)
		}
	})
	t.Run("named by nothing", func(t *testing.T) {
		sink := formattest.MustRead(t, datadogmetrics.Timeseries{}, "x.json", `{`+answer+`}`)
		if len(sink.Samples) != 0 || sink.WarningCount("unnamed_series") != 2 {
			t.Errorf("%+v %v", sink.Samples, sink.Warnings)
		}
	})
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
