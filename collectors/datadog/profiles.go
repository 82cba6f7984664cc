package datadog

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"lastcall/collectors/record"
)

// Datadog's profiles have no published API: what the web application asks is asked here, behind an explicit option, and any failure
// costs that signal only.
const (
	pathProfiles     = "/api/unstable/profiles/list"
	profileCalls     = 10 // of the budget, at most
	maxProfileList   = 200
	maxProfileMember = 64 << 20
)

type profilesRequest struct {
	Filter struct {
		From  string `json:"from"`
		To    string `json:"to"`
		Query string `json:"query"`
	} `json:"filter"`
	Sort struct {
		Order string `json:"order"`
		Field string `json:"field"`
	} `json:"sort"`
	Limit int `json:"limit"`
}

type profileItem struct {
	ID         string `json:"id"`
	Attributes struct {
		ID        string   `json:"id"`
		Timestamp string   `json:"timestamp"`
		Service   string   `json:"service"`
		Host      string   `json:"host"`
		Tags      []string `json:"tags"`
	} `json:"attributes"`
}

// profiles fetches heap profiles: those written at a death first, then the last before each death, then the first and last.
func (r *run) profiles(ctx context.Context) error {
	if !r.o.Profiles {
		return nil
	}
	src := newSources().profiles
	err := r.slice(ctx, "50-profiles", r.sink, nil, func(s *slice) error {
		items, err := r.api.listProfiles(ctx, r.profileQuery(), r.from, r.to)
		if err != nil {
			return err
		}
		if len(items) == 0 {
			s.missing(src.Name, "profiles", "Datadog has no profile of the service in the window; profiles that nobody opened are kept 8 days")
			return nil
		}
		chosen := chooseProfiles(items, r.sink.t.deaths(), min(profileCalls-1, r.left()))
		for i, it := range chosen {
			if err := r.fetchProfile(ctx, it, record.Pos{Source: src, Line: int64(i + 1)}, s); err != nil {
				if !isGap(err) {
					return err
				}
				s.missing(src.Name, "profiles", err.Error())
			}
		}
		s.choose("%d of %d profiles", len(chosen), len(items))
		return nil
	})
	if isGap(err) {
		err = r.gap(src.Name, "profiles", fmt.Errorf("the unofficial API for profiles failed: %w", err))
	}
	return err
}

func (r *run) profileQuery() string {
	if r.q.Service == "" {
		return r.withEnv("*")
	}
	return r.withEnv("service:" + quote(r.q.Service))
}

func (a *api) listProfiles(ctx context.Context, query string, from, to time.Time) ([]profileItem, error) {
	var req profilesRequest
	req.Filter.From, req.Filter.To, req.Filter.Query = from.Format(time.RFC3339), to.Format(time.RFC3339), query
	req.Sort.Order, req.Sort.Field = "asc", "timestamp"
	req.Limit = maxProfileList
	b, err := a.ask(ctx, http.MethodPost, a.o.AppURL, pathProfiles, pathProfiles, nil, req)
	if err != nil {
		return nil, err
	}
	var ans struct {
		Data []profileItem `json:"data"`
	}
	if err := a.decode(ctx, pathProfiles, b, &ans); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(ans.Data, func(p profileItem) bool { return p.ID == "" || p.Attributes.ID == "" }), nil
}

func (p *profileItem) time() time.Time {
	t, err := time.Parse(time.RFC3339Nano, p.Attributes.Timestamp)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func (p *profileItem) tag(keys ...string) string {
	for _, k := range keys {
		for _, t := range p.Attributes.Tags {
			if v, ok := strings.CutPrefix(t, k+":"); ok && v != "" {
				return v
			}
		}
	}
	return ""
}

func (p *profileItem) onOOM() bool { return slices.Contains(p.Attributes.Tags, "snapshot:on_oom") }

func (p *profileItem) container() string {
	if c := p.tag(containerTags...); c != "" {
		return c
	}
	return p.Attributes.Host
}

func chooseProfiles(items []profileItem, deaths []death, n int) []profileItem {
	slices.SortStableFunc(items, func(a, b profileItem) int { return a.time().Compare(b.time()) })
	var out []profileItem
	take := func(p profileItem) {
		if len(out) < n && !slices.ContainsFunc(out, func(q profileItem) bool { return q.ID == p.ID }) {
			out = append(out, p)
		}
	}
	for _, p := range items {
		if p.onOOM() {
			take(p)
		}
	}
	for _, d := range deaths {
		for _, p := range slices.Backward(items) {
			if p.container() == d.container && !p.time().After(d.at) {
				take(p)
				break
			}
		}
	}
	if len(items) > 0 {
		take(items[0])
		take(items[len(items)-1])
	}
	return out
}

// fetchProfile downloads the archive of one profile and passes its heap profiles on.
func (r *run) fetchProfile(ctx context.Context, p profileItem, pos record.Pos, sink record.Sink) error {
	const endpoint = "/api/ui/profiling/profiles/{id}/download"
	b, err := r.api.ask(ctx, http.MethodGet, r.o.AppURL, endpoint, "/api/ui/profiling/profiles/"+url.PathEscape(p.Attributes.ID)+"/download",
		url.Values{"eventId": {p.ID}}, nil)
	if err != nil {
		return err
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return r.api.fail(ctx, endpoint, 0, nil, fmt.Errorf("a profile is no archive: %w", err))
	}
	for _, f := range z.File {
		// Names lead nowhere: contents stay in memory. What kind of profile it is, its sample types tell later.
		if f.FileInfo().IsDir() || !strings.Contains(f.Name, ".p") || f.UncompressedSize64 > maxProfileMember {
			continue
		}
		rc, err := f.Open()
		if err != nil {
			return r.api.fail(ctx, endpoint, 0, nil, err)
		}
		data, err := io.ReadAll(io.LimitReader(rc, maxProfileMember))
		rc.Close()
		if err != nil {
			return r.api.fail(ctx, endpoint, 0, nil, err)
		}
		if err := sink.Profile(&record.Profile{
			Pos: pos, Name: path.Base(f.Name), Data: data, Time: record.TimeOf(p.time()), Container: p.container(), Instance: p.tag("container_id", "runtime-id"),
			Version: p.tag("version"), OnOOM: p.onOOM(),
		}); err != nil {
			return err
		}
	}
	return nil
}
