package heap

import (
	"lastcall/analyze/finding"
	"lastcall/collectors/record"

	"github.com/google/pprof/profile"
)

type goroutineCount struct{}

func isGoroutineDump(data []byte) bool                                   { return false }
func parseGoroutineDump(data []byte) (*profile.Profile, error)           { return nil, nil }
func isGoroutineProfile(p *profile.Profile) bool                         { return false }
func (a *analysis) addGoroutines(rp *record.Profile, p *profile.Profile) {}
func (a *analysis) goroutines(res *Result) []finding.Goroutines          { return nil }
