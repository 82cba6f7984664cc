package nightly

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrOverlap means that another run holds the lock.
type ErrOverlap struct {
	Dir string
	// Holder is what the other run wrote about itself; may be empty.
	Holder string
}

func (e *ErrOverlap) Error() string {
	by := ""
	if e.Holder != "" {
		by = " (" + e.Holder + ")"
	}
	return fmt.Sprintf("another night watch is at work with the state in %s%s; this one did nothing. If runs overlap every night, "+
		"start them further apart, or bound them with `wait` and `max_calls`", e.Dir, by)
}

// lock takes the folder for this run; unlock gives it back. The lock is the system's, on an open file: a run that is killed
// leaves none behind.
func (s Store) lock(now time.Time) (unlock func(), err error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for the state: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(s.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the state: %w", err)
	}
	held, err := tryLock(f)
	if err != nil || !held {
		holder := make([]byte, 200)
		n, _ := f.Read(holder)
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("lock the state in %s: %w", s.Dir, err)
		}
		return nil, &ErrOverlap{s.Dir, strings.TrimSpace(string(holder[:n]))}
	}
	// What is written is for people; the lock does not rest on it.
	_ = f.Truncate(0)
	_, _ = f.WriteAt([]byte(fmt.Sprintf("process %d, since %s\n", os.Getpid(), now.UTC().Format(time.RFC3339))), 0)
	return func() { _ = f.Close() }, nil
}
