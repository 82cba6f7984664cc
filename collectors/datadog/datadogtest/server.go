// Package datadogtest is a server that speaks as much of Datadog's API as the collector uses, from evidence in memory, with faults
// put in. It is for tests.
package datadogtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Keys that the server accepts.
const (
	APIKey = "0123456789abcdef0123456789abcdef"
	AppKey = "fedcba9876543210fedcba9876543210fedcba98"
)

// Call is one request that reached the server.
type Call struct {
	Method, Path string
	Query        url.Values
	Body         []byte
	Header       http.Header
	// Status is what was answered; Items how many log lines or events went out.
	Status, Items int
}

// Fault is what goes wrong with one answer. The zero value is no fault.
type Fault struct {
	// Status and Header answer instead of the data; Body goes with it.
	Status int
	Header map[string]string
	Body   string
	// Reset closes the connection before an answer; CutBody in the middle of it.
	Reset, CutBody bool
	// HalfJSON gives half of the answer as if it were whole.
	HalfJSON bool
	// Delay waits before answering.
	Delay time.Duration
	// Timeout marks the answer as partial, with half of the items.
	Timeout bool
	// Duplicate repeats the last items of a page on the next.
	Duplicate bool
	// ExpireCursor refuses the cursor, if the request has one.
	ExpireCursor bool
}

// Server speaks Datadog's API.
type Server struct {
	*httptest.Server
	ev Evidence
	// Faults decides what goes wrong with the n-th call (from 1), whose body it may read; nil means nothing.
	Faults func(n int, r *http.Request) Fault
	// PageLimit bounds pages further than asked for, to make paging visible with little data; 0 means as asked.
	PageLimit int
	// Forbidden decides which paths the keys have no permission for; nil means none.
	Forbidden func(path string) bool

	mu    sync.Mutex
	calls []Call
}

// New starts a server with this evidence. Close it.
func New(ev Evidence) *Server {
	s := &Server{ev: ev}
	if s.ev.Events == nil {
		s.ev.Events = Items(nil)
	}
	s.Server = httptest.NewServer(http.HandlerFunc(s.handle))
	return s
}

// Calls returns what has been asked so far.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.calls = append(s.calls, Call{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Body: body, Header: r.Header.Clone()})
	n := len(s.calls)
	s.mu.Unlock()
	var f Fault
	if s.Faults != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		f = s.Faults(n, r)
	}
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
			return
		}
	}
	if f.Reset {
		panic(http.ErrAbortHandler)
	}
	status, answer, items := 0, []byte(nil), 0
	switch {
	case f.Status != 0:
		status, answer = f.Status, []byte(f.Body)
	case r.Header.Get("DD-API-KEY") != APIKey, r.Header.Get("DD-APPLICATION-KEY") != AppKey && r.URL.Path != "/api/v1/validate":
		status, answer = 403, []byte(`{"errors":["Forbidden"]}`)
	case s.Forbidden != nil && s.Forbidden(r.URL.Path):
		status, answer = 403, []byte(`{"errors":["Forbidden"]}`)
	default:
		v, err := s.answer(r, body, f)
		if e, ok := errors.AsType[*refusal](err); ok {
			status, answer = e.status, fmt.Appendf(nil, `{"errors":[%q]}`, e.text)
		} else if raw, ok := v.([]byte); ok {
			status, answer = 200, raw
			w.Header().Set("Content-Type", "application/zip")
		} else {
			status = 200
			answer, err = json.Marshal(v)
			if err != nil {
				panic(err)
			}
			if a, ok := v.(map[string]any); ok {
				if d, ok := a["data"].([]json.RawMessage); ok {
					items = len(d)
				}
			}
		}
	}
	s.mu.Lock()
	s.calls[n-1].Status, s.calls[n-1].Items = status, items
	s.mu.Unlock()
	for k, v := range f.Header {
		w.Header().Set(k, v)
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	if f.HalfJSON && status == 200 {
		answer = answer[:len(answer)/2]
	}
	if f.CutBody {
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)+100))
		w.WriteHeader(status)
		w.Write(answer[:len(answer)/2])
		if fl, ok := w.(http.Flusher); ok {
			fl.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
	w.Write(answer)
}

