package evidence

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/orchestrator"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/tables"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/internal/lines"
	"lastcall/collectors/internal/panics"
	"lastcall/collectors/record"
)

// Options say what to read and how.
type Options struct {
	// Paths are files, folders (read recursively, in the order of their names, hidden ones left out) or "-" for Stdin.
	Paths []string
	// Stdin is read for the path "-", once.
	Stdin io.Reader
	// StdinName is what Stdin is called in the records' positions; empty means "stdin".
	StdinName string
	// Workers is the number of goroutines that parse; 0 is one per core.
	Workers int
	// Progress, when set, is called now and then, from one goroutine at a time, with the bytes read of the files so far and their
	// sum; both as they lie on disk, compressed or not.
	Progress func(read, total int64)
	// NoZone is the zone of times that name none; nil is UTC. Each use is counted as the warning "no_timezone".
	NoZone *time.Location
}

// Collector reads files into records. It implements record.Collector; apart from Stdin it can collect any number of times.
type Collector struct {
	opts    Options
	formats []format.Format
}

// New makes a Collector; nothing is opened before Collect.
func New(opts Options) *Collector {
	return &Collector{opts: opts, formats: formats(opts.NoZone)}
}

// Name implements record.Collector.
func (*Collector) Name() string { return "files" }

// PathError says why one path gave no evidence and what to do about it. Its text holds no line of what was refused: errors end up
// in logs, in the state of a night and in messages, where nobody looks for personal data.
type PathError struct {
	Path string
	Err  error
	// Hint is what to do next.
	Hint string
	// Sample is a line of what was refused, as it stands there: whoever shows it masks it first. Empty where it has none.
	Sample string
}

func (e *PathError) Error() string { return fmt.Sprintf("%s: %v; %s", e.Path, reason(e.Err), e.Hint) }

// Unwrap returns the cause.
func (e *PathError) Unwrap() error { return e.Err }

// Permanent reports whether reading the path again cannot help: what it holds is refused, or it cannot be opened. A failure of the
// disk or the network may pass.
func (e *PathError) Permanent() bool {
	_, table := errors.AsType[tables.Error](e.Err)
	return table || slices.ContainsFunc([]error{ErrUnknownFormat, ErrEmpty, ErrNotAFile, fs.ErrNotExist, fs.ErrPermission}, func(cause error) bool {
		return errors.Is(e.Err, cause)
	})
}

// reason is the cause without the path, which stands before it already.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// NothingReadError says that none of the paths gave anything that could be used.
type NothingReadError struct{ Paths []*PathError }

func (e *NothingReadError) Error() string {
	switch n := len(e.Paths); n {
	case 0:
		return "no evidence: no file or folder was named; name some, or - for standard input"
	case 1:
		return "no evidence could be read: " + e.Paths[0].Error()
	default:
		const shown = 5
		var b strings.Builder
		fmt.Fprintf(&b, "no evidence could be read from any of %d inputs:", n)
		for _, p := range e.Paths[:min(n, shown)] {
			fmt.Fprintf(&b, "\n  %v", p)
		}
		if n > shown {
			fmt.Fprintf(&b, "\n  and %d more", n-shown)
		}
		return b.String()
	}
}

// Unwrap returns the errors of the paths.
func (e *NothingReadError) Unwrap() []error {
	out := make([]error, len(e.Paths))
	for i, p := range e.Paths {
		out[i] = p
	}
	return out
}

var (
	// ErrUnknownFormat is the cause for an input that is of no format that is known.
	ErrUnknownFormat = errors.New("its content is of no known format")
	// ErrEmpty is the cause for an empty file or a folder without files.
	ErrEmpty = errors.New("it is empty")
	// ErrNotAFile is the cause for devices, sockets and pipes in a folder.
	ErrNotAFile = errors.New("it is neither a file nor a folder")
)

const (
	hintFormat = "see the list of formats in the README; logs need their timestamps"
	hintEmpty  = "save the logs again, or name other files"
	hintPath   = "check the path and its permissions"
	hintBug    = "leave it out until that is mended"
)

