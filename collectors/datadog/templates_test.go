package datadog

import "testing"

func TestPatternsOfPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/api/users/297975/profile":                           "/api/users/*/profile",
		"/api/competences/recEeWNzAwWEbPWG7/tutorials":        "/api/competences/*/tutorials",
		"/api/x/99e0e240-1582-47b0-a3f5-5138ba730aab?lang=fr": "/api/x/*",
		"/api/v2/feature-toggles":                             "/api/v2/feature-toggles",
		"/api/oauth2/token":                                   "/api/oauth2/token",
		"/":                                                   "/",
		"no path":                                             "",
		"/api/users/mail%40example.org":                       "/api/users/*",
		"/api/reports/2026-11-16":                             "/api/reports/*",
		"/api/sco-students/import-csv":                        "/api/sco-students/import-csv",
	} {
		if got := patternOf(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestAPatternLeavesOutThoseThatAreMoreExact(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"/api/users/*", "/api/users/*/profile", true},
		{"/api/users/*/profile", "/api/users/*", false},
		{"/api/users/*", "/api/users/me", true},
		{"/api/users/me", "/api/users/*", false},
		{"/api/a/*/c", "/api/a/*/b/c", true},
		{"/api/users/*", "/api/users/*", true},
		{"/api/users", "/api/users", true},
		{"/api/users", "/api/users/*", false},
	} {
		if got := covers(c.a, c.b); got != c.want {
			t.Errorf("covers(%q, %q) is %v", c.a, c.b, got)
		}
	}
}

func FuzzPatternsDoNotPanicAndCoverTheirPath(f *testing.F) {
	f.Add("/api/users/1/x")
	f.Fuzz(func(t *testing.T, path string) {
		p := patternOf(path)
		if p == "" {
			return
		}
		covers(p, path)
		if patternOf(p) == "" {
			t.Errorf("%q is a pattern of %q but no path", p, path)
		}
	})
}