type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return e.text }

func bad(format string, args ...any) error { return &refusal{400, fmt.Sprintf(format, args...)} }

func (s *Server) answer(r *http.Request, body []byte, f Fault) (any, error) {
	q := r.URL.Query()
	switch p := r.URL.Path; {
	case p == "/api/v2/validate_keys":
		return map[string]any{"status": "ok"}, nil
	case p == "/api/v1/validate":
		return map[string]any{"valid": true}, nil
	case p == "/api/v1/metrics":
		return s.activeMetrics(q), nil
	case p == "/api/v1/query":
		return s.query(q)
	case strings.HasPrefix(p, "/api/v2/metrics/") && strings.HasSuffix(p, "/all-tags"):
		return s.allTags(strings.TrimSuffix(strings.TrimPrefix(p, "/api/v2/metrics/"), "/all-tags"), q)
	case p == "/api/v2/logs/events/search":
		return s.search(s.ev.Logs, true, body, f)
	case p == "/api/v2/events/search":
		return s.search(s.ev.Events, false, body, f)
	case p == "/api/v2/logs/analytics/aggregate":
		return s.aggregate(body, f)
	case p == "/api/v2/query/timeseries":
		return s.timeseries(body)
	case p == "/api/v2/query/scalar":
		return s.scalar(body)
	case p == "/api/unstable/profiles/list":
		return s.profiles(), nil
	case strings.HasPrefix(p, "/api/ui/profiling/profiles/"):
		for _, x := range s.ev.Profiles {
			if p == "/api/ui/profiling/profiles/"+x.ID+"/download" && q.Get("eventId") == x.EventID {
				return x.archive(), nil
			}
		}
	}
	return nil, &refusal{404, "Not found"}
}

// matchScope reports whether tags satisfy "service:api,env:production"; "*" and "" match all.
func matchScope(tags []string, scope string) bool {
	for want := range strings.SplitSeq(scope, ",") {
		if want != "" && want != "*" && !slices.Contains(tags, want) {
			return false
		}
	}
	return true
}

func (s *Server) activeMetrics(q url.Values) any {
	names := []string{}
	for _, x := range s.ev.Metrics {
		if matchScope(x.Tags, q.Get("tag_filter")) && !slices.Contains(names, x.Metric) {
			names = append(names, x.Metric)
		}
	}
	slices.Sort(names)
	return map[string]any{"from": q.Get("from"), "metrics": names}
}

func (s *Server) allTags(name string, q url.Values) (any, error) {
	tags := []string{}
	for _, x := range s.ev.Metrics {
		if x.Metric == name && matchScope(x.Tags, q.Get("filter[tags]")) {
			tags = append(tags, x.Tags...)
		}
	}
	slices.Sort(tags)
	return map[string]any{"data": map[string]any{"type": "metrics", "id": name, "attributes": map[string]any{"tags": slices.Compact(tags), "ingested_tags": []string{}}}}, nil
}

var metricQuery = regexp.MustCompile(`^(avg|max|min|sum|count):([\w.]+)\{([^}]*)\} by \{([^}]*)\}(\.as_count\(\))?\.rollup\((avg|max|min|sum), (\d+)\)$`)

