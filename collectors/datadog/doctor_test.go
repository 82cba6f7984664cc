package datadog_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"lastcall/collectors/datadog"
	"lastcall/collectors/datadog/datadogtest"
)

func doctor(t *testing.T, srv *datadogtest.Server, change func(*datadog.Options)) datadog.DoctorReport {
	t.Helper()
	_, q, now := small(t)
	o := options(srv, now)
	o.Profiles = true
	if change != nil {
		change(&o)
	}
	c, err := datadog.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rep, err := c.Doctor(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range rep.Checks {
		if ch.Health != datadog.Good && ch.Health != datadog.Skipped && ch.Remedy == "" && ch.Without == "" {
			t.Errorf("%s is %s and nothing is said of what to do", ch.Name, ch.Health)
		}
	}
	if n := len(srv.Calls()); rep.Calls != n || n > 14 {
		t.Errorf("%d calls, %d told", n, rep.Calls)
	}
	for _, k := range []string{datadogtest.APIKey, datadogtest.AppKey} {
		if strings.Contains(fmt.Sprint(rep), k) {
			t.Error("a key is in the report")
		}
	}
	return rep
}

func health(rep datadog.DoctorReport, name string) datadog.Health {
	for _, c := range rep.Checks {
		if c.Name == name {
			return c.Health
		}
	}
	return ""
}

func TestDoctorFindsEverything(t *testing.T) {
	ev, _, _ := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	rep := doctor(t, srv, nil)
	for name, want := range map[string]datadog.Health{
		"api key": datadog.Good, "application key": datadog.Good, "memory metrics": datadog.Partial, // no CPU in it
		"container tag": datadog.Good, "log lines": datadog.Good, "log attributes": datadog.Good, "events": datadog.Good, "profiles": datadog.Good,
	} {
		if got := health(rep, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestDoctorFindsHalf(t *testing.T) {
	ev, _, _ := small(t)
	ev.Events, ev.Profiles = nil, nil
	var rest []datadogtest.Series
	for _, s := range ev.Metrics {
		if s.Metric == "captain.api.duration.count" {
			rest = append(rest, s)
		}
	}
	ev.Metrics = rest
	srv := datadogtest.New(ev)
	defer srv.Close()
	srv.Forbidden = func(p string) bool { return p == "/api/v2/events/search" }
	rep := doctor(t, srv, nil)
	for name, want := range map[string]datadog.Health{
		"memory metrics": datadog.Missing, "container tag": datadog.Skipped, "log lines": datadog.Good, "events": datadog.Refused, "profiles": datadog.Missing,
	} {
		if got := health(rep, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if s := fmt.Sprint(rep); !strings.Contains(s, "DD_RUNTIME_METRICS_ENABLED") || !strings.Contains(s, "events_read") {
		t.Errorf("the report does not tell a newcomer what to do:\n%s", s)
	}
}

func TestDoctorWithWrongKeysSaysWhichAndWhere(t *testing.T) {
	ev, _, _ := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	rep := doctor(t, srv, func(o *datadog.Options) { o.AppKey = strings.Repeat("0", 40) })
	if health(rep, "api key") != datadog.Good || health(rep, "application key") != datadog.Refused || health(rep, "log lines") != datadog.Skipped {
		t.Errorf("wrong application key: %+v", rep.Checks)
	}
	other := datadogtest.New(ev)
	defer other.Close()
	rep = doctor(t, other, func(o *datadog.Options) { o.APIKey = strings.Repeat("0", 32) })
	if health(rep, "api key") != datadog.Refused || !strings.Contains(fmt.Sprint(rep), "DD_SITE") {
		t.Errorf("wrong API key: %+v", rep.Checks)
	}
}

func TestDoctorSurvivesAServerThatFails(t *testing.T) {
	ev, _, _ := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	srv.Faults = func(_ int, r *http.Request) datadogtest.Fault {
		if strings.Contains(r.URL.Path, "logs") {
			return datadogtest.Fault{Status: 400, Body: `{"errors":["Query has been disabled"]}`}
		}
		return datadogtest.Fault{}
	}
	rep := doctor(t, srv, nil)
	if health(rep, "log lines") != datadog.Failed || health(rep, "log attributes") != datadog.Skipped || health(rep, "events") != datadog.Good {
		t.Errorf("%+v", rep.Checks)
	}
}
