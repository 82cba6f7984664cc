package traffic

import (
	"testing"
	"time"

	"lastcall/analyze/internal/intake"
	"lastcall/collectors/record"
)

// Two kinds of source measure one container differently: a curve made of both would jump at every reading. A file that was split is
// one curve all the same.
func TestCurvesAreOfOneKindOfSource(t *testing.T) {
	half, other := &record.Source{Name: "metrics-2.csv", Format: "metrics-csv"}, &record.Source{Name: "metrics-1.csv", Format: "metrics-csv"}
	docker := &record.Source{Name: "docker-stats.txt", Format: "docker-stats"}
	a := intake.New(intake.Options{})
	defer a.Close()
	from := record.Time(1_790_000_000_000_000_000)
	for i := range 40 {
		at := from.Add(time.Duration(i) * time.Minute)
		src := half
		if i < 20 {
			src = other
		}
		put := func(src *record.Source, v float64) {
			if err := a.Sample(&record.Sample{Time: at, Container: "web-1", Metric: record.RSS, Value: v, Pos: record.Pos{Source: src}}); err != nil {
				t.Fatal(err)
			}
		}
		put(src, 100e6)
		if i%2 == 0 {
			put(docker, 160e6)
		}
	}
	ev, err := a.Finish()
	if err != nil {
		t.Fatal(err)
	}
	tr := &Traffic{Evidence: ev}
	if err := tr.prepare(); err != nil {
		t.Fatal(err)
	}
	pts := tr.PointsOf("web-1", record.RSS, from, from.Add(time.Hour))
	if len(pts) != 40 {
		t.Errorf("%d readings, want the 40 of the two halves of one file", len(pts))
	}
	for _, p := range pts {
		if p.V != 100e6 {
			t.Fatalf("a reading of %v among those of another source", p.V)
		}
	}
}