func (s *Server) query(q url.Values) (any, error) {
	from, err1 := strconv.ParseInt(q.Get("from"), 10, 64)
	to, err2 := strconv.ParseInt(q.Get("to"), 10, 64)
	if err1 != nil || err2 != nil || to <= from {
		return nil, bad("invalid from or to")
	}
	series := []any{}
	for index, part := range splitQueries(q.Get("query")) {
		m := metricQuery.FindStringSubmatch(part)
		if m == nil {
			return nil, bad("Error parsing query: %s", part)
		}
		step, _ := strconv.ParseInt(m[7], 10, 64)
		groups := strings.Split(m[4], ",")
		type group struct {
			tags   []string
			unit   json.RawMessage
			points map[int64][]float64
		}
		found := map[string]*group{}
		for _, x := range s.ev.Metrics {
			if x.Metric != m[2] || !matchScope(x.Tags, m[3]) {
				continue
			}
			var tags []string
			for _, g := range groups {
				v := "N/A"
				for _, t := range x.Tags {
					if val, ok := strings.CutPrefix(t, g+":"); ok {
						v = val
					}
				}
				tags = append(tags, g+":"+v)
			}
			key := strings.Join(tags, ",")
			g := found[key]
			if g == nil {
				g = &group{tags, x.Unit, map[int64][]float64{}}
				found[key] = g
			}
			for _, p := range x.Points {
				if ms := int64(p[0]); ms >= from*1000 && ms < (to+1)*1000 {
					b := ms - ms%(step*1000)
					g.points[b] = append(g.points[b], p[1])
				}
			}
		}
		for _, key := range slices.Sorted(keysOf(found)) {
			g := found[key]
			var points [][2]float64
			for _, at := range slices.Sorted(keysOf(g.points)) {
				points = append(points, [2]float64{float64(at), fold(m[6], g.points[at])})
			}
			if len(points) == 0 {
				continue
			}
			if len(points) > 1500 {
				return nil, bad("too many points per series")
			}
			unit := g.unit
			if unit == nil {
				unit = json.RawMessage("[null,null]")
			}
			series = append(series, map[string]any{
				"metric": m[2], "display_name": m[2], "query_index": index, "tag_set": g.tags, "scope": key + "," + m[3], "interval": step,
				"pointlist": points, "unit": unit, "aggr": m[1], "length": len(points), "start": int64(points[0][0]), "end": int64(points[len(points)-1][0]),
				"expression": part,
			})
		}
	}
	return map[string]any{
		"status": "ok", "res_type": "time_series", "resp_version": 1, "query": q.Get("query"), "from_date": from * 1000, "to_date": to * 1000,
		"series": series, "message": "", "group_by": []string{},
	}, nil
}

// splitQueries splits at commas outside braces and parentheses.
func splitQueries(s string) []string {
	var out []string
	depth, start := 0, 0
	for i, c := range s {
		switch c {
		case '{', '(':
			depth++
		case '}', ')':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, s[start:i])
				start = i + 1
			}
		}
	}
	return append(out, s[start:])
}

func fold(how string, v []float64) float64 {
	switch how {
	case "max":
		return slices.Max(v)
	case "min":
		return slices.Min(v)
	}
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	if how == "avg" {
		return sum / float64(len(v))
	}
	return sum
}

func parseTime(s string) (int64, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UnixMilli(), nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	return 0, bad("invalid time %q", s)
}

type filter struct {
	From        string `json:"from"`
	To          string `json:"to"`
	Query       string `json:"query"`
	StorageTier string `json:"storage_tier"`
}

func (f filter) parse() (from, to int64, q Query, err error) {
	if from, err = parseTime(f.From); err != nil {
		return
	}
	if to, err = parseTime(f.To); err != nil {
		return
	}
	if q, err = ParseQuery(f.Query); err != nil {
		err = bad("invalid query: %v", err)
	}
	return
}

// cursorOf makes a cursor of the position behind an entry; nothing in it is secret, but it is opaque to the client.
func cursorOf(at int64, id string) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s", at, id))
}

func parseCursor(c string) (at int64, id string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(c)
	if err != nil {
		return 0, "", bad("invalid cursor")
	}
	first, id, ok := strings.Cut(string(b), " ")
	at, e := strconv.ParseInt(first, 10, 64)
	if !ok || e != nil {
		return 0, "", bad("invalid cursor")
	}
	return at, id, nil
}

