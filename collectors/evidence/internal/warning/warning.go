// Package warning tells of what could not be used, or was used under an assumption. It holds the texts that several formats share.
package warning

import (
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/record"
)

// counter is a Sink that has warnings at hand which it was given before.
type counter interface {
	// WarnedBefore counts a warning of which there is an earlier case already; otherwise it does nothing.
	WarnedBefore(code, text string, pos record.Pos) bool
}

// Tell reports one occurrence.
func Tell(sink record.Sink, pos record.Pos, code, text string, example []byte) error {
	if c, ok := sink.(counter); ok && c.WarnedBefore(code, text, pos) {
		return nil // what every line of a log has would otherwise cost a copy of each
	}
	return sink.Warn(&record.Warning{Code: code, Pos: pos, Count: 1, Text: text, Example: Example(example)})
}

// ExampleLimit bounds the text that a warning quotes, in bytes.
const ExampleLimit = 200

// Example is what a warning quotes of a text.
func Example(b []byte) string { return cut.Clip(b, ExampleLimit) }

// TellZone counts a time that names no zone and was taken as one of zone, nil for UTC; text is where it stands.
func TellZone(sink record.Sink, pos record.Pos, zone *time.Location, text []byte) error {
	if zone != nil && zone != time.UTC {
		return Tell(sink, pos, "no_timezone", "timestamps without a time zone; they were taken as "+zone.String()+", as asked", text)
	}
	return Tell(sink, pos, "no_timezone", NoZone, text)
}

// The texts of the warnings that several formats share.
const (
	NoZone = "timestamps without a time zone; they were taken as UTC"
	NoTime = "a sign of a crash or a value without a time cannot be placed and was left out; save the log with timestamps"
	NoYear = "timestamps without a year; it was taken from the other times of the evidence, or else from the modification time of the file"
	// NoTimezone is of requests and logs, NoZone of lives and metrics.
	NoTimezone = "the time names no zone; it was taken as UTC unless told otherwise"
)
