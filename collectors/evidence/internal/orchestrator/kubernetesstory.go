package orchestrator

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// kubernetesStory is the Sink of one Kubernetes document. Some things say little by themselves, and enough beside the others: a kill that a
// node tells of, without the pod, is that of the pod that starts again; a back-off tells of an end only where nothing else does; an evicted
// pod tells of the same end as its event, and worse. They are held, in bounds, until the document ends.
type kubernetesStory struct {
	record.Sink
	kills    []*record.Crash // on a node, of a container that nothing names
	backOffs []*record.Crash
	evicted  []evictedPod
	told     map[string]bool                 // by container: an event tells that it was evicted
	first    map[string]*kubernetesEventRead // by pod: of the container that began first
	begins   []podBegin                      // what tells that a container ended and begins anew
	ends     map[string][]record.Time        // deaths and stops: by container, and by "pod/" those of all containers of a pod
	seen     map[string]record.Time          // by pod: the first that is told of it
	ended    int
}

// evictedPod is the end of a pod as the pod tells it: a death with the shortage of its node, or a stop. Its time is 0 where it is unknown.
type evictedPod struct {
	crash    *record.Crash
	shortage *record.Lifecycle
	stop     *record.Lifecycle
}

type podBegin struct {
	time            record.Time
	host, container string
}

const (
	maxStoryKills  = 10_000
	maxStoryEvents = 100_000
	// SoonAgain is how soon after its end a container starts again, or is said to wait for that.
	SoonAgain = time.Minute
	// longestBackOff is how long a back-off may follow the end that it comes of, with some slack.
	longestBackOff = 6 * time.Minute
	// nodeClocks is how much the clock of a node's monitor may be late against that of its kubelet.
	nodeClocks = 5 * time.Second
)

func newKubernetesStory(next record.Sink) *kubernetesStory {
	return &kubernetesStory{Sink: next, ends: map[string][]record.Time{}, seen: map[string]record.Time{}}
}

// Crash implements record.Sink.
func (s *kubernetesStory) Crash(c *record.Crash) error {
	if c.Container == "" && c.Host != "" && c.Kind == record.CrashOOMKill && len(s.kills) < maxStoryKills {
		s.kills = append(s.kills, c)
		return nil
	}
	s.saw(c.Container, c.Time)
	s.end(c.Container, c.Time)
	return s.Sink.Crash(c)
}

// Lifecycle implements record.Sink.
func (s *kubernetesStory) Lifecycle(l *record.Lifecycle) error {
	s.saw(l.Container, l.Time)
	switch l.Kind {
	case record.Up:
		s.begin(l.Time, l.Host, l.Container)
	case record.Stopping, record.Stopped:
		s.end(l.Container, l.Time)
	}
	return s.Sink.Lifecycle(l)
}

// backOff takes an end that a back-off tells of.
func (s *kubernetesStory) backOff(c *record.Crash) error {
	s.saw(c.Container, c.Time)
	s.begin(c.Time, c.Host, c.Container)
	if len(s.backOffs) < maxStoryKills {
		s.backOffs = append(s.backOffs, c)
		return nil
	}
	return s.Sink.Crash(c)
}

// ofContainer takes an event that names a container of a pod. Where no pod tells which is its main one, that is the first that began: the
// kubelet starts them in the order of the pod's description. One that is the only one named has begun before.
func (s *kubernetesStory) ofContainer(e *kubernetesEventRead) error {
	pod, inner := string(e.origin.Container), string(e.inner)
	e.origin.Container = []byte(containers.InPod(pod, inner))
	if first, known := s.first[pod]; !record.IsSidecar(inner) && (known && e.beginsBefore(first) || !known && len(s.first) < maxStoryEvents) {
		if s.first == nil {
			s.first = map[string]*kubernetesEventRead{}
		}
		s.first[pod] = &kubernetesEventRead{origin: origin.Origin{Pos: e.origin.Pos, Container: e.origin.Container}, reason: e.reason, first: e.first, last: e.last}
	}
	return e.tell(s)
}

// tellMains says which containers of pods began first.
func (s *kubernetesStory) tellMains() error {
	for _, pod := range slices.Sorted(maps.Keys(s.first)) {
		o := &s.first[pod].origin
		if err := s.Sink.Lifecycle(record.MainOf(o.Pos, string(o.Container), record.BegunFirst)); err != nil {
			return err
		}
	}
	return nil
}

// evict takes the end of an evicted pod.
func (s *kubernetesStory) evict(p evictedPod) error {
	if len(s.evicted) < maxStoryKills {
		s.evicted = append(s.evicted, p)
		return nil
	}
	return s.endEvicted(p)
}