func (s *Server) search(store Store, logs bool, body []byte, f Fault) (any, error) {
	var req struct {
		Filter filter
		Page   struct {
			Cursor string
			Limit  int
		}
		Sort string
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, bad("invalid body")
	}
	if req.Page.Limit > 1000 {
		return nil, bad("limit is too large")
	}
	if req.Page.Limit == 0 {
		req.Page.Limit = 10
	}
	if req.Sort != "timestamp" {
		return nil, bad("this server sorts by timestamp only")
	}
	limit := req.Page.Limit
	if s.PageLimit > 0 {
		limit = min(limit, s.PageLimit)
	}
	from, to, q, err := req.Filter.parse()
	if err != nil {
		return nil, err
	}
	answer := map[string]any{"data": []json.RawMessage{}, "meta": map[string]any{"elapsed": 3, "status": "done", "request_id": "r"}}
	if logs && req.Filter.StorageTier != "" && req.Filter.StorageTier != "indexes" {
		return answer, nil
	}
	afterAt, afterID := int64(math.MinInt64), ""
	if c := req.Page.Cursor; c != "" {
		if f.ExpireCursor {
			return nil, bad("the cursor has expired")
		}
		if afterAt, afterID, err = parseCursor(c); err != nil {
			return nil, err
		}
		from = max(from, afterAt)
	}
	var page []json.RawMessage
	var lastAt int64
	var lastID string
	store.Scan(from, to-1, func(e Entry) bool {
		if e.At() < afterAt || e.At() == afterAt && strings.Compare(e.ID(), afterID) <= 0 || !q(e) {
			return true
		}
		page = append(page, e.Raw())
		lastAt, lastID = e.At(), e.ID()
		return len(page) < limit
	})
	if len(page) == 0 {
		return answer, nil
	}
	meta := answer["meta"].(map[string]any)
	if f.Timeout {
		meta["status"] = "timeout"
		page = page[:len(page)/2]
	}
	if f.Duplicate && len(page) > 3 {
		// The cursor points before the last three, which so come again.
		var it *Item
		it, err = NewItem(page[len(page)-4])
		if err != nil {
			return nil, err
		}
		lastAt, lastID = it.at, it.id
	}
	answer["data"] = page
	meta["page"] = map[string]any{"after": cursorOf(lastAt, lastID)}
	return answer, nil
}

