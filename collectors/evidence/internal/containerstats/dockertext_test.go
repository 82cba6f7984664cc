package containerstats

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
)

// What Docker's client prints, with no time of its own.
const (
	client = `{"BlockIO":"12.3MB / 0B","CPUPerc":"2.02%","Container":"7ddd41221c59","ID":"7ddd41221c59","MemPerc":"24.69%","MemUsage":"126.5MiB / 512MiB","Name":"web-1","NetIO":"1.1GB / 912MB","PIDs":"12"}`

	header = "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O         BLOCK I/O     PIDS\n"
	row1   = "7ddd41221c59   web-1     2.02%     126.5MiB / 512MiB   24.69%    1.1GB / 912MB   12.3MB / 0B   12\n"
	row2   = "96c37450ab49   web-2     0.50%     1GiB / 2GiB         50.00%    0B / 0B         0B / 0B       3\n"
	table  = header + row1 + row2
)

// told are the samples of text, a line each, and the lines that were not read.
func told(t *testing.T, zone *time.Location, text string) (samples, warnings string, unread []string) {
	t.Helper()
	sink, unread := formattest.ReadLines(t, DockerText{Zone: zone}, text)
	var b strings.Builder
	for _, s := range sink.Samples {
		fmt.Fprintf(&b, "%s %s %s %v\n", s.Time.Std().Format(time.RFC3339Nano), s.Container, s.Metric, s.Value)
	}
	for _, w := range sink.Warnings {
		warnings += w.Code + " "
	}
	return b.String(), warnings, unread
}

func of(at, container string, memory, limit, cpu float64) string {
	s := fmt.Sprintf("%s %s working_set %v\n%s %s memory_limit %v\n", at, container, memory, at, container, limit)
	if cpu >= 0 {
		s += fmt.Sprintf("%s %s cpu %v\n", at, container, cpu)
	}
	return s
}

func TestWhatDockerStatsPrintsIsReadWithTheTimeThatALoopPutsBefore(t *testing.T) {
	const at = "2026-11-03T09:13:32Z"
	const mib = 1 << 20
	one := of(at, "web-1", 126.5*mib, 512*mib, 0.0202)
	two := one + of(at, "web-2", 1<<30, 2<<30, 0.005)
	east := time.FixedZone("east", 3600)
	for _, c := range []struct {
		name, text, want, warnings string
		zone                       *time.Location
	}{
		{name: "RFC 3339", text: "2026-11-03T09:13:32Z " + client, want: one},
		{name: "an offset", text: "2026-11-03T10:13:32+0100\t" + client, want: one},
		{name: "in brackets", text: "[2026-11-03T09:13:32Z] " + client, want: one},
		{name: "seconds since 1970", text: "1793697212 " + client, want: one},
		{name: "with digits", text: "1793697212.000, " + client, want: one},
		{name: "milliseconds", text: "1793697212000 " + client, want: one},
		{name: "no zone", text: "2026-11-03 09:13:32 " + client, want: one, warnings: "no_timezone "},
		{name: "no zone, another asked for", text: "2026-11-03 10:13:32 " + client, want: one, warnings: "no_timezone ", zone: east},
		{name: "date's own form", text: "Tue Nov  3 09:13:32 UTC 2026 " + client, want: one},
		{name: "in a 12-hour locale", text: "Tue Nov  3 09:13:32 AM UTC 2026 " + client, want: one},
		{name: "in the afternoon", text: "Mon Nov  2 09:13:32 PM UTC 2026 " + client, want: of("2026-11-02T21:13:32Z", "web-1", 126.5*mib, 512*mib, 0.0202)},
		{name: "a zone by its name", text: "Tue Nov  3 09:13:32 CET 2026 " + client, want: one, warnings: "no_timezone "},
		{name: "date -R", text: "Tue, 03 Nov 2026 10:13:32 +0100 " + client, want: one},
		{name: "rows with times", text: "2026-11-03T09:13:32Z " + header + "2026-11-03T09:13:32Z " + row1 + "2026-11-03T09:13:32Z " + row2, want: two},
		{name: "rows without a header", text: "2026-11-03T09:13:32Z " + row1, want: one},
		{name: "a time before each table", text: "Tue Nov  3 09:13:32 UTC 2026\n" + table, want: two},
		{name: "and before objects", text: at + "\n" + client, want: one},
		{name: "that clears the screen", text: "1793697212\n\x1b[2J\x1b[H" + table, want: two},
		{
			name: "columns of one's own", text: at + "\nNAME      MEM %   MEM USAGE / LIMIT\nweb-1     24.69%  126.5MiB / 512MiB\n",
			want: of(at, "web-1", 126.5*mib, 512*mib, -1),
		},
		{name: "what has ended uses nothing", text: at + " 7ddd41221c59   web-1     0.00%     0B / 0B   0.00%    0B / 0B   0B / 0B   0\n", want: at + " web-1 cpu 0\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			samples, warnings, unread := told(t, c.zone, c.text)
			if strings.HasPrefix(c.text, at+"\n") && len(unread) == 1 && unread[0] == at {
				unread = nil // a time alone may be anybody's before there was a table
			}
			if strings.HasPrefix(c.text, "1793697212\n") && len(unread) == 1 {
				unread = nil
			}
			if samples != c.want || warnings != c.warnings || len(unread) > 0 {
				t.Errorf("got\n%swant\n%swarnings %q, want %q; not read: %q", samples, c.want, warnings, c.warnings, unread)
			}
			if (DockerText{}).Sniff([]byte(c.text)) == 0 {
				t.Error("not recognised")
			}
		})
	}
}

