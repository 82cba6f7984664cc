package datadog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"

	"lastcall/collectors/evidence"
	"lastcall/collectors/record"
)

// discovery is what was found out about the service, kept with a capture.
type discovery struct {
	// Scope narrows metrics to the service, as "service:api,env:production".
	Scope string `json:"scope"`
	// Metrics are the names to ask for, by the kind of sample they give.
	Metrics map[string]string `json:"metrics"`
	// ContainerTag names the container in metrics.
	ContainerTag string `json:"container_tag"`
	// Blind is set when metrics could not be listed: usual names are then asked for, by all tags that usually name containers.
	Blind bool `json:"blind,omitempty"`
	// Histogram is a custom metric of request durations by route.
	Histogram *histogram `json:"histogram,omitempty"`
	// Choices and Gaps say what was chosen and what is missing.
	Choices []string `json:"choices,omitempty"`
	Gaps    []string `json:"gaps,omitempty"`
}

// asked are the kinds of samples asked for, the first of which is needed most.
var asked = []record.Metric{
	record.RSS, record.WorkingSet, record.MemoryLimit, record.HeapUsed, record.HeapTotal, record.External, record.HeapLimit,
	record.CPU, record.EventLoopDelayMax, record.GCPause, record.Goroutines, record.OOMEvents, record.Restarts,
}

// usual are the names asked for when the service's own cannot be listed.
var usual = []string{
	"container.memory.usage", "container.memory.limit", "container.cpu.usage", "kubernetes.memory.usage", "kubernetes.memory.limits", "docker.mem.rss", "docker.mem.limit",
	"runtime.node.mem.rss", "runtime.node.mem.heap_used", "runtime.node.mem.heap_total", "runtime.node.mem.external", "runtime.node.event_loop.delay.max",
	"runtime.go.mem_stats.heap_inuse", "jvm.heap_memory", "runtime.python.mem.rss", "kubernetes.containers.restarts",
}

// usualTags are grouped by then.
var usualTags = []string{"pod_name", "container_name", "container", "dyno", "host"}

// containerTags name a container, the most exact first. A pod is one container's life on Kubernetes, where the name of the container
// itself is the same in all pods.
var containerTags = []string{"pod_name", "container", "container_name", "dyno", "task_arn", "container_id", "kube_container_name", "host"}

// discover finds the metrics of the service and the tag that names its containers.
func (r *run) discover(ctx context.Context) error {
	err := r.slice(ctx, "00-discovery", r.sink, &r.d, func(s *slice) error {
		if err := r.api.validate(ctx); err != nil {
			// Only keys that are refused and a site that does not answer end it here; that the check itself is not to be had costs nothing.
			var e *Error
			if !errors.As(err, &e) || e.Status == 0 {
				return err
			}
		}
		if err := r.findMetrics(ctx); err != nil {
			return err
		}
		return s.note(r.d)
	})
	// What was found out blindly is used and not kept: a run that goes on asks again, with more rights perhaps.
	if err != nil && !(isGap(err) && r.d.Blind) {
		return err
	}
	for _, c := range r.d.Choices {
		r.choose("%s", c)
	}
	for _, g := range r.d.Gaps {
		r.missing(newSources().metrics.Name, "memory", g)
	}
	return nil
}

// findMetrics finds the metrics and their tags. After an error that costs no more than their names, discovery is blind.
func (r *run) findMetrics(ctx context.Context) error {
	d := &r.d
	d.Metrics = map[string]string{}
	names, scope, err := r.api.activeMetrics(ctx, r.from.Unix(), r.o.scopes(r.q))
	if err != nil {
		if !isGap(err) {
			return err
		}
		d.Gaps = append(d.Gaps, "the names of the metrics cannot be listed, so the usual ones were asked for: "+err.Error())
		d.Blind, d.Scope = true, r.o.scopes(r.q)[0]
		for m, name := range r.o.MetricNames {
			d.Metrics[m.String()] = name
		}
		d.ContainerTag = r.o.ContainerTag
		return err
	}
	d.Scope = scope
	best := bestMetrics(names)
	for m, name := range r.o.MetricNames {
		if name != "" {
			best[m] = name
		}
	}
	if _, ok := best[record.RSS]; ok {
		delete(best, record.WorkingSet) // one curve of use is enough
	}
	var said []string
	for _, m := range asked {
		if name, ok := best[m]; ok {
			d.Metrics[m.String()] = name
			said = append(said, fmt.Sprintf("%s from %s", strings.ReplaceAll(m.String(), "_", " "), name))
		}
	}
	if len(said) == 0 {
		if len(d.Gaps) == 0 {
			d.Gaps = append(d.Gaps, fmt.Sprintf("no metric of memory or CPU carries the tag %s; name one with the option for metric names", scope))
		}
	} else {
		d.Choices = append(d.Choices, "metrics of "+scope+": "+strings.Join(said, ", "))
	}
	return r.findContainerTag(ctx, names)
}