// run is one collection.
type run struct {
	*Collector
	query record.Query
	sink  record.Sink

	seen     map[string]bool
	inputs   []input
	total    int64 // bytes on disk
	read     int64
	problems []*PathError
	used     int // inputs of a known format
	names    fileNames
	ends     endsTold
	dated    record.Time // the latest of the times with which the heads of files begin
}

// input is one file to read.
type input struct {
	name string // as told to people
	path string // to be opened; empty for standard input
	size int64
	turn turn
}

// turn is when an input is read.
type turn uint8

const (
	smallTurn    turn = iota
	requestsTurn      // holds requests: read after what is small and fixes the windows
)

// Collect implements record.Collector. It honours the times of the query and, where records name a service, its Service; files do not
// say for which environment they were saved, so that Env is not looked at. What holds crashes and metrics comes
// before what holds requests; otherwise inputs are read in the order in which they were named.
func (c *Collector) Collect(ctx context.Context, q record.Query, sink record.Sink) error {
	r := &run{Collector: c, query: q, sink: sink, seen: map[string]bool{}}
	for _, p := range c.opts.Paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.plan(ctx, p); err != nil {
			return err
		}
	}
	for i := range r.inputs {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.inputs[i].turn = r.turnOf(r.inputs[i])
	}
	slices.SortStableFunc(r.inputs, func(a, b input) int { return cmp.Compare(a.turn, b.turn) })
	for _, in := range r.inputs {
		if err := r.input(ctx, in); err != nil {
			return err
		}
	}
	if r.used == 0 {
		return &NothingReadError{Paths: r.problems}
	}
	if err := r.ends.place(r.query, r.sink); err != nil {
		return err
	}
	return r.ends.warn(r.sink)
}

// plan lists the files of one path.
func (r *run) plan(ctx context.Context, path string) error {
	if path == "-" {
		if r.opts.Stdin == nil {
			return r.problem(path, errors.New("there is no standard input"), "name files instead", "unreadable")
		}
		if !r.seen["-"] {
			r.seen["-"] = true
			name := r.opts.StdinName
			if name == "" {
				name = "stdin"
			}
			r.inputs = append(r.inputs, input{name: name})
		}
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return r.problem(path, err, hintPath, "unreadable")
	}
	if !info.IsDir() {
		// Whoever names a pipe or a device wants it read.
		r.add(path, path, info)
		return nil
	}
	if abs, err := filepath.Abs(path); err == nil {
		if r.seen[abs] {
			return nil
		}
		r.seen[abs] = true
	}
	files, refused := 0, len(r.problems)
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return r.problem(p, err, hintPath, "unreadable")
		}
		hidden := strings.HasPrefix(d.Name(), ".") && p != path
		switch {
		case d.IsDir() && hidden:
			return filepath.SkipDir
		case d.IsDir() || hidden:
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			return r.skipped(p, "symlink_skipped", "symbolic links within a folder are not followed; name the target to have it read")
		case !d.Type().IsRegular():
			return r.problem(p, ErrNotAFile, "name it by itself to have it read", "special_file_skipped")
		}
		info, err := d.Info()
		if err != nil {
			return r.problem(p, err, hintPath, "unreadable")
		}
		files++
		r.add(p, p, info)
		return nil
	})
	if err != nil {
		return err
	}
	if files == 0 && len(r.problems) == refused {
		return r.problem(path, ErrEmpty, "no files that are not hidden lie in this folder; "+hintEmpty, "empty_folder")
	}
	return nil
}

func (r *run) add(name, path string, info fs.FileInfo) {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	if r.seen[abs] {
		return
	}
	r.seen[abs] = true
	in := input{name: name, path: path}
	if info.Mode().IsRegular() {
		in.size = info.Size()
	}
	r.total += in.size
	r.inputs = append(r.inputs, in)
}

// problem tells of a path that gives nothing, and goes on.
func (r *run) problem(path string, err error, hint, code string) error {
	return r.refuse(&PathError{Path: path, Err: err, Hint: hint}, code)
}

