package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lastcall/analyze/finding"
)

// served is what an application of three machines says in four hours: the beginnings and the ends of its requests, its ends and its starts.
type served struct {
	at      time.Time
	machine int
	what    string // "begin", "end", "died", "up"
	id      int
	method  string
	path    string
	took    time.Duration
}

// service is such an application, on which every request to killer ends in an end of its process half a minute later, and others come at so
// many random instants. It returns how often a process ended as well.
func service(seed uint64, killer string, random int) (said []served, deaths int) {
	rng := rand.New(rand.NewPCG(seed, 2))
	begin := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	const span, machines = 4 * 3600.0, 3
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * 1e9).Truncate(time.Millisecond)) }
	endpoints := []struct {
		method, path string
		rate, took   float64 // requests a second of a machine, seconds
	}{
		{"GET", "/orders", 0.15, 0.05},
		{"POST", "/orders", 0.05, 0.2},
		{"GET", "/reports/monthly", 0.004, 8},
		{"GET", "/search", 0.02, 1},
		{"POST", "/exports/all", 0.0006, 20},
	}
	id := 0
	for m := range machines {
		var all []served
		var kills []float64
		for _, e := range endpoints {
			for s := rng.ExpFloat64() / e.rate; s < span; s += rng.ExpFloat64() / e.rate {
				took := e.took * math.Exp(rng.NormFloat64()/3)
				if e.method+" "+e.path == killer {
					kills = append(kills, s+30)
					took = span
				}
				id++
				d := time.Duration(took * 1e9).Truncate(time.Millisecond)
				all = append(all, served{at(s), m, "begin", id, e.method, e.path, 0}, served{at(s).Add(d), m, "end", id, e.method, e.path, d})
			}
		}
		for range random {
			kills = append(kills, rng.Float64()*span)
		}
		slices.Sort(kills)
		kills = slices.CompactFunc(kills, func(a, b float64) bool { return math.Abs(b-a) < 120 })
		down := func(t time.Time) bool {
			return slices.ContainsFunc(kills, func(k float64) bool { return !t.Before(at(k)) && t.Before(at(k+10)) })
		}
		lost := map[int]bool{} // what began while nobody served, or had not ended when its process did
		for i := 0; i < len(all); i += 2 {
			a, b := all[i].at, all[i+1].at
			lost[all[i].id] = slices.ContainsFunc(kills, func(k float64) bool { return a.Before(at(k+10)) && !b.Before(at(k)) })
		}
		for _, s := range all {
			if s.what == "begin" && !down(s.at) || s.what == "end" && !lost[s.id] {
				said = append(said, s)
			}
		}
		for _, k := range kills {
			said = append(said, served{at: at(k), machine: m, what: "died"}, served{at: at(k + 10), machine: m, what: "up"})
		}
		deaths += len(kills)
	}
	slices.SortStableFunc(said, func(a, b served) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.machine, b.machine)) })
	return said, deaths
}

// exports are the ways in which a service's words are exported: the file, and how it writes one.
var exports = map[string]struct {
	file  string
	write func(said []served) string
}{
	"journalctl":            {"journal.log", func(said []served) string { return journal(said, false) }},
	"journalctl -o json":    {"journal.json", func(said []served) string { return journal(said, true) }},
	"gcloud logging read":   {"downloaded-logs.json", cloudRun},
	"Spring, kubectl logs":  {"api.log", spring},
	"Monolog, compose logs": {"compose.log", monolog},
	"Serilog, compose logs": {"compose.log", serilog},
	"pairs behind a text":   {"api.log", pairs},
}

// journal writes what a journal holds, as JSON or as -o short-iso-precise prints it.
func journal(said []served, asJSON bool) string {
	var b strings.Builder
	line := func(s *served, tag, pid, text string) {
		host := fmt.Sprintf("node-%d", s.machine+1)
		if !asJSON {
			fmt.Fprintf(&b, "%s %s %s[%s]: %s\n", s.at.Format("2006-01-02T15:04:05.000000-0700"), host, tag, pid, text)
			return
		}
		e, _ := json.Marshal(map[string]string{
			"__REALTIME_TIMESTAMP": fmt.Sprint(s.at.UnixMicro()), "_HOSTNAME": host, "SYSLOG_IDENTIFIER": tag, "_PID": pid, "_SYSTEMD_UNIT": tag + ".service", "MESSAGE": text,
		})
		b.Write(append(e, '\n'))
	}
	for i := range said {
		s := &said[i]
		switch s.what {
		case "begin":
			line(s, "shop", "17", fmt.Sprintf(`{"request_id":"r%d","request":"%s %s","event":"request_started","timestamp":"%s","level":"info"}`, s.id, s.method, s.path, s.at.Format(time.RFC3339Nano)))
		case "end":
			line(s, "shop", "17", fmt.Sprintf(`{"code":200,"request_id":"r%d","request":"%s %s","event":"request_finished","timestamp":"%s","level":"info"}`, s.id, s.method, s.path, s.at.Format(time.RFC3339Nano)))
		case "died":
			line(s, "systemd", "1", "shop.service: Main process exited, code=killed, status=9/KILL")
			line(s, "systemd", "1", "shop.service: Failed with result 'oom-kill'.")
			line(s, "systemd", "1", "shop.service: Scheduled restart job, restart counter is at 1.")
		case "up":
			line(s, "systemd", "1", "Started shop.service - The shop.")
		}
	}
	return b.String()
}

