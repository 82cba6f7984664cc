package memory

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// sharedDir finds the recorded incidents; tests that need them are skipped without.
func sharedDir(t *testing.T) string {
	t.Helper()
	dirs := []string{os.Getenv("LASTCALL_SHARED")}
	for d, _ := os.Getwd(); d != filepath.Dir(d); d = filepath.Dir(d) {
		dirs = append(dirs, filepath.Join(d, "shared"))
	}
	for _, d := range dirs {
		if _, err := os.Stat(filepath.Join(d, "incidents")); d != "" && err == nil {
			return d
		}
	}
	t.Skip("the recorded incidents are not here (LASTCALL_SHARED)")
	return ""
}

// incident is what a collector and the engine would hand to this package.
type incident struct {
	lives []Life
	ex    Exposure
	jobs  []Job
	truth struct {
		Culprits []struct{ Endpoint string }
		Kind     string `json:"cause_kind"`
	}
}

func lines(t *testing.T, path string, do func([]byte)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		r = bufio.NewReader(z)
	}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<22)
	for sc.Scan() {
		do(sc.Bytes())
	}
	if sc.Err() != nil {
		t.Fatal(sc.Err())
	}
}

var (
	routerLine = regexp.MustCompile(`^(\d{4}-\d\d-\d\d[T ][0-9:.]+)\S*.*\[?router\]?:? .*method=(\S+) path="([^"?]*)[^"]*".* (?:container|dyno)=(\S+)`)
	variable   = regexp.MustCompile(`[0-9A-Z]`)
)

func template(method, path string) string {
	seg := strings.Split(path, "/")
	for i, s := range seg {
		if variable.MatchString(s) {
			seg[i] = "{id}"
		}
	}
	return method + " " + strings.Join(seg, "/")
}