func (r *run) refuse(p *PathError, code string) error {
	r.problems = append(r.problems, p)
	src := &record.Source{Name: p.Path}
	w := record.Warning{Code: code, Pos: record.Pos{Source: src}, Count: 1, Text: p.Error(), Example: p.Sample}
	if err := r.sink.Warn(&w); err != nil {
		return err
	}
	return r.sink.Cover(&record.Coverage{Source: src, Signal: "any", MissingReason: fmt.Sprintf("%v; %s", reason(p.Err), p.Hint)})
}

// skipped tells of a path that was left out on purpose.
func (r *run) skipped(path, code, text string) error {
	return r.sink.Warn(&record.Warning{Code: code, Pos: record.Pos{Source: &record.Source{Name: path}}, Count: 1, Text: text, Example: path})
}

// turnOf looks into a file to see what it holds.
func (r *run) turnOf(in input) (t turn) {
	t = smallTurn
	if in.path == "" || in.size == 0 {
		return requestsTurn // what cannot be opened twice
	}
	f, err := os.Open(in.path)
	if err != nil {
		return t
	}
	defer f.Close()
	var bug error // told when the input is read
	defer panics.Recover("", &bug)
	d, err := lines.NewReader(f)
	if err != nil {
		return t
	}
	defer d.Close()
	r.dated = max(r.dated, stamp.FirstIn(d.Head()))
	if _, best := r.open(d); best == nil || isRequestFormat(best) {
		return requestsTurn
	}
	return t
}

// recognise returns the format that is surest of the head; nil when none knows it.
func (r *run) recognise(head []byte) (best format.Format) {
	score := 0
	head = cut.PlainHead(head)
	for _, f := range r.formats {
		if s := f.Sniff(head); s > score {
			best, score = f, s
		}
	}
	return best
}

// input reads one input.
func (r *run) input(ctx context.Context, in input) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if in.path == "" {
		return r.stream(ctx, in.name, newPump(ctx, r.opts.Stdin))
	}
	f, err := os.Open(in.path)
	if err != nil {
		return r.problem(in.name, err, hintPath, "unreadable")
	}
	defer f.Close()
	if in.size == 0 { // a pipe or a device
		return r.stream(ctx, in.name, newPump(ctx, f))
	}
	if done, err := r.archive(ctx, in, f); done || err != nil {
		return err
	}
	return r.stream(ctx, in.name, &progress{src: f, run: r})
}

// progress counts what is read of a file.
type progress struct {
	src io.Reader
	run *run
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.src.Read(b)
	p.run.read += int64(n)
	if p.run.opts.Progress != nil && n > 0 {
		p.run.opts.Progress(p.run.read, max(p.run.total, p.run.read))
	}
	return n, err
}

// stream reads one input that was opened. A bug that it brings to light does not take the evidence of the others.
func (r *run) stream(ctx context.Context, name string, src io.Reader) error {
	err := r.opened(ctx, name, src)
	if bug, ok := errors.AsType[*panics.Error](err); ok {
		return r.problem(name, bug, hintBug, "internal_error")
	}
	return err
}

