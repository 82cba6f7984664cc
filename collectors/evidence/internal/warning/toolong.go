package warning

import (
	"lastcall/collectors/internal/lines"
	"lastcall/collectors/record"
)

// LineTooLong tells of lines that were not read.
func LineTooLong(src *record.Source, stats lines.Stats) *record.Warning {
	return &record.Warning{
		Code: "line_too_long", Pos: record.Pos{Source: src, Line: stats.FirstTooLong}, Count: stats.TooLong,
		Text: "lines of more than 16 MiB were left out", Example: Example(stats.TooLongHead),
	}
}
