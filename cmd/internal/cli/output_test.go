package cli

import (
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

func contents(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
