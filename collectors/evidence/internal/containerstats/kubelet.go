package containerstats

import (
	"bytes"
	"context"
	"io"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/record"
)

// Kubelet reads the kubelet's /stats/summary: node, pods[].containers[] with cpu and memory, each with its own time.
//
// Source: Kubernetes k8s.io/kubelet/pkg/apis/stats/v1alpha1 (Summary).
type Kubelet struct{}

var _ format.WholeFormat = Kubelet{}

// Name implements Format.
func (Kubelet) Name() string { return "kubelet-stats" }

// Sniff implements Format.
func (Kubelet) Sniff(head []byte) int {
	if jsondoc.IsObject(head) && bytes.Contains(head, []byte(`"nodeName"`)) && bytes.Contains(head, []byte(`"workingSetBytes"`)) {
		return 95
	}
	return 0
}

type kubeletPod struct {
	Ref struct {
		Name string `json:"name"`
	} `json:"podRef"`
	Containers []struct {
		Name  string `json:"name"`
		Start string `json:"startTime"`
		CPU   struct {
			Time      string   `json:"time"`
			NanoCores *float64 `json:"usageNanoCores"`
		} `json:"cpu"`
		Memory struct {
			Time       string   `json:"time"`
			Available  *float64 `json:"availableBytes"`
			WorkingSet *float64 `json:"workingSetBytes"`
			RSS        *float64 `json:"rssBytes"`
		} `json:"memory"`
	} `json:"containers"`
}

// Parse implements WholeFormat.
func (Kubelet) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	w := jsondoc.NewWalker(ctx, r)
	var node string
	var n int64
	return w.Objects(func(key string) error {
		switch key {
		case "node":
			var v struct {
				Name string `json:"nodeName"`
			}
			_, err := w.Decode(&v)
			node = v.Name
			return err
		case "pods":
			return w.ArrayValue(func() error {
				n++
				var p kubeletPod
				if _, err := w.Decode(&p); err != nil {
					return err
				}
				return p.emit(record.Pos{Source: src, Line: n}, node, sink)
			})
		}
		return w.Skip()
	})
}

func (p *kubeletPod) emit(pos record.Pos, node string, sink record.Sink) error {
	for _, c := range p.Containers {
		o := origin.Origin{Pos: pos, Container: []byte(containers.InPod(p.Ref.Name, c.Name)), Host: []byte(node)}
		if t, _, ok := stamp.Parse([]byte(c.Start)); ok {
			o.Time = t
			if err := sink.Lifecycle(o.Lifecycle(record.Up, record.StartTime, nil)); err != nil {
				return err
			}
		}
		give := func(at string, metric record.Metric, v *float64, scale float64) error {
			t, _, ok := stamp.Parse([]byte(at))
			if !ok || v == nil || *v < 0 || *v*scale >= 1<<53 {
				return nil
			}
			o.Time = t
			return sink.Sample(o.Sample(metric, *v*scale))
		}
		if err := give(c.CPU.Time, record.CPU, c.CPU.NanoCores, 1e-9); err != nil {
			return err
		}
		if err := give(c.Memory.Time, record.RSS, c.Memory.RSS, 1); err != nil {
			return err
		}
		if err := give(c.Memory.Time, record.WorkingSet, c.Memory.WorkingSet, 1); err != nil {
			return err
		}
		// What is available is given only for containers with a limit.
		if c.Memory.Available != nil && c.Memory.WorkingSet != nil {
			limit := *c.Memory.Available + *c.Memory.WorkingSet
			if err := give(c.Memory.Time, record.MemoryLimit, &limit, 1); err != nil {
				return err
			}
		}
	}
	return nil
}
