package access

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/internal/lines"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// The tests here read the same line the quick way and the thorough way: what was learnt from another line, or a shape that is read at
// once, must give what taking the line apart gives.

// accessSeeds are tails that people append to access logs, and odd ones.
var accessSeeds = []string{
	`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /w HTTP/1.1" 200 571 "-" "okhttp" 0.123 web-1`,
	`10.20.30.140 - - [20/Nov/2026:08:00:59 +0000] "POST /a/b?c=d&e=:// HTTP/2.0" 504 571 "https://x.example/" "Mozilla/5.0 (\"x\") y" 12.000 web-12`,
	`1.2.3.4 - - [20/Nov/2026:08:01:00 +0000] "DELETE /w/xxxxxxxxx HTTP/1.1" 499 0 "-" "" 0.5 api-7d4b9c6f5-x2x4z`,
	`1.2.3.4 - bob [20/Nov/2026:08:00:01 +0000] "GET http://h.example/xyz HTTP/1.1" 503 - - "a" 0.001 0.002 web`,
	`::1 - - [20/Nov/2026:08:00:01.127 +0100] "GET /w HTTP/1.1" 200 571 "-" "okhttp/4" 89 0.001 [default-web-8080] [] 172.17.0.5:8080 59 0.000 200 529a007902362a5f51385a5fa7049884`,
	`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /wwwwwwwwwww HTTP/1.1" 200 571 "-" "okhttp/4" 89 0.001 [] [] - - - - 529a0079-0236-2a5f-5138-5a5fa7049884`,
	`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /w HTTP/1.1" 504 571 - "a" 13 "r" "http://172.19.0.6:14008" 247ms`,
	`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /w HTTP/1.1" 200 571 "-" "a" rt=0.1 ua="10.0.0.5:8080" urt="0.1, 0.2" container=w1`,
	`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /w HTTP/1.1" 200 571 "-" "a" 89 0.123 [default-web-8080] [] 172.17.0.5:8080, 172.17.0.6:8080 0, 59 0.100, 0.023 502, 200`,
	`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /w HTTP/1.1" 200 571 "-" "a" 0.123 172.17.0.5:8080 : 172.17.0.6:8080 172.17.0.7:8080`,
	`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /w HTTP/1.1" 200 571 "-" "curl/7.62.0" 123456`,
	`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /w HTTP/1.1" 200 571 "-" "curl/7.62.0" 0/123456 deadbeef web.1`,
	`[1.2.3.4] - - [14/Jan/2015:12:48:57.127] "GET /w HTTP/1.1" 200 571`,
	`- - - [20/Nov/2026:08:00:01 +0000] "-" 408 0 "-" "-" 0.000 -`,
	`web-1 1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /with a blank HTTP/1.1" 200 571 "-" "a" 00000001.50000000 abcdefabcdefabcd-1`,
}

// odd changes a line: bytes that mean something are put in, taken out or exchanged.
func odd(rnd *rand.Rand, line []byte) []byte {
	const telling = "\"\"\\ [][]-=.:/,{}_0123456789abcdefsmuGETZ\x00\xb5"
	b := bytes.Clone(line)
	for range 1 + rnd.IntN(3) {
		at := rnd.IntN(len(b) + 1)
		c := telling[rnd.IntN(len(telling))]
		switch rnd.IntN(6) {
		case 0:
			b = append(b[:at:at], append([]byte{c}, b[at:]...)...)
		case 1:
			b = append(b[:at:at], b[min(at+1, len(b)):]...)
		case 2:
			b = b[:at]
		case 3: // a token twice, or gone
			if i := bytes.IndexByte(b[at:], ' '); i > 0 {
				if rnd.IntN(2) == 0 {
					b = append(b[:at+i:at+i], b[at:]...)
				} else {
					b = append(b[:at:at], b[at+i:]...)
				}
			}
		default:
			if at < len(b) {
				b[at] = c
			}
		}
		if len(b) == 0 {
			b = append(b, c)
		}
	}
	return b
}

