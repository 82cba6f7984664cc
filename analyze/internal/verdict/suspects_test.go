package verdict

import (
	"testing"

	"lastcall/analyze/finding"
)

func TestOnlyPathsThatTellOfSomebodyAreSensitive(t *testing.T) {
	for path, want := range map[string]bool{
		"/": false, "/cart": false, "/users/me/": false, "/api/users/me": false,
		"/users/4611": true, "/search?q=laura": true, "/users/4611/": true,
	} {
		q := &inquiry{report: &finding.Report{}}
		q.sensitivePath(path)
		if got := len(q.report.Sensitive) > 0; got != want {
			t.Errorf("%s is sensitive: %v, want %v", path, got, want)
		}
	}
}
