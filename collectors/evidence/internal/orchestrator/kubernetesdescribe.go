package orchestrator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// kubernetesDescribe reads what `kubectl describe pod` prints, of one pod or of several one after the other:
//
//	Name:             web-5d8f7b9c4-x2x9q
//	Namespace:        prod
//	Node:             node-a/10.0.1.17
//	Labels:           app=web
//	IP:               10.42.1.11
//	Containers:
//	  app:
//	    Container ID:   containerd://84d3…
//	    State:          Running
//	      Started:      Tue, 21 Apr 2026 16:00:32 +0000
//	    Last State:     Terminated
//	      Reason:       OOMKilled
//	      Exit Code:    137
//	      Started:      Tue, 21 Apr 2026 08:58:21 +0000
//	      Finished:     Tue, 21 Apr 2026 16:00:30 +0000
//	    Restart Count:  2
//	    Limits:
//	      memory:  768Mi
//
// It is put into the form that the API gives a pod, and read as that. Its table of events has ages instead of times, which place nothing: they
// are counted. Source: k8s.io/kubectl/pkg/describe, describePod and describeContainers.
type kubernetesDescribe struct{}

var _ format.WholeFormat = kubernetesDescribe{}

// Name implements Format.
func (kubernetesDescribe) Name() string { return "kubernetes-describe" }

// Sniff implements Format.
func (kubernetesDescribe) Sniff(head []byte) int {
	name, space, state := false, false, false
	cut.FirstLines(head, format.SniffedLines, func(line []byte) {
		name = name || cut.HasPrefix(line, "Name:  ")
		space = space || cut.HasPrefix(line, "Namespace:  ")
		state = state || cut.HasPrefix(line, "    State:  ")
	})
	if name && space && state {
		return 95
	}
	return 0
}

// The form of the API, as far as it is described.
type (
	describedPod struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Name      string            `json:"name"`
			Namespace string            `json:"namespace"`
			Labels    map[string]string `json:"labels,omitempty"`
		} `json:"metadata"`
		Spec struct {
			Node       string               `json:"nodeName"`
			Containers []describedContainer `json:"containers"`
		} `json:"spec"`
		Status struct {
			IP         string            `json:"podIP"`
			Reason     string            `json:"reason,omitempty"`
			Message    string            `json:"message,omitempty"`
			Containers []describedStatus `json:"containerStatuses"`
			Inits      []describedStatus `json:"initContainerStatuses"`
		} `json:"status"`
	}
	describedContainer struct {
		Name      string `json:"name"`
		Resources struct {
			Limits map[string]string `json:"limits,omitempty"`
		} `json:"resources"`
	}
	describedStatus struct {
		Name      string                    `json:"name"`
		ID        string                    `json:"containerID,omitempty"`
		Restarts  int                       `json:"restartCount"`
		State     map[string]*describedTurn `json:"state"`
		LastState map[string]*describedTurn `json:"lastState"`
		limits    map[string]string
	}
	describedTurn struct {
		Reason   string `json:"reason,omitempty"`
		Message  string `json:"message,omitempty"`
		ExitCode int    `json:"exitCode"`
		Started  string `json:"startedAt,omitempty"`
		Finished string `json:"finishedAt,omitempty"`
	}
)

// maxDescribed bounds the containers and labels that are kept of one pod.
const maxDescribed = 100

// describeReader puts one pod after the other together.
type describeReader struct {
	pods   *kubernetesReader
	first  int64 // line
	pod    *describedPod
	list   *[]describedStatus // of the section
	labels bool               // the lines that follow are labels
	turn   *describedTurn
	limits bool // the lines that follow are limits
	events bool // the lines that follow are events
	untold int64
}

// Parse implements WholeFormat.
func (kubernetesDescribe) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	p := &describeReader{pods: &kubernetesReader{src: src, story: newKubernetesStory(sink)}}
	stats, err := format.EachLine(ctx, r, p.line)
	if err == nil {
		err = p.flush()
	}
	if closeErr := p.pods.story.close(); err == nil {
		err = closeErr
	}
	if err == nil && stats.TooLong > 0 {
		err = sink.Warn(warning.LineTooLong(src, stats))
	}
	if err == nil && p.untold > 0 {
		err = sink.Warn(&record.Warning{Code: relativeTimes, Count: p.untold, Pos: record.Pos{Source: src, Line: 1}, Text: relativeTimesText})
	}
	return err
}

// relativeTimes is the code of what has ages instead of times.
const (
	relativeTimes     = "relative_times"
	relativeTimesText = "events of Kubernetes with an age instead of a time, which cannot be placed; save them with their times (kubectl get events -o json)"
)

