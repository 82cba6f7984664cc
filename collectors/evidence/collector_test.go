package evidence_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lastcall/collectors/evidence"
	"lastcall/collectors/evidence/evidencetest"
	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

func collect(t testing.TB, o evidence.Options, q record.Query) *recordtest.Sink {
	t.Helper()
	var s recordtest.Sink
	if err := evidence.New(o).Collect(t.Context(), q, &s); err != nil {
		t.Fatal(err)
	}
	if s.OpenForks() != 0 {
		t.Fatalf("%d forked sinks were not joined", s.OpenForks())
	}
	s.Sort()
	return &s
}

func TestRecordedIncidentsGiveAsManyRequestsAsTheirDescriptionSays(t *testing.T) {
	dir := formattest.Shared(t, "incidents")
	folders, err := filepath.Glob(filepath.Join(dir, "*", "meta.json"))
	if err != nil || len(folders) == 0 {
		t.Skip("no incidents")
	}
	for _, path := range folders {
		folder := filepath.Dir(path)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			var meta struct {
				Requests int
				Statuses map[string]int
				Style    string `json:"log_style"`
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, &meta); err != nil {
				t.Fatal(err)
			}
			answered := 0
			for s, n := range meta.Statuses {
				if len(s) == 3 {
					answered += n
				}
			}
			router := collect(t, evidence.Options{Paths: []string{filepath.Join(folder, "router.log.gz")}}, record.Query{})
			if len(router.Requests) != meta.Requests || len(router.Warnings) != 0 {
				t.Errorf("router.log: %d requests and warnings %+v, want %d and none", len(router.Requests), router.Warnings, meta.Requests)
			}
			outcomes := map[record.Outcome]int{}
			for _, r := range router.Requests {
				outcomes[r.Outcome]++
				if r.Start == 0 || r.End < r.Start || len(r.Container) == 0 || len(r.ID) == 0 || len(r.Method) == 0 || len(r.Path) == 0 {
					t.Fatalf("incomplete request %+v", r)
				}
			}
			want := map[record.Outcome]int{record.Answered: answered}
			for s, n := range meta.Statuses {
				switch s[max(0, len(s)-3):] {
				case "H12":
					want[record.GaveUp] += n
				case "H13":
					want[record.Cut] += n
				case "H21":
					want[record.Refused] += n
				}
			}
			for o, n := range want {
				if outcomes[o] != n {
					t.Errorf("router.log: %d requests of outcome %d, want %d", outcomes[o], o, n)
				}
			}
			app := collect(t, evidence.Options{Paths: []string{filepath.Join(folder, "app.ndjson.gz")}}, record.Query{})
			dd := collect(t, evidence.Options{Paths: []string{filepath.Join(folder, "datadog_logs.ndjson.gz")}}, record.Query{})
			if len(app.Requests) == 0 || len(app.Requests) > meta.Requests || app.Requests[0].Layer != record.LayerApp {
				t.Errorf("app.ndjson: %d requests, want some, at most %d, of the application", len(app.Requests), meta.Requests)
			}
			if len(dd.Requests) != len(app.Requests) {
				t.Errorf("datadog_logs: %d requests, app.ndjson: %d, want the same", len(dd.Requests), len(app.Requests))
			}
			for _, s := range []*recordtest.Sink{router, app, dd} {
				if n := s.WarningCount("malformed_line"); n != 0 {
					t.Errorf("%d malformed lines: %+v", n, s.Warnings)
				}
			}
			all := collect(t, evidence.Options{Paths: []string{folder}}, record.Query{})
			if got := len(router.Requests) + len(app.Requests) + len(dd.Requests); len(all.Requests) != got {
				t.Errorf("the folder gives %d requests, its files %d", len(all.Requests), got)
			}
			if n := all.WarningCount("unknown_format"); n != 2 {
				t.Errorf("%d files of unknown format, want the two that a user would not have", n)
			}
			t.Logf("%d+%d+%d requests, %d crashes, %d lifecycle, %d samples, %d profiles; warnings %+v", len(router.Requests), len(app.Requests), len(dd.Requests),
				len(all.Crashes), len(all.Lifecycles), len(all.Samples), len(all.Profiles), all.Warnings)
		})
	}
}

func TestEveryCorpusLogIsReadOrRefusedWithAReason(t *testing.T) {
	dir := formattest.Shared(t, "corpus/logs")
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		var s recordtest.Sink
		err = evidence.New(evidence.Options{Paths: []string{path}}).Collect(t.Context(), record.Query{}, &s)
		rel, _ := filepath.Rel(dir, path)
		var none *evidence.NothingReadError
		if err != nil && !errors.As(err, &none) {
			t.Errorf("%s: %v", rel, err)
		}
		if err != nil && (len(s.Warnings) == 0 || len(s.Coverages) == 0) {
			t.Errorf("%s: refused without a reason", rel)
		}
		if err == nil && len(s.Coverages) == 0 {
			t.Errorf("%s: read without coverage", rel)
		}
		format := "-"
		for _, c := range s.Coverages {
			if c.Source.Format != "" {
				format = c.Source.Format
			}
		}
		codes := map[string]int64{}
		for _, w := range s.Warnings {
			codes[w.Code] += w.Count
		}
		t.Logf("%-60s %-18s %4d requests %3d crashes %3d lifecycle %4d samples %v", rel[max(0, len(rel)-60):], format, len(s.Requests), len(s.Crashes), len(s.Lifecycles), len(s.Samples), codes)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWarningsOfOneCodeThatSayDifferentThingsAreCountedApart(t *testing.T) {
	// Enough lines for several chunks, so that what goroutines counted is merged as well.
	var log strings.Builder
	for range 2000 {
		log.WriteString(strings.Repeat(evidencetest.Pino, 3))
		log.WriteString(evidencetest.Pino[:100] + "\n")
		log.WriteString(strings.Repeat(strings.Replace(evidencetest.Pino, "2.5", "-1", 1), 2))
		log.WriteString(strings.Repeat(strings.Replace(evidencetest.Pino, `"statusCode":200`, `"statusCode":99999`, 1), 3))
	}
	path := filepath.Join(t.TempDir(), "app.ndjson")
	if err := os.WriteFile(path, []byte(log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := collect(t, evidence.Options{Paths: []string{path}, Workers: 4}, record.Query{})
	got := map[string]int64{}
	for _, w := range s.Warnings {
		if w.Code == "malformed_line" {
			got[w.Text] = w.Count
			if what := regexp.MustCompile("broken|duration|status").FindString(w.Text); what == "" || w.Example == "" {
				t.Errorf("the warning %+v says nothing", w)
			}
		}
	}
	if want := []int64{2000, 4000, 6000}; !slices.Equal(slices.Sorted(maps.Values(got)), want) {
		t.Errorf("got %v, want the counts %v", got, want)
	}
}
