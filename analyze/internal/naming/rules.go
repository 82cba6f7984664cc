package naming

import "lastcall/analyze/finding"

// Rules are the rules that a report can cite.
func Rules() []finding.Rule {
	return []finding.Rule{{
		ID: "death.process", Title: "A kill that names a process only", Question: "Which container did the killed process belong to?",
		Test: "The end of a container on the machine at that time; else the only container there that starts again soon after it; else the count of restarts: " +
			"the kills of the machine that nothing ties, within the life of its containers that were killed for memory before, are exactly as many as the restarts " +
			"of those that nothing explains, and there is only one way to deal them out (by when each lived, what it may hold, and how often it was restarted).",
		Thresholds: []finding.Threshold{
			{Name: "clocks", Value: "5 s", Why: "a kill and the end of its container are told in whole seconds, by two clocks"},
			{Name: "starts again", Value: "60 s", Why: "Kubernetes and Docker start at once again what did not die just before"},
			{Name: "numbers", Value: "equal", Why: "kills of other pods of the machine, restarts before the evidence begins, and processes whose container lives on make them differ"},
			{Name: "of the limit", Value: "0.5 to 1.1", Why: "the main process of a container that ran into its limit holds most of it; a process that holds less may be a child, one that holds more is of another container"}},
		Source: "Kubernetes documentation (events are merged, restartCount is not)",
		Limits: "Restarts of unknown reason, and as many kills of other pods within the same time, would be taken for one another. Of a pod with older restarts than the evidence nothing is tied by count.",
	}}
}
