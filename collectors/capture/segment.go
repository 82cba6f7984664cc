package capture

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"

	"lastcall/collectors/record"
)

// Version is the version of the format that this package writes, and the newest that it reads.
const Version = 1

// Magic numbers of the skippable frames; Zstandard reserves 0x184D2A50 to 0x184D2A5F for them.
const (
	magicHead  = 0x184D2A51
	magicChunk = 0x184D2A52
	magicTail  = 0x184D2A53
)

// Bounds. A chunk is closed once its content passes chunkSize; a single record may be larger (a profile), but a reader never
// makes room for more than maxContent, whatever a damaged or hostile file claims.
const (
	chunkSize     = 256 << 10
	maxContent    = 512 << 20
	maxSkippable  = 64 << 10
	maxBadExample = 200
)

type head struct {
	Version int    `json:"version"`
	Slice   string `json:"slice"`
}

type tail struct {
	Chunks  int64  `json:"chunks"`
	Records int64  `json:"records"`
	SHA256  string `json:"sha256"`
}

// segmentWriter writes the frames of one segment. It is for one goroutine at a time.
type segmentWriter struct {
	w    io.Writer
	enc  *zstd.Encoder
	hash hash.Hash
	tail tail
	buf  []byte
}

func newSegmentWriter(w io.Writer, slice string) (*segmentWriter, error) {
	// One goroutine per encoder: the bytes then depend on the records alone.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		return nil, err
	}
	s := &segmentWriter{w: w, enc: enc, hash: sha256.New()}
	h, err := json.Marshal(head{Version: Version, Slice: slice})
	if err != nil {
		return nil, err
	}
	return s, s.write(appendSkippable(nil, magicHead, h))
}

func appendSkippable(dst []byte, magic uint32, payload []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, magic)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	return append(dst, payload...)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// chunk writes what c holds and empties it.
func (s *segmentWriter) chunk(c *chunk) error {
	if c.lines == 0 {
		return nil
	}
	if len(c.buf) > maxContent {
		return fmt.Errorf("one record of %d bytes is larger than a capture holds (%d)", len(c.buf), maxContent)
	}
	const room = 8 + 16
	s.buf = append(s.buf[:0], make([]byte, room)...)
	s.buf = s.enc.EncodeAll(c.buf, s.buf)
	data := s.buf[room:]
	le := binary.LittleEndian
	le.PutUint32(s.buf[0:], magicChunk)
	le.PutUint32(s.buf[4:], 16)
	le.PutUint32(s.buf[8:], uint32(len(data)))
	le.PutUint32(s.buf[12:], uint32(len(c.buf)))
	le.PutUint32(s.buf[16:], crc32.Checksum(data, castagnoli))
	le.PutUint32(s.buf[20:], c.lines)
	s.tail.Chunks++
	s.tail.Records += c.records
	c.reset()
	return s.write(s.buf)
}

// finish writes the tail.
func (s *segmentWriter) finish() error {
	s.tail.SHA256 = hex.EncodeToString(s.hash.Sum(nil))
	t, err := json.Marshal(s.tail)
	if err != nil {
		return err
	}
	return s.write(appendSkippable(nil, magicTail, t))
}

func (s *segmentWriter) write(p []byte) error {
	s.hash.Write(p)
	_, err := s.w.Write(p)
	return err
}

// damage is what a segment has lost.
type damage struct {
	lines  int64  // lines known to be lost; more may be, when cut is set
	cut    bool   // the rest of the file could not be read
	reason string // the first reason
}

func (d *damage) add(lines int64, reason string) {
	d.lines += lines
	if d.reason == "" {
		d.reason = reason
	}
}

func (d *damage) any() bool { return d.reason != "" }

// errNewerSegment is returned for a segment that a newer version wrote.
var errNewerSegment = errors.New("the segment was written by a newer version")

