package evidence

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

const cid = "a59e4e7d3090c04c6ce5a4b7a8bc85228eb9b96ac00b1284643a8c7c11dda661"

func TestAKernelReportOfAContainer(t *testing.T) {
	text := `2026-11-16T13:47:57.100000+00:00 node-a kernel: [ 5864.708440] php-fpm invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
2026-11-16T13:47:57.100000+00:00 node-a kernel: [ 5864.708441] CPU: 8 PID: 3923954 Comm: php-fpm Tainted: P
2026-11-16T13:47:57.100000+00:00 node-a kernel: [ 5864.708442] memory: usage 131072kB, limit 131072kB, failcnt 83420
2026-11-16T13:47:57.100000+00:00 node-a kernel: [ 5864.708443] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,oom_memcg=/kubepods/burstable/pod12/` + cid + `,task_memcg=/kubepods/burstable/pod12/` + cid + `,task=node,pid=123,uid=0
2026-11-16T13:47:57.200000+00:00 node-a kernel: [ 5864.708444] Memory cgroup out of memory: Killed process 123 (node) total-vm:1048576kB, anon-rss:130000kB, file-rss:10kB, shmem-rss:0kB, UID:0
2026-11-16T13:47:57.300000+00:00 node-a kernel: [ 5864.708445] oom_reaper: reaped process 123 (node), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
`
	if f, score := bestFormat([]byte(text)); f == nil || f.Name() != "kernel-oom" {
		t.Fatalf("recognised as %v (%d)", f, score)
	}
	sink, unhandled := formattest.ReadLines(t, kernelOOM{}, text)
	if len(unhandled) > 0 {
		t.Errorf("unhandled: %q", unhandled)
	}
	want := []record.Crash{{
		Time: formattest.At(t, "2026-11-16T13:47:57.2Z"), Kind: record.CrashOOMKill, Exited: true, ExitCode: -1, Signal: "SIGKILL", Host: "node-a",
		Container: cid[:12], Instance: cid, UsedBytes: 128 << 20, LimitBytes: 128 << 20,
	}}
	if diff := cmp.Diff(want, sink.Crashes, formattest.Ignoring()); diff != "" {
		t.Fatalf("crashes (-want +got):\n%s", diff)
	}
	if text := sink.Crashes[0].Text; !strings.Contains(text, "Killed process 123 (node)") || !strings.Contains(text, "asked for memory: php-fpm") {
		t.Errorf("text %q names not both", text)
	}
	if len(sink.Lifecycles) != 0 {
		t.Errorf("a container's own limit is no pressure on anything else: %+v", sink.Lifecycles)
	}
}

func TestAKernelReportWithoutATimeIsCountedNotPlaced(t *testing.T) {
	for _, text := range []string{
		"Memory cgroup out of memory: Killed process 123 (node) total-vm:1kB, anon-rss:130000kB, file-rss:10kB",
		"[ 5864.708444] Memory cgroup out of memory: Killed process 123 (node) total-vm:1kB, anon-rss:130000kB, file-rss:10kB",
		"Jan  5 15:19:27 host kernel: [ 5864.7] Killed process 123 (node) total-vm:1kB, anon-rss:130000kB, file-rss:10kB",
	} {
		sink, unhandled := formattest.ReadLines(t, kernelOOM{}, text)
		if len(unhandled) != 0 || len(sink.Crashes) != 0 || sink.WarningCount("no_time") != 1 {
			t.Errorf("%q: %+v", text, sink)
		}
	}
}

func TestATimeWithoutAYearTakesItFromTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "messages")
	line := "Dec 31 23:59:58 host kernel: [ 5864.7] Killed process 123 (node) total-vm:1kB, anon-rss:130000kB, file-rss:10kB"
	if err := os.WriteFile(name, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	written := time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(name, written, written); err != nil {
		t.Fatal(err)
	}
	sink := &recordtest.Sink{}
	p := kernelOOM{}.NewParser(&record.Source{Name: name})
	if _, err := p.ParseLine(1, []byte(line), sink); err != nil {
		t.Fatal(err)
	}
	if len(sink.Crashes) != 1 || sink.Crashes[0].Time != formattest.At(t, "2026-12-31T23:59:58Z") || sink.Crashes[0].Instance != "123" || sink.WarningCount("no_year") != 1 {
		t.Errorf("%+v", sink)
	}
}

