package pprof

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"regexp"
	"strings"
)

// sniffBytes is how much of a file is looked at to tell whether it is a profile.
const sniffBytes = 4096

// legacyText matches the headers of the older text formats and of goroutine dumps.
var legacyText = regexp.MustCompile(`\A\s*(heap profile:|goroutine profile: total|goroutineleak profile: total|threadcreate profile: total|--- (heap|heapz|growthz|contention|contentionz|mutex|threadz)|goroutine \d+ [^\n]*\[[^\]\n]+\]:|\S+ profile: total \d+\n\d+ @ 0x|heap_v2/\d+)`)

// LooksLikeProfile reports whether bytes begin like a profile in a form worth handing to the analyzer: a protocol buffer of
// profile.proto, gzipped or not, or an older text format. It reads the beginning only.
func LooksLikeProfile(data []byte) bool {
	head := data[:min(len(data), sniffBytes)]
	for range 2 {
		if len(head) < 2 || head[0] != 0x1f || head[1] != 0x8b {
			break
		}
		zr, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return false
		}
		buf := make([]byte, sniffBytes)
		n, _ := io.ReadFull(zr, buf)
		head, data = buf[:n], buf[:n]
	}
	return legacyText.Match(head) || looksLikeProto(head)
}

// looksLikeProto walks the first fields of a message: profile.proto has fields 1 to 15, of which the messages and strings are
// length-delimited and the rest varints.
func looksLikeProto(b []byte) bool {
	fields := 0
	for len(b) > 0 && fields < 12 {
		key, n := binary.Uvarint(b)
		if n <= 0 {
			return false
		}
		b = b[n:]
		field, wire := key>>3, key&7
		switch {
		case field >= 1 && field <= 6 || field == 11: // messages and strings
			if wire != 2 {
				return false
			}
		case field == 13: // comments, packed or not
			if wire != 0 && wire != 2 {
				return false
			}
		case field >= 7 && field <= 15:
			if wire != 0 {
				return false
			}
		default:
			return false
		}
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return len(b) < binary.MaxVarintLen64 && fields > 2
		}
		b = b[n:]
		if wire == 2 {
			if field == 1 && (v == 0 || v > 64) { // a sample type is two small indexes
				return false
			}
			if v > uint64(len(b)) {
				return fields > 0 // the head ends within it
			}
			b = b[v:]
		}
		fields++
	}
	return fields >= 2
}

// profileName reports whether a file is named like a profile, whatever it holds.
func profileName(name string) bool {
	name = strings.ToLower(name)
	for _, s := range []string{".pb.gz", ".pb", ".prof", ".pprof", ".prof.gz", ".pprof.gz", ".pb.zst", ".heap"} {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}
