package heap

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lastcall/collectors/record"
)

func TestScratch(t *testing.T) {
	dir := os.Getenv("SCRATCH")
	if dir == "" {
		t.Skip()
	}
	for _, d := range strings.Split(dir, ",") {
		var ps []record.Profile
		fs, _ := filepath.Glob(d)
		for _, f := range fs {
			b, _ := os.ReadFile(f)
			n := filepath.Base(f)
			p := record.Profile{Name: n, Data: b, OnOOM: strings.Contains(n, "_oom")}
			parts := strings.SplitN(strings.TrimSuffix(n, ".pb.gz"), "_", 3)
			if len(parts) >= 2 {
				if tm, err := time.Parse("20060102T150405Z", parts[1]); err == nil {
					p.Time = record.TimeOf(tm)
					p.Container = parts[0]
				}
			}
			ps = append(ps, p)
		}
		o := Options{}
		gt := filepath.Join(filepath.Dir(d), "../ground_truth.json")
		if b, err := os.ReadFile(gt); err == nil && os.Getenv("NODEATH") == "" {
			var g struct {
				Crashes []struct {
					Time      time.Time
					Container string
				}
			}
			json.Unmarshal(b, &g)
			for i, c := range g.Crashes {
				o.Deaths = append(o.Deaths, Death{Container: c.Container, Time: record.TimeOf(c.Time), ID: fmt.Sprint("c", i+1)})
			}
			var m struct {
				Routes []struct{ Method, Path string }
			}
			b, _ = os.ReadFile(filepath.Join(filepath.Dir(d), "../meta.json"))
			json.Unmarshal(b, &m)
			for _, r := range m.Routes {
				segs := strings.Split(r.Path, "/")
				for i, s := range segs {
					if strings.HasPrefix(s, ":") {
						segs[i] = "{id}"
					}
				}
				o.Endpoints = append(o.Endpoints, r.Method+" "+strings.Join(segs, "/"))
			}
		}
		t0 := time.Now()
		r, err := Analyze(context.Background(), ps, o)
		fmt.Println("=====", d, len(ps), time.Since(t0), err)
		if r.Leading != nil {
			fmt.Println("LEADING", r.Leading.Function, r.Confidence, r.Reasons)
		} else {
			fmt.Println("LEADING nil")
		}
		if r.Outside != nil {
			fmt.Println("OUTSIDE", r.Outside.Function, r.Outside.Note)
		}
		for i, h := range r.Heap {
			if i > 6 {
				break
			}
			f := ""
			if h.File != nil {
				f = *h.File
			}
			e := "-"
			if h.Endpoint != nil {
				e = *h.Endpoint
			}
			fmt.Printf("  %-34s %8.1fMB %4.0f%% %-12s flat %.1f cum %.1f n=%d cont=%d %s:%d from=%v ep=%s | %s\n", h.Function, float64(h.GrowthBytes)/1e6, h.Share*100, h.Shape, float64(h.FlatBytes)/1e6, float64(h.CumBytes)/1e6, h.Profiles, h.Containers, f, h.Line, h.CalledFrom, e, h.Note)
		}
		for _, n := range r.Notes {
			fmt.Println("  note:", n)
		}
		for _, n := range r.Warnings {
			fmt.Println("  warn:", n.Code, n.Count, n.Text)
		}
		for i, g := range r.Goroutines {
			if i > 4 {
				break
			}
			fmt.Printf("  g: %s %s %d->%d %s leak=%v %s\n", g.Function, g.State, g.First, g.Last, g.Container, g.Leak, g.Note)
		}
		if os.Getenv("VERB") != "" {
			for _, s := range r.Series {
				fmt.Printf("  series %s %s n=%d %.1f->%.1f %s oom=%v crash=%s blind=%.0f\n", s.Container, s.From.Std().Format("15:04:05"), s.Profiles, float64(s.FirstBytes)/1e6, float64(s.LastBytes)/1e6, s.Shape, s.OnOOM, s.Crash, s.BlindSeconds)
			}
		}
	}
}