// cloudRun writes what Logs Explorer saves, the newest first, of instances that go on after they were ended.
func cloudRun(said []served) string {
	var out []string
	for i := range said {
		s := &said[i]
		entry := func(log, payload string) {
			out = append(out, fmt.Sprintf(`{"insertId":"%d","labels":{"instanceId":"00bf4bf02da%d"},"logName":"projects/p/logs/run.googleapis.com%%2F%s","resource":{"labels":{"service_name":"shop"},"type":"cloud_run_revision"},"timestamp":"%s",%s}`,
				len(out), s.machine, log, s.at.Format(time.RFC3339Nano), payload))
		}
		switch s.what {
		case "begin":
			entry("stdout", fmt.Sprintf(`"jsonPayload":{"level":30,"time":%d,"pid":1,"hostname":"localhost","reqId":"r%d","req":{"method":"%s","url":"%s"},"msg":"incoming request"}`, s.at.UnixMilli(), s.id, s.method, s.path))
		case "end":
			entry("stdout", fmt.Sprintf(`"jsonPayload":{"level":30,"time":%d,"pid":1,"hostname":"localhost","reqId":"r%d","res":{"statusCode":200},"responseTime":%d,"msg":"request completed"}`, s.at.UnixMilli(), s.id, s.took.Milliseconds()))
		case "died":
			entry("varlog%2Fsystem", `"textPayload":"Memory limit of 512 MiB exceeded with 530 MiB used. Consider increasing the memory limit, see https://cloud.google.com/run/docs/configuring/memory-limits"`)
		case "up":
			entry("varlog%2Fsystem", `"textPayload":"Default STARTUP TCP probe succeeded after 1 attempt for container \"shop-1\" on port 8080."`)
		}
	}
	slices.Reverse(out)
	return "[\n" + strings.Join(out, ",\n") + "\n]\n"
}

// spring writes the log of pods, with threads that serve one request after the other.
func spring(said []served) string {
	var b strings.Builder
	threads := [3][20]int{} // by machine: the request that each serves
	thread := func(s *served, id int) int { return max(slices.Index(threads[s.machine][:], id), 0) }
	for i := range said {
		s := &said[i]
		line := func(n int, text string) {
			at := s.at.Format("2006-01-02T15:04:05.000Z")
			fmt.Fprintf(&b, "[pod/api-7d4b9c8f6-x%dx9q/app] %s %s DEBUG 1 --- [shop] [nio-8080-exec-%d] o.s.w.f.CommonsRequestLoggingFilter : %s\n", s.machine+4, at, at, n+1, text)
		}
		switch s.what {
		case "begin":
			n := thread(s, 0)
			threads[s.machine][n] = s.id
			line(n, fmt.Sprintf("Before request [%s %s, client=1.2.3.4]", s.method, s.path))
		case "end":
			n := thread(s, s.id)
			line(n, fmt.Sprintf("After request [%s %s, client=1.2.3.4]", s.method, s.path))
			threads[s.machine][n] = 0
		case "died":
			fmt.Fprintf(&b, "[pod/api-7d4b9c8f6-x%dx9q/app] %s java.lang.OutOfMemoryError: Java heap space\n", s.machine+4, s.at.Format(time.RFC3339Nano))
		case "up":
			threads[s.machine] = [20]int{}
			line(0, "Tomcat started on port 8080 (http) with context path ''")
		}
	}
	return b.String()
}

// inCompose writes lines as `docker compose logs -t` prints them.
func inCompose(said []served, begin, end func(s *served) string) string {
	var b strings.Builder
	for i := range said {
		s := &said[i]
		text := "Now listening on port 8080"
		switch s.what {
		case "begin":
			text = begin(s)
		case "end":
			text = end(s)
		case "died":
			text = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
		}
		fmt.Fprintf(&b, "web-%d  | %s %s\n", s.machine+1, s.at.Format(time.RFC3339Nano), text)
	}
	return b.String()
}

