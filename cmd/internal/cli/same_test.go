//go:build unix && !solaris && !aix

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lastcall/collectors/evidence/evidencetest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// unpacked are the files of an incident of the repository, by name without .zst, decompressed.
func unpacked(t *testing.T, incident string) map[string][]byte {
	t.Helper()
	dir := filepath.Join(root(t), "testdata", "incidents", incident)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		name, packed := strings.CutSuffix(e.Name(), ".zst")
		if packed {
			r, err := zstd.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if b, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
			r.Close()
		}
		out[name] = b
	}
	return out
}

// cut is the line before which part i of n begins. Not within the words that a dying process says over several lines: read
// apart, they tell less.
func cut(lines []string, i, n int) int {
	at := i * len(lines) / n
	for 0 < at && at < len(lines) && strings.Contains(lines[at], " UTC [") && !strings.Contains(lines[at], " UTC [system]") && !strings.Contains(lines[at], " UTC [router]") {
		at++
	}
	return at
}

// warningCodes are the codes that a JSON report warns of. How many there are of each depends on the number of files.
func warningCodes(t *testing.T, report string) []string {
	t.Helper()
	var r struct{ Warnings []struct{ Code string } }
	if err := json.Unmarshal([]byte(report), &r); err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, w := range r.Warnings {
		codes = append(codes, w.Code)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// whereabouts are the members of a report that say where in the files something stands, or are told per file.
func whereabouts() []string { return []string{"source", "line", "coverage", "warnings"} }

// withoutWhereabouts is a JSON report without the members that tell files and lines.
func withoutWhereabouts(t *testing.T, report string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(report), &v); err != nil {
		t.Fatal(err)
	}
	var strip func(any) any
	strip = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				if slices.Contains(whereabouts(), k) {
					delete(v, k)
				} else {
					v[k] = strip(x)
				}
			}
		case []any:
			for i := range v {
				v[i] = strip(v[i])
			}
		}
		return v
	}
	b, err := json.MarshalIndent(strip(v), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheSameEvidenceGivesTheSameBytesWhateverItsOrderPackingCoresAndFiles(t *testing.T) {
	bin := lastcallBinary(t)
	entries, err := os.ReadDir(filepath.Join(root(t), "testdata", "incidents"))
	if err != nil || len(entries) < 4 {
		t.Fatalf("%d incidents (%v)", len(entries), err)
	}
	for _, e := range entries {
		t.Run(e.Name(), func(t *testing.T) {
			files := unpacked(t, e.Name())
			dir := t.TempDir()
			var paths []string
			for name := range files {
				paths = append(paths, name)
			}
			slices.Sort(paths)
			// fill writes the files anew under the same names, which are part of the report.
			fill := func(pack string) {
				for name, b := range files {
					if pack != "" {
						b = evidencetest.Pack(t, pack, b)
					}
					write(t, filepath.Join(dir, name), string(b))
				}
			}
			report := func(format, cores string, args ...string) string {
				t.Helper()
				r := process{bin: bin, dir: dir, args: append([]string{"investigate", "--format", format}, args...), env: []string{"GOMAXPROCS=" + cores}}.run(t)
				if r.code != 0 {
					t.Fatalf("exit %d: %s", r.code, r.errOut)
				}
				return r.out
			}
			reversed := slices.Clone(paths)
			slices.Reverse(reversed)

			fill("")
			want := report("json", "2", paths...)
			if !strings.Contains(want, `"requests"`) || len(want) < 5000 {
				t.Fatalf("a report of %d bytes proves nothing", len(want))
			}
			for _, cores := range []string{"1", "7"} {
				if got := report("json", cores, paths...); got != want {
					t.Errorf("with %s cores: %s", cores, cmp.Diff(want, got))
				}
			}
			if got := report("json", "2", reversed...); got != want {
				t.Errorf("with the files named in the other order: %s", cmp.Diff(want, got))
			}
			if a, b := report("html", "2", paths...), report("html", "7", reversed...); a != b {
				t.Errorf("as a page: %s", cmp.Diff(a, b))
			}
			for _, pack := range []string{"gzip", "zstd"} {
				fill(pack)
				if got := report("json", "3", paths...); got != want {
					t.Errorf("as %s: %s", pack, cmp.Diff(want, got))
				}
			}
			// Split into parts that are named in an order of their own, some packed. Tables keep their head in every part.
			var parts []string
			for name, b := range files {
				lines := slices.Collect(strings.Lines(string(b)))
				head := ""
				if strings.HasSuffix(name, ".csv") {
					head, lines = lines[0], lines[1:]
				}
				const n = 5
				for i := range n {
					if cut(lines, i, n) == cut(lines, i+1, n) {
						continue // an empty file is warned of
					}
					part := head + strings.Join(lines[cut(lines, i, n):cut(lines, i+1, n)], "")
					if i%2 == 1 {
						part = string(evidencetest.Pack(t, "gzip", []byte(part)))
					}
					parts = append(parts, write(t, filepath.Join(dir, fmt.Sprintf("part-%d-%s", (i*3+2)%n, name)), part))
				}
			}
			slices.Sort(parts)
			got := report("json", "2", parts...)
			if diff := cmp.Diff(withoutWhereabouts(t, want), withoutWhereabouts(t, got)); diff != "" {
				t.Errorf("in %d parts: %s", len(parts), diff)
			}
			if diff := cmp.Diff(warningCodes(t, want), warningCodes(t, got)); diff != "" {
				t.Errorf("in %d parts, warnings: %s", len(parts), diff)
			}
		})
	}
}
