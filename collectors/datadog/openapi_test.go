package datadog_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"lastcall/collectors/datadog"
	"lastcall/collectors/datadog/datadogtest"
)

// unofficial are the paths that no description has; they are asked only behind an option.
func unofficial(path string) bool {
	return strings.HasPrefix(path, "/api/unstable/") || strings.HasPrefix(path, "/api/ui/")
}

func TestEveryRequestIsAsDatadogsDescriptionsHaveIt(t *testing.T) {
	v1, err := datadogtest.OpenAPI(shared(t, "corpus", "datadog", "openapi-v1.yaml.gz"))
	if err != nil {
		t.Fatal(err)
	}
	v2, err := datadogtest.OpenAPI(shared(t, "corpus", "datadog", "openapi-v2.yaml.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var calls []datadogtest.Call
	gather := func(ev datadogtest.Evidence, change func(*datadogtest.Server, *datadog.Options)) {
		_, q, now := small(t)
		srv := datadogtest.New(ev)
		defer srv.Close()
		o := options(srv, now)
		o.Profiles = true
		if change != nil {
			change(srv, &o)
		}
		if _, err := tryCollect(t.Context(), o, q); err != nil && o.AppKey == datadogtest.AppKey {
			t.Fatal(err)
		}
		c, err := datadog.New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Doctor(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		calls = append(calls, srv.Calls()...)
	}
	ev, _, _ := small(t)
	gather(ev, nil)
	gather(ev, func(_ *datadogtest.Server, o *datadog.Options) { o.AppKey = strings.Repeat("0", 40) })
	gather(ev, func(s *datadogtest.Server, _ *datadog.Options) { // no new check of keys: the older one
		s.Faults = func(_ int, r *http.Request) datadogtest.Fault {
			if r.URL.Path == "/api/v2/validate_keys" {
				return datadogtest.Fault{Status: 404, Body: "{}"}
			}
			return datadogtest.Fault{}
		}
	})
	gather(datadogtest.Evidence{Logs: datadogtest.Items(nil)}, nil) // nothing there: other scopes and storage tiers are tried
	// Too much to list, with and without a route in the lines.
	gather(ev, func(_ *datadogtest.Server, o *datadog.Options) { o.Profiles = false; sampleOnly(o) })
	pathless, _, _ := small(t)
	stripped := pathless.Logs.(datadogtest.Items)
	for i, it := range stripped {
		raw := strings.NewReplacer(`"route":`, `"r":`, `"url_details":`, `"u":`).Replace(string(it.Raw()))
		if stripped[i], err = datadogtest.NewItem([]byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	gather(pathless, func(_ *datadogtest.Server, o *datadog.Options) { o.Profiles = false; sampleOnly(o) })

	// Paths without routes are counted by pattern.
	gather(routeless(t), func(_ *datadogtest.Server, o *datadog.Options) { o.Profiles = false; sampleOnly(o) })

	seen := map[string]int{}
	for _, c := range calls {
		if unofficial(c.Path) {
			continue
		}
		api := v2
		if strings.HasPrefix(c.Path, "/api/v1/") {
			api = v1
		}
		if err := api.Validate(c); err != nil {
			t.Errorf("%v\n%s %s", err, c.Query.Encode(), c.Body)
		}
		template, _ := api.Has(c.Path)
		seen[template]++
		if c.Header.Get("User-Agent") == "" || strings.Contains(c.Query.Encode(), datadogtest.APIKey) {
			t.Errorf("%s: headers or parameters are wrong", c.Path)
		}
	}
	for _, p := range []string{
		"/api/v1/metrics", "/api/v1/query", "/api/v1/validate", "/api/v2/validate_keys", "/api/v2/metrics/{metric_name}/all-tags",
		"/api/v2/logs/events/search", "/api/v2/logs/analytics/aggregate", "/api/v2/events/search", "/api/v2/query/scalar", "/api/v2/query/timeseries",
	} {
		if seen[p] == 0 {
			t.Errorf("the test made no call to %s", p)
		}
	}
	t.Logf("%d calls to %d paths", len(calls), len(seen))
}

// sampleOnly leaves too few calls to list everything.
func sampleOnly(o *datadog.Options) { o.MaxCalls = 18 }

// routeless is the small incident with paths but no routes in its lines.
func routeless(t *testing.T) datadogtest.Evidence {
	t.Helper()
	ev, _, _ := small(t)
	items := ev.Logs.(datadogtest.Items)
	for i, it := range items {
		n, err := datadogtest.NewItem([]byte(strings.ReplaceAll(string(it.Raw()), `"route":`, `"r":`)))
		if err != nil {
			t.Fatal(err)
		}
		items[i] = n
	}
	return ev
}

func TestAValidatorThatFindsNothingWouldBeNone(t *testing.T) {
	v2, err := datadogtest.OpenAPI(shared(t, "corpus", "datadog", "openapi-v2.yaml.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]datadogtest.Call{
		"unknown path":      {Method: "POST", Path: "/api/v2/logs/events/find", Body: []byte(`{}`)},
		"wrong method":      {Method: "GET", Path: "/api/v2/logs/events/search"},
		"unknown member":    {Method: "POST", Path: "/api/v2/logs/events/search", Body: []byte(`{"filters":{}}`)},
		"limit too large":   {Method: "POST", Path: "/api/v2/logs/events/search", Body: []byte(`{"page":{"limit":1001}}`)},
		"wrong type":        {Method: "POST", Path: "/api/v2/logs/events/search", Body: []byte(`{"filter":{"from":5}}`)},
		"not in the enum":   {Method: "POST", Path: "/api/v2/logs/events/search", Body: []byte(`{"sort":"time"}`)},
		"unknown parameter": {Method: "GET", Path: "/api/v2/metrics/x/all-tags", Query: url.Values{"window": {"1"}}},
		"missing member":    {Method: "POST", Path: "/api/v2/query/scalar", Body: []byte(`{}`)},
	} {
		if v2.Validate(c) == nil {
			t.Errorf("%s was found valid", name)
		}
	}
}
