package report

import (
	"math"
	"sort"
	"strings"

	"lastcall/analyze/finding"
)

// The differential flame graph, root at the top. A frame is as wide as what changed below it, growth and release alike, so that
// a release is seen too; its colour says which of them prevails: red grew, blue gave back.

const (
	flameWidth   = 1160.0
	flameRow     = 18.0
	flameTop     = 40.0 // above the frames, for the title in the SVG
	flameMin     = 0.4  // narrower frames are not drawn, in units of flameWidth
	flameFrames  = 4000
	flameDepth   = 200
	flameCharPx  = 6.7
	flameLevels  = 4 // shades of each colour
	flameLabelPx = 24.0
)

// flameView is a laid-out flame graph.
type flameView struct {
	Width, Height, Top float64
	Title, Summary     string
	Frames             []flameFrame
	// Hidden are the frames that are too small or too many to draw.
	Hidden     int
	HiddenText string
	Style      flameStyle
	Script     flameScript
}

// flameFrame is one rectangle. X and W are shares of the width, for the script; PX and PW in units.
type flameFrame struct {
	X, W, PX, PW, Y float64
	Depth           int
	Class           string
	Name            string
	Label           string
	Tip             string
	// Share is the frame's share of all that changed, for the sum of a search.
	Share float64
}

// layoutFlame returns nil when there is nothing to draw.
func layoutFlame(root *finding.Flame) *flameView {
	if root == nil {
		return nil
	}
	l := &flameLayout{width: map[*finding.Flame]float64{}, growth: math.Abs(float64(root.Delta))}
	l.total = l.measure(root, 0)
	if l.total <= 0 {
		return nil
	}
	if l.growth == 0 {
		l.growth = l.total
	}
	v := &flameView{Width: flameWidth, Top: flameTop}
	v.Title = "Growth of the heap: " + growthText(float64(root.Delta)) + ", to " + bytesText(float64(root.Value))
	v.Summary = "As wide as what changed below it: red grew, blue gave memory back, the stronger the more of it is new or gone."
	l.place(root, 0, 0)
	sort.SliceStable(l.frames, func(i, j int) bool {
		if l.frames[i].Depth != l.frames[j].Depth {
			return l.frames[i].Depth < l.frames[j].Depth
		}
		return l.frames[i].X < l.frames[j].X
	})
	l.keepWidest()
	depth := 0
	for i := range l.frames {
		depth = max(depth, l.frames[i].Depth)
	}
	v.Frames, v.Hidden = l.frames, l.hidden
	if v.Hidden > 0 {
		v.HiddenText = plural(int64(v.Hidden), "frame is", "frames are") + " too small to draw."
	}
	v.Height = flameTop + float64(depth+1)*flameRow + 8
	return v
}

// flameLayout is a flame graph while it is laid out.
type flameLayout struct {
	width  map[*finding.Flame]float64 // in bytes
	total  float64                    // all that changed, in bytes
	growth float64                    // of the whole heap
	frames []flameFrame
	hidden int
}

// keepWidest drops the narrowest frames where there are more than can be drawn. Parents are at least as wide as their children, so no frame
// loses its parent.
func (l *flameLayout) keepWidest() {
	if len(l.frames) <= flameFrames {
		return
	}
	order := make([]int, len(l.frames))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return l.frames[order[i]].W > l.frames[order[j]].W })
	keep := make([]bool, len(l.frames))
	for _, i := range order[:flameFrames] {
		keep[i] = true
	}
	kept := l.frames[:0]
	for i := range l.frames {
		if keep[i] {
			kept = append(kept, l.frames[i])
		} else {
			l.hidden++
		}
	}
	l.frames = kept
}

// measure finds the width of n in bytes: what changed in it and below.
func (l *flameLayout) measure(n *finding.Flame, depth int) float64 {
	var sum float64
	if depth < flameDepth {
		for _, c := range n.Children {
			if c != nil {
				sum += l.measure(c, depth+1)
			}
		}
	}
	w := math.Max(math.Abs(float64(n.Delta)), sum)
	l.width[n] = w
	return w
}

// place lays out a node at x, a share of the width, and what is below it.
func (l *flameLayout) place(n *finding.Flame, x float64, depth int) {
	w := l.width[n] / l.total
	if depth >= flameDepth || w*flameWidth < flameMin {
		l.hidden += 1 + descendants(n)
		return
	}
	name := clean(n.Name)
	f := flameFrame{X: round6(x), W: round6(w), PX: round2(x * flameWidth), PW: round2(math.Max(w*flameWidth-0.6, 0.2)), Y: flameTop + float64(depth)*flameRow, Depth: depth, Name: name,
		Share: round6(w), Class: flameClass(n)}
	f.Label = flameLabel(name, f.PW)
	tip := []string{name}
	if n.File != "" {
		tip = append(tip, clean(n.File))
	}
	tip = append(tip, growthText(float64(n.Delta))+" ("+percentText(math.Abs(float64(n.Delta))/l.growth)+" of the growth), now "+bytesText(float64(n.Value)))
	f.Tip = strings.Join(tip, "\n")
	l.frames = append(l.frames, f)

	kids := make([]*finding.Flame, 0, len(n.Children))
	for _, c := range n.Children {
		if c != nil {
			kids = append(kids, c)
		}
	}
	sort.SliceStable(kids, func(i, j int) bool {
		if l.width[kids[i]] != l.width[kids[j]] {
			return l.width[kids[i]] > l.width[kids[j]]
		}
		return kids[i].Name < kids[j].Name
	})
	for _, c := range kids {
		l.place(c, x, depth+1)
		x += l.width[c] / l.total
	}
}

// descendants counts the nodes below n.
func descendants(n *finding.Flame) int {
	sum := 0
	for _, c := range n.Children {
		if c != nil {
			sum += 1 + descendants(c)
		}
	}
	return sum
}

// flameClass picks the colour by the direction, and the shade by how much of the frame's memory is new (or gone).
func flameClass(n *finding.Flame) string {
	size := math.Max(float64(n.Value), float64(n.Value-n.Delta))
	switch {
	case n.Delta == 0 || size <= 0:
		return "z"
	case n.Delta < 0:
		return "b" + flameShade(-float64(n.Delta)/size)
	}
	return "r" + flameShade(float64(n.Delta)/size)
}

// flameShade is the shade of a share.
func flameShade(share float64) string {
	return string(rune('0' + min(flameLevels, 1+int(share*flameLevels))))
}

// flameLabel shortens a name to what fits into px; too little room holds none.
func flameLabel(name string, px float64) string {
	if px < flameLabelPx {
		return ""
	}
	n := int((px - 6) / flameCharPx)
	r := []rune(name)
	if len(r) <= n {
		return name
	}
	if n < 3 {
		return ""
	}
	return string(r[:n-1]) + "…"
}

func round2(v float64) float64 { return math.Round(v*100) / 100 }
func round6(v float64) float64 { return math.Round(v*1e6) / 1e6 }
