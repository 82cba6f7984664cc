package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"lastcall/report"
)

// wholeFiles writes files that appear whole or not at all: all of them are written beside their place first, and only when
// every one is complete are they moved there.
//
// The program can end while files are being written (an interrupt, when rendering takes longer than it is waited for): whoever
// ends it calls abandon from another goroutine.
type wholeFiles struct {
	mu        sync.Mutex
	pending   []pendingFile
	committed bool
	abandoned bool
}

type pendingFile struct{ temp, path string }

// add writes one file with render. After an error nothing is kept of this file: whoever goes on without it commits the others
// alone. A set that is not committed is discarded.
func (w *wholeFiles) add(path string, render func(io.Writer) error) error {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		if st.IsDir() {
			return fmt.Errorf("write %s: it is a folder; give the name of a file", path)
		}
		// A device or pipe (/dev/stdout, a fifo) cannot be replaced by a rename; it is written as it is.
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		return errors.Join(render(f), f.Close())
	}
	path, err := target(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := w.begin(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, plainPathError(err))
	}
	err = render(f)
	if st, serr := os.Stat(path); err == nil && serr == nil {
		err = f.Chmod(st.Mode().Perm()) // a file that is replaced keeps its mode
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		w.takeBack(f.Name())
		return fmt.Errorf("write %s: %w", path, plainPathError(err))
	}
	return nil
}

// target follows the links at path to the file that gets the new content: a link stays a link, and so does one whose target is not
// there yet, at which filepath.EvalSymlinks gives up.
func target(path string) (string, error) {
	given := path
	for range 40 { // as many as Linux follows
		// Not filepath.Dir, which takes the .. behind a link for the folder that the link is in.
		dir, name := filepath.Split(path)
		if dir == "" {
			dir = "."
		}
		dir, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return given, nil // the folder is not there, which is said by whoever writes
		}
		path = filepath.Join(dir, name)
		next, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link
		}
		if !filepath.IsAbs(next) {
			next = dir + string(filepath.Separator) + next
		}
		path = next
	}
	return given, errors.New("the link leads to itself; remove it, or give the name of a file")
}

// outputFiles are the files of --output with the format of each. No file is written twice, however it is spelled.
func outputFiles(paths []string, format func(path string) (report.Format, error)) ([]outputFile, error) {
	var out []outputFile
	spelled := map[string]string{}
	for _, path := range paths {
		f, err := format(path)
		if err != nil {
			return nil, err
		}
		place, err := target(path)
		if err != nil {
			return nil, usagef("--output %s: %w", path, err)
		}
		if abs, err := filepath.Abs(place); err == nil {
			place = abs
		}
		switch before, twice := spelled[place]; {
		case twice && before == path:
			return nil, usagef("--output %s is given twice", path)
		case twice:
			return nil, usagef("--output %s is the same file as --output %s", path, before)
		}
		spelled[place] = path
		out = append(out, outputFile{path, f})
	}
	return out, nil
}

// begin makes the temporary file for path and remembers it.
func (w *wholeFiles) begin(path string) (*os.File, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.abandoned {
		return nil, context.Canceled
	}
	f, err := createBeside(path)
	if err == nil {
		w.pending = append(w.pending, pendingFile{f.Name(), path})
	}
	return f, err
}

// takeBack forgets a temporary file that did not become whole.
func (w *wholeFiles) takeBack(temp string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = os.Remove(temp) // nothing to be done about a temporary file that will not go
	w.pending = slices.DeleteFunc(w.pending, func(p pendingFile) bool { return p.temp == temp })
}

// createBeside makes a new file in the folder of path. Not os.CreateTemp: its mode is for the owner alone, while a report has
// the mode that the user's umask gives to any new file.
func createBeside(path string) (*os.File, error) {
	for i := range 100 {
		f, err := os.OpenFile(fmt.Sprintf("%s.%d-%d.tmp", path, os.Getpid(), i), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, os.ErrExist) {
			return f, err
		}
	}
	return nil, fmt.Errorf("%s.*.tmp: a hundred left-over files are in the way; remove them", path)
}

// plainPathError drops the temporary name from an error, which would only puzzle.
func plainPathError(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

// commit moves all files to their places.
func (w *wholeFiles) commit() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.abandoned {
		return context.Canceled
	}
	for i, p := range w.pending {
		if err := os.Rename(p.temp, p.path); err != nil {
			w.pending = w.pending[i:]
			w.remove()
			return fmt.Errorf("write %s: %w", p.path, err)
		}
	}
	w.committed = w.committed || len(w.pending) > 0
	w.pending = nil
	return nil
}

// discard removes what was not committed.
func (w *wholeFiles) discard() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove()
}

// abandon is discard for good: nothing can be written or committed afterwards. It tells whether files had been committed before.
func (w *wholeFiles) abandon() (committed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abandoned = true
	w.remove()
	return w.committed
}

func (w *wholeFiles) remove() {
	for _, p := range w.pending {
		_ = os.Remove(p.temp) // as above
	}
	w.pending = nil
}

// stickyWriter remembers the first error, so that a report can be written without checking each line, and one check at the
// end covers all.
type stickyWriter struct {
	w   io.Writer
	n   int64
	err error
}

func (s *stickyWriter) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	s.n += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	s.err = err
	return n, err
}
