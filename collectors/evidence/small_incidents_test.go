package evidence

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/datadogmetrics"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/tables"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// The tests in this file hold the formats to the recorded incidents: each kind of evidence, read alone, must show the crashes that
// really happened, and no others.

type truth struct {
	Crashes []struct {
		Time      time.Time `json:"time"`
		Death     time.Time `json:"death_time"`
		Container string    `json:"container"`
		ID        string    `json:"container_id"`
		PID       int       `json:"pid"`
		ExitCode  *int      `json:"exit_code"`
		Reason    string    `json:"reason"`
	} `json:"crashes"`
}

func eachIncident(t *testing.T, f func(t *testing.T, dir string, truth truth)) {
	root := formattest.Shared(t, "incidents")
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		dir := filepath.Join(root, e.Name())
		raw, err := os.ReadFile(filepath.Join(dir, "ground_truth.json"))
		if err != nil {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			var tr truth
			if err := json.Unmarshal(raw, &tr); err != nil {
				t.Fatal(err)
			}
			f(t, dir, tr)
		})
	}
}

// death is a crash as told by truth or by evidence, to be compared.
type death struct {
	Container string
	Second    int64
	Kind      record.CrashKind
	ExitCode  int
}

// expectedDeaths are the deaths that a platform tells by exit status.
func expectedDeaths(tr truth) []death {
	var out []death
	for _, c := range tr.Crashes {
		d := death{c.Container, c.Time.Unix(), record.CrashOther, -1}
		switch c.Reason {
		case "unresponsive_host":
			continue // The platform lost the container: no process ended that it knows of.
		case "heap_out_of_memory":
			d.Kind = record.CrashAbort
		case "rss_limit":
			d.Kind = record.CrashOOMKill
		}
		if c.ExitCode != nil {
			d.ExitCode = *c.ExitCode
		}
		out = append(out, d)
	}
	slices.SortFunc(out, compareDeaths)
	return out
}

func compareDeaths(a, b death) int {
	if a.Second != b.Second {
		return int(a.Second - b.Second)
	}
	return strings.Compare(a.Container, b.Container)
}

// deathsOf are the crashes with an exit status among the signs, one per container and second.
func deathsOf(sink *recordtest.Sink) []death {
	var out []death
	for _, c := range sink.Crashes {
		if !c.Exited || c.ExitCode < 0 {
			continue
		}
		out = append(out, death{c.Container, int64(c.Time) / 1e9, c.Kind, c.ExitCode})
	}
	slices.SortFunc(out, compareDeaths)
	return out
}

func lostOf(sink *recordtest.Sink) []string {
	var out []string
	for _, l := range sink.Lifecycles {
		if l.Kind == record.Unreachable {
			out = append(out, l.Container)
		}
	}
	return out
}

func checkLost(t *testing.T, sink *recordtest.Sink, tr truth) {
	t.Helper()
	for _, c := range tr.Crashes {
		if c.Reason == "unresponsive_host" && !slices.Contains(lostOf(sink), c.Container) {
			t.Errorf("container %s was lost and is not told of", c.Container)
		}
	}
}

// platformFormat picks the format by content, as the collector does.
func platformFormat(t *testing.T, data []byte) format.LineFormat {
	t.Helper()
	f, score := bestFormat(headOf(data))
	l, ok := f.(format.LineFormat)
	if !ok || score < 80 {
		t.Fatalf("recognised as %v with %d", f, score)
	}
	return l
}

func TestPlatformLogAloneShowsTheCrashesOfEachIncident(t *testing.T) {
	eachIncident(t, func(t *testing.T, dir string, tr truth) {
		data := formattest.File(t, filepath.Join(dir, "platform.log"))
		sink, unhandled := formattest.ReadLines(t, platformFormat(t, data), string(data))
		want := expectedDeaths(tr)
		// The text does not repeat at the exit why the platform killed: 137 alone stays unknown there.
		if diff := cmp.Diff(want, deathsOf(sink)); diff != "" {
			t.Errorf("deaths (-truth +read):\n%s", diff)
		}
		checkLost(t, sink, tr)
		if len(unhandled) > 0 {
			t.Errorf("%d lines unhandled, such as %q", len(unhandled), unhandled[0])
		}
		for _, l := range sink.Lifecycles {
			if l.Kind == record.LifecycleOther {
				t.Errorf("event not understood: %q", l.Text)
			}
		}
		checkWords(t, sink, tr, false)
	})
}

func TestPlatformEventsAloneShowTheCrashesOfEachIncident(t *testing.T) {
	eachIncident(t, func(t *testing.T, dir string, tr truth) {
		data := formattest.File(t, filepath.Join(dir, "platform.ndjson"))
		sink, unhandled := formattest.ReadLines(t, platformFormat(t, data), string(data))
		want := expectedDeaths(tr)
		for i, c := range want {
			// The event says that the container was unhealthy.
			if c.ExitCode == 137 && c.Kind == record.CrashOther {
				want[i].Kind = record.CrashHealthCheck
			}
		}
		if diff := cmp.Diff(want, deathsOf(sink)); diff != "" {
			t.Errorf("deaths (-truth +read):\n%s", diff)
		}
		ids := map[string]bool{}
		for _, c := range sink.Crashes {
			ids[c.Instance] = true
		}
		for _, c := range tr.Crashes {
			if c.Reason != "unresponsive_host" && !ids[c.ID] {
				t.Errorf("no crash of instance %s", c.ID)
			}
		}
		checkLost(t, sink, tr)
		if len(unhandled) > 0 {
			t.Errorf("%d lines unhandled, such as %q", len(unhandled), unhandled[0])
		}
	})
}

