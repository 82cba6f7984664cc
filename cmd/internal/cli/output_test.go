package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAPictureThatThereIsNotLeavesTheFileThatIsThere(t *testing.T) {
	dir := t.TempDir()
	log := write(t, filepath.Join(dir, "platform.log"), platformLog)
	old := write(t, filepath.Join(dir, "x.svg"), "yesterday")
	text := filepath.Join(dir, "r.txt")
	r := runIn(t, nil, "investigate", log, "--output", old, "--output", text)
	if r.code != 0 || !strings.Contains(r.errOut, "x.svg was not written") {
		t.Errorf("exit %d, stderr %q", r.code, r.errOut)
	}
	if got := contents(t, old); got != "yesterday" {
		t.Errorf("the file of yesterday is %q", got)
	}
	if contents(t, text) == "" {
		t.Error("the other file is empty")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestALinkStaysALinkWhetherItsTargetIsThereOrNot(t *testing.T) {
	dir := t.TempDir()
	log := write(t, filepath.Join(dir, "platform.log"), platformLog)
	for _, d := range []string{"real", "real/deep"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"a.txt": "b.txt", "b.txt": "folder/../new.txt", "folder": "real/deep", "circle.txt": "circle.txt"} {
		if err := os.Symlink(filepath.FromSlash(to), filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	r := runIn(t, nil, "investigate", log, "--output", filepath.Join(dir, "a.txt"))
	if r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.errOut)
	}
	for _, link := range []string{"a.txt", "b.txt"} {
		if st, err := os.Lstat(filepath.Join(dir, link)); err != nil || st.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s is no link any more: %v, %v", link, st, err)
		}
	}
	if contents(t, filepath.Join(dir, "a.txt")) == "" {
		t.Error("nothing was written")
	}
	if r := runIn(t, nil, "investigate", log, "--output", filepath.Join(dir, "circle.txt")); r.code != 2 || !strings.Contains(r.errOut, "leads to itself") {
		t.Errorf("a circle: exit %d: %s", r.code, r.errOut)
	}
}

func TestNoFileIsWrittenTwiceHoweverItIsSpelled(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, "platform.log", platformLog)
	cfg := write(t, "c.yaml", "version: 1\nservices: [{name: api, paths: [platform.log]}]\n")
	if err := os.Symlink("s.md", "link.md"); err != nil {
		t.Skip(err)
	}
	for _, other := range []string{"s.md", "./s.md", filepath.Join(dir, "s.md"), "link.md"} {
		for _, args := range [][]string{{"investigate", "platform.log"}, {"demo"}, {"nightly", "--config", cfg}} {
			r := runIn(t, nil, append(args, "--output", "s.md", "--output", other)...)
			if r.code != 2 || !strings.Contains(r.errOut, "--output "+other+" is ") {
				t.Errorf("%q and %q: exit %d: %s", args, other, r.code, r.errOut)
			}
		}
	}
	if _, err := os.Stat("s.md"); err == nil {
		t.Error("it was written")
	}
}

func TestAfterTheEndNoFileIsBegunOrMoved(t *testing.T) {
	dir := t.TempDir()
	w := &wholeFiles{}
	render := func(out io.Writer) error {
		if w.abandon() {
			t.Error("nothing had been committed")
		}
		_, err := out.Write([]byte("late"))
		return err
	}
	_ = w.add(filepath.Join(dir, "a.md"), render) // its file goes while it is written
	if err := w.commit(); !errors.Is(err, context.Canceled) {
		t.Errorf("commit: %v", err)
	}
	if err := w.add(filepath.Join(dir, "b.md"), render); !errors.Is(err, context.Canceled) {
		t.Errorf("add: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func contents(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
