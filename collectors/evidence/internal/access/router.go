package access

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"time"

	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/swar"
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

// lineHead reads how the lines of one router begin, up to their first value: "2026-11-20T08:00:00.003000+00:00 heroku[router]: at=info
// method=". It remembers the minute, the digits of the fraction, and the text from the zone on, and reads the rest: the same text means
// what it meant on the line that was read in full.
type lineHead struct {
	minute [2]uint64 // "2026-11-20T08:00"; a colon and the seconds follow
	base   record.Time
	point  byte // before the fraction
	places int  // digits of the fraction
	rest   string
}

// learn remembers the head of a line that ends at end. Its time is t, which ends at n and names its zone.
func (h *lineHead) learn(line []byte, t record.Time, n, end int) {
	nanos, zone := stamp.Fraction(line, 19)
	if zone >= n || zone > 29 || line[17] > '5' {
		return
	}
	h.minute = [2]uint64{binary.LittleEndian.Uint64(line), binary.LittleEndian.Uint64(line[8:])}
	h.base = t - record.Time(int64((line[17]-'0')*10+line[18]-'0')*1e9+nanos)
	h.point, h.places = line[19], max(zone-20, 0)
	if rest := line[zone:end]; string(rest) != h.rest {
		h.rest = string(rest)
	}
}

// read reads the head of a line that is like the one learnt from, and returns where it ends.
func (h *lineHead) read(b []byte) (t record.Time, n int, ok bool) {
	if len(b) < 32 || binary.LittleEndian.Uint64(b) != h.minute[0] || binary.LittleEndian.Uint64(b[8:]) != h.minute[1] || b[16] != ':' {
		return 0, 0, false
	}
	s1, s2 := b[17]-'0', b[18]-'0'
	if s1 > 5 || s2 > 9 {
		return 0, 0, false
	}
	t, n = h.base+record.Time(int64(s1*10+s2)*1e9), 19
	if h.places > 0 {
		v, k := swar.DigitRun(binary.LittleEndian.Uint64(b[20:]))
		if b[19] != h.point || k != min(h.places, 8) {
			return 0, 0, false
		}
		n += 1 + k
		t += record.Time(int64(v) * number.PowerOf10(9-k))
		if h.places > 8 {
			d := b[n] - '0'
			if d > 9 {
				return 0, 0, false
			}
			n++
			t += record.Time(d)
		}
	}
	if rest := b[n:]; t == 0 || len(h.rest) == 0 || len(rest) < len(h.rest) || string(rest[:len(h.rest)]) != h.rest {
		return 0, 0, false
	}
	return t, n + len(h.rest), true
}

// readUsual reads what the lines of both kinds have in common, in the order in which they have it: `GET path="/api" host=api.example
// request_id=fec0d52e`. It returns where that ends; false where the line is of another shape, and the request has then to be made anew.
func readUsual(r *record.Request, b []byte, method int) (end int, ok bool) {
	methodEnd := method + capitals(b, method)
	path := methodEnd + len(` path="`)
	if methodEnd == method || path > len(b) || string(b[methodEnd:path]) != ` path="` {
		return 0, false
	}
	pathEnd, ok := quotedValue(b, path)
	host := pathEnd + len(`" host=`)
	if !ok || host >= len(b) || string(b[pathEnd+1:host]) != " host=" {
		return 0, false
	}
	hostEnd, ok := bareValue(b, host)
	id := hostEnd + len(" request_id=")
	if !ok || id >= len(b) || string(b[hostEnd:id]) != " request_id=" {
		return 0, false
	}
	end, ok = bareValue(b, id)
	r.Method, r.Path, r.ID = b[method:methodEnd:methodEnd], b[path:pathEnd:pathEnd], b[id:end:end]
	return end, ok
}

// The functions below look for the end of a value in data that may hold further lines. What ends it must be the lowest of the bytes that
// may not stand in it: then one comparison finds it, a line end, and whatever else the full reader must see.

// below marks the bytes of x that are less than c, which is at most 128. The lowest mark is right; one above it may be wrong.
func below(x uint64, c uint8) uint64 { return (x - uint64(c)*swar.Ones) &^ x & swar.High }

// endBelow is the index of the first byte of b at or after p that is less than c; the length of b when there is none.
func endBelow(b []byte, p int, c uint8) int {
	for ; p+8 <= len(b); p += 8 {
		if found := below(binary.LittleEndian.Uint64(b[p:]), c); found != 0 {
			return p + bits.TrailingZeros64(found)>>3
		}
	}
	for p < len(b) && b[p] >= c {
		p++
	}
	return p
}

// bareValue finds the end of a value without quotes at b[p:], a blank. It is false where the value is quoted or odd.
func bareValue(b []byte, p int) (end int, ok bool) {
	end = endBelow(b, p, ' '+1)
	return end, end < len(b) && b[end] == ' ' && b[p] != '"'
}

// quotedValue finds the quote that ends a value at b[p:], which has a blank after it. It is false where the value has an escaped quote
// or a control character.
func quotedValue(b []byte, p int) (end int, ok bool) {
	for end = p; ; end++ {
		if end = endBelow(b, end, '"'+1); end+1 >= len(b) || b[end] < ' ' {
			return 0, false
		}
		if b[end] == '"' { // and neither a blank nor an exclamation mark
			return end, b[end+1] == ' ' && (end == p || b[end-1] != '\\')
		}
	}
}

// addressValue takes the first of the addresses in a quoted value at b[p:], and finds the quote that ends it. It is false where
// quotedValue is.
func addressValue(b []byte, p int) (address []byte, end int, ok bool) {
	end = endBelow(b, p, ','+1)
	if end+1 < len(b) && b[end] == '"' && b[end+1] == ' ' && b[end-1] != '\\' { // no comma before the quote
		return b[p:end:end], end, true
	}
	if end, ok = quotedValue(b, p); !ok {
		return nil, 0, false
	}
	return request.FirstAddress(b[p:end:end]), end, true
}

// capitals is the number of capital letters before a blank with which b begins at p, at most seven; 0 where something else stands there.
func capitals(b []byte, p int) int {
	if p+8 > len(b) {
		return 0
	}
	x := binary.LittleEndian.Uint64(b[p:])
	n := bits.TrailingZeros64(below(x, ' '+1)) >> 3
	if n == 8 || b[p+n] != ' ' {
		return 0
	}
	if mask := uint64(1)<<(8*n) - 1; !swar.AreCapitals(x&mask | 'A'*swar.Ones&^mask) {
		return 0
	}
	return n
}

// afterLine is the index after the end of the line that is known up to p.
func afterLine(b []byte, p int) int {
	if i := bytes.IndexByte(b[p:], '\n'); i >= 0 {
		return p + i + 1
	}
	return len(b)
}
