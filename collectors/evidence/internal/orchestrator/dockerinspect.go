package orchestrator

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// dockerInspect reads the containers that `docker inspect` prints: since when each runs, under which limit, and how it ended last.
// They stand in an array over many lines, which is flattened before, or one a line (`docker inspect … | jq -c '.[]'`).
//
// Source: Docker Engine API, "Inspect a container". A container that runs again has forgotten the status of its last end.
type dockerInspect struct{}

// Name implements Format.
func (dockerInspect) Name() string { return "docker-inspect" }

// OnlyObjects implements format.ObjectsOnly.
func (dockerInspect) OnlyObjects() {}

// Sniff implements Format.
func (dockerInspect) Sniff(head []byte) int { return format.SniffLines(head, isDockerInspect) }

func isDockerInspect(line []byte) bool {
	return len(line) > 20 && len(line) <= jsondoc.MaxParsed && line[0] == '{' && bytes.Contains(line, []byte(`"State"`)) && bytes.Contains(line, []byte(`"FinishedAt"`)) &&
		bytes.Contains(line, []byte(`"ExitCode"`)) && bytes.Contains(line, []byte(`"HostConfig"`))
}

// NewParser implements LineFormat.
func (dockerInspect) NewParser(src *record.Source) format.LineParser {
	return &dockerInspectParser{src: src}
}

type dockerInspectParser struct {
	src    *record.Source
	parser fastjson.Parser
}

// ParseLine implements LineParser.
func (p *dockerInspectParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	if !isDockerInspect(line) {
		return false, nil
	}
	pos := record.Pos{Source: p.src, Line: lineNo}
	v, err := p.parser.ParseBytes(line)
	if err != nil {
		return true, warning.Tell(sink, pos, "malformed_line", "a container of docker inspect that is broken JSON was left out", line)
	}
	state := v.Get("State")
	o := origin.Origin{
		Pos: pos, Container: bytes.TrimPrefix(v.GetStringBytes("Name"), []byte("/")), Instance: v.GetStringBytes("Id"),
		Service: jsondoc.Text(jsondoc.FirstOf(v.Get("Config", "Labels"), "com.docker.compose.service", "com.docker.swarm.service.name")),
	}
	limit := int64(0)
	if n, ok := jsondoc.Number(v.Get("HostConfig", "Memory")); ok && n > 0 && n < 1<<53 {
		limit = int64(n)
	}
	started, finished := jsondoc.Time(state.Get("StartedAt")), jsondoc.Time(state.Get("FinishedAt"))
	addresses := dockerAddresses(v)
	if !state.GetBool("Running") {
		addresses = nil // given out again
	}
	if len(addresses) > 0 {
		o.Address = addresses[0]
	}
	if err := kubernetesUp(&o, started, limit, sink); err != nil {
		return true, err
	}
	if started != 0 && len(addresses) > 1 {
		for _, a := range addresses[1:] {
			also := o
			also.Time = started
			l := also.Lifecycle(record.LifecycleOther, "address", a)
			l.Address = string(a)
			if err := sink.Lifecycle(l); err != nil {
				return true, err
			}
		}
	}
	restarts := v.GetInt("RestartCount")
	told := 0
	if finished != 0 {
		told = 1
		// Under the other policies a process that ends well is started again just like one that fails.
		onFailure := string(v.GetStringBytes("HostConfig", "RestartPolicy", "Name")) == "on-failure"
		forgotten, err := p.ended(&o, state, started, finished, restarts, onFailure, limit, sink)
		if forgotten {
			told = 0
		}
		if err != nil {
			return true, err
		}
	}
	if untold := restarts - told; untold > 0 {
		return true, sink.Warn(&record.Warning{
			Code: EarlierRestarts, Pos: pos, Count: int64(untold), Example: string(o.Container),
			Text: "restarts of containers of which Docker keeps no end: it tells of the last one only; its events tell of more (docker events --since 24h --until 0s --format json)",
		})
	}
	return true, nil
}

// dockerAddresses are those of a container in each of its networks: a proxy may stand in any of them.
func dockerAddresses(v *fastjson.Value) [][]byte {
	var out [][]byte
	add := func(a []byte) {
		if len(a) > 0 && !slices.ContainsFunc(out, func(b []byte) bool { return bytes.Equal(a, b) }) {
			out = append(out, a)
		}
	}
	networks := v.GetObject("NetworkSettings", "Networks")
	networks.Visit(func(_ []byte, n *fastjson.Value) { add(n.GetStringBytes("IPAddress")) })
	add(v.GetStringBytes("NetworkSettings", "IPAddress")) // of the default bridge, as older engines tell it
	return out
}

// ended makes the record of the last end of a container; forgotten says that nothing tells how it was.
func (p *dockerInspectParser) ended(o *origin.Origin, state *fastjson.Value, started, finished record.Time, restarts int, onFailure bool, limit int64, sink record.Sink) (forgotten bool, err error) {
	ev := *o
	ev.Time = finished
	code, reason := state.GetInt("ExitCode"), ""
	if state.GetBool("OOMKilled") {
		reason = "OOMKilled"
	}
	text := strconv.AppendInt([]byte("exit code "), int64(code), 10)
	if started > finished && code == 0 {
		code, text = -1, []byte("exit code not kept")
	}
	if reason != "" {
		text = append([]byte(reason+", "), text...)
	}
	if msg := state.GetStringBytes("Error"); len(msg) > 0 {
		text = append(append(text, ": "...), msg...)
	}
	switch {
	case started > finished && restarts > 0 && code < 0 && reason == "":
		text := []byte("ended by itself and was restarted by Docker (restarts counted: " + strconv.Itoa(restarts) + ")")
		if !onFailure {
			// It may have ended as it was meant to: no crash, and no stop either, which would explain one that others tell of.
			return true, sink.Lifecycle(ev.Lifecycle(record.LifecycleOther, record.RestartedItself, text))
		}
		c := ev.Exited(code, "", text)
		c.LimitBytes = limit
		return false, sink.Crash(c)
	case started > finished && restarts == 0 && reason == "":
		return false, sink.Lifecycle(ev.Stopped(-1, "restarted", nil))
	case origin.PlannedStatus(code) && reason == "":
		return false, sink.Lifecycle(ev.Stopped(code, "", text))
	}
	c := ev.Exited(code, reason, text)
	c.LimitBytes = limit
	if started != 0 && started < finished {
		c.Uptime = finished.Sub(started)
	}
	return false, sink.Crash(c)
}