func (s *Server) aggregate(body []byte, f Fault) (any, error) {
	var req struct {
		Compute []struct{ Aggregation, Metric, Type, Interval string }
		Filter  filter
		GroupBy []struct {
			Facet     string
			Limit     int
			Histogram *struct{ Interval, Min, Max float64 }
		} `json:"group_by"`
		Page struct{ Cursor string }
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, bad("invalid body: %v", err)
	}
	from, to, q, err := req.Filter.parse()
	if err != nil {
		return nil, err
	}
	product := 1
	for i := range req.GroupBy {
		if req.GroupBy[i].Limit == 0 {
			req.GroupBy[i].Limit = 10
		}
		product *= req.GroupBy[i].Limit
	}
	if product > 10000 {
		return nil, bad("too many groups")
	}
	interval := int64(0)
	for _, c := range req.Compute {
		if c.Type == "timeseries" {
			d, err := time.ParseDuration(c.Interval)
			if err != nil || d < time.Second {
				return nil, bad("invalid interval %q", c.Interval)
			}
			interval = d.Milliseconds()
		}
	}
	type group struct {
		by     map[string]any
		keys   []string
		n      int
		values [][]float64
		over   map[int64]float64
	}
	groups := map[string]*group{}
	if req.Filter.StorageTier == "" || req.Filter.StorageTier == "indexes" {
		values := make([]any, len(req.GroupBy))
		var key []byte
		// Computations of one metric share its values.
		of := make([]int, len(req.Compute))
		for i, c := range req.Compute {
			of[i] = slices.IndexFunc(req.Compute, func(d struct{ Aggregation, Metric, Type, Interval string }) bool { return d.Metric == c.Metric })
		}
		s.ev.Logs.Scan(from, to, func(e Entry) bool {
			if !q(e) {
				return true
			}
			key = key[:0]
			for i, g := range req.GroupBy {
				v := e.Value(g.Facet)
				if h := g.Histogram; h != nil {
					x, ok := v.(float64)
					if !ok || x < h.Min || x >= h.Max {
						return true
					}
					v = h.Min + math.Floor((x-h.Min)/h.Interval)*h.Interval
				}
				if v == nil {
					return true
				}
				values[i] = v
				switch x := v.(type) {
				case string:
					key = append(key, x...)
				case float64:
					key = strconv.AppendFloat(key, x, 'g', -1, 64)
				default:
					key = fmt.Append(key, x)
				}
				key = append(key, 0)
			}
			g := groups[string(key)]
			if g == nil {
				g = &group{by: map[string]any{}, values: make([][]float64, len(req.Compute)), over: map[int64]float64{}}
				for i, x := range req.GroupBy {
					g.by[x.Facet] = values[i]
					g.keys = append(g.keys, fmt.Sprint(values[i]))
				}
				groups[string(key)] = g
			}
			g.n++
			if interval > 0 {
				g.over[e.At()-e.At()%interval]++
			}
			for i, c := range req.Compute {
				if c.Metric != "" && of[i] == i {
					if x, ok := e.Value(c.Metric).(float64); ok {
						g.values[i] = append(g.values[i], x)
					}
				}
			}
			return true
		})
	}
	list := make([]*group, 0, len(groups))
	for _, k := range slices.Sorted(keysOf(groups)) {
		list = append(list, groups[k])
	}
	slices.SortStableFunc(list, func(a, b *group) int { return b.n - a.n })
	// Each facet keeps its most frequent values.
	for i, x := range req.GroupBy {
		total := map[string]int{}
		for _, g := range list {
			total[g.keys[i]] += g.n
		}
		names := slices.Sorted(keysOf(total))
		slices.SortStableFunc(names, func(a, b string) int { return total[b] - total[a] })
		if len(names) > x.Limit && x.Histogram == nil {
			names = names[:x.Limit]
			list = slices.DeleteFunc(list, func(g *group) bool { return !slices.Contains(names, g.keys[i]) })
		}
	}
	buckets := []any{}
	for _, g := range list {
		computes := map[string]any{}
		for i, c := range req.Compute {
			name := fmt.Sprintf("c%d", i)
			switch {
			case c.Type == "timeseries":
				points := []any{}
				for _, at := range slices.Sorted(keysOf(g.over)) {
					points = append(points, map[string]any{"time": time.UnixMilli(at).UTC().Format("2006-01-02T15:04:05.000Z"), "value": g.over[at]})
				}
				computes[name] = points
			case c.Aggregation == "count":
				computes[name] = g.n
			default:
				v := g.values[slices.IndexFunc(req.Compute, func(d struct{ Aggregation, Metric, Type, Interval string }) bool { return d.Metric == c.Metric })]
				computes[name] = nil
				if len(v) > 0 {
					computes[name] = quantile(c.Aggregation, v)
				}
			}
		}
		buckets = append(buckets, map[string]any{"by": g.by, "computes": computes})
	}
	meta := map[string]any{"elapsed": 5, "status": "done", "request_id": "r"}
	if f.Timeout {
		meta["status"] = "timeout"
		buckets = buckets[:len(buckets)/2]
	}
	return map[string]any{"data": map[string]any{"buckets": buckets}, "meta": meta}, nil
}

func quantile(agg string, v []float64) float64 {
	if !slices.IsSorted(v) {
		slices.Sort(v)
	}
	p := 0.5
	switch agg {
	case "max":
		return v[len(v)-1]
	case "min":
		return v[0]
	case "sum", "avg":
		return fold(agg, v)
	case "pc99":
		p = 0.99
	case "pc95":
		p = 0.95
	}
	return v[int(p*float64(len(v)-1))]
}

