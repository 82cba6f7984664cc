package datadog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lastcall/collectors/record"
)

// Health of one thing that was checked.
type Health string

// The values.
const (
	Good    Health = "ok"
	Partial Health = "partial" // there, but not all of it
	Missing Health = "missing" // reachable, but not there
	Refused Health = "refused" // the keys do not allow it
	Failed  Health = "failed"  // no good answer
	Skipped Health = "skipped" // not asked, because something before it failed
)

// Check is one line of a doctor's report.
type Check struct {
	// Name is what was checked: "api key", "memory metrics", "log lines", …
	Name   string
	Health Health
	// Detail says what was found.
	Detail string
	// Remedy says what to do; empty when nothing is to be done.
	Remedy string
	// Without says which questions cannot be answered as it is; empty when none.
	Without string
}

// DoctorReport is what [Collector.Doctor] found.
type DoctorReport struct {
	Site   string
	Checks []Check
	Calls  int
}

// What cannot be answered without a signal.
const (
	withoutMemory   = "how memory grew, and whether a death was a leak or a burst"
	withoutLogs     = "which request was running when a container died"
	withoutEvents   = "whether a restart was a deploy or a death"
	withoutPoints   = "which container a curve belongs to"
	withoutEndpoint = "counts per endpoint where there are too many log lines to list"
)

// Doctor checks keys, permissions, metrics, tags, logs, their attributes, events and, if the option asks for them, profiles. It
// makes at most 12 calls. The error is the context's; everything else is in the report.
func (c *Collector) Doctor(ctx context.Context, q record.Query) (DoctorReport, error) {
	q, from, to := c.window(q)
	r := &run{Collector: c, q: q, from: from, to: to, gaps: map[gapKey][]string{}, known: map[string]map[string]bool{}, ids: map[uint64]struct{}{}}
	r.sink = newTap(record.Discard{})
	rep := DoctorReport{Site: c.api.where()}
	add := func(c Check) { rep.Checks = append(rep.Checks, c) }
	defer func() { rep.Calls = c.api.tr.Calls() }()

	if !r.doctorKeys(ctx, add) {
		for _, n := range []string{"memory metrics", "container tag", "log lines", "log attributes", "events"} {
			add(Check{Name: n, Health: Skipped, Detail: "not asked"})
		}
		rep.Calls = c.api.tr.Calls()
		return rep, ctx.Err()
	}
	for _, step := range []func(context.Context, func(Check)){r.doctorMetrics, r.doctorLogs, r.doctorEvents, r.doctorProfiles} {
		step(ctx, add)
		if err := ctx.Err(); err != nil {
			return rep, err
		}
	}
	rep.Calls = c.api.tr.Calls()
	return rep, nil
}

func (r *run) doctorKeys(ctx context.Context, add func(Check)) bool {
	err := r.api.validate(ctx)
	var k *KeysError
	switch {
	case err == nil:
		add(Check{Name: "api key", Health: Good, Detail: "accepted"})
		add(Check{Name: "application key", Health: Good, Detail: "accepted"})
		return true
	case errors.As(err, &k) && k.Which == "application key":
		add(Check{Name: "api key", Health: Good, Detail: "accepted"})
		add(Check{
			Name: "application key", Health: Refused, Detail: k.Error(), Without: "anything",
			Remedy: "make one under Organization Settings > Application Keys and set DD_APP_KEY to it",
		})
	case errors.As(err, &k):
		add(Check{
			Name: "api key", Health: Refused, Detail: k.Error(), Without: "anything",
			Remedy: "copy one from Organization Settings > API Keys into DD_API_KEY; the address of your Datadog in the browser tells the site: set DD_SITE to it, such as datadoghq.eu",
		})
		add(Check{Name: "application key", Health: Skipped, Detail: "not asked"})
	default:
		add(Check{
			Name: "api key", Health: Failed, Detail: err.Error(), Without: "anything",
			Remedy: "check the network and the proxy, and DD_SITE: now " + r.api.where(),
		})
		add(Check{Name: "application key", Health: Skipped, Detail: "not asked"})
	}
	return false
}