// agreeAccess reads a line with a parser that has seen another, and the thorough way.
func agreeAccess(t *testing.T, before, line []byte) {
	t.Helper()
	src := &record.Source{Name: "access.log"}
	p := combinedLog{}.NewParser(src).(*combinedParser)
	if len(before) > 0 {
		_, _ = p.ParseLine(1, before, record.Discard{})
	}
	if len(line) == 0 {
		return
	}
	var usual, l combinedLine
	ok := p.usual(line, &usual)
	thorough := p.any(line, &l)
	if ok && !thorough {
		t.Fatalf("%q: the usual shape, yet no line of the format", line)
	}
	if ok && !reflect.DeepEqual(l, usual) { // cmp takes its time
		if diff := cmp.Diff(l, usual, cmp.AllowUnexported(combinedLine{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q (thorough -, quick +)\n%s", line, diff)
		}
	}
	if !thorough {
		return
	}
	var quick, slow combinedTail
	plan, none := p.plan, tailPlan{}
	gotOK, wantOK := quick.read(line[l.tail:], &plan), slow.read(line[l.tail:], &none)
	if gotOK != wantOK {
		t.Fatalf("%q after %q: %v, thorough %v", line, before, gotOK, wantOK)
	}
	if !gotOK || reflect.DeepEqual(slow, quick) {
		return
	}
	if diff := cmp.Diff(slow, quick, cmp.AllowUnexported(combinedTail{}), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%q after %q (thorough -, quick +)\n%s", line, before, diff)
	}
}

func FuzzAccessLinesReadTheQuickWay(f *testing.F) {
	for i, a := range accessSeeds {
		for _, b := range accessSeeds[i:] {
			f.Add([]byte(a), []byte(b))
		}
	}
	f.Fuzz(agreeAccess)
}

func TestAccessLinesReadTheSameTheQuickWay(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	quick := 0
	for range 50_000 {
		before := []byte(accessSeeds[rnd.IntN(len(accessSeeds))])
		line := before
		if rnd.IntN(4) == 0 {
			line = []byte(accessSeeds[rnd.IntN(len(accessSeeds))])
		}
		line = odd(rnd, line)
		agreeAccess(t, before, line)
		var p combinedParser
		if p.usual(line, &combinedLine{}) {
			quick++
		}
	}
	if quick < 5_000 {
		t.Fatalf("only %d lines were read the quick way", quick)
	}
}

// agreeNext reads a line at the beginning of data with a parser that has seen another, and the thorough way with a new one.
func agreeNext(t *testing.T, before, data []byte) (quick int) {
	t.Helper()
	if len(before) == 0 || len(data) == 0 {
		return 0
	}
	for _, f := range []format.LineFormat{scalingoRouter{}, herokuRouter{}, combinedLog{}} {
		src := &record.Source{Name: f.Name()}
		p := f.NewParser(src).(format.NextParser)
		_, _ = p.ParseLine(1, before, record.Discard{})
		for range 2 { // the first may leave something behind
			var got, want recordtest.Sink
			n, ok, err := p.ParseNext(7, data, &got)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				if len(got.Requests)+len(got.Warnings) > 0 {
					t.Fatalf("%s after %q: not handled, yet %v %v: %q", f.Name(), before, got.Requests, got.Warnings, data)
				}
				continue
			}
			quick++
			line, rest := lines.Next(data)
			if n != len(data)-len(rest) || len(bytes.TrimLeft(line, " \t")) < len(line) || line[0] == '{' {
				t.Fatalf("%s after %q: %d bytes of %q", f.Name(), before, n, data)
			}
			if handled, err := f.NewParser(src).ParseLine(7, line, &want); !handled || err != nil {
				t.Fatalf("%s: not of this format: %q (%v)", f.Name(), line, err)
			}
			if reflect.DeepEqual(want.Requests, got.Requests) && reflect.DeepEqual(want.Warnings, got.Warnings) {
				continue
			}
			if diff := cmp.Diff(want.Requests, got.Requests) + cmp.Diff(want.Warnings, got.Warnings); diff != "" {
				t.Fatalf("%s after %q: %q (thorough -, quick +)\n%s", f.Name(), before, data, diff)
			}
		}
	}
	return quick
}

// nextSeeds are lines in the order and shape that is read without looking for the line's end first.
var nextSeeds = append([]string{
	`2026-11-16T13:30:50.702243+00:00 heroku[router]: at=info method=GET path="/a/b?c=d!" host=h.example request_id=466a699c-d898-7521-5d99-7cbe92c36556 fwd="1.2.3.4, 5.6.7.8" dyno=web.1 connect=0ms service=279ms status=200 bytes=4282 protocol=https`,
	`2026-11-16T13:30:51Z heroku[router]: at=info method=POST path="/" host=h request_id=- fwd="" dyno=- connect=12ms service=3ms status=499 bytes=4 protocol=http`,
	`2026-11-16 13:30:50.937512207 +0000 UTC [router] method=GET path="/x y" host=h.example request_id=1 container=web-3 from="1.2.3.4" protocol=https status=200 duration=0.503s bytes=990 referer="-" user_agent="a b"`,
	`2026-11-16 13:30:59.9 +0100 CET [router] method=PATCH path="" host=h request_id=99e0e240 container=- from="::1" protocol=http status=499 duration=12.5s bytes=0 error="x"`,
	`1970-01-01T00:00:00.000+00:00 heroku[router]: at=info method=GET path="/" host=h request_id=1 fwd="1" dyno=w connect=1ms service=1ms status=200 bytes=1`,
	`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /api/v1/things!/1?a=b HTTP/1.1" 200 571 "-" "Mozilla/5.0 (x; y) z" 0.123 api-7d4b9c6f5-x`,
}, accessSeeds...)

func FuzzLinesReadTheSameWithoutTheirEnd(f *testing.F) {
	for _, a := range nextSeeds {
		f.Add([]byte(a), []byte(a+"\n"+a))
		f.Add([]byte(a), []byte(a+"\r\n"))
	}
	f.Fuzz(func(t *testing.T, before, data []byte) {
		if bytes.IndexByte(before, '\n') < 0 {
			agreeNext(t, before, data)
		}
	})
}

func TestOddLinesReadTheSameWithoutTheirEnd(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6, 6))
	quick := 0
	for i := range 60_000 {
		before := []byte(nextSeeds[rnd.IntN(len(nextSeeds))])
		data := odd(rnd, before)
		if i%3 == 0 {
			at := rnd.IntN(len(data) + 1) // a line end, or another byte that is no text, at any place
			data = append(data[:at:at], append([]byte{"\n\r\t\n"[i/3%4]}, data[at:]...)...)
		}
		switch rnd.IntN(4) {
		case 0:
			data = append(data, '\r')
			fallthrough
		case 1, 2:
			data = append(append(data, '\n'), before...)
		}
		quick += agreeNext(t, before, data)
	}
	if quick < 15_000 {
		t.Fatalf("only %d lines were read the quick way", quick)
	}
}