// checkWords holds the last words found to the deaths by heap limit: one for each, of the same container, up to half a minute before the
// platform told of it.
func checkWords(t *testing.T, sink *recordtest.Sink, tr truth, used bool) {
	t.Helper()
	var words []record.Crash
	for _, c := range sink.Crashes {
		if c.Kind == record.CrashHeapLimit {
			words = append(words, c)
		}
	}
	n := 0
	for _, c := range tr.Crashes {
		if c.Reason != "heap_out_of_memory" {
			continue
		}
		n++
		found := false
		for _, w := range words {
			before := c.Time.Sub(w.Time.Std())
			if w.Container == c.Container && before > -time.Second && before < 40*time.Second {
				found = true
				if w.Exited {
					t.Errorf("last words %q said to be an exit", w.Text)
				}
				if used && (w.UsedBytes < 60<<20 || w.UsedBytes > 200<<20) {
					t.Errorf("last words of %s say %d bytes of heap", w.Container, w.UsedBytes)
				}
			}
		}
		if !found {
			t.Errorf("no last words of %s at %s", c.Container, c.Time)
		}
	}
	if len(words) != n {
		t.Errorf("%d last words for %d deaths by heap limit", len(words), n)
	}
}

func TestApplicationMessagesAloneShowTheLastWordsOfEachIncident(t *testing.T) {
	eachIncident(t, func(t *testing.T, dir string, tr truth) {
		sink := &recordtest.Sink{}
		var reader messageReader
		var jobs jobReader
		src := &record.Source{Name: "app.ndjson"}
		listening := 0
		scan := bufio.NewScanner(bytes.NewReader(formattest.File(t, filepath.Join(dir, "app.ndjson"))))
		scan.Buffer(nil, 1<<20)
		for n := int64(1); scan.Scan(); n++ {
			if bytes.Contains(scan.Bytes(), []byte(`"res":`)) {
				continue
			}
			var line struct {
				Time     int64  `json:"time"`
				PID      int    `json:"pid"`
				Hostname string `json:"hostname"`
				Version  string `json:"version"`
				Msg      string `json:"msg"`
			}
			if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			pid := ""
			if line.PID != 0 {
				pid = fmt.Sprint(line.PID)
			}
			pos := record.Pos{Source: src, Line: n}
			at := record.Time(line.Time * 1e6)
			if bytes.Contains(scan.Bytes(), []byte(`"job"`)) {
				if _, err := jobs.parse(pos, at, []byte(line.Hostname), []byte(pid), scan.Bytes(), sink); err != nil {
					t.Fatal(err)
				}
			}
			if strings.Contains(line.Msg, "istening") {
				listening++
			}
			if !messageMayMatter([]byte(line.Msg)) {
				continue
			}
			if _, err := reader.parse(pos, at, line.Hostname, pid, "", "", line.Version, []byte(line.Msg), sink); err != nil {
				t.Fatal(err)
			}
		}
		checkWords(t, sink, tr, true)
		if got := len(sink.Lifecycles); got != listening {
			t.Errorf("%d lifecycle records for %d servers that listen", got, listening)
		}
		for _, l := range sink.Lifecycles {
			if l.Kind != record.Up || l.Instance == "" {
				t.Errorf("%+v is no process that came up", l)
			}
		}
		for _, j := range sink.Jobs {
			if j.Name == "" || j.End < j.Start || j.End.Sub(j.Start) > 2*time.Hour {
				t.Errorf("job %+v", j)
			}
		}
		if strings.HasPrefix(filepath.Base(dir), "S13") && len(sink.Jobs) < 100 {
			t.Errorf("%d jobs of an incident that many tell of", len(sink.Jobs))
		}
	})
}

func TestDatadogMessagesAloneShowTheCrashesOfEachIncident(t *testing.T) {
	eachIncident(t, func(t *testing.T, dir string, tr truth) {
		sink := &recordtest.Sink{}
		src := &record.Source{Name: "datadog_logs.ndjson"}
		scan := bufio.NewScanner(bytes.NewReader(formattest.File(t, filepath.Join(dir, "datadog_logs.ndjson"))))
		scan.Buffer(nil, 1<<20)
		for n := int64(1); scan.Scan(); n++ {
			if bytes.Contains(scan.Bytes(), []byte(`"request completed"`)) {
				continue
			}
			var line struct {
				Attributes struct {
					Timestamp time.Time `json:"timestamp"`
					Host      string    `json:"host"`
					Service   string    `json:"service"`
					Message   string    `json:"message"`
				} `json:"attributes"`
			}
			if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			a := line.Attributes
			if !messageMayMatter([]byte(a.Message)) {
				continue
			}
			_, err := parseMessage(record.Pos{Source: src, Line: n}, record.TimeOf(a.Timestamp), a.Host, "", a.Service, a.Host, "", []byte(a.Message), sink)
			if err != nil {
				t.Fatal(err)
			}
		}
		// Heroku's message in Datadog is the change of state, which has no status.
		var got []death
		for _, c := range sink.Crashes {
			if c.Exited {
				got = append(got, death{Container: c.Container, Second: int64(c.Time) / 1e9})
			}
		}
		slices.SortFunc(got, compareDeaths)
		var want []death
		for _, d := range expectedDeaths(tr) {
			want = append(want, death{Container: d.Container, Second: d.Second})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("deaths (-truth +read):\n%s", diff)
		}
		checkWords(t, sink, tr, false)
		checkLost(t, sink, tr)
	})
}

