package heap

import "lastcall/analyze/finding"

// Rules returns the rules of this package.
func Rules() []finding.Rule { return nil }
