package evidence

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/record"
)

const railsID = "5b7e9c1a-52b4-4b02-9b3a-0b7c6f0a8d11"

func TestRailsBeginsAndEndsItsRequests(t *testing.T) {
	const tag = "[" + railsID + "] "
	const started = tag + `Started GET "/users/7?a=b" for 1.2.3.4 at 2026-11-20 08:00:00 +0000`
	const completed = tag + `Completed 200 OK in 58ms (Views: 40.4ms | ActiveRecord: 15.3ms (5 queries, 0 cached) | GC: 1.2ms)`
	const ruby = `I, [2026-11-20T08:00:00.123456 #77]  INFO -- : `
	begin := func(at, container, warnings string) seen {
		return seen{
			Start: at, End: at, Phase: record.Started, Method: "GET", Path: "/users/7?a=b", Client: "1.2.3.4",
			ID: railsID, Container: container, Warnings: warnings,
		}
	}
	end := func(start, at, container, warnings string) seen {
		return seen{Start: start, End: at, Outcome: record.Answered, Status: 200, ID: railsID, Container: container, Warnings: warnings}
	}
	for _, c := range []struct {
		name, line string
		want       seen
	}{
		{"a beginning has its own time", started, begin("2026-11-20T08:00:00Z", "", "")},
		{"Ruby's logger knows it better", ruby + started, begin("2026-11-20T08:00:00.123456Z", "", "")},
		{"in another zone", `I, [2026-11-20T09:00:00.123456 #77]  INFO -- : ` + strings.ReplaceAll(started, "08:00:00 +0000", "09:00:00 +0100"), begin("2026-11-20T08:00:00.123456Z", "", "")},
		{"and so does Compose", `web-1  | 2026-11-20T08:00:00.2Z ` + ruby + started, begin("2026-11-20T08:00:00.2Z", "web-1", "")},
		{"kubectl", `[pod/web-5d8f7b9c4-x2x9q/app] 2026-11-20T08:00:00.2Z ` + started, begin("2026-11-20T08:00:00.2Z", "web-5d8f7b9c4-x2x9q/app", "")},
		{"Heroku", `2026-11-20T08:00:00.200000+00:00 app[web.1]: ` + started, begin("2026-11-20T08:00:00.2Z", "web.1", "")},
		{"Scalingo", `2026-11-20 08:00:00.2 +0000 UTC [web-1] ` + started, begin("2026-11-20T08:00:00.2Z", "web-1", "")},
		{"no platform", `2026-11-20T08:00:00.2Z ` + strings.ReplaceAll(started, "[5b", "[ab"), seen{
			Start: "2026-11-20T08:00:00.2Z", End: "2026-11-20T08:00:00.2Z", Phase: record.Started, Method: "GET", Path: "/users/7?a=b", Client: "1.2.3.4",
			ID: "a" + railsID[1:],
		}},
		{"other tags", `[10.1.2.3] ` + started, begin("2026-11-20T08:00:00Z", "", "")},
		{"an end with Ruby's time", ruby + completed, end("2026-11-20T08:00:00.065456Z", "2026-11-20T08:00:00.123456Z", "", "no_timezone ")},
		{"behind Compose", `web-1  | ` + ruby + completed, end("2026-11-20T08:00:00.065456Z", "2026-11-20T08:00:00.123456Z", "web-1", "no_timezone ")},
		{"on Heroku", `2026-11-20T08:00:00.200000+00:00 app[web.1]: ` + completed, end("2026-11-20T08:00:00.142Z", "2026-11-20T08:00:00.2Z", "web.1", "")},
		{"in Docker's files", `{"log":"` + completed + `\n","stream":"stdout","time":"2026-11-20T08:00:00.2Z"}`, end("2026-11-20T08:00:00.142Z", "2026-11-20T08:00:00.2Z", "", "")},
		{"what no route matches", `2026-11-20T08:00:00.2Z ` + tag + `ActionController::RoutingError (No route matches [GET] "/wp-login.php"):`, seen{
			End: "2026-11-20T08:00:00.2Z", Outcome: record.Answered, Status: 404, ID: railsID,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Layer, c.want.RequestsInSink = record.LayerApp, 1
			got := readLine(t, c.line, time.UTC)
			got.Format = ""
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRailsLinesThatCannotBePlacedAreToldOf(t *testing.T) {
	const tag = "[" + railsID + "] "
	for line, warnings := range map[string]string{
		tag + `Completed 200 OK in 58ms (Views: 40.4ms)`:                                           "no_time ",
		`web-1  | ` + tag + `Completed 200 OK in 58ms`:                                             "no_time ",
		`2026-11-20T08:00:00Z Started GET "/x" for 1.2.3.4 at 2026-11-20 08:00:00 +0000`:           "no_request_id ",
		`2026-11-20T08:00:00Z Completed 200 OK in 58ms`:                                            "no_request_id ",
		`2026-11-20T08:00:00Z ` + tag + `Completed 12 jobs in 58ms`:                                "unrecognised_lines ",
		`2026-11-20T08:00:00Z ` + tag + `Completed 200 OK in a while`:                              "unrecognised_lines ",
		`2026-11-20T08:00:00Z ` + tag + `Completed 200 OK in 58ms because`:                         "unrecognised_lines ",
		`2026-11-20T08:00:00Z ` + tag + `Started the engine at 2026-11-20 08:00:00 +0000`:          "unrecognised_lines ",
		`2026-11-20T08:00:00Z ` + tag + `Started GET "/x" for 1.2.3.4 at noon`:                     "unrecognised_lines ",
		`2026-11-20T08:00:00Z ` + tag + `Started GET "/x for 1.2.3.4 at 2026-11-20 08:00:00 +0000`: "unrecognised_lines ",
		tag + `ActionController::RoutingError (No route matches [GET] "/wp-login.php"):`:           "unrecognised_lines ",
		`2026-11-20T08:00:00Z ` + tag + `Processing by UsersController#show as HTML`:               "unrecognised_lines ",
		`2026-11-20T08:00:00Z ` + tag + `Started ` + strings.Repeat(`" at `, 1<<16):                "unrecognised_lines ",
		`2026-11-20T08:00:00Z ` + strings.Repeat(`[`, 1<<16) + `] Completed 200 OK in 58ms`:        "unrecognised_lines ",
		`Started `: "unrecognised_lines ", `Completed `: "unrecognised_lines ", `I, [] Started GET " at `: "unrecognised_lines ",
	} {
		got := readLine(t, line, time.UTC)
		if warnings == "no_request_id " && got.Warnings == "" {
			got.Warnings = warnings // which readLine does not list
		}
		if got.RequestsInSink != 0 || got.Warnings != warnings {
			t.Errorf("%.120s: %+v", line, got)
		}
	}
}

func TestTheBeginningsOfARailsLogTellTheZoneOfRubysTimes(t *testing.T) {
	for offset, hour := range map[string]string{"-0530": "02:30", "+0100": "09:00", "+0000": "08:00"} {
		t.Run(offset, func(t *testing.T) { zoneOfRuby(t, offset, hour) })
	}
}

func zoneOfRuby(t *testing.T, offset, hour string) {
	sink := readLog(t, `I, [2026-11-20T`+hour+`:00.9 #77]  INFO -- : [`+railsID+`] Started GET "/x" for 1.2.3.4 at 2026-11-20 `+hour+`:00 `+offset+`
D, [2026-11-20T`+hour+`:00.9 #77] DEBUG -- : [`+railsID+`]   User Load (0.4ms)  SELECT 1
I, [2026-11-20T`+hour+`:01.9 #77]  INFO -- : [`+railsID+`] Completed 200 OK in 1000ms (Views: 40.4ms)
Completed 200 OK in 1000ms
`, 2)
	if len(sink.Requests) != 2 {
		t.Fatalf("%+v", sink.Requests)
	}
	at := record.TimeOf(time.Date(2026, 11, 20, 8, 0, 0, 900e6, time.UTC))
	if a, b := sink.Requests[0], sink.Requests[1]; a.Start != at || b.Start != at || b.End != at.Add(time.Second) {
		t.Errorf("%v; %v to %v", a.Start.Std(), b.Start.Std(), b.End.Std())
	}
	if sink.WarningCount("no_timezone") != 0 || sink.WarningCount("no_request_id") != 1 {
		t.Errorf("%+v", sink.Warnings)
	}
}
