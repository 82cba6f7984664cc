package evidence

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/record"
)

// pprofProfile recognises profiles by their content, pprof's protocol buffers (whatever wrote them) and the legacy texts of Go and
// tcmalloc, and passes them on whole; to parse them is the analyzer's task. Time, container and whether it was written at an
// out-of-memory come from the name, such as "web-1_20261114T091832Z_oom.pb.gz".
//
// Source: google/pprof, proto/profile.proto; Go, runtime/pprof.
type pprofProfile struct{}

// maxProfile bounds a profile.
const maxProfile = 64 << 20

// Name implements Format.
func (pprofProfile) Name() string { return "pprof" }

// Sniff implements Format.
func (pprofProfile) Sniff(head []byte) int {
	for _, s := range []string{"heap profile: ", "heapz profile: ", "growthz profile: ", "goroutine profile: total ", "threadcreate profile: total ", "--- contention", "--- mutex:", "--- heapz", "heap_v2/", "heap_v1/"} {
		if bytes.HasPrefix(head, []byte(s)) {
			return 90
		}
	}
	if isProfileProto(head) {
		return 95
	}
	return 0
}

// isProfileProto walks the top-level fields of a message and checks that they are those of a profile: the known numbers with the
// known wire types, among them a sample type (1) that is itself a pair of small numbers.
func isProfileProto(b []byte) bool {
	fields, types := 0, 0
	for len(b) > 0 && fields < 200 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return false
		}
		number, wire := tag>>3, tag&7
		b = b[n:]
		switch number {
		case 1, 2, 3, 4, 5, 6, 11: // sample_type, sample, mapping, location, function, string_table, period_type
			if wire != 2 {
				return false
			}
			size, n := binary.Uvarint(b)
			if n <= 0 || size > maxProfile {
				return false
			}
			b = b[n:]
			if size > uint64(len(b)) {
				// Cut by the end of the head.
				return fields > 0 && types > 0
			}
			if number == 1 || number == 11 {
				if !isValueType(b[:size]) {
					return false
				}
				if number == 1 {
					types++
				}
			}
			b = b[size:]
		case 7, 8, 9, 10, 12, 13, 14, 15: // drop_frames, keep_frames, time, duration, period, comment, default_sample_type, doc_url
			switch wire {
			case 0:
				_, n := binary.Uvarint(b)
				if n <= 0 {
					return false
				}
				b = b[n:]
			case 2:
				if number != 13 { // only comments are packed
					return false
				}
				size, n := binary.Uvarint(b)
				if n <= 0 || size > uint64(len(b)-n) {
					return false
				}
				b = b[n+int(size):]
			default:
				return false
			}
		default:
			return false
		}
		fields++
	}
	return types > 0 && fields > 1
}

// isValueType fits {type, unit}: up to two small varints.
func isValueType(b []byte) bool {
	if len(b) > 12 {
		return false
	}
	for len(b) > 0 {
		if b[0] != 0x08 && b[0] != 0x10 {
			return false
		}
		_, n := binary.Uvarint(b[1:])
		if n <= 0 {
			return false
		}
		b = b[1+n:]
	}
	return true
}

// Parse implements WholeFormat.
func (pprofProfile) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	data, err := io.ReadAll(&contextReader{ctx, io.LimitReader(r, maxProfile+1)})
	if err != nil {
		return fmt.Errorf("reading the profile: %w", err)
	}
	if len(data) > maxProfile {
		return errors.New("the profile is larger than 64 MiB; take one of a smaller sample rate or shorter duration")
	}
	name := cut.BaseName(src.Name)
	p := record.Profile{Pos: record.Pos{Source: src}, Name: name, Data: data}
	p.Container, p.Time, p.OnOOM = profileName(name)
	return sink.Profile(&p)
}

// contextReader stops reading when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}

// profileName reads what the name of a profile tells: what precedes the time is the container, a word "oom" says that the runtime
// wrote it as it ran out of memory. A name without a time tells of neither container nor time.
func profileName(name string) (container string, at record.Time, onOOM bool) {
	for _, w := range cut.Words(name) {
		if w == "oom" {
			onOOM = true
		}
	}
	for i := 0; i < len(name); i++ {
		t, ok := compactTime(name[i:])
		if !ok {
			continue
		}
		prefix := strings.TrimRight(name[:i], "_-.@")
		for _, kind := range []string{"heap", "profile", "oom", "goroutine"} {
			prefix = strings.TrimRight(strings.TrimSuffix(prefix, kind), "_-.@")
		}
		return prefix, t, onOOM
	}
	return "", 0, onOOM
}

// compactTime reads a time at the beginning of s in the forms that fit file names: 20261114T091832Z, 2026-11-14T09-18-32Z,
// 2026-11-14T09:18:32Z, 20261114-091832; without zone they are UTC.
func compactTime(s string) (record.Time, bool) {
	if st, ok := stamp.Read([]byte(s)); ok {
		return st.Time, true
	}
	for _, layout := range []string{"20060102T150405", "2006-01-02T15-04-05", "2006-01-02T15_04_05", "20060102-150405", "20060102_150405", "2006-01-02_15-04-05", "20060102150405"} {
		if len(s) < len(layout) || (len(s) > len(layout) && number.IsDigit(s[len(layout)])) {
			continue
		}
		if t, err := time.ParseInLocation(layout, s[:len(layout)], time.UTC); err == nil && t.Year() > 1980 && t.Year() < 2200 {
			return record.TimeOf(t), true
		}
	}
	return 0, false
}