func TestASegmentationFaultInTheKernelsLog(t *testing.T) {
	sink, _ := formattest.ReadLines(t, kernelOOM{}, "2026-11-16T13:47:57+0000 node-a kernel: node[4242]: segfault at 0 ip 00007f sp 00007f error 4 in libc.so.6[7f]\n"+
		"2026-11-16T13:47:58+0000 node-a kernel: traps: node[4243] trap invalid opcode ip:1 sp:2 error:0 in node[4]")
	want := []record.Crash{
		{Time: formattest.At(t, "2026-11-16T13:47:57Z"), Kind: record.CrashSegfault, Exited: true, ExitCode: -1, Signal: "SIGSEGV", Host: "node-a", Instance: "4242"},
		{Time: formattest.At(t, "2026-11-16T13:47:58Z"), Kind: record.CrashSegfault, Exited: true, ExitCode: -1, Signal: "SIGILL", Host: "node-a", Instance: "4243"},
	}
	if diff := cmp.Diff(want, sink.Crashes, formattest.Ignoring()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const someAsked = "node invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"

// A report that is cut off before it names its victim, and a log of something else behind it.
func TestAKernelReportThatIsCutHidesNothingBehindIt(t *testing.T) {
	rest := []string{
		`1.2.3.4 - - [16/Nov/2026:13:47:58 +0000] "GET /x HTTP/1.1" 200 571 "-" "curl/8" 0.123 web-1`,
		"panic: boom",
		"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
		"node 7 is up",
		" 1: 0xb0b1a0 node::Abort() [node]",
	}
	for name, first := range map[string]string{"with a time": "[Mon Nov 16 13:47:57 2026] " + someAsked, "without one": someAsked} {
		_, unhandled := formattest.ReadLines(t, kernelOOM{}, first+strings.Join(rest, "\n"))
		if diff := cmp.Diff(rest, unhandled); diff != "" {
			t.Errorf("%s: what is left to others (-want +got):\n%s", name, diff)
		}
	}
	var sink recordtest.Sink
	in := strings.NewReader("[Mon Nov 16 13:47:57 2026] " + someAsked + strings.Join(rest, "\n"))
	if err := New(Options{Paths: []string{"-"}, Stdin: in}).Collect(t.Context(), record.Query{}, &sink); err != nil {
		t.Fatal(err)
	}
	if len(sink.Requests) != 1 || len(sink.Crashes) != 2 {
		t.Errorf("%d requests and %d crashes, want 1 and 2", len(sink.Requests), len(sink.Crashes))
	}
}

func TestTheDumpWithinAKernelReportIsKnownWithoutItsHeader(t *testing.T) {
	dump := someAsked + `CPU: 4 PID: 29481 Comm: sed Not tainted 3.10.0-514.6.1.el7.x86_64 #1
sed cpuset=/ mems_allowed=0-1
Hardware name: HP ProLiant DL385 G7, BIOS A18 12/08/2012
 ffff880182272f10 00000000021dcb0a ffff880418207938 ffffffff816861ac
Call Trace:
 <TASK>
 dump_stack_lvl+0x48/0x60
 ? sched_clock_cpu+0xd/0xb0
 [<ffffffff816861ac>] dump_stack+0x19/0x1b
 </TASK>
RIP: 0033:0x7f5ba27c6d6f
Code: Unable to access opcode bytes at 0x7f5ba27c6d45.
RSP: 002b:00007ffd84637ec0 EFLAGS: 00010206
RAX: 0000000000015fd1 RBX: 0000000000001010 RCX: 00005658cf73d030
memory: usage 131072kB, limit 131072kB, failcnt 83420
swap: usage 0kB, limit 0kB, failcnt 0
Memory cgroup stats for /docker/x:
anon 130000000
slab_reclaimable 12345
Mem-Info:
active_anon:1413442 inactive_anon:1509191 isolated_anon:0
 active_file:29 inactive_file:186 isolated_file:0
Node 0 DMA free:13312kB boost:0kB min:64kB
lowmem_reserve[]: 0 3191 15659 15659 15659
44659 total pagecache pages
24863 pages in swap cache
Swap cache stats: add 0, delete 0, find 0/0
Free swap  = 84kB
Total swap = 25165820kB
4115400 pages RAM
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[    246]     0   246    16404       66   159744      303          -250 systemd-journal
[29021]     0 29021    36254      314      69        0             0 sshd
`
	if _, unhandled := formattest.ReadLines(t, kernelOOM{}, dump); len(unhandled) > 0 {
		t.Errorf("left to others: %q", unhandled)
	}
}

func TestRecordedKernelReportsOfOthers(t *testing.T) {
	for _, c := range []struct {
		path     []string
		pid      string
		instance string
		scope    string // reason of the pressure told besides; empty for none
		used     int64
		limit    int64
		asker    string
		stamped  bool
	}{
		{[]string{"CarstenGrohmann+OOMAnalyser", "example_proxmox_cgroup_oom.log"}, "3902942", cid, "limit of the parent cgroup /lxc/39004", 31211520 << 10, 31211520 << 10, "php-fpm", true},
		{[]string{"google+cadvisor", "utils", "oomparser", "containerOomExampleLog.txt"}, "13536", "", "", 0, 0, "", false},
		{[]string{"CarstenGrohmann+OOMAnalyser", "example_archlinux_6_1_1.log"}, "473206", "", "", 0, 0, "", false},
		{[]string{"CarstenGrohmann+OOMAnalyser", "example_rhel7.log"}, "6576", "", "", 0, 0, "", false},
		{[]string{"CarstenGrohmann+OOMAnalyser", "example_ubuntu2110.log"}, "651", "", "", 0, 0, "", false},
	} {
		t.Run(c.path[len(c.path)-1], func(t *testing.T) {
			data := formattest.File(t, formattest.Shared(t, append([]string{"corpus", "logs"}, c.path...)...))
			if f, score := bestFormat(headOf(data)); f == nil || f.Name() != "kernel-oom" {
				t.Fatalf("recognised as %v (%d)", f, score)
			}
			text := string(data)
			if !c.stamped {
				// The recording has no usable time: given one, the report must be found.
				sink, _ := formattest.ReadLines(t, kernelOOM{}, text)
				if len(sink.Crashes) != 0 || sink.WarningCount("no_time") != 1 {
					t.Fatalf("without a time: %d crashes, %v", len(sink.Crashes), sink.Warnings)
				}
				text = strings.ReplaceAll("\n"+text, "\n", "\n2026-11-16T13:47:57Z host kernel: ")
			}
			sink, _ := formattest.ReadLines(t, kernelOOM{}, text)
			if len(sink.Crashes) == 0 && !c.stamped {
				text = string(data) // The syslog header stands where the message should: cut it.
				var b strings.Builder
				for line := range strings.SplitSeq(text, "\n") {
					if i := strings.Index(line, "kernel: "); i >= 0 {
						line = line[i+len("kernel: "):]
					}
					b.WriteString("2026-11-16T13:47:57Z host kernel: " + line + "\n")
				}
				sink, _ = formattest.ReadLines(t, kernelOOM{}, b.String())
			}
			if len(sink.Crashes) != 1 {
				t.Fatalf("%d crashes", len(sink.Crashes))
			}
			got := sink.Crashes[0]
			if got.Kind != record.CrashOOMKill || !strings.Contains(got.Text, "rocess "+c.pid) || (c.instance != "" && got.Instance != c.instance) || got.UsedBytes == 0 {
				t.Errorf("%+v", got)
			}
			if c.used != 0 && (got.UsedBytes != c.used || got.LimitBytes != c.limit) {
				t.Errorf("used %d of %d", got.UsedBytes, got.LimitBytes)
			}
			if c.asker != "" && !strings.Contains(got.Text, "asked for memory: "+c.asker) {
				t.Errorf("asker not named: %q", got.Text)
			}
			if c.scope != "" && (len(sink.Lifecycles) != 1 || sink.Lifecycles[0].Reason != c.scope) {
				t.Errorf("scope: %+v", sink.Lifecycles)
			}
		})
	}
}

func TestSignsOfDeathAreReadInTheZoneThatIsAskedFor(t *testing.T) {
	zone := time.FixedZone("UTC+9", 9*3600)
	want := formattest.At(t, "2026-11-16T13:47:57Z")
	for _, c := range []struct {
		name, text string
		format     format.LineFormat
	}{
		{"dmesg -T", "[Mon Nov 16 22:47:57 2026] Memory cgroup out of memory: Killed process 4242 (node) total-vm:1kB, anon-rss:520000kB, file-rss:1kB\n", kernelOOM{zone}},
		{"last words", "2026-11-16 22:47:57 fatal error: runtime: out of memory\n", lastWordsLog{zone}},
		{"an event", `{"time":"2026-11-16T22:47:57","type":"container_crashed","container":"web-1","exit_code":137}` + "\n", named(zone, "platform-events")},
	} {
		sink, unhandled := formattest.ReadLines(t, c.format, c.text)
		if len(unhandled) > 0 || len(sink.Crashes) != 1 || sink.Crashes[0].Time != want {
			t.Errorf("%s: %q, %+v", c.name, unhandled, sink.Crashes)
		}
		if sink.WarningCount("no_timezone") != 1 || !strings.Contains(sink.Warnings[0].Text, "UTC+9") {
			t.Errorf("%s: %v", c.name, sink.Warnings)
		}
	}
}

func FuzzKernelLines(f *testing.F) {
	f.Add("2026-11-16T13:47:57+00:00 node-a kernel: [ 5864.7] php-fpm invoked oom-killer: x\noom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/docker/" + cid + ",pid=1\nKilled process 1 (a) anon-rss:1kB")
	f.Add("[Di Aug 12 03:54:03 2025] Memory cgroup out of memory: Killed process 3902942 (php-fpm) total-vm:14740176kB, anon-rss:12625252kB")
	f.Add("Jan  5 15:19:27 kernel: [ 5864.708497] Task in /mem2 killed as a result of limit of /mem2")
	f.Fuzz(func(t *testing.T, line string) { formattest.FuzzLine(t, kernelOOM{}, line) })
}