func TestMetricsOfEachIncidentAgreeBetweenTheTableAndDatadog(t *testing.T) {
	eachIncident(t, func(t *testing.T, dir string, tr truth) {
		table := formattest.File(t, filepath.Join(dir, "metrics.csv"))
		answer := formattest.File(t, filepath.Join(dir, "datadog_metrics.json"))
		f, score := bestFormat(headOf(table))
		if f == nil || f.Name() != "metrics-csv" {
			t.Fatalf("table recognised as %v (%d)", f, score)
		}
		g, score := bestFormat(headOf(answer))
		if g == nil || g.Name() != "datadog-query" {
			t.Fatalf("answer recognised as %v (%d)", g, score)
		}
		a, err := formattest.Read(t, tables.Metrics{}, "metrics.csv", table)
		if err != nil {
			t.Fatal(err)
		}
		b, err := formattest.Read(t, datadogmetrics.Query{}, "datadog_metrics.json", answer)
		if err != nil {
			t.Fatal(err)
		}
		type bounds struct{ low, high float64 }
		rangeOf := func(s *recordtest.Sink) map[string]bounds {
			m := map[string]bounds{}
			for _, x := range s.Samples {
				if x.Container == "" || x.Time == 0 {
					t.Fatalf("sample without container or time: %+v", x)
				}
				if x.Service != "" && x.Service != "api" {
					continue // The answer asks for one service.
				}
				k := x.Container + " " + x.Metric.String()
				v, seen := m[k]
				if !seen {
					v = bounds{x.Value, x.Value}
				}
				m[k] = bounds{min(v.low, x.Value), max(v.high, x.Value)}
			}
			return m
		}
		ta, tb := rangeOf(a), rangeOf(b)
		if len(tb) == 0 {
			t.Fatal("no samples in the answer")
		}
		// Datadog's points are averages over 20 s of the samples of the table: they lie within their range.
		for k, v := range tb {
			w, ok := ta[k]
			if !ok {
				t.Errorf("%s is in the answer and not in the table", k)
				continue
			}
			if strings.HasSuffix(k, "gc_pause") {
				continue // A sum over the bucket.
			}
			if v.low < w.low*0.999-1e-3 || v.high > w.high*1.001+1e-3 { // the table has one decimal of a percent
				t.Errorf("%s: answer %v outside of table %v", k, v, w)
			}
		}
		for _, s := range a.Samples {
			if s.Instance == "" {
				t.Fatalf("sample without the pid: %+v", s)
			}
			if s.Metric == record.CPU && s.Value > 64 {
				t.Fatalf("CPU of %v cores", s.Value)
			}
			if (s.Metric == record.EventLoopDelayMax) && s.Value > 3600 {
				t.Fatalf("event loop delay of %v s", s.Value)
			}
		}
		for _, s := range b.Samples {
			if s.Interval != 20*time.Second && s.Interval != time.Minute {
				t.Fatalf("interval %v", s.Interval)
			}
		}
	})
}

func TestProfilesOfEachIncidentAreRecognised(t *testing.T) {
	eachIncident(t, func(t *testing.T, dir string, tr truth) {
		names, err := filepath.Glob(filepath.Join(dir, "profiles", "*"))
		if err != nil || len(names) == 0 {
			t.Fatalf("no profiles: %v", err)
		}
		oom := 0
		for i, name := range names {
			isOOM := strings.Contains(name, "_oom.")
			if isOOM {
				oom++
			}
			if i%10 != 0 && !isOOM {
				continue
			}
			data := formattest.File(t, name)
			if f, score := bestFormat(headOf(data)); f == nil || f.Name() != "pprof" {
				t.Fatalf("%s recognised as %v (%d)", filepath.Base(name), f, score)
			}
			sink, err := formattest.Read(t, pprofProfile{}, name, data)
			if err != nil || len(sink.Profiles) != 1 {
				t.Fatalf("%s: %v", name, err)
			}
			p := sink.Profiles[0]
			base := filepath.Base(name)
			if p.Container != base[:strings.Index(base, "_")] || p.Time == 0 || p.OnOOM != isOOM || !bytes.Equal(p.Data, data) {
				t.Errorf("%s read as container %q, time %v, oom %v", base, p.Container, p.Time.Std(), p.OnOOM)
			}
		}
	})
}
