package orchestrator

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"
	"strings"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// ecsEvents reads the events of services that `aws ecs describe-services` prints, whole or with `--query` the events alone:
//
//	{"services":[{"serviceName":"api","events":[{"id":"e521…","createdAt":"2026-11-03T16:02:47.526+00:00",
//	  "message":"(service api) has stopped 1 running tasks: (task 23e3dc7aec2ba6b66722236aae1f078a)."}]}]}
//
// They tell what the scheduler did: a task that ended by itself is told of by the start of the next one alone, and by describe-tasks. The
// newest comes first; ECS keeps the last hundred of a service. Source: Amazon ECS developer guide, "Service event messages".
type ecsEvents struct{}

var _ format.WholeFormat = ecsEvents{}

// Name implements Format.
func (ecsEvents) Name() string { return "ecs-service-events" }

// Sniff implements Format.
func (ecsEvents) Sniff(head []byte) int {
	if jsondoc.IsObject(head) && jsondoc.HasKey(head, "events", "[") && bytes.Contains(head, []byte(`"createdAt"`)) && jsondoc.HasKey(head, "message", `"(service `) {
		return 96 // a service tells of its deployments as well, before its events
	}
	return 0
}

// ecsEvent is an event of a service.
type ecsEvent struct {
	Created ecsTime `json:"createdAt"`
	Message string  `json:"message"`

	pos record.Pos
}

// The bounds of the events that are held; ECS keeps a hundred of a service.
const (
	maxECSEvents    = 10_000
	maxECSEventText = 8 << 20
)

// Parse implements WholeFormat.
func (ecsEvents) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	p := &ecsEventReader{src: src, sink: sink, w: jsondoc.NewWalker(ctx, r)}
	err := p.w.Objects(func(key string) error {
		switch key {
		case "events":
			return p.w.ArrayValue(p.event)
		case "services":
			return p.w.ArrayValue(func() error {
				return p.w.ObjectValue(func(key string) error {
					if key != "events" {
						return p.w.Skip()
					}
					return p.w.ArrayValue(p.event)
				})
			})
		}
		return p.w.Skip()
	})
	if failed := p.tell(); failed != nil {
		return failed
	}
	return err
}

type ecsEventReader struct {
	src  *record.Source
	sink record.Sink
	w    *jsondoc.Walker
	held []ecsEvent
	text int // of their messages
}

// event takes the next event.
func (p *ecsEventReader) event() error {
	e := ecsEvent{pos: record.Pos{Source: p.src, Line: p.w.Line()}}
	ok, err := p.w.Decode(&e)
	if err != nil {
		return err
	}
	if !ok || e.Created == 0 || e.Message == "" {
		return warning.Tell(p.sink, e.pos, "malformed_line", "events of services that are not as Amazon ECS writes them, or have no usable time, were left out", []byte(e.Message))
	}
	if len(p.held) == maxECSEvents || p.text > maxECSEventText {
		if err := p.tell(); err != nil {
			return err
		}
	}
	p.held, p.text = append(p.held, e), p.text+len(e.Message)
	return nil
}

// tell makes the records of the events, oldest first: what a task failed before decides what its stop was.
func (p *ecsEventReader) tell() error {
	slices.Reverse(p.held)
	slices.SortStableFunc(p.held, func(a, b ecsEvent) int { return cmp.Compare(a.Created, b.Created) })
	sick := map[string]bool{} // the tasks that failed their checks; true: their end is still to be told
	for i := range p.held {
		if err := p.emit(&p.held[i], sick); err != nil {
			return err
		}
	}
	p.held, p.text = p.held[:0], 0
	return nil
}

// emit makes the records of an event:
//
//	(service api) has started 1 tasks: (task 2…) (task 3…).
//	(service api) has stopped 1 running tasks: (task 2…).
//	(service api) (task 2…) failed container health checks.
//	(service api) (task 2…) (port 80) is unhealthy in (target-group arn:…) due to (reason Health checks failed).
//	(service api) (deployment ecs-svc/1) deployment completed.
//	(service api) has reached a steady state.
func (p *ecsEventReader) emit(e *ecsEvent, sick map[string]bool) error {
	text := []byte(e.Message)
	tasks := ecsTasksIn(e.Message)
	has := func(s string) bool { return strings.Contains(e.Message, s) }
	o := origin.Origin{Pos: e.pos, Time: record.Time(e.Created), Service: []byte(ecsNoted(e.Message, "(service "))}
	each := func(f func(id string) error) error {
		for _, id := range tasks {
			o.Container = []byte(id)
			if err := f(id); err != nil {
				return err
			}
		}
		return nil
	}
	life := func(kind record.LifecycleKind, reason string) error {
		return p.sink.Lifecycle(o.Lifecycle(kind, reason, text))
	}
	switch {
	case has("failed container health checks") && len(tasks) > 0:
		return each(func(id string) error {
			sick[id] = false // its end is told
			return p.sink.Crash(o.Crash(record.CrashHealthCheck, text))
		})
	case has("is unhealthy in") && len(tasks) > 0:
		return each(func(id string) error {
			if _, told := sick[id]; !told {
				sick[id] = true
			}
			return life(record.HealthCheckFailed, ecsNoted(e.Message, "(reason "))
		})
	case has("has stopped ") && len(tasks) > 0:
		return each(func(id string) error {
			switch open, known := sick[id]; {
			case open:
				sick[id] = false
				return p.sink.Crash(o.Crash(record.CrashHealthCheck, text))
			case known:
				return life(record.LifecycleOther, "stopped by its service")
			}
			return life(record.Stopping, "stopped by its service")
		})
	case has("has started ") && len(tasks) > 0:
		return each(func(string) error { return life(record.Starting, "") })
	case has("deployment failed"):
		return life(record.DeployFinished, "failed")
	case has("deployment completed"):
		return life(record.DeployFinished, "")
	}
	return life(record.LifecycleOther, "")
}

// ecsTasksIn lists the tasks that a message names.
func ecsTasksIn(message string) []string {
	var out []string
	for {
		_, rest, ok := strings.Cut(message, "(task ")
		if !ok {
			return out
		}
		id, after, ok := strings.Cut(rest, ")")
		if ok && containers.IsTaskID(id) && !slices.Contains(out, id) && len(out) < 1000 {
			out = append(out, id)
		}
		message = after
	}
}

// ecsNoted reads what a message has in a parenthesis that begins so.
func ecsNoted(message, open string) string {
	if _, rest, ok := strings.Cut(message, open); ok {
		name, _, _ := strings.Cut(rest, ")")
		return origin.Quote([]byte(name))
	}
	return ""
}
