package datadog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"lastcall/collectors/record"
)

// Where log lines carry paths but no routes, Datadog cannot count by route: there are as many paths as ids. It can count what
// matches a pattern, many patterns in one call, so the patterns of the paths seen in the sample are counted, by container and over
// time, over all lines.

// Requests and answers of POST /api/v2/query/timeseries.
type timeseriesRequest struct {
	Data timeseriesData `json:"data"`
}

type timeseriesData struct {
	Type       string               `json:"type"`
	Attributes timeseriesAttributes `json:"attributes"`
}

type timeseriesAttributes struct {
	From     int64       `json:"from"`
	To       int64       `json:"to"`
	Interval int64       `json:"interval"`
	Queries  []logsQuery `json:"queries"`
	Formulas []formula   `json:"formulas"`
}

type logsQuery struct {
	DataSource string         `json:"data_source"`
	Name       string         `json:"name"`
	Compute    logsCompute    `json:"compute"`
	Search     logsSearch     `json:"search"`
	GroupBy    []logsGrouping `json:"group_by"`
}

type logsCompute struct {
	Aggregation string `json:"aggregation"`
	Interval    int64  `json:"interval"`
}

type logsSearch struct {
	Query string `json:"query"`
}

type logsGrouping struct {
	Facet string       `json:"facet"`
	Limit int          `json:"limit"`
	Sort  *logsSorting `json:"sort"`
}

type logsSorting struct {
	Aggregation string `json:"aggregation"`
	Order       string `json:"order"`
}

type timeseriesAnswer struct {
	Data struct {
		Attributes struct {
			Series []struct {
				GroupTags  []string `json:"group_tags"`
				QueryIndex int      `json:"query_index"`
			} `json:"series"`
			Times  []int64      `json:"times"`
			Values [][]*float64 `json:"values"`
		} `json:"attributes"`
	} `json:"data"`
	Errors string `json:"errors"`
}

// Bounds.
const (
	patternsPerCall = 15
	maxPatterns     = 45
	maxKnownPaths   = 2000
	maxExclusions   = 10
)

// patternOf makes a pattern of a path: segments that look like identifiers become "*". It is "" for what cannot be one.
func patternOf(path string) string {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if !strings.HasPrefix(path, "/") || len(path) > 300 {
		return ""
	}
	parts := strings.Split(path[1:], "/")
	for i, p := range parts {
		if looksLikeID(p) {
			parts[i] = "*"
		}
	}
	return "/" + strings.Join(parts, "/")
}

// looksLikeID tells numbers, UUIDs, hashes, and names with a number of four digits or more in them from words.
func looksLikeID(s string) bool {
	digits, letters, run, longest, hex := 0, 0, 0, 0, true
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			digits++
			run++
			longest = max(longest, run)
			continue
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letters++
			hex = hex && (c <= 'F' || c >= 'a' && c <= 'f')
		case c != '-' && c != '_' && c != '.' && c != '~':
			return true // encoded, an address, and the like: no word of a route
		}
		run = 0
	}
	switch {
	case digits == 0:
		return len(s) > 40
	case letters == 0:
		return true
	case hex && digits+letters >= 8:
		return true
	}
	return longest >= 4 || len(s) >= 16
}

// routeOf is a pattern as a route.
func routeOf(pattern string) string { return strings.ReplaceAll(pattern, "*", "{id}") }

// covers reports whether what matches b also matches a; a star matches anything, slashes too.
func covers(a, b string) bool {
	b = strings.ReplaceAll(b, "*", "0")
	parts := strings.Split(a, "*")
	if !strings.HasPrefix(b, parts[0]) {
		return false
	}
	b = b[len(parts[0]):]
	for i, p := range parts[1:] {
		if i == len(parts)-2 {
			return len(b) > len(p) && strings.HasSuffix(b, p)
		}
		at := strings.Index(b, p)
		if at < 0 {
			return false
		}
		b = b[at+len(p):]
	}
	return b == ""
}

// search is the query for the lines of one pattern and of no other that is known.
func (r *run) search(attribute, pattern string, known []string) string {
	term := func(p string) string {
		var b strings.Builder
		b.WriteString(attribute)
		b.WriteByte(':')
		for _, c := range p {
			if strings.ContainsRune(`=-!&|><()[]{}"?:\# +^~,;`, c) {
				b.WriteByte('\\')
			}
			b.WriteRune(c)
		}
		return b.String()
	}
	var q strings.Builder
	fmt.Fprintf(&q, "(%s) AND %s", r.vol.Query, term(pattern))
	n := 0
	for _, k := range known {
		if k != pattern && n < maxExclusions && covers(pattern, k) && (!covers(k, pattern) || len(k) > len(pattern)) {
			q.WriteString(" AND -" + term(k))
			n++
		}
	}
	return q.String()
}

