// Package format is the contract between a format and whoever dispatches inputs and lines to it: what every format is, and what some are
// besides.
package format

import (
	"bytes"
	"context"
	"io"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/record"
)

// Format reads one kind of evidence. There is one file per format.
type Format interface {
	// Name is stable, such as "scalingo-router"; it becomes record.Source.Format.
	Name() string
	// Sniff says how sure the format is, from 0 (no) to 100, that the head of the input is its own. The head is up to 64 KiB,
	// decompressed, without byte order mark, UTF-16 already converted; its last line may be cut.
	Sniff(head []byte) int
}

// LineFormat is parsed line by line: text lines or JSON lines, possibly by several goroutines, each with its own LineParser.
type LineFormat interface {
	Format
	// NewParser makes the state of one goroutine: reused structs, learnt templates, the last date.
	NewParser(src *record.Source) LineParser
}

// LineParser handles the lines of one goroutine, which gets some of the chunks of an input (half a MiB of whole lines each). What it
// remembers of one line must not matter to lines of another chunk; unless its format is Sequential, a parser of anything but requests
// is made anew for every chunk to make sure, and then sees the 8 KiB before it once more, their records discarded: what it remembers
// of a few lines survives the end of a chunk.
type LineParser interface {
	// ParseLine handles one line, without its line end, at the 1-based lineNo. The line is valid until it returns. It returns
	// handled=false when the line is not of this format: the dispatcher then offers it to the other formats, and counts it when
	// none takes it. A line that is of this format but broken is warned of ("malformed_line") and counts as handled. The error is
	// one that the sink returned, nothing else.
	ParseLine(lineNo int64, line []byte, sink record.Sink) (handled bool, err error)
}

// Sequential is implemented by line formats whose parser carries meaning from one line to a later one, such as a kernel report
// of many lines. A file in whose head such a format is recognised is read by one goroutine, in order.
type Sequential interface{ Sequential() bool }

// WholeFormat is a document that is parsed as a whole: a kubectl answer, a Datadog query answer, a CSV with a header, a profile.
type WholeFormat interface {
	Format
	// Parse reads the document from its beginning. An error that is neither the sink's nor the context's means that the document
	// is broken; what was passed to the sink before is used all the same.
	Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error
}

// TextOnly is implemented by line formats that are spared lines that are JSON objects, and ObjectsOnly by those that are spared all others.
type (
	TextOnly    interface{ OnlyText() }
	ObjectsOnly interface{ OnlyObjects() }
)

// Picky is implemented by line formats of which every line holds one of a few short texts: it spares their parsers most lines of others. One
// of four bytes tells about as much as the whole word, and there is room for 64 bytes in all. What a parser makes of a line must not
// depend on whether it was offered the others, unless it is Gathering.
type Picky interface {
	// Needs are the texts, not empty.
	Needs() []string
}

// Gathering is implemented by the parser of a Picky format that may be amid something of which any line may be a part.
type Gathering interface {
	// Gathers reports whether the next line may be one.
	Gathers() bool
}

// Requests is implemented by formats whose lines are mostly requests: files of it are read last, once it is known who lived when, and its
// parsers are kept from one chunk to the next, as what they learn from one line is no part of what they make of another.
type Requests interface{ Requests() }

// Headed is implemented by a line format that is told by the head of an input how to read the rest of it.
type Headed interface {
	ForHead(head []byte) LineFormat
}

// NextParser is a parser of text that need not be told where a line ends when it is like the ones before.
type NextParser interface {
	LineParser
	// ParseNext is ParseLine for the line at the beginning of data, if it is one of the usual; otherwise ok is false and nothing is
	// done. n is the length of the line with its end. It takes no line that begins with a blank or a brace.
	ParseNext(lineNo int64, data []byte, sink record.Sink) (n int, ok bool, err error)
}

// ReceivedParser is a parser of text that has no exact time of its own: what received it may tell one.
type ReceivedParser interface {
	LineParser
	// ParseAt is ParseLine for a text that was received at a time, 0 where that is unknown.
	ParseAt(lineNo int64, received record.Time, line []byte, sink record.Sink) (handled bool, err error)
}

// Forgetful is implemented by what carries something from one line to a later one. Where several goroutines share a file, whoever
// hands them its chunks calls Forget at the beginning of each, or makes a new one: which goroutine reads which chunk is chance, and
// the result must not be.
type Forgetful interface{ Forget() }

// Finisher is implemented by the parsers of a Sequential format that hold records until their input ends.
type Finisher interface {
	// Finish passes on what is held. The error is one that the sink returned.
	Finish(sink record.Sink) error
}

// SniffedLines is how many lines of a head are looked at.
const SniffedLines = 400

// SniffLines scores a line format: 0 when no line of the head is its own, else 10 to 95 with the share of lines that are. Empty
// lines do not count.
func SniffLines(head []byte, mine func(line []byte) bool) int {
	lines, hits := 0, 0
	cut.FirstLines(head, SniffedLines, func(line []byte) {
		if len(bytes.TrimSpace(line)) == 0 {
			return
		}
		lines++
		if mine(line) {
			hits++
		}
	})
	if hits == 0 {
		return 0
	}
	return 10 + 85*hits/lines
}

// SniffParser is SniffLines for a format whose parser tells at once whether a line is its own.
func SniffParser(f LineFormat, head []byte) int {
	p := f.NewParser(&record.Source{})
	return SniffLines(head, func(line []byte) bool {
		handled, _ := p.ParseLine(1, line, record.Discard{})
		return handled
	})
}