// evictionTold remembers that an event tells of an eviction.
func (s *kubernetesStory) evictionTold(container string) {
	if len(s.told) < maxStoryKills {
		if s.told == nil {
			s.told = map[string]bool{}
		}
		s.told[container] = true
	}
}

// endEvicted passes on what an evicted pod tells and no event does.
func (s *kubernetesStory) endEvicted(p evictedPod) error {
	if p.crash != nil {
		switch {
		case s.told[p.crash.Container]:
			return nil
		case p.crash.Time == 0:
			return s.evictedSometime(p.crash.Pos, p.crash.Container)
		}
		if err := s.Crash(p.crash); err != nil {
			return err
		}
		return s.Lifecycle(p.shortage)
	}
	if p.stop.Time != 0 {
		return s.Lifecycle(p.stop)
	}
	if s.told[p.stop.Container] {
		return nil
	}
	return s.evictedSometime(p.stop.Pos, p.stop.Container)
}

func (s *kubernetesStory) evictedSometime(pos record.Pos, container string) error {
	return s.Warn(&record.Warning{Code: "no_time", Pos: pos, Count: 1, Text: EvictedWithoutTime, Example: container})
}

func (s *kubernetesStory) saw(container string, at record.Time) {
	if pod, inner := containers.PodOf(container); inner {
		container = pod // an event may name either
	}
	if first, known := s.seen[container]; container == "" || at == 0 || known && first <= at || !known && len(s.seen) >= maxStoryEvents {
		return
	}
	s.seen[container] = at
}

func (s *kubernetesStory) begin(at record.Time, host, container string) {
	if len(s.begins) < maxStoryEvents && host != "" && container != "" {
		s.begins = append(s.begins, podBegin{at, host, container})
	}
}

func (s *kubernetesStory) end(container string, at record.Time) {
	if s.ended >= maxStoryEvents || container == "" {
		return
	}
	s.ended++
	s.ends[container] = append(s.ends[container], at)
	if pod, inner := containers.PodOf(container); inner {
		s.ends[pod+"/"] = append(s.ends[pod+"/"], at)
	}
}

// close passes on what was held.
func (s *kubernetesStory) close() error {
	if err := s.tellMains(); err != nil {
		return err
	}
	for _, p := range s.evicted {
		if err := s.endEvicted(p); err != nil {
			return err
		}
	}
	slices.SortFunc(s.begins, func(a, b podBegin) int {
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.time, b.time), cmp.Compare(a.container, b.container))
	})
	s.begins = slices.Compact(s.begins)
	for _, c := range s.kills {
		if pod, ok := s.startedAgain(c.Host, c.Time); ok {
			c.Container, c.Instance = pod, "" // the process id is no name of a container's life
			s.end(pod, c.Time)
		} else if err := warning.Tell(s.Sink, c.Pos, "container_not_told", "memory kills that a node tells of without the container, and no event says which pod of the node was there before and started again; save the pods as well (kubectl get pods -o json)", []byte(c.Text)); err != nil {
			return err
		}
		if err := s.Sink.Crash(c); err != nil {
			return err
		}
	}
	for _, times := range s.ends {
		slices.Sort(times)
	}
	for _, c := range s.backOffs {
		// The end may be told of the container, of its pod, or of a container where the back-off is told of the pod.
		other := c.Container + "/"
		if pod, inner := containers.PodOf(c.Container); inner {
			other = pod
		}
		if s.endedBefore(c.Container, c.Time) || s.endedBefore(other, c.Time) {
			continue // it is known already, and better
		}
		if err := s.Sink.Crash(c); err != nil {
			return err
		}
	}
	return nil
}

// endedBefore reports whether an end is told that a back-off may come of.
func (s *kubernetesStory) endedBefore(container string, backOff record.Time) bool {
	times := s.ends[container]
	i, _ := slices.BinarySearch(times, backOff.Add(-longestBackOff))
	return i < len(times) && times[i] <= backOff.Add(nodeClocks)
}

// startedAgain finds the only container of a node that was there before an instant and begins anew soon after it. One that is told of
// only afterwards may have been created then: it is no victim.
func (s *kubernetesStory) startedAgain(host string, at record.Time) (pod string, ok bool) {
	i, _ := slices.BinarySearchFunc(s.begins, podBegin{time: at, host: host}, func(b, want podBegin) int {
		return cmp.Or(cmp.Compare(b.host, want.host), cmp.Compare(b.time, want.time))
	})
	for ; i < len(s.begins) && s.begins[i].host == host && s.begins[i].time <= at.Add(SoonAgain); i++ {
		seen := s.begins[i].container
		if of, inner := containers.PodOf(seen); inner {
			seen = of
		}
		if first, known := s.seen[seen]; !known || first >= at {
			continue
		}
		if ok && s.begins[i].container != pod {
			return "", false
		}
		pod, ok = s.begins[i].container, true
	}
	return pod, ok
}
