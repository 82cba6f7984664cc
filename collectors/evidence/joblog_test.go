package evidence

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// readWorker reads the log of a queue's worker.
func readWorker(t *testing.T, lines ...string) *recordtest.Sink {
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

// jobAt is what a run of a job is read as; at 08:00 and so many milliseconds.
func jobAt(phase record.Phase, from, to int, route, id, container, instance string) record.Request {
	at := func(ms int) record.Time {
		return record.TimeOf(time.Date(2026, 11, 20, 8, 0, 0, ms*int(time.Millisecond), time.UTC))
	}
	text := func(s string) []byte {
		if s == "" {
			return nil
		}
		return []byte(s)
	}
	return record.Request{
		Layer: record.LayerApp, Phase: phase, Start: at(from), End: at(to), Method: []byte("JOB"), Route: text(route), ID: text(id),
		Container: text(container), Instance: text(instance),
	}
}

// wantRequests compares what was read, without its places, with what should be.
func wantRequests(t *testing.T, got []record.Request, want ...record.Request) {
	t.Helper()
	for i := range got {
		got[i].Pos = record.Pos{}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestRunsOfSidekiqAreRequests(t *testing.T) {
	const (
		run   = `pid=34695 tid=6y1 class=Mail::OrderJob jid=36fb`
		start = `2026-11-20T08:00:00.119Z ` + run + ` INFO: start`
		done  = `2026-11-20T08:00:00.500Z ` + run + ` elapsed=0.381 INFO: done`
		json  = `{"ts":"2026-11-20T08:00:00.500Z","pid":34695,"tid":"6y1","lvl":"INFO","msg":"done","ctx":{"class":"Mail::OrderJob","jid":"36fb","elapsed":0.381}}`
	)
	begun := func(ms int, container string) record.Request {
		return jobAt(record.Started, ms, ms, "Mail::OrderJob", "36fb", container, "34695")
	}
	ended := func(from int, container string) record.Request {
		return jobAt(record.Completed, from, 500, "Mail::OrderJob", "36fb", container, "34695")
	}
	for _, c := range []struct {
		name  string
		lines []string
		want  []record.Request
	}{
		{"as text", []string{start, done}, []record.Request{begun(119, ""), ended(119, "")}},
		{"that fails, in a batch, with tags", []string{strings.Replace(done, " elapsed", " bid=b1 tags=a,b elapsed", 1), start}, []record.Request{ended(119, ""), begun(119, "")}},
		{"that fails", []string{strings.Replace(done, "done", "fail", 1)}, []record.Request{ended(119, "")}},
		{"without its duration", []string{strings.Replace(done, " elapsed=0.381", "", 1)}, []record.Request{ended(500, "")}},
		{"on Heroku", []string{`2026-11-20T08:00:00.500000+00:00 app[worker.1]: ` + run + ` elapsed=0.381 INFO: done`}, []record.Request{ended(119, "worker.1")}},
		{"on Heroku, with its own time", []string{`2026-11-20T08:00:00.500000+00:00 app[worker.1]: ` + done}, []record.Request{ended(119, "worker.1")}},
		{"behind Docker Compose", []string{`jobs-1  | ` + done}, []record.Request{ended(119, "jobs-1")}},
		{"in JSON", []string{strings.Replace(json, "done", "start", 1), json}, []record.Request{begun(500, ""), ended(119, "")}},
		{"in JSON, with the duration as text", []string{strings.Replace(json, "0.381", `"0.381"`, 1)}, []record.Request{ended(119, "")}},
		{"in JSON behind kubectl's prefix", []string{`[pod/jobs-5d8f7b9c4-x2x9q/app] ` + json}, []record.Request{ended(119, "jobs-5d8f7b9c4-x2x9q/app")}},
		{"in Docker's file", []string{`{"log":"` + run + ` elapsed=0.381 INFO: done\n","stream":"stdout","time":"2026-11-20T08:00:00.5Z"}`}, []record.Request{ended(119, "")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := readWorker(t, c.lines...)
			if codes(sink) != "" || len(sink.Jobs) > 0 {
				t.Errorf("jobs %+v, warnings %v", sink.Jobs, sink.Warnings)
			}
			wantRequests(t, sink.Requests, c.want...)
		})
	}
}

// TestRunsOfCeleryAreRequests: a run is open from when it was received on, which its end does not tell of.
func TestRunsOfCeleryAreRequests(t *testing.T) {
	const (
		task     = `Task app.tasks.render_pdf[8ab8] `
		line     = `[2026-11-20 08:00:00,500: INFO/ForkPoolWorker-2] ` + task
		received = `[2026-11-20 08:00:00,119: INFO/MainProcess] ` + task + `received`
		done     = line + `succeeded in 0.081s: {'a': [1]}`
	)
	for _, c := range []struct {
		name, before, line, container, codes string
	}{
		{name: "that succeeds", line: done, codes: "no_timezone"},
		{name: "without its result", line: line + `succeeded in 0.081s`, codes: "no_timezone"},
		{name: "that fails", line: line + `raised unexpected: OSError()`, codes: "no_timezone"},
		{name: "that is tried again", line: line + `retry: Retry in 180s`, codes: "no_timezone"},
		{name: "behind kubectl's prefix", before: `[pod/celery-5ac05b6eb-t286v/celery] 2026-11-20T`, line: done, container: "celery-5ac05b6eb-t286v/celery"},
		{name: "on Heroku", before: `2026-11-20T`, line: done, container: "worker.1"},
		{name: "behind Docker Compose", before: `jobs-1  | 2026-11-20T`, line: done, container: "jobs-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := func(when, line string) string {
				switch {
				case c.container == "worker.1":
					return c.before + when + `+00:00 app[worker.1]: ` + line
				case c.before != "":
					return c.before + when + `Z ` + strings.Replace(line, "08:00:00", "09:00:00", 1)
				}
				return line
			}
			sink := readWorker(t, at("08:00:00.119", received), at("08:00:00.5", c.line))
			if codes(sink) != c.codes || len(sink.Jobs) > 0 {
				t.Errorf("jobs %+v, warnings %v", sink.Jobs, sink.Warnings)
			}
			wantRequests(t, sink.Requests,
				jobAt(record.Started, 119, 119, "app.tasks.render_pdf", "8ab8", c.container, ""),
				jobAt(record.Completed, 500, 500, "app.tasks.render_pdf", "8ab8", c.container, ""))
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
		sink := readWorker(t, `2026-11-20T08:00:00Z pid=1 tid=6y1 class=Other jid=0 elapsed=1 INFO: done`, line)
		if len(sink.Requests) != 1 || string(sink.Requests[0].Route) != "Other" || codes(sink) != warnings {
			t.Errorf("%s: %+v, warnings %v", line, sink.Requests, sink.Warnings)
		}
	}
	for took, want := range map[string]time.Duration{"0": 0, "-1": 0, "x": 0, "2592001": 0, "99999999999999999999": 0, "": 0, "2592000": maxJob} {
		if got := jobTook([]byte(took)); got != want {
			t.Errorf("%s: %v, want %v", took, got, want)
		}
	}
	sink := readWorker(t, `2026-11-20T08:00:00Z pid=1 class=`+strings.Repeat("A", 1<<16)+` jid=1 INFO: done`)
	if len(sink.Requests) != 1 {
		t.Errorf("a long name: %.100v", sink.Requests)
	}
}

// TestTheDumpOfAWorkerHasItsTime: last words without a time of their own stand between lines of jobs.
func TestTheDumpOfAWorkerHasItsTime(t *testing.T) {
	sink := readWorker(t,
		`2026-11-20T08:00:00Z pid=7 tid=6y1 class=A jid=1 INFO: start`,
		`app.rb:1:in 'x': failed to allocate memory (NoMemoryError)`,
	)
	if len(sink.Crashes) != 1 || sink.Crashes[0].Time != record.TimeOf(time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", sink.Crashes)
	}
}
