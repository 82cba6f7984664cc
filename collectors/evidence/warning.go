package evidence

import (
	"time"

	"lastcall/collectors/record"
)

// warn reports one occurrence.
func warn(sink record.Sink, pos record.Pos, code, text string, example []byte) error {
	if t, ok := sink.(*tally); ok && t.warnedBefore(code, text, pos) {
		return nil // what every line of a log has would otherwise cost a copy of each
	}
	return sink.Warn(&record.Warning{Code: code, Pos: pos, Count: 1, Text: text, Example: clipTo(example, exampleLimit)})
}

// tellZone counts a time that names no zone and was taken as one of zone, nil for UTC; text is where it stands.
func tellZone(sink record.Sink, pos record.Pos, zone *time.Location, text []byte) error {
	if zone != nil && zone != time.UTC {
		return warn(sink, pos, "no_timezone", "timestamps without a time zone; they were taken as "+zone.String()+", as asked", text)
	}
	return warn(sink, pos, "no_timezone", noZoneText, text)
}

// The texts of the warnings that several formats share.
const (
	noZoneText = "timestamps without a time zone; they were taken as UTC"
	noTimeText = "a sign of a crash or a value without a time cannot be placed and was left out; save the log with timestamps"
	noYearText = "timestamps without a year; it was taken from the modification time of the file"
	// noTimezoneText is of requests and logs, noZoneText of lives and metrics.
	noTimezoneText = "the time names no zone; it was taken as UTC unless told otherwise"
)