func monolog(said []served) string {
	line := func(s *served, what, more string) string {
		return fmt.Sprintf(`[%s] production.INFO: %s {"id":"r%d","method":"%s","uri":"%s"%s} []`, s.at.Format("2006-01-02T15:04:05.000000-07:00"), what, s.id, s.method, strings.ReplaceAll(s.path, "/", `\/`), more)
	}
	return inCompose(said, func(s *served) string { return line(s, "request.start", "") }, func(s *served) string {
		return line(s, "request.end", fmt.Sprintf(`,"status":200,"ms":%d`, s.took.Milliseconds()))
	})
}

func serilog(said []served) string {
	return inCompose(said, func(s *served) string {
		return fmt.Sprintf(`{"@t":"%s","@mt":"Request starting {Protocol} {Method} {Scheme}://{Host}{PathBase}{Path}{QueryString} - {ContentType} {ContentLength}","Method":"%s","Path":"%s","QueryString":"","RequestId":"0HN5:%d","RequestPath":"%s"}`,
			s.at.Format(time.RFC3339Nano), s.method, s.path, s.id, s.path)
	}, func(s *served) string {
		return fmt.Sprintf(`{"@t":"%s","@mt":"HTTP {RequestMethod} {RequestPath} responded {StatusCode} in {Elapsed:0.0000} ms","RequestMethod":"%s","RequestPath":"%s","StatusCode":200,"Elapsed":%d.5,"RequestId":"0HN5:%d"}`,
			s.at.Format(time.RFC3339Nano), s.method, s.path, s.took.Milliseconds(), s.id)
	})
}

func pairs(said []served) string {
	return inCompose(said, func(s *served) string {
		return fmt.Sprintf("INFO  [http] req.start id=r%d method=%s path=%s", s.id, s.method, s.path)
	}, func(s *served) string {
		return fmt.Sprintf("INFO  [http] req.end id=r%d method=%s path=%s status=200 took=%dms", s.id, s.method, s.path, s.took.Milliseconds())
	})
}

// TestTheRequestThatKillsIsNamedFromWhateverWasExported: of a log with the beginnings of requests, in every form in which people save one, the
// killer is named, and nobody where ends come at random.
func TestTheRequestThatKillsIsNamedFromWhateverWasExported(t *testing.T) {
	const killer = "POST /exports/all"
	for name, e := range exports {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				killer string
				random int
			}{{killer, 0}, {"", 4}} {
				said, deaths := service(7, c.killer, c.random)
				var got struct {
					Verdict  finding.Verdict
					Crashes  []struct{}
					Warnings []struct{ Code, Example string }
				}
				r := runIn(t, nil, "investigate", write(t, filepath.Join(t.TempDir(), e.file), e.write(said)), "--format", "json", "--quiet")
				if err := json.Unmarshal([]byte(r.out), &got); err != nil {
					t.Fatalf("%v: %s", err, r.errOut)
				}
				if len(got.Crashes) != deaths {
					t.Errorf("killer %q: %d crashes of %d", c.killer, len(got.Crashes), deaths)
				}
				accused := ""
				if g := got.Verdict.Grade; got.Verdict.Endpoint != nil && (g == finding.Likely || g == finding.Conclusive) {
					accused = *got.Verdict.Endpoint
				}
				if accused != c.killer {
					t.Errorf("killer %q, %d deaths: %q is accused: %s", c.killer, deaths, accused, got.Verdict.Summary)
				}
				for _, w := range got.Warnings {
					if strings.Contains(w.Code, "unrecognised") || strings.Contains(w.Code, "malformed") {
						t.Errorf("%s: %s", w.Code, w.Example)
					}
				}
			}
		})
	}
}

// TestTheJournalInJSONLeadsToTheSameReport: but for the name of the file and the lines of it that are quoted.
func TestTheJournalInJSONLeadsToTheSameReport(t *testing.T) {
	said, _ := service(3, "POST /exports/all", 0)
	var reports []string
	for _, asJSON := range []bool{false, true} {
		path := write(t, filepath.Join(t.TempDir(), "journal.log"), journal(said, asJSON))
		r := runIn(t, nil, "investigate", path, "--format", "json", "--quiet")
		var report map[string]any
		if err := json.Unmarshal(bytes.ReplaceAll([]byte(r.out), []byte(path), []byte("journal.log")), &report); err != nil {
			t.Fatalf("%v: %s", err, r.errOut)
		}
		for _, key := range []string{"verdict", "crashes", "suspects", "timeline", "window"} {
			b, _ := json.MarshalIndent(report[key], "", " ")
			reports = append(reports, key+" "+string(b))
		}
	}
	for i := range reports[:len(reports)/2] {
		if a, b := reports[i], reports[len(reports)/2+i]; a != b {
			t.Errorf("text:\n%s\nJSON:\n%s", a, b)
		}
	}
}
