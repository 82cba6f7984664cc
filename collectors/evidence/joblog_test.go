package evidence

import (
	"strings"
	"testing"
	"time"

	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// readJobs reads a file of lines.
func readJobs(t *testing.T, lines ...string) *recordtest.Sink {
	t.Helper()
	var sink recordtest.Sink
	c := New(Options{Paths: []string{"-"}, Stdin: strings.NewReader(strings.Join(lines, "\n") + "\n"), StdinName: "worker.log", Workers: 1})
	if err := c.Collect(t.Context(), record.Query{}, &sink); err != nil {
		t.Fatal(err)
	}
	return &sink
}

func codes(sink *recordtest.Sink) string {
	var out []string
	for _, w := range sink.Warnings {
		out = append(out, w.Code)
	}
	return strings.Join(out, " ")
}

func TestRunsOfSidekiqAreJobs(t *testing.T) {
	const (
		run   = `pid=34695 tid=6y1 class=Mail::OrderJob jid=36fba97eb31c4248a1d9229f`
		start = `2026-11-20T08:00:00.119Z ` + run + ` INFO: start`
		done  = `2026-11-20T08:00:00.500Z ` + run + ` elapsed=0.381 INFO: done`
		json  = `{"ts":"2026-11-20T08:00:00.500Z","pid":34695,"tid":"6y1","lvl":"INFO","msg":"done","ctx":{"class":"Mail::OrderJob","jid":"36fb","elapsed":0.381}}`
	)
	for _, c := range []struct {
		name      string
		lines     []string
		container string
		took      time.Duration
		codes     string
	}{
		{name: "as text", lines: []string{start, done}, took: 381 * time.Millisecond},
		{name: "that fails, in a batch, with tags", lines: []string{strings.Replace(done, " elapsed", " bid=b1 tags=a,b elapsed", 1), start}, took: 381 * time.Millisecond},
		{name: "that fails", lines: []string{strings.Replace(done, "done", "fail", 1)}, took: 381 * time.Millisecond},
		{name: "without its duration", lines: []string{strings.Replace(done, " elapsed=0.381", "", 1)}},
		{name: "on Heroku", lines: []string{`2026-11-20T08:00:00.500000+00:00 app[worker.1]: ` + run + ` elapsed=0.381 INFO: done`}, container: "worker.1", took: 381 * time.Millisecond},
		{name: "on Heroku, with its own time", lines: []string{`2026-11-20T08:00:00.500000+00:00 app[worker.1]: ` + done}, container: "worker.1", took: 381 * time.Millisecond},
		{name: "behind Docker Compose", lines: []string{`jobs-1  | ` + done}, container: "jobs-1", took: 381 * time.Millisecond},
		{name: "in JSON", lines: []string{strings.Replace(json, "done", "start", 1), json}, took: 381 * time.Millisecond},
		{name: "in JSON, with the duration as text", lines: []string{strings.Replace(json, "0.381", `"0.381"`, 1)}, took: 381 * time.Millisecond},
		{name: "in JSON behind kubectl's prefix", lines: []string{`[pod/jobs-5d8f7b9c4-x2x9q/app] ` + json}, container: "jobs-5d8f7b9c4-x2x9q", took: 381 * time.Millisecond},
		{name: "in Docker's file", lines: []string{`{"log":"` + run + ` elapsed=0.381 INFO: done\n","stream":"stdout","time":"2026-11-20T08:00:00.5Z"}`}, took: 381 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := readJobs(t, c.lines...)
			if len(sink.Jobs) != 1 || codes(sink) != c.codes {
				t.Fatalf("%+v, warnings %v", sink.Jobs, sink.Warnings)
			}
			got := sink.Jobs[0]
			got.Pos = record.Pos{}
			end := record.TimeOf(time.Date(2026, 11, 20, 8, 0, 0, 5e8, time.UTC))
			if want := (record.Job{Name: "Mail::OrderJob", Start: end.Add(-c.took), End: end, Container: c.container, Instance: "34695"}); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestRunsOfCeleryAreJobs(t *testing.T) {
	const (
		task = `Task app.tasks.render_pdf[8ab8a70f-b9c6-48eb-a990-9e1c3b326797] `
		line = `[2026-11-20 08:00:00,500: INFO/ForkPoolWorker-2] ` + task
		done = line + `succeeded in 0.381s: {'a': [1]}`
	)
	for _, c := range []struct {
		name, line, container string
		took                  time.Duration
		codes                 string
	}{
		{name: "that succeeds", line: done, took: 381 * time.Millisecond, codes: "no_timezone"},
		{name: "without its result", line: line + `succeeded in 0.381s`, took: 381 * time.Millisecond, codes: "no_timezone"},
		{name: "that fails", line: line + `raised unexpected: OSError()`, codes: "no_timezone"},
		{name: "that is tried again", line: line + `retry: Retry in 180s`, codes: "no_timezone"},
		{name: "behind kubectl's prefix", line: `[pod/celery-5ac05b6eb-t286v/celery] 2026-11-20T08:00:00.5Z ` + strings.Replace(done, "08:00:00", "09:00:00", 1), container: "celery-5ac05b6eb-t286v", took: 381 * time.Millisecond},
		{name: "on Heroku", line: `2026-11-20T08:00:00.500000+00:00 app[worker.1]: ` + done, container: "worker.1", took: 381 * time.Millisecond},
		{name: "behind Docker Compose", line: `jobs-1  | 2026-11-20T08:00:00.5Z ` + done, container: "jobs-1", took: 381 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := readJobs(t, line+"received", c.line)
			if len(sink.Jobs) != 1 || codes(sink) != c.codes {
				t.Fatalf("%+v, warnings %v", sink.Jobs, sink.Warnings)
			}
			got := sink.Jobs[0]
			got.Pos = record.Pos{}
			end := record.TimeOf(time.Date(2026, 11, 20, 8, 0, 0, 5e8, time.UTC))
			if want := (record.Job{Name: "app.tasks.render_pdf", Start: end.Add(-c.took), End: end, Container: c.container}); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestWhatElseWorkersLogIsNoJob(t *testing.T) {
	for line, warnings := range map[string]string{
		`2026-11-20T08:00:00.5Z pid=1 tid=6y1 class=A jid=1 INFO: started`: "unrecognised_lines",
		`2026-11-20T08:00:00.5Z pid=1 tid=6y1 INFO: done`:                  "unrecognised_lines",
		`2026-11-20T08:00:00.5Z pid=1 tid=6y1 class= jid=1 INFO: done`:     "unrecognised_lines",
		`2026-11-20T08:00:00.5Z xpid=1 class=A jid=1 INFO: done`:           "unrecognised_lines",
		`: done`: "unrecognised_lines", `: start`: "unrecognised_lines", `: fail`: "unrecognised_lines",
		`pid=1 tid=6y1 class=A jid=1 elapsed=1 INFO: done`:                                     "no_time",
		`{"ts":"2026-11-20T08:00:00.5Z","pid":1,"msg":"done","ctx":{"jid":1,"class":"A"}}`:     "",
		`{"ts":"2026-11-20T08:00:00.5Z","pid":1,"msg":"done","ctx":{"jid":"1","class":["A"]}}`: "",
		`{"ts":"2026-11-20T08:00:00.5Z","pid":1,"msg":"done","jid":"1","class":"A"}`:           "",
		`{"ts":"never","pid":{},"msg":"done","ctx":{"jid":"1","class":"A","elapsed":1e300}}`:   "no_time",
		`[2026-11-20 08:00:00,500: INFO/MainProcess] Task a.b[] received`:                      "unrecognised_lines",
		`[2026-11-20 08:00:00,500: INFO/MainProcess] Task a.b succeeded in 1s: None`:           "unrecognised_lines",
		`[2026-11-20 08:00:00,500: INFO/MainProcess] Task a.b[1] succeeded in no time`:         "unrecognised_lines",
		`[2026-11-20 08:00:00,500: INFO/MainProcess] Task [1] raised unexpected: x`:            "unrecognised_lines",
		`[2026-11-20 08:00:00,500: WARNING/MainProcess] Task a.b[1] revoked`:                   "unrecognised_lines",
		`] Task `: "unrecognised_lines", `] Task ]`: "unrecognised_lines",
		`[x] Task a.b[1] succeeded in 1s`: "no_time",
	} {
		sink := readJobs(t, `2026-11-20T08:00:00Z pid=1 tid=6y1 class=Other jid=0 elapsed=1 INFO: done`, line)
		if len(sink.Jobs) != 1 || sink.Jobs[0].Name != "Other" || codes(sink) != warnings {
			t.Errorf("%s: %+v, warnings %v", line, sink.Jobs, sink.Warnings)
		}
	}
	for took, want := range map[string]time.Duration{"0": 0, "-1": 0, "x": 0, "2592001": 0, "99999999999999999999": 0, "": 0, "2592000": maxJob} {
		if got := jobTook([]byte(took)); got != want {
			t.Errorf("%s: %v, want %v", took, got, want)
		}
	}
	sink := readJobs(t, `2026-11-20T08:00:00Z pid=1 class=`+strings.Repeat("A", 1<<16)+` jid=1 INFO: done`)
	if len(sink.Jobs) != 1 || len(sink.Jobs[0].Name) > 400 {
		t.Errorf("a long name: %.100v", sink.Jobs)
	}
}

// TestTheDumpOfAWorkerHasItsTime: last words without a time of their own stand between lines of jobs.
func TestTheDumpOfAWorkerHasItsTime(t *testing.T) {
	sink := readJobs(t,
		`2026-11-20T08:00:00Z pid=7 tid=6y1 class=A jid=1 INFO: start`,
		`app.rb:1:in 'x': failed to allocate memory (NoMemoryError)`,
	)
	if len(sink.Crashes) != 1 || sink.Crashes[0].Time != record.TimeOf(time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", sink.Crashes)
	}
}
