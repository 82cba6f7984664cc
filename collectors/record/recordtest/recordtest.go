// Package recordtest holds a [record.Sink] that keeps everything it is given, for tests of collectors and analyzers.
package recordtest

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"

	"lastcall/collectors/record"
)

// Sink keeps a deep copy of every record. The zero value is ready to use. Forks keep their own records until Join appends
// them to the Sink at the root, so that order between goroutines is that of the joins: see [Sink.Sort].
type Sink struct {
	Requests   []record.Request
	Samples    []record.Sample
	Crashes    []record.Crash
	Lifecycles []record.Lifecycle // but for what is no event
	Mains      []string           // of record.MainContainer the names
	Jobs       []record.Job
	Messages   []record.Message
	Exposures  []record.Exposure
	Profiles   []record.Profile
	Warnings   []record.Warning
	Coverages  []record.Coverage

	// Fail, when set, is returned by every record method: for tests of how a collector treats a Sink's error.
	Fail error

	mu     sync.Mutex
	parent *Sink
	joined bool
	open   int
}

// ErrJoinedTwice is returned by a second Join of one fork.
var ErrJoinedTwice = errors.New("recordtest: fork was joined twice")

var _ record.Sink = (*Sink)(nil)

// Request keeps a deep copy.
func (s *Sink) Request(r *record.Request) error {
	c := *r
	for _, b := range []*[]byte{
		&c.Method, &c.Path, &c.Route, &c.ID, &c.Container, &c.Instance, &c.Host, &c.Service, &c.Version, &c.User, &c.Client,
	} {
		if len(*b) == 0 {
			*b = nil
			continue
		}
		*b = bytes.Clone(*b)
	}
	s.Requests = append(s.Requests, c)
	return s.Fail
}

// Sample keeps a copy.
func (s *Sink) Sample(v *record.Sample) error {
	c := *v
	c.Container, c.Instance, c.Service = strings.Clone(c.Container), strings.Clone(c.Instance), strings.Clone(c.Service)
	c.Host, c.Version = strings.Clone(c.Host), strings.Clone(c.Version)
	s.Samples = append(s.Samples, c)
	return s.Fail
}

// Crash keeps a copy.
func (s *Sink) Crash(v *record.Crash) error {
	c := *v
	c.Container, c.Instance, c.Service = strings.Clone(c.Container), strings.Clone(c.Instance), strings.Clone(c.Service)
	c.Host, c.Version, c.Text = strings.Clone(c.Host), strings.Clone(c.Version), strings.Clone(c.Text)
	s.Crashes = append(s.Crashes, c)
	return s.Fail
}

// Lifecycle keeps a copy.
func (s *Sink) Lifecycle(v *record.Lifecycle) error {
	c := *v
	c.Container, c.Instance, c.Service = strings.Clone(c.Container), strings.Clone(c.Instance), strings.Clone(c.Service)
	c.Host, c.Version, c.Text = strings.Clone(c.Host), strings.Clone(c.Version), strings.Clone(c.Text)
	c.Reason = strings.Clone(c.Reason)
	if c.Kind == record.MainContainer {
		s.Mains = append(s.Mains, c.Container)
		return s.Fail
	}
	s.Lifecycles = append(s.Lifecycles, c)
	return s.Fail
}

// Job keeps a copy.
func (s *Sink) Job(v *record.Job) error {
	c := *v
	c.Name, c.Container, c.Instance = strings.Clone(c.Name), strings.Clone(c.Container), strings.Clone(c.Instance)
	s.Jobs = append(s.Jobs, c)
	return s.Fail
}

// Message keeps a deep copy.
func (s *Sink) Message(v *record.Message) error {
	c := *v
	c.Container, c.Instance, c.Service = bytes.Clone(c.Container), bytes.Clone(c.Instance), bytes.Clone(c.Service)
	c.Text = bytes.Clone(c.Text)
	s.Messages = append(s.Messages, c)
	return s.Fail
}

// Exposure keeps a copy.
func (s *Sink) Exposure(v *record.Exposure) error {
	c := *v
	c.Method, c.Route = strings.Clone(c.Method), strings.Clone(c.Route)
	c.Container, c.Service = strings.Clone(c.Container), strings.Clone(c.Service)
	s.Exposures = append(s.Exposures, c)
	return s.Fail
}

// Profile keeps a deep copy.
func (s *Sink) Profile(v *record.Profile) error {
	c := *v
	c.Data = bytes.Clone(c.Data)
	s.Profiles = append(s.Profiles, c)
	return s.Fail
}

