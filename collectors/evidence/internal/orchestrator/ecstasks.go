package orchestrator

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// ecsTasks reads what `aws ecs describe-tasks` prints:
//
//	{"tasks":[{"taskArn":"arn:aws:ecs:eu-west-1:1:task/prod/23e3dc…","group":"service:api","memory":"640","startedAt":"2026-11-03T13:56:58.268+00:00",
//	  "containers":[{"name":"api","exitCode":137,"reason":"OutOfMemoryError: Container killed due to memory usage",
//	    "networkInterfaces":[{"privateIpv4Address":"10.0.0.172"}]}],
//	  "executionStoppedAt":"2026-11-03T16:02:47.526+00:00","stopCode":"EssentialContainerExited","stoppedReason":"…"}],"failures":[]}
//
// A task lives once; it goes by the id at the end of its name. Source: Amazon ECS API reference, Task and Container; "Stopped task error
// codes".
type ecsTasks struct{}

var _ format.WholeFormat = ecsTasks{}

// Name implements Format.
func (ecsTasks) Name() string { return "ecs-tasks" }

// Sniff implements Format.
func (ecsTasks) Sniff(head []byte) int {
	if jsondoc.IsObject(head) && bytes.Contains(head, []byte(`"tasks"`)) && bytes.Contains(head, []byte(`"taskArn"`)) && bytes.Contains(head, []byte(`"lastStatus"`)) {
		return 95
	}
	return 0
}

type ecsTask struct {
	ARN        string         `json:"taskArn"`
	Group      string         `json:"group"`
	Memory     string         `json:"memory"` // MiB
	Started    ecsTime        `json:"startedAt"`
	Ended      ecsTime        `json:"executionStoppedAt"` // when the containers had ended
	Stopping   ecsTime        `json:"stoppingAt"`
	Stopped    ecsTime        `json:"stoppedAt"`
	StopCode   string         `json:"stopCode"`
	Reason     string         `json:"stoppedReason"`
	Containers []ecsContainer `json:"containers"`
}

// ecsTime is a time: RFC 3339 as version 2 of the command writes it, seconds since 1970 as version 1 does; 0 when there is none.
type ecsTime record.Time

func (t *ecsTime) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		at, _, _ := stamp.Parse(bytes.Trim(b, `"`))
		*t = ecsTime(at)
	} else if at, ok := number.Epoch(b); ok {
		*t = ecsTime(at)
	}
	return nil // a time that is none is not known
}

type ecsContainer struct {
	Name     string `json:"name"`
	ExitCode *int   `json:"exitCode"`
	Reason   string `json:"reason"`
	Memory   string `json:"memory"`
	Networks []struct {
		Address string `json:"privateIpv4Address"`
	} `json:"networkInterfaces"`
}

// Parse implements WholeFormat.
func (ecsTasks) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	w := jsondoc.NewWalker(ctx, r)
	return w.Items("tasks", func() error {
		line := w.Line()
		var t ecsTask
		ok, err := w.Decode(&t)
		if err != nil {
			return err
		}
		pos := record.Pos{Source: src, Line: line}
		if !ok {
			if err := warning.Tell(sink, pos, "malformed_line", "tasks that are not as Amazon ECS describes them; what could be read of them was used", []byte(t.ARN)); err != nil {
				return err
			}
		}
		return t.emit(pos, sink)
	})
}

// emit makes the records of a task.
func (t *ecsTask) emit(pos record.Pos, sink record.Sink) error {
	id := t.ARN[strings.LastIndexByte(t.ARN, '/')+1:]
	if id == "" {
		return nil
	}
	main := slices.IndexFunc(t.Containers, func(c ecsContainer) bool { return !record.IsSidecar(c.Name) })
	for i := range t.Containers {
		c := &t.Containers[i]
		o := origin.Origin{Pos: pos, Container: []byte(containers.InPod(id, c.Name)), Service: []byte(strings.TrimPrefix(t.Group, "service:"))}
		if i == main {
			if err := sink.Lifecycle(record.MainOf(pos, string(o.Container), record.Described)); err != nil {
				return err
			}
			if len(c.Networks) > 0 {
				o.Address = []byte(c.Networks[0].Address)
			}
		}
		limit := int64(0)
		if mib, err := strconv.ParseInt(cmp.Or(c.Memory, t.Memory), 10, 32); err == nil && mib > 0 {
			limit = mib << 20
		}
		if err := kubernetesUp(&o, record.Time(t.Started), limit, sink); err != nil {
			return err
		}
		if c.ExitCode == nil {
			continue
		}
		if at := cmp.Or(t.Ended, t.Stopping, t.Stopped); at != 0 {
			o.Time = record.Time(at)
		}
		if err := t.ended(&o, c, limit, i == main, sink); err != nil {
			return err
		}
	}
	return nil
}

// ended tells of the end of a container, at o.Time; main says that the task is there for it.
func (t *ecsTask) ended(o *origin.Origin, c *ecsContainer, limit int64, main bool, sink record.Sink) error {
	code := *c.ExitCode
	text := fmt.Appendf(nil, "exit code %d", code)
	for _, s := range []string{c.Reason, t.StopCode, t.Reason} {
		if s != "" {
			text = append(append(text, ", "...), s...)
		}
	}
	if o.Time == 0 {
		return warning.Tell(sink, o.Pos, "no_time", warning.NoTime, text)
	}
	reason := c.Reason
	switch {
	case strings.Contains(c.Reason, "OutOfMemory"), main && strings.Contains(t.Reason, "OutOfMemory"):
		reason = "OOMKilled"
	case main && strings.Contains(strings.ToLower(t.Reason), "health check"):
		// The task was stopped for it, however its process then ended.
		reason = "failed health checks"
	case t.StopCode != "" && t.StopCode != "EssentialContainerExited", origin.PlannedStatus(code):
		return sink.Lifecycle(o.Stopped(code, cmp.Or(t.StopCode, "exited"), text))
	}
	crash := o.Exited(code, reason, text)
	crash.LimitBytes = limit
	return sink.Crash(crash)
}
