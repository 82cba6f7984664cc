package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"lastcall/collectors/record"
)

// Interrupts listens for SIGINT and SIGTERM from now on. The first asks: it cancels ctx. The second closes again. The third does what
// the system lets it do: it kills.
func Interrupts() (ctx context.Context, again <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	second := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		signal.Stop(signals)
		close(second)
	}()
	return ctx, second
}

// timed is a run of profiles over some time, of which the first interrupt ends the taking alone: a report follows on what was taken.
type timed struct {
	record.Collector
	a    *app
	stop chan struct{}
}

func (t *timed) Collect(ctx context.Context, q record.Query, sink record.Sink) error {
	t.a.setTaking(t.stop)
	defer t.a.setTaking(nil)
	return t.Collector.Collect(ctx, q, sink)
}

func (a *app) setTaking(stop chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taking = stop
}

// stopTaking ends the taking of profiles over time, when such a run is at work, and tells whether one was.
func (a *app) stopTaking() bool {
	a.mu.Lock()
	stop := a.taking
	a.taking = nil
	a.mu.Unlock()
	if stop == nil {
		return false
	}
	a.say("lastcall: interrupted: no more profiles are taken, and what came is reported; interrupt again to end without a report")
	close(stop)
	return true
}
