package datadog

import (
	"slices"
	"testing"
	"time"

	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

func TestTheLastBucketEndsWithTheWindow(t *testing.T) {
	answer := []byte(`{"series":[{"metric":"container.memory.rss","scope":"container:web-1","pointlist":[[1794835840000,7],[1794835860000,8],[1794835880000,9]]}]}`)
	start := record.TimeOf(time.UnixMilli(1794835840000))
	for _, c := range []struct {
		to   time.Duration
		want []time.Duration
		last time.Duration
	}{
		{time.Hour, []time.Duration{20 * time.Second, 40 * time.Second, time.Minute}, 20 * time.Second},
		{time.Minute, []time.Duration{20 * time.Second, 40 * time.Second, time.Minute}, 20 * time.Second},
		{45 * time.Second, []time.Duration{20 * time.Second, 40 * time.Second, 45 * time.Second}, 5 * time.Second},
	} {
		sink := &recordtest.Sink{}
		if err := parseSeries(t.Context(), &record.Source{}, answer, nil, "", until{sink, start.Add(c.to)}); err != nil {
			t.Fatal(err)
		}
		var got []time.Duration
		for _, s := range sink.Samples {
			got = append(got, s.Time.Sub(start))
		}
		if !slices.Equal(got, c.want) || sink.Samples[len(got)-1].Interval != c.last {
			t.Errorf("%v: %v, the last of %v", c.to, got, sink.Samples[len(got)-1].Interval)
		}
	}
}
