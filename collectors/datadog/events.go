package datadog

import (
	"context"
	"fmt"
	"time"

	"lastcall/collectors/evidence"
	"lastcall/collectors/record"
)

// eventPages bounds the pages of events.
const eventPages = 3

// events lists deploys, restarts, Kubernetes events and monitor transitions.
func (r *run) events(ctx context.Context) error {
	src := newSources().events
	query := "*"
	if r.q.Service != "" {
		query = "service:" + quote(r.q.Service)
		if fleet := r.fleet(); len(fleet) > 0 && len(fleet) <= 60 {
			query = fmt.Sprintf("(%s OR %s:(%s))", query, r.d.tag(), quoteAll(fleet))
		}
	}
	query = r.withEnv(query)
	err := r.slice(ctx, "11-events", r.sink, nil, func(s *slice) error {
		n := int64(0)
		out, err := r.api.list(ctx, pathEvents, listing{query: query, from: r.from, to: r.to, last: true, pages: eventPages}, func(_ time.Time, _ string, item []byte) error {
			n++
			return evidence.ParseDatadogEvent(record.Pos{Source: src, Line: n}, item, s)
		})
		if err != nil {
			return err
		}
		if out.truncated {
			s.missing(src.Name, "lifecycle", fmt.Sprintf("more events than %d pages hold: read up to %s", eventPages, out.until.Format("15:04:05")))
		}
		if out.partial != "" {
			s.missing(src.Name, "lifecycle", out.partial)
		}
		return nil
	})
	return r.gap(src.Name, "lifecycle", err)
}

func (d *discovery) tag() string {
	if d.ContainerTag == "" {
		return "container_name"
	}
	return d.ContainerTag
}
