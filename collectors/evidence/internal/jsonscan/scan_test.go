package jsonscan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"
	"unicode/utf8"
)

// referenceScan reads the wanted values of a line with encoding/json alone: its tokens, in order, the last scalar of a path winning.
func referenceScan(spec *Spec, line []byte) (vals map[int]string, tags []string, err error) {
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
		return nil, nil, errObject
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
			want = wish{slot: -1}
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

func scanned(s *Scanner) (vals map[int]string, tags []string) {
	vals = map[int]string{}
	var buf []byte
	for i, v := range s.Values {
		if !s.Have.Has(int16(i)) {
			continue
		}
		switch v.Kind {
		case String:
			vals[i] = "s" + replaceInvalid(s.Text(v, &buf))
		case Number:
			vals[i] = "n" + string(s.Raw(v))
		}
	}
	for _, v := range s.Tags {
		tags = append(tags, replaceInvalid(s.Text(v, &buf)))
	}
	return vals, tags
}

func compareScan(t *testing.T, s *Scanner, line []byte) {
	t.Helper()
	wantVals, wantTags, wantErr := referenceScan(s.spec, line)
	err := s.Scan(line)
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("line %q: error %v, encoding/json says %v", line, err, wantErr)
	}
	if err == nil {
		compareValues(t, s, line, wantVals, wantTags)
	}
	// The same line with more behind it, as it stands in a chunk: there the prediction has words of eight bytes to load.
	data := append(bytes.Clone(line), "\n{\"time\":1}\n{\"time\":2}\n"...)
	n, ok := s.Predict(data)
	if !ok || bytes.ContainsAny(line, "\n\r") {
		return
	}
	if n != len(line) || err != nil {
		t.Fatalf("line %q: %d bytes of it are predicted, encoding/json says %v", line, n, wantErr)
	}
	s.Recall(data[:n])
	compareValues(t, s, line, wantVals, wantTags)
}

func compareValues(t *testing.T, s *Scanner, line []byte, wantVals map[int]string, wantTags []string) {
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

func newTestScan() *Scanner {
	s := New(NewSpec("time", "msg", "req.id", "req.url", "a.b.c", "a.b", "d", "tags[]", "x.tags[]"))
	s.WantTag = func(raw []byte) bool { return bytes.HasPrefix(raw, []byte("container")) }
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
		if _, ok := s.Predict(line); ok {
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
		if n, ok := s.Predict(b); !ok || n != len(b)-1 {
			t.Fatalf("%s was not predicted", b)
		}
		from, to := bytes.IndexByte(b, ','), bytes.LastIndex(b, []byte("m4"))
		for i := from; i < to; i++ {
			changed := bytes.Clone(b)
			changed[i] ^= 1
			if n, ok := s.Predict(changed); ok {
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
func compareLine(t *testing.T, s *Scanner, line []byte) {
	t.Helper()
	slow := newTestScan()
	err := slow.walk(line, false)
	want, _ := scanned(slow)
	for _, tail := range []string{"", "\n", "\n{}", "\n" + strings.Repeat("x", 40)} {
		data := append(bytes.Clone(line), tail...)
		n, ok := s.Predict(data)
		switch {
		case !ok:
			if err == nil && !bytes.ContainsAny(line, "\n\r") && s.pause == 0 {
				t.Fatalf("%q before %q was not predicted", line, tail)
			}
			s.misses = 0
		case err != nil || n != len(line):
			t.Fatalf("%q before %q was predicted, to byte %d; the walk says %v", line, tail, n, err)
		default:
			s.Recall(data[:n])
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
		if err := s.Scan(line); err != nil {
			t.Fatal(err)
		}
		if v := s.Values[0]; !s.Have.Has(0) || string(s.Raw(v)) != fmt.Sprint(i) {
			t.Fatalf("time of line %d is %q", i, s.Raw(v))
		}
	}
	if s.nodes > maxNodes || s.size > maxPieces {
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
