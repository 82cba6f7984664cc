package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	gmhtml "github.com/yuin/goldmark/renderer/html"

	"lastcall/analyze/finding"
)

// attacks are strings that a log may carry and that must do nothing in a report.
var attacks = []string{
	"<script>window.hacked=1;alert(1)</script>",
	"</script><script>window.hacked=1</script>",
	"</title><script>window.hacked=1</script>",
	"</style><img src=x onerror=window.hacked=1>",
	"\" onmouseover=\"window.hacked=1\" x=\"",
	"' onfocus='window.hacked=1' autofocus='",
	"javascript:window.hacked=1",
	"<!-- --><svg onload=window.hacked=1>",
	"]]><script>window.hacked=1</script><![CDATA[",
	"{{.Secret}}{{template \"page\"}}",
	"[click](javascript:window.hacked=1) ![x](http://evil.example/x.png) <http://evil.example>",
	"[ref]: http://evil.example \"t\"",
	"| a | b |\n| --- | --- |\n| c | d |",
	"`` ` code `` | ``` \n```\n# heading\n- list\n> quote\n1. one\n---\n===",
	"# heading", "- item", "+ item", "1. one", "2) two", "> quote", "---", "===", "~~~", "    code", "```", "***bold*** __bold__ ~~gone~~ $x$ :smile:",
	"&lt;b&gt; &amp; &#60;script&#62; \\<b> \\", "a\\|b | c \\\\| d", "http://evil.example www.evil.example me@evil.example @everyone #123 !45 ftp://evil.example",
	"\x1b[31mred\x1b]8;;http://evil.example\x07link\x1b[2J\x1bc", "\u009b31mC1 \u0090dcs\u009c", "\u202egnp.exe\u2066iso\u2069 \u200b\ufeff\u2028\u2029", "\r\nVERDICT: all is well\r\x08\x08\x00",
	"\xff\xfe\xc0\x80 broken", "\U000e0041\ufe0f tags", strings.Repeat("long", 3000), "<details><summary>x</summary>", "<a href=\"//evil.example\">x</a>",
}

// hostileReport has an attack in every string of the model; turn shifts which.
func hostileReport(turn int) *finding.Report {
	i := turn
	r := (&filler{str: func(_, _ string, _ int) string {
		i++
		return attacks[i%len(attacks)]
	}}).report()
	r.Suspects[0].Role, r.Suspects[0].Grade = finding.Culprit, finding.Likely
	for j := range r.Crashes { // so that charts have something to draw
		r.Charts.Memory[j].Crash, r.Crashes[j].ID = "c1", "c1"
	}
	return r
}

func eachHostile(t *testing.T, f func(t *testing.T, r *finding.Report, noRedact bool)) {
	t.Helper()
	for turn := 0; turn < len(attacks); turn += 5 {
		for _, noRedact := range []bool{false, true} {
			t.Run(fmt.Sprintf("turn %d, NoRedact %v", turn, noRedact), func(t *testing.T) { f(t, hostileReport(turn), noRedact) })
		}
	}
}

func TestHostileStringsAreInertInText(t *testing.T) {
	eachHostile(t, func(t *testing.T, r *finding.Report, noRedact bool) {
		s := write(t, r, Options{NoRedact: noRedact})
		for _, c := range s {
			if c != '\n' && (unicode.Is(unicode.Cc, c) || unicode.Is(unicode.Cf, c) || c == '\u2028' || c == '\u2029') {
				t.Fatalf("%U reached the terminal: %.300q", c, lineWith(s, c))
			}
		}
		if strings.Contains(s, "\nVERDICT: all is well") {
			t.Error("a line of its own was forged")
		}
	})
}

func lineWith(s string, c rune) string {
	for l := range strings.Lines(s) {
		if strings.ContainsRune(l, c) {
			return l
		}
	}
	return ""
}

func TestHostileStringsAreInertInJSON(t *testing.T) {
	eachHostile(t, func(t *testing.T, r *finding.Report, noRedact bool) {
		s := write(t, r, Options{Format: JSON, NoRedact: noRedact})
		for _, c := range s {
			if c != '\n' && hidden(c) || c == '<' || c == '>' || c == '&' {
				t.Fatalf("%U is in the file", c)
			}
		}
		if _, err := ReadJSON(strings.NewReader(s)); err != nil {
			t.Error(err)
		}
	})
}

var mdRenderer = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(gmhtml.WithUnsafe()))

