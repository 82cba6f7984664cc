package report

import (
	"math"
	"slices"
	"sort"

	"lastcall/analyze/finding"
)

const (
	barHeight = 6.0
	barRows   = 10
	maxBars   = 4000
)

// bar is a request of a chart.
type bar struct {
	X, Y, W    float64
	Class, Tip string
}

// roleClass colours a request by the part of its endpoint.
func roleClass(r finding.Role) string {
	switch r {
	case finding.Culprit:
		return "q-culprit"
	case finding.Victim:
		return "q-victim"
	case finding.Fallout:
		return "q-fallout"
	}
	return "q-other"
}

// chooseBars keeps at most maxBars requests: those open at a crash and those of culprits first, then the longest.
func chooseBars(all []finding.Bar) (kept []finding.Bar, dropped int) {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	rank := func(b *finding.Bar) int {
		switch {
		case b.Role == finding.Culprit && b.Crash != "":
			return 0
		case b.Crash != "":
			return 1
		case b.Role == finding.Culprit:
			return 2
		}
		return 3
	}
	sort.SliceStable(order, func(i, j int) bool {
		a, b := &all[order[i]], &all[order[j]]
		if x, y := rank(a), rank(b); x != y {
			return x < y
		}
		if a.Seconds != b.Seconds {
			return a.Seconds > b.Seconds
		}
		return a.Start.Before(b.Start)
	})
	if len(order) > maxBars {
		dropped = len(order) - maxBars
		order = order[:maxBars]
	}
	for _, i := range order {
		kept = append(kept, all[i])
	}
	return kept, dropped
}

// placeBars stacks the requests of a container so that they do not cover each other, the culprit's at the top, and returns the
// number of rows.
func placeBars(l *lane, bars []finding.Bar, name string, axis timeAxis) int {
	var mine []*finding.Bar
	for i := range bars {
		if bars[i].Container == name {
			mine = append(mine, &bars[i])
		}
	}
	sort.SliceStable(mine, func(i, j int) bool {
		if a, b := mine[i].Role == finding.Culprit, mine[j].Role == finding.Culprit; a != b {
			return a
		}
		return mine[i].Start.Before(mine[j].Start)
	})
	type span struct{ from, to float64 }
	var rows [barRows][]span
	used := 0
	const gap = 0.4
	for _, b := range mine {
		from, to := axis.x(b.Start), axis.x(b.Start.Add(seconds(b.Seconds)))
		row := barRows - 1
	search:
		for k := range rows {
			for _, v := range slices.Backward(rows[k]) {
				if from < v.to+gap && to+gap > v.from {
					continue search
				}
			}
			row = k
			break
		}
		rows[row] = append(rows[row], span{from, to})
		used = max(used, row+1)
		l.Bars = append(l.Bars, bar{X: from, Y: float64(row) * barHeight, W: round4(math.Max(to-from, 0.02)), Class: roleClass(b.Role), Tip: barTip(b)})
	}
	return used
}

// barTip is the evidence behind a bar.
func barTip(b *finding.Bar) string {
	role := string(b.Role)
	if role == "" {
		role = "other"
	}
	s := clean(b.Endpoint) + " (" + clean(role) + ")\n" + clean(b.Container) + ", " + dateTimeUTC(b.Start) + "\nran " + durationText(b.Seconds) + ", " + outcomeText(b.Outcome, 0)
	if b.Crash != "" {
		s += ", at crash " + clean(b.Crash)
	}
	if c := cite(b.Source, b.Line); c != "" {
		s += "\n" + c
	}
	return s
}
