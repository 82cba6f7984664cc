package evidence

import "lastcall/collectors/evidence/internal/format"

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
