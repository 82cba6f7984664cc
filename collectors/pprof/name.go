package pprof

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"lastcall/collectors/record"
)

// Named is what the name of a file says of the profile in it.
type Named struct {
	// Container and Time are empty and zero when the name does not tell.
	Container string
	Time      record.Time
	// OnOOM is true for the names that runtimes and agents give to a profile written as memory ran out.
	OnOOM bool
}

// timePattern finds a time in a name, bounded so that no part of an id is taken for one.
type timePattern struct {
	re    *regexp.Regexp
	parse func(s string) (time.Time, bool)
}

func layout(l string) func(string) (time.Time, bool) {
	return func(s string) (time.Time, bool) {
		t, err := time.Parse(l, s)
		return t, err == nil
	}
}

func unix(unit time.Duration) func(string) (time.Time, bool) {
	return func(s string) (time.Time, bool) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return time.Time{}, false
		}
		t := time.Unix(0, 0).Add(time.Duration(n) * unit)
		if unit != time.Nanosecond {
			t = time.Unix(n/int64(time.Second/unit), n%int64(time.Second/unit)*int64(unit))
		}
		return t, t.Year() >= 2005 && t.Year() < 2100
	}
}

var timePatterns = []timePattern{
	bounded(`\d{8}T\d{6}Z`, layout("20060102T150405Z")),
	bounded(`\d{8}T\d{6}`, layout("20060102T150405")),
	bounded(`\d{4}-\d\d-\d\dT\d\d[:-]\d\d[:-]\d\d(?:[.,]\d{1,9})?Z?`, loose),
	bounded(`\d{4}-\d\d-\d\d[_ -]\d\d[:.-]\d\d[:.-]\d\d`, loose),
	bounded(`\d{8}[_-]\d{6}`, func(s string) (time.Time, bool) { return layout("20060102150405")(s[:8] + s[9:]) }),
	bounded(`\d{14}`, layout("20060102150405")),
	bounded(`\d{19}`, unix(time.Nanosecond)),
	bounded(`\d{16}`, unix(time.Microsecond)),
	bounded(`\d{13}`, unix(time.Millisecond)),
	bounded(`\d{10}`, unix(time.Second)),
}

func bounded(re string, parse func(string) (time.Time, bool)) timePattern {
	return timePattern{regexp.MustCompile(`(?:^|[^0-9A-Za-z])(` + re + `)(?:$|[^0-9A-Za-z:])`), parse}
}

// loose reads a date and time with any separators; the zone is UTC.
func loose(s string) (time.Time, bool) {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	if len(digits) < 14 {
		return time.Time{}, false
	}
	t, err := time.Parse("20060102150405", digits[:14])
	if err != nil {
		return t, false
	}
	if frac := digits[14:]; frac != "" {
		if n, err := strconv.ParseInt((frac + "00000000")[:9], 10, 64); err == nil {
			t = t.Add(time.Duration(n))
		}
	}
	return t, true
}

var (
	extensions = regexp.MustCompile(`(?i)(\.(pb|gz|zst|prof|pprof|out|heap|txt|profile|tar|bin|gzip))+$`)
	// kindWords are words in names that tell the kind of a profile, not its container.
	kindWords = regexp.MustCompile(`(?i)(^|[_. -])(heap|heapprofile|profile|profiles|pprof|prof|inuse|alloc|allocs|objects|space|goroutine|goroutines|goroutineleak|oom|on[_-]?oom|near[_-]?heap[_-]?limit|heap[_-]?limit|snapshot|dump|mem|memory|v8|delta|live)($|[_. -])`)
	oomWords  = regexp.MustCompile(`(?i)(^|[_. -])(oom|on[_-]?oom|oomkill(ed)?|out[_-]?of[_-]?memory|near[_-]?heap[_-]?limit|heap[_-]?limit)($|[_. -])`)
	separator = "_.- "
)

// FromName reads the name of a profile, such as "web-1_20261116T134756Z_oom.pb.gz". A container is taken from a name only if
// it holds a time too: what else stands in a name ("heap.2.faa0bb8074.out") tells the profiles of one container apart.
func FromName(name string) Named {
	name = extensions.ReplaceAllString(path.Base(strings.ReplaceAll(name, `\`, "/")), "")
	n := Named{OnOOM: oomWords.MatchString(name)}
	for _, p := range timePatterns {
		m := p.re.FindStringSubmatchIndex(name)
		if m == nil {
			continue
		}
		t, ok := p.parse(name[m[2]:m[3]])
		if !ok {
			continue
		}
		n.Time = record.TimeOf(t)
		n.Container = container(name[:m[2]])
		if n.Container == "" {
			n.Container = container(name[m[3]:])
		}
		break
	}
	return n
}

// container strips the words that tell a kind.
func container(s string) string {
	for {
		t := strings.Trim(kindWords.ReplaceAllString(s, "$1"), separator)
		if t == s {
			return s
		}
		s = t
	}
}
