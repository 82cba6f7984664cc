package heap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/pprof/profile"
	"github.com/klauspost/compress/gzip"
)

// maxProfileBytes bounds one uncompressed profile: 200 000 samples of deep stacks take about 60 MB, and a small gzip file can
// expand a thousandfold.
const maxProfileBytes = 256 << 20

// ParseError says why a profile could not be read. Code is short and stable, for counting.
type ParseError struct {
	Code string
	// Why says what is wrong, and what to do where that is known.
	Why string
	Err error
}

func (e *ParseError) Error() string {
	if e.Err != nil {
		return e.Why + ": " + e.Err.Error()
	}
	return e.Why
}

func (e *ParseError) Unwrap() error { return e.Err }

// Parse reads a profile in any form that the pprof library knows (protocol buffer, gzipped or not, and the older text and
// binary formats), and goroutine dumps as text. Whatever the bytes, it returns a valid profile or a *[ParseError].
func Parse(data []byte) (p *profile.Profile, err error) {
	if len(data) == 0 {
		return nil, &ParseError{Code: "empty_profile", Why: "the file is empty: the profile was not written (a process near its end may leave 0 bytes); it does not mean that no memory was in use"}
	}
	if data, err = inflate(data); err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, &ParseError{Code: "empty_profile", Why: "the gzip stream holds 0 bytes: the profile was not written"}
	}
	if e := refuse(data); e != nil {
		return nil, e
	}
	if isGoroutineDump(data) {
		return parseGoroutineDump(data)
	}
	// The library is fuzzed less than it is used: a panic on hostile bytes is bad input here, not the end of the program.
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, &ParseError{Code: "malformed_profile", Why: fmt.Sprintf("the profile is malformed (%v)", r)}
		}
	}()
	p, err = profile.ParseData(data)
	if err != nil {
		return nil, &ParseError{Code: "malformed_profile", Why: "not a complete pprof profile; if it was cut short, fetch it again", Err: err}
	}
	symbolize(p, data)
	// Allocators at the inner end of legacy stacks hide who called them. A bad expression drops nothing.
	_ = p.RemoveUninteresting()
	if len(p.SampleType) == 0 {
		return nil, &ParseError{Code: "malformed_profile", Why: "the profile names no sample type"}
	}
	return p, nil
}

// inflate removes gzip layers: some exporters compress a profile that is compressed already.
func inflate(data []byte) ([]byte, error) {
	for range 3 {
		if len(data) < 2 || data[0] != 0x1f || data[1] != 0x8b {
			return data, nil
		}
		zr, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, &ParseError{Code: "truncated_gzip", Why: "the gzip header is damaged", Err: err}
		}
		// Over it twice, the first time to count: a bomb costs time and no memory.
		n, err := io.Copy(io.Discard, io.LimitReader(zr, maxProfileBytes+1))
		if n > maxProfileBytes {
			return nil, &ParseError{Code: "huge_profile", Why: fmt.Sprintf("the profile expands to more than %d MB", maxProfileBytes>>20)}
		}
		out := make([]byte, n)
		if err == nil {
			err = zr.Reset(bytes.NewReader(data))
		}
		if err == nil {
			_, err = io.ReadFull(zr, out)
		}
		if err != nil {
			return nil, &ParseError{Code: "truncated_gzip", Why: "the gzip stream is cut short or damaged; fetch the profile again", Err: err}
		}
		data = out
	}
	return nil, &ParseError{Code: "malformed_profile", Why: "gzip within gzip within gzip"}
}

// refuse recognises what is often taken for a profile and says what it is.
func refuse(data []byte) *ParseError {
	head := data[:min(len(data), 4096)]
	text := strings.TrimLeft(string(head), " \t\r\n\ufeff")
	lower := strings.ToLower(text)
	bad := func(code, why string) *ParseError { return &ParseError{Code: code, Why: why} }
	switch {
	case strings.HasPrefix(text, "heap_v2/"):
		return bad("jemalloc_heap_v2", "this is jemalloc's own heap_v2 text, not pprof; convert it first: jeprof --raw PROGRAM FILE > out.pb, or dump with jemalloc_pprof")
	case strings.HasPrefix(lower, "<!doctype"), strings.HasPrefix(lower, "<html"):
		return bad("html_not_profile", "this is an HTML page, not a profile (a login page, or the index of /debug/pprof/); fetch /debug/pprof/heap itself")
	case strings.HasPrefix(text, "{") && strings.Contains(text, `"snapshot"`):
		return bad("heap_snapshot", "this is a V8 heap snapshot (.heapsnapshot), not a pprof profile; take a sampling heap profile instead")
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return bad("json_not_profile", "this is JSON, not a pprof profile (an error message, or a V8 .heapprofile)")
	case bytes.HasPrefix(data, []byte("JAVA PROFILE 1.")):
		return bad("hprof", "this is a Java heap dump (hprof), not a pprof profile; use an async-profiler live-object profile converted to pprof")
	case bytes.HasPrefix(data, []byte("FLR\x00")):
		return bad("jfr", "this is a JFR recording, not a pprof profile; convert it (jfr2pprof)")
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return bad("archive", "this is a zip archive, not a profile; unpack it first")
	case len(data) > 262 && bytes.Equal(data[257:262], []byte("ustar")):
		return bad("archive", "this is a tar archive, not a profile; unpack it first")
	case strings.HasPrefix(text, "go 1.") && strings.Contains(text[:min(len(text), 32)], " trace"):
		return bad("execution_trace", "this is a Go execution trace, not a profile")
	}
	return nil
}

func parseErrorCode(err error) string {
	if pe, ok := errors.AsType[*ParseError](err); ok {
		return pe.Code
	}
	return "malformed_profile"
}