// readSegment reads one segment and passes the content of every sound chunk to each, which may be nil to only verify. What is
// not sound is told in damage; the error is each's, the context's, errNewerSegment, or the reader's own failure.
func readSegment(ctx context.Context, r io.Reader, dec *zstd.Decoder, each func(content []byte) error) (slice string, t tail, d damage, err error) {
	sum := sha256.New()
	br := bufio.NewReaderSize(r, 64<<10)
	var (
		data, content []byte
		chunks        int64
		ended         bool
	)
	cut := func(reason string) { d.add(0, reason); d.cut = true }
	for {
		if err := ctx.Err(); err != nil {
			return slice, t, d, err
		}
		var hdr [8]byte
		if _, e := io.ReadFull(br, hdr[:]); e != nil {
			if e == io.EOF {
				break
			}
			if e != io.ErrUnexpectedEOF {
				return slice, t, d, e
			}
			cut("the file ends in the middle of a frame")
			break
		}
		magic, size := binary.LittleEndian.Uint32(hdr[0:]), binary.LittleEndian.Uint32(hdr[4:])
		if ended || magic < magicHead || magic > magicTail || size > maxSkippable {
			cut("there is something else than a frame header where one must stand")
			break
		}
		payload := make([]byte, size)
		if _, e := io.ReadFull(br, payload); e != nil {
			if e != io.EOF && e != io.ErrUnexpectedEOF {
				return slice, t, d, e
			}
			cut("the file ends in the middle of a frame")
			break
		}
		if magic == magicTail {
			if json.Unmarshal(payload, &t) != nil {
				cut("the tail is not readable")
			} else if t.SHA256 != hex.EncodeToString(sum.Sum(nil)) && !d.any() {
				d.add(0, "the checksum of the segment does not match")
			} else if t.Chunks != chunks && !d.any() {
				d.add(0, "chunks are missing")
			}
			ended = true
			continue
		}
		sum.Write(hdr[:])
		sum.Write(payload)
		if magic == magicHead {
			var h head
			switch {
			case json.Unmarshal(payload, &h) != nil:
				d.add(0, "the head of the segment is not readable")
			case h.Version > Version:
				return slice, t, d, errNewerSegment
			default:
				slice = h.Slice
			}
			continue
		}
		if len(payload) != 16 {
			cut("a chunk header has the wrong size")
			break
		}
		le := binary.LittleEndian
		packed, unpacked, want, lines := le.Uint32(payload), le.Uint32(payload[4:]), le.Uint32(payload[8:]), le.Uint32(payload[12:])
		if packed > maxContent+maxContent/64 || unpacked > maxContent {
			cut("a chunk claims to be larger than chunks can be")
			break
		}
		chunks++
		var e error
		if data, e = readN(br, data, int(packed)); e != nil {
			if !errors.Is(e, io.EOF) && !errors.Is(e, io.ErrUnexpectedEOF) {
				return slice, t, d, e
			}
			d.add(int64(lines), "the file ends in the middle of a chunk")
			d.cut = true
			break
		}
		sum.Write(data)
		if crc32.Checksum(data, castagnoli) != want {
			d.add(int64(lines), "the checksum of a chunk does not match")
			continue
		}
		content, e = dec.DecodeAll(data, content[:0])
		if e != nil || len(content) != int(unpacked) {
			d.add(int64(lines), "a chunk does not decompress to what its header says")
			continue
		}
		if each != nil {
			if err := each(content); err != nil {
				return slice, t, d, err
			}
		}
	}
	if !ended && !d.any() {
		cut("the tail is missing")
	}
	return slice, t, d, nil
}

// readN reads n bytes in steps, so that a claimed size costs no more memory than there is file.
func readN(r io.Reader, buf []byte, n int) ([]byte, error) {
	const step = 1 << 20
	buf = buf[:0]
	for len(buf) < n {
		k := min(step, n-len(buf))
		at := len(buf)
		if cap(buf) < at+k {
			bigger := make([]byte, at, max(at+k, min(2*cap(buf), n)))
			copy(bigger, buf)
			buf = bigger
		}
		buf = buf[:at+k]
		if _, err := io.ReadFull(r, buf[at:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return buf[:at], err
		}
	}
	return buf, nil
}

func newZstdDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxContent))
}

var _ record.Sink = (*Slice)(nil)
