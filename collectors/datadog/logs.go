package datadog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"lastcall/collectors/record"
)

// Requests and answers of POST /api/v2/logs/events/search.
type logsRequest struct {
	Filter logFilter `json:"filter"`
	Page   logsPage  `json:"page"`
	Sort   string    `json:"sort"`
}

type logFilter struct {
	From        string `json:"from"`
	To          string `json:"to"`
	Query       string `json:"query"`
	StorageTier string `json:"storage_tier,omitempty"`
}

type logsPage struct {
	Cursor string `json:"cursor,omitempty"`
	Limit  int    `json:"limit"`
}

type logsAnswer struct {
	Data []json.RawMessage `json:"data"`
	Meta answerMeta        `json:"meta"`
}

type answerMeta struct {
	Page *struct {
		After string `json:"after"`
	} `json:"page"`
	Status   string `json:"status"`
	Warnings []struct {
		Code, Title, Detail string
	} `json:"warnings"`
}

// partial says why an answer that is 200 is not whole; "" when it is.
func (m answerMeta) partial() string {
	switch {
	case m.Status == "timeout":
		return "Datadog's query timed out and gave a part"
	case m.Status != "" && m.Status != "done":
		return fmt.Sprintf("Datadog's query ended with status %q", clip(m.Status, 40))
	case len(m.Warnings) > 0:
		w := m.Warnings[0]
		text := w.Detail
		if text == "" {
			text = w.Title
		}
		return "Datadog warns: " + clip(text, 150)
	}
	return ""
}

func (m answerMeta) after() string {
	if m.Page == nil {
		return ""
	}
	return m.Page.After
}

// pageLimit is the most that Datadog gives at once.
const pageLimit = 1000

// listing is a question for log lines or events, in order of time.
type listing struct {
	query    string
	from, to time.Time
	// last is set for the last piece of a window: its end is included.
	last bool
	// pages bounds the pages; 0 means to the end.
	pages int
	tier  string
}

// listed is what came of it.
type listed struct {
	items, duplicates int64
	// partial says why some may be missing; truncated that pages ended it.
	partial   string
	truncated bool
	// until is the time of the last item.
	until time.Time
}

// list pages through to the end and passes each item on once. An empty page ends it: a short one need not be the last. A cursor
// that has expired is replaced by a new listing from the last time seen, whose repeated items are known by their ids.
func (a *api) list(ctx context.Context, endpoint string, l listing, emit func(at time.Time, id string, item []byte) error) (out listed, err error) {
	const iso = "2006-01-02T15:04:05.000Z"
	var (
		seen     = map[string]struct{}{}
		from     = l.from
		cursor   string
		restarts int
		timeouts int
		stale    int
	)
	for page := 0; ; {
		if l.pages > 0 && page >= l.pages {
			out.truncated = true
			return out, nil
		}
		req := logsRequest{
			// The end is taken as excluded by some endpoints and included by others: ask up to it and a millisecond, and drop here.
			Filter: logFilter{From: from.UTC().Format(iso), To: l.to.UTC().Add(time.Millisecond).Format(iso), Query: l.query, StorageTier: l.tier},
			Page:   logsPage{Cursor: cursor, Limit: pageLimit}, Sort: "timestamp",
		}
		var ans logsAnswer
		if err := a.post(ctx, endpoint, req, &ans); err != nil {
			var e *Error
			if cursor != "" && errors.As(err, &e) && restarts < 5 &&
				(e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound || e.Status == http.StatusGone || e.Status == http.StatusUnprocessableEntity) {
				restarts++
				cursor = ""
				if !out.until.IsZero() {
					from = out.until
				}
				continue
			}
			return out, err
		}
		if p := ans.Meta.partial(); p != "" {
			if ans.Meta.Status == "timeout" && timeouts < 2 {
				timeouts++
				continue // the same question again: the answer may be ready now
			}
			if out.partial == "" {
				out.partial = a.scrub(p)
			}
		}
		timeouts = 0
		page++
		if len(ans.Data) == 0 {
			return out, nil
		}
		fresh := 0
		for _, item := range ans.Data {
			var head struct {
				ID         string `json:"id"`
				Attributes *struct {
					Timestamp string `json:"timestamp"`
				} `json:"attributes"`
			}
			_ = json.Unmarshal(item, &head) // a malformed item is the parser's to tell of
			if head.ID != "" {
				if _, ok := seen[head.ID]; ok {
					out.duplicates++
					continue
				}
				seen[head.ID] = struct{}{}
			}
			fresh++
			var at time.Time
			if head.Attributes != nil {
				if t, err := time.Parse(time.RFC3339Nano, head.Attributes.Timestamp); err == nil {
					at = t.UTC()
				}
			}
			if !at.IsZero() {
				if at.After(out.until) {
					out.until = at
				}
				if !at.Before(l.to) && (!l.last || at.After(l.to)) {
					continue // the next piece's
				}
			}
			out.items++
			if err := emit(at, head.ID, item); err != nil {
				return out, err
			}
		}
		next := ans.Meta.after()
		if next == "" {
			return out, nil
		}
		if fresh == 0 {
			if stale++; stale >= 3 {
				out.partial = "the listing repeats itself and was ended"
				return out, nil
			}
		} else {
			stale = 0
		}
		cursor = next
	}
}

