package pprof

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"lastcall/collectors/record"
)

// files collects profiles from paths.
type files struct{ paths []string }

var _ record.Collector = files{}

// Files returns a collector of the profiles in files and folders. A file named is always handed on, whatever its name or
// content; of a folder, with all below it, what looks like a profile. Container and time come from the name of a file; the
// container of files found in folders, where names do not tell, from their folder when there are several.
func Files(paths []string) record.Collector { return files{slices.Clone(paths)} }

// Name is "profiles".
func (files) Name() string { return "profiles" }

// found is one file to hand on.
type found struct {
	path string
	// root is the path given on the command line that it was found under; empty for a file named itself.
	root string
}

// Collect reads the files in order of path.
func (f files) Collect(ctx context.Context, q record.Query, sink record.Sink) error {
	var list []found
	var links []string
	var errs []error
	for _, p := range f.paths {
		st, err := os.Stat(p)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%w; give profiles or folders that are there", err))
		case st.IsDir():
			under, linked, err := walk(ctx, p)
			if err != nil {
				return err
			}
			list, links = append(list, under...), append(links, linked...)
		default:
			list = append(list, found{path: p})
		}
	}
	if err := warnOfLinks(sink, links); err != nil {
		return err
	}
	c := collection{sink: sink, q: q, folders: map[string]bool{}}
	for _, x := range list {
		if x.root != "" {
			c.folders[filepath.Dir(x.path)] = true
		}
	}
	for _, x := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := c.file(x)
		var pe *fs.PathError
		switch {
		case errors.As(err, &pe):
			errs = append(errs, err)
		case err != nil:
			return err
		}
	}
	if c.kept == 0 && c.outside == 0 {
		if len(errs) > 0 {
			return errors.Join(errs...)
		}
		return fmt.Errorf("no profile in %s; give files that /debug/pprof/heap or a profiler wrote", strings.Join(f.paths, ", "))
	}
	for _, err := range errs {
		if err := sink.Warn(&record.Warning{Code: "unreadable_file", Count: 1, Text: "a file could not be read; the others stand", Example: clip(err.Error())}); err != nil {
			return err
		}
	}
	return c.finish(f.paths)
}

// walk lists the regular files below a folder, in order, and the symbolic links: those are not followed, because they may lead
// out of the folder that was given.
func walk(ctx context.Context, root string) (files []found, links []string, err error) {
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if cerr := ctx.Err(); cerr != nil {
			return cerr
		}
		switch {
		case err != nil && d != nil && d.IsDir():
			return fs.SkipDir
		case err != nil:
			return nil
		case p != root && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			links = append(links, p)
		case d.Type().IsRegular():
			files = append(files, found{path: p, root: root})
		}
		return nil
	})
	return files, links, err
}

func warnOfLinks(sink record.Sink, links []string) error {
	if len(links) == 0 {
		return nil
	}
	return sink.Warn(&record.Warning{
		Code: "symlink_skipped", Pos: record.Pos{Source: &record.Source{Name: links[0], Format: "pprof"}}, Count: int64(len(links)),
		Text: "symbolic links within a folder are not followed; name the target to have it read", Example: clip(links[0]),
	})
}

// collection is one run over files.
type collection struct {
	sink        record.Sink
	q           record.Query
	folders     map[string]bool // that hold files
	kept        int64
	other       int64 // files of folders that are no profiles
	outside     int64 // profiles outside the window
	first, last record.Time
}

