// Package containerstats reads what Docker and the kubelet say of the memory and CPU that containers use.
package containerstats

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"strings"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// Docker reads the answers of Docker's GET /containers/{id}/stats, one or many, and the lines of `docker stats --format json`. Those
// lines have no time of their own; they are used when something added one ("time", "timestamp" or "read"; before the line: see
// DockerText).
//
// Source: Docker Engine API, "Get container stats", whose description gives the formulas for memory and CPU that the client uses.
type Docker struct{}

var _ format.WholeFormat = Docker{}

// Name implements Format.
func (Docker) Name() string { return "docker-stats" }

// Sniff implements Format.
func (Docker) Sniff(head []byte) int {
	if !jsondoc.IsObject(head) {
		return 0
	}
	has := func(s string) bool { return bytes.Contains(head, []byte(s)) }
	switch {
	case has(`"memory_stats"`) && has(`"cpu_stats"`):
		return 95
	case has(`"MemUsage"`) && has(`"CPUPerc"`):
		return 95
	}
	return 0
}

// Parse implements WholeFormat.
func (Docker) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	w := jsondoc.NewWalker(ctx, r)
	var n int64
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !w.More() {
			return w.Err()
		}
		n++
		var s dockerStat
		ok, err := w.Decode(&s)
		if err != nil {
			return err
		}
		pos := record.Pos{Source: src, Line: n}
		if !ok {
			if err := warning.Tell(sink, pos, "malformed_line", "statistics that are not as Docker describes them; what could be read of them was used", []byte(s.Name)); err != nil {
				return err
			}
		}
		if err := s.emit(pos, 0, sink); err != nil {
			return err
		}
	}
}

type dockerCPU struct {
	Usage struct {
		Total float64 `json:"total_usage"`
	} `json:"cpu_usage"`
	System float64 `json:"system_cpu_usage"`
	Online float64 `json:"online_cpus"`
}

type dockerStat struct {
	Read   string `json:"read"`
	Name   string `json:"name"` // also "Name" of the client: names are matched without regard to case
	ID     string `json:"id"`
	Memory struct {
		Usage float64            `json:"usage"`
		Limit float64            `json:"limit"`
		Stats map[string]float64 `json:"stats"`
	} `json:"memory_stats"`
	CPU    dockerCPU `json:"cpu_stats"`
	PreCPU dockerCPU `json:"precpu_stats"`

	// Of the client.
	Time      json.RawMessage `json:"time"`
	Timestamp json.RawMessage `json:"timestamp"`
	MemUsage  string          `json:"MemUsage"`
	CPUPerc   string          `json:"CPUPerc"`
}

// emit passes on the values; at is their time where they have none of their own.
func (s *dockerStat) emit(pos record.Pos, at record.Time, sink record.Sink) error {
	o := origin.Origin{Pos: pos, Container: []byte(strings.TrimPrefix(s.Name, "/")), Instance: []byte(s.ID)}
	if len(o.Container) == 0 {
		o.Container = o.Instance
	}
	for _, raw := range [][]byte{[]byte(s.Read), bytes.Trim(s.Time, `"`), bytes.Trim(s.Timestamp, `"`)} {
		// A container that does not run is read at the year 1.
		if t, _, ok := stamp.Parse(raw); ok && o.Time == 0 {
			o.Time = t
		}
	}
	if o.Time == 0 {
		o.Time = at
	}
	type value struct {
		metric record.Metric
		v      float64
	}
	var values []value
	if s.MemUsage != "" {
		used, limit, _ := strings.Cut(s.MemUsage, " / ")
		u, _, _ := number.Size([]byte(strings.TrimSpace(used)))
		l, _, _ := number.Size([]byte(strings.TrimSpace(limit)))
		// The client has taken the inactive page cache off.
		values = append(values, value{record.WorkingSet, float64(u)}, value{record.MemoryLimit, float64(l)})
		if p, ok := number.Float([]byte(strings.TrimSuffix(strings.TrimSpace(s.CPUPerc), "%"))); ok {
			values = append(values, value{record.CPU, p / 100})
		}
	}
	if s.Memory.Usage > 0 {
		inactive, ok := s.Memory.Stats["total_inactive_file"]
		if !ok {
			inactive = s.Memory.Stats["inactive_file"]
		}
		rss := s.Memory.Stats["total_rss"]
		for _, key := range []string{"rss", "anon"} {
			if rss == 0 {
				rss = s.Memory.Stats[key]
			}
		}
		if rss == 0 {
			rss = s.Memory.Usage
		}
		values = append(values, value{record.RSS, rss}, value{record.WorkingSet, math.Max(0, s.Memory.Usage-inactive)}, value{record.MemoryLimit, s.Memory.Limit})
	}
	if dt := s.CPU.System - s.PreCPU.System; dt > 0 && s.PreCPU.System > 0 && s.CPU.Usage.Total >= s.PreCPU.Usage.Total {
		values = append(values, value{record.CPU, (s.CPU.Usage.Total - s.PreCPU.Usage.Total) / dt * math.Max(1, s.CPU.Online)})
	}
	if len(values) == 0 {
		return nil
	}
	if o.Time == 0 {
		return warning.Tell(sink, pos, "no_time", warning.NoTime, []byte(s.Name))
	}
	for _, v := range values {
		// Without a limit Docker gives the memory of the machine, or 0.
		if v.v <= 0 && v.metric != record.CPU || v.v >= 1<<53 || math.IsNaN(v.v) {
			continue
		}
		if err := sink.Sample(o.Sample(v.metric, v.v)); err != nil {
			return err
		}
	}
	return nil
}
