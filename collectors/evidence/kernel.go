package evidence

import (
	"bytes"
	"cmp"
	"os"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/header"
	"lastcall/collectors/evidence/internal/kernel"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// kernelOOM reads the Linux kernel's reports of processes killed for memory, and of segmentation faults, from dmesg (plain or -T),
// syslog (RFC 3164 or ISO times) and journalctl. A report is many lines:
//
//	node invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
//	memory: usage 131072kB, limit 131072kB, failcnt 83420
//	oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),…,oom_memcg=/docker/<id>,task_memcg=/docker/<id>,task=node,pid=123,uid=0
//	Memory cgroup out of memory: Killed process 123 (node) total-vm:1GB, anon-rss:130000kB, file-rss:0kB, shmem-rss:0kB
//
// The process that asked for memory and the one that was killed may differ; the crash is that of the killed one, and its text
// names the other. What a killed process leaves behind may be a container that lives on.
//
// Source: Linux mm/oom_kill.c (oom_kill_process, dump_header), mm/memcontrol.c (mem_cgroup_print_oom_meminfo).
type kernelOOM struct {
	zone *time.Location // of times that name none; nil is UTC
}

// Name implements Format.
func (kernelOOM) Name() string { return "kernel-oom" }

// Sequential implements Sequential: a report spans lines.
func (kernelOOM) Sequential() bool { return true }

// Sniff implements Format.
func (kernelOOM) Sniff(head []byte) int {
	score := format.SniffLines(head, func(line []byte) bool {
		_, body, _ := splitKernel(line, func(int, int) int { return 2000 })
		return kernel.IsLine(body)
	})
	// One such line is enough to know a kernel log, however long the dump around it.
	if score > 0 {
		return max(score, 60)
	}
	return 0
}

// OnlyText spares the format lines that are JSON objects.
func (kernelOOM) OnlyText() {}

// Needs implements format.Picky: of the header "[12345.678]", of "kernel:", and of the lines that Report.Line takes.
func (kernelOOM) Needs() []string { return append(kernel.Needs(), "[", "nel:") }

// NewParser implements LineFormat.
func (f kernelOOM) NewParser(src *record.Source) format.LineParser {
	return &kernelParser{src: src, clock: stamp.Clock{Zone: f.zone}}
}

type kernelParser struct {
	clock  stamp.Clock
	src    *record.Source
	report kernel.Report
	bare   bool // the first line of the report has no header
	origin origin.Origin
	year   func(month, day int) int
}

// Forget implements format.Forgetful.
func (p *kernelParser) Forget() { p.report = kernel.Report{} }

// Gathers implements format.Gathering: within a report that was printed without headers.
func (p *kernelParser) Gathers() bool { return p.report.Since() > 0 }

// ParseLine implements LineParser.
func (p *kernelParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	if p.year == nil {
		p.year = yearsOf(p.src)
	}
	h, body, ok := splitKernel(line, p.year)
	if !ok {
		return false, nil
	}
	if !h.stamp.Zoned {
		h.stamp.Time = p.clock.Local(h.stamp.Time)
	}
	p.origin = origin.Origin{Pos: record.Pos{Source: p.src, Line: lineNo}, Time: h.stamp.Time, Host: h.host}
	handled, err := p.report.Line(&p.origin, body, sink)
	if err != nil || !handled {
		// The rest of a kernel log, and of a report printed without any header, is known and says nothing. A report may be cut, so that
		// only what looks like one is of it.
		return h.kernel || p.bare && p.report.Since() > 0 && h.stamp.N == 0 && kernel.IsDump(body), err
	}
	if p.report.Since() == lineNo {
		p.bare = h.stamp.N == 0 && !h.kernel
	}
	if h.stamp.N > 0 && !h.stamp.Zoned {
		if err := warning.TellZone(sink, p.origin.Pos, p.clock.Zone, line); err != nil {
			return true, err
		}
	}
	if h.noYear && h.stamp.Time != 0 {
		return true, warning.Tell(sink, p.origin.Pos, "no_year", warning.NoYear, line)
	}
	return true, nil
}

// yearsOf gives the dates of a source their years.
func yearsOf(src *record.Source) func(month, day int) int {
	year := stamp.YearFinder(modified(src))
	if src == nil || src.Near == 0 {
		return year
	}
	near := stamp.NearestYear(src.Near)
	return func(month, day int) int { return cmp.Or(near(month, day), year(month, day)) }
}

// modified is when a file was last written; zero for anything that is no file.
func modified(src *record.Source) time.Time {
	if src == nil || src.Name == "" {
		return time.Time{}
	}
	info, err := os.Stat(src.Name)
	if err != nil || !info.Mode().IsRegular() {
		return time.Time{}
	}
	return info.ModTime()
}

// kernelHeader is what stands before a kernel message.
type kernelHeader struct {
	stamp  stamp.Stamp
	host   []byte
	noYear bool
	kernel bool // the header says that the line is the kernel's
}

// splitKernel cuts the header off a line. A line without one is all message, since dmesg may print none.
func splitKernel(line []byte, year func(month, day int) int) (h kernelHeader, body []byte, ok bool) {
	rest := header.TrimPriority(line)
	if st, found := stamp.Read(rest); found {
		h.stamp, rest = st, bytes.TrimPrefix(rest[st.N:], []byte(" "))
		h.host, rest, h.kernel = syslogHost(rest)
	} else if st, found := stamp.ReadSyslog(rest, year); found {
		h.stamp, h.noYear = st, true
		rest = bytes.TrimPrefix(rest[st.N:], []byte(" "))
		h.host, rest, h.kernel = syslogHost(rest)
	}
	if len(rest) > 2 && rest[0] == '[' {
		if end := bytes.IndexByte(rest, ']'); end > 0 {
			inner := bytes.TrimLeft(rest[1:end], " ")
			if st, found := stamp.ReadCtime(inner); found && h.stamp.N == 0 {
				h.stamp, h.kernel = st, true
				rest = bytes.TrimPrefix(rest[end+1:], []byte(" "))
			} else if _, isNumber := number.Float(inner); isNumber && bytes.IndexByte(inner, '.') > 0 {
				h.kernel = true
				rest = bytes.TrimPrefix(rest[end+1:], []byte(" "))
			}
		}
	}
	return h, rest, len(rest) > 0
}

// syslogHost cuts "host kernel: " or "kernel: ". Other programs' lines keep their body whole.
func syslogHost(b []byte) (host, rest []byte, kernel bool) {
	first, tail := cut.Word(b)
	if string(first) == "kernel:" {
		return nil, tail, true
	}
	if tag, tail := cut.Word(tail); string(tag) == "kernel:" {
		return first, tail, true
	}
	return nil, b, false
}
