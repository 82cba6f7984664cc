package origin

import (
	"strconv"
	"strings"

	"lastcall/collectors/record"
)

// kindOfExit says what an exit status alone tells. Statuses above 128 are 128 + signal, as shells and container runtimes report
// them. 137 is SIGKILL by anybody; only the reason can make it a memory kill.
func kindOfExit(code int, reason string) (record.CrashKind, string) {
	signal := signalOfExit(code)
	r := strings.ToLower(reason)
	switch {
	case strings.Contains(r, "oom") || strings.Contains(r, "out of memory") || strings.Contains(r, "memory limit"):
		return record.CrashOOMKill, signal
	case strings.Contains(r, "unhealthy") || strings.Contains(r, "liveness") || strings.Contains(r, "health check") || strings.Contains(r, "healthcheck"):
		return record.CrashHealthCheck, signal
	}
	switch signal {
	case "SIGABRT":
		return record.CrashAbort, signal
	case "SIGSEGV", "SIGBUS", "SIGILL":
		return record.CrashSegfault, signal
	case "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT":
		return record.CrashSigterm, signal
	case "":
		if code >= 0 {
			return record.CrashExit, ""
		}
	}
	return record.CrashOther, signal
}

func signalOfExit(code int) string {
	if code <= 128 {
		return ""
	}
	return SignalName(code - 128)
}

// SignalName names the signals that end containers (numbers as on Linux); others are given by number.
func SignalName(n int) string {
	switch n {
	case 1:
		return "SIGHUP"
	case 2:
		return "SIGINT"
	case 3:
		return "SIGQUIT"
	case 4:
		return "SIGILL"
	case 6:
		return "SIGABRT"
	case 7:
		return "SIGBUS"
	case 8:
		return "SIGFPE"
	case 9:
		return "SIGKILL"
	case 11:
		return "SIGSEGV"
	case 15:
		return "SIGTERM"
	}
	if n > 0 && n <= 64 {
		return "signal " + strconv.Itoa(n)
	}
	return ""
}

// PlannedStatus reports whether a process that ended with this status ended as one that was asked to.
func PlannedStatus(code int) bool { return code == 0 || code == 143 || code == 130 }
