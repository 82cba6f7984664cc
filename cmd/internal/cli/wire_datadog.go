package cli

import (
	"context"

	"lastcall/cmd/internal/config"
	"lastcall/collectors/capture"
	"lastcall/collectors/datadog"
	"lastcall/collectors/record"
)

// datadogCollector asks Datadog.
func (a *app) datadogCollector(o datadogOptions) (record.Collector, error) {
	return a.datadogTo(o, nil)
}

// datadogTo asks Datadog, and keeps what it gives in a capture when there is one.
func (a *app) datadogTo(o datadogOptions, w *capture.Writer) (record.Collector, error) {
	opts := a.datadogOptions(o)
	opts.Capture = w
	c, err := datadog.New(opts)
	if err != nil {
		return nil, &usageError{err}
	}
	return c, nil
}

func (a *app) datadogOptions(o datadogOptions) datadog.Options {
	opts := datadog.Options{
		Site: o.site, BaseURL: o.url, APIKey: o.apiKey, AppKey: o.appKey, MaxCalls: o.maxCalls, Wait: o.wait,
		MetricNames: map[record.Metric]string{}, DurationMetric: o.metrics["duration"], ContainerTag: o.containerTag,
		Attributes: datadog.Attributes{
			Duration: o.attributes["duration"], Route: o.attributes["route"], Path: o.attributes["path"],
			Method: o.attributes["method"], Status: o.attributes["status"], RequestID: o.attributes["request_id"],
			Container: o.attributes["container"],
		},
		RelatedServices: o.related, Profiles: o.profiles, Now: a.sys.Now, Logger: a.log,
		Plan:     func(p datadog.Plan) { a.say("%s", p) },
		Done:     func(s datadog.Summary) { a.say("%s", s) },
		Progress: func(sent int) { a.progress.set(int64(sent), int64(o.maxCalls)) },
	}
	for name, metric := range o.metrics {
		if m := record.MetricOf(name); m != record.MetricUnknown {
			opts.MetricNames[m] = metric
		}
	}
	return opts
}

// examineDatadog asks Datadog what is there for a service.
func (a *app) examineDatadog(ctx context.Context, s config.Service, o datadogOptions, q record.Query) (examination, error) {
	e := examination{Place: "datadog", Service: s.ID()}
	c, err := datadog.New(a.datadogOptions(o))
	if err != nil {
		return e, &usageError{err}
	}
	rep, err := c.Doctor(ctx, q)
	if err != nil {
		return e, err
	}
	e.Place += " (" + rep.Site + ")"
	for _, x := range rep.Checks {
		e.broken = e.broken || x.Health == datadog.Refused || x.Health == datadog.Failed
		e.Checks = append(e.Checks, check{x.Name, string(x.Health), x.Detail, x.Without, x.Remedy})
	}
	return e, nil
}
