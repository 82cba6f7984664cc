package evidence

import (
	"time"

	"lastcall/collectors/evidence/internal/format"
)

func headOf(data []byte) []byte { return data[:min(len(data), 64<<10)] }

// bestFormat is the format that is surest of a head.
func bestFormat(head []byte) (format.Format, int) {
	var best format.Format
	score := 0
	for _, f := range smallFormats(nil) {
		if s := f.Sniff(head); s > score {
			best, score = f, s
		}
	}
	return best, score
}

// named is the format of lines of this name.
func named(zone *time.Location, name string) format.LineFormat {
	for _, f := range smallFormats(zone) {
		if f, ok := f.(format.LineFormat); ok && f.Name() == name {
			return f
		}
	}
	panic("no format of lines is called " + name)
}