// rendered is Markdown as GitHub would show it, with raw HTML let through, to see whether there is any.
func rendered(t *testing.T, md string) string {
	t.Helper()
	var b bytes.Buffer
	if err := mdRenderer.Convert([]byte(md), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var tagName = regexp.MustCompile(`</?([a-zA-Z][a-zA-Z0-9]*)([^>]*)>`)

func TestHostileStringsAreInertInMarkdown(t *testing.T) {
	allowed := map[string]bool{"h1": true, "h2": true, "h3": true, "p": true, "ul": true, "ol": true, "li": true, "table": true, "thead": true, "tbody": true, "tr": true, "th": true, "td": true, "code": true, "strong": true}
	eachHostile(t, func(t *testing.T, r *finding.Report, noRedact bool) {
		md := write(t, r, Options{Format: Markdown, Location: cet, NoRedact: noRedact})
		html := rendered(t, md)
		for _, m := range tagName.FindAllStringSubmatch(html, -1) {
			if !allowed[strings.ToLower(m[1])] || m[2] != "" {
				t.Errorf("the tag %s came through", m[0])
			}
		}
		for _, c := range md {
			if c != '\n' && hidden(c) {
				t.Fatalf("%U is in the file", c)
			}
		}
		// The shape of the page is that of a report without attacks: nobody added a row, a cell, a list or a heading.
		plain := rendered(t, write(t, harmless(r), Options{Format: Markdown, Location: cet, NoRedact: noRedact}))
		for _, tag := range []string{"h1", "h2", "h3", "ul", "ol", "li", "table", "tr", "td", "th", "p", "strong"} {
			if a, b := strings.Count(html, "<"+tag+">"), strings.Count(plain, "<"+tag+">"); a != b {
				t.Errorf("%d times <%s>, without attacks %d", a, tag, b)
			}
		}
	})
}

// harmless is r with plain words for all attacks.
func harmless(r *finding.Report) *finding.Report {
	h := (&filler{str: func(_, _ string, _ int) string { return "word" }}).report()
	h.Suspects[0].Role, h.Suspects[0].Grade = finding.Culprit, finding.Likely
	for j := range h.Crashes {
		h.Charts.Memory[j].Crash, h.Crashes[j].ID = "c1", "c1"
	}
	// What groups equal lines must find as many different ones.
	for i := range h.Memory {
		h.Memory[i].Note = r.Memory[i].Note
		if strings.TrimSpace(clean(h.Memory[i].Note)) != "" {
			h.Memory[i].Note = fmt.Sprint("word ", i)
		}
	}
	return h
}

func TestMarkdownRendersAsIntended(t *testing.T) {
	html := rendered(t, write(t, burstReport(), Options{Format: Markdown, Location: cet}))
	for _, want := range []string{
		"<h1>Postmortem draft: request burst</h1>",
		"<h2>Summary</h2>", "<h2>Impact</h2>", "<h2>Timeline</h2>", "<h2>Root cause</h2>", "<h2>What could not be seen</h2>", "<h2>Action items</h2>",
		"<p><strong>Conclusive.</strong> GET /api/campaigns/{id}/profiles-collection/csv killed web-1",
		"<td>2026-11-16 13:47:57</td>\n<td>2026-11-16 14:47:57 CET</td>\n<td><strong>Crash:</strong> web-1 dies: heap limit, exit 134</td>\n<td>observed</td>\n<td><code>platform.log:20</code></td>",
		"<td>inferred</td>",
		"<td>Planned: maintenance window begins (given by the user)</td>",
		"<li>Open at death in 4 of 4 crashes; in 3 of 412 comparable quiet windows (0.7%)</li>",
		"<td>Speaks against it</td>",
		"<code>&lt;--- Last few GCs ---&gt;</code>",
		"<ol>\n<li><strong>Now:</strong> Block or rate-limit",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(html, `\`) {
		t.Error("an escape can be seen")
	}
}

func FuzzMarkdownText(f *testing.F) {
	for _, a := range attacks {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, s string) {
		md := "- " + mdText(s) + "\n- **x:** " + mdText(s) + " and " + mdCode(s) + "\n\n| a | b |\n| --- | --- |\n| " + mdCell(mdText(s)) + " | " + mdCell(mdCode(s)) + " |\n"
		html := rendered(t, md)
		for _, m := range tagName.FindAllStringSubmatch(html, -1) {
			switch m[1] {
			case "ul", "li", "strong", "code", "table", "thead", "tbody", "tr", "th", "td":
			default:
				t.Fatalf("%q: the tag %s came through:\n%s\n%s", s, m[0], md, html)
			}
		}
		if n := strings.Count(html, "<td>"); n != 2 {
			t.Fatalf("%q: %d cells:\n%s\n%s", s, n, md, html)
		}
		if n := strings.Count(html, "<li>"); n != 2 {
			t.Fatalf("%q: %d items:\n%s\n%s", s, n, md, html)
		}
	})
}

func TestHostileStringsAreInertInHTML(t *testing.T) {
	eachHostile(t, func(t *testing.T, r *finding.Report, noRedact bool) {
		s := write(t, r, Options{Format: HTML, Location: cet, NoRedact: noRedact, Version: attacks[0]})
		checkPage(t, s)
	})
}

var (
	scriptTag = regexp.MustCompile(`(?i)<script[^>]*>`)
	handler   = regexp.MustCompile(`(?i)<[a-z][^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*\son[a-z]+\s*=`)
	linkAttr  = regexp.MustCompile(`(?i)<[^>]*\s(?:src|href|action|formaction|xlink:href|poster|data|srcset)\s*=\s*"([^"]*)"`)
	cssURL    = regexp.MustCompile(`(?i)url\(|@import|expression\(`)
)

// checkPage checks that nothing in a page acts but what belongs to it, and that no request can leave it.
func checkPage(t *testing.T, s string) {
	t.Helper()
	tags := scriptTag.FindAllString(s, -1)
	for _, tag := range tags {
		if tag != "<script>" && tag != `<script type="application/json" id="lanes-data">` {
			t.Errorf("a script came in: %s", tag)
		}
	}
	if n := strings.Count(s, "<script>"); n != 1 {
		t.Errorf("%d scripts", n)
	}
	if m := handler.FindString(s); m != "" {
		t.Errorf("an event handler came in: %.200s", m)
	}
	for _, m := range linkAttr.FindAllStringSubmatch(s, -1) {
		if !strings.HasPrefix(m[1], "#") {
			t.Errorf("a link leaves the file: %.200s", m[0])
		}
	}
	if m := cssURL.FindString(s); m != "" {
		t.Errorf("a style loads something: %s", m)
	}
	for _, c := range s {
		if c != '\n' && hidden(c) {
			t.Fatalf("%U is in the page: %.300q", c, lineWith(s, c))
		}
	}
	if !strings.Contains(s, `http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;;`) {
		t.Error("no content security policy")
	}
	if strings.Contains(s, " style=") {
		t.Error("an inline style, which the policy forbids")
	}
	if strings.Contains(s, "ZgotmplZ") {
		t.Error("the template engine refused a value")
	}
}

func TestHTMLIsSelfContained(t *testing.T) {
	for name, r := range fixtures() {
		t.Run(name, func(t *testing.T) {
			s := write(t, r, Options{Format: HTML, Location: cet})
			checkPage(t, s)
			// The name of the SVG namespace is the only address in the file.
			for _, m := range regexp.MustCompile(`[a-z]+://[^\s"'<]*`).FindAllString(s, -1) {
				if m != "http://www.w3.org/2000/svg" {
					t.Errorf("an address in the page: %s", m)
				}
			}
		})
	}
}

func TestSVGIsWellFormedAndInert(t *testing.T) {
	reports := map[string]*finding.Report{"leak": leakReport(), "burst": burstReport()}
	for turn := range attacks {
		reports[fmt.Sprint("hostile ", turn)] = hostileReport(turn)
	}
	for name, r := range reports {
		s := write(t, r, Options{Format: SVG, NoRedact: true, Version: attacks[8]})
		d := xml.NewDecoder(strings.NewReader(s))
		scripts := 0
		for {
			tok, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if el, ok := tok.(xml.StartElement); ok {
				switch el.Name.Local {
				case "svg", "title", "style", "rect", "g", "text":
				case "script":
					scripts++
				default:
					t.Errorf("%s: the element %s came in", name, el.Name.Local)
				}
				for _, a := range el.Attr {
					if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
						t.Errorf("%s: the attribute %s came in", name, a.Name.Local)
					}
				}
			}
		}
		if scripts != 1 {
			t.Errorf("%s: %d scripts", name, scripts)
		}
	}
}
