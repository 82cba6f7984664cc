package heap

import (
	"fmt"
	"testing"

	"lastcall/analyze/finding"
)

func count(f *finding.Flame) int {
	n := 1
	for _, c := range f.Children {
		n += count(c)
	}
	return n
}

func TestTheFlameGraphIsTheGrowthFromTheRoot(t *testing.T) {
	r := run(t, grows(t, "web-1", 8, map[string]float64{nodeStart: 20, nodeOther: 9}, map[string]float64{nodeLeak: 6, nodeOther: -1}), Options{})
	f := r.Flame
	if f == nil || f.Name != "all" || f.Value != 64e6 || f.Delta != 35e6 {
		t.Fatalf("root %+v", f)
	}
	// The heaviest child first: what leaks, from its outermost frame inwards.
	for _, want := range []string{"(anonymous)", "getOrder", "remember"} {
		if len(f.Children) == 0 || f.Children[0].Name != want || f.Children[0].Delta != 42e6 {
			t.Fatalf("below %s: %+v, want %s", f.Name, f.Children, want)
		}
		f = f.Children[0]
	}
	released := false
	for _, c := range r.Flame.Children {
		released = released || c.Delta == -7e6
	}
	if !released {
		t.Error("what was given back is not in the graph")
	}
}

func TestTheFlameGraphIsBounded(t *testing.T) {
	base, slope := map[string]float64{}, map[string]float64{}
	for i := range 400 {
		s := ""
		for d := range 12 {
			s += fmt.Sprintf("f%d_%d@/app/f.js:%d < ", i, d, d)
		}
		base[s+"handle@/app/h.js:1"] = 1
		slope[s+"handle@/app/h.js:1"] = 0.1
	}
	r := run(t, grows(t, "a", 3, base, slope), Options{MaxFlameNodes: 100})
	if n := count(r.Flame); n > 100 {
		t.Errorf("%d nodes, 100 allowed", n)
	}
	if r.Flame.Delta != 80e6 {
		t.Errorf("pruning changed the sum: %d", r.Flame.Delta)
	}
}
