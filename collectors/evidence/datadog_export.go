package evidence

import (
	"context"
	"io"

	"lastcall/collectors/evidence/internal/datadogmetrics"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/record"
)

// What follows is for the collector that asks Datadog itself: the same evidence gives the same records, whether it was saved to a
// file or comes from the API.

// NewDatadogLogParser returns a parser of single items of the Logs List API, each as one line of JSON. It is for one goroutine.
func NewDatadogLogParser(src *record.Source) format.LineParser { return datadogLogs{}.NewParser(src) }

// ParseDatadogQuery passes the series of an answer of GET /api/v1/query to sink.
func ParseDatadogQuery(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	return datadogmetrics.Query{}.Parse(ctx, src, r, sink)
}

// MetricMeaning says which metric a series with this name gives, and how well it fits: of several names for one metric the one
// with the higher rank is used. ok is false for a name that means nothing here.
func MetricMeaning(name string) (m record.Metric, rank int, ok bool) {
	v, ok := metrics.MeaningOf(name, metrics.NoUnit)
	return v.Metric, v.Rank, ok
}

// ParseMessage looks for a platform's line, a kernel's report or a runtime's last words in a message whose time and origin are
// known from elsewhere, such as the text of an event.
func ParseMessage(pos record.Pos, t record.Time, container, instance, service, host, version string, msg []byte, sink record.Sink) (handled bool, err error) {
	if !messageMayMatter(msg) {
		return false, nil
	}
	return parseMessage(pos, t, container, instance, service, host, version, msg, sink)
}
