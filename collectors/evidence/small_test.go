package evidence

import (
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
