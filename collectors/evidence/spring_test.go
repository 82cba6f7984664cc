package evidence

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lastcall/collectors/record"
)

func TestSpringBeginsAndEndsItsRequests(t *testing.T) {
	const at, id = "2026-11-20T08:00:00.123Z", "[nio-8080-exec-2] "
	const filter = "o.s.w.f.CommonsRequestLoggingFilter : "
	begin := seen{Start: at, End: at, Phase: record.Started, Method: "GET", Path: "/x?a=b", Client: "1.2.3.4"}
	end := seen{End: at, Outcome: record.Answered, Method: "GET", Path: "/x", Warnings: "no_duration "}
	in := func(s seen, container, path, client string) seen {
		s.Container, s.Path, s.Client = container, path, client
		return s
	}
	uri := begin
	uri.Method = ""
	for _, c := range []struct {
		name, line string
		want       seen
	}{
		{"a beginning", at + " DEBUG 1 --- [shop] " + id + filter + "Before request [GET /x?a=b, client=1.2.3.4]", begin},
		{"with all that may be there", at + " DEBUG 1 --- [shop] " + id + filter + `Before request [GET /x?a=b, client=1.2.3.4, session=7, user=me, headers=[host:"h"], payload={"a":[1]}]`, begin},
		{"behind the message of another filter", at + " DEBUG 1 --- [shop] " + id + filter + "Before request [GET /x, client=1.2.3.4] tenant=acme", in(begin, "", "/x", "1.2.3.4")},
		{"of an older version", at + " DEBUG 1 --- " + id + filter + "Before request [uri=/x?a=b;client=1.2.3.4]", uri},
		{"of a pod", "[pod/web-5d8f7b9c4-x2x9q/app] " + at + " 2026-11-20T08:00:00.120Z DEBUG 1 --- [shop] " + id + filter + "Before request [GET /x]", in(begin, "web-5d8f7b9c4-x2x9q/app", "/x", "")},
		{"behind stern", "web-5d8f7b9c4-x2x9q app " + at + " DEBUG 1 --- [shop] " + id + filter + "Before request [GET /x]", in(begin, "web-5d8f7b9c4-x2x9q", "/x", "")},
		{"behind Docker Compose", "web-1  | " + at + " DEBUG 1 --- [shop] " + id + filter + "Before request [GET /x]", in(begin, "web-1", "/x", "")},
		{"an end of which nothing tells the beginning", at + " DEBUG 1 --- [shop] " + id + filter + "After request [GET /x]", end},
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
		at + " INFO " + id + "Before request [x]", at + " INFO " + id + "Before request [GET x]", at + " INFO " + id + "Before request [get /x]",
		at + " INFO " + id + "BeforeBefore request [GET /x]", at + " INFO " + id + "Before request [uri=]", at + " INFO Before request was made", "Before request [GET /x]",
	} {
		if got := readLine(t, line, time.UTC); got.RequestsInSink != 0 || got.Warnings != "unrecognised_lines " {
			t.Errorf("%s: %+v", line, got)
		}
	}
	if got := readLine(t, id+"Before request [GET /x]", time.UTC); got.RequestsInSink != 0 || got.Warnings != "no_time " {
		t.Errorf("%+v", got)
	}
}

// springLines are the lines of two threads of a container, with ends as the filter writes them or as the application does.
func springLines(ends func(path string, took int) string) string {
	var b strings.Builder
	line := func(ms, thread int, text string) {
		fmt.Fprintf(&b, "2026-11-20T08:00:%02d.%03dZ DEBUG 1 --- [shop] [nio-8080-exec-%d] c.acme.Filter : %s\n", ms/1000, ms%1000, thread, text)
	}
	for i := range 4 {
		line(1000*i, 1, fmt.Sprintf("Before request [GET /a/%d]", i))
		line(1000*i+10, 2, fmt.Sprintf("Before request [GET /b/%d]", i))
		line(1000*i+50, 1, ends(fmt.Sprintf("/a/%d", i), 50))
		line(1000*i+200, 2, ends(fmt.Sprintf("/b/%d", i), 190))
	}
	line(9000, 1, "Before request [GET /killer]")
	return b.String()
}

func TestAnEndOfSpringIsThatOfItsThread(t *testing.T) {
	own := func(path string, _ int) string { return "After request [GET " + path + "]" }
	both := func(path string, took int) string {
		return fmt.Sprintf("GET %s completed status=200 duration=%dms\n2026-11-20T08:00:59Z DEBUG 1 --- [shop] [nio-8080-exec-7] x : %s", path, took, own(path, 0))
	}
	for name, ends := range map[string]func(string, int) string{"the filter's": own, "the application's": both} {
		s := readStored(t, "stdin", springLines(ends))
		started, took := 0, map[time.Duration]int{}
		for _, r := range s.Requests {
			if r.Phase == record.Started {
				started++
			} else {
				took[r.End.Sub(r.Start)]++
			}
		}
		if started != 9 || len(took) != 2 || took[50*time.Millisecond] != 4 || took[190*time.Millisecond] != 4 {
			t.Errorf("%s: %d beginnings, ends %v, warnings %+v", name, started, took, s.Warnings)
		}
	}
}