// timeseries counts log lines, several queries at once.
func (s *Server) timeseries(body []byte) (any, error) {
	var req struct {
		Data struct {
			Attributes struct {
				From, To, Interval int64
				Queries            []struct {
					DataSource string `json:"data_source"`
					Search     struct{ Query string }
					GroupBy    []struct{ Facet string } `json:"group_by"`
				}
			}
		}
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, bad("invalid body: %v", err)
	}
	a := req.Data.Attributes
	if a.Interval < 1000 || a.To <= a.From {
		return nil, bad("invalid window")
	}
	first := a.From - a.From%a.Interval
	times := []int64{}
	for t := first; t < a.To; t += a.Interval {
		times = append(times, t)
	}
	series, values := []any{}, []any{}
	for i, x := range a.Queries {
		if x.DataSource != "logs" {
			return nil, bad("this server knows the data source logs only")
		}
		q, err := ParseQuery(x.Search.Query)
		if err != nil {
			return nil, bad("invalid query: %v", err)
		}
		groups := map[string][]any{}
		s.ev.Logs.Scan(a.From, a.To-1, func(e Entry) bool {
			if !q(e) {
				return true
			}
			var tags []string
			for _, g := range x.GroupBy {
				v := e.Value(g.Facet)
				if v == nil {
					return true
				}
				tags = append(tags, fmt.Sprintf("%s:%v", g.Facet, v))
			}
			key := strings.Join(tags, "\x00")
			if groups[key] == nil {
				groups[key] = make([]any, len(times))
			}
			n, _ := groups[key][(e.At()-first)/a.Interval].(int)
			groups[key][(e.At()-first)/a.Interval] = n + 1
			return true
		})
		for _, key := range slices.Sorted(keysOf(groups)) {
			series = append(series, map[string]any{"group_tags": strings.Split(key, "\x00"), "query_index": i, "unit": nil})
			values = append(values, groups[key])
		}
	}
	return map[string]any{"data": map[string]any{"id": "0", "type": "timeseries_response", "attributes": map[string]any{
		"series": series, "times": times, "values": values,
	}}}, nil
}

func (s *Server) scalar(body []byte) (any, error) {
	var req struct {
		Data struct {
			Attributes struct {
				Queries []struct{ Name, Service, Stat string }
			}
		}
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&req); err != nil {
		return nil, bad("invalid body")
	}
	names := [][]string{}
	for _, x := range s.ev.Resources {
		names = append(names, []string{x.Name})
	}
	columns := []any{map[string]any{"name": "resource_name", "type": "group", "values": names}}
	for _, q := range req.Data.Attributes.Queries {
		values := []any{}
		for _, x := range s.ev.Resources {
			v, ok := map[string]float64{"hits": x.Hits, "errors": x.Errors, "latency_p50": x.P50, "latency_p99": x.P99, "latency_max": x.MaxOf}[q.Stat]
			if !ok {
				return nil, bad("unknown stat %q", q.Stat)
			}
			values = append(values, v)
		}
		columns = append(columns, map[string]any{"name": q.Name, "type": "number", "values": values, "meta": map[string]any{"unit": nil}})
	}
	return map[string]any{"data": map[string]any{"id": "0", "type": "scalar_response", "attributes": map[string]any{"columns": columns}}}, nil
}

func (s *Server) profiles() any {
	data := []any{}
	for _, p := range s.ev.Profiles {
		data = append(data, map[string]any{"id": p.EventID, "type": "profile", "attributes": map[string]any{
			"id": p.ID, "timestamp": p.At.UTC().Format(time.RFC3339Nano), "tags": p.Tags, "duration_nanos": 6e10,
		}})
	}
	return map[string]any{"data": data}
}
