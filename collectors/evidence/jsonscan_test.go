package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"
)

// referenceScan reads the wanted values of a line with encoding/json alone: its tokens, in order, the last scalar of a path winning.
func referenceScan(spec *jsonSpec, line []byte) (vals map[int]string, tags []string, err error) {
	if !json.Valid(line) {
		return nil, nil, fmt.Errorf("invalid")
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	vals = map[int]string{}
	t, err := d.Token()
	if err != nil {
		return nil, nil, err
	}
	if t != json.Delim('{') {
		return nil, nil, errJSONObject
	}
	var value func(path string, wanted, tag bool) error
	object := func(path string, wanted bool) error {
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return err
			}
			key := k.(string)
			p := key
			if path != "" {
				p = path + "." + key
			}
			_, below := spec.paths[p]
			if err := value(p, wanted && below && key != "", false); err != nil {
				return err
			}
		}
		_, err := d.Token()
		return err
	}
	value = func(path string, wanted, tag bool) error {
		t, err := d.Token()
		if err != nil {
			return err
		}
		want := spec.paths[path]
		if !wanted {
			want = jsonWant{slot: -1}
		}
		set := func(v string) {
			if want.slot >= 0 {
				vals[int(want.slot)] = v
			}
		}
		switch t := t.(type) {
		case json.Delim:
			if t == '{' {
				return object(path, wanted)
			}
			for d.More() {
				if err := value(path, false, want.tags); err != nil {
					return err
				}
			}
			_, err := d.Token()
			return err
		case string:
			set("s" + t)
			if tag {
				tags = append(tags, t)
			}
		case json.Number:
			set("n" + t.String())
		default:
			if want.slot >= 0 {
				delete(vals, int(want.slot)) // true, false and null stand for no value
			}
		}
		return nil
	}
	if err := object("", true); err != nil {
		return nil, nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, nil, fmt.Errorf("more after the object")
	}
	return vals, tags, nil
}

// replaceInvalid makes each byte that is not UTF-8 the replacement character, as encoding/json does.
func replaceInvalid(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}

func scanned(s *jsonScan) (vals map[int]string, tags []string) {
	vals = map[int]string{}
	var buf []byte
	for i, v := range s.vals {
		if !s.have.has(int16(i)) {
			continue
		}
		switch v.kind {
		case jsonString:
			vals[i] = "s" + replaceInvalid(s.text(v, &buf))
		case jsonNumber:
			vals[i] = "n" + string(s.raw(v))
		}
	}
	for _, v := range s.tags {
		tags = append(tags, replaceInvalid(s.text(v, &buf)))
	}
	return vals, tags
}

func compareScan(t *testing.T, s *jsonScan, line []byte) {
	t.Helper()
	wantVals, wantTags, wantErr := referenceScan(s.spec, line)
	err := s.scan(line)
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("line %q: error %v, encoding/json says %v", line, err, wantErr)
	}
	if err == nil {
		compareValues(t, s, line, wantVals, wantTags)
	}
	// The same line with more behind it, as it stands in a chunk: there the prediction has words of eight bytes to load.
	data := append(bytes.Clone(line), "\n{\"time\":1}\n{\"time\":2}\n"...)
	n, ok := s.predict(data)
	if !ok || bytes.ContainsAny(line, "\n\r") {
		return
	}
	if n != len(line) || err != nil {
		t.Fatalf("line %q: %d bytes of it are predicted, encoding/json says %v", line, n, wantErr)
	}
	s.recall(data[:n])
	compareValues(t, s, line, wantVals, wantTags)
}

func compareValues(t *testing.T, s *jsonScan, line []byte, wantVals map[int]string, wantTags []string) {
	t.Helper()
	vals, tags := scanned(s)
	for i := range s.spec.slots {
		if vals[i] != wantVals[i] {
			t.Fatalf("line %q: value %d is %q, encoding/json says %q", line, i, vals[i], wantVals[i])
		}
	}
	keep := func(tags []string) string {
		var out []string
		for _, tag := range tags {
			if strings.HasPrefix(tag, "container") {
				out = append(out, tag)
			}
		}
		return strings.Join(out, ",")
	}
	if keep(tags) != keep(wantTags) {
		t.Fatalf("line %q: tags %q, encoding/json says %q", line, tags, wantTags)
	}
}

func newTestScan() *jsonScan {
	s := newJSONScan(newJSONSpec("time", "msg", "req.id", "req.url", "a.b.c", "a.b", "d", "tags[]", "x.tags[]"))
	s.wantTag = func(raw []byte) bool { return bytes.HasPrefix(raw, []byte("container")) }
	return s
}