// What `docker stats` goes on printing after one time is of no known time.
func TestATimeIsThatOfOneTableOnly(t *testing.T) {
	samples, warnings, _ := told(t, nil, "Tue Nov  3 09:13:32 UTC 2026\n"+table+table+"Tue Nov  3 09:14:32 UTC 2026\n"+header+row1)
	if n := strings.Count(samples, "09:13:32Z"); n != 6 || strings.Count(samples, "09:14:32Z") != 3 {
		t.Errorf("%s", samples)
	}
	if strings.TrimSpace(warnings) != "no_time no_time" {
		t.Errorf("warnings %q", warnings)
	}
}

func TestTextWithoutATimeOrOfOthersIsNotDockers(t *testing.T) {
	for _, text := range []string{
		table, client, "2026-11-03T09:13:32Z served 12 / 13 in 5%", "2026-11-03T09:13:32Z {\"level\":30,\"a\":\" / \"}",
		"12345678901 " + client, "123456789012 web-1 1% 1MiB / 2MiB", "Tue Nov 33 09:13:32 UTC 2026 " + client, "[2026-11-03T09:13:32Z " + client,
		"2026-11-03T09:13:32Z {\"MemUsage\":\"1MiB / 2MiB\"", "2026-11-03T09:13:32Z web-1 126MiB / 512MiB", "Tue, 03 Nov 0000 10:13:32 +0100 " + client,
		"2026-11-03T09:13:32Z 7ddd41221c59 / % / % / 1MiB /", strings.Repeat("[", 1<<16) + " / ", "2026-11-03T09:13:32Z " + strings.Repeat(" / %", 1<<16),
	} {
		samples, warnings, unread := told(t, nil, text)
		if samples != "" || warnings != "" || len(unread) == 0 || (DockerText{}).Sniff([]byte(text)) != 0 {
			t.Errorf("%.100q: %s%s, not read %d", text, samples, warnings, len(unread))
		}
	}
}

func TestContainersOfOneTableAreBounded(t *testing.T) {
	p := DockerText{}.NewParser(&record.Source{}).(*dockerTextParser)
	_, _ = p.ParseLine(1, []byte("Tue Nov  3 09:13:32 UTC 2026"), record.Discard{})
	for i := range 2 * maxTold {
		_, _ = p.ParseLine(2, fmt.Appendf(nil, "7ddd41221c59 web-%d 1%% 1MiB / 2MiB 1%%", i), record.Discard{})
	}
	if len(p.told) > maxTold {
		t.Errorf("%d are kept", len(p.told))
	}
}
