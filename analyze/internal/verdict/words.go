package verdict

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/internal/naming"
	"lastcall/collectors/record"
)

// comma sets a clause apart.
func comma(clause string) string {
	if clause == "" {
		return ""
	}
	return "," + clause
}

func (q *inquiry) deathsText(deaths []int) string {
	if len(deaths) == 1 {
		return q.traffic.Life.Deaths[deaths[0]].Container
	}
	if known, processes := q.partProcesses(deaths); processes != "" {
		if len(known) == 0 {
			return processes
		}
		return q.deathsText(known) + " and " + processes
	}
	set := q.containersOf(deaths)
	if len(set) == len(deaths) {
		return fmt.Sprintf("%d containers", len(set))
	}
	if len(set) == 1 {
		return fmt.Sprintf("%s, %d times,", set[0], len(deaths))
	}
	return fmt.Sprintf("%d lives of %d containers", len(deaths), len(set))
}

func (q *inquiry) containersOf(deaths []int) []string {
	var set []string
	for _, d := range deaths {
		set = append(set, q.traffic.Life.Deaths[d].Container)
	}
	slices.Sort(set)
	return slices.Compact(set)
}

func (q *inquiry) containersText(deaths []int) string {
	set := q.containersOf(deaths)
	if len(set) <= 4 {
		return listAll(set)
	}
	if known, processes := q.partProcesses(deaths); processes != "" {
		if len(known) == 0 {
			return processes
		}
		return strings.ReplaceAll(q.containersText(known), " and ", ", ") + " and " + processes
	}
	return fmt.Sprintf("%d containers", len(set))
}

// listAll joins names: "web-1, web-2 and web-3".
func listAll(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func (q *inquiry) kindsText(deaths []int) string {
	words := map[record.CrashKind]string{record.CrashOOMKill: "killed for memory", record.CrashHeapLimit: "heap limit reached", record.CrashAbort: "aborted",
		record.CrashSegfault: "segmentation fault", record.CrashException: "uncaught exception", record.CrashHealthCheck: "killed by a health check", record.CrashExit: "exited with an error"}
	var set []string
	for _, d := range deaths {
		if w := words[q.traffic.Life.Deaths[d].Kind]; w != "" {
			set = append(set, w)
		}
	}
	slices.Sort(set)
	return strings.Join(slices.Compact(set), ", ")
}

func percent(p float64) string {
	switch {
	case p >= 0.9995:
		return "over 99.9%"
	case p >= 0.99:
		return fmt.Sprintf("%.1f%%", p*100)
	case p < 0.001:
		return "under 0.1%"
	}
	return fmt.Sprintf("%.0f%%", p*100)
}

func num(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.0e", v)
	case v >= 10:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) < 0.01:
		return "under 0.01"
	}
	return fmt.Sprintf("%.2g", v)
}

// mib says a size in the units of the report: binary, as memory limits are.
func mib(v float64) string {
	const kib, mib, gib = 1 << 10, 1 << 20, 1 << 30
	a := math.Abs(v)
	switch {
	case a >= gib:
		return fmt.Sprintf("%.1f GiB", v/gib)
	case a >= mib:
		return fmt.Sprintf("%.1f MiB", v/mib)
	case a >= kib:
		return fmt.Sprintf("%.0f KiB", v/kib)
	}
	return fmt.Sprintf("%.0f B", v)
}

func clockTime(t record.Time) string { return t.Std().Format("15:04:05") }

// partProcesses sets apart the deaths of processes, which are of containers that may be counted already, and puts those into words.
func (q *inquiry) partProcesses(deaths []int) (known []int, processes string) {
	var hosts []string
	for _, d := range deaths {
		if host, ok := naming.IsProcess(q.traffic.Life.Deaths[d].Container); !ok {
			known = append(known, d)
		} else if host != "" {
			hosts = append(hosts, host)
		}
	}
	n := len(deaths) - len(known)
	if n == 0 {
		return known, ""
	}
	slices.Sort(hosts)
	where, whose := "", " whose containers no source names"
	switch hosts = slices.Compact(hosts); {
	case len(hosts) > 4:
		where = fmt.Sprintf(" on %d machines", len(hosts))
	case len(hosts) > 0:
		where = " on " + listAll(hosts)
	}
	if n == 1 {
		return known, "1 process" + where + " whose container no source names"
	}
	return known, fmt.Sprintf("%d processes", n) + where + whose
}

// containersSeen counts the containers; processes are none.
func (q *inquiry) containersSeen() int {
	n := 0
	for _, name := range q.traffic.Containers.Names[1:] {
		if _, process := naming.IsProcess(name); !process {
			n++
		}
	}
	return n
}

func ptr(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func shorten(id string) string {
	if naming.HexID(strings.ToLower(id)) {
		return id[:12]
	}
	return id
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}

func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}

// minutes says a duration in whole units, as a person would.
func minutes(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 120*time.Minute:
		return fmt.Sprintf("%d minutes", int(d.Minutes()+0.5))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()+0.5))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24+0.5))
}

func seconds(s float64) string {
	switch {
	case math.IsNaN(s):
		return "an unknown time"
	case s < 1:
		return fmt.Sprintf("%.0f ms", s*1000)
	case s < 10:
		return fmt.Sprintf("%.1f s", s)
	case s < 600:
		return fmt.Sprintf("%.0f s", s)
	}
	return fmt.Sprintf("%.0f min", s/60)
}

// sig rounds to three significant digits, so that the last bits of arithmetic never show.
func sig(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	p := math.Pow10(2 - int(math.Floor(math.Log10(math.Abs(v)))))
	return math.Round(v*p) / p
}

func listSome(s []string, n int) string {
	if len(s) <= n {
		var out strings.Builder
		for i, x := range s {
			if i > 0 {
				out.WriteString(", ")
			}
			out.WriteString(x)
		}
		return out.String()
	}
	return listSome(s[:n], n) + fmt.Sprintf(" and %d more", len(s)-n)
}

func after(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

// deref is the value, or zero for none.
func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func countText(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