// verdictOf is the health that an error means, and what to do about it.
func verdictOf(err error) (Health, string) {
	var e *Error
	if errors.As(err, &e) && (e.Status == 401 || e.Status == 403) {
		p := permissions[e.Endpoint]
		if p == "" {
			return Refused, "give the application key the permission for it"
		}
		return Refused, fmt.Sprintf("give the application key's role the permission %s (a scoped key needs it among its scopes)", p)
	}
	if e != nil && e.Status/100 == 4 {
		return Failed, "check the names given: --service, --env, and those in the configuration"
	}
	return Failed, "try again later"
}

func (r *run) doctorMetrics(ctx context.Context, add func(Check)) {
	names, scope, err := r.api.activeMetrics(ctx, r.from.Unix(), r.o.scopes(r.q))
	if err != nil {
		h, remedy := verdictOf(err)
		add(Check{Name: "memory metrics", Health: h, Detail: err.Error(), Without: withoutMemory, Remedy: remedy})
		add(Check{Name: "container tag", Health: Skipped, Detail: "no metric to look at"})
		return
	}
	best := bestMetrics(names)
	maps.Copy(best, r.o.MetricNames)
	var have, lack []string
	for _, m := range []record.Metric{record.RSS, record.MemoryLimit, record.HeapUsed, record.CPU} {
		n := best[m]
		if n == "" && m == record.RSS {
			n = best[record.WorkingSet]
		}
		if n != "" {
			have = append(have, n)
		} else {
			lack = append(lack, strings.ReplaceAll(m.String(), "_", " "))
		}
	}
	c := Check{Name: "memory metrics", Health: Good, Detail: fmt.Sprintf("%d metrics of %s; used: %s", len(names), scope, strings.Join(have, ", "))}
	memory := best[record.RSS] != "" || best[record.WorkingSet] != "" || best[record.HeapUsed] != ""
	switch {
	case !memory:
		c.Health, c.Without = Missing, withoutMemory
		c.Detail = fmt.Sprintf("none of the %d metrics with the tag %s is one of memory", len(names), scope)
		c.Remedy = "turn on runtime metrics in the tracer (DD_RUNTIME_METRICS_ENABLED=true), or name your own metric of memory in the configuration"
	case len(lack) > 0:
		c.Health = Partial
		c.Detail += "; not found: " + strings.Join(lack, ", ")
		c.Without = "what these would tell: how near the limit, whether the heap or something else grew, whether the CPU was held"
		c.Remedy = "collect container metrics with the agent and runtime metrics with the tracer, or name yours in the configuration"
	}
	add(c)
	if !memory {
		add(Check{Name: "container tag", Health: Skipped, Detail: "no metric to look at"})
		return
	}
	r.d.Scope = scope
	r.d.Metrics = map[string]string{}
	probe := ""
	for _, m := range asked {
		if best[m] != "" {
			r.d.Metrics[m.String()] = best[m]
			if probe == "" {
				probe = best[m]
			}
		}
	}
	tags, err := r.api.allTags(ctx, probe, scope, r.lookback())
	if err != nil {
		h, remedy := verdictOf(err)
		r.d.ContainerTag = "container_name"
		add(Check{Name: "container tag", Health: h, Detail: err.Error(), Without: withoutPoints, Remedy: remedy})
		return
	}
	tag, n := containerTagOf(tags)
	if r.o.ContainerTag != "" {
		tag, n = r.o.ContainerTag, len(tags[r.o.ContainerTag])
	}
	r.d.ContainerTag = tag
	r.join(map[string][]string{tag: tags[tag]})
	switch {
	case tag == "" || n == 0:
		add(Check{
			Name: "container tag", Health: Missing, Detail: probe + " has no tag that names a container", Without: withoutPoints,
			Remedy: "add a tag such as container_name, pod_name or dyno to the metrics (DD_TAGS), or name yours in the configuration",
		})
	case n == 1:
		add(Check{Name: "container tag", Health: Partial, Detail: tag + ": 1 value", Without: "comparing a container with the others, unless the service has only one"})
	default:
		add(Check{Name: "container tag", Health: Good, Detail: fmt.Sprintf("%s: %d values", tag, n)})
	}
}

