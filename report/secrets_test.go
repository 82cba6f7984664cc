package report

import (
	"strings"
	"testing"

	"lastcall/analyze/finding"
)

// TestPlantedSecretsAreInNoFormat plants secrets in every string of the model that quotes or words evidence, and looks for them
// in every format.
func TestPlantedSecretsAreInNoFormat(t *testing.T) {
	secrets := []string{
		"jane.doe@example.com", "203.0.113.77", "2001:db8::dead:77", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlMTIz", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"ghp_16C7e42F292c6912E7710c838347Ae178B4a", "0123456789abcdef0123456789abcdef", "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567", "4111111111111111", "4111 1111 1111 1111",
		"6c203d84-76a2-4b5d-a2d9-3604a8c5d9b9", "xoxb-" + "123456789012-abcdefGHIJKL", "hunter2hunter2", "s3cr3tcookie", "DE89370400440532013000", "dXNlcjpwYXNzd29yZA==", "q=secretquery", "107919", "laura.dupont",
	}
	line := `GET /api/x/107919/jane.doe@example.com?q=secretquery&token=hunter2hunter2 user laura.dupont from 203.0.113.77 and 2001:db8::dead:77 id=6c203d84-76a2-4b5d-a2d9-3604a8c5d9b9 ` +
		`eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlMTIz AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY ghp_16C7e42F292c6912E7710c838347Ae178B4a ` +
		`key 0123456789abcdef0123456789abcdef app 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567 card 4111111111111111 or 4111 1111 1111 1111 iban DE89370400440532013000 ` +
		"xoxb-" + `123456789012-abcdefGHIJKL {"password":"hunter2hunter2"} Authorization: Basic dXNlcjpwYXNzd29yZA== ` + "\nCookie: sid=s3cr3tcookie; lang=fr"
	names := map[string]bool{"Container": true, "Instance": true, "Host": true, "Service": true, "Version": true, "Source": true, "Function": true, "File": true, "Name": true, "Metric": true, "State": true, "CalledFrom": true,
		"Signal": true, "Measure": true, "Reason": true, "Rule": true, "Code": true, "Format": true, "Kind": true, "ID": true, "Crash": true, "Outcome": true, "Crashes": true}
	r := (&filler{str: func(_, field string, n int) string {
		switch {
		case field == "User":
			return "laura.dupont"
		case field == "RequestID":
			return "6c203d84-76a2-4b5d-a2d9-3604a8c5d9b9"
		case names[field]:
			return "name"
		}
		return line
	}}).report()
	r.Pattern.Kind, r.Pattern.Value = "user", "laura.dupont"
	r.Sensitive = []finding.Sensitive{{Kind: "user", Value: "107919"}}
	r.Redacted = false
	r.Suspects[0].Role, r.Suspects[0].Grade = finding.Culprit, finding.Likely
	r.Causes = nil
	for _, f := range Formats() {
		for _, width := range []int{100, 60} {
			out := write(t, r, Options{Format: f, Width: width, Color: true})
			squeezed := strings.Join(strings.Fields(out), "")
			for _, s := range secrets {
				if strings.Contains(out, s) || f == Text && strings.Contains(squeezed, strings.ReplaceAll(s, " ", "")) {
					t.Errorf("%s holds %q", f, s)
				}
			}
			if f != SVG && !strings.Contains(out, "user-1") {
				t.Errorf("%s: the pseudonym is missing", f)
			}
		}
		open := write(t, r, Options{Format: f, NoRedact: true, Width: 100})
		if f != SVG && !strings.Contains(open, "laura.dupont") {
			t.Errorf("%s: NoRedact masks, so the test proves nothing", f)
		}
	}
}
