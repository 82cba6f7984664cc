package capture

import (
	"go/build"
	"path/filepath"
	"testing"
)

func TestEverySystemThatReleasesAreBuiltForHasALock(t *testing.T) {
	files, err := filepath.Glob("lock_*.go")
	if err != nil {
		t.Fatal(err)
	}
	for system, want := range map[string]string{
		"linux": "lock_unix.go", "darwin": "lock_unix.go", "windows": "lock_windows.go", "freebsd": "lock_unix.go",
		"solaris": "lock_other.go", "illumos": "lock_other.go", "aix": "lock_other.go", "plan9": "lock_other.go",
	} {
		c := build.Default
		c.GOOS = system
		var got []string
		for _, name := range files {
			if name == "lock_test.go" {
				continue
			}
			if ok, err := c.MatchFile(".", name); err != nil {
				t.Fatal(err)
			} else if ok {
				got = append(got, name)
			}
		}
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s takes its lock from %q, want %q", system, got, want)
		}
	}
}
