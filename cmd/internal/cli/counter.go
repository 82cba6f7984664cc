package cli

import (
	"sync/atomic"

	"lastcall/collectors/record"
)

// counter is a sink that keeps nothing and counts the evidence.
type counter struct {
	n  atomic.Int64
	of *counter // nil for the first
}

func (c *counter) add() error {
	if c.of != nil {
		return c.of.add()
	}
	c.n.Add(1)
	return nil
}

func (c *counter) total() int64 { return c.n.Load() }

func (c *counter) Request(*record.Request) error     { return c.add() }
func (c *counter) Sample(*record.Sample) error       { return c.add() }
func (c *counter) Crash(*record.Crash) error         { return c.add() }
func (c *counter) Lifecycle(*record.Lifecycle) error { return c.add() }
func (c *counter) Job(*record.Job) error             { return c.add() }
func (*counter) Message(*record.Message) error       { return nil } // they are no evidence by themselves
func (c *counter) Exposure(*record.Exposure) error   { return c.add() }
func (c *counter) Profile(*record.Profile) error     { return c.add() }
func (c *counter) Warn(*record.Warning) error        { return nil }
func (c *counter) Cover(*record.Coverage) error      { return nil }
func (c *counter) Fork() record.Sink                 { return &counter{of: c} }
func (c *counter) Join() error                       { return nil }
