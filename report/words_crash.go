package report

import (
	"strconv"
	"strings"

	"lastcall/analyze/finding"
)

// kindText names a kind of death.
func kindText(kind string) string {
	switch kind {
	case "oom_kill":
		return "OOM kill"
	case "heap_limit":
		return "heap limit"
	case "exception":
		return "uncaught exception"
	case "health_check":
		return "health check kill"
	case "sigterm":
		return "SIGTERM"
	case "unknown", "":
		return "unknown cause"
	}
	return clean(strings.ReplaceAll(kind, "_", " "))
}

// deathText is the kind with exit code and signal: "heap limit, exit 134, SIGABRT".
func deathText(c *finding.Crash) string {
	s := kindText(c.Kind)
	if c.ExitCode != nil {
		if c.Kind == "exit" {
			s += " " + strconv.Itoa(*c.ExitCode)
		} else {
			s += ", exit " + strconv.Itoa(*c.ExitCode)
		}
	}
	if c.Signal != nil && *c.Signal != "" && !implied(c.ExitCode, *c.Signal) {
		s += ", " + clean(*c.Signal)
	}
	return s
}

// implied reports whether the exit code already says the signal (128 + its number).
func implied(code *int, signal string) bool {
	if code == nil {
		return false
	}
	switch signal {
	case "SIGABRT":
		return *code == 134
	case "SIGKILL":
		return *code == 137
	case "SIGSEGV":
		return *code == 139
	case "SIGTERM":
		return *code == 143
	}
	return false
}

// noCrashText stands where no crash is listed.
func noCrashText(r *finding.Report) string {
	if nothingSeen(r) {
		return "Nothing was seen, so no crash could be."
	}
	return "No crash was seen."
}

// crashRequestsText is "1 / 34 / 21", under crashRequestsTitle.
func crashRequestsText(q *finding.CrashRequests) string {
	if q == nil {
		return "not known"
	}
	return strconv.Itoa(q.Open) + " / " + strconv.Itoa(q.GivenUp) + " / " + strconv.Itoa(q.Cut)
}

const crashRequestsTitle = "open/gave up/cut"

// lastMemoryText is "RSS 190 of 400 MiB"; "not known" without a reading.
func lastMemoryText(m *finding.LastMemory) string {
	if m == nil {
		return "not known"
	}
	name := metricText(m.Metric)
	if m.Metric == "heap_used" {
		name = "heap"
	}
	if m.LimitBytes != nil && *m.LimitBytes > 0 {
		return name + " " + bytesOfText(m.Bytes, float64(*m.LimitBytes))
	}
	return name + " " + bytesText(m.Bytes)
}

// uptimeText is how long a container had lived, if that is known.
func uptimeText(c *finding.Crash, unknown string) string {
	if c.UptimeSeconds == nil {
		return unknown
	}
	return durationText(*c.UptimeSeconds)
}

// differentBlame reports whether the crashes are not all explained by one endpoint (or by none).
func differentBlame(r *finding.Report) bool {
	first := r.Crashes[0].ExplainedBy
	for i := range r.Crashes {
		b := r.Crashes[i].ExplainedBy
		if (b == nil) != (first == nil) || (b != nil && *b != *first) {
			return true
		}
	}
	return false
}

// blameText is the endpoint that explains a crash.
func blameText(c *finding.Crash) string {
	if c.ExplainedBy == nil {
		return "nobody"
	}
	return clean(*c.ExplainedBy)
}

// distinctContainers are the containers that crashed, in the order in which they first did.
func distinctContainers(r *finding.Report) []string {
	var names []string
	seen := map[string]bool{}
	for i := range r.Crashes {
		if n := clean(r.Crashes[i].Container); !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	return names
}

// restartsTitle says over a list of ends of containers what they have in common. Of some nobody says how they ended.
func restartsTitle(restarts []finding.Restart) string {
	unexplained := 0
	for i := range restarts {
		if restarts[i].Reason == finding.StoppedReporting {
			unexplained++
		}
	}
	switch unexplained {
	case 0:
		return "Ends that are no crashes"
	case len(restarts):
		return "Ends that no source explains"
	}
	return "Ends that are no crashes, or that no source explains"
}

// restartText names why a container ended that did not crash.
func restartText(reason string) string {
	if reason == finding.StoppedReporting {
		return "stopped reporting (no end seen)"
	}
	return strings.ReplaceAll(clean(reason), "_", " ")
}

// patternText says what walked from container to container.
func patternText(p *finding.Pattern) string {
	what := map[string]string{"request": "the same request", "path": "the same path", "user": "the same user", "endpoint": "the same endpoint"}[p.Kind]
	if what == "" {
		what = "the same " + clean(p.Kind)
	}
	s := strings.ToUpper(what[:1]) + what[1:] + " (" + clean(p.Value) + ") was running at " + plural(int64(len(p.Steps)), "death", "deaths")
	seen := map[string]bool{}
	for _, x := range p.Steps {
		seen[x.Container] = true
	}
	s += ", on " + plural(int64(len(seen)), "container", "containers")
	if p.SpacingSeconds > 0 {
		s += ", " + durationText(p.SpacingSeconds) + " apart (median)"
	}
	return s + "."
}
