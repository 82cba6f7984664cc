package capture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"lastcall/collectors/record"
)

// Info is what a capture answers.
type Info struct {
	// Question is what was asked, in the words of whoever asked, without anything relative replaced: two collections with the
	// same Question are one collection, interrupted. It must not hold keys.
	Question string
	// Query is the question with its window resolved.
	Query record.Query
	// Tool names the program and version that wrote the capture.
	Tool string
	// Created is when the collection began.
	Created time.Time
	// Complete is set once everything asked for has been written.
	Complete bool
}

const (
	manifestName = "manifest.json"
	maxManifest  = 1 << 20 // bytes; it holds a question and little else
	segmentsName = "segments"
	segmentExt   = ".ndjson.zst"
	tempPrefix   = ".tmp-"
	lockName     = ".lock"
	formatName   = "lastcall-capture"
)

type manifest struct {
	Format   string `json:"format"`
	Version  int    `json:"version"`
	Tool     string `json:"tool,omitempty"`
	Created  string `json:"created,omitempty"`
	Question string `json:"question,omitempty"`
	Query    struct {
		From    string `json:"from,omitempty"`
		To      string `json:"to,omitempty"`
		Service string `json:"service,omitempty"`
		Env     string `json:"env,omitempty"`
	} `json:"query"`
	Complete bool `json:"complete"`
}

// Errors that a caller may tell apart.
var (
	// ErrNewer means that a newer version of the program wrote the capture.
	ErrNewer = errors.New("the capture was written by a newer version of lastcall; update lastcall to read it")
	// ErrNotCapture means that the folder is something else.
	ErrNotCapture = errors.New("not a capture")
	// ErrOther means that the folder holds a capture of another question.
	ErrOther = errors.New("the folder holds a capture of another question; choose another folder, or remove it")
	// ErrBusy means that another collection is writing there.
	ErrBusy = errors.New("another collection is writing to this capture")
)

// Is reports whether dir is a capture, whole or not.
func Is(dir string) bool {
	m, err := readManifest(dir)
	return err == nil || m != nil
}

// readManifest returns the manifest even with ErrNewer.
func readManifest(dir string) (*manifest, error) {
	// A regular file only, as with segments: a link could lead out of the folder, a pipe has no end.
	st, err := os.Lstat(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) || err == nil && (!st.Mode().IsRegular() || st.Size() > maxManifest) {
		return nil, ErrNotCapture
	}
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, err
	}
	m := &manifest{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNotCapture, manifestName, err)
	}
	if m.Format != formatName {
		return nil, ErrNotCapture
	}
	if m.Version > Version {
		return m, fmt.Errorf("%w (its format is version %d, this program reads up to %d)", ErrNewer, m.Version, Version)
	}
	return m, nil
}

func (m *manifest) info() Info {
	at := func(s string) time.Time {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return time.Time{}
		}
		return t.UTC()
	}
	return Info{
		Question: m.Question, Tool: m.Tool, Created: at(m.Created), Complete: m.Complete,
		Query: record.Query{
			From: record.TimeOf(at(m.Query.From)), To: record.TimeOf(at(m.Query.To)), Service: m.Query.Service, Env: m.Query.Env,
		},
	}
}

func manifestOf(i Info) manifest {
	m := manifest{Format: formatName, Version: Version, Tool: i.Tool, Question: i.Question, Complete: i.Complete}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339Nano)
	}
	m.Created = at(i.Created)
	m.Query.From, m.Query.To = at(i.Query.From.Std()), at(i.Query.To.Std())
	m.Query.Service, m.Query.Env = i.Query.Service, i.Query.Env
	return m
}

// Writer writes a capture. Its methods may be called from several goroutines.
type Writer struct {
	dir  string
	info Info
	lock *os.File

	mu     sync.Mutex
	done   map[string]string // slice key -> segment file
	closed bool
}

