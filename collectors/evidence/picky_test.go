package evidence

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/formattest"
)

// pickyFormats are those that are spared lines, and the texts that they need.
func pickyFormats() (picky []format.LineFormat, chain []format.LineFormat) {
	for _, f := range formats(time.UTC) {
		if f, ok := f.(format.LineFormat); ok {
			chain = append(chain, f)
			if _, ok := f.(format.Picky); ok {
				picky = append(picky, f)
			}
		}
	}
	return picky, chain
}

// TestTheirNeedsFit: a text that has no place would have its format asked about every line, which is right and slow.
func TestTheirNeedsFit(t *testing.T) {
	picky, chain := pickyFormats()
	set := newPickiness(chain).set
	for _, f := range picky {
		needs := f.(format.Picky).Needs()
		if _, all := set.Of(needs...); !all || len(needs) == 0 {
			t.Errorf("%s: not all of %q have a place", f.Name(), needs)
		}
	}
	if len(picky) < 15 {
		t.Errorf("only %d formats are picky", len(picky))
	}
}

// TestPickyFormatsMissNothing reads every log of the repository, and what others recorded, with each of them, as a whole and without the
// lines that it would be spared.
func TestPickyFormatsMissNothing(t *testing.T) {
	picky, _ := pickyFormats()
	var text strings.Builder
	for _, line := range seedLines {
		text.WriteString(line + "\n")
	}
	texts := map[string]string{"seeds": text.String()}
	roots := []string{filepath.Join("..", "..", "testdata")}
	t.Run("others", func(t *testing.T) {
		roots = append(roots, formattest.Shared(t, "corpus", "logs"), formattest.Shared(t, "incidents"))
	})
	total := 0
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			if i, err := d.Info(); err != nil || i.Size() > 1<<20 || total > 12<<20 {
				return err
			}
			if data := formattest.File(t, path); !cut.LooksBinary(data[:min(len(data), 1000)]) {
				texts[path] = string(data)
				total += len(data)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range texts {
		for _, f := range picky {
			if t.Failed() {
				t.Fatalf("in %s", path)
			}
			formattest.CheckPicky(t, f, text)
		}
	}
	t.Logf("%d texts, %d MB", len(texts), total>>20)
}
