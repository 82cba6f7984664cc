package datadog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"lastcall/collectors/evidence"
	"lastcall/collectors/record"
)

// Datadog gives at most about 1500 points per series with an explicit rollup.
const maxPoints = 1440

// span is a piece of the window, its end excluded.
type span struct{ from, to time.Time }

// seriesSpans cuts the window so that the rollup need not flatten peaks: 20 s, the finest that most agents report, over 8 h a call;
// a minute over 24 h for windows that would take more than four calls; and never more than ten calls, at the price of a coarser step.
func seriesSpans(from, to time.Time) (spans []span, step time.Duration) {
	for _, step = range []time.Duration{20 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 4 * time.Hour} {
		most := 10
		if step == 20*time.Second {
			most = 4
		}
		// Buckets align to UNIX time, and one that began before "from" would be left out.
		a := time.Unix(from.Unix()-from.Unix()%int64(step/time.Second), 0).UTC()
		length := step * maxPoints
		if n := int((to.Sub(a) + length - 1) / length); n <= most || step == 4*time.Hour {
			for ; a.Before(to); a = a.Add(length) {
				end := a.Add(length)
				if end.After(to) {
					end = to
				}
				spans = append(spans, span{a, end})
			}
			return spans, step
		}
	}
	return nil, 0
}

// seriesQuery asks for every metric per container, each at its peak within the step: a level averaged over time, or over the fleet,
// hides what kills.
func (d *discovery) seriesQuery(step time.Duration) string {
	by := d.ContainerTag
	if by == "" {
		by = strings.Join(usualTags, ",")
	}
	var parts []string
	ask := func(name string, m record.Metric) {
		agg := "max"
		if m == record.CPU {
			agg = "avg" // how busy it was, not whether it was busy for an instant
		}
		parts = append(parts, fmt.Sprintf("%s:%s{%s} by {%s}.rollup(%s, %d)", agg, name, d.Scope, by, agg, int(step/time.Second)))
	}
	for _, m := range asked {
		if name := d.Metrics[m.String()]; name != "" {
			ask(name, m)
		}
	}
	if d.Blind {
		for _, name := range usual {
			m, _, _ := evidence.MetricMeaning(name)
			ask(name, m)
		}
	}
	return strings.Join(parts, ",")
}

// series fetches memory and CPU per container.
func (r *run) series(ctx context.Context) error {
	src := newSources().metrics
	spans, step := seriesSpans(r.from, r.to)
	if len(r.d.Metrics) == 0 && !r.d.Blind {
		return nil
	}
	rename := map[string]string{}
	for m, name := range r.o.MetricNames {
		rename[name] = plainNames[m]
	}
	err := r.each(ctx, len(spans), func(ctx context.Context, i int, to *tap) error {
		sp := spans[i]
		var values map[string][]string
		err := r.slice(ctx, "10-series-"+stamp(sp.from), to, &values, func(s *slice) error {
			body, err := r.api.query(ctx, sp, r.d.seriesQuery(step))
			if err != nil {
				return err
			}
			values = tagValues(body)
			return errors.Join(parseSeries(ctx, src, body, rename, r.o.ContainerTag, until{s, record.TimeOf(r.to)}), s.note(values))
		})
		r.join(values)
		if err != nil && isGap(err) {
			reason := fmt.Errorf("%s to %s: %w", sp.from.Format("15:04:05"), sp.to.Format("15:04:05"), err)
			if len(spans) == 1 {
				reason = err
			}
			return errors.Join(r.gap(src.Name, "memory", reason), r.gap(src.Name, "cpu", reason))
		}
		return err
	})
	if err != nil {
		return err
	}
	if r.d.ContainerTag == "" {
		tags := map[string][]string{}
		for k, vs := range r.known {
			tags[k] = slices.Sorted(maps.Keys(vs))
		}
		if r.d.ContainerTag, _ = containerTagOf(tags); r.d.ContainerTag != "" {
			r.choose("containers by the tag %s, which the series carry", r.d.ContainerTag)
		}
	}
	n := len(r.sink.t.containers())
	if n == 0 && len(r.gaps[gapKey{src.Name, "memory"}]) == 0 {
		r.missing(src.Name, "memory", fmt.Sprintf("no series of memory for %s in the window", r.d.Scope))
	}
	r.choose("%d containers, a point every %s (the highest within it)", n, step)
	return nil
}

// tagValues returns the values of the tags by which the series of an answer are told apart.
func tagValues(body []byte) map[string][]string {
	var doc struct {
		Series []struct {
			TagSet []string `json:"tag_set"`
		} `json:"series"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return nil
	}
	out := map[string][]string{}
	for _, s := range doc.Series {
		for _, t := range s.TagSet {
			if k, v, ok := strings.Cut(t, ":"); ok && v != "" && v != "N/A" && !slices.Contains(out[k], v) {
				out[k] = append(out[k], v)
			}
		}
	}
	for _, v := range out {
		slices.Sort(v)
	}
	return out
}

// join keeps the values of tags that one piece of the window has.
func (r *run) join(values map[string][]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, vs := range values {
		if r.known[k] == nil {
			r.known[k] = map[string]bool{}
		}
		for _, v := range vs {
			r.known[k][v] = true
		}
	}
}

// fleet are the containers as Datadog names them, sorted.
func (r *run) fleet() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.known[r.d.ContainerTag]))
}

// query asks the v1 endpoint; its answer is checked here and read by package evidence.
func (a *api) query(ctx context.Context, sp span, query string) ([]byte, error) {
	// The end is taken as included; the next piece begins there.
	v, resp, err := a.metrics.QueryMetrics(a.keys(ctx), sp.from.Unix(), max(sp.to.Unix()-1, sp.from.Unix()+1), query)
	if err := a.official(ctx, pathQuery, resp, err); err != nil {
		return nil, err
	}
	// A 200 may carry an error in its body.
	if msg := v.GetError(); msg != "" {
		return nil, a.fail(ctx, pathQuery, 0, nil, errors.New(clip(a.scrub(msg), 200)))
	}
	if s := v.GetStatus(); s != "" && s != "ok" {
		return nil, a.fail(ctx, pathQuery, 0, nil, fmt.Errorf("the query ended with status %q: %s", clip(s, 40), clip(a.scrub(v.GetMessage()), 200)))
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, a.fail(ctx, pathQuery, 0, nil, err)
	}
	return body, nil
}

// stamp is a time in the key of a slice; keys sort as times do.
func stamp(t time.Time) string { return t.UTC().Format("20060102T150405.000Z") }

// until is the Sink of samples up to the end of the window. A sample has the time of the end of its bucket; of the last bucket there are
// readings up to the end of the window only.
type until struct {
	record.Sink
	to record.Time
}

func (u until) Sample(s *record.Sample) error {
	if over := s.Time.Sub(u.to); over > 0 && over < s.Interval {
		c := *s
		c.Time, c.Interval = u.to, s.Interval-over
		s = &c
	}
	return u.Sink.Sample(s)
}