func (c *collection) file(x found) error {
	st, err := os.Stat(x.path)
	if err != nil {
		return err
	}
	src := &record.Source{Name: x.path, Format: "pprof"}
	if st.Size() > defaultMaxBytes {
		if x.root != "" && !profileName(x.path) {
			c.other++
			return nil
		}
		return c.sink.Warn(&record.Warning{Code: "huge_profile", Pos: record.Pos{Source: src}, Count: 1, Text: fmt.Sprintf("a file of more than %d MB was left out", defaultMaxBytes>>20), Example: x.path})
	}
	if x.root != "" && !profileName(x.path) {
		ok, err := sniffFile(x.path)
		if err != nil {
			return err
		}
		if !ok {
			c.other++
			return nil
		}
	}
	data, err := readFile(x.path, st)
	if errors.Is(err, errTooLarge) {
		return c.sink.Warn(&record.Warning{Code: "huge_profile", Pos: record.Pos{Source: src}, Count: 1, Text: fmt.Sprintf("a pipe or device gave more than %d MB and was left out; save the profile to a file", maxPiped>>20), Example: x.path})
	}
	if err != nil {
		return err
	}
	if len(data) >= 4 && bytes.Equal(data[:4], []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		if data, err = unzstd(data); err != nil {
			return c.sink.Warn(&record.Warning{Code: "truncated_zstd", Pos: record.Pos{Source: src}, Count: 1, Text: "a zstd stream is cut short, damaged or too large; the profile was left out", Example: x.path})
		}
	}
	if x.root == "" && !profileName(x.path) && !LooksLikeProfile(data) {
		return &fs.PathError{Op: "read", Path: x.path, Err: errNoProfile}
	}
	named := FromName(x.path)
	if t := named.Time; t != 0 && (c.q.From != 0 && t < c.q.From || c.q.To != 0 && t > c.q.To) {
		c.outside++
		return nil
	}
	// Files named one by one may be "before/heap.pb.gz" and "after/heap.pb.gz" of one process.
	if named.Container == "" && x.root != "" && len(c.folders) > 1 {
		named.Container = folderContainer(x.path)
	}
	p := record.Profile{Pos: record.Pos{Source: src}, Name: x.path, Data: data, Time: named.Time, Container: named.Container, OnOOM: named.OnOOM}
	if err := c.sink.Profile(&p); err != nil {
		return err
	}
	c.kept++
	if t := named.Time; t != 0 {
		if c.first == 0 || t < c.first {
			c.first = t
		}
		c.last = max(c.last, t)
	}
	return nil
}

// folderContainer names the container by the nearest folder whose name is not just "profiles".
func folderContainer(p string) string {
	for dir := filepath.Dir(p); ; dir = filepath.Dir(dir) {
		base := filepath.Base(dir)
		if base == "." || base == string(filepath.Separator) || dir == filepath.Dir(dir) {
			return ""
		}
		if n := container(FromName(base).orBase(base)); n != "" {
			return n
		}
	}
}

// orBase is the container in the name of a folder, or the whole name where it holds no time.
func (n Named) orBase(base string) string {
	if n.Time != 0 {
		return n.Container
	}
	if strings.EqualFold(base, "testdata") || strings.EqualFold(base, "data") {
		return ""
	}
	return base
}

func sniffFile(p string) (bool, error) {
	f, err := os.Open(p)
	if err != nil {
		return false, err
	}
	defer f.Close()
	// A gzip stream takes a little more than the bytes that are looked at.
	head, err := io.ReadAll(io.LimitReader(f, 2*sniffBytes))
	if err != nil {
		return false, err
	}
	return LooksLikeProfile(head), nil
}

// maxPiped bounds what is read of a pipe or a device, which may have no end.
const maxPiped = 64 << 20

var (
	errTooLarge  = errors.New("too large")
	errNoProfile = errors.New("not a profile; give files that /debug/pprof/heap or a profiler wrote")
)

// readFile reads a file whose size was looked at; pipes (of a shell's process substitution) and devices up to maxPiped.
func readFile(path string, st fs.FileInfo) ([]byte, error) {
	if st.Mode().IsRegular() {
		return os.ReadFile(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPiped+1))
	if err == nil && len(data) > maxPiped {
		err = errTooLarge
	}
	return data, err
}

// unzstd goes over the stream twice: the first time to count, so that a bomb costs time and no memory.
func unzstd(data []byte) ([]byte, error) {
	zr, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return nil, err
	}
	defer zr.Close()
	n, err := io.Copy(io.Discard, io.LimitReader(zr, defaultMaxBytes+1))
	if err != nil {
		return nil, err
	}
	if n > defaultMaxBytes {
		return nil, errTooLarge
	}
	if err := zr.Reset(bytes.NewReader(data)); err != nil {
		return nil, err
	}
	out := make([]byte, n)
	_, err = io.ReadFull(zr, out)
	return out, err
}

func (c *collection) finish(paths []string) error {
	src := &record.Source{Name: strings.Join(paths, ", "), Format: "pprof"}
	if c.other > 0 {
		if err := c.sink.Warn(&record.Warning{Code: "not_a_profile", Pos: record.Pos{Source: src}, Count: c.other, Text: "files of the folders given are no profiles and were left out"}); err != nil {
			return err
		}
	}
	cov := record.Coverage{Source: src, Signal: "profiles", From: c.first, To: c.last, Records: c.kept}
	if c.outside > 0 {
		cov.MissingReason = fmt.Sprintf("%d profiles lie outside the window asked for", c.outside)
	}
	return c.sink.Cover(&cov)
}