var jsonSeeds = []string{
	`{"time":1,"msg":"a","req":{"id":"x","url":"/a"}}` + "\n" + `{"time":2,"msg":"b","req":{"id":"y","url":"/b"}}` + "\n" + `{"time":3,"msg":"c","req":{"id":"z","url":"/c"}}`,
	`{"time":1,"u":"q","msg":"a"}` + "\n" + `{"time":2,"u":"r","msg":"b"}` + "\n" + `{"time":3,"u":"s\"}","msg":"c"}` + "\n" + `{"time":3,"u":5,"msg":"c"}`,
	`{"tags":["env:a","container:w"],"d":1}` + "\n" + `{"tags":["env:a","container:v"],"d":2}` + "\n" + `{"tags":["env:b","container:u","x"],"d":2}` + "\n" + `{"tags":["container:u","env:b"],"d":2}`,
	`{"a.b.c":1,"a":{"b.c":2,"b":{"c":3}}}` + "\n" + `{"a":{"b":4},"a.b":{"c":5}}` + "\n" + `{"a":{"b":4},"a":{"b":{"c":null}}}`,
	`{"":{"time":1},"time":"","d":{}}` + "\n" + `{ "time" : 1 , "d" : [ ] }` + "\n" + `{"d":5e6,"time":-0.5E+3}` + "\n" + `{"d":01}`,
	`{"req":[{"id":1}],"x":{"tags":["container",["container"],{"container":1}]}}` + "\n" + `{"\u0074ime":"\ud83d\ude00\ud800"}`,
	`{"time":1,"time":2,"k":true}` + "\n" + `{"time":1,"time":2,"k":false}` + "\n" + `{"time":1,"time":2,"k":null}` + "\n" + `{"time":1,"k":null`,
	`{"time":1}x` + "\n" + `[1]` + "\n" + `"a"` + "\n" + "{\"time\":\"a\tb\"}" + "\n" + "{\"time\":\"\xff\xfe\"}",
}

func TestScanAgreesWithEncodingJSONOnOddLines(t *testing.T) {
	for _, seed := range jsonSeeds {
		s := newTestScan()
		for range 3 {
			for line := range strings.SplitSeq(seed, "\n") {
				compareScan(t, s, []byte(line))
			}
		}
	}
}

func TestPredictionReadsWhatTheWalkLearnt(t *testing.T) {
	s := newTestScan()
	hits := 0
	for i := range 100 {
		line := fmt.Appendf(nil, `{"level":30,"time":%d,"tags":["env:p","container:web-%d"],"ua":"agent %d","req":{"id":"%d","url":"/a"},"ok":true,"msg":"request \"%d\""}`, i, i%3, i%7, i, i)
		if _, ok := s.predict(line); ok {
			hits++
		}
		compareScan(t, s, line)
	}
	if hits < 95 {
		t.Fatalf("%d of 100 lines of one shape were predicted, want nearly all", hits)
	}
}

// A piece is compared in words, of which the last overlap: a line that differs in any byte of a piece of any length is made otherwise.
func TestPredictionComparesEveryByteOfItsPieces(t *testing.T) {
	for length := range 70 {
		s := newTestScan()
		line := func(i int) []byte {
			return fmt.Appendf(nil, `{"time":%d,"k%s":"x","msg":"m%d"}`+"\n", i, strings.Repeat("k", length), i)
		}
		for i := range 3 {
			compareScan(t, s, bytes.TrimSpace(line(i)))
		}
		b := line(4)
		if n, ok := s.predict(b); !ok || n != len(b)-1 {
			t.Fatalf("%s was not predicted", b)
		}
		from, to := bytes.IndexByte(b, ','), bytes.LastIndex(b, []byte("m4"))
		for i := from; i < to; i++ {
			changed := bytes.Clone(b)
			changed[i] ^= 1
			if n, ok := s.predict(changed); ok {
				t.Fatalf("%s was predicted, to byte %d, as a line like %s", changed, n, b)
			}
		}
	}
}

// Values of every length with any byte at any place, at any distance from the end of the data.
func TestPredictionFindsTheEndsOfStringsAndNumbers(t *testing.T) {
	s := newTestScan()
	for i := range 3 {
		compareScan(t, s, fmt.Appendf(nil, `{"time":%d,"msg":"m%d"}`, i, i))
	}
	for length := range 40 {
		for at := range length {
			for c := range 256 {
				text := bytes.Repeat([]byte("x "), 20)[:length]
				text[at] = byte(c)
				line := fmt.Appendf(nil, `{"time":1,"msg":"%s"}`, text)
				compareLine(t, s, line)
			}
		}
	}
	for _, n := range []string{"0", "00", "01", "-1", "-0", "1.5", "1.", ".5", "1e5", "1.5E-3", "1x", "12345678", "123456789012345678", "1234567.25", "", "-", "0.5", "10"} {
		compareLine(t, s, fmt.Appendf(nil, `{"time":%s,"msg":"m"}`, n))
	}
}

