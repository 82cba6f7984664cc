package pieces_test

import (
	"bytes"
	"strings"
	"testing"

	"lastcall/collectors/evidence/internal/pieces"
)

var some = []string{`"`, "[", "hero", "app", "oom-", "ero", "aa", "\xff\x00"}

// TestFound holds the search against bytes.Contains.
func TestFound(t *testing.T) {
	s := pieces.New(some...)
	for _, line := range []string{
		"", "h", "hero", "her o", "ahero", "heroku[web.1]: x", "appp", "ap", "oom-oom-", "aoom", "aaa", "a\"", "x\xff\x00y", strings.Repeat("z", 300) + "app",
	} {
		check(t, s, []byte(line))
	}
}

func FuzzFound(f *testing.F) {
	s := pieces.New(some...)
	for _, p := range some {
		f.Add([]byte("a" + p + "b"))
	}
	f.Fuzz(func(t *testing.T, line []byte) { check(t, s, line) })
}

func check(t *testing.T, s *pieces.Set, line []byte) {
	t.Helper()
	found := s.In(line)
	for _, p := range some {
		bit, ok := s.Of(p)
		if !ok {
			t.Fatalf("%q is not in the set", p)
		}
		if got, want := found&bit != 0, bytes.Contains(line, []byte(p)); got != want {
			t.Fatalf("%q in %q: %v, want %v", p, line, got, want)
		}
	}
}

// TestFull: what has no place is told, and the others are found all the same.
func TestFull(t *testing.T) {
	s := pieces.New(strings.Repeat("a", 60), "bcdef", "ghij", "ghij", "")
	if _, all := s.Of("bcdef"); all {
		t.Error("a piece beyond 64 bytes is in the set")
	}
	four, all := s.Of("ghij")
	if !all || s.In([]byte("xghijx"))&four == 0 {
		t.Error("the one that just fits is not found")
	}
	if s.In([]byte(strings.Repeat("a", 59)))|s.In([]byte("ghi")) != 0 {
		t.Error("part of a piece is found")
	}
}

func BenchmarkIn(b *testing.B) {
	s := pieces.New(some...)
	line := []byte("2026-11-20 08:00:00,123 INFO  com.example.Service - Cache miss for user:7311, loading")
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		s.In(line)
	}
}
