package evidence

import (
	"lastcall/collectors/evidence/internal/format"
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
	// dialects is written in several ways, each with a name.
	dialects interface{ Dialect(head []byte) string }
)

// isLast reports whether a format takes lines only after all others refused them.
func isLast(f format.Format) bool {
	_, ok := f.(lastFormat)
	return ok
}

// isRequestFormat reports whether lines of a format are mostly requests.
func isRequestFormat(f format.Format) bool {
	_, ok := f.(format.Requests)
	return ok
}

// formatName is the name of a format, or of its dialect that the head is written in.
func formatName(f format.Format, head []byte) string {
	if d, ok := f.(dialects); ok {
		return d.Dialect(head)
	}
	return f.Name()
}
