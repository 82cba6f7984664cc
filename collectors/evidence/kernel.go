package evidence

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/header"
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
		return isKernelOOMLine(body)
	})
	// One such line is enough to know a kernel log, however long the dump around it.
	if score > 0 {
		return max(score, 60)
	}
	return 0
}

// OnlyText spares the format lines that are JSON objects.
func (kernelOOM) OnlyText() {}

// NewParser implements LineFormat.
func (f kernelOOM) NewParser(src *record.Source) format.LineParser {
	return &kernelParser{src: src, clock: stamp.Clock{Zone: f.zone}}
}

type kernelParser struct {
	clock  stamp.Clock
	src    *record.Source
	report kernelReport
	origin origin.Origin
	year   func(month, day int) int
}

// Forget implements format.Forgetful.
func (p *kernelParser) Forget() { p.report = kernelReport{} }

// ParseLine implements LineParser.
func (p *kernelParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	if p.year == nil {
		p.year = stamp.YearFinder(modified(p.src))
	}
	h, body, ok := splitKernel(line, p.year)
	if !ok {
		return false, nil
	}
	if !h.stamp.Zoned {
		h.stamp.Time = p.clock.Local(h.stamp.Time)
	}
	p.origin = origin.Origin{Pos: record.Pos{Source: p.src, Line: lineNo}, Time: h.stamp.Time, Host: h.host}
	handled, err := p.report.line(&p.origin, body, sink)
	if err != nil || !handled {
		// The rest of a kernel log, and of a report printed without any header, is known and says nothing. A report may be cut, so that
		// only what looks like one is of it.
		return h.kernel || p.report.bare && h.stamp.N == 0 && isDumpLine(body), err
	}
	if p.report.since == lineNo {
		p.report.bare = h.stamp.N == 0 && !h.kernel
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

func isKernelOOMLine(b []byte) bool {
	return bytes.Contains(b, []byte(" invoked oom-killer: ")) || bytes.HasPrefix(b, []byte("oom-kill:constraint=")) ||
		(bytes.Contains(b, []byte("Killed process ")) && bytes.Contains(b, []byte("-rss:"))) || isKernelFault(b)
}

// isKernelFault recognises "node[123]: segfault at 0 ip …" and "traps: node[123] trap invalid opcode ip:…".
func isKernelFault(b []byte) bool {
	return bytes.Contains(b, []byte("]: segfault at ")) || (bytes.HasPrefix(b, []byte("traps: ")) && bytes.Contains(b, []byte("] trap ")))
}

// isDumpLine recognises what stands in a report between its first line and its victim: the stack and the registers of who asked, the
// statistics of the memory, the table of tasks. Source: Linux dump_header, show_regs, show_mem, dump_tasks.
func isDumpLine(b []byte) bool {
	for _, s := range [...]string{
		"CPU: ", "Hardware name: ", "Workqueue: ", "Call Trace:", "RIP: ", "Code: ", "RSP: ", "RAX: ", "RDX: ", "RBP: ", "R10: ", "R13: ", "ORIG_RAX: ", "Mem-Info:",
		"active_anon:", "lowmem_reserve[]: ", "Swap cache stats: ", "Free swap ", "Total swap ", "Tasks state (", "memory+swap: usage ", "swap: usage ",
		"kmem: usage ", "Memory cgroup stats for ", "Unreclaimable slab info:", "oom_reaper: ",
	} {
		if cut.HasPrefix(b, s) {
			return true
		}
	}
	first, rest := cut.Word(bytes.TrimPrefix(b, []byte(" ")))
	switch {
	case len(b) > 1 && b[0] == ' ': // stack and statistics; not " 1: 0xb0b1a0 node::Abort()" of a process
		b = b[1:]
		return b[0] == '<' || cut.HasPrefix(b, "[<") || bytes.Contains(b, []byte("+0x")) || len(first) == 16 && containers.IsID(first) || isStatistic(first)
	case cut.HasPrefix(b, "["): // a task, or the head of their table
		pid := bytes.TrimSpace(cut.Between(b, "[", "]"))
		return number.IsDigits(pid) || string(pid) == "pid"
	case string(first) == "Node": // of memory
		return len(rest) > 0 && number.IsDigit(rest[0])
	case number.IsDigits(first):
		return cut.HasPrefix(rest, "pages ") || cut.HasPrefix(rest, "total pagecache")
	case number.IsDigits(rest): // "slab_reclaimable 12345", of a cgroup
		return containers.IsName(first)
	}
	return bytes.Contains(rest, []byte("mems_allowed="))
}

// isStatistic recognises "active_file:29".
func isStatistic(b []byte) bool {
	name, value, ok := bytes.Cut(b, []byte(":"))
	return ok && containers.IsName(name) && number.IsDigits(value)
}

// kernelReport gathers one report until its victim is named.
type kernelReport struct {
	asker       []byte
	used, limit int64
	constraint  []byte
	oomMemcg    []byte
	taskMemcg   []byte
	pid         int64
	since       int64 // line of the first line of the report
	bare        bool  // which had no header
}

// reportLines bounds how far apart the lines of one report may lie: a dump lists every process of the machine.
const reportLines = 5000

func (k *kernelReport) line(o *origin.Origin, b []byte, sink record.Sink) (bool, error) {
	if k.since > 0 && o.Pos.Line-k.since > reportLines {
		*k = kernelReport{}
	}
	switch {
	case bytes.Contains(b, []byte(" invoked oom-killer: ")):
		*k = kernelReport{since: o.Pos.Line, asker: bytes.Clone(b[:bytes.Index(b, []byte(" invoked oom-killer: "))])}
		return true, nil
	case bytes.HasPrefix(b, []byte("memory: usage ")):
		k.used, _, _ = number.Size(b[len("memory: usage "):])
		if i := bytes.Index(b, []byte("limit ")); i >= 0 {
			k.limit, _, _ = number.Size(b[i+len("limit "):])
		}
		return true, nil
	case bytes.HasPrefix(b, []byte("Task in ")) && bytes.Contains(b, []byte(" killed as a result of limit of ")):
		task, rest := cut.Word(b[len("Task in "):])
		k.taskMemcg = bytes.Clone(task)
		k.oomMemcg = bytes.Clone(bytes.TrimSpace(rest[len("killed as a result of limit of "):]))
		k.constraint = []byte("CONSTRAINT_MEMCG")
		return true, nil
	case bytes.HasPrefix(b, []byte("oom-kill:")):
		k.constraint = bytes.Clone(field(b, "constraint="))
		k.oomMemcg, k.taskMemcg = bytes.Clone(field(b, "oom_memcg=")), bytes.Clone(field(b, "task_memcg="))
		k.pid, _ = number.IntAfter(b, ",pid=")
		return true, nil
	case bytes.Contains(b, []byte("Killed process ")) && bytes.Contains(b, []byte("-rss:")):
		err := k.killed(o, b, sink)
		*k = kernelReport{}
		return true, err
	case isKernelFault(b):
		return true, kernelFault(o, b, sink)
	}
	return false, nil
}

// field reads "key=value" up to the next comma.
func field(b []byte, key string) []byte {
	i := bytes.Index(b, []byte(key))
	if i < 0 {
		return nil
	}
	b = b[i+len(key):]
	if j := bytes.IndexByte(b, ','); j >= 0 {
		b = b[:j]
	}
	return b
}

// killed handles "Killed process 123 (node) total-vm:…, anon-rss:…": the end of a report, or all that was kept of one.
func (k *kernelReport) killed(o *origin.Origin, b []byte, sink record.Sink) error {
	if o.Time == 0 {
		return warning.Tell(sink, o.Pos, "no_time", warning.NoTime, b)
	}
	pid, _ := number.IntAfter(b, "Killed process ")
	if k.pid != 0 && k.pid != pid {
		*k = kernelReport{} // The report before was of another kill.
	}
	inContainer := bytes.Contains(b, []byte("emory cgroup out of memory")) || bytes.HasPrefix(k.constraint, []byte("CONSTRAINT_MEMCG"))
	ev := *o
	id := containers.OfCgroup(k.taskMemcg)
	ev.Pod = containers.PodOfCgroup(k.taskMemcg)
	if len(id) > 0 {
		ev.Instance = id
		ev.Container = id[:min(12, len(id))]
	} else {
		if pid > 0 {
			ev.Instance = strconv.AppendInt(nil, pid, 10)
		}
		ev.Service = unitOfCgroup(k.taskMemcg)
	}
	text := bytes.TrimSpace(b)
	if len(k.asker) > 0 {
		text = append(append(bytes.Clone(text), "; asked for memory: "...), k.asker...)
	}
	c := ev.Crash(record.CrashOOMKill, text)
	c.Exited, c.Signal = true, "SIGKILL"
	c.UsedBytes = rssOfKilled(b)
	if inContainer {
		c.LimitBytes = k.limit
		if k.used > 0 {
			c.UsedBytes = k.used
		}
	}
	if err := sink.Crash(c); err != nil {
		return err
	}
	// Memory that ran out above the container is another matter: the killed one need not be the one that grew.
	switch {
	case !inContainer:
		l := o.Lifecycle(record.MemoryPressure, record.NodeOutOfMemory, text)
		return sink.Lifecycle(l)
	case len(k.oomMemcg) > 0 && len(k.taskMemcg) > 0 && !bytes.Equal(k.oomMemcg, k.taskMemcg) && !sameContainer(k.oomMemcg, k.taskMemcg):
		l := o.Lifecycle(record.MemoryPressure, "limit of the parent cgroup "+origin.Quote(k.oomMemcg), text)
		l.UsedBytes, l.LimitBytes = k.used, k.limit
		return sink.Lifecycle(l)
	}
	return nil
}

// sameContainer reports whether a limit's cgroup is that of the container (or pod) of the task.
func sameContainer(limit, task []byte) bool {
	id := containers.OfCgroup(limit)
	return len(id) > 0 && bytes.Equal(id, containers.OfCgroup(task))
}

func rssOfKilled(b []byte) int64 {
	var sum int64
	for _, key := range []string{"anon-rss:", "file-rss:", "shmem-rss:"} {
		if i := bytes.Index(b, []byte(key)); i >= 0 {
			v, _, _ := number.Size(b[i+len(key):])
			sum += v
		}
	}
	return sum
}

// unitOfCgroup finds the systemd service in a cgroup path.
func unitOfCgroup(path []byte) []byte {
	i := bytes.LastIndexByte(path, '/')
	if i < 0 {
		return nil
	}
	unit, ok := bytes.CutSuffix(path[i+1:], []byte(".service"))
	if !ok {
		return nil
	}
	return unit
}

func kernelFault(o *origin.Origin, b []byte, sink record.Sink) error {
	if o.Time == 0 {
		return warning.Tell(sink, o.Pos, "no_time", warning.NoTime, b)
	}
	c := o.Crash(record.CrashSegfault, b)
	c.Exited, c.Signal = true, "SIGSEGV"
	if bytes.Contains(b, []byte("invalid opcode")) {
		c.Signal = "SIGILL"
	}
	if pid := cut.Between(b, "[", "]"); pid != nil {
		if _, ok := number.Digits64(pid); ok {
			c.Instance = string(pid)
		}
	}
	return sink.Crash(c)
}
