package traffic

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFamiliesDifferInOneSegment(t *testing.T) {
	endpoints := []string{
		"(other)", "GET /", "GET /api/users/judy", "GET /api/users/judy/export", "GET /api/users/henry/export", "GET /api/users/{id}/export", "POST /api/users/dave/export",
		"GET /api/{id}/judy/export", "GET /health",
	}
	var got []string
	for _, f := range familiesOf(endpoints) {
		members := f.name + " (" + f.before + "):"
		for _, e := range f.members {
			members += " " + endpoints[e]
		}
		got = append(got, members)
	}
	want := []string{"GET /api/users/{id}/export (api/users): GET /api/users/judy/export GET /api/users/henry/export GET /api/users/{id}/export"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("families (-want +got):\n%s", diff)
	}
}
