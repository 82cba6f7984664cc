package datadog

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"lastcall/collectors/record"
)

// Requests and answers of POST /api/v2/logs/analytics/aggregate.
type aggregateRequest struct {
	Compute []compute      `json:"compute"`
	Filter  logFilter      `json:"filter"`
	GroupBy []groupBy      `json:"group_by,omitempty"`
	Page    *aggregatePage `json:"page,omitempty"`
}

type compute struct {
	Aggregation string `json:"aggregation"`
	Metric      string `json:"metric,omitempty"`
	Type        string `json:"type,omitempty"`
	Interval    string `json:"interval,omitempty"`
}

type groupBy struct {
	Facet     string          `json:"facet"`
	Limit     int             `json:"limit,omitempty"`
	Sort      *groupSort      `json:"sort,omitempty"`
	Histogram *groupHistogram `json:"histogram,omitempty"`
}

type groupSort struct {
	Type        string `json:"type"`
	Aggregation string `json:"aggregation"`
	Order       string `json:"order"`
}

type groupHistogram struct {
	Interval float64 `json:"interval"`
	Min      float64 `json:"min"`
	Max      float64 `json:"max"`
}

type aggregatePage struct {
	Cursor string `json:"cursor"`
}

var byCount = &groupSort{Type: "measure", Aggregation: "count", Order: "desc"}

type aggregateAnswer struct {
	Data struct {
		Buckets []bucket `json:"buckets"`
	} `json:"data"`
	Meta answerMeta `json:"meta"`
}

type bucket struct {
	By       map[string]any             `json:"by"`
	Computes map[string]json.RawMessage `json:"computes"`
}

