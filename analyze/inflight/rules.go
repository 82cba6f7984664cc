package inflight

import "lastcall/analyze/finding"

// Rules documents the tests of this package.
func Rules() []finding.Rule {
	return []finding.Rule{{
		ID: "burst.open-at-onset", Title: "Open when the slow-down began", Question: "Which request was at work when the trouble began, and is rarely found so?",
		Test: "For each death, requests that had begun before the slow-down and never ended are compared with how often a request of that endpoint is open at that age at a quiet moment of one container (Little's law): " +
			"over the whole evidence or around the death, whichever is more; at the pace at which the container worked in the two minutes before, as where everything takes longer, what is old is no exception; " +
			"and no less than starts and ends make it, as what never ends by itself is oldest just before a death. " +
			"The onset of the slow-down is averaged over, weighted by how well it explains which requests were slow. Each crash gives a likelihood ratio with mean 1 under innocence; deaths within one minute count once, with their mean, as they are not independent (unless each was sudden); then they are merged over the unknown share of crashes the endpoint caused, " +
			"and weighed against \"no endpoint\" (prior one half) and against each other (all endpoints share the other half: the correction for their number). " +
			"Two endpoints that each explain deaths of which the other says nothing are weighed as a pair as well, all pairs with a tenth of the prior of all endpoints. " +
			"Of the deaths of a story (each within 20 minutes of the one before) the first eight count, and those after them whose slow-down began a minute or more after the death before, on a container that had worked at its usual pace until then.",
		Thresholds: []finding.Threshold{
			{Name: "conclusive", Value: "P ≥ 0.99, 3 crashes with a ratio of 5 or more, P ≥ 0.9 with any crash left out, two separate stories or one request that came back", Why: "measured on generated incidents, see the table of the README: none of that grade accused an innocent"},
			{Name: "likely", Value: "P ≥ 0.95 and 2 crashes, or P ≥ 0.99", Why: "the same incidents; below it nobody is accused"},
			{Name: "possible", Value: "P ≥ 0.5", Why: "worth a look, never an accusation"},
			{Name: "pair", Value: "likely at most; together they explain 80% of the deaths of their stories, each at least two that the other does not", Why: "two explain more by luck than one"},
			{Name: "contested", Value: "half of the crashes that support it", Why: "where others stand out at these as well, with a tenth of its ratio or more, something slowed everything down: possible at most"},
			{Name: "around the death", Value: "20 min before to 10 min after", Why: "what is done for half an hour of a day is open at every death of that half hour"},
			{Name: "lookback", Value: "16 min", Why: "longer than the slow-downs recorded; older requests count if they never ended"}},
		Source: "Vovk and Wang, E-values: calibration, combination and applications (2021); case-crossover designs (Maclure 1991) for the idea of self-matched controls, matched in time as well; Kaplan and Meier (1958) for requests that a death cuts",
		Limits: "Blind when only finished requests are logged. A request that is always sent together with the culprit cannot be told from it; it is then named beside it.",
	}, {
		ID: "burst.same-request", Title: "One request that came back", Question: "Was one and the same request open at several deaths?",
		Test: "Requests with the same caller and path (or id) that were open at one death and again at the next, against the chance that an innocent one was retried there and still ran, or is sent so often that one is always open. One that was answered between two deaths is not the same any more, nor is one that came when it comes anyway (within half of the median interval of its answers, of four at least, or within 2% of a multiple of it): a clock sends it.",
		Thresholds: []finding.Threshold{
			{Name: "likely", Value: "e-value 20", Why: "at most 1 of 20 by chance, after division by candidates and crashes"},
			{Name: "conclusive", Value: "e-value 1000 and 3 hops", Why: "the chance of an innocent retry at each hop, multiplied, must be beyond doubt by itself"}},
		Source: "poison-pill analysis, method of the project", Limits: "Needs a caller (user or address) and a path, or ids kept over retries.",
	}}
}
