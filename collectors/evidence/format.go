package evidence

import (
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/record"
)

// The contract between a format and whoever dispatches inputs and lines to it. Its packages share it, so that it lies beneath them; these
// are its names for everybody else.
type (
	// Format reads one kind of evidence.
	Format = format.Format
	// LineFormat is parsed line by line.
	LineFormat = format.LineFormat
	// LineParser handles the lines of one goroutine.
	LineParser = format.LineParser
	// Sequential is implemented by line formats whose parser carries meaning from one line to a later one.
	Sequential = format.Sequential
	// WholeFormat is a document that is parsed as a whole.
	WholeFormat = format.WholeFormat
)

// What some formats of this package are besides; a format says so by having the method.
type (
	// lastFormat takes lines only after all others refused them. Such formats stand at the end of the registry.
	lastFormat interface{ last() }
	// requestFormat has lines that are mostly requests: files of it are read last, once it is known who lived when, and its parsers are kept
	// from one chunk to the next, as what they learn from one line is no part of what they make of another.
	requestFormat interface{ requests() }
	// dialects is written in several ways, each with a name.
	dialects interface{ Dialect(head []byte) string }
	// headed is told by the head of an input how to read the rest of it.
	headed interface {
		forHead(head []byte) format.LineFormat
	}
)

// What some of their parsers are besides.
type (
	// nextParser is a parser of text that need not be told where a line ends when it is like the ones before.
	nextParser interface {
		format.LineParser
		// parseNext is ParseLine for the line at the beginning of data, if it is one of the usual; otherwise ok is false and nothing is
		// done. n is the length of the line with its end. It takes no line that begins with a blank or a brace.
		parseNext(lineNo int64, data []byte, sink record.Sink) (n int, ok bool, err error)
	}

	// receivedParser is a parser of text that has no exact time of its own: what received it may tell one.
	receivedParser interface {
		format.LineParser
		// parseAt is ParseLine for a text that was received at a time, 0 where that is unknown.
		parseAt(lineNo int64, received record.Time, line []byte, sink record.Sink) (handled bool, err error)
	}
)

// isLast reports whether a format takes lines only after all others refused them.
func isLast(f format.Format) bool {
	_, ok := f.(lastFormat)
	return ok
}

// isRequestFormat reports whether lines of a format are mostly requests.
func isRequestFormat(f format.Format) bool {
	_, ok := f.(requestFormat)
	return ok
}

// formatName is the name of a format, or of its dialect that the head is written in.
func formatName(f format.Format, head []byte) string {
	if d, ok := f.(dialects); ok {
		return d.Dialect(head)
	}
	return f.Name()
}