func (r *run) doctorLogs(ctx context.Context, add func(Check)) {
	if err := r.count(ctx); err != nil {
		h, remedy := verdictOf(err)
		add(Check{Name: "log lines", Health: h, Detail: err.Error(), Without: withoutLogs, Remedy: remedy})
		add(Check{Name: "log attributes", Health: Skipped, Detail: "no line to look at"})
		return
	}
	total := r.vol.total()
	if total == 0 {
		add(Check{
			Name: "log lines", Health: Missing, Detail: fmt.Sprintf("none for %s from %s to %s", r.vol.Query, r.from.Format(time.RFC3339), r.to.Format(time.RFC3339)), Without: withoutLogs,
			Remedy: "check --service, --env and the window; ship the application's and the router's logs to Datadog, indexed",
		})
		add(Check{Name: "log attributes", Health: Skipped, Detail: "no line to look at"})
		return
	}
	detail := fmt.Sprintf("%d for %s", total, r.vol.Query)
	c := Check{Name: "log lines", Health: Good, Detail: detail}
	if int(total/pageLimit) > r.o.MaxCalls {
		c.Detail += fmt.Sprintf("; more than %d calls can list: a sample would be used", r.o.MaxCalls)
	}
	add(c)
	var items []json.RawMessage
	_, err := r.api.list(ctx, pathLogs, listing{query: r.vol.Query, from: r.from, to: r.to, pages: 1, tier: r.vol.Tier}, func(_ time.Time, _ string, item []byte) error {
		items = append(items, slices.Clone(item))
		return nil
	})
	if err != nil {
		h, remedy := verdictOf(err)
		add(Check{Name: "log attributes", Health: h, Detail: err.Error(), Without: withoutLogs, Remedy: remedy})
		return
	}
	f := findFacets(items, r.fleet(), r.d.ContainerTag, r.o.Attributes)
	a := Check{Name: "log attributes", Health: Good, Detail: f.String()}
	switch {
	case f.Route == "" || f.Duration == "":
		a.Health, a.Without = Missing, withoutLogs
		a.Remedy = "log each request with its path or route, status and duration (http.url_details.path, http.status_code, duration), at its start too"
	case f.Raw || f.Container == "" || f.Status == "":
		a.Health = Partial
		if f.Raw {
			a.Without = withoutEndpoint
			a.Remedy = "log the route template as http.route"
		}
		if f.Container == "" {
			a.Without = "which container served a request"
			a.Remedy = "send the name of the container with each line (DD_TAGS, or the hostname)"
		}
	}
	add(a)
}

func (r *run) doctorEvents(ctx context.Context, add func(Check)) {
	n := 0
	query := "*"
	if r.q.Service != "" {
		query = "service:" + quote(r.q.Service)
	}
	_, err := r.api.list(ctx, pathEvents, listing{query: r.withEnv(query), from: r.from, to: r.to, pages: 1}, func(time.Time, string, []byte) error {
		n++
		return nil
	})
	switch {
	case err != nil:
		h, remedy := verdictOf(err)
		add(Check{Name: "events", Health: h, Detail: err.Error(), Without: withoutEvents, Remedy: remedy})
	case n == 0:
		add(Check{
			Name: "events", Health: Missing, Detail: "none in the window", Without: withoutEvents + ", where the logs do not tell",
			Remedy: "nothing if there were no deploys; else send deploys to Datadog as events, and collect Kubernetes events",
		})
	default:
		add(Check{Name: "events", Health: Good, Detail: fmt.Sprintf("%d in the window", n)})
	}
}

func (r *run) doctorProfiles(ctx context.Context, add func(Check)) {
	if !r.o.Profiles {
		return
	}
	items, err := r.api.listProfiles(ctx, r.profileQuery(), r.from, r.to)
	switch {
	case err != nil:
		h, _ := verdictOf(err)
		add(Check{Name: "profiles", Health: h, Detail: err.Error(), Without: "which code holds the memory", Remedy: "this API is unofficial: download the profiles by hand and give the files"})
	case len(items) == 0:
		add(Check{Name: "profiles", Health: Missing, Detail: "none in the window", Without: "which code holds the memory", Remedy: "turn on the profiler with heap profiles (DD_PROFILING_ENABLED=true)"})
	default:
		oom := 0
		for _, p := range items {
			if p.onOOM() {
				oom++
			}
		}
		add(Check{Name: "profiles", Health: Good, Detail: fmt.Sprintf("%d in the window, %d written at a death", len(items), oom)})
	}
}