// scopes are the tags that a service's metrics may carry, the usual one first.
func (o Options) scopes(q record.Query) []string {
	if q.Service == "" {
		if q.Env != "" {
			return []string{"env:" + q.Env}
		}
		return []string{"*"}
	}
	out := []string{"service:" + q.Service, "kube_deployment:" + q.Service, "kube_container_name:" + q.Service}
	if q.Env != "" {
		for i := range out {
			out[i] += ",env:" + q.Env
		}
	}
	return out
}

// activeMetrics lists the metrics that reported since from with the tags of the first scope that has one of memory. When none
// has, it returns what the first has.
func (a *api) activeMetrics(ctx context.Context, from int64, scopes []string) (names []string, scope string, err error) {
	var first []string
	for i, scope := range scopes {
		opt := datadogV1.NewListActiveMetricsOptionalParameters()
		if scope != "*" {
			// The filter knows AND and OR; the environment of a metric is left to the query, where its absence shows.
			tag, _, _ := strings.Cut(scope, ",")
			opt = opt.WithTagFilter(tag)
		}
		list, resp, err := a.metrics.ListActiveMetrics(a.keys(ctx), from, *opt)
		if err := a.official(ctx, pathActive, resp, err); err != nil {
			return nil, scopes[0], err
		}
		names := list.GetMetrics()
		slices.Sort(names)
		if i == 0 {
			first = names
		}
		best := bestMetrics(names)
		if best[record.RSS] != "" || best[record.WorkingSet] != "" || best[record.HeapUsed] != "" {
			return names, scope, nil
		}
	}
	return first, scopes[0], nil
}

// bestMetrics chooses, for each kind of sample, the name that fits best.
func bestMetrics(names []string) map[record.Metric]string {
	best := map[record.Metric]string{}
	rank := map[record.Metric]int{}
	for _, n := range names {
		m, k, ok := evidence.MetricMeaning(n)
		if !ok || !slices.Contains(asked, m) {
			continue
		}
		if was, ok := best[m]; !ok || k > rank[m] || (k == rank[m] && n < was) {
			best[m], rank[m] = n, k
		}
	}
	return best
}

func (r *run) findContainerTag(ctx context.Context, names []string) error {
	d := &r.d
	d.ContainerTag = r.o.ContainerTag
	if d.ContainerTag == "" {
		probe := ""
		for _, m := range asked {
			if n := d.Metrics[m.String()]; n != "" {
				probe = n
				break
			}
		}
		if probe == "" {
			return r.findHistogram(ctx, names)
		}
		tags, err := r.api.allTags(ctx, probe, d.Scope, r.lookback())
		if err != nil && !isGap(err) {
			return err
		}
		var values int
		d.ContainerTag, values = containerTagOf(tags)
		switch {
		case err != nil:
			d.ContainerTag = "container_name"
			d.Choices = append(d.Choices, "containers by the tag container_name: not checked, "+err.Error())
		case d.ContainerTag == "":
			d.ContainerTag = "host"
			d.Choices = append(d.Choices, "containers by the tag host: no other tag of "+probe+" names a container")
		default:
			d.Choices = append(d.Choices, fmt.Sprintf("containers by the tag %s (%d values)", d.ContainerTag, values))
		}
	} else {
		d.Choices = append(d.Choices, "containers by the tag "+d.ContainerTag+", as told")
	}
	return r.findHistogram(ctx, names)
}

// lookback is how many seconds before now the window began, as endpoints want it that look back from now.
func (r *run) lookback() int64 {
	const least = 14400 // the least that Datadog takes
	return max(least, int64(math.Ceil(r.o.Now().Sub(r.from).Seconds())))
}

