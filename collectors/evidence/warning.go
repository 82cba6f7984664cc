package evidence

import "lastcall/collectors/record"

// warn reports one occurrence.
func warn(sink record.Sink, pos record.Pos, code, text string, example []byte) error {
	if t, ok := sink.(*tally); ok && t.warnedBefore(code, text, pos) {
		return nil // what every line of a log has would otherwise cost a copy of each
	}
	return sink.Warn(&record.Warning{Code: code, Pos: pos, Count: 1, Text: text, Example: clipTo(example, exampleLimit)})
}

// The texts of the warnings that several formats share.
const (
	noZoneText = "timestamps without a time zone; they were taken as UTC"
	noTimeText = "a sign of a crash or a value without a time cannot be placed and was left out; save the log with timestamps"
	noYearText = "timestamps without a year; it was taken from the modification time of the file"
	// noTimezoneText is of requests and logs, noZoneText of lives and metrics.
	noTimezoneText = "the time names no zone; it was taken as UTC unless told otherwise"
)