// by is the value of a facet, as text.
func (b bucket) by(facet string) string {
	switch v := b.By[facet].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// value is a single computed value, NaN when there is none: numbers come as numbers or as text.
func (b bucket) value(name string) float64 {
	var f float64
	if raw, ok := b.Computes[name]; ok && string(raw) != "null" {
		if json.Unmarshal(raw, &f) == nil {
			return f
		}
		var s string
		if json.Unmarshal(raw, &s) == nil {
			if f, err := strconv.ParseFloat(s, 64); err == nil {
				return f
			}
		}
	}
	return math.NaN()
}

type timed struct {
	at time.Time
	v  float64
}

// series is a computed series; points without a value or a time are left out.
func (b bucket) series(name string) []timed {
	var points []struct {
		Time  string   `json:"time"`
		Value *float64 `json:"value"`
	}
	if json.Unmarshal(b.Computes[name], &points) != nil {
		return nil
	}
	var out []timed
	for _, p := range points {
		at, err := time.Parse(time.RFC3339Nano, p.Time)
		if err == nil && p.Value != nil {
			out = append(out, timed{at.UTC(), *p.Value})
		}
	}
	return out
}

// maxAggregatePages bounds the pages of one aggregation.
const maxAggregatePages = 3

// aggregate computes over all matching lines; partial says why the answer may not be whole.
func (a *api) aggregate(ctx context.Context, req aggregateRequest) (buckets []bucket, partial string, err error) {
	for page := 0; ; page++ {
		var ans aggregateAnswer
		for try := 0; ; try++ {
			ans = aggregateAnswer{}
			if err := a.post(ctx, pathAggregate, req, &ans); err != nil {
				return nil, "", err
			}
			if ans.Meta.Status != "timeout" || try == 2 {
				break
			}
		}
		if p := ans.Meta.partial(); p != "" {
			partial = a.scrub(p)
		}
		buckets = append(buckets, ans.Data.Buckets...)
		next := ans.Meta.after()
		if next == "" || len(ans.Data.Buckets) == 0 || page+1 == maxAggregatePages {
			return buckets, partial, nil
		}
		req.Page = &aggregatePage{Cursor: next}
	}
}

// facets are the log attributes that statistics are asked by.
type facets struct {
	Route     string `json:"route"`
	Method    string `json:"method"`
	Status    string `json:"status"`
	Duration  string `json:"duration"`
	Container string `json:"container"` // with "@" for an attribute, without for a tag
	// Unit is how many seconds a unit of the duration is.
	Unit float64 `json:"unit"`
	// Raw is set when Route holds paths with ids in them, not templates.
	Raw bool `json:"raw,omitempty"`
	// Patterns are those of the paths on the page that was looked at, by how often.
	Patterns map[string]int `json:"patterns,omitempty"`
}

// Bounds on groups: Datadog allows 10 000 in all.
const (
	maxGroups    = 10_000
	maxMethods   = 8
	statsBuckets = 24
)

// exposure asks for counts and percentiles per endpoint, over the window and, by container, over time.
func (r *run) exposure(ctx context.Context, f facets) error {
	src := newSources().stats
	if f.Raw {
		return nil // by pattern, once more paths have been seen
	}
	if f.Route == "" {
		r.missing(src.Name, "exposure", "the log lines carry neither a route nor a path to count by")
		return nil
	}
	err := r.slice(ctx, "41-exposure", r.sink, nil, func(s *slice) error {
		computes := []compute{{Aggregation: "count", Type: "total"}}
		if f.Duration != "" {
			for _, agg := range []string{"median", "pc99", "max"} {
				computes = append(computes, compute{Aggregation: agg, Metric: f.Duration, Type: "total"})
			}
		}
		groups := []groupBy{{Facet: f.Route, Limit: maxGroups / maxMethods, Sort: byCount}}
		if f.Method != "" {
			groups = append(groups, groupBy{Facet: f.Method, Limit: maxMethods, Sort: byCount})
		}
		whole, partial, err := r.api.aggregate(ctx, aggregateRequest{Compute: computes, Filter: r.filter(r.vol.Query, r.vol.Tier), GroupBy: groups})
		if err != nil {
			return err
		}
		failed := map[[2]string]float64{}
		if f.Status != "" {
			bad, _, err := r.api.aggregate(ctx, aggregateRequest{
				Compute: computes[:1], Filter: r.filter("("+r.vol.Query+") AND "+f.Status+":>=500", r.vol.Tier), GroupBy: groups,
			})
			if err != nil && !isGap(err) {
				return err
			}
			for _, b := range bad {
				failed[[2]string{b.by(f.Method), b.by(f.Route)}] = b.value("c0")
			}
		}
		for i, b := range whole {
			c := b.value("c0")
			if math.IsNaN(c) || c <= 0 {
				continue
			}
			k := [2]string{b.by(f.Method), b.by(f.Route)}
			e := record.Exposure{
				Pos: record.Pos{Source: src, Line: int64(i + 1)}, From: record.TimeOf(r.from), To: record.TimeOf(r.to),
				Method: strings.ToUpper(k[0]), Route: k[1], Service: r.q.Service, Count: c, Errors: failed[k],
				P50: b.value("c1") * f.Unit, P99: b.value("c2") * f.Unit, Max: b.value("c3") * f.Unit,
			}
			if err := s.Exposure(&e); err != nil {
				return err
			}
		}
		if partial != "" {
			s.missing(src.Name, "exposure", partial)
		}
		return r.exposureByContainer(ctx, f, whole, s, src)
	})
	return r.gap(src.Name, "exposure", err)
}

// exposureByContainer asks for counts over time by container, for the most frequent routes: what tells a leak's endpoint.
func (r *run) exposureByContainer(ctx context.Context, f facets, whole []bucket, s *slice, src *record.Source) error {
	if f.Container == "" || r.left() <= reserve {
		return nil
	}
	fleet := max(len(r.fleet()), 1)
	routes := min(maxGroups/(maxMethods*min(fleet, 40)), 60)
	if routes < 5 {
		return nil
	}
	step := max(int64(60), int64(math.Ceil(r.to.Sub(r.from).Seconds()/statsBuckets)))
	groups := []groupBy{{Facet: f.Container, Limit: min(fleet, 40), Sort: byCount}, {Facet: f.Route, Limit: routes, Sort: byCount}}
	if f.Method != "" {
		groups = append(groups, groupBy{Facet: f.Method, Limit: maxMethods, Sort: byCount})
	}
	buckets, _, err := r.api.aggregate(ctx, aggregateRequest{
		Compute: []compute{{Aggregation: "count", Type: "timeseries", Interval: fmt.Sprintf("%ds", step)}},
		Filter:  r.filter(r.vol.Query, r.vol.Tier), GroupBy: groups,
	})
	if err != nil {
		if !isGap(err) {
			return err
		}
		s.missing(src.Name, "exposure", "by container: "+err.Error())
		return nil
	}
	line := int64(len(whole))
	nan := math.NaN()
	for _, b := range buckets {
		for _, p := range b.series("c0") {
			if p.v <= 0 {
				continue
			}
			line++
			if err := s.Exposure(&record.Exposure{
				Pos: record.Pos{Source: src, Line: line}, From: record.TimeOf(p.at), To: record.TimeOf(p.at.Add(time.Duration(step) * time.Second)),
				Method: strings.ToUpper(b.by(f.Method)), Route: b.by(f.Route), Container: b.by(f.Container), Service: r.q.Service,
				Count: p.v, P50: nan, P99: nan, Max: nan,
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Requests and answers of POST /api/v2/query/scalar.
type scalarRequest struct {
	Data scalarData `json:"data"`
}

type scalarData struct {
	Type       string           `json:"type"`
	Attributes scalarAttributes `json:"attributes"`
}

type scalarAttributes struct {
	From     int64         `json:"from"`
	To       int64         `json:"to"`
	Queries  []scalarQuery `json:"queries"`
	Formulas []formula     `json:"formulas,omitempty"`
}

type scalarQuery struct {
	DataSource string   `json:"data_source"`
	Name       string   `json:"name"`
	Env        string   `json:"env"`
	Service    string   `json:"service"`
	Stat       string   `json:"stat"`
	GroupBy    []string `json:"group_by"`
}

type formula struct {
	Formula string `json:"formula"`
}

type scalarAnswer struct {
	Data struct {
		Attributes struct {
			Columns []struct {
				Name   string          `json:"name"`
				Type   string          `json:"type"`
				Values json.RawMessage `json:"values"`
			} `json:"columns"`
		} `json:"attributes"`
	} `json:"data"`
	Errors string `json:"errors"`
}

// resources asks APM's statistics, which count all traffic whatever is kept of it, by resource, where neither log lines nor their
// statistics tell of requests.
func (r *run) resources(ctx context.Context) error {
	src := newSources().stats
	rows := r.sink.t.rows()
	if r.q.Service == "" || rows[gapKey{newSources().logs.Name, "requests"}].n > 0 && r.vol.All || rows[gapKey{src.Name, "exposure"}].n > 0 {
		return nil
	}
	if r.left() == 0 && !r.kept("42-resources") {
		return nil
	}
	env := r.q.Env
	if env == "" {
		env = "*"
	}
	stats := []string{"hits", "errors", "latency_p50", "latency_p99", "latency_max"}
	err := r.slice(ctx, "42-resources", r.sink, nil, func(s *slice) error {
		req := scalarRequest{Data: scalarData{Type: "scalar_request", Attributes: scalarAttributes{From: r.from.UnixMilli(), To: r.to.UnixMilli()}}}
		for _, st := range stats {
			req.Data.Attributes.Queries = append(req.Data.Attributes.Queries, scalarQuery{
				DataSource: "apm_resource_stats", Name: st, Env: env, Service: r.q.Service, Stat: st, GroupBy: []string{"resource_name"},
			})
			req.Data.Attributes.Formulas = append(req.Data.Attributes.Formulas, formula{st})
		}
		var ans scalarAnswer
		if err := r.api.post(ctx, pathScalar, req, &ans); err != nil {
			return err
		}
		if ans.Errors != "" {
			s.missing(src.Name, "exposure", "Datadog: "+clip(r.api.scrub(ans.Errors), 150))
		}
		var names [][]string
		numbers := map[string][]*float64{}
		for i, c := range ans.Data.Attributes.Columns {
			if c.Type == "group" {
				_ = json.Unmarshal(c.Values, &names) // an unexpected shape leaves nothing to count
				continue
			}
			var v []*float64
			if json.Unmarshal(c.Values, &v) == nil {
				numbers[c.Name] = v
				// Some answers name columns by their order.
				if k := i - 1; k >= 0 && k < len(stats) && !slices.Contains(stats, c.Name) {
					numbers[stats[k]] = v
				}
			}
		}
		at := func(stat string, i int) float64 {
			if v := numbers[stat]; i < len(v) && v[i] != nil {
				return *v[i]
			}
			return math.NaN()
		}
		for i, n := range names {
			if len(n) == 0 {
				continue
			}
			hits := at("hits", i)
			if math.IsNaN(hits) || hits <= 0 {
				continue
			}
			errs := at("errors", i)
			if math.IsNaN(errs) {
				errs = 0
			}
			method, route := resource(n[0])
			// Latencies come in seconds.
			if err := s.Exposure(&record.Exposure{
				Pos: record.Pos{Source: src, Line: int64(i + 1)}, From: record.TimeOf(r.from), To: record.TimeOf(r.to), Method: method, Route: route,
				Service: r.q.Service, Count: hits, Errors: errs, P50: at("latency_p50", i), P99: at("latency_p99", i), Max: at("latency_max", i),
			}); err != nil {
				return err
			}
		}
		s.choose("requests per endpoint from APM's resource statistics (%d resources)", len(names))
		return nil
	})
	return r.gap(src.Name, "exposure", err)
}

// resource splits "GET /users/:id"; a resource of another form is a route without method.
func resource(name string) (method, route string) {
	m, p, ok := strings.Cut(name, " ")
	if ok && m != "" && strings.ToUpper(m) == m && strings.HasPrefix(p, "/") {
		return m, p
	}
	return "", name
}

// histogram asks a custom metric of request durations for counts per endpoint: all traffic, logged or not.
func (r *run) histogram(ctx context.Context) error {
	h := r.d.Histogram
	if h == nil || (r.left() == 0 && !r.kept("43-histogram")) {
		return nil
	}
	src := &record.Source{Name: "datadog metric " + h.Base, Format: "datadog-query"}
	err := r.slice(ctx, "43-histogram", r.sink, nil, func(s *slice) error {
		return r.readHistogram(ctx, h, s, src)
	})
	return r.gap(src.Name, "exposure", err)
}

type histogramKey struct{ method, route, container string }

func (r *run) readHistogram(ctx context.Context, h *histogram, s *slice, src *record.Source) error {
	seconds := int64(r.to.Sub(r.from) / time.Second)
	step := max(int64(60), (seconds+statsBuckets-1)/statsBuckets)
	tags := []string{h.Route}
	if h.Method != "" {
		tags = append(tags, h.Method)
	}
	fleet := strings.Join(tags, ",")
	perContainer := fleet
	if h.Container != "" {
		perContainer += "," + h.Container
	}
	count := "sum"
	if h.Count == h.Base {
		count = "count" // a distribution
	}
	scope := r.d.Scope
	parts := []string{fmt.Sprintf("%s:%s{%s} by {%s}.as_count().rollup(sum, %d)", count, h.Count, scope, perContainer, step)}
	what := []string{"count"}
	add := func(name, agg, kind string) {
		if name != "" {
			parts = append(parts, fmt.Sprintf("%s:%s{%s} by {%s}.rollup(max, %d)", agg, name, scope, fleet, step))
			what = append(what, kind)
		}
	}
	add(h.Max, "max", "max")
	add(h.P50, "avg", "p50")
	add(h.P99, "max", "p99")
	body, err := r.api.query(ctx, span{r.from, r.to}, strings.Join(parts, ","))
	if err != nil {
		return err
	}
	var ans struct {
		Series []struct {
			QueryIndex int          `json:"query_index"`
			TagSet     []string     `json:"tag_set"`
			Scope      string       `json:"scope"`
			Pointlist  [][]*float64 `json:"pointlist"`
			Unit       []*struct {
				Family string  `json:"family"`
				Scale  float64 `json:"scale_factor"`
			} `json:"unit"`
		} `json:"series"`
	}
	if err := r.api.decode(ctx, pathQuery, body, &ans); err != nil {
		return err
	}
	type latency struct{ p50, p99, max float64 }
	type bucketKey struct {
		histogramKey
		at int64
	}
	lat := map[bucketKey]latency{}
	each := func(want string, fn func(k histogramKey, ms int64, v float64)) {
		for _, sr := range ans.Series {
			if sr.QueryIndex < 0 || sr.QueryIndex >= len(what) || what[sr.QueryIndex] != want {
				continue
			}
			var k histogramKey
			for _, t := range append(strings.Split(sr.Scope, ","), sr.TagSet...) {
				key, v, _ := strings.Cut(t, ":")
				switch key {
				case h.Route:
					k.route = v
				case h.Method:
					k.method = strings.ToUpper(v)
				case h.Container:
					k.container = v
				}
			}
			scale := durationScale(h.Base)
			if len(sr.Unit) > 0 && sr.Unit[0] != nil && sr.Unit[0].Family == "time" && sr.Unit[0].Scale > 0 {
				scale = sr.Unit[0].Scale
			}
			if want == "count" {
				scale = 1
			}
			for _, p := range sr.Pointlist {
				if len(p) == 2 && p[0] != nil && p[1] != nil {
					fn(k, int64(*p[0]), *p[1]*scale)
				}
			}
		}
	}
	for _, kind := range []string{"max", "p50", "p99"} {
		each(kind, func(k histogramKey, ms int64, v float64) {
			k.container = ""
			l, ok := lat[bucketKey{k, ms}]
			if !ok {
				l = latency{math.NaN(), math.NaN(), math.NaN()}
			}
			switch kind {
			case "max":
				l.max = v
			case "p50":
				l.p50 = v
			case "p99":
				l.p99 = v
			}
			lat[bucketKey{k, ms}] = l
		})
	}
	line := int64(0)
	var failed error
	each("count", func(k histogramKey, ms int64, v float64) {
		if v <= 0 || failed != nil {
			return
		}
		line++
		of := k
		of.container = ""
		l, ok := lat[bucketKey{of, ms}]
		if !ok {
			l = latency{math.NaN(), math.NaN(), math.NaN()}
		}
		at := time.UnixMilli(ms)
		failed = s.Exposure(&record.Exposure{
			Pos: record.Pos{Source: src, Line: line}, From: record.TimeOf(at), To: record.TimeOf(at.Add(time.Duration(step) * time.Second)),
			Method: k.method, Route: k.route, Container: k.container, Service: r.q.Service, Count: v, P50: l.p50, P99: l.p99, Max: l.max,
		})
	})
	if failed == nil && line == 0 {
		s.missing(src.Name, "exposure", "the metric has no points in the window")
	}
	return failed
}

// durationScale is what a duration metric without a unit is taken to be in: milliseconds unless its name says otherwise.
func durationScale(name string) float64 {
	switch l := strings.ToLower(name); {
	case strings.HasSuffix(l, "seconds") && !strings.Contains(l, "milli"), strings.HasSuffix(l, "_s"):
		return 1
	case strings.HasSuffix(l, "_ns"), strings.Contains(l, "nano"):
		return 1e-9
	}
	return 1e-3
}
