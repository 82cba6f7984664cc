package containerstats

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// DockerText reads what `docker stats` prints, as people keep it from a loop that writes the time: before each line, or on a line of its
// own before each table.
//
//	2026-11-03T09:13:32Z {"BlockIO":"12.3MB / 0B","CPUPerc":"2.02%","ID":"7ddd41221c59","MemUsage":"126.4MiB / 512MiB","Name":"web-1",…}
//
//	Tue Nov  3 09:13:32 UTC 2026
//	CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O          BLOCK I/O     PIDS
//	7ddd41221c59   web-1     2.02%     126.4MiB / 512MiB   24.69%    1.1GB / 912MB    12.3MB / 0B   12
//
// A time of its own holds until a container comes a second time: what `docker stats` goes on printing has no further times. Source:
// Docker CLI reference, "docker container stats"; cli/command/container/formatter_stats.go.
type DockerText struct {
	Zone *time.Location // of times that name none; nil is UTC
}

var (
	_ format.LineFormat = DockerText{}
	_ format.Sequential = DockerText{}
	_ format.Forgetful  = (*dockerTextParser)(nil)
)

// Name implements Format.
func (DockerText) Name() string { return "docker-stats" }

// Sniff implements Format.
func (f DockerText) Sniff(head []byte) int {
	if !bytes.Contains(head, []byte(" / ")) {
		return 0
	}
	return format.SniffParser(f, head)
}

// Sequential implements Sequential: a time stands before the lines that it is of.
func (DockerText) Sequential() bool { return true }

// NewParser implements LineFormat.
func (f DockerText) NewParser(src *record.Source) format.LineParser {
	return &dockerTextParser{src: src, clock: stamp.Clock{Zone: f.Zone}}
}

type dockerTextParser struct {
	src   *record.Source
	clock stamp.Clock
	last  moment              // on a line of its own
	told  map[string]struct{} // the containers that came after it
	rows  bool                // a row was read
	cells []string            // the words of the last header that tell of a column of percents, "CPU" and "MEM"; nil: none was read
}

// moment is a time, and whether it names its zone.
type moment struct {
	at    record.Time
	zoned bool
}

// Forget implements format.Forgetful.
func (p *dockerTextParser) Forget() { *p = dockerTextParser{src: p.src, clock: p.clock} }

// maxMoment is more than a line has that is a time alone.
const maxMoment = 80

// maxTold bounds the containers that are remembered.
const maxTold = 10_000

// ParseLine implements LineParser.
func (p *dockerTextParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	if len(line) > maxMoment && bytes.IndexByte(line, '/') < 0 {
		return false, nil // most lines of others
	}
	line = bytes.TrimSpace(afterClearing(line))
	if len(line) == 0 || line[0] == '{' && p.last.at == 0 && !p.rows {
		return false, nil
	}
	when, n := p.time(line)
	body := bytes.TrimLeft(line[n:], " \t,;|")
	if len(body) == 0 {
		// A time alone may be anybody's, but for what `date` prints.
		if p.last, p.told = when, nil; number.IsDigit(line[0]) {
			return p.rows, nil
		}
		return true, nil
	}
	head := body[:min(len(body), 512)]
	if !bytes.Contains(head, []byte(" / ")) {
		return false, nil
	}
	var s dockerStat
	switch {
	case head[0] == '{':
		if !bytes.Contains(head, []byte(`"MemUsage"`)) || len(body) > jsondoc.MaxParsed || json.Unmarshal(body, &s) != nil {
			return false, nil
		}
	case bytes.Contains(head, []byte("MEM USAGE / LIMIT")):
		p.cells = percents(head)
		return n > 0 || p.last.at != 0 || p.rows, nil
	default:
		var ok bool
		if s, ok = p.row(body); !ok {
			return false, nil
		}
	}
	if n == 0 {
		if when = p.last; when.at == 0 && !p.rows {
			return false, nil
		}
		if _, again := p.told[s.Name]; again || len(p.told) >= maxTold {
			p.last, when, p.told = moment{}, moment{}, nil
		}
		if when.at == 0 {
			return true, warning.Tell(sink, record.Pos{Source: p.src, Line: lineNo}, "no_time", warning.NoTime, line)
		}
		if p.told == nil {
			p.told = map[string]struct{}{}
		}
		p.told[s.Name] = struct{}{}
	}
	p.rows = true
	pos := record.Pos{Source: p.src, Line: lineNo}
	if !when.zoned {
		if err := warning.TellZone(sink, pos, p.clock.Zone, line); err != nil {
			return true, err
		}
	}
	return true, s.emit(pos, when.at, sink)
}

// afterClearing cuts the sequences with which `docker stats` clears the screen.
func afterClearing(line []byte) []byte {
	for len(line) > 2 && line[0] == 0x1b && line[1] == '[' {
		n := 2
		for n < len(line) && (number.IsDigit(line[n]) || line[n] == ';') {
			n++
		}
		line = line[min(n+1, len(line)):]
	}
	return line
}

// percents are the columns of percents of a header, in their order.
func percents(header []byte) []string {
	cells := []string{}
	for len(header) > 0 {
		i := bytes.IndexByte(header, '%')
		if i < 0 {
			break
		}
		if words := bytes.Fields(header[:i]); len(words) > 0 {
			cells = append(cells, string(words[len(words)-1]))
		}
		header = header[i+1:]
	}
	return cells
}