// byPattern counts the patterns of the paths seen.
func (r *run) byPattern(ctx context.Context, f facets) error {
	if !f.Raw || f.Route == "" {
		return nil
	}
	src := newSources().stats
	seen := r.sink.t.patterns()
	known := slices.SortedFunc(maps.Keys(seen), func(a, b string) int { return cmp.Or(cmp.Compare(seen[b], seen[a]), cmp.Compare(a, b)) })
	if len(known) > maxPatterns {
		known = known[:maxPatterns]
	}
	if len(known) == 0 {
		return nil
	}
	slices.Sort(known)
	step := max(int64(60), int64(math.Ceil(r.to.Sub(r.from).Seconds()/(2*statsBuckets))))
	counted := 0.0
	asked := 0
	for i := 0; i < len(known); i += patternsPerCall {
		if r.left() == 0 && !r.kept(fmt.Sprintf("44-patterns-%02d", i/patternsPerCall)) {
			break
		}
		some := known[i:min(i+patternsPerCall, len(known))]
		var part struct {
			Lines float64 `json:"lines"`
		}
		err := r.slice(ctx, fmt.Sprintf("44-patterns-%02d", i/patternsPerCall), r.sink, &part, func(s *slice) error {
			n, err := r.countPatterns(ctx, f, some, known, step, int64(i)*100_000, s, src)
			part.Lines = n
			if err != nil {
				return err
			}
			return s.note(part)
		})
		if err != nil {
			if err := r.gap(src.Name, "exposure", err); err != nil {
				return err
			}
			break
		}
		asked += len(some)
		counted += part.Lines
	}
	if total := float64(r.vol.total()); asked > 0 {
		r.choose("requests counted by %d patterns of paths: %.0f%% of the lines", asked, 100*min(counted/total, 1))
		if counted < 0.9*total {
			r.missing(src.Name, "exposure", fmt.Sprintf("counted by the %d patterns of paths that the sample shows: %.0f%% of the lines", asked, 100*counted/total))
		}
	}
	return nil
}

func (r *run) countPatterns(ctx context.Context, f facets, some, known []string, step, line int64, s *slice, src *record.Source) (float64, error) {
	req := timeseriesRequest{Data: timeseriesData{Type: "timeseries_request", Attributes: timeseriesAttributes{
		From: r.from.UnixMilli(), To: r.to.UnixMilli(), Interval: step * 1000,
	}}}
	var groups []logsGrouping
	sorted := &logsSorting{Aggregation: "count", Order: "desc"}
	if f.Container != "" {
		groups = append(groups, logsGrouping{Facet: f.Container, Limit: min(max(len(r.fleet()), 20), 100), Sort: sorted})
	}
	if f.Method != "" {
		groups = append(groups, logsGrouping{Facet: f.Method, Limit: maxMethods, Sort: sorted})
	}
	a := &req.Data.Attributes
	for i, p := range some {
		name := fmt.Sprintf("q%d", i)
		a.Queries = append(a.Queries, logsQuery{
			DataSource: "logs", Name: name, Compute: logsCompute{Aggregation: "count", Interval: step * 1000},
			Search: logsSearch{Query: r.search(f.Route, p, known)}, GroupBy: groups,
		})
		a.Formulas = append(a.Formulas, formula{name})
	}
	var ans timeseriesAnswer
	if err := r.api.post(ctx, pathTimeseries, req, &ans); err != nil {
		return 0, err
	}
	if ans.Errors != "" {
		s.missing(src.Name, "exposure", "Datadog: "+clip(r.api.scrub(ans.Errors), 150))
	}
	got := ans.Data.Attributes
	// A coarser interval than asked for may have been given.
	width := step * 1000
	for i := 1; i < len(got.Times); i++ {
		if d := got.Times[i] - got.Times[i-1]; i == 1 || d < width {
			width = d
		}
	}
	total := 0.0
	nan := math.NaN()
	for i, series := range got.Series {
		if i >= len(got.Values) || series.QueryIndex < 0 || series.QueryIndex >= len(some) {
			continue
		}
		e := record.Exposure{Route: routeOf(some[series.QueryIndex]), Service: r.q.Service, P50: nan, P99: nan, Max: nan}
		for _, t := range series.GroupTags {
			if v, ok := strings.CutPrefix(t, f.Container+":"); ok && f.Container != "" {
				e.Container = v
			} else if v, ok := strings.CutPrefix(t, f.Method+":"); ok && f.Method != "" {
				e.Method = strings.ToUpper(v)
			}
		}
		for j, v := range got.Values[i] {
			if v == nil || *v <= 0 || j >= len(got.Times) {
				continue
			}
			line++
			at := time.UnixMilli(got.Times[j])
			e.Pos = record.Pos{Source: src, Line: line}
			e.From, e.To, e.Count = record.TimeOf(at), record.TimeOf(at.Add(time.Duration(width)*time.Millisecond)), *v
			total += *v
			if err := s.Exposure(&e); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}
