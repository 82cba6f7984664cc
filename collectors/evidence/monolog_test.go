package evidence

import (
	"strings"
	"testing"
	"time"

	"lastcall/collectors/record"
)

func TestRequestsInTheContextOfMonologAreRead(t *testing.T) {
	const at = "2026-11-20T08:00:00.165Z"
	const line = `[2026-11-20T08:00:00.165000+00:00] production.INFO: request.end {"id":"b8c2","method":"GET","uri":"\/x?a=b","status":200,"ms":42,"user":7} []`
	end := seen{Start: "2026-11-20T08:00:00.123Z", End: at, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x?a=b", ID: "b8c2"}
	with := func(s seen, container, warnings string) seen {
		s.Container, s.Warnings = container, warnings
		return s
	}
	local := strings.Replace(line, "T08:00:00.165000+00:00", " 10:00:00", 1)
	for _, c := range []struct {
		name, line string
		want       seen
	}{
		{"a request", line, end},
		{"with what others added", strings.Replace(line, "[]", `{"uid":"7f","ip":"1.2.3.4"}`, 1), end},
		{"without what others added", strings.TrimSuffix(line, " []"), end},
		{"behind Docker Compose", "php-1  | 2026-11-20T08:00:00.165Z " + line, with(end, "php-1", "")},
		{"behind journalctl", "2026-11-20T08:00:00+0000 erp01 php8.2-fpm[17]: " + line, with(end, "erp01", "")},
		{"behind syslog", "Nov 20 08:00:00 erp01 php8.2-fpm[17]: " + line, with(end, "erp01", "")},
		{"in Docker's files", `{"log":` + quoted(line+"\n") + `,"stream":"stdout","time":"2026-11-20T08:00:00.2Z"}`, end},
		{"a time without a zone, and somebody received it", "php-1  | 2026-11-20T08:00:00.165Z " + local, with(end, "php-1", "")},
		{"a time without a zone", strings.Replace(local, "10:00:00", "08:00:00.165", 1), with(end, "", "no_timezone ")},
		{"a dot in the channel, and an object in the message", strings.Replace(line, "production.INFO: request.end", "app.http.NOTICE: {x} done", 1), end},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Layer, c.want.RequestsInSink = record.LayerApp, 1
			got := readLine(t, c.line, time.UTC)
			got.Format = ""
			if got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
	for _, line := range []string{
		`[2026-11-20T08:00:00+00:00] production.INFO: done [] []`,
		`[2026-11-20T08:00:00+00:00] production.INFO: slow query {"sql":"select 1","ms":42} []`,
		`[2026-11-20T08:00:00+00:00] production.INFO: called {"method":"GET","url":"https://other/x"} []`,
		`[2026-11-20T08:00:00+00:00] production.INFO request.end {"method":"GET","uri":"/x","status":200,"ms":42} []`,
		`[soon] production.INFO: request.end {"method":"GET","uri":"/x","status":200,"ms":42} []`,
		`[2026-11-20T08:00:00+00:00] production.INFO: request.end {"method":"GET","uri":"/x","status":200,"ms":42`,
	} {
		if got := readLine(t, line, time.UTC); got.RequestsInSink != 0 || got.Warnings != "unrecognised_lines " {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

// startsAndEnds counts the beginnings and the ends that were read.
func startsAndEnds(requests []record.Request) (starts, ends int) {
	for _, r := range requests {
		if r.Phase == record.Started {
			starts++
		} else {
			ends++
		}
	}
	return starts, ends
}

func TestBeginningsOfMonologAndOfPairsAreToldByTheHead(t *testing.T) {
	for name, lines := range map[string][2]string{
		"Monolog":             {`[2026-11-20T08:00:0#+00:00] app.INFO: request.start {"id":"id#","method":"GET","uri":"\/x"} []`, `[2026-11-20T08:00:0#.5+00:00] app.INFO: request.end {"id":"id#","method":"GET","uri":"\/x","status":200,"ms":500} []`},
		"pairs behind a text": {`2026-11-20T08:00:0#.000Z INFO  [http] req.start id=id# method=GET path=/x`, `2026-11-20T08:00:0#.500Z INFO  [http] req.end id=id# method=GET path=/x status=200 took=500ms`},
	} {
		var b strings.Builder
		for i := range 9 {
			for _, l := range lines {
				b.WriteString(strings.ReplaceAll(l, "#", string(rune('0'+i))) + "\n")
			}
		}
		killer := strings.ReplaceAll(strings.ReplaceAll(lines[0], "#", "9"), "x", "killer")
		s := readStored(t, "stdin", b.String()+killer+"\n")
		if starts, ends := startsAndEnds(s.Requests); starts != 10 || ends != 9 || len(s.Warnings) > 0 {
			t.Errorf("%s: %d beginnings, %d ends, %+v", name, starts, ends, s.Warnings)
		}
	}
	// An id that is not of requests ties nothing, and a step on the way is no beginning.
	var b strings.Builder
	for i := range 9 {
		b.WriteString(strings.ReplaceAll("2026-11-20T08:00:0#.100Z INFO checked id=7 method=GET path=/x\n2026-11-20T08:00:0#.500Z INFO done id=8 method=GET path=/x status=200 took=500ms\n", "#", string(rune('0'+i))))
	}
	if s := readStored(t, "stdin", b.String()); len(s.Requests) != 9 || len(s.Requests[0].ID) > 0 {
		t.Errorf("%+v", s.Requests)
	}
}