// Names are remembered by sixteen of their bytes; what is remembered of one must be true of all that share them.
func TestNamesAreKnownByTheirBytes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	const letters = "ab-1.\x00\xff A_"
	var memo nameMemo
	for i := range 300_000 {
		name := make([]byte, 1+rnd.IntN(17))
		for k := range name {
			name[k] = letters[rnd.IntN(3+i%(len(letters)-2))]
		}
		got := memo.known(append([]byte("12345678"), name...), 8)
		want := len(name) < 16 && containers.IsName(name) && bytes.ContainsAny(name, "-.0123456789")
		if got != want {
			t.Fatalf("%q: %v, want %v", name, got, want)
		}
	}
}

// agreeLogfmt reads pairs with a scanner that has seen another line, and a new one.
func agreeLogfmt(t *testing.T, before, line []byte, all bool) {
	t.Helper()
	for _, make := range []func() *logfmt{newHerokuLogfmt, newScalingoLogfmt} {
		remembering, fresh := make(), make()
		remembering.scan(before, all)
		ok1, ok2 := remembering.scan(line, all), fresh.scan(line, all)
		if ok1 != ok2 {
			t.Fatalf("%q after %q: %v, without memory %v", line, before, ok1, ok2)
		}
		if !ok1 || reflect.DeepEqual(fresh.vals, remembering.vals) {
			continue
		}
		if diff := cmp.Diff(valuesOf(fresh), valuesOf(remembering)); diff != "" {
			t.Fatalf("%q after %q (without memory -, with +)\n%s", line, before, diff)
		}
	}
}

var logfmtSeeds = []string{
	`at=info method=GET path="/a" host=h request_id=466a699c-d898-7521-5d99-7cbe92c36556 fwd="1.2.3.4" dyno=web.1 connect=0ms service=279ms status=200 bytes=4282 protocol=https`,
	`at=error code=H13 desc="Connection closed" method=POST path="/x?y=%22" host=h request_id=6 fwd="1.2.3.4,5.6.7.8" dyno=web.2 connect=0ms service=17ms status=500 bytes=27069`,
	`at=error code=H10 desc="App crashed" method=GET path="/" host=h request_id=5 fwd="1" dyno= connect= service= status=503 bytes=`,
	`method=GET path="/a" host=h request_id=1 container=web-1 from="1" protocol=https status=200 duration=0.5s bytes=5 referer="-" user_agent="a b"`,
	`method=GET path="/a b\"c" host=h request_id=1 container=w from="1" status=504 duration=1s error="x y" a-key-of-many-letters=1`,
	`method=GET host=h path="/a" status=200`,
}

