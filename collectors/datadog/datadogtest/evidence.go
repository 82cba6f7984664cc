package datadogtest

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Store holds log lines or events.
type Store interface {
	// Scan visits the entries of [from, to], in milliseconds, in order of time, until visit returns false.
	Scan(from, to int64, visit func(Entry) bool)
}

// Evidence is what the server knows.
type Evidence struct {
	Logs    Store
	Events  Store
	Metrics []Series
	// Resources are APM's resource statistics.
	Resources []Resource
	Profiles  []Profile
}

// Series is one series of a metric.
type Series struct {
	Metric string
	Tags   []string        // "container:web-1", "service:api", …
	Unit   json.RawMessage // as the v1 endpoint gives it
	Points [][2]float64    // milliseconds, value
}

// Resource is one line of APM's statistics.
type Resource struct {
	Service, Name                 string
	Hits, Errors, P50, P99, MaxOf float64
}

// Profile is one profile as the unofficial API tells of it.
type Profile struct {
	EventID, ID string
	At          time.Time
	Tags        []string
	Files       map[string][]byte
}

func (p Profile) archive() []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(keysOf(p.Files)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(p.Files[name])
		}
		if err != nil {
			panic(err) // a bytes.Buffer does not fail
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func keysOf[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// Item is a log line or event given as JSON.
type Item struct {
	id, message, service, host, status string
	at                                 int64
	tags                               []string
	attrs                              map[string]any
	raw                                []byte
}

// NewItem reads an item of the Logs or Events List API.
func NewItem(raw []byte) (*Item, error) {
	var v struct {
		ID         string
		Attributes struct {
			Timestamp, Host, Service, Status, Message string
			Tags                                      []string
			Attributes                                map[string]any
		}
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	t, err := time.Parse(time.RFC3339Nano, v.Attributes.Timestamp)
	if err != nil {
		return nil, err
	}
	a := v.Attributes
	return &Item{v.ID, a.Message, a.Service, a.Host, a.Status, t.UnixMilli(), a.Tags, a.Attributes, slices.Clone(raw)}, nil
}

// ID implements Entry.
func (i *Item) ID() string { return i.id }

// At implements Entry.
func (i *Item) At() int64 { return i.at }

// Message implements Entry.
func (i *Item) Message() string { return i.message }

// Raw implements Entry.
func (i *Item) Raw() []byte { return i.raw }

// Value implements Entry.
func (i *Item) Value(facet string) any {
	if path, ok := strings.CutPrefix(facet, "@"); ok {
		var v any = i.attrs
		for k := range strings.SplitSeq(path, ".") {
			m, ok := v.(map[string]any)
			if !ok {
				return nil
			}
			v = m[k]
		}
		switch v.(type) {
		case string, float64:
			return v
		}
		return nil
	}
	text := ""
	switch facet {
	case "service":
		text = i.service
	case "host":
		text = i.host
	case "status":
		text = i.status
	}
	if text != "" {
		return text
	}
	var all []string
	for _, t := range i.tags {
		if v, ok := strings.CutPrefix(t, facet+":"); ok {
			all = append(all, v)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

// Items is a Store of items in order of time.
type Items []*Item

// NewItems sorts items by time.
func NewItems(items []*Item) Items {
	slices.SortStableFunc(items, func(a, b *Item) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return strings.Compare(a.id, b.id)
	})
	return items
}

// Scan implements Store.
func (s Items) Scan(from, to int64, visit func(Entry) bool) {
	i, _ := slices.BinarySearchFunc(s, from, func(it *Item, at int64) int { return int(it.at - at) })
	for ; i < len(s) && s[i].at <= to; i++ {
		if !visit(s[i]) {
			return
		}
	}
}

// Load reads a recorded incident: datadog_logs.ndjson and datadog_metrics.json, plain or gzipped. Events and the rest are
// empty.
func Load(dir string) (Evidence, error) {
	logs, err := readMaybeGzip(dir, "datadog_logs.ndjson")
	if err != nil {
		return Evidence{}, err
	}
	var items []*Item
	sc := bufio.NewScanner(bytes.NewReader(logs))
	sc.Buffer(nil, 4<<20)
	for n := 1; sc.Scan(); n++ {
		if len(sc.Bytes()) == 0 {
			continue
		}
		it, err := NewItem(sc.Bytes())
		if err != nil {
			return Evidence{}, fmt.Errorf("line %d: %w", n, err)
		}
		items = append(items, it)
	}
	if err := sc.Err(); err != nil {
		return Evidence{}, err
	}
	b, err := readMaybeGzip(dir, "datadog_metrics.json")
	if err != nil {
		return Evidence{}, err
	}
	var doc struct {
		Series []struct {
			Metric    string          `json:"metric"`
			Scope     string          `json:"scope"`
			Unit      json.RawMessage `json:"unit"`
			Pointlist [][2]*float64   `json:"pointlist"`
		} `json:"series"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return Evidence{}, err
	}
	ev := Evidence{Logs: NewItems(items), Events: Items(nil)}
	for _, s := range doc.Series {
		out := Series{Metric: s.Metric, Tags: strings.Split(s.Scope, ","), Unit: s.Unit}
		for _, p := range s.Pointlist {
			if p[0] != nil && p[1] != nil {
				out.Points = append(out.Points, [2]float64{*p[0], *p[1]})
			}
		}
		ev.Metrics = append(ev.Metrics, out)
	}
	return ev, nil
}

func readMaybeGzip(dir, name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err == nil {
		return b, nil
	}
	f, err := os.Open(filepath.Join(dir, name+".gz"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_, err = out.ReadFrom(z)
	return out.Bytes(), err
}

// Span returns the first and last instant of the evidence.
func (e Evidence) Span() (from, to time.Time) {
	var a, b int64
	see := func(ms int64) {
		if a == 0 || ms < a {
			a = ms
		}
		b = max(b, ms)
	}
	e.Logs.Scan(0, 1<<60, func(x Entry) bool { see(x.At()); return true })
	for _, s := range e.Metrics {
		for _, p := range s.Points {
			see(int64(p[0]))
		}
	}
	return time.UnixMilli(a).UTC(), time.UnixMilli(b).UTC()
}

// Count returns how many log lines match a query.
func (e Evidence) Count(query string) int {
	q, err := ParseQuery(query)
	if err != nil {
		panic(err)
	}
	n := 0
	e.Logs.Scan(0, 1<<60, func(x Entry) bool {
		if q(x) {
			n++
		}
		return true
	})
	return n
}