func (r *run) opened(ctx context.Context, name string, src io.Reader) (err error) {
	defer panics.Recover("", &err)
	outer, err := lines.NewReader(src)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return r.problem(name, err, hintPath, "unreadable")
	}
	defer outer.Close()
	if len(outer.Head()) == 0 && len(outer.Problems()) == 0 {
		return r.problem(name, ErrEmpty, hintEmpty, "empty_file")
	}
	if isTar(outer.Head()) {
		return r.tar(ctx, name, outer)
	}
	source := &record.Source{Name: name, Near: cmp.Or(stamp.FirstIn(outer.Head()), r.dated)}
	t := newTally(r.sink, source, r.query)
	if t.file = containerOfLogFile(source); t.file == nil {
		t.file = r.names.containerOf(name)
	}
	in, best := r.open(outer)
	known := false
	switch f := best.(type) {
	case format.WholeFormat:
		source.Format = formatName(f, in.Head())
		known = true
		err = parseWhole(ctx, f, source, in, t)
	default:
		if best == nil && !worthScanning(in.Head()) {
			break
		}
		known, err = r.lines(ctx, source, best, in, t)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if t.collect(); t.failed != nil {
		return t.failed
	}
	r.names.addAll(&t.names)
	r.ends.addAll(&t.ends)
	if table, ok := errors.AsType[tables.Error](err); ok {
		return r.refuse(&PathError{Path: name, Err: table, Hint: tables.Hint, Sample: warning.Example(cut.FirstText(in.Head()))}, "table_not_used")
	}
	if errors.Is(err, orchestrator.ErrAges) {
		hint, sample, cause := refusal(name, in.Head())
		return r.refuse(&PathError{Path: name, Err: cause, Hint: hint, Sample: sample}, "unknown_format")
	}
	broken := err
	bug, isBug := errors.AsType[*panics.Error](broken)
	if isBug && (!known || t.isSilent()) {
		return bug
	}
	problems := outer.Problems()
	for _, p := range problems {
		w := record.Warning{Code: p.Code, Pos: record.Pos{Source: source}, Count: 1, Text: p.Text, Example: p.Err.Error()}
		if err := t.Warn(&w); err != nil {
			return err
		}
	}
	if !known {
		hint, sample, cause := refusal(name, in.Head())
		if len(problems) > 0 && len(in.Head()) == 0 {
			cause = errors.New(problems[0].Text)
		}
		for _, w := range t.warnings() {
			if w.Code != "unrecognised_lines" && w.Code != "malformed_line" && w.Code != "binary_line" {
				if err := r.sink.Warn(w); err != nil {
					return err
				}
			}
		}
		return r.refuse(&PathError{Path: name, Err: cause, Hint: hint, Sample: sample}, "unknown_format")
	}
	r.used++
	missing := ""
	if broken != nil {
		w := record.Warning{
			Code: "malformed_document", Pos: record.Pos{Source: source}, Count: 1,
			Text: "the document is broken; what came before was used", Example: broken.Error(),
		}
		if isBug {
			w.Code, w.Text = "internal_error", "this program failed on the input; what came before was used"
		}
		if err := t.Warn(&w); err != nil {
			return err
		}
		missing = broken.Error()
	} else if t.isSilent() {
		missing = holdsNothing
		w := record.Warning{
			Code: "no_records", Pos: record.Pos{Source: source, Line: 1}, Count: 1, Text: "sources whose lines are understood, and none tells of a request, a death or a measurement; this is how the first begins",
			Example: warning.Example(cut.FirstText(in.Head())),
		}
		if _, ok := best.(orchestrator.Kubernetes); ok && isEmptyList(in.Head()) {
			missing, w.Text = "its list is empty", emptyKubernetesList
		}
		if err := t.Warn(&w); err != nil {
			return err
		}
	}
	n, err := t.report(missing)
	if err == nil && isBug && n > 0 {
		err = r.sink.Cover(&record.Coverage{Source: source, Signal: "any", Records: n, MissingReason: missing})
	}
	return err
}

// parseWhole is f.Parse, whose panic is an error of the document.
func parseWhole(ctx context.Context, f format.WholeFormat, source *record.Source, in io.Reader, t *tally) (err error) {
	defer panics.Recover("", &err)
	return f.Parse(ctx, source, &untilDone{ctx, in}, t)
}

// untilDone ends a stream when the context is done.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u *untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// open recognises what an input is. JSON that is spread over lines, and is no document of its own, is read flattened.
func (r *run) open(in *lines.Reader) (*lines.Reader, format.Format) {
	best := r.recognise(in.Head())
	if _, whole := best.(format.WholeFormat); whole || !jsondoc.IsSpread(in.Head()) {
		return in, best
	}
	head, err := io.ReadAll(jsondoc.NewFlattener(bytes.NewReader(in.Head())))
	if err != nil {
		return in, best
	}
	f := r.recognise(head)
	if _, ok := f.(format.LineFormat); !ok {
		return in, best
	}
	flat, err := lines.NewReader(jsondoc.NewFlattener(in))
	if err != nil {
		return in, best
	}
	return flat, f
}
