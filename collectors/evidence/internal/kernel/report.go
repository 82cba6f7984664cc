// Package kernel reads what the Linux kernel reports of processes that it killed for memory, and of those that broke, line by line.
package kernel

import (
	"bytes"
	"strconv"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// Report gathers one report until its victim is named. Source: Linux mm/oom_kill.c (oom_kill_process, dump_header), mm/memcontrol.c
// (mem_cgroup_print_oom_meminfo).
type Report struct {
	asker       []byte
	used, limit int64
	constraint  []byte
	oomMemcg    []byte
	taskMemcg   []byte
	pid         int64
	since       int64 // line of the first line of the report
}

// maxLines bounds how far apart the lines of one report may lie: a dump lists every process of the machine.
const maxLines = 5000

// Since is the line at which the report that is being gathered began; zero where none is.
func (k *Report) Since() int64 { return k.since }

// Line takes one line without what stands before the kernel's own words; handled is false where it is of no report. The zero value of a
// Report is ready; one that was not finished is forgotten after maxLines. The error is the sink's.
func (k *Report) Line(o *origin.Origin, b []byte, sink record.Sink) (handled bool, _ error) {
	if k.since > 0 && o.Pos.Line-k.since > maxLines {
		*k = Report{}
	}
	switch {
	case bytes.Contains(b, []byte(" invoked oom-killer: ")):
		*k = Report{since: o.Pos.Line, asker: bytes.Clone(b[:bytes.Index(b, []byte(" invoked oom-killer: "))])}
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
		*k = Report{}
		return true, err
	case isFault(b):
		return true, fault(o, b, sink)
	}
	return false, nil
}

// Needs are texts of which one stands in every line that a Report takes while it gathers nothing, see format.Picky.
func Needs() []string {
	return []string{
		"oom-",        // "invoked oom-killer", "oom-kill:"
		"y: u",        // "memory: usage"
		"f li",        // "as a result of limit of"
		"d pr",        // "Killed process"
		"egfa", "ps:", // "segfault", "traps:"
	}
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
func (k *Report) killed(o *origin.Origin, b []byte, sink record.Sink) error {
	if o.Time == 0 {
		return warning.Tell(sink, o.Pos, "no_time", warning.NoTime, b)
	}
	pid, _ := number.IntAfter(b, "Killed process ")
	if k.pid != 0 && k.pid != pid {
		*k = Report{} // The report before was of another kill.
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
	c.UsedBytes = RSSOfKilled(b)
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

// RSSOfKilled is the memory of a killed process by the kernel's words, in bytes; zero where they do not tell.
func RSSOfKilled(b []byte) int64 {
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

func fault(o *origin.Origin, b []byte, sink record.Sink) error {
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

// IsLine recognises the lines that only such a report has.
func IsLine(b []byte) bool {
	return bytes.Contains(b, []byte(" invoked oom-killer: ")) || bytes.HasPrefix(b, []byte("oom-kill:constraint=")) ||
		(bytes.Contains(b, []byte("Killed process ")) && bytes.Contains(b, []byte("-rss:"))) || isFault(b)
}

// isFault recognises "node[123]: segfault at 0 ip …" and "traps: node[123] trap invalid opcode ip:…".
func isFault(b []byte) bool {
	return bytes.Contains(b, []byte("]: segfault at ")) || (bytes.HasPrefix(b, []byte("traps: ")) && bytes.Contains(b, []byte("] trap ")))
}

// IsDump recognises what stands in a report between its first line and its victim: the stack and the registers of who asked, the
// statistics of the memory, the table of tasks. Source: Linux dump_header, show_regs, show_mem, dump_tasks.
func IsDump(b []byte) bool {
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
