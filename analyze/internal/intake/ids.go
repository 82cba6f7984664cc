package intake

import (
	"math"
	"sync"

	"lastcall/collectors/record"
)

// containerNames interns the container names that requests carry. Id 0 is the empty name.
type containerNames struct {
	mu   sync.Mutex
	ids  map[string]uint32
	list []string
}

func newContainerNames() *containerNames {
	return &containerNames{ids: map[string]uint32{"": 0}, list: []string{"", "(other)"}} // by number: none, OtherContainers
}

func (n *containerNames) id(name string) uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id, ok := n.ids[name]; ok {
		return id
	}
	if len(n.list) >= maxContainers {
		return OtherContainers
	}
	id := uint32(len(n.list))
	n.ids[name] = id
	n.list = append(n.list, name)
	return id
}

// maxContainers bounds the names of containers.
const maxContainers = 1 << 20

// OtherContainers is the number of the names beyond maxContainers.
const OtherContainers = 1

// sources gives sources small ids.
type sources struct {
	mu   sync.RWMutex
	ids  map[*record.Source]uint16
	list []*record.Source
}

func newSources() *sources {
	return &sources{ids: map[*record.Source]uint16{nil: 0}, list: []*record.Source{nil}}
}

func (s *sources) id(src *record.Source) uint16 {
	s.mu.RLock()
	id, ok := s.ids[src]
	s.mu.RUnlock()
	if ok {
		return id
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, ok := s.ids[src]; ok {
		return id
	}
	if len(s.list) >= math.MaxUint16 {
		return 0
	}
	id = uint16(len(s.list))
	s.ids[src] = id
	s.list = append(s.list, src)
	return id
}

// Sources are sources by id.
type Sources []*record.Source

// Name returns the name of a source, empty for none.
func (s Sources) Name(id uint16) string { return SourceName(s[id]) }
