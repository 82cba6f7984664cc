package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheExampleIsValidAndShowsEveryKey(t *testing.T) {
	c, err := Parse(Example(), "lastcall.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Services[0].ID(), "api/production"; got != want {
		t.Errorf("first service is %q, want %q", got, want)
	}
	if got, want := int64(c.Services[0].Limit), int64(512<<20); got != want {
		t.Errorf("limit is %d, want %d", got, want)
	}
	if got, want := time.Duration(c.Horizon), 7*24*time.Hour; got != want {
		t.Errorf("horizon is %v, want %v", got, want)
	}
	text := string(Example())
	var missing []string
	var walk func(reflect.Type)
	walk = func(rt reflect.Type) {
		for field := range rt.Fields() {
			key := field.Tag.Get("yaml")
			if key == "-" || key == "" {
				continue
			}
			if !strings.Contains(text, "\n"+key+":") && !strings.Contains(text, " "+key+":") {
				missing = append(missing, key)
			}
			ft := field.Type
			if ft.Kind() == reflect.Slice {
				ft = ft.Elem()
			}
			if ft.Kind() == reflect.Struct && ft != reflect.TypeFor[Zone]() {
				walk(ft)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
	if len(missing) > 0 {
		t.Errorf("the example does not show %q", missing)
	}
}

func TestAServiceIsFoundByItsNameAndEnv(t *testing.T) {
	c, err := Parse([]byte("version: 1\nservices: [{name: api}, {name: api, env: staging}, {name: jobs, env: prod}, {name: jobs, env: staging}, {name: web}]\n"), "c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, env    string
		pick         string // empty: none
		selectedMany string
	}{
		{"api", "", "api", "api api/staging"},
		{"api", "staging", "api/staging", "api/staging"},
		{"api", "prod", "api", ""},
		{"jobs", "prod", "jobs/prod", "jobs/prod"},
		{"jobs", "", "", "jobs/prod jobs/staging"},
		{"jobs", "test", "", ""},
		{"web", "prod", "web", ""},
		{"", "prod", "", "jobs/prod"},
		{"nosuch", "", "", ""},
		{"", "", "", "api api/staging jobs/prod jobs/staging web"},
	} {
		var many []string
		for _, s := range c.Select(x.name, x.env) {
			many = append(many, s.ID())
		}
		picked, ok := c.Pick(x.name, x.env)
		if picked.ID() != x.pick || ok != (x.pick != "") || strings.Join(many, " ") != x.selectedMany {
			t.Errorf("%q, %q: picked %q, selected %q; want %q, %q", x.name, x.env, picked.ID(), many, x.pick, x.selectedMany)
		}
	}
}

func TestMistakesPointAtTheirLine(t *testing.T) {
	for name, tc := range map[string]struct{ yaml, want string }{
		"an empty file":                  {"", `c.yaml: the file is empty; ` + "`lastcall nightly --example` prints one to start from"},
		"an unknown key":                 {"version: 1\nservices:\n  - name: api\n    limits: 512MB\n", `c.yaml:4:5: unknown field "limits"; ` + "`lastcall nightly --example` shows every key"},
		"a size that is none":            {"version: 1\nservices:\n  - name: api\n    limit: lots\n", `c.yaml:4:12: "lots" is not a size such as 512MB or 1.5GiB`},
		"a duration that is none":        {"version: 1\nwindow: soon\nservices: [{name: a}]\n", `c.yaml:2:9: "soon" is not a duration such as 90s, 10m, 3h, 2d`},
		"no version":                     {"services: [{name: a}]\n", "c.yaml:1:9: begin the file with `version: 1`"},
		"a newer version":                {"version: 7\nservices: [{name: a}]\n", "c.yaml:1:10: version 7 is newer than this lastcall knows (1); update lastcall"},
		"no services":                    {"version: 1\n", "c.yaml:1:8: there is nothing to watch: list at least one service, with its name"},
		"a service without a name":       {"version: 1\nservices:\n  - env: prod\n", "c.yaml:3:8: this service has no name"},
		"the same service twice":         {"version: 1\nservices:\n  - name: a\n  - name: a\n", `c.yaml:4:11: the service "a" is listed twice (also as number 1); give one of them another env`},
		"a URL that is none":             {"version: 1\nheartbeat: {url: nosnch.in/x}\nservices: [{name: a}]\n", "c.yaml:2:18: this is not an http or https URL"},
		"a grade that is none":           {"version: 1\nfail_on: maybe\nservices: [{name: a}]\n", `c.yaml:2:10: "maybe" is no grade; use insufficient, possible, likely, conclusive or never`},
		"a zone that is none":            {"version: 1\ntimezone: Mars/Base\nservices: [{name: a}]\n", `c.yaml:2:11: "Mars/Base" is no time zone; use a name such as Europe/Paris, UTC or local`},
		"a window that ends too early":   {"version: 1\nservices: [{name: a, planned: [\"2026-01-02T00:00:00Z..2026-01-01T00:00:00Z\"]}]\n", `c.yaml:2:32: "2026-01-02T00:00:00Z..2026-01-01T00:00:00Z" ends before it begins`},
		"two documents":                  {"version: 1\nservices: [{name: a}]\n---\nversion: 1\n", "c.yaml: the file holds more than one YAML document; only one is taken"},
		"a key that is given twice":      {"version: 1\nversion: 1\nservices: [{name: a}]\n", `c.yaml:2:1: mapping key "version" already defined at [1:1]`},
		"retries beyond reason":          {"version: 1\nretries: 99\nservices: [{name: a}]\n", "c.yaml:2:10: retries must lie between 0 and 10"},
		"a pprof address that is a path": {"version: 1\nservices:\n  - name: a\n    pprof: [\"/debug\"]\n", "c.yaml:4:13: this is not an http or https URL"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(tc.yaml), "c.yaml")
			got := "no error"
			if err != nil {
				got = err.Error()
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestErrorsDoNotQuoteSecrets(t *testing.T) {
	_, err := Parse([]byte("version: 1\nheartbeat:\n  url: https://nosnch.in/SECRETKEY\n  colour: red\nservices: [{name: a}]\n"), "c.yaml")
	if err == nil || strings.Contains(err.Error(), "SECRETKEY") {
		t.Errorf("got %v; want an error that does not show the line above it", err)
	}
}

func TestVariablesAreExpandedAndMissingOnesNamed(t *testing.T) {
	env := func(k string) string { return map[string]string{"HOST": "example.com"}[k] }
	if got, err := Text("https://${HOST}/x").Expand(env); err != nil || got != "https://example.com/x" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := Text("https://${HOST}/${KEY}").Expand(env); err == nil || err.Error() != "the environment variable KEY is not set" {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Example())
	f.Add([]byte("version: 1\nservices: [{name: a}]\n"))
	f.Add([]byte("version: [1\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, "c.yaml")
		if err == nil && len(c.Services) == 0 {
			t.Error("a file without services passed")
		}
	})
}