// Open begins the capture in dir, or goes on with one that was interrupted.
//
// A folder that does not exist is made; an empty one is used; one that holds something else is refused. When it holds a capture
// with the same Question that is not complete, or one with the same Question and Query, the collection goes on: [Writer.Info]
// then returns the Query of the first attempt, which is the one to ask, since "the last three hours" mean other hours by now.
// Segments found damaged are forgotten and will be asked for again.
func Open(dir string, info Info) (*Writer, error) {
	w, err := open(dir, info)
	if err != nil {
		return nil, fmt.Errorf("capture %s: %w", dir, err)
	}
	return w, nil
}

func open(dir string, info Info) (_ *Writer, err error) {
	m, err := readManifest(dir)
	fresh := errors.Is(err, ErrNotCapture) && m == nil
	if err != nil && !fresh {
		return nil, err
	}
	if fresh {
		if err := refuseForeign(dir); err != nil {
			return nil, err
		}
		// Private: logs hold personal data.
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("cannot make the folder: %w", err)
		}
	}
	w := &Writer{dir: dir, done: map[string]string{}}
	if w.lock, err = acquire(filepath.Join(dir, lockName)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.unlock()
		}
	}()
	// Read again under the lock: another collection may have begun in between.
	if m, err = readManifest(dir); err == nil {
		was := m.info()
		if was.Question != info.Question || (was.Complete && was.Query != info.Query) {
			return nil, fmt.Errorf("%w (it holds: %s)", ErrOther, describe(was))
		}
		w.info = was
	} else if errors.Is(err, ErrNotCapture) && m == nil {
		w.info = info
		w.info.Complete = false
		w.info.Created = info.Created.UTC()
		if err := w.writeManifest(); err != nil {
			return nil, err
		}
	} else {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, segmentsName), 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the folder: %w", err)
	}
	return w, w.scan()
}

func describe(i Info) string {
	if i.Question == "" {
		return "no question"
	}
	state := "incomplete"
	if i.Complete {
		state = "complete"
	}
	return fmt.Sprintf("%q, %s", i.Question, state)
}

func refuseForeign(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		// A collection killed before its manifest leaves these.
		if n := e.Name(); n != lockName && n != segmentsName && !strings.HasPrefix(n, tempPrefix) {
			return fmt.Errorf("%w, and the folder is not empty (it holds %q): choose an empty or a new folder", ErrNotCapture, n)
		}
	}
	return nil
}

// scan finds the segments that are whole, and removes what a killed collection left half-written.
func (w *Writer) scan() error {
	files, err := segmentFiles(w.dir)
	if err != nil {
		return err
	}
	for _, dir := range []string{w.dir, filepath.Join(w.dir, segmentsName)} {
		left, err := filepath.Glob(filepath.Join(escapeGlob(dir), tempPrefix+"*"))
		if err != nil {
			return err
		}
		for _, f := range left {
			if err := os.Remove(f); err != nil {
				return err
			}
		}
	}
	dec, err := newZstdDecoder()
	if err != nil {
		return err
	}
	defer dec.Close()
	for _, f := range files {
		key, d, err := verify(f, dec)
		if errors.Is(err, errNewerSegment) {
			return fmt.Errorf("%s: %w", filepath.Base(f), ErrNewer)
		}
		if err != nil {
			return err
		}
		if !d.any() && segmentPath(w.dir, key) == f {
			w.done[key] = f
		}
	}
	return nil
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

func segmentFiles(dir string) ([]string, error) {
	if st, err := os.Lstat(filepath.Join(dir, segmentsName)); err == nil && !st.IsDir() {
		return nil, fmt.Errorf("%s is no folder of its own (a link could lead out of the capture)", segmentsName)
	}
	entries, err := os.ReadDir(filepath.Join(dir, segmentsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		// Regular files only: a link could lead out of the folder.
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), segmentExt) && !strings.HasPrefix(e.Name(), tempPrefix) {
			files = append(files, filepath.Join(dir, segmentsName, e.Name()))
		}
	}
	sort.Strings(files)
	return files, nil
}

