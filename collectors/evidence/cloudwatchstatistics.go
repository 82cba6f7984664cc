package evidence

import (
	"context"
	"fmt"
	"io"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/record"
)

// cloudWatchStatistics recognises what `aws cloudwatch get-metric-statistics` prints:
//
//	{"Label":"MemoryUtilization","Datapoints":[{"Timestamp":"2026-11-02T06:00:00+00:00","Average":22.6641,"Maximum":24.1063,"Unit":"Percent"}]}
//
// It repeats no dimension: nothing says of what the values are, and those of ECS/Fargate without Container Insights are of all tasks of a
// service at once. A value of no container says nothing of its memory; that they were seen is told. Source: Amazon CloudWatch API
// reference, GetMetricStatistics; Amazon ECS developer guide, "Amazon ECS CloudWatch metrics".
type cloudWatchStatistics struct{}

var _ format.WholeFormat = cloudWatchStatistics{}

// Name implements Format.
func (cloudWatchStatistics) Name() string { return "cloudwatch-statistics" }

// Sniff implements Format.
func (cloudWatchStatistics) Sniff(head []byte) int {
	if jsondoc.IsObject(head) && jsondoc.HasKey(head, "Label", `"`) && jsondoc.HasKey(head, "Datapoints", "[") {
		return 95
	}
	return 0
}

// Parse implements WholeFormat.
func (cloudWatchStatistics) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	w := jsondoc.NewWalker(ctx, r)
	label, count, first := "", int64(0), int64(1)
	err := w.Objects(func(key string) error {
		switch key {
		case "Label":
			var err error
			label, err = w.Text()
			return err
		case "Datapoints":
			return w.ArrayValue(func() error {
				if count++; count == 1 {
					first = w.Line()
				}
				return w.Skip()
			})
		}
		return w.Skip()
	})
	if count == 0 {
		return err
	}
	if failed := sink.Warn(&record.Warning{
		Code: "no_container", Pos: record.Pos{Source: src, Line: first}, Count: count, Example: fmt.Sprintf("%.100q", label),
		Text: "values of CloudWatch are of a whole service, not of one of its containers; they were not used (Container Insights has values by task: ContainerName, TaskId)",
	}); failed != nil {
		return failed
	}
	return err
}
