package panics

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func try(f func()) (err error) {
	defer Recover("a.log", &err)
	f()
	return errors.New("the function's own")
}

func TestAPanicBecomesAnErrorThatSaysWhatAndWhere(t *testing.T) {
	var none []int
	err := try(func() { none[3]++ })
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	if !strings.HasPrefix(err.Error(), "a.log: internal error at panics/panics_test.go:") {
		t.Errorf("the message is %q", err)
	}
	if e.What != "index out of range [3] with length 0" {
		t.Errorf("What is %q", e.What)
	}
	if !regexp.MustCompile(`^panics/panics_test\.go:\d+$`).MatchString(e.Where) {
		t.Errorf("Where is %q", e.Where)
	}
}

// The place is ours also where a library panicked.
func TestAPanicOfALibraryIsPlacedAtItsCaller(t *testing.T) {
	e, _ := errors.AsType[*Error](try(func() { _ = strings.Repeat("x", -len(t.Name())) }))
	if e == nil || !strings.HasPrefix(e.Where, "panics/panics_test.go:") {
		t.Errorf("got %+v", e)
	}
}

func TestTheValueOfAPanicIsNotQuoted(t *testing.T) {
	secret := "user=bob@example.com"
	for _, v := range []any{secret, errors.New(secret), fmt.Errorf("line %q", secret)} {
		if err := try(func() { panic(v) }); strings.Contains(err.Error(), "bob") {
			t.Errorf("the error quotes what the panic was about: %v", err)
		}
	}
}

func TestWithoutAPanicTheErrorIsTheFunctionsOwn(t *testing.T) {
	if err := try(func() {}); err == nil || err.Error() != "the function's own" {
		t.Errorf("got %v", err)
	}
}
