package datadog

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"lastcall/collectors/evidence"
	"lastcall/collectors/internal/httpx"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// cassette is a recording of the official client's own tests.
type cassette struct {
	Interactions []struct {
		Request  struct{ URL, Method, Body string }
		Response struct {
			Body    string
			Code    int
			Headers map[string][]string
		}
	}
}

// player answers in the order of the recording.
type player struct {
	c    cassette
	next int
}

func (p *player) RoundTrip(req *http.Request) (*http.Response, error) {
	if p.next >= len(p.c.Interactions) {
		return nil, errors.New("the recording ends here")
	}
	r := p.c.Interactions[p.next].Response
	p.next++
	h := http.Header{}
	for k, v := range r.Headers {
		h[http.CanonicalHeaderKey(k)] = v
	}
	return &http.Response{StatusCode: r.Code, Header: h, Body: io.NopCloser(strings.NewReader(r.Body)), Request: req}, nil
}

func recordings(t *testing.T) string {
	t.Helper()
	root := os.Getenv("LASTCALL_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(root, "corpus", "datadog", "recordings")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no recordings here")
	}
	return dir
}

func TestRecordedAnswersOfDatadogAreUnderstood(t *testing.T) {
	counts := map[string]int{}
	err := filepath.WalkDir(recordings(t), func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text := string(b)
		if !strings.Contains(text, pathLogs) && !strings.Contains(text, pathAggregate) && !strings.Contains(text, "/api/v2/events/search") &&
			!strings.Contains(text, pathScalar) && !strings.Contains(text, pathQuery+"?") && !strings.Contains(text, pathActive+"?") && !strings.Contains(text, "/all-tags") {
			return nil
		}
		var c cassette
		if err := yaml.Unmarshal(b, &c); err != nil || len(c.Interactions) == 0 {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		for first, it := range c.Interactions {
			u, err := url.Parse(it.Request.URL)
			if err != nil {
				return err
			}
			key := u.Path
			if strings.HasSuffix(key, "/all-tags") {
				key = pathAllTags
			}
			if n, done := play(t, filepath.Base(path), cassette{c.Interactions[first:]}, key, it.Response.Code); done {
				counts[key] += n
				counts["answers"]++
				if key == pathLogs || key == pathEvents {
					break // a listing takes the rest of the recording
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v", counts)
	// The recordings hold these items; a decoder that loses some would show here.
	for key, least := range map[string]int{pathLogs: 2, pathEvents: 3, pathQuery: 288, pathActive: 1, "answers": 20} {
		if counts[key] < least {
			t.Errorf("%s: %d, want at least %d", key, counts[key], least)
		}
	}
}

// play drives what asks path against the recording; done is false when nothing here asks it.
func play(t *testing.T, name string, c cassette, path string, code int) (n int, done bool) {
	t.Helper()
	p := &player{c: c}
	o, err := Options{
		APIKey: "k", AppKey: "k", Transport: p, MaxCalls: 50,
		retry: retryOptions{sleep: func(context.Context, time.Duration) error { return nil }, rand: func() float64 { return 0 }},
	}.complete()
	if err != nil {
		t.Fatal(err)
	}
	a := newAPI(o)
	ctx := t.Context()
	l := listing{query: "*", to: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	src := &record.Source{Name: name}
	sink := &recordtest.Sink{}
	switch path {
	case pathLogs:
		parser := newLogParser(src, Attributes{})
		out, e := a.list(ctx, pathLogs, l, func(_ time.Time, _ string, item []byte) error {
			handled, err := parser.parse(1, item, sink)
			if !handled {
				t.Errorf("%s: not understood: %s", name, item)
			}
			return err
		})
		n, err = int(out.items), e
	case pathEvents:
		out, e := a.list(ctx, pathEvents, l, func(_ time.Time, _ string, item []byte) error {
			return evidence.ParseDatadogEvent(record.Pos{Source: src}, item, sink)
		})
		n, err = int(out.items), e
		if len(sink.Warnings) > 0 {
			t.Errorf("%s: %+v", name, sink.Warnings)
		}
	case pathAggregate:
		b, _, e := a.aggregate(ctx, aggregateRequest{})
		n, err = len(b), e
	case pathScalar:
		var ans scalarAnswer
		err = a.post(ctx, pathScalar, scalarRequest{}, &ans)
		n = len(ans.Data.Attributes.Columns)
	case pathQuery:
		b, e := a.query(ctx, span{time.Unix(1, 0), time.Unix(100, 0)}, "avg:x{*}")
		err = e
		if e == nil {
			n = strings.Count(string(b), "],[") + 1
			e = parseSeries(ctx, src, b, nil, "", sink)
		}
		if e != nil && err == nil {
			t.Errorf("%s: %v", name, e)
		}
	case pathActive:
		names, _, e := a.activeMetrics(ctx, 0, []string{"*"})
		n, err = len(names), e
	case pathAllTags:
		tags, e := a.allTags(ctx, "m", "*", 14400)
		n, err = len(tags), e
	default:
		return 0, false
	}
	var ours *Error
	switch {
	case code/100 == 2 || code == 429:
		// A recording that ends before an empty page ends ours too.
		var fault *httpx.FaultError
		if err != nil && !(errors.As(err, &fault) && strings.Contains(err.Error(), "the recording ends here")) {
			t.Errorf("%s: %v", name, err)
		}
	case !errors.As(err, &ours) || ours.Status != code:
		t.Errorf("%s: answered %d, understood as %v", name, code, err)
	case code != 403 && len(ours.Messages) == 0:
		t.Errorf("%s: the error's message was lost", name)
	}
	return n, true
}
