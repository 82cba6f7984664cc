package demo

import (
	"io/fs"
	"strings"
	"testing"
)

func TestTheIncidentIsSmallAndWhole(t *testing.T) {
	var size int64
	var names []string
	err := fs.WalkDir(Incident(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		size += info.Size()
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if size > 1<<20 {
		t.Errorf("%d bytes in every binary; want at most 1 MiB", size)
	}
	all := strings.Join(names, " ")
	for _, want := range []string{"router.log.zst", "app.ndjson.zst", "platform.log.zst", "metrics.csv.zst", "_oom.pb.gz"} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is missing; there are %s", want, all)
		}
	}
}
