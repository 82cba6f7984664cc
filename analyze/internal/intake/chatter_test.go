package intake_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lastcall/analyze/internal/intake"
	"lastcall/collectors/record"
)

// TestLinesAreAlikeButForWhatDiffers names lines as they are told.
func TestLinesAreAlikeButForWhatDiffers(t *testing.T) {
	for said, want := range map[string]string{
		"building digest of 412 campaigns":                    "building digest of # campaigns",
		"  building\tdigest of 7":                             "building digest of #",
		"sent to judy@example.org, 12 3 f00d9 bytes":          "sent to # bytes",
		`level=info msg="import of a file" id=9 took=12ms ok`: `level=# msg=# id=# took=# ok`,
		`cannot read "my file.csv": no such file`:             "cannot read # no such file",
		"it's 'a b' `c d` done":                               "it's # done",
		"an unclosed \"quote":                                 "an unclosed \"quote",
		"handling POST /api/export/41/rows?x=1 for /home":     "handling POST /api/export/# for /home",
		"5":                            "#",
		"":                             "",
		" \t ":                         "",
		"=x =":                         "=x =",
		strings.Repeat("x", 49) + " y": "# y",
		strings.Repeat("ab ", 20):      strings.TrimSpace(strings.Repeat("ab ", 12)),
		strings.Repeat(strings.Repeat("y", 40)+" ", 5): strings.TrimSpace(strings.Repeat(strings.Repeat("y", 40)+" ", 3)),
		"größer als 5 Зеленый":                         "größer als # Зеленый",
	} {
		s := intake.New(intake.Options{})
		if err := s.Message(&record.Message{Time: 1, Text: []byte(said)}); err != nil {
			t.Fatal(err)
		}
		ev, err := s.Finish()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, l := range ev.Chatter.Lines() {
			got += l.Text
		}
		if got != want {
			t.Errorf("%q is %q, want %q", said, got, want)
		}
		s.Close()
	}
}

// told is what is kept, in an order of its own.
func told(t *testing.T, ev *intake.Evidence) (out []string) {
	t.Helper()
	for _, l := range ev.Chatter.Lines() {
		var times []string
		for _, x := range l.Times {
			times = append(times, fmt.Sprint(x.Time, x.Line, ev.Chatter.Containers[x.Container]))
		}
		slices.Sort(times)
		out = append(out, fmt.Sprint(l.Text, l.Count, times))
	}
	return out
}

// TestTheSameLinesAreKeptInAnyOrder: where there are too many, and whoever reads which.
func TestTheSameLinesAreKeptInAnyOrder(t *testing.T) {
	type message struct {
		text, container string
		at              int64
	}
	letters := func(i int) string {
		var b []byte
		for ; i > 0 || len(b) == 0; i /= 26 {
			b = append(b, byte('a'+i%26))
		}
		return string(b)
	}
	var all []message
	for i := range 60_000 {
		all = append(all, message{"once " + letters(i), fmt.Sprint("web-", i%7), int64(i + 1)})
	}
	for i := range 5000 {
		all = append(all, message{"often", "web-1", int64(i + 1)}, message{fmt.Sprint("now and then ", letters(i%9)), fmt.Sprint("web-", i%3), int64(i + 1)})
	}
	gather := func(seed uint64, forks int) []string {
		r := rand.New(rand.NewPCG(seed, 3))
		mine := slices.Clone(all)
		r.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
		first := intake.New(intake.Options{})
		defer first.Close()
		var sinks []record.Sink
		for range forks {
			sinks = append(sinks, first.Fork())
		}
		for _, m := range mine {
			x := record.Message{Pos: record.Pos{Line: m.at}, Time: record.Time(m.at), Container: []byte(m.container), Text: []byte(m.text)}
			if err := sinks[r.IntN(forks)].Message(&x); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range sinks {
			if err := s.Join(); err != nil {
				t.Fatal(err)
			}
		}
		ev, err := first.Finish()
		if err != nil {
			t.Fatal(err)
		}
		return told(t, ev)
	}
	want := gather(1, 1)
	if len(want) < 1000 || len(want) > 60_000 {
		t.Errorf("%d lines are kept", len(want))
	}
	for seed := range uint64(4) {
		if got := gather(seed+2, int(seed)+1); !reflect.DeepEqual(got, want) {
			t.Errorf("in another order, by %d: %d lines, %d before", seed+1, len(got), len(want))
		}
	}
}

// TestTooManyContainersSayNothing: which of them came first must not count.
func TestTooManyContainersSayNothing(t *testing.T) {
	for forks := 1; forks <= 2; forks++ {
		first := intake.New(intake.Options{})
		var sinks []record.Sink
		for range forks {
			sinks = append(sinks, first.Fork())
		}
		for i := range 15_000 {
			if err := sinks[i%forks].Message(&record.Message{Time: 1, Container: fmt.Append(nil, "web-", i), Text: []byte("work")}); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range sinks {
			if err := s.Join(); err != nil {
				t.Fatal(err)
			}
		}
		ev, err := first.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if n := len(ev.Chatter.Lines()); n > 0 {
			t.Errorf("%d forks: %d lines are kept", forks, n)
		}
		first.Close()
	}
}

// FuzzSpoken: no number and no address is told, whatever the line.
func FuzzSpoken(f *testing.F) {
	for _, s := range []string{"building digest of 412 campaigns", `level=info msg="import of a file" id=9`, "0123456789:/ABC\xb0\xb9 9", "it's 'a b' `c d", "a\tb=\"", "judy@example.org"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := string(intake.SpokenText(text))
		if strings.ContainsAny(got, "0123456789@") || len(got) > 160 || strings.HasPrefix(got, " ") || strings.HasSuffix(got, " ") {
			t.Errorf("%q is told as %q", text, got)
		}
		// Lines of one shape are told alike, and no other byte is taken for a digit.
		other := bytes.Clone(text)
		for i, c := range other {
			if c >= '0' && c <= '9' {
				other[i] = '9' - (c-'0')%10
			}
		}
		if again := string(intake.SpokenText(other)); again != got || intake.ShapeOf(other) != intake.ShapeOf(text) {
			t.Errorf("%q is told as %q, %q as %q; shapes %x and %x", text, got, other, again, intake.ShapeOf(text), intake.ShapeOf(other))
		}
		for i, c := range text {
			for _, near := range []byte{'/', ':', c ^ 0x80, c ^ 1, c ^ 0x10} {
				if (c < '0' || c > '9') && (near < '0' || near > '9') && near != c && len(text) >= 8 && len(text) <= 256 {
					other := bytes.Clone(text)
					other[i] = near
					if intake.ShapeOf(other) == intake.ShapeOf(text) {
						t.Errorf("%q and %q have one shape", text, other)
					}
				}
			}
		}
	})
}
