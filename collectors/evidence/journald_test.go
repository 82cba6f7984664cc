package evidence

import (
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
)

func TestEntriesOfTheJournalNameWhoPrintedThem(t *testing.T) {
	when := formattest.At(t, "2026-11-16T13:47:57.859982Z")
	const head = `{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1794836877859982","_HOSTNAME":"node-a",`
	formattest.CheckLines(t, journald{}, []formattest.LineCase{
		{
			Name: "the kernel kills",
			Line: head + `"SYSLOG_IDENTIFIER":"kernel","MESSAGE":"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/docker/` + cid + `,task_memcg=/docker/` + cid + `,task=node,pid=123,uid=0"}` + "\n" +
				head + `"SYSLOG_IDENTIFIER":"kernel","MESSAGE":"Memory cgroup out of memory: Killed process 123 (node) total-vm:1kB, anon-rss:10kB, file-rss:0kB"}`,
			Crash: &record.Crash{Time: when, Kind: record.CrashOOMKill, Exited: true, ExitCode: -1, Signal: "SIGKILL", Host: "node-a", Container: cid[:12], Instance: cid, UsedBytes: 10 << 10},
		},
		{
			Name:  "a container prints",
			Line:  head + `"_SYSTEMD_UNIT":"docker.service","CONTAINER_NAME":"web-1","CONTAINER_ID_FULL":"` + cid + `","MESSAGE":"FATAL ERROR: Reached heap limit Allocation failed"}`,
			Crash: &record.Crash{Time: when, Kind: record.CrashHeapLimit, ExitCode: -1, Signal: "SIGABRT", Host: "node-a", Container: "web-1", Instance: cid},
		},
		{
			Name:  "a unit prints, in bytes",
			Line:  head + `"_SYSTEMD_UNIT":"shop.service","_PID":"17","MESSAGE":[112,97,110,105,99,58,32,120]}`,
			Crash: &record.Crash{Time: when, Kind: record.CrashException, ExitCode: -1, Host: "node-a", Service: "shop", Instance: "17"},
		},
		{Name: "chatter", Line: head + `"MESSAGE":"hello"}`},
	})
	if f, score := bestFormat([]byte(head + `"MESSAGE":"hello"}`)); f == nil || f.Name() != "journald" {
		t.Errorf("recognised as %v (%d)", f, score)
	}
}

func FuzzJournal(f *testing.F) {
	f.Add(`{"__REALTIME_TIMESTAMP":"1794836877859982","SYSLOG_IDENTIFIER":"kernel","MESSAGE":"Killed process 1 (a) anon-rss:1kB"}`)
	f.Add(`{"__REALTIME_TIMESTAMP":1,"MESSAGE":[300,null]}`)
	f.Fuzz(func(t *testing.T, line string) { formattest.FuzzLine(t, journald{}, line) })
}
