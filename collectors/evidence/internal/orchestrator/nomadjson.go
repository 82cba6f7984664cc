package orchestrator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// nomadJSON reads allocations as `nomad alloc status -json` and `nomad job allocs -json` print them, and its API answers:
//
//	{"ID":"5456bd7a-…","EvalID":"…","NodeID":"…","JobID":"api","AllocatedResources":{"Tasks":{"api":{"Memory":{"MemoryMB":512}}}},
//	  "TaskStates":{"api":{"Restarts":2,"Events":[{"Type":"Terminated","Time":1794836877000000000,
//	    "DisplayMessage":"Exit Code: 137, Exit Message: \"OOM Killed\""}]}}}
//
// What it says is what the table says that [nomadAlloc] reads, and how often each task restarted. Source: Nomad API, "Read Allocation";
// nomad/structs/structs.go, TaskState, TaskEvent.
type nomadJSON struct{}

var _ format.LineFormat = nomadJSON{}

// Name implements Format.
func (nomadJSON) Name() string { return "nomad-allocations" }

// OnlyObjects implements format.ObjectsOnly.
func (nomadJSON) OnlyObjects() {}

// Sniff implements Format: the head may hold the beginning of the first allocation only.
func (nomadJSON) Sniff(head []byte) int {
	head = bytes.TrimLeft(head, " \t\r\n[")
	has := func(key string) bool { return bytes.Contains(head, []byte(`"`+key+`"`)) }
	if len(head) > 0 && head[0] == '{' && has("EvalID") && has("ID") && (has("NodeID") || has("AllocModifyIndex") || has("ClientStatus")) {
		return 90
	}
	return 0
}

// NewParser implements LineFormat.
func (nomadJSON) NewParser(src *record.Source) format.LineParser { return nomadJSONParser{src} }

type nomadJSONParser struct{ src *record.Source }

// nomadAllocation is what is read of one.
type nomadAllocation struct {
	ID, JobID string
	Job       struct {
		TaskGroups []struct {
			Tasks []struct {
				Name      string
				Lifecycle *struct{}
			}
		}
	}
	AllocatedResources struct {
		Tasks map[string]struct {
			Memory struct{ MemoryMB, MemoryMaxMB int64 }
		}
	}
	TaskStates map[string]struct {
		Restarts int64
		Events   []struct {
			Type, DisplayMessage string
			Time                 int64 // ns
			ExitCode, Signal     int64
			Message              string
		}
	}
}

// ParseLine implements LineParser.
func (p nomadJSONParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	if len(line) < 20 || line[0] != '{' || !bytes.Contains(line, []byte(`"TaskStates"`)) || !bytes.Contains(line, []byte(`"EvalID"`)) {
		return false, nil
	}
	pos := record.Pos{Source: p.src, Line: lineNo}
	if len(line) > jsondoc.MaxValue {
		return true, warning.Tell(sink, pos, "malformed_line", "an allocation of more than 4 MiB was left out", line)
	}
	var a nomadAllocation
	if err := json.Unmarshal(line, &a); err != nil {
		return true, warning.Tell(sink, pos, "malformed_line", "an allocation that is not as Nomad writes it was left out", line)
	}
	tasks := make([]string, 0, len(a.TaskStates))
	for task := range a.TaskStates {
		tasks = append(tasks, task)
	}
	slices.Sort(tasks)
	main := a.main(tasks)
	for _, task := range tasks {
		if err := a.task(pos, task, main, sink); err != nil {
			return true, err
		}
	}
	return true, nil
}

// main is the task that an allocation is there for: the first that runs neither before, after nor beside others.
func (a *nomadAllocation) main(tasks []string) string {
	for _, g := range a.Job.TaskGroups {
		for _, t := range g.Tasks {
			if slices.Contains(tasks, t.Name) && t.Lifecycle == nil && !record.IsSidecar(t.Name) {
				return t.Name
			}
		}
	}
	for _, t := range tasks {
		if !record.IsSidecar(t) {
			return t
		}
	}
	return ""
}

// task makes the records of one task.
func (a *nomadAllocation) task(pos record.Pos, task, main string, sink record.Sink) error {
	state := a.TaskStates[task]
	memory := a.AllocatedResources.Tasks[task].Memory
	r := nomadReader{src: pos.Source, sink: sink, id: a.ID, job: a.JobID, main: main, task: task}
	if mib := max(memory.MemoryMB, memory.MemoryMaxMB); mib > 0 && mib < 1<<30 {
		r.limit = mib << 20
	}
	ends := int64(0)
	for _, e := range slices.Backward(state.Events) { // the oldest comes first; the table is the other way round
		if e.Time <= 0 || len(r.events) == maxNomadEvents {
			if err := warning.Tell(sink, pos, "malformed_line", "an event of Nomad without a usable time was left out", []byte(e.Type)); err != nil {
				return err
			}
			continue
		}
		if e.Type == "Terminated" {
			ends++
		}
		text := e.DisplayMessage
		if text == "" && e.Type == "Terminated" {
			text = fmt.Sprintf("Exit Code: %d, Signal: %d, Exit Message: %q", e.ExitCode, e.Signal, e.Message)
		}
		r.events = append(r.events, nomadEvent{pos, record.Time(e.Time), origin.Quote([]byte(e.Type)), origin.Quote([]byte(cmp.Or(text, e.Message)))})
	}
	if untold := state.Restarts - ends; untold > 0 {
		if err := sink.Warn(&record.Warning{
			Code: EarlierRestarts, Pos: pos, Count: untold, Example: r.container(),
			Text: "restarts of tasks of which Nomad keeps no end: it keeps ten events of each",
		}); err != nil {
			return err
		}
	}
	return r.tell()
}