// allTags returns the values of every tag key of a metric.
func (a *api) allTags(ctx context.Context, metric, scope string, seconds int64) (map[string][]string, error) {
	q := url.Values{"window[seconds]": {strconv.FormatInt(seconds, 10)}}
	if scope != "*" {
		q.Set("filter[tags]", scope)
	}
	path := strings.Replace(pathAllTags, "{metric_name}", url.PathEscape(metric), 1)
	b, err := a.ask(ctx, http.MethodGet, a.o.BaseURL, pathAllTags, path, q, nil)
	if err != nil {
		return nil, err
	}
	var v struct {
		Data struct {
			Attributes struct {
				Tags     []string `json:"tags"`
				Ingested []string `json:"ingested_tags"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := a.decode(ctx, pathAllTags, b, &v); err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, t := range v.Data.Attributes.Tags {
		if k, val, ok := strings.Cut(t, ":"); ok && val != "" && val != "N/A" && !slices.Contains(out[k], val) {
			out[k] = append(out[k], val)
		}
	}
	return out, nil
}

// containerTagOf chooses the tag that names containers: the most exact that is there, but not one that gives all of them the same
// name while another tells them apart.
func containerTagOf(tags map[string][]string) (tag string, values int) {
	for _, t := range containerTags {
		n := len(tags[t])
		if n == 0 {
			continue
		}
		if tag == "" || (values == 1 && n > 1) {
			tag, values = t, n
		}
	}
	return tag, values
}

// histogram is a metric of request durations that is tagged with the route.
type histogram struct {
	// Base is the name without suffix; Count, Max, P50 and P99 are the names that exist, or expressions for a distribution.
	Base  string `json:"base"`
	Count string `json:"count,omitempty"`
	Max   string `json:"max,omitempty"`
	P50   string `json:"p50,omitempty"`
	P99   string `json:"p99,omitempty"`
	// Route, Method and Status are the tag keys.
	Route  string `json:"route"`
	Method string `json:"method,omitempty"`
	Status string `json:"status,omitempty"`
	// Container is the tag that names the container; empty when the metric lacks one.
	Container string `json:"container,omitempty"`
}

var (
	routeTags  = []string{"route", "http.route", "http_route", "endpoint", "resource_name", "path", "handler", "uri"}
	methodTags = []string{"method", "http.method", "http_method", "verb"}
	statusTags = []string{"statusCode", "status_code", "http.status_code", "http_status_code", "status", "code"}
)

// findHistogram looks for a custom histogram of request durations by route.
func (r *run) findHistogram(ctx context.Context, names []string) error {
	have := map[string]bool{}
	for _, n := range names {
		have[n] = true
	}
	var bases []string
	if b := r.o.DurationMetric; b != "" {
		bases = []string{b}
	} else {
		for _, n := range names {
			if b := durationBase(n); b != "" && !slices.Contains(bases, b) {
				bases = append(bases, b)
			}
		}
		slices.SortStableFunc(bases, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
	}
	for i, base := range bases {
		if i == 2 {
			break // each costs a call
		}
		probe := base
		if !have[base] && have[base+".count"] {
			probe = base + ".count"
		}
		tags, err := r.api.allTags(ctx, probe, r.d.Scope, r.lookback())
		if err != nil {
			if !isGap(err) {
				return err
			}
			continue
		}
		key := func(keys []string) string {
			for _, k := range keys {
				if len(tags[k]) > 0 {
					return k
				}
			}
			return ""
		}
		h := &histogram{Base: base, Route: key(routeTags), Method: key(methodTags), Status: key(statusTags)}
		if h.Route == "" {
			continue
		}
		if t, _ := containerTagOf(tags); t != "" {
			h.Container = t
		}
		switch {
		case have[base+".count"]: // a histogram of the agent
			h.Count = base + ".count"
			for _, s := range []struct {
				to     *string
				suffix string
			}{{&h.Max, ".max"}, {&h.P50, ".median"}, {&h.P99, ".99percentile"}} {
				if have[base+s.suffix] {
					*s.to = base + s.suffix
				}
			}
		default: // a distribution has its aggregations built in
			h.Count, h.Max = base, base
		}
		r.d.Histogram = h
		r.d.Choices = append(r.d.Choices, fmt.Sprintf("requests per endpoint also from the metric %s by %s", base, h.Route))
		break
	}
	return nil
}

// durationBase is the name of the histogram that n belongs to, when it looks like one of request durations; else "".
func durationBase(n string) string {
	for _, s := range []string{".count", ".max", ".median", ".avg", ".99percentile", ".95percentile"} {
		n = strings.TrimSuffix(n, s)
	}
	words := strings.FieldsFunc(strings.ToLower(n), func(c rune) bool { return c == '.' || c == '_' || c == '-' })
	if len(words) < 2 || slices.Contains([]string{"trace", "runtime", "jvm", "container", "kubernetes", "docker", "datadog", "system"}, words[0]) {
		return ""
	}
	last := words[len(words)-1]
	if last != "duration" && last != "latency" && last != "time" {
		return ""
	}
	for _, w := range words[:len(words)-1] {
		switch w {
		case "request", "requests", "http", "api", "server", "response", "endpoint", "route", "web":
			return n
		case "db", "sql", "query", "job", "gc", "queue":
			return ""
		}
	}
	return ""
}