// row reads a row of the table: its name behind the id, where it has one, the memory, and the CPU where the header says which it is.
func (p *dockerTextParser) row(b []byte) (s dockerStat, ok bool) {
	words := bytes.Fields(b[:min(len(b), 512)])
	if len(words) < 4 {
		return s, false
	}
	name, columns := 0, p.cells
	if isShortID(words[0]) {
		s.ID, name = string(words[0]), 1
	}
	if columns == nil {
		if name == 0 {
			return s, false // who it is about stands anywhere
		}
		columns = []string{"CPU", "MEM"}
	}
	s.Name = string(words[name])
	seen := 0
	for i, w := range words[name+1:] {
		i += name + 1
		if w[len(w)-1] == '%' {
			if seen < len(columns) && columns[seen] == "CPU" {
				s.CPUPerc = string(w)
			}
			seen++
		}
		if s.MemUsage == "" && i+2 < len(words) && string(words[i+1]) == "/" && isMemory(w) && isMemory(words[i+2]) {
			s.MemUsage = string(w) + " / " + string(words[i+2])
		}
	}
	return s, s.MemUsage != "" && seen > 0 && !strings.HasSuffix(s.Name, "%")
}

// isShortID recognises the twelve digits to which Docker shortens an id.
func isShortID(b []byte) bool {
	for _, c := range b {
		if !number.IsDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(b) == 12 || len(b) == 64
}

// isMemory recognises the sizes in which Docker tells memory, of 1024 bytes; those of the network are of 1000. What has ended uses 0B.
func isMemory(b []byte) bool {
	return number.IsDigit(b[0]) && cut.HasSuffix(b, "iB") || string(b) == "0B"
}

// time reads the time at the beginning of a line; n is 0 where there is none.
func (p *dockerTextParser) time(line []byte) (m moment, n int) {
	b := line
	if b[0] == '[' {
		b = b[1:]
	}
	n = len(line) - len(b)
	switch {
	case len(b) == 0:
		return moment{}, 0
	case number.IsDigit(b[0]):
		t, size, zoned, ok := p.clock.Read(b)
		if !ok {
			if t, size, ok = epoch(b); !ok {
				return moment{}, 0
			}
			zoned = true
		}
		m, n = moment{t, zoned}, n+size
	default:
		var size int
		if m, size = p.date(b); size == 0 {
			return moment{}, 0
		}
		n += size
	}
	if line[0] == '[' {
		if n == len(line) || line[n] != ']' {
			return moment{}, 0
		}
		n++
	}
	if n < len(line) && bytes.IndexByte([]byte(" \t,;|{"), line[n]) < 0 {
		return moment{}, 0
	}
	return m, n
}

// epoch reads what `date +%s` prints, also with further digits: they tell it from an id, which has twelve.
func epoch(b []byte) (t record.Time, n int, ok bool) {
	for n < len(b) && number.IsDigit(b[n]) {
		n++
	}
	if n != 10 && n != 13 && n != 16 && n != 19 {
		return 0, 0, false
	}
	if n+1 < len(b) && b[n] == '.' && number.IsDigit(b[n+1]) {
		for n++; n < len(b) && number.IsDigit(b[n]); n++ {
		}
	}
	ns, ok := number.Epoch(b[:n])
	return record.Time(ns), n, ok
}

// date reads what `date` prints: "Tue Nov  3 09:13:32 UTC 2026", in a 12-hour locale "Tue Nov  3 09:13:32 AM UTC 2026", and "Tue, 03 Nov
// 2026 09:13:32 +0000" (date -R). An abbreviation of a zone other than UTC may be that of several, and counts as none.
func (p *dockerTextParser) date(b []byte) (m moment, n int) {
	if len(b) > 3 && b[3] == ',' {
		const layout = "Mon, 02 Jan 2006 15:04:05 -0700"
		if len(b) < len(layout) {
			return moment{}, 0
		}
		t, err := time.Parse(layout, string(b[:len(layout)]))
		if err != nil || record.TimeOf(t) <= 0 {
			return moment{}, 0
		}
		return moment{record.TimeOf(t), true}, len(layout)
	}
	const clock = "Tue Nov  3 09:13:32"
	if len(b) < len(clock)+5 || b[3] != ' ' || b[len(clock)] != ' ' {
		return moment{}, 0
	}
	n = len(clock)
	var half, zone, year []byte
	for range 3 {
		if n >= len(b) || b[n] != ' ' || year != nil {
			break
		}
		w, _ := cut.Word(b[n+1:])
		n += 1 + len(w)
		switch {
		case string(w) == "AM" || string(w) == "PM":
			half = w
		case len(w) == 4 && number.IsDigits(w):
			year = w
		default:
			zone = w
		}
	}
	y, ok := number.Digits(year)
	if !ok {
		return moment{}, 0
	}
	st, ok := stamp.ReadSyslog(b[4:len(clock)], func(int, int) int { return y })
	if !ok || st.Time == 0 {
		return moment{}, 0
	}
	if half != nil {
		switch hour := st.Time.Std().Hour(); {
		case hour == 0 || hour > 12:
			return moment{}, 0
		case hour == 12 && half[0] == 'A':
			st.Time -= record.Time(12 * time.Hour)
		case hour < 12 && half[0] == 'P':
			st.Time += record.Time(12 * time.Hour)
		}
	}
	if string(zone) == "UTC" || string(zone) == "GMT" {
		return moment{st.Time, true}, n
	}
	return moment{p.clock.Local(st.Time), false}, n
}