// volumes is how many log lines there are and which of them belong to the question; kept with a capture.
type volumes struct {
	// Query selects the lines: those of the service and those of the platform about its containers.
	Query string `json:"query"`
	// Lines is how many there are in each step from the beginning of the window.
	Lines []int64 `json:"lines"`
	Step  int64   `json:"step_seconds"`
	// Related are the services whose lines belong to it.
	Related []string `json:"related,omitempty"`
	// Whole tells that the related services speak mostly of our containers, so that the rest of their lines belongs to it too:
	// deploys, which name no container, and the containers of dependencies.
	Whole bool   `json:"whole,omitempty"`
	Tier  string `json:"tier,omitempty"`
	// Unknown is set when the lines could not be counted.
	Unknown bool   `json:"unknown,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// All tells that everything is listed, in the pieces given; else samples are taken.
	All    bool    `json:"all,omitempty"`
	Pieces []piece `json:"pieces,omitempty"`
}

// piece is one part of a listing: steps From to To, and how many lines come before it.
type piece struct {
	From   int   `json:"from"`
	To     int   `json:"to"`
	Before int64 `json:"before"`
	Lines  int64 `json:"lines"`
}

func (v *volumes) total() int64 {
	var n int64
	for _, l := range v.Lines {
		n += l
	}
	return n
}

func (v *volumes) at(from time.Time, i int) time.Time {
	return from.Add(time.Duration(int64(i)*v.Step) * time.Second)
}

// volumes counts the log lines, and decides whether they can all be listed.
func (r *run) volumes(ctx context.Context) error {
	src := newSources().logs
	err := r.slice(ctx, "20-volumes", r.sink, &r.vol, func(s *slice) error {
		if err := r.count(ctx); err != nil {
			return err
		}
		r.decide()
		return s.note(r.vol)
	})
	if r.vol.Reason != "" {
		r.missing(src.Name, "requests", r.vol.Reason)
	}
	if err != nil {
		return errors.Join(r.gap(src.Name, "requests", err), r.gap(src.Name, "crashes", err))
	}
	if len(r.vol.Related) > 0 {
		r.choose("log lines of %s, and about its containers of %s", orAll(r.q.Service), strings.Join(r.vol.Related, ", "))
	}
	if r.vol.Query != "" && !r.vol.Unknown {
		how := "all are listed"
		if !r.vol.All {
			how = "more than the calls allowed can list: a sample around the deaths is"
		}
		if r.vol.total() == 0 {
			how = "nothing to list"
		}
		r.choose("%d log lines: %s", r.vol.total(), how)
	}
	if r.o.Plan != nil && r.vol.Query != "" {
		r.o.Plan(r.refined())
	}
	return nil
}

func orAll(s string) string {
	if s == "" {
		return "all services"
	}
	return s
}

// count asks for the number of lines over time, by service.
func (r *run) count(ctx context.Context) error {
	v := &r.vol
	v.Step = max(1, (int64(r.to.Sub(r.from)/time.Second)+119)/120)
	n := int((int64(r.to.Sub(r.from)/time.Second) + v.Step - 1) / v.Step)
	main, about := r.logScopes()
	query := main
	if about != "" {
		query = fmt.Sprintf("(%s OR %s)", main, about)
	}
	query = r.withEnv(query)
	for _, tier := range []string{"", "flex"} {
		v.Tier = tier
		buckets, partial, err := r.api.aggregate(ctx, aggregateRequest{
			Compute: []compute{{Aggregation: "count", Type: "timeseries", Interval: fmt.Sprintf("%ds", v.Step)}},
			Filter:  r.filter(query, tier),
			GroupBy: []groupBy{{Facet: "service", Limit: 100, Sort: byCount}},
		})
		if err != nil {
			return err
		}
		if partial != "" {
			v.Reason = partial
		}
		v.Lines, v.Related, v.Whole = make([]int64, n), nil, false
		own := make([]int64, n)
		found := false
		aboutUs := 0.0
		for _, b := range buckets {
			service := b.by("service")
			isMain := r.q.Service == "" || service == r.q.Service
			if !isMain {
				if !r.related(service) {
					continue
				}
				v.Related = append(v.Related, service)
			}
			for _, p := range b.series("c0") {
				i := int(p.at.Sub(r.from) / (time.Duration(v.Step) * time.Second))
				// Buckets align to UNIX time: the first may begin before the window.
				if i = max(i, 0); i < n && p.v > 0 {
					v.Lines[i] += int64(p.v)
					found = true
					if isMain {
						own[i] += int64(p.v)
					} else {
						aboutUs += p.v
					}
				}
			}
		}
		if len(v.Related) > 0 {
			if err := r.wholeRelated(ctx, own, aboutUs); err != nil {
				return err
			}
		}
		if found {
			break
		}
		if tier != "" {
			v.Tier = "" // nothing there either
		}
	}
	slices.Sort(v.Related)
	v.Query = main
	switch {
	case v.Whole:
		v.Query = fmt.Sprintf("(%s OR service:(%s))", main, quoteAll(v.Related))
	case len(v.Related) > 0:
		v.Query = fmt.Sprintf("(%s OR (service:(%s) AND %s))", main, quoteAll(v.Related), about)
	}
	v.Query = r.withEnv(v.Query)
	if v.total() == 0 && v.Reason == "" {
		v.Reason = fmt.Sprintf("Datadog has no log line for %s in the window, neither indexed nor in flex storage", v.Query)
	}
	return nil
}

// wholeRelated finds out whether the related services speak mostly of our containers; all their lines count then, besides own,
// those of the service itself.
func (r *run) wholeRelated(ctx context.Context, own []int64, aboutUs float64) error {
	v := &r.vol
	buckets, partial, err := r.api.aggregate(ctx, aggregateRequest{
		Compute: []compute{{Aggregation: "count", Type: "timeseries", Interval: fmt.Sprintf("%ds", v.Step)}},
		Filter:  r.filter(r.withEnv("service:("+quoteAll(v.Related)+")"), v.Tier),
		GroupBy: []groupBy{{Facet: "service", Limit: 100, Sort: byCount}},
	})
	if err != nil || partial != "" {
		if isGap(err) {
			err = nil // what is about our containers is asked for all the same
		}
		return err
	}
	total := 0.0
	for _, b := range buckets {
		for _, p := range b.series("c0") {
			if i := max(int(p.at.Sub(r.from)/(time.Duration(v.Step)*time.Second)), 0); i < len(own) && p.v > 0 {
				own[i] += int64(p.v)
				total += p.v
			}
		}
	}
	// A platform that serves many applications speaks mostly of others.
	const mostly = 0.2
	if aboutUs >= mostly*total {
		v.Whole, v.Lines = true, own
	}
	return nil
}

func (r *run) filter(query, tier string) logFilter {
	return logFilter{From: strconv.FormatInt(r.from.UnixMilli(), 10), To: strconv.FormatInt(r.to.UnixMilli(), 10), Query: query, StorageTier: tier}
}

// logScopes are the queries for the service's own lines and for lines of others about its containers.
func (r *run) logScopes() (main, about string) {
	if r.q.Service == "" {
		return "*", ""
	}
	main = "service:" + quote(r.q.Service)
	fleet := r.fleet()
	if len(fleet) == 0 || len(fleet) > 60 {
		return main, "" // too many names for one query; their lines mostly carry the service anyway
	}
	keys := []string{r.d.tag()}
	if !slices.Contains(keys, "host") {
		keys = append(keys, "host")
	}
	var parts []string
	for _, k := range keys {
		parts = append(parts, fmt.Sprintf("%s:(%s)", k, quoteAll(fleet)))
	}
	return main, "(" + strings.Join(parts, " OR ") + ")"
}

func (r *run) withEnv(query string) string {
	switch {
	case r.q.Env == "":
		return query
	case query == "*":
		return "env:" + quote(r.q.Env)
	}
	return "env:" + quote(r.q.Env) + " AND " + query
}

// quote makes a value of a search query: in quotes unless it is plain.
func quote(s string) string {
	plain := s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-')
	})
	if plain && s[0] != '-' {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func quoteAll(v []string) string {
	q := make([]string, len(v))
	for i, s := range v {
		q[i] = quote(s)
	}
	return strings.Join(q, " OR ")
}

// related reports whether the lines of a service about our containers belong to the question. Other applications may run in
// containers of the same name; platforms speak of all.
func (r *run) related(service string) bool {
	if len(r.o.RelatedServices) > 0 {
		return slices.Contains(r.o.RelatedServices, service)
	}
	return record.OfPlatform(service)
}

// Calls kept back when deciding how much can be listed: for statistics that are asked for after the logs, and for what must be asked twice.
const reserve = 4

// decide cuts the window into pieces of a few pages each, if all pages fit the calls left.
func (r *run) decide() {
	v := &r.vol
	total := v.total()
	if total == 0 {
		return
	}
	left := r.left() - reserve
	if r.o.Profiles {
		left -= profileCalls
	}
	// Each piece costs its pages and one that is empty.
	for _, size := range []int64{4000, 8000, 16000, 64000, 1 << 60} {
		pieces := v.cut(size)
		calls := 0
		for _, p := range pieces {
			calls += pagesOf(p.Lines)
		}
		if calls <= left {
			v.All, v.Pieces = true, pieces
			return
		}
	}
}

// pagesOf is how many calls a listing of n lines takes, the empty page included.
func pagesOf(n int64) int { return int((n+pageLimit-1)/pageLimit) + 1 }

func (v *volumes) cut(size int64) []piece {
	var out []piece
	p := piece{}
	for i, n := range v.Lines {
		p.Lines += n
		if p.Lines >= size || i == len(v.Lines)-1 {
			p.To = i + 1
			if p.Lines > 0 || i == len(v.Lines)-1 {
				out = append(out, p)
				p = piece{From: i + 1, Before: p.Before + p.Lines}
			}
		}
	}
	return out
}

// logs lists all lines, or samples them.
func (r *run) logs(ctx context.Context) error {
	if r.vol.Query == "" || r.vol.total() == 0 {
		return nil
	}
	if !r.vol.All {
		return r.sample(ctx)
	}
	v := &r.vol
	src := newSources().logs
	return r.each(ctx, len(v.Pieces), func(ctx context.Context, i int, to *tap) error {
		p := v.Pieces[i]
		from, end := v.at(r.from, p.From), v.at(r.from, p.To)
		if i == len(v.Pieces)-1 {
			end = r.to
		}
		l := listing{query: v.Query, from: from, to: end, last: i == len(v.Pieces)-1, tier: v.Tier}
		_, err := r.lines(ctx, "30-logs-"+stamp(from), l, p.Before, to, src)
		if isGap(err) {
			err = fmt.Errorf("%s to %s: %w", from.Format("15:04:05"), end.Format("15:04:05"), err)
			return errors.Join(r.gap(src.Name, "requests", err), r.gap(src.Name, "crashes", err))
		}
		return err
	})
}

// lines lists one piece and passes its records on. before is how many lines come before it, so that every line has a number.
func (r *run) lines(ctx context.Context, key string, l listing, before int64, to *tap, src *record.Source) (out listed, err error) {
	var kept struct {
		Items   int64    `json:"items"`
		Partial string   `json:"partial,omitempty"`
		Until   string   `json:"until,omitempty"`
		Cut     bool     `json:"cut,omitempty"`
		IDs     []uint64 `json:"ids,omitempty"`
	}
	err = r.slice(ctx, key, to, &kept, func(s *slice) error {
		p := newLogParser(src, r.o.Attributes)
		n, again := before, int64(0)
		out, err = r.api.list(ctx, pathLogs, l, func(_ time.Time, id string, item []byte) error {
			if r.repeated(id, &kept.IDs) {
				again++
				return nil
			}
			n++
			handled, err := p.parse(n, item, s)
			if err == nil && !handled {
				err = s.Warn(&record.Warning{
					Code: "malformed_line", Pos: record.Pos{Source: src, Line: n}, Count: 1,
					Text: "an item of the log listing that is no log line; it was left out", Example: clip(string(item), 200),
				})
			}
			return err
		})
		if err != nil {
			return err
		}
		if out.duplicates > 0 {
			if err := s.Warn(&record.Warning{
				Code: "duplicate_lines", Pos: record.Pos{Source: src}, Count: out.duplicates,
				Text: "log lines that came on two pages of the listing; each was counted once",
			}); err != nil {
				return err
			}
		}
		kept.Items, kept.Partial, kept.Cut, kept.Until = out.items-again, out.partial, out.truncated, out.until.Format(time.RFC3339Nano)
		return s.note(kept)
	})
	if err != nil {
		return out, err
	}
	out.items, out.partial, out.truncated = kept.Items, kept.Partial, kept.Cut
	out.until, _ = time.Parse(time.RFC3339Nano, kept.Until) // written above
	r.mu.Lock()
	for _, id := range kept.IDs {
		r.ids[id] = struct{}{}
	}
	r.read += out.items
	r.mu.Unlock()
	if out.partial != "" {
		r.missing(src.Name, "requests", fmt.Sprintf("%s to %s may be incomplete: %s", l.from.Format("15:04:05"), l.to.Format("15:04:05"), out.partial))
	}
	return out, nil
}

// repeated reports whether an earlier question of a sample has given this line already, and keeps its id in ids when not. Where all
// lines are listed, pieces do not overlap and nothing is kept.
func (r *run) repeated(id string, ids *[]uint64) bool {
	if r.vol.All || id == "" {
		return false
	}
	h := fnv.New64a()
	h.Write([]byte(id))
	k := h.Sum64()
	r.mu.Lock()
	_, ok := r.ids[k]
	r.mu.Unlock()
	if !ok {
		*ids = append(*ids, k)
	}
	return ok
}
