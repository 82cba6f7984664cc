// Package datadog asks Datadog for evidence: lifecycle events, memory and CPU per container, counts and percentiles per
// endpoint, and the log lines around the deaths of containers.
//
// It asks small questions first. Everything it will ask is a [Plan] that is known before the first call and refined once the
// volumes are known; the number of calls is bounded. Where the log lines of the window fit the calls allowed, all of them are
// listed: exactness first. Where they do not, Datadog itself counts and computes percentiles, and raw lines are fetched only
// around the deaths and in matched quiet windows of the same containers; what was fetched is then said to be a sample, window
// by window, in the coverage.
//
// There is one file per signal. Requests to v1 and the configuration go through Datadog's official client; those to v2 are
// small typed requests of our own, checked in a test against Datadog's published descriptions. Retry, quota and redaction are
// package httpx's; turning log lines and series into records is package evidence's, so that the same evidence in a file gives the
// same records.
//
// A signal that cannot be had (no permission, quota, outage) is a row in the coverage with the reason, not an error. Only keys
// that are refused, or a site that cannot be reached at all, end the collection; and where no record came because log lines or
// metrics could not be had, that is an error at its end.
package datadog
