package prose

import (
	"bytes"
	"html"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// render is what a page makes of Markdown, as text: tags are counted, entities turned back.
func render(t testing.TB, md string) (text string, tags int) {
	t.Helper()
	var b bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(md), &b); err != nil {
		t.Fatal(err)
	}
	out := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(b.String()), "<p>"), "</p>")
	return html.UnescapeString(out), strings.Count(out, "<")
}

var hostile = []string{
	"plain words", "<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](http://evil.example/p.png)", "https://evil.example/",
	"www.evil.example", "jane@victim.example", "@everyone", "`code`", "**bold** __b__ ~~s~~", "# heading", "- item", "1. item", "> quote",
	"| a | b |", "&lt;b&gt;", "a\nb", "\x1b[31mred\x1b[0m", "\u202eevil", "<!-- c -->", "\\<b\\>", "| --- |", "a | b", "```\nx", "===", "***",
}

func TestNothingInMarkdownTextIsMarkup(t *testing.T) {
	for _, s := range hostile {
		// In the middle of a line, as the night's summary has it.
		text, tags := render(t, "x "+Markdown(s))
		if tags != 0 || text != "x "+Plain(s) && strings.TrimSpace(text) != strings.TrimSpace("x "+Plain(s)) {
			t.Errorf("%q renders as %q with %d tags", s, text, tags)
		}
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 300 {
			return // the renderer of this test is slow on long oddities, and lines of a night are short
		}
		if p := Plain(s); strings.ContainsAny(p, "\x00\x07\x1b\n\r\u202e\u2066\u200b") || !utf8.ValidString(p) {
			t.Errorf("%q became %q", s, p)
		}
		if _, tags := render(t, "x "+Markdown(s)); tags != 0 {
			t.Errorf("%q has %d tags", s, tags)
		}
	})
}

func TestWrapKeepsWordsAndWidth(t *testing.T) {
	got := Wrap("one two three\n\nfour extraordinarily", "  ", 10)
	if want := "  one two\n  three\n\n  four\n  extraordinarily\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSpansAreSaidInTheUnitThatMatters(t *testing.T) {
	for d, want := range map[time.Duration]string{
		50 * time.Second: "50 s", 12 * time.Minute: "12 min", 31 * time.Hour: "31 h", 100 * time.Hour: "4 days", -3 * time.Hour: "-3 h",
		math.MaxInt64: "106752 days", math.MinInt64: "-106752 days",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}
