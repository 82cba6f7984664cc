package evidence

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
)

func TestNamesOfProfilesTellContainerAndTime(t *testing.T) {
	for _, c := range []struct {
		name, container, at string
		oom                 bool
	}{
		{"web-1_20261114T091832Z.pb.gz", "web-1", "2026-11-14T09:18:32Z", false},
		{"web.4_20261117T133241Z_oom.pb.gz", "web.4", "2026-11-17T13:32:41Z", true},
		{"api-00c7b95d8-6f9gh_20261114T154216Z.pb.gz", "api-00c7b95d8-6f9gh", "2026-11-14T15:42:16Z", false},
		{"web-1_20261118T094756Z_goroutine.pb.gz", "web-1", "2026-11-18T09:47:56Z", false},
		{"web-1-heap-2026-11-14T09-18-32.pprof", "web-1", "2026-11-14T09:18:32Z", false},
		{"heap_20261114-091832.pb", "", "2026-11-14T09:18:32Z", false},
		{"heap.2.out", "", "", false},
		{"", "", "", false},
		{"room_1.pb.gz", "", "", false},
	} {
		container, when, oom := profileName(c.name)
		want := record.Time(0)
		if c.at != "" {
			want = formattest.At(t, c.at)
		}
		if container != c.container || when != want || oom != c.oom {
			t.Errorf("%s: container %q, %v, oom %v", c.name, container, when.Std(), oom)
		}
	}
}

func TestProfilesAreKnownByTheirContent(t *testing.T) {
	var b bytes.Buffer
	if err := pprof.Lookup("heap").WriteTo(&b, 0); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	raw := formattest.File(t, path) // decompressed
	if f, score := bestFormat(headOf(raw)); f == nil || f.Name() != "pprof" {
		t.Errorf("recognised as %v (%d)", f, score)
	}
	sink := formattest.MustRead(t, pprofProfile{}, "a.tar.gz!profiles/web-1_20261114T091832Z_oom.pb.gz", string(raw))
	p := sink.Profiles[0]
	if p.Container != "web-1" || !p.OnOOM || !bytes.Equal(p.Data, raw) || p.Name != "web-1_20261114T091832Z_oom.pb.gz" {
		t.Errorf("%q %v %q", p.Container, p.OnOOM, p.Name)
	}
	for _, text := range []string{"heap profile: 1: 2 [ 3: 4] @ heap/1048576\n", "goroutine profile: total 7\n", "heap_v2/524288\n"} {
		if f, _ := bestFormat([]byte(text)); f == nil || f.Name() != "pprof" {
			t.Errorf("%q recognised as %v", text, f)
		}
	}
	for _, other := range []string{"", "\n", "\x0a", "plain text\nof a log", "\x0a\x04\x08\x01\x10\x02", "PK\x03\x04", strings.Repeat("\x00", 100), `{"a":1}`} {
		if s := (pprofProfile{}).Sniff([]byte(other)); s != 0 {
			t.Errorf("%q scores %d", other, s)
		}
	}
}

func TestRecordedProfilesOfOthers(t *testing.T) {
	root := formattest.Shared(t, "corpus", "profiles")
	known, all := 0, 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if len(raw) < 2 || raw[0] != 0x1f || raw[1] != 0x8b || all > 60 {
			return nil
		}
		all++
		defer func() { _ = recover() }()
		data := formattest.File(t, path)
		if (pprofProfile{}).Sniff(headOf(data)) > 0 {
			known++
		} else {
			t.Logf("not known: %s", strings.TrimPrefix(path, root))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if all == 0 || known*10 < all*8 {
		t.Errorf("%d of %d compressed files are known", known, all)
	}
}

func FuzzProfiles(f *testing.F) {
	f.Add([]byte("\x0a\x04\x08\x01\x10\x02\x32\x00\x4a\x00"), "web-1_20261114T091832Z_oom.pb.gz")
	f.Add([]byte("heap profile: "), "20260231T999999")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		(pprofProfile{}).Sniff(data)
		profileName(name)
		formattest.FuzzDocument(t, pprofProfile{}, data)
	})
}