// Warn keeps a copy of each warning, unmerged.
func (s *Sink) Warn(v *record.Warning) error {
	c := *v
	c.Text, c.Example = strings.Clone(c.Text), strings.Clone(c.Example)
	s.Warnings = append(s.Warnings, c)
	return s.Fail
}

// Cover keeps a copy.
func (s *Sink) Cover(v *record.Coverage) error {
	s.Coverages = append(s.Coverages, *v)
	return s.Fail
}

// Fork returns a Sink whose records come to s with Join.
func (s *Sink) Fork() record.Sink {
	root := s.root()
	root.mu.Lock()
	root.open++
	root.mu.Unlock()
	return &Sink{parent: s, Fail: s.Fail}
}

// Join appends the records of a fork to the Sink at the root and is safe to call from any goroutine.
func (s *Sink) Join() error {
	if s.parent == nil {
		return nil
	}
	root := s.root()
	root.mu.Lock()
	defer root.mu.Unlock()
	if s.joined {
		return ErrJoinedTwice
	}
	s.joined = true
	root.open--
	root.Requests = append(root.Requests, s.Requests...)
	root.Samples = append(root.Samples, s.Samples...)
	root.Crashes = append(root.Crashes, s.Crashes...)
	root.Lifecycles = append(root.Lifecycles, s.Lifecycles...)
	root.Mains = append(root.Mains, s.Mains...)
	root.Jobs = append(root.Jobs, s.Jobs...)
	root.Messages = append(root.Messages, s.Messages...)
	root.Exposures = append(root.Exposures, s.Exposures...)
	root.Profiles = append(root.Profiles, s.Profiles...)
	root.Warnings = append(root.Warnings, s.Warnings...)
	root.Coverages = append(root.Coverages, s.Coverages...)
	return nil
}

func (s *Sink) root() *Sink {
	for s.parent != nil {
		s = s.parent
	}
	return s
}

// OpenForks is the number of forks that were not joined yet; 0 after a correct collection.
func (s *Sink) OpenForks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// Sort orders all records by source and line, then by time, so that a test sees the same order whatever the number of workers.
func (s *Sink) Sort() {
	slices.SortStableFunc(s.Requests, func(a, b record.Request) int { return byPos(a.Pos, b.Pos, a.End, b.End) })
	slices.SortStableFunc(s.Samples, func(a, b record.Sample) int {
		return cmp.Or(byPos(a.Pos, b.Pos, a.Time, b.Time), cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Container, b.Container))
	})
	slices.SortStableFunc(s.Crashes, func(a, b record.Crash) int { return byPos(a.Pos, b.Pos, a.Time, b.Time) })
	slices.SortStableFunc(s.Lifecycles, func(a, b record.Lifecycle) int {
		return cmp.Or(byPos(a.Pos, b.Pos, a.Time, b.Time), cmp.Compare(a.Kind, b.Kind))
	})
	slices.SortStableFunc(s.Jobs, func(a, b record.Job) int { return byPos(a.Pos, b.Pos, a.Start, b.Start) })
	slices.SortStableFunc(s.Messages, func(a, b record.Message) int {
		return cmp.Or(byPos(a.Pos, b.Pos, a.Time, b.Time), bytes.Compare(a.Text, b.Text))
	})
	slices.SortStableFunc(s.Exposures, func(a, b record.Exposure) int {
		return cmp.Or(byPos(a.Pos, b.Pos, a.From, b.From), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Route, b.Route))
	})
	slices.SortStableFunc(s.Profiles, func(a, b record.Profile) int {
		return cmp.Or(byPos(a.Pos, b.Pos, a.Time, b.Time), cmp.Compare(a.Name, b.Name))
	})
	slices.SortStableFunc(s.Warnings, func(a, b record.Warning) int {
		return cmp.Or(byPos(a.Pos, b.Pos, 0, 0), cmp.Compare(a.Code, b.Code))
	})
	slices.SortStableFunc(s.Coverages, func(a, b record.Coverage) int {
		return cmp.Or(cmp.Compare(sourceName(a.Source), sourceName(b.Source)), cmp.Compare(a.Signal, b.Signal))
	})
}

func byPos(a, b record.Pos, ta, tb record.Time) int {
	return cmp.Or(cmp.Compare(sourceName(a.Source), sourceName(b.Source)), cmp.Compare(a.Line, b.Line), cmp.Compare(ta, tb))
}

func sourceName(s *record.Source) string {
	if s == nil {
		return ""
	}
	return s.Name
}

// WarningCount is the sum of Count over all warnings with the given code.
func (s *Sink) WarningCount(code string) int64 {
	var n int64
	for _, w := range s.Warnings {
		if w.Code == code {
			n += w.Count
		}
	}
	return n
}