func FuzzLogfmtReadsTheSameWithAndWithoutMemory(f *testing.F) {
	for _, a := range logfmtSeeds {
		for _, b := range logfmtSeeds {
			f.Add([]byte(a), []byte(b), true)
			f.Add([]byte(a), []byte(b), false)
		}
	}
	f.Fuzz(agreeLogfmt)
}

func TestOddLogfmtReadsTheSameWithAndWithoutMemory(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 2))
	for i := range 30_000 {
		before := []byte(logfmtSeeds[rnd.IntN(len(logfmtSeeds))])
		agreeLogfmt(t, before, odd(rnd, before), i%2 == 0)
	}
}

func TestDurationsReadEightBytesAtOnceAreThoseReadDigitByDigit(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	const bytesOfNumbers = "0123456789012345678901234567890123456789.ms ,:/;\x00\xff\x3a\x2f\xfa"
	for range 200_000 {
		b := make([]byte, rnd.IntN(20))
		for i := range b {
			b[i] = bytesOfNumbers[rnd.IntN(len(bytesOfNumbers))]
		}
		if d, end, ok := number.SecondsIn(b, 0); ok {
			want, ok := number.Duration(b[:end], 9)
			if !ok || d != want || !isSeconds(b[:end]) {
				t.Fatalf("%q: %v, want %v (%v)", b, d, want, ok)
			}
		}
		from := rnd.IntN(len(b) + 1)
		to := from + rnd.IntN(len(b)-from+1)
		d, ok := number.MillisecondsIn(b, from, to)
		if want, wantOK := number.DurationWithUnit(b[from:to], 6); d != want || ok != wantOK {
			t.Fatalf("%q: %v %v, want %v %v", b[from:to], d, ok, want, wantOK)
		}
	}
}

func TestLogfmtReadsTheSameWithAndWithoutPrediction(t *testing.T) {
	lines := []string{
		`method=GET path="/a" host=h request_id=1 container=w from="1" status=200 duration=1s bytes=5 referer="-"`,
		`method=GET path="/a" host=h request_id=1 container=w from="1" status=200 duration=1s bytes=5 error="x"`,
		`method=GET path="/a b\"c" host=h request_id=1 container=w from="1" status=200 duration=1s`,
		`method=GET path="/a"b" host=h request_id=1 container=w from="1" status=200 duration=1s`,
		`method=GET host=h path="/a" status=200`,
		`method=GET method=POST path="/a" status=200 duration=1s container=w request_id=1 from="" status=500`,
		`method=GET path="/a" status=200 `, `method=GET path="/a`, `method=`, ``, `method`, `=x`, `method=GET  path=/bare status=1`,
		`method=GET path="/a" host=h request_id=1 container=w from="1" status=200 duration=1s bytes=5 referer="-" x`,
		`method=GET path="/a" host=h request_id=1 container="w" from="1" status=200 duration=1s`,
		`method=GET error=e path="/a" host=h request_id=1 container=w from="1" status=200 duration=1s`,
		`method=GET path="/a" host=h request_id=1 container=w from=1 status=200 duration=1s a-key-of-many-letters="x" error="y"`,
		`method=GET path="/a" a-key-of-many-letters=1 host=h request_id= container= from=1 status=200 duration=`,
	}
	for _, all := range []bool{true, false} {
		remembering := newScalingoLogfmt()
		for _, before := range lines {
			for _, line := range lines {
				remembering.scan([]byte(before), all)
				fresh := newScalingoLogfmt()
				ok1 := remembering.scan([]byte(line), all)
				ok2 := fresh.scan([]byte(line), all)
				if ok2 && ok1 {
					if diff := cmp.Diff(valuesOf(fresh), valuesOf(remembering)); diff != "" {
						t.Fatalf("%q after %q:\n%s", line, before, diff)
					}
				}
				if ok1 != ok2 {
					t.Fatalf("%q after %q: %v, without memory %v", line, before, ok1, ok2)
				}
			}
		}
	}
}

// valuesOf are the pairs that were found.
func valuesOf(l *logfmt) map[string]string {
	out := map[string]string{}
	for i, k := range l.keys {
		if l.has(i) {
			out[k] = string(l.get(i))
		}
	}
	return out
}
