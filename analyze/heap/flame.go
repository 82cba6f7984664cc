package heap

import (
	"cmp"
	"maps"
	"slices"

	"lastcall/analyze/finding"
)

// flame builds the differential tree of the series that shows the growth best.
func (a *analysis) flame(rows []*row, lives []*series) *finding.Flame {
	var before, after []stackBytes
	switch {
	case len(rows) > 0:
		before, after = rows[0].best.endpoints()
	default:
		for _, s := range lives {
			if len(s.snaps) > 1 {
				before, after = s.first().values, s.last().values
				break
			}
		}
	}
	if after == nil {
		return nil
	}
	return a.flameOf(before, after, a.o.MaxFlameNodes)
}

// flameNode is one node with the stacks that run through it.
type flameNode struct {
	fn           int32
	value, delta int64
	weight       int64
	children     []*flameNode
}

// flameStack is one stack on its way through the tree.
type flameStack struct {
	frames       []frame // what is left to place, innermost first: the next is the last
	value, delta int64
}

func (a *analysis) flameOf(before, after []stackBytes, limit int) *finding.Flame {
	byID := map[int32]*flameStack{}
	for i, vs := range [][]stackBytes{before, after} {
		for _, v := range vs {
			s := byID[v.stack]
			if s == nil {
				s = &flameStack{frames: a.stacks.of(v.stack)}
				byID[v.stack] = s
			}
			if i == 1 {
				s.value += v.bytes
				s.delta += v.bytes
			} else {
				s.delta -= v.bytes
			}
		}
	}
	all := make([]flameStack, 0, len(byID))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		all = append(all, *byID[id])
	}
	root := newFlameNode(-1, all)
	// Nodes below a two-thousandth of the whole are a pixel wide at most: they are not even built.
	least := max(1, root.weight/2000)
	a.grow(root, all, least)
	if keep := flameThreshold(root, limit); keep > least {
		root.prune(keep)
	}
	return a.flameTree(root, "all")
}

// newFlameNode sums stacks. The weight is what the node is drawn with: the larger of what it holds, gained and gave back, siblings
// that cancel out included.
func newFlameNode(fn int32, stacks []flameStack) *flameNode {
	n := &flameNode{fn: fn}
	var up, down int64
	for _, s := range stacks {
		n.value += s.value
		n.delta += s.delta
		if s.delta > 0 {
			up += s.delta
		} else {
			down -= s.delta
		}
	}
	n.weight = max(n.value, up, down)
	return n
}

// grow adds the children of a node that weigh enough.
func (a *analysis) grow(n *flameNode, stacks []flameStack, least int64) {
	next := stacks[:0:0]
	for _, s := range stacks {
		if len(s.frames) > 0 {
			next = append(next, s)
		}
	}
	fn := func(s flameStack) int32 { return s.frames[len(s.frames)-1].fn }
	slices.SortFunc(next, func(x, y flameStack) int { return cmp.Compare(fn(x), fn(y)) })
	for i := 0; i < len(next); {
		j := i
		for j < len(next) && fn(next[j]) == fn(next[i]) {
			j++
		}
		if c := newFlameNode(fn(next[i]), next[i:j]); c.weight >= least {
			group := next[i:j]
			for k := range group {
				group[k].frames = group[k].frames[:len(group[k].frames)-1]
			}
			a.grow(c, group, least)
			n.children = append(n.children, c)
		}
		i = j
	}
	slices.SortFunc(n.children, func(x, y *flameNode) int {
		fx, fy := a.stacks.fns[x.fn], a.stacks.fns[y.fn]
		return cmp.Or(cmp.Compare(y.weight, x.weight), cmp.Compare(fx.name, fy.name), cmp.Compare(fx.file, fy.file))
	})
}

// flameThreshold returns the smallest weight to draw, so that at most limit nodes are drawn. No child weighs more than its parent.
func flameThreshold(root *flameNode, limit int) int64 {
	var weights []int64
	var walk func(n *flameNode)
	walk = func(n *flameNode) {
		weights = append(weights, n.weight)
		for _, c := range n.children {
			walk(c)
		}
	}
	walk(root)
	if len(weights) <= limit {
		return 0
	}
	slices.SortFunc(weights, func(x, y int64) int { return cmp.Compare(y, x) })
	return weights[limit] + 1
}

func (n *flameNode) prune(keep int64) {
	n.children = slices.DeleteFunc(n.children, func(c *flameNode) bool { return c.weight < keep })
	for _, c := range n.children {
		c.prune(keep)
	}
}

func (a *analysis) flameTree(n *flameNode, name string) *finding.Flame {
	out := &finding.Flame{Name: name, Value: n.value, Delta: n.delta}
	if n.fn >= 0 {
		out.File = a.stacks.fns[n.fn].file
	}
	for _, c := range n.children {
		out.Children = append(out.Children, a.flameTree(c, a.display(c.fn, 0)))
	}
	return out
}