func (p *describeReader) line(no int64, line []byte) error {
	indent := len(line) - len(bytes.TrimLeft(line, " "))
	key, value, ok := bytes.Cut(line[indent:], []byte(":"))
	if !ok || indent == 0 && len(line) == 0 {
		if p.events && indent > 0 && !cut.HasPrefix(line[indent:], "Type ") && !cut.HasPrefix(line[indent:], "----") {
			p.untold++
		}
		return nil
	}
	name, text := string(key), string(bytes.TrimSpace(value))
	if indent == 0 {
		return p.section(no, name, text)
	}
	switch {
	case p.pod == nil:
	case p.events:
		p.untold++
	case p.labels:
		p.label(string(bytes.TrimSpace(line)))
	case p.list != nil && indent == 2 && text == "":
		p.turn, p.limits = nil, false
		if len(*p.list) < maxDescribed {
			*p.list = append(*p.list, describedStatus{Name: name, State: map[string]*describedTurn{}, LastState: map[string]*describedTurn{}, limits: map[string]string{}})
		}
	case p.list != nil && len(*p.list) > 0:
		p.ofContainer(&(*p.list)[len(*p.list)-1], indent, name, text)
	}
	return nil
}

// section takes a line that begins at the margin.
func (p *describeReader) section(no int64, name, text string) error {
	if name == "Name" {
		if err := p.flush(); err != nil {
			return err
		}
		p.pod, p.first = &describedPod{Kind: "Pod"}, no
	}
	p.list, p.turn, p.limits, p.labels, p.events = nil, nil, false, false, false
	if p.pod == nil {
		return nil
	}
	switch name {
	case "Name":
		p.pod.Metadata.Name = text
	case "Namespace":
		p.pod.Metadata.Namespace = text
	case "Node":
		p.pod.Spec.Node, _, _ = strings.Cut(text, "/")
	case "Labels":
		p.labels = true
		p.label(text)
	case "IP":
		p.pod.Status.IP = text
	case "Reason":
		p.pod.Status.Reason = text
	case "Message":
		p.pod.Status.Message = text
	case "Containers":
		p.list = &p.pod.Status.Containers
	case "Init Containers":
		p.list = &p.pod.Status.Inits
	case "Events":
		p.events = true
	}
	return nil
}

// label takes "app=web"; "<none>" where there is none.
func (p *describeReader) label(text string) {
	key, value, ok := strings.Cut(text, "=")
	if !ok || len(p.pod.Metadata.Labels) >= maxDescribed {
		return
	}
	if p.pod.Metadata.Labels == nil {
		p.pod.Metadata.Labels = map[string]string{}
	}
	p.pod.Metadata.Labels[key] = value
}

// ofContainer takes a line of a container: of itself, or of what the line before began.
func (p *describeReader) ofContainer(c *describedStatus, indent int, name, text string) {
	if indent == 4 {
		p.turn, p.limits = nil, name == "Limits"
		switch name {
		case "Container ID":
			c.ID = text
		case "Restart Count":
			c.Restarts, _ = strconv.Atoi(text)
		case "State":
			p.turn = &describedTurn{}
			c.State[strings.ToLower(text)] = p.turn
		case "Last State":
			p.turn = &describedTurn{}
			c.LastState[strings.ToLower(text)] = p.turn
		}
		return
	}
	switch {
	case p.limits && len(c.limits) < maxDescribed:
		c.limits[name] = text
	case p.turn == nil:
	case name == "Reason":
		p.turn.Reason = text
	case name == "Message":
		p.turn.Message = text
	case name == "Exit Code":
		p.turn.ExitCode, _ = strconv.Atoi(text)
	case name == "Started":
		p.turn.Started = describedTime(text)
	case name == "Finished":
		p.turn.Finished = describedTime(text)
	}
}

// describedTime is a time as the API gives it; text that is none stays, and is told as none.
func describedTime(text string) string {
	if t, err := time.Parse(time.RFC1123Z, text); err == nil {
		return t.UTC().Format(time.RFC3339)
	}
	return text
}

// flush hands on the pod that was put together.
func (p *describeReader) flush() error {
	pod := p.pod
	if p.pod = nil; pod == nil || pod.Metadata.Name == "" {
		return nil
	}
	for _, c := range pod.Status.Containers {
		of := describedContainer{Name: c.Name}
		of.Resources.Limits = c.limits
		pod.Spec.Containers = append(pod.Spec.Containers, of)
	}
	raw, err := json.Marshal(pod)
	if err != nil {
		return nil // Cannot be: it is made of strings and numbers.
	}
	return p.pods.object(p.first, raw)
}