func segmentPath(dir, key string) string {
	slug := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '_'
	}, key)
	if len(slug) > 80 {
		slug = slug[:80]
	}
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(dir, segmentsName, strings.TrimLeft(slug, ".")+"-"+hex.EncodeToString(sum[:6])+segmentExt)
}

// Info returns what the capture answers; see [Open].
func (w *Writer) Info() Info { return w.info }

// Done reports whether the slice has been committed, now or before an interruption.
func (w *Writer) Done(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.done[key]
	return ok
}

// Replay passes the records of a committed slice to sink, which may be nil, and its notes to note, which may be nil. An error
// that wraps [fs.ErrNotExist] means that the slice has not been committed.
func (w *Writer) Replay(ctx context.Context, key string, sink record.Sink, note func(name string, value []byte)) error {
	w.mu.Lock()
	file, ok := w.done[key]
	w.mu.Unlock()
	if !ok {
		return fmt.Errorf("capture %s: slice %q: %w", w.dir, key, fs.ErrNotExist)
	}
	r, err := newReplayer()
	if err != nil {
		return err
	}
	defer r.close()
	r.dec.notes = note
	if sink == nil {
		sink = record.Discard{}
	}
	d, err := r.segment(ctx, file, sink)
	if err == nil && d.any() {
		err = fmt.Errorf("%s: %s", filepath.Base(file), d.reason)
	}
	if err != nil {
		return fmt.Errorf("capture %s: slice %q: %w", w.dir, key, err)
	}
	return nil
}

// Begin starts a slice. What is written to it becomes part of the capture with [Slice.Commit], as a whole; a slice with a key
// that is already there is replaced then.
func (w *Writer) Begin(key string) (*Slice, error) {
	w.mu.Lock()
	closed := w.closed
	w.mu.Unlock()
	if closed {
		return nil, fmt.Errorf("capture %s: closed", w.dir)
	}
	f, err := os.CreateTemp(filepath.Join(w.dir, segmentsName), tempPrefix+"*")
	if err != nil {
		return nil, w.writeError(err)
	}
	s := &Slice{shared: &shared{w: w, key: key, f: f}}
	if s.seg, err = newSegmentWriter(f, key); err != nil {
		s.Abort()
		return nil, w.writeError(err)
	}
	return s, nil
}

// writeError says what to do about a failed write.
func (w *Writer) writeError(err error) error {
	return fmt.Errorf("capture %s: cannot write: %w; what was collected before is whole: make room or rights and run the same command again to go on",
		w.dir, err)
}

// Finish marks the capture complete and closes it.
func (w *Writer) Finish() error {
	if !w.info.Complete {
		w.info.Complete = true
		if err := w.writeManifest(); err != nil {
			w.info.Complete = false
			return errors.Join(fmt.Errorf("capture %s: %w", w.dir, err), w.Close())
		}
	}
	return w.Close()
}

// Close releases the folder without marking the capture complete. It may be called more than once.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	w.unlock()
	return nil
}

func (w *Writer) unlock() {
	if w.lock != nil {
		// The lock goes with the descriptor. The file stays: removing it would let two collections lock two files.
		w.lock.Close()
		w.lock = nil
	}
}

