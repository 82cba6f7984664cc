//go:build unix && !solaris && !aix

package cli

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lastcall/collectors/capture"
	"lastcall/collectors/evidence/evidencetest"
	"lastcall/collectors/record"
)

func text(s ...string) io.Reader { return strings.NewReader(strings.Join(s, "")) }

// member is a file of an archive.
type member struct {
	name, text string
	kind       byte // of tar; 0 is a file
	link       string
	size       int64 // that the header claims; 0 is the text's
}

func tarOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o600, Typeflag: tar.TypeReg, Linkname: m.link, Size: int64(len(m.text))}
		if m.kind != 0 {
			h.Typeflag = m.kind
		}
		if m.size != 0 {
			h.Size = m.size
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.text); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Close() // complains of the sizes that are lies
	return b.Bytes()
}

func zipOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		f, err := w.Create(m.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, m.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lab is where a case prepares its input: a folder that is empty at first.
type lab struct {
	*testing.T
	dir string
}

// file writes a file and returns its path.
func (l lab) file(name, content string) string {
	l.Helper()
	path := filepath.Join(l.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		l.Fatal(err)
	}
	return write(l.T, path, content)
}

func (l lab) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// hostileCase is an input that means no good, or is as bad as real ones get, and what it must lead to.
type hostileCase struct {
	name string
	// give prepares the input and returns the arguments; nil means "investigate - --format json".
	give  func(l lab) []string
	stdin func() io.Reader
	// What must come of it.
	code     int
	records  string // of the report's coverage, such as "crashes 1, requests 2"
	warnings string // of the report, such as "malformed_line 2"
	stderr   string // a part of the message
	peakMB   int64  // of the whole process; 0 means 100
	heavy    bool   // left out with -short
	env      []string
	check    func(t *testing.T, e ended)
}

// one is the arguments that investigate one file with this content.
func one(content string) func(l lab) []string {
	return func(l lab) []string { return []string{"investigate", l.file("in/log", content), "--format", "json"} }
}

func both(args ...string) []string {
	return append([]string{"investigate", "--format", "json"}, args...)
}

func hostileCases(t *testing.T) []hostileCase {
	const mb = 1 << 20
	router := strings.Repeat(evidencetest.Scalingo, 100)
	gz, zs := string(evidencetest.Pack(t, "gzip", []byte(router))), string(evidencetest.Pack(t, "zstd", []byte(router)))
	zeros := string(evidencetest.Pack(t, "gzip", make([]byte, 16*mb)))
	pino := strings.TrimSuffix(evidencetest.Pino, "}\n")
	return []hostileCase{
		// Compression.
		{name: "1 GB of NULs in a gzip of 1 MB", code: 1, stderr: "its content is of no known format", stdin: func() io.Reader { return evidencetest.Repeat(zeros, 64) }, heavy: true},
		{name: "router lines before 512 MB of NULs in half a megabyte", records: "requests 100", warnings: "line_too_long 1", stdin: func() io.Reader { return io.MultiReader(text(gz), evidencetest.Repeat(zeros, 32)) }, heavy: true},
		{name: "a gzip in a gzip", code: 1, stderr: "its content is of no known format", give: one(string(evidencetest.Pack(t, "gzip", []byte(gz))))},
		{name: "a gzip bomb in a gzip", code: 1, stderr: "its content is of no known format", give: one(string(evidencetest.Pack(t, "gzip", []byte(strings.Repeat(zeros, 64)))))},
		{name: "1 GB of NULs in a zstd", code: 1, stderr: "its content is of no known format", stdin: func() io.Reader {
			return evidencetest.Repeat(string(evidencetest.Pack(t, "zstd", make([]byte, 16*mb))), 64)
		}, heavy: true},
		{name: "a zstd that wants a window of 2 GB", code: 1, stderr: "the compressed file is damaged", give: one("\x28\xb5\x2f\xfd\x00\xa8" + strings.Repeat("x", 1000))},
		{name: "a gzip without its end", records: "requests 100", warnings: "truncated_gzip 1", give: one(gz[:len(gz)-5])},
		{name: "a gzip of which the header is left", code: 1, stderr: "the compressed file is cut short", give: one(gz[:8])},
		{name: "a gzip with a wrong checksum", records: "requests 100", warnings: "corrupt_gzip 1", give: one(gz[:len(gz)-8] + "\x00\x00\x00\x00" + gz[len(gz)-4:])},
		{name: "rubbish behind a gzip", records: "requests 100", warnings: "trailing_garbage 1", give: one(gz + "tail")},
		{name: "a zstd without its end", code: 1, stderr: "the compressed file is cut short", give: one(zs[:len(zs)-5])},
		{name: "a million empty gzips before one with lines", records: "requests 100", stdin: func() io.Reader {
			return io.MultiReader(evidencetest.Repeat(string(evidencetest.Pack(t, "gzip", nil)), 1_000_000), text(gz))
		}, heavy: true},
		// Archives.
		{name: "a tar with names that lead outside, links and devices", records: "requests 3", give: func(l lab) []string {
			return both(l.file("in/a.tar", string(tarOf(l, member{name: "logs/router.log", text: evidencetest.Scalingo}, member{name: "../escape.log", text: evidencetest.Heroku},
				member{name: "/etc/absolute.log", text: evidencetest.Pino}, member{name: "link", link: "/etc/passwd", kind: tar.TypeSymlink},
				member{name: "hard", link: "/etc/passwd", kind: tar.TypeLink}, member{name: "device", kind: tar.TypeChar}, member{name: "pipe", kind: tar.TypeFifo}))))
		}},
		{name: "a tar whose member claims 2^60 bytes", records: "requests 2", warnings: "read_error 1, unreadable 1", give: func(l lab) []string {
			return both(l.file("in/a.tar", string(tarOf(l, member{name: "a.log", text: evidencetest.Scalingo}, member{name: "b.log", text: evidencetest.Scalingo, size: 1 << 60}))))
		}},
		{name: "a tar cut in the middle of a member", records: "requests 189", warnings: "read_error 1, unreadable 1, unrecognised_lines 1", give: func(l lab) []string {
			whole := tarOf(l, member{name: "a.log", text: router}, member{name: "b.log", text: router})
			return both(l.file("in/a.tar", string(whole[:len(whole)-3000])))
		}},
		{name: "tars in tars in tars", records: "requests 2", warnings: "unreadable 1", give: func(l lab) []string {
			a := tarOf(l, member{name: "a.log", text: evidencetest.Scalingo})
			for range 5 {
				a = tarOf(l, member{name: "x.tar", text: string(a)}, member{name: "a.log", text: evidencetest.Scalingo})
			}
			return both(l.file("in/a.tar", string(a)))
		}},
		{name: "a zip with names that lead outside", records: "requests 2", give: func(l lab) []string {
			return both(l.file("in/a.zip", string(zipOf(l, member{name: "../../escape.log", text: evidencetest.Scalingo}, member{name: "/etc/x.log", text: evidencetest.Heroku}))))
		}},
		{name: "a zip whose member grows a thousandfold", records: "requests 2", warnings: "line_too_long 1", peakMB: 130, give: func(l lab) []string {
			return both(l.file("in/a.zip", string(zipOf(l, member{name: "bomb.log", text: evidencetest.Scalingo + strings.Repeat("\x00", 128*mb)}, member{name: "b.log", text: evidencetest.Scalingo}))))
		}, heavy: true},
		{name: "a zip without its directory", code: 1, stderr: "the zip archive is damaged", give: func(l lab) []string {
			z := zipOf(l, member{name: "a.log", text: router})
			return both(l.file("in/a.zip", string(z[:len(z)-30])))
		}},
		{name: "200 000 members in a zip", code: 1, stderr: "more than 100 000 members", give: func(l lab) []string {
			ms := make([]member, 200_000)
			for i := range ms {
				ms[i] = member{name: fmt.Sprint(i), text: ""}
			}
			return both(l.file("in/a.zip", string(zipOf(l, ms...))))
		}},
		// Streams and lines.
		{name: "a line of 1 GB without an end", code: 1, stderr: "its content is of no known format", stdin: func() io.Reader { return evidencetest.Repeat(strings.Repeat("x", mb), 1024) }, heavy: true},
		{name: "a line of 1 GB between lines", records: "requests 200", warnings: "line_too_long 1", stdin: func() io.Reader {
			return io.MultiReader(text(router), evidencetest.Repeat(strings.Repeat("x", mb), 1024), text("\n", router))
		}, heavy: true},
		{name: "a JSON string of 256 MB in a line", records: "requests 2", warnings: "line_too_long 1", stdin: func() io.Reader {
			return io.MultiReader(text(evidencetest.Pino, pino, `,"x":"`), evidencetest.Repeat("y", 256*mb), text("\"}\n", evidencetest.Pino))
		}, heavy: true},
		{name: "a device that has no end", code: 1, stderr: "its content is of no known format", give: func(lab) []string { return both("/dev/zero") }, heavy: true},
		{name: "nothing at all", code: 1, stderr: "it is empty", give: one("")},
		{name: "blank lines", code: 1, stderr: "its content is of no known format", give: one("\n\n \n\r\n")},
		{name: "chatter", code: 1, stderr: "its content is of no known format", give: one(strings.Repeat("just some words\n", 1000))},
		{name: "a last line that is half there", records: "requests 100", warnings: "malformed_line 1", give: one(router + evidencetest.Scalingo[:100])},
		{name: "NULs behind the last line, as a crash of the disk leaves them", records: "requests 100", warnings: "binary_line 1", give: one(router + strings.Repeat("\x00", 5000))},
		{name: "NULs between lines", records: "requests 200", warnings: "binary_line 1", give: one(router + "\x00\x01\x02\n" + router)},
		{name: "bytes that are not UTF-8", records: "requests 1", give: one(strings.ReplaceAll(evidencetest.Pino, "/y", "/\xff\xfe\xc0\x80"))},
		{name: "UTF-16, little-endian", records: "requests 100", give: one(string(evidencetest.UTF16(router, false)))},
		{name: "UTF-16, big-endian", records: "requests 100", give: one(string(evidencetest.UTF16(router, true)))},
		{name: "UTF-16 that ends in half a character", records: "requests 100", warnings: "truncated_utf16 1", give: one(string(evidencetest.UTF16(router, false)) + "x")},
		{name: "lines that end in CRLF", records: "requests 100", give: one(strings.ReplaceAll(router, "\n", "\r\n"))},
		{name: "lines that end in CR alone", records: "requests 100", give: one(strings.ReplaceAll(router, "\n", "\r"))},
		{name: "a byte order mark", records: "requests 1", give: one("\ufeff" + evidencetest.Pino)},
		{name: "every format in one file", records: "crashes 1, requests 5", warnings: "unrecognised_lines 1", give: one(evidencetest.Scalingo + evidencetest.Heroku + evidencetest.Pino + evidencetest.Datadog + evidencetest.Access + evidencetest.Crash + "chatter\n")},
		// JSON.
		{name: "JSON nested 200 000 deep", records: "requests 2", warnings: "malformed_line 1", give: one(evidencetest.Pino + pino + `,"a":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + "}\n" + evidencetest.Pino)},
		{name: "JSON nested 15 million deep", records: "requests 2", warnings: "malformed_line 1", peakMB: 160, stdin: func() io.Reader {
			return io.MultiReader(text(evidencetest.Pino, pino, `,"a":`), evidencetest.Repeat("[", 15*mb), text("\n", evidencetest.Pino))
		}, heavy: true},
		{name: "keys given twice", records: "requests 2", give: one(strings.Replace(evidencetest.Pino, `"responseTime":2.5`, `"responseTime":1,"responseTime":2.5`, 1) + strings.Replace(evidencetest.Pino, `"level":30`, `"level":30,"time":1`, 1))},
		{name: "numbers beyond all bounds", records: "requests 1", warnings: "malformed_line 3", give: one(evidencetest.Pino + strings.Replace(evidencetest.Pino, "2.5", "1e999", 1) + strings.Replace(evidencetest.Pino, "2.5", strings.Repeat("9", 5000), 1) + strings.Replace(evidencetest.Pino, "2.5", "NaN", 1))},
		{name: "negative durations", records: "requests 1", warnings: "malformed_line 2", give: one(evidencetest.Pino + strings.Replace(evidencetest.Pino, "2.5", "-2.5", 1) + strings.Replace(evidencetest.Scalingo, "0.503s", "-0.503s", 1))},
		{name: "an unescaped newline within a JSON string", records: "requests 2", warnings: "malformed_line 1, unrecognised_lines 1", give: one(evidencetest.Pino + `{"level":30,"time":1794835850897,"pid":2,"hostname":"a` + "\n" + `b","msg":"x"}` + "\n" + evidencetest.Pino)},
		{name: "a Datadog answer that is cut", records: "requests 1", warnings: "malformed_document 1", give: one(`{"data":[` + strings.TrimSpace(evidencetest.Datadog) + `,` + evidencetest.Datadog[:100])},
		{name: "a status that is none", records: "requests 1", warnings: "malformed_line 1", give: one(evidencetest.Pino + strings.Replace(evidencetest.Pino, `"statusCode":200`, `"statusCode":-99999`, 1))},
		{name: "JSON of another kind", code: 1, stderr: "its content is of no known format", give: one(`[1,2,{"hello":"world"}]`)},
		// Times.
		{name: "times in 1970 and 9999 beside sound ones", records: "requests 1", warnings: "malformed_line 2", give: one(evidencetest.Pino + strings.Replace(evidencetest.Pino, "1794835850897", "1", 1) + strings.Replace(evidencetest.Pino, "1794835850897", "253402300799000", 1))},
		{name: "a router log of 1970", warnings: "no_time 100", give: one(strings.ReplaceAll(router, "2026", "1970"))},
		{name: "a router log of 9999", warnings: "no_time 100", give: one(strings.ReplaceAll(router, "2026", "9999"))},
		{name: "a crash in 2200 beside traffic of 2026", records: "crashes 1, requests 100", warnings: "outside_window 100", give: one(router + strings.Replace(evidencetest.Crash, "2026", "2200", 1))},
		{name: "a clock that runs backwards", records: "requests 5000", stdin: func() io.Reader {
			begin := time.Date(2026, 11, 16, 23, 0, 0, 0, time.UTC)
			return evidencetest.Generate(5000, func(w *bytes.Buffer, i int) {
				w.WriteString(strings.Replace(evidencetest.Scalingo, "2026-11-16 13:30:50", begin.Add(-time.Duration(i)*time.Second).Format(time.DateTime), 1))
			})
		}},
		{name: "a request longer than the log", records: "requests 101", warnings: "outside_window 1", give: one(router + strings.Replace(evidencetest.Scalingo, "0.503s", "999999s", 1))},
		// Numbers of things.
		{name: "a million containers and a million endpoints", records: "requests 1000000", warnings: "container_overflow 990000", peakMB: 900, stdin: func() io.Reader {
			return evidencetest.Generate(1_000_000, func(w *bytes.Buffer, i int) {
				fmt.Fprintf(w, "2026-11-16 13:30:50.937512207 +0000 UTC [router] method=GET path=\"/x%d/y\" host=h%d request_id=%d container=web-%d from=\"1.2.3.4\" protocol=https status=200 duration=0.503s bytes=990\n", i, i, i, i)
			})
		}, heavy: true},
		{name: "100 000 containers that crash", records: "crashes 100000", warnings: "container_overflow 90000, death_overflow 6000", peakMB: 500, stdin: func() io.Reader {
			return evidencetest.Generate(100_000, func(w *bytes.Buffer, i int) {
				w.WriteString(strings.ReplaceAll(evidencetest.Crash, "web-1", fmt.Sprint("web-", i)))
			})
		}, heavy: true},
		{name: "a table of 100 000 containers", records: "memory 100000", warnings: "container_overflow 90000", peakMB: 500, stdin: func() io.Reader {
			return io.MultiReader(text(evidencetest.TableHead), evidencetest.Generate(100_000, func(w *bytes.Buffer, i int) {
				w.WriteString(strings.Replace(evidencetest.TableRow, "web-1", fmt.Sprint("web-", i), 1))
			}))
		}, heavy: true},
		{name: "300 000 deaths, and as many requests that name none of the dead", records: "crashes 300000, requests 300000", warnings: "case_overflow 804, container_overflow 290000, death_overflow 6000, no_container 300000", peakMB: 700, stdin: func() io.Reader {
			begin := time.Date(2026, 11, 16, 13, 40, 0, 0, time.UTC)
			return evidencetest.Generate(300_000, func(w *bytes.Buffer, i int) {
				now := begin.Add(time.Duration(i) * time.Millisecond).Format(time.DateTime)
				w.WriteString(strings.Replace(strings.ReplaceAll(evidencetest.Crash, "web-1", fmt.Sprint("web-", i)), "2026-11-16 13:47:57", now, 1))
				w.WriteString(strings.Replace(strings.Replace(evidencetest.Scalingo, "request_id=1 container=web-3 ", fmt.Sprintf("request_id=%d ", i), 1), "2026-11-16 13:30:50", now, 1))
			})
		}, heavy: true},
		{name: "300 000 lines, none of which is like another, between deaths", records: "crashes 3", peakMB: 120, stdin: func() io.Reader {
			said := evidencetest.Generate(300_000, func(w *bytes.Buffer, i int) {
				word := []byte("abcdef")
				for k := range word {
					word[k] += byte(i >> (4 * k) & 15)
				}
				fmt.Fprintf(w, "2026-11-16 13:%02d:%02d +0000 UTC [web-1] this is %s, and no other\n", i/60%60, i%60, word)
			})
			crash := func(at string) string { return strings.Replace(evidencetest.Crash, "13:47:57", at, 1) }
			return io.MultiReader(text(crash("13:10:00"), crash("13:20:00"), crash("13:30:00")), said)
		}, heavy: true},
		{name: "names of a megabyte", records: "requests 2", give: one(strings.Replace(evidencetest.Scalingo, "web-3", strings.Repeat("w", mb), 1) + strings.Replace(evidencetest.Scalingo, "/x", "/"+strings.Repeat("x", mb), 1))},
		// Tables.
		{name: "a newline within quotation marks", records: "memory 2", warnings: "column_not_used 1", give: one("time,container,rss_bytes,note\n2026-11-16T13:47:57Z,web-1,1000000,\"two\nlines\"\n2026-11-16T13:48:57Z,web-1,1000000,\n")},
		{name: "a quotation mark that is never closed, before 256 MB", records: "memory 1", warnings: "malformed_document 1", stdin: func() io.Reader {
			return io.MultiReader(text(evidencetest.TableHead, evidencetest.TableRow, "2026-11-16T13:47:57Z,\"web-1,1000\n"), evidencetest.Repeat(evidencetest.TableRow, 8*mb))
		}, heavy: true},
		{name: "values that are no memory", records: "memory 2", warnings: "malformed_line 1", give: one(evidencetest.TableHead + evidencetest.TableRow + "2026-11-16T13:47:58Z,web-1,NaN\n2026-11-16T13:47:58Z,web-1,-5\n2026-11-16T13:47:58Z,web-1,1e308\n2026-11-16T13:47:58Z,web-1,=1+1\n")},
		{name: "a column given twice", records: "memory 1", warnings: "column_not_used 1", give: one("time,container,rss_bytes,rss_bytes\n2026-11-16T13:47:57Z,web-1,1000000,2000000\n")},
		// Files and folders.
		{name: "the same file twice, and through a link", records: "requests 200", give: func(l lab) []string {
			p := l.file("in/a.log", router)
			l.must(os.Symlink(p, filepath.Join(l.dir, "in", "b.log")))
			return both(p, p, filepath.Join(l.dir, "in", "..", "in", "a.log"), filepath.Join(l.dir, "in", "b.log"))
		}},
		{name: "a folder with links that go round in circles", records: "requests 100", warnings: "symlink_skipped 2", give: func(l lab) []string {
			l.file("in/a.log", router)
			l.must(os.Symlink("..", filepath.Join(l.dir, "in", "up")))
			l.must(os.Symlink("me", filepath.Join(l.dir, "in", "me")))
			return both(filepath.Join(l.dir, "in"))
		}},
		{name: "a link to itself, named", code: 1, stderr: "too many levels of symbolic links", give: func(l lab) []string {
			l.must(os.Symlink("me", filepath.Join(l.dir, "me")))
			return both(filepath.Join(l.dir, "me"))
		}},
		{name: "a folder with a link to a file outside", records: "requests 1", warnings: "symlink_skipped 1", give: func(l lab) []string {
			l.must(os.Symlink(l.file("outside.log", evidencetest.Scalingo), filepath.Join(filepath.Dir(l.file("in/a.log", evidencetest.Heroku)), "link.log")))
			return both(filepath.Join(l.dir, "in"))
		}},
		{name: "a folder with a pipe that nobody writes to", records: "requests 100", warnings: "special_file_skipped 1", give: func(l lab) []string {
			l.file("in/a.log", router)
			l.must(syscall.Mkfifo(filepath.Join(l.dir, "in", "pipe"), 0o600))
			return both(filepath.Join(l.dir, "in"))
		}},
		{name: "a file that has vanished", code: 1, stderr: "gone.log: no such file", give: func(l lab) []string { return both(l.file("in/a.log", router), filepath.Join(l.dir, "in", "gone.log")) }},
		{name: "an empty folder", code: 1, stderr: "it is empty", give: func(l lab) []string { return both(l.dir) }},
		{name: "a folder and a file that may not be read", records: "requests 100", warnings: "unreadable 2", give: func(l lab) []string {
			if os.Geteuid() == 0 {
				l.Skip("root may read everything")
			}
			l.file("in/a.log", router)
			l.must(os.Chmod(l.file("in/locked.log", router), 0))
			l.must(os.Chmod(filepath.Dir(l.file("in/closed/x.log", router)), 0))
			l.Cleanup(func() { _ = os.Chmod(filepath.Join(l.dir, "in", "closed"), 0o700) })
			return both(filepath.Join(l.dir, "in"))
		}},
		{name: "a file name that would act on a terminal", give: func(l lab) []string {
			return []string{"investigate", l.file("in/a\x1b]0;pwned\x07\u202e\n.log", router+"junk\n"), l.file("in/\x1b[2J.txt", "words\n")}
		}, check: holds("requests", `\x1b`)},
		{name: "a missing file whose name would act on a terminal", code: 1, stderr: "no such file", give: func(l lab) []string { return both(filepath.Join(l.dir, "\x1b[2J\u202e\x9b31m")) }},
		// What reaches people.
		{name: "names that would act on a terminal", give: func(l lab) []string {
			return []string{"investigate", l.file("in/log", wicked("\\u001b]8;;http://x\\u0007\\u202e\\u009b31m\\u2066"))}
		}, check: holds(`]8;;http://x`, `\x1b`, `\u202e`)},
		{name: "names that would act in HTML", give: func(l lab) []string {
			return []string{"investigate", l.file("in/log", wicked("<script>alert(1)</script><img src=x onerror=alert(1)>")), "--format", "html"}
		}, check: all(holds("alert(1)"), lacks("<script>alert", "<img src=x"))},
		{name: "names that would act in Markdown", give: func(l lab) []string {
			return []string{"investigate", l.file("in/log", wicked("](javascript:alert(1))|</td><b>\\n# Head")), "--format", "markdown"}
		}, check: all(holds("javascript"), func(t *testing.T, e ended) {
			e.out = codeSpan.ReplaceAllString(e.out, "") // in which nothing is markup
			lacks("web-](javascript:", "|</td>", "><b>", "\n# Head")(t, e)
		})},
		// Profiles.
		{name: "a heap profile that is cut", records: "profiles 2", warnings: "truncated_gzip 1", give: func(l lab) []string { return heapOf(l, func(p []byte) []byte { return p[:len(p)/2] }) }},
		{name: "a heap profile of 1 GB of NULs", records: "profiles 1", warnings: "huge_profile 1", give: func(l lab) []string {
			return []string{"heap", l.file("in/a.pb.gz", strings.Repeat(zeros, 64)), "--format", "json"}
		}, heavy: true},
		{name: "a heap profile that claims 2^60 samples", records: "profiles 1", warnings: "malformed_profile 1", give: func(l lab) []string {
			return []string{"heap", l.file("in/a.pb.gz", "\x12\xff\xff\xff\xff\xff\xff\xff\xff\x0f\x01"), "--format", "json"}
		}},
		{name: "a heap profile that is endless", code: 1, stderr: "no profile in /dev/zero", peakMB: 250, give: func(lab) []string { return []string{"heap", "/dev/zero", "--format", "json"} }},
		{name: "a folder of profiles with a link to one outside", records: "profiles 1", warnings: "symlink_skipped 1", give: func(l lab) []string {
			l.must(os.Symlink(l.file("outside/web-1_20261116T134259Z.pb.gz", demoProfile(l)), filepath.Join(filepath.Dir(l.file("in/web-1_20261116T134619Z.pb.gz", demoProfile(l))), "web-1_20261116T134759Z.pb.gz")))
			return []string{"heap", filepath.Join(l.dir, "in"), "--format", "json"}
		}},
		// Captures.
		{name: "a capture whose manifest is broken", code: 1, stderr: "its content is of no known format", give: func(l lab) []string {
			l.file("in/manifest.json", `{"format":"lastcall-capture","version":`)
			return both(filepath.Join(l.dir, "in"))
		}},
		{name: "a capture cut in the middle of a segment", records: "crashes 2000", warnings: "capture_damaged 1", give: func(l lab) []string {
			return both(captured(l, func(segment []byte) []byte { return segment[:len(segment)-40] }))
		}},
		{name: "a capture with a byte changed", warnings: "capture_damaged 2002", give: func(l lab) []string {
			return both(captured(l, func(segment []byte) []byte { segment[len(segment)/2] ^= 1; return segment }))
		}},
		{name: "a capture whose chunk claims 4 GB", warnings: "capture_damaged 1", give: func(l lab) []string {
			return both(captured(l, func(segment []byte) []byte {
				i := bytes.Index(segment, []byte{0x52, 0x2a, 0x4d, 0x18})
				copy(segment[i+12:], "\xff\xff\xff\xff")
				return segment
			}))
		}},
		{name: "a capture whose manifest is a link", code: 1, stderr: "its content is of no known format", give: func(l lab) []string {
			dir := captured(l, nil)
			l.must(os.Rename(filepath.Join(dir, "manifest.json"), filepath.Join(l.dir, "manifest.json")))
			l.must(os.Symlink(filepath.Join(l.dir, "manifest.json"), filepath.Join(dir, "manifest.json")))
			return both(dir)
		}},
		{name: "a capture whose segments lie elsewhere, behind a link", code: 1, stderr: "a link could lead out of the capture", give: func(l lab) []string {
			dir := captured(l, nil)
			l.must(os.Rename(filepath.Join(dir, "segments"), filepath.Join(l.dir, "segments")))
			l.must(os.Symlink(filepath.Join(l.dir, "segments"), filepath.Join(dir, "segments")))
			return both(dir)
		}},
		{name: "a capture of a newer version", code: 1, stderr: "newer", give: func(l lab) []string {
			dir := captured(l, nil)
			b, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
			l.must(err)
			write(l.T, filepath.Join(dir, "manifest.json"), strings.Replace(string(b), `"version": 1`, `"version": 99`, 1))
			return both(dir)
		}},
		// Servers.
		{name: "an API whose answers have no end", code: 1, stderr: "the answer is larger than allowed", peakMB: 250, env: keys(), give: func(l lab) []string {
			return ask(l, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.Copy(w, evidencetest.Repeat("{\"a\":[", 1<<40))
			})
		}},
		{name: "an API whose answers are gzip bombs", code: 1, stderr: "the answer is larger than allowed", peakMB: 250, env: keys(), give: func(l lab) []string {
			return ask(l, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = io.Copy(w, evidencetest.Repeat(zeros, 1024))
			})
		}},
		{name: "an API that answers with a page to log in", code: 1, stderr: "the answer is no JSON", env: keys(), give: func(l lab) []string {
			return ask(l, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>\x1b[2J log in</html>") })
		}},
		{name: "an API that sends to another host", code: 1, stderr: "redirect", env: keys(), give: func(l lab) []string {
			other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { l.Errorf("the other host was asked for %s", r.URL) }))
			l.Cleanup(other.Close)
			return ask(l, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
			})
		}, check: lacks("0123456789abcdef")},
		{name: "a certificate that nobody vouches for", code: 1, stderr: "certificate", env: keys(), give: func(l lab) []string {
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { l.Errorf("it was asked for %s", r.URL) }))
			srv.Config.ErrorLog = log.New(io.Discard, "", 0)
			srv.StartTLS()
			l.Cleanup(srv.Close)
			return both("--datadog-url", srv.URL, "--service", "api", "--from", "1h", "--quiet")
		}},
		{name: "secrets in every field", records: "crashes 2, lifecycle 2, requests 7203", warnings: "malformed_line 3", stderr: "report ready", give: func(l lab) []string {
			l.must(os.Mkdir(filepath.Join(l.dir, "in"), 0o700))
			leakyEvidence(l.T, filepath.Join(l.dir, "in"))
			return both(filepath.Join(l.dir, "in"), "--verbose")
		}, check: lacks(slices.Collect(maps.Values(planted))...)},
		{name: "secrets in a line before each death", records: "crashes 4, requests 481", warnings: "requests_missing 1", give: func(l lab) []string {
			values := slices.Sorted(maps.Values(planted))
			var in strings.Builder
			begin := time.Date(2026, 11, 16, 10, 0, 0, 0, time.UTC)
			for i := range 4*120 + 1 {
				at := begin.Add(time.Duration(i) * 30 * time.Second)
				stamp := func(after time.Duration) string { return at.Add(after).Format(time.DateTime) + " +0000 UTC" }
				in.WriteString(strings.Replace(evidencetest.Scalingo, "2026-11-16 13:30:50.937512207 +0000 UTC", stamp(0), 1))
				fmt.Fprintf(&in, "%s [web-1] tick\n", stamp(time.Second))
				if i%120 == 60 {
					fmt.Fprintf(&in, "%s [web-1] paying for %s\n%s [web-1] with password: swordfish\n", stamp(5*time.Second), strings.Join(values, " and "), stamp(6*time.Second))
					in.WriteString(strings.Replace(evidencetest.Crash, "2026-11-16 13:47:57.859982910 +0000 UTC", stamp(25*time.Second), 1))
				}
			}
			return both(l.file("in/a.log", in.String()))
		}, check: func(t *testing.T, e ended) {
			lacks(append(slices.Collect(maps.Values(planted)), "swordfish")...)(t, e)
			if !strings.Contains(e.out, "before each of 4 deaths, 20 s earlier") || !strings.Contains(e.out, "“paying for # and #") {
				t.Errorf("what was logged before the deaths is not told: %s", e.out)
			}
		}},
		// Config and flags.
		{name: "a YAML bomb", code: 2, stderr: "more than 100000 nodes", give: func(l lab) []string {
			bomb := "version: 1\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
			for i := range 12 {
				bomb += fmt.Sprintf("a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i+1, i+1, i, i, i, i, i, i, i, i, i)
			}
			return []string{"nightly", "--config", l.file("in/c.yaml", bomb)}
		}},
		{name: "a YAML bomb where a value belongs", code: 2, stderr: "more than 100000 nodes", give: func(l lab) []string {
			bomb := "version: 1\nservices:\n- name: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
			for i := range 12 {
				bomb += fmt.Sprintf("- name: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i+1, i, i, i, i, i, i, i, i, i)
			}
			return []string{"nightly", "--config", l.file("in/c.yaml", bomb)}
		}},
		{name: "YAML nested 100 000 deep", code: 2, stderr: "YAML tokens", give: func(l lab) []string {
			return []string{"nightly", "--config", l.file("in/c.yaml", "services: "+strings.Repeat("[", 100_000))}
		}},
		{name: "an alias of itself in YAML", code: 2, stderr: "sequence was used where mapping is expected", give: func(l lab) []string {
			return []string{"nightly", "--config", l.file("in/c.yaml", "version: 1\nservices: &a [*a]\n")}
		}},
		{name: "an endless config file", code: 2, stderr: "larger than 256 kB", give: func(lab) []string { return []string{"nightly", "--config", "/dev/zero"} }},
		{name: "a config file of 64 MB", code: 2, stderr: "larger than 256 kB", give: func(l lab) []string {
			return []string{"nightly", "--config", l.file("in/c.yaml", strings.Repeat("# nothing\n", 64*mb/10))}
		}},
		{name: "a saved report nested 100 000 deep", code: 1, stderr: "exceeded max depth", give: func(l lab) []string {
			return []string{"report", l.file("in/r.json", `{"schema_version":"1","verdict":`+strings.Repeat("[", 100_000))}
		}},
		{name: "an endless saved report", code: 1, stderr: "larger than 256 MiB", peakMB: 700, give: func(lab) []string { return []string{"report", "/dev/zero"} }, heavy: true},
		{name: "a time zone that leads outside", code: 2, stderr: "is no time zone", give: func(lab) []string { return []string{"demo", "--timezone", "../../../etc/passwd"} }},
		{name: "a limit beyond all bounds", code: 2, stderr: "is not a size", give: func(l lab) []string { return both(l.file("in/a.log", router), "--limit", "1e99GB") }},
		{name: "a window of a thousand years", records: "requests 100", give: func(l lab) []string {
			return both(l.file("in/a.log", router), "--from", "1700-01-01T00:00:00Z", "--to", "2260-01-01T00:00:00Z")
		}},
	}
}

// holds wants every part somewhere in what goes to stdout.
func holds(parts ...string) func(*testing.T, ended) {
	return func(t *testing.T, e ended) {
		t.Helper()
		for _, p := range parts {
			if !strings.Contains(e.out, p) {
				t.Errorf("stdout lacks %q: %.3000s", p, e.out)
			}
		}
	}
}

// lacks wants none of the parts on stdout and stderr.
func lacks(parts ...string) func(*testing.T, ended) {
	return func(t *testing.T, e ended) {
		t.Helper()
		for _, p := range parts {
			if i := strings.Index(e.out+e.errOut, p); i >= 0 {
				t.Errorf("the output holds %q: %.200q", p, (e.out + e.errOut)[max(0, i-50):])
			}
		}
	}
}

var codeSpan = regexp.MustCompile("`[^`\n]*`")

func all(checks ...func(*testing.T, ended)) func(*testing.T, ended) {
	return func(t *testing.T, e ended) {
		t.Helper()
		for _, c := range checks {
			c(t, e)
		}
	}
}

// wicked is an incident in which every name that evidence can choose is wicked.
func wicked(name string) string {
	var b strings.Builder
	begin := time.Date(2026, 11, 16, 13, 0, 0, 0, time.UTC)
	for i := range 200 {
		fmt.Fprintf(&b, `{"level":30,"time":%d,"pid":2,"hostname":"web-%s","req":{"id":"%s%d","method":"G%s","url":"/a/%s/%d"},"res":{"statusCode":200},"responseTime":2500,"msg":"%s"}`+"\n",
			begin.Add(time.Duration(i)*time.Second).UnixMilli(), name, name, i, name, name, i, name)
	}
	fmt.Fprintf(&b, `{"level":60,"time":%d,"pid":2,"hostname":"web-%s","msg":"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory %s","stack":"%s"}`+"\n",
		begin.Add(200*time.Second).UnixMilli(), name, name, name)
	fmt.Fprintf(&b, `{"level":30,"time":%d,"broken%s`+"\n", begin.UnixMilli(), name)
	return b.String()
}

func demoProfile(l lab) string {
	l.Helper()
	b, err := os.ReadFile(filepath.Join(root(l.T), "cmd", "internal", "demo", "incident", "profiles", "web-1_20261116T134259Z.pb.gz"))
	l.must(err)
	return string(b)
}

// captured is a capture of 2000 crashes in one segment, which spoil may change.
func captured(l lab, spoil func(segment []byte) []byte) string {
	l.Helper()
	dir := filepath.Join(l.dir, "in", "capture")
	w, err := capture.Open(dir, capture.Info{Question: "service=api", Created: at})
	l.must(err)
	slice, err := w.Begin("crashes")
	l.must(err)
	src := &record.Source{Name: "events", Format: "datadog-events"}
	for i := range 2000 {
		l.must(slice.Crash(&record.Crash{
			Pos: record.Pos{Source: src, Line: int64(i + 1)}, Time: record.TimeOf(at.Add(time.Duration(i) * time.Minute)), Kind: record.CrashOOMKill, Exited: true,
			ExitCode: 137, Container: fmt.Sprint("web-", i%7),
		}))
	}
	l.must(slice.Cover(&record.Coverage{Source: src, Signal: "crashes", Records: 2000}))
	l.must(slice.Commit())
	l.must(w.Finish())
	l.must(w.Close())
	if spoil == nil {
		return dir
	}
	segments, err := filepath.Glob(filepath.Join(dir, "segments", "*"))
	l.must(err)
	b, err := os.ReadFile(segments[0])
	l.must(err)
	write(l.T, segments[0], string(spoil(b)))
	return dir
}

// keys are those of the environment; they must not be sent to anybody but the API, nor shown.
func keys() []string {
	return []string{"DD_API_KEY=0123456789abcdef0123456789abcdef", "DD_APP_KEY=0123456789abcdef0123456789abcdef01234567"}
}

// ask serves an API and returns the arguments that ask it.
func ask(l lab, h http.HandlerFunc) []string {
	srv := httptest.NewServer(h)
	l.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return both("--datadog-url", srv.URL, "--service", "api", "--from", "1h", "--quiet")
}

// heapOf is the arguments for a sound profile and the same one spoilt.
func heapOf(l lab, spoil func([]byte) []byte) []string {
	p := demoProfile(l)
	return []string{"heap", l.file("in/web-1_20261116T134259Z.pb.gz", p), l.file("in/web-1_20261116T134619Z.pb.gz", string(spoil([]byte(p)))), "--format", "json"}
}

func TestHostileInputsLeadToWhatIsWrittenHere(t *testing.T) {
	bin := lastcallBinary(t)
	cases := hostileCases(t)
	if len(cases) < 40 {
		t.Fatalf("%d cases; at least forty were asked for", len(cases))
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.heavy && testing.Short() {
				t.Skip("takes seconds or gigabytes")
			}
			l := lab{t, t.TempDir()}
			p := process{bin: bin, dir: l.dir, args: []string{"investigate", "-", "--format", "json"}, env: c.env}
			if c.give != nil {
				p.args = c.give(l)
			}
			if c.stdin != nil {
				p.stdin = c.stdin()
			}
			before := tree(t, l.dir)
			e := p.run(t)
			t.Logf("%d MB, %v", e.peak>>20, e.took.Round(time.Millisecond))
			if e.code != c.code {
				t.Errorf("exit %d, want %d", e.code, c.code)
			}
			if c.code == 0 == (e.out == "") {
				t.Errorf("stdout has %d bytes", len(e.out))
			}
			records, warnings := "", ""
			if strings.HasPrefix(e.out, "{") {
				records, warnings = told(t, e.out)
			}
			if records != c.records || warnings != c.warnings {
				t.Errorf("records %q and warnings %q, want %q and %q", records, warnings, c.records, c.warnings)
			}
			if !strings.Contains(e.errOut, c.stderr) || c.stderr == "" && e.errOut != "" {
				t.Errorf("stderr %.500q, want %q", e.errOut, c.stderr)
			}
			for _, bad := range []string{"panic", "goroutine ", "internal error"} {
				if strings.Contains(e.errOut, bad) {
					t.Errorf("stderr holds %q: %.2000s", bad, e.errOut)
				}
			}
			inert(t, "stdout", e.out)
			inert(t, "stderr", e.errOut)
			if limit := cmp.Or(c.peakMB, 100); e.peak > limit<<20 {
				t.Errorf("it took %d MB, want at most %d", e.peak>>20, limit)
			}
			if after := tree(t, l.dir); !slices.Equal(before, after) || len(e.left) > 0 {
				t.Errorf("files changed from %q to %q; left among the temporary ones: %q", before, after, e.left)
			}
			if c.check != nil {
				c.check(t, e)
			}
			if t.Failed() {
				t.Logf("exit %d, records %q, warnings %q, stderr %.500q", e.code, records, warnings, e.errOut)
			}
		})
	}
}

// tree lists the files below a folder.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		out = append(out, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// told is what a JSON report says of records and warnings, as the cases have it.
func told(t *testing.T, out string) (records, warnings string) {
	t.Helper()
	var r struct {
		Coverage []struct {
			Signal  string
			Records int64
		}
		Warnings []struct {
			Code  string
			Count int64
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("the report is no JSON: %v", err)
	}
	list := func(m map[string]int64) string {
		var s []string
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if m[k] > 0 {
				s = append(s, fmt.Sprint(k, " ", m[k]))
			}
		}
		return strings.Join(s, ", ")
	}
	rs, ws := map[string]int64{}, map[string]int64{}
	for _, c := range r.Coverage {
		rs[c.Signal] += c.Records
	}
	for _, w := range r.Warnings {
		ws[w.Code] += w.Count
	}
	return list(rs), list(ws)
}
