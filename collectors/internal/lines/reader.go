// Package lines turns any input into lines that several goroutines can parse at once: it decompresses by content, drops a byte
// order mark, converts UTF-16, cuts the stream into chunks at line ends and knows the number of each line.
//
// Nothing here holds more than a few chunks, however long the input or one of its lines. Damage (a truncated archive, rubbish
// after it, a line beyond all bounds) never loses what could be read: it is told as a [Problem] beside the data.
package lines

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// HeadSize is how much of the decompressed input [Reader.Head] shows, in bytes. It is a multiple of the page, so that what is
// read after it stays aligned.
const HeadSize = 64 << 10

// maxZstdWindow bounds the memory that a zstd frame may ask for; it is the bound of the reference decoder.
const maxZstdWindow = 128 << 20

// fileBuffer is the size of reads of compressed files.
const fileBuffer = 256 << 10

// Problem is damage that was met while reading, after which the input was taken as ended.
type Problem struct {
	// Code is "truncated_gzip", "truncated_zstd", "corrupt_gzip", "corrupt_zstd", "trailing_garbage", "truncated_utf16" or
	// "read_error".
	Code string
	// Text says what it means for the evidence.
	Text string
	// Err is the cause.
	Err error
}

// Reader reads an input decompressed and as UTF-8; 8-bit text that is not UTF-8 passes unchanged.
type Reader struct {
	body        io.Reader
	closers     []func()
	compression string // "", "gzip" or "zstd"
	head        []byte // what Head shows
	rest        []byte // the part of the head that was not read yet
	problems    []Problem
}

// NewReader recognises the compression of r by its first bytes and reads enough to show the head. It fails only when r fails
// before it gave a byte; damage in the data is a [Problem].
func NewReader(r io.Reader) (*Reader, error) {
	in := bufio.NewReaderSize(r, 16)
	magic, err := in.Peek(4)
	if len(magic) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	// The small buffer only serves the magic bytes: reads past them go straight to r, in the size of the reader above.
	magic = bytes.Clone(magic)
	out := &Reader{}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		out.compression = "gzip"
		out.body = out.gunzip(bufio.NewReaderSize(in, fileBuffer))
	case isZstd(magic):
		out.compression = "zstd"
		z, err := zstd.NewReader(bufio.NewReaderSize(in, fileBuffer),
			zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			out.note(err)
			out.body = bytes.NewReader(nil)
			break
		}
		out.body = z
		out.closers = append(out.closers, z.Close)
	default:
		out.body = in
	}
	out.body = &guard{src: out.body, note: out.note}
	out.readHead()
	return out, nil
}

// isZstd recognises a frame and a skippable frame (RFC 8878).
func isZstd(magic []byte) bool {
	return bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}) ||
		len(magic) == 4 && magic[0]&0xf0 == 0x50 && magic[1] == 0x2a && magic[2] == 0x4d && magic[3] == 0x18
}

func (r *Reader) gunzip(src *bufio.Reader) io.Reader {
	z, err := gzip.NewReader(src)
	if err != nil {
		r.note(err)
		return bytes.NewReader(nil)
	}
	z.Multistream(false)
	r.closers = append(r.closers, func() { _ = z.Close() })
	return &gzipMembers{src: src, z: z}
}

// gzipMembers reads concatenated members, as rotated and appended logs have them, and tells rubbish after the last member, which
// harms nothing that came before, from damage within one.
type gzipMembers struct {
	src *bufio.Reader
	z   *gzip.Reader
}

var errTrailingGarbage = errors.New("bytes after the end of the compressed data are not compressed data")

func (g *gzipMembers) Read(p []byte) (int, error) {
	n, err := g.z.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	magic, _ := g.src.Peek(2)
	switch {
	case len(magic) == 0:
		return n, io.EOF
	case magic[0] == 0: // padding of a tape or block device
		return n, io.EOF
	case len(magic) < 2 || magic[0] != 0x1f || magic[1] != 0x8b:
		return n, errTrailingGarbage
	}
	if err := g.z.Reset(g.src); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return n, err
	}
	g.z.Multistream(false)
	return n, nil
}

