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
		before, after = a.endpoints(rows[0].best)
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

type flameNode struct {
	fn           int32
	value, delta int64
	children     map[int32]*flameNode
}

func (n *flameNode) child(fn int32) *flameNode {
	c := n.children[fn]
	if c == nil {
		c = &flameNode{fn: fn}
		if n.children == nil {
			n.children = map[int32]*flameNode{}
		}
		n.children[fn] = c
	}
	return c
}

func (a *analysis) flameOf(before, after []stackBytes, limit int) *finding.Flame {
	root := &flameNode{fn: -1}
	add := func(vs []stackBytes, last bool) {
		for _, v := range vs {
			n := root
			fs := a.stacks.of(v.stack)
			for i := len(fs); ; i-- {
				n.delta += sign(last) * v.bytes
				if last {
					n.value += v.bytes
				}
				if i == 0 {
					break
				}
				n = n.child(fs[i-1].fn)
			}
		}
	}
	add(before, false)
	add(after, true)
	// The weight of a node is the larger of what it holds and what it gained or gave back below it.
	keep := flameThreshold(root, limit)
	return a.flameTree(root, "all", keep)
}

func sign(plus bool) int64 {
	if plus {
		return 1
	}
	return -1
}

func (n *flameNode) weight() int64 { return max(n.value, n.delta, -n.delta) }

// flameThreshold returns the smallest weight to draw, so that at most limit nodes are drawn. A child never weighs more than what
// is drawn of its parent, except where growth and release of siblings cancel out; those are cut with the parent.
func flameThreshold(root *flameNode, limit int) int64 {
	var weights []int64
	var walk func(n *flameNode, cap int64)
	walk = func(n *flameNode, cap int64) {
		w := min(n.weight(), cap)
		weights = append(weights, w)
		for _, c := range n.children {
			walk(c, w)
		}
	}
	walk(root, 1<<62)
	least := max(1, root.weight()/2000)
	if len(weights) <= limit {
		return least
	}
	slices.SortFunc(weights, func(x, y int64) int { return cmp.Compare(y, x) })
	return max(least, weights[limit]+1)
}

func (a *analysis) flameTree(n *flameNode, name string, keep int64) *finding.Flame {
	out := &finding.Flame{Name: name, Value: n.value, Delta: n.delta}
	if n.fn >= 0 {
		out.File = a.stacks.fns[n.fn].file
	}
	fns := slices.SortedFunc(maps.Keys(n.children), func(x, y int32) int {
		cx, cy := n.children[x], n.children[y]
		return cmp.Or(cmp.Compare(cy.weight(), cx.weight()), cmp.Compare(a.stacks.fns[x].name, a.stacks.fns[y].name), cmp.Compare(a.stacks.fns[x].file, a.stacks.fns[y].file))
	})
	for _, fn := range fns {
		if c := n.children[fn]; c.weight() >= keep {
			out.Children = append(out.Children, a.flameTree(c, a.display(fn, 0), keep))
		}
	}
	return out
}
