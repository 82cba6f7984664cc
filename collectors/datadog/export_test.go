package datadog

import (
	"context"
	"time"
)

// FastRetry makes retries wait next to nothing.
func (o *Options) FastRetry() {
	o.retry = retryOptions{
		backoffBase: time.Millisecond, attempt: 2 * time.Second, rand: func() float64 { return 0.5 },
		sleep: func(ctx context.Context, d time.Duration) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(min(d, 5*time.Millisecond)):
				return nil
			}
		},
	}
}

// Patient gives a slow server time.
func (o *Options) Patient() { o.retry.attempt = 10 * time.Minute }

// Exported for tests.
var (
	SeriesSpans  = seriesSpans
	FindFacets   = findFacets
	DurationBase = durationBase
	Quote        = quote
)

// Standard is Attributes.standard.
func (a Attributes) Standard(item []byte) []byte { return a.standard(item) }