// guard ends the stream at the first error and notes it.
type guard struct {
	src  io.Reader
	note func(error)
	done bool
}

func (g *guard) Read(p []byte) (int, error) {
	if g.done {
		return 0, io.EOF
	}
	n, err := g.src.Read(p)
	if err == nil {
		return n, nil
	}
	g.done = true
	if err != io.EOF { // an io.EOF that is wrapped is a truncation
		g.note(err)
	}
	return n, io.EOF
}

func (r *Reader) note(err error) {
	p := Problem{Err: err}
	switch {
	case errors.Is(err, errTrailingGarbage), errors.Is(err, zstd.ErrMagicMismatch):
		p.Code, p.Text = "trailing_garbage", "the compressed data is followed by other bytes; they were left out"
	case r.compression == "":
		p.Code, p.Text = "read_error", "reading failed; what came before was used"
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		p.Code, p.Text = "truncated_"+r.compression, "the compressed file is cut short; what could be decompressed was used"
	default:
		p.Code, p.Text = "corrupt_"+r.compression, "the compressed file is damaged; what could be decompressed before the damage was used"
	}
	r.problems = append(r.problems, p)
}

func (r *Reader) readHead() {
	buf := make([]byte, HeadSize)
	n, _ := io.ReadFull(r.body, buf)
	buf = buf[:n]
	if bigEndian, bom, ok := sniffUTF16(buf); ok {
		r.body = &utf16Reader{src: io.MultiReader(bytes.NewReader(buf[bom:]), r.body), bigEndian: bigEndian, odd: func() {
			r.problems = append(r.problems, Problem{
				Code: "truncated_utf16", Text: "the UTF-16 text ends within a character; the rest was used", Err: io.ErrUnexpectedEOF,
			})
		}}
		buf = make([]byte, HeadSize)
		n, _ = io.ReadFull(r.body, buf)
		buf = buf[:n]
	}
	buf = bytes.TrimPrefix(buf, []byte{0xef, 0xbb, 0xbf})
	if endsLinesWithCR(buf) {
		r.body = &crReader{r.body}
		crToLF(buf)
	}
	r.head, r.rest = buf, buf
}

// endsLinesWithCR reports whether the head is text whose lines end in a carriage return alone: else it would be one line, of which a
// format might take the beginning for all there is.
func endsLinesWithCR(head []byte) bool {
	crs := 0
	for _, c := range head {
		switch {
		case c == '\r':
			crs++
		case c < ' ' && c != '\t' && c != 0x1b: // a newline, or no text
			return false
		}
	}
	return crs > 0
}

// crReader gives newlines for carriage returns.
type crReader struct{ src io.Reader }

func (r *crReader) Read(p []byte) (int, error) {
	n, err := r.src.Read(p)
	crToLF(p[:n])
	return n, err
}

func crToLF(b []byte) {
	for i, c := range b {
		if c == '\r' {
			b[i] = '\n'
		}
	}
}

// Head is the beginning of the decompressed, converted input: HeadSize bytes or less. It must not be changed.
func (r *Reader) Head() []byte { return r.head }

// Whole reports whether the head is all there is.
func (r *Reader) Whole() bool { return len(r.head) < HeadSize-3 }

// Problems tells the damage met so far; complete once Read returned io.EOF.
func (r *Reader) Problems() []Problem { return r.problems }

// Read implements io.Reader. The only error is io.EOF.
func (r *Reader) Read(p []byte) (int, error) {
	if len(r.rest) > 0 {
		n := copy(p, r.rest)
		r.rest = r.rest[n:]
		return n, nil
	}
	return r.body.Read(p)
}

// Close frees the decompressor. It does not close what the Reader reads from.
func (r *Reader) Close() {
	for _, c := range r.closers {
		c()
	}
	r.closers = nil
}
