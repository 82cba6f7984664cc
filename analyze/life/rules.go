package life

import (
	"fmt"
	"strconv"
	"time"

	"lastcall/analyze/finding"
)

// Rules documents the tests of this package.
func Rules() []finding.Rule {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%g s", d.Seconds()) }
	minutes := func(d time.Duration) string { return fmt.Sprintf("%g min", d.Minutes()) }
	return []finding.Rule{
		{ID: "death.merge", Title: "One death from many signs", Question: "Which lines tell of the same death?",
			Test: "Signs about one container within the gap are one death, unless a start lies between, their container ids differ, or one source tells of two exits.",
			Thresholds: []finding.Threshold{
				{Name: "gap", Value: seconds(signGap), Why: "recorded: the platform's line lags the death by up to 30 s, last words come up to 12 s before it, and clocks differ"},
				{Name: "same source", Value: seconds(sameSourceGap), Why: "a platform writes two lines about one exit within milliseconds"}},
			Source: "recorded incidents; Heroku, Scalingo, Kubernetes documentation", Limits: "Two deaths of one container within " + seconds(signGap) + " without a start line between count as one."},
		{ID: "rival.planned", Title: "Planned ends", Question: "Did the container end because it was asked to?",
			Test: "SIGTERM, exit 0 or 143, or a request to stop shortly before, unless the container had failed its health checks and nothing else explains the stop; ends within a planned window that nothing else explains. What Kubernetes starts again without having stopped it, and with no end told between, ended for an unknown reason: that is neither planned nor a crash.",
			Thresholds: []finding.Threshold{
				{Name: "grace", Value: seconds(grace), Why: "the longest usual grace period before a stop becomes a kill"},
				{Name: "unhealthy", Value: minutes(healTime), Why: "within this a platform or a watcher answers to a container that it calls unhealthy, with a stop that is not obeyed (137) or a new start of the same instance; within " + seconds(grace) + " any stop is such an answer"},
				{Name: "rolling", Value: fmt.Sprintf("%g %% of the fleet, less than %s apart", 100*rollShare, minutes(rollGap)), Why: "a rolling restart reaches everyone once"}},
			Source: "platform documentation", Limits: "An exit status of 143 without any other sign is taken as a stop."},
		{ID: "death.loop", Title: "Crash loop", Question: "Is this one story or many?",
			Test: "Several deaths of one container, each soon after the last.",
			Thresholds: []finding.Threshold{{Name: "deaths", Value: strconv.Itoa(loopDeaths), Why: "two can be chance"},
				{Name: "gap", Value: minutes(loopGap), Why: "the longest back-off of Kubernetes"}},
			Source: "Kubernetes CrashLoopBackOff", Limits: "-"},
		{ID: "death.after-deploy", Title: "Crash after a deploy", Question: "Did it begin with a release?",
			Test:       "The age of the last deploy at the death.",
			Thresholds: []finding.Threshold{{Name: "window", Value: minutes(afterDeploy), Why: "long enough for a fast leak, short enough to be no coincidence on a team that deploys daily"}},
			Source:     "-", Limits: "Says when, not why."},
	}
}
