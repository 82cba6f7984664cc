package orchestrator

import (
	"bytes"
	"encoding/json"
	"errors"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// ecsStateChanges reads the events that Amazon ECS sends to EventBridge, as a rule keeps them in a group of logs, one a line:
//
//	{"version":"0","id":"3317b2af-…","detail-type":"ECS Task State Change","source":"aws.ecs","time":"2026-11-03T16:03:12Z",
//	  "detail":{"taskArn":"arn:aws:ecs:eu-west-1:1:task/prod/23e3dc…","lastStatus":"STOPPED","group":"service:api","containers":[…],…}}
//
// A task sends one with every change; its ends are told by the last of them, of which the detail is what [ecsTasks] reads. Source: Amazon ECS
// developer guide, "Amazon ECS task state change events", "Amazon ECS service deployment state change events".
type ecsStateChanges struct{}

var _ format.LineFormat = ecsStateChanges{}

// Name implements Format.
func (ecsStateChanges) Name() string { return "ecs-state-changes" }

// OnlyObjects implements format.ObjectsOnly.
func (ecsStateChanges) OnlyObjects() {}

// Sniff implements Format.
func (ecsStateChanges) Sniff(head []byte) int { return format.SniffLines(head, mayBeECSEvent) }

func mayBeECSEvent(line []byte) bool {
	return len(line) > 20 && len(line) <= jsondoc.MaxParsed && line[0] == '{' && bytes.Contains(line, []byte(`"detail-type"`)) && bytes.Contains(line, []byte(`"aws.ecs"`))
}

// NewParser implements LineFormat.
func (ecsStateChanges) NewParser(src *record.Source) format.LineParser {
	return ecsStateChangeParser{src}
}

type ecsStateChangeParser struct{ src *record.Source }

// ParseLine implements LineParser.
func (p ecsStateChangeParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	if !mayBeECSEvent(line) {
		return false, nil
	}
	var e struct {
		Kind   string `json:"detail-type"`
		Source string `json:"source"`
		Time   string `json:"time"`
		Detail struct {
			ecsTask
			Status string `json:"lastStatus"`
			Event  string `json:"eventName"`
			Reason string `json:"reason"`
		} `json:"detail"`
	}
	pos := record.Pos{Source: p.src, Line: lineNo}
	if err := json.Unmarshal(line, &e); err != nil {
		text := "an event of Amazon ECS that is broken JSON was left out"
		_, odd := errors.AsType[*json.UnmarshalTypeError](err)
		if odd {
			text = "events that are not as Amazon ECS writes them; what could be read of them was used"
		}
		if err := warning.Tell(sink, pos, "malformed_line", text, line); err != nil || !odd {
			return true, err
		}
	}
	if e.Source != "aws.ecs" {
		return false, nil
	}
	d := &e.Detail
	switch e.Kind {
	case "ECS Task State Change":
		if d.Status != "STOPPED" {
			for i := range d.Containers {
				d.Containers[i].ExitCode = nil // the last event of the task tells when it ended
			}
		}
		return true, d.emit(pos, sink)
	case "ECS Deployment State Change":
		o := origin.Origin{Pos: pos}
		o.Time, _, _ = stamp.Parse([]byte(e.Time))
		if o.Time == 0 {
			return true, warning.Tell(sink, pos, "no_time", warning.NoTime, line)
		}
		switch d.Event {
		case "SERVICE_DEPLOYMENT_IN_PROGRESS":
			return true, sink.Lifecycle(o.Lifecycle(record.Deploy, d.Reason, line))
		case "SERVICE_DEPLOYMENT_COMPLETED":
			return true, sink.Lifecycle(o.Lifecycle(record.DeployFinished, "", line))
		case "SERVICE_DEPLOYMENT_FAILED":
			return true, sink.Lifecycle(o.Lifecycle(record.DeployFinished, "failed", line))
		}
	}
	return true, nil
}
