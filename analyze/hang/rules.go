package hang

import "lastcall/analyze/finding"

// Rules documents the tests of this package.
func Rules() []finding.Rule {
	return []finding.Rule{{
		ID: "hang.constant-duration", Title: "Calls that end at one constant duration", Question: "Do slow requests wait for something that hangs?",
		Test: "Slow answered requests are searched for a duration at which many of them end, on many endpoints, in a stretch of time: the mark of a client's timeout.",
		Thresholds: []finding.Threshold{
			{Name: "calls", Value: "20, and 1 % of the requests of their window", Why: "fewer can fall together by chance"},
			{Name: "endpoints", Value: "4 with 2 % of the calls or more, none with more than half above its share of the traffic", Why: "one slow endpoint is another story"},
			{Name: "width", Value: "6 %", Why: "a timeout plus the rest of the request's work"},
			{Name: "sharpness", Value: "42 % of the peak in the third next to its lower edge, 3 standard deviations more than in as much just below, at most half as many just above", Why: "a timeout has an edge, a smooth hump has a third there, and as many below"},
			{Name: "together", Value: "at most 30 % end within 5 s", Why: "a frozen container lets go of all its requests at once; timeouts end one by one"},
			{Name: "density", Value: "4 times that on both sides", Why: "a tail of ordinary slow requests has no peak"},
			{Name: "rise", Value: "10 times as often as at other times", Why: "long polling has a constant duration, too, but always"}},
		Source: "recorded incidents", Limits: "A hang that lasts as long as the evidence, or whose timeout is the router's, is not seen.",
	}}
}
