package cli

import (
	"bytes"
	"io"
	"sort"
	"sync"
)

// scrubber is a writer that masks secrets, whatever wrote them: messages, errors, logs, a panic of a library. It is the last
// wall; what reaches it should hold no secret in the first place. It is safe for use by several goroutines.
type scrubber struct {
	mu      sync.Mutex
	w       io.Writer
	secrets [][]byte
}

// newScrubber masks each secret of at least 8 bytes; shorter values would mask ordinary words.
func newScrubber(w io.Writer, secrets ...string) *scrubber {
	s := &scrubber{w: w}
	s.hide(secrets...)
	return s
}

// hide adds secrets that became known later (a config file, a flag).
func (s *scrubber) hide(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range secrets {
		if len(x) >= 8 {
			s.secrets = append(s.secrets, []byte(x))
		}
	}
	// The longest first, so that a secret that holds another is masked whole.
	sort.SliceStable(s.secrets, func(i, j int) bool { return len(s.secrets[i]) > len(s.secrets[j]) })
}

func (s *scrubber) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := p
	for _, x := range s.secrets {
		if bytes.Contains(q, x) {
			q = bytes.ReplaceAll(q, x, []byte("[secret]"))
		}
	}
	if _, err := s.w.Write(q); err != nil {
		return 0, err
	}
	return len(p), nil
}