// compareLine compares the walk of a line with its prediction, when it is followed by another and when it is not.
func compareLine(t *testing.T, s *jsonScan, line []byte) {
	t.Helper()
	slow := newTestScan()
	err := slow.walk(line, false)
	want, _ := scanned(slow)
	for _, tail := range []string{"", "\n", "\n{}", "\n" + strings.Repeat("x", 40)} {
		data := append(bytes.Clone(line), tail...)
		n, ok := s.predict(data)
		switch {
		case !ok:
			if err == nil && !bytes.ContainsAny(line, "\n\r") && s.pause == 0 {
				t.Fatalf("%q before %q was not predicted", line, tail)
			}
			s.misses = 0
		case err != nil || n != len(line):
			t.Fatalf("%q before %q was predicted, to byte %d; the walk says %v", line, tail, n, err)
		default:
			s.recall(data[:n])
			if got, _ := scanned(s); !maps.Equal(got, want) {
				t.Fatalf("%q before %q: %v, the walk says %v", line, tail, got, want)
			}
		}
	}
}

func TestPredictionGivesUpOnLinesWithoutStructureInBoundedMemory(t *testing.T) {
	s := newTestScan()
	for i := range 20_000 {
		line := fmt.Appendf(nil, `{"key%d":{"x%d":%d},"time":%d,"k%d":"v"}`, i, i*7, i, i, i%1000)
		if err := s.scan(line); err != nil {
			t.Fatal(err)
		}
		if v := s.vals[0]; !s.have.has(0) || string(s.raw(v)) != fmt.Sprint(i) {
			t.Fatalf("time of line %d is %q", i, s.raw(v))
		}
	}
	if s.nodes > maxJSONNodes || s.size > maxJSONPieces {
		t.Fatalf("%d nodes and %d bytes learnt, beyond the bounds", s.nodes, s.size)
	}
}

func FuzzScanAgreesWithEncodingJSON(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newTestScan()
		lines := bytes.Split(data, []byte("\n"))
		for range 3 { // the second and third time round there is something to predict from
			for _, line := range lines {
				compareScan(t, s, line)
			}
		}
	})
}

func TestDecimalIsExact(t *testing.T) {
	cases := []struct {
		in    string
		scale int
		want  int64
		ok    bool
	}{
		{"0", 0, 0, true},
		{"5000000", 0, 5_000_000, true},
		{"5e6", 0, 5_000_000, true},
		{"5E+6", 0, 5_000_000, true},
		{"5000000.75", 0, 5_000_000, true},
		{"297.654", 6, 297_654_000, true},
		{"0.016", 9, 16_000_000, true},
		{"-1.5", 9, -1_500_000_000, true},
		{"1794835850897", 6, 1794835850897_000_000, true},
		{"0.1234567891234567", 9, 123_456_789, true},
		{"12345678901234567890", 0, 0, false},
		{"9223372036854775807", 0, 9223372036854775807, true},
		{"9223372036854775808", 0, 0, false},
		{"1e400", 0, 0, false},
		{"1e999999999999", 0, 0, false},
		{"9999999999", 9, 0, false},
		{"", 0, 0, false},
		{".", 0, 0, false},
		{"1.2.3", 0, 0, false},
		{"0x10", 0, 0, false},
		{"Infinity", 0, 0, false},
		{"12a", 0, 0, false},
	}
	for _, c := range cases {
		got, ok := decimal([]byte(c.in), c.scale)
		if got != c.want || ok != c.ok {
			t.Errorf("decimal(%q, %d) = %d, %v, want %d, %v", c.in, c.scale, got, ok, c.want, c.ok)
		}
	}
}

func FuzzDecimalAgreesWithBigRationals(f *testing.F) {
	for _, s := range []string{"5e6", "297.654", "-0.5", "123456789012345678", "1e18", "0.000000000000000001", "1", "12345678", "123456789", "1794835850897", "9999999999999999", "1234567a",
		"0000000012345678", "12345678:2345678", "/2345678"} {
		f.Add(s, 9)
	}
	f.Fuzz(func(t *testing.T, s string, scale int) {
		scale = int(uint(scale) % 10)
		got, ok := decimal([]byte(s), scale)
		if v, whole := wholeNumber([]byte("1234567890123456"+s+"9"), 16, uint32(16+len(s))); whole {
			if d, ok := decimal([]byte(s), 0); !ok || d != v {
				t.Fatalf("wholeNumber(%q) = %d, decimal = %d, %v", s, v, d, ok)
			}
		} else if len(s) > 0 && len(s) <= 16 && isDigits([]byte(s)) {
			t.Fatalf("wholeNumber(%q) did not take digits", s)
		}
		if !isNumber([]byte(s)) {
			if ok {
				t.Fatalf("decimal(%q) took what is no number", s)
			}
			return
		}
		if len(s) > 60 || strings.ContainsAny(s, "eE") && len(s)-strings.IndexAny(s, "eE") > 5 {
			return
		}
		r, valid := new(big.Rat).SetString(s)
		if !valid {
			return
		}
		r.Mul(r, new(big.Rat).SetInt64(powersOf10[scale]))
		want := new(big.Int).Quo(r.Num(), r.Denom())
		if ok != want.IsInt64() || ok && got != want.Int64() {
			if !ok && strings.ContainsAny(s, "eE") {
				return // exponents beyond reason are refused
			}
			t.Fatalf("decimal(%q, %d) = %d, %v, want %s", s, scale, got, ok, want)
		}
	})
}