func load(t *testing.T, name string) incident {
	t.Helper()
	dir := filepath.Join(sharedDir(t), "incidents", name)
	var in incident
	raw, err := os.ReadFile(filepath.Join(dir, "ground_truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &in.truth); err != nil {
		t.Fatal(err)
	}
	var meta struct {
		HeapLimit int64 `json:"heap_limit_mb"`
		From, To  time.Time
	}
	raw, _ = os.ReadFile(filepath.Join(dir, "meta.json"))
	_ = json.Unmarshal(raw, &meta)

	// Ends of lives.
	type event struct {
		Time                     time.Time
		Type, Container, Version string
		Exit                     int `json:"exit_code"`
		Reason                   string
	}
	var events []event
	lines(t, filepath.Join(dir, "platform.ndjson"), func(b []byte) {
		var e event
		if json.Unmarshal(b, &e) == nil && e.Container != "" {
			events = append(events, e)
		}
	})

	f, err := os.Open(filepath.Join(dir, "metrics.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	col := map[string]int{}
	for i, h := range rows[0] {
		col[h] = i
	}
	byPid := map[string]*Life{}
	var keys []string
	for _, r := range rows[1:] {
		at, err := time.Parse(time.RFC3339, r[0])
		if err != nil {
			t.Fatal(err)
		}
		key := r[col["container"]] + "/" + r[col["pid"]]
		l := byPid[key]
		if l == nil {
			l = &Life{Container: r[col["container"]], Instance: r[col["pid"]], Series: map[record.Metric][]Point{}, HeapLimitBytes: meta.HeapLimit << 20}
			l.LimitBytes, _ = strconv.ParseInt(r[col["memory_limit_bytes"]], 10, 64)
			byPid[key] = l
			keys = append(keys, key)
		}
		for _, c := range []struct {
			name string
			m    record.Metric
		}{{"rss_bytes", record.RSS}, {"heap_used_bytes", record.HeapUsed}, {"heap_inuse_bytes", record.HeapUsed}, {"heap_total_bytes", record.HeapTotal},
			{"heap_sys_bytes", record.HeapTotal}, {"external_bytes", record.External}} {
			i, ok := col[c.name]
			if !ok || r[i] == "" {
				continue
			}
			v, err := strconv.ParseFloat(r[i], 64)
			if err != nil {
				t.Fatal(err)
			}
			l.Series[c.m] = append(l.Series[c.m], Point{record.TimeOf(at), v})
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		l := byPid[k]
		first, last := l.Series[record.RSS][0].T.Std(), l.end().Std()
		for _, e := range events {
			if e.Container != l.Container {
				continue
			}
			switch e.Type {
			case "container_starting":
				if !e.Time.After(first) {
					l.Start, l.Version = record.TimeOf(e.Time), e.Version
				}
			case "container_crashed", "container_stopped":
				if e.Time.After(last.Add(-time.Second)) && l.End == 0 {
					l.End = record.TimeOf(e.Time)
					l.Died, l.Planned = e.Type == "container_crashed", e.Type != "container_crashed"
					switch {
					case e.Exit == 134:
						l.Kind = record.CrashHeapLimit
					case e.Reason == "OOMKilled":
						l.Kind = record.CrashOOMKill
					}
				}
			}
		}
		in.lives = append(in.lives, *l)
	}

	type req struct {
		at     time.Time
		key, c string
	}
	var reqs []req
	lines(t, filepath.Join(dir, "router.log.gz"), func(b []byte) {
		m := routerLine.FindSubmatch(b)
		if m == nil {
			return
		}
		at, err := time.Parse("2006-01-02T15:04:05.999999999", strings.Replace(string(m[1]), " ", "T", 1))
		if err != nil {
			return
		}
		reqs = append(reqs, req{at, template(string(m[2]), string(m[3])), string(m[4])})
	})
	if len(reqs) == 0 {
		t.Fatalf("%s: no router lines", name)
	}
	from, to := reqs[0].at, reqs[0].at
	for _, r := range reqs {
		if r.at.Before(from) {
			from = r.at
		}
		if r.at.After(to) {
			to = r.at
		}
	}
	in.ex = Exposure{From: record.TimeOf(from), Block: 10 * time.Second, N: int(to.Sub(from)/(10*time.Second)) + 1}
	at := map[string]int{}
	for _, r := range reqs {
		i, ok := at[r.key]
		if !ok {
			i = len(in.ex.Endpoints)
			at[r.key] = i
			in.ex.Endpoints = append(in.ex.Endpoints, Counts{Endpoint: r.key, ByContainer: map[string][]float64{}})
		}
		by := in.ex.Endpoints[i].ByContainer
		if by[r.c] == nil {
			by[r.c] = make([]float64, in.ex.N)
		}
		by[r.c][int(r.at.Sub(from)/in.ex.Block)]++
	}
	lines(t, filepath.Join(dir, "app.ndjson.gz"), func(b []byte) {
		if !strings.Contains(string(b), `"job completed"`) {
			return
		}
		var j struct {
			Time          int64
			Hostname, Job string
		}
		if json.Unmarshal(b, &j) == nil {
			tt := record.TimeOf(time.UnixMilli(j.Time))
			in.jobs = append(in.jobs, Job{Name: j.Job, Container: j.Hostname, Start: tt, End: tt})
		}
	})
	return in
}

// TestTheLeaksOfRecordedIncidentsAreTracedToWhatLeaked checks shapes and attribution on recordings of real processes.
func TestTheLeaksOfRecordedIncidentsAreTracedToWhatLeaked(t *testing.T) {
	for _, c := range []struct {
		name     string
		cause    finding.Cause
		endpoint string
		where    Where
		leaking  record.Metric // of which at least half of the lives leak; MetricUnknown: no metric of any web container does
	}{
		{"S0-1", finding.None, "", "", record.MetricUnknown},
		{"S1-1", finding.None, "", "", record.MetricUnknown},
		{"S2-2", finding.RequestLeak, "GET /api/progressions/{id}", GrowsHeap, record.HeapUsed},
		{"S6-1", finding.None, "", "", record.MetricUnknown},
		{"S7-1", finding.None, "", "", record.MetricUnknown},
		{"S8-1", finding.RequestLeak, "GET /api/sessions/{id}/attestations", GrowsExternal, record.RSS},
		{"S9-1", finding.None, "", "", record.MetricUnknown},
		{"S12-1", finding.RequestLeak, "GET /api/users/{id}/profile", GrowsHeap, record.HeapUsed},
		{"S13-1", finding.BackgroundLeak, "", GrowsHeap, record.HeapUsed},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := load(t, c.name)
			o := Options{Load: in.ex.Load()}
			logs := [][]Job{in.jobs}
			if c.cause == finding.BackgroundLeak {
				logs = append(logs, nil) // the log need not tell of the job
			}
			for _, jobs := range logs {
				a := Attribute(in.lives, in.ex, jobs, o)
				if a.Cause != c.cause || a.Endpoint != c.endpoint {
					t.Errorf("%s %q (%s), want %s %q", a.Cause, a.Endpoint, a.Explanation, c.cause, c.endpoint)
				}
				if c.where != "" && a.Growth.Where != c.where {
					t.Errorf("growth is in %s, want %s", a.Growth.Where, c.where)
				}
			}
			leaks, lives := 0, 0
			for _, m := range Curves(in.lives, o) {
				if c.leaking == record.MetricUnknown && m.Shape == finding.ShapeLeak {
					t.Errorf("%s of %s is called a leak: %v", m.Metric, m.Container, m.Reasons)
				}
				if m.Kind == c.leaking && c.leaking != record.MetricUnknown {
					lives++
					if m.Shape == finding.ShapeLeak {
						leaks++
					}
				}
			}
			if c.leaking != record.MetricUnknown && (lives == 0 || 2*leaks < lives) {
				t.Errorf("%d of %d lives leak in %s", leaks, lives, c.leaking)
			}
		})
	}
}

func TestTheJobThatLeaksIsNamedWhereTheLogTellsOfIt(t *testing.T) {
	in := load(t, "S13-1")
	a := Attribute(in.lives, in.ex, in.jobs, Options{})
	if len(a.Jobs) == 0 || a.Jobs[0].Name != "refresh-usage-statistics" || a.Jobs[0].Posterior < likelyP {
		t.Errorf("jobs %+v", a.Jobs)
	}
}

func TestTheSameEvidenceInAnyOrderGivesTheSameAttribution(t *testing.T) {
	in := load(t, "S12-1")
	one := Attribute(in.lives, in.ex, in.jobs, Options{})
	slices.Reverse(in.lives)
	slices.Reverse(in.ex.Endpoints)
	two := Attribute(in.lives, in.ex, in.jobs, Options{})
	if d := cmp.Diff(one.Endpoints[:3], two.Endpoints[:3], cmpopts.EquateApprox(1e-6, 1e-6)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Shapes(in.lives, Options{}), Shapes(in.lives, Options{})); d != "" {
		t.Error(d)
	}
}

func dumpAttribution(a Attribution) {
	fmt.Printf("%s %s %q: %s\n gate %+v\n growth %+v metric %s lives %d cont %d rows %d\n time %.3f all %.3f (lbf %.1f) load %.3f (lbf %.1f) also %v\n", a.Cause, a.Grade, a.Endpoint, a.Explanation, a.Gate, a.Growth, a.Metric, a.Lives, a.Containers, a.Readings,
		a.TimeOnly.Posterior, a.AllRequests.Posterior, a.AllRequests.LogBayesFactor, a.Load.Posterior, a.Load.LogBayesFactor, len(a.Also))
	for _, j := range a.Jobs {
		fmt.Printf("  job %s lbf %.1f p %.3f\n", j.Name, j.LogBayesFactor, j.Posterior)
	}
	for i, e := range a.Endpoints {
		if i > 4 {
			break
		}
		pp := -1.0
		if e.PlaceboP != nil {
			pp = *e.PlaceboP
		}
		fmt.Printf("  %-70s n=%.0f %.2f%% lbf %.1f p %.3f bytes %.0f [%.0f %.0f] share %.2f [%.1f %.1f] placebo %.3f %s partners %v\n", e.Endpoint, e.Requests, 100*e.TrafficShare, e.LogBayesFactor, e.Posterior,
			e.BytesPerRequest.Value, e.BytesPerRequest.Low, e.BytesPerRequest.High, e.ShareOfGrowth.Value, e.ShareOfGrowth.Low, e.ShareOfGrowth.High, pp, e.Grade, e.Partners)
	}
}