func (w *Writer) writeManifest() error {
	b, err := json.MarshalIndent(manifestOf(w.info), "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(w.dir, tempPrefix+"*")
	if err != nil {
		return fmt.Errorf("cannot write the manifest: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	if err = place(f, filepath.Join(w.dir, manifestName), err); err != nil {
		return fmt.Errorf("cannot write the manifest: %w", err)
	}
	return nil
}

// place syncs, closes and renames f into place, or removes it: the file appears whole or not at all.
func place(f *os.File, path string, err error) error {
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	syncDir(filepath.Dir(path))
	return nil
}

// syncDir makes a rename survive a power cut, where the system can; where it cannot, the rename is still whole.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}

// shared is what a slice and its forks have in common.
type shared struct {
	w   *Writer
	key string

	mu   sync.Mutex
	f    *os.File
	seg  *segmentWriter
	err  error // sticky: a slice with a hole must not be committed
	over bool
}

// Slice is one unit of collection being written: a [record.Sink]. After a failed write every method returns the error.
type Slice struct {
	*shared
	c      chunk
	forked bool
}

func (s *Slice) put(encode func(c *chunk)) error {
	if s.c.sources == nil {
		s.c.sources = map[*record.Source]int{}
	}
	encode(&s.c)
	if len(s.c.buf) < chunkSize {
		return nil
	}
	return s.flush()
}

func (s *Slice) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
	case s.over:
		s.err = fmt.Errorf("capture %s: slice %q: written to after it ended", s.w.dir, s.key)
	default:
		if err := s.seg.chunk(&s.c); err != nil {
			s.err = s.w.writeError(err)
		}
	}
	return s.err
}

// Request and the other methods of [record.Sink] write one record.
func (s *Slice) Request(r *record.Request) error {
	return s.put(func(c *chunk) { c.request(r) })
}

// Sample writes one record.
func (s *Slice) Sample(r *record.Sample) error { return s.put(func(c *chunk) { c.sample(r) }) }

// Crash writes one record.
func (s *Slice) Crash(r *record.Crash) error { return s.put(func(c *chunk) { c.crash(r) }) }

// Lifecycle writes one record.
func (s *Slice) Lifecycle(r *record.Lifecycle) error {
	return s.put(func(c *chunk) { c.lifecycle(r) })
}

// Job writes one record.
func (s *Slice) Job(r *record.Job) error { return s.put(func(c *chunk) { c.job(r) }) }

// Message writes nothing: what is captured comes from services, and those are not asked for all that was logged.
func (s *Slice) Message(*record.Message) error { return nil }

// Exposure writes one record.
func (s *Slice) Exposure(r *record.Exposure) error {
	return s.put(func(c *chunk) { c.exposure(r) })
}

// Profile writes one record.
func (s *Slice) Profile(r *record.Profile) error { return s.put(func(c *chunk) { c.profile(r) }) }

// Warn writes one record.
func (s *Slice) Warn(r *record.Warning) error { return s.put(func(c *chunk) { c.warning(r) }) }

// Cover writes one record.
func (s *Slice) Cover(r *record.Coverage) error { return s.put(func(c *chunk) { c.coverage(r) }) }

// Note keeps what the collector wants to find again with [Writer.Replay] when it resumes. Value is any JSON.
func (s *Slice) Note(name string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("capture: note %q: %w", name, err)
	}
	return s.put(func(c *chunk) { c.note(name, bytes.TrimSpace(b)) })
}

// Fork returns a Sink for another goroutine, which writes to the same slice.
func (s *Slice) Fork() record.Sink { return &Slice{shared: s.shared, forked: true} }

// Join writes what a fork still holds.
func (s *Slice) Join() error {
	if !s.forked {
		return nil
	}
	return s.flush()
}

// Commit makes the slice part of the capture. After an error the slice is gone and the capture is as it was before.
func (s *Slice) Commit() error {
	err := s.flush()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return err
	}
	if err != nil {
		s.abort()
		return err
	}
	s.over = true
	s.seg.enc.Close()
	path := segmentPath(s.w.dir, s.key)
	if err := place(s.f, path, s.seg.finish()); err != nil {
		s.err = s.w.writeError(err)
		return s.err
	}
	s.w.mu.Lock()
	s.w.done[s.key] = path
	s.w.mu.Unlock()
	return nil
}

// Abort drops the slice; after Commit it does nothing.
func (s *Slice) Abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abort()
}

func (s *Slice) abort() {
	if s.over {
		return
	}
	s.over = true
	if s.seg != nil {
		s.seg.enc.Close()
	}
	s.f.Close()
	os.Remove(s.f.Name())
}
