package evidence

import (
	"bytes"
	"time"

	"lastcall/collectors/record"
)

const noRouterTime = "the router line has no timestamp; save the log with its timestamps"

// routerRequest makes a request of what both kinds of router lines have in common. end is the line's time: routers write when a request
// has ended.
func routerRequest(r *record.Request, end record.Time, took time.Duration, known bool) {
	r.Layer, r.Phase = record.LayerRouter, record.Completed
	r.End, r.Start = end, 0
	if known {
		r.Start = end - record.Time(took)
	}
}

// orNone cuts the dash that stands for nothing.
func orNone(b []byte) []byte {
	if len(b) == 1 && b[0] == '-' {
		return nil
	}
	return b
}

// upperMethod returns the method in upper case; most are already.
func upperMethod(b []byte) []byte {
	for _, c := range b {
		if c >= 'a' && c <= 'z' {
			return bytes.ToUpper(b)
		}
	}
	return b
}

// firstAddress cuts a list of addresses ("client, proxy1, proxy2") to the client's.
func firstAddress(b []byte) []byte {
	if i := bytes.IndexByte(b, ','); i >= 0 {
		return bytes.TrimSpace(b[:i])
	}
	return b
}
