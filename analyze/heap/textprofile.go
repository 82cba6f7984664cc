package heap

import (
	"bufio"
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/pprof/profile"
)

// Profiles as text: goroutine dumps (/debug/pprof/goroutine?debug=2 and the traces of a panic or SIGQUIT), and the names in the comments
// of the older text form.

// maxTextLine bounds a line of a profile in text.
const maxTextLine = 1 << 20

var (
	dumpHeader  = regexp.MustCompile(`(?m)^goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[([^\],]+)(?:, (\d+) minutes)?[^\]]*\]:\s*$`)
	dumpFile    = regexp.MustCompile(`^\t(.+):(\d+)(?: \+0x[0-9a-f]+)?(?: .*)?$`)
	symbolLine  = regexp.MustCompile(`^#\t(0x[0-9a-f]+)\t(.+?)(?:\+0x[0-9a-f]+)?\s+(\S.*):(\d+)\s*$`)
	callArgs    = regexp.MustCompile(`\([^()]*\)$`)
	createdByIn = regexp.MustCompile(` in goroutine \d+$`)
)

func isGoroutineDump(data []byte) bool {
	loc := dumpHeader.FindIndex(data[:min(len(data), 64<<10)])
	return loc != nil && (data[0] < 0x08 || data[0] > 0x7f || loc[0] == 0 || bytes.IndexByte(data[:loc[0]], 0) < 0)
}

// parseGoroutineDump reads a dump into a goroutine profile; the state and the longest wait become labels.
func parseGoroutineDump(data []byte) (*profile.Profile, error) {
	b := newBuilder("goroutine", "count")
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(make([]byte, 0, 64<<10), maxTextLine)
	var cur *profile.Sample
	var name string
	for sc.Scan() {
		line := sc.Text()
		if m := dumpHeader.FindStringSubmatch(line); m != nil {
			cur = &profile.Sample{Value: []int64{1}, Label: map[string][]string{"state": {m[1]}}}
			if min, err := strconv.ParseInt(m[2], 10, 64); err == nil {
				cur.NumLabel = map[string][]int64{"minutes": {min}}
			}
			b.p.Sample = append(b.p.Sample, cur)
			name = ""
			continue
		}
		switch {
		case cur == nil:
		case strings.TrimSpace(line) == "":
			cur = nil
		case strings.HasPrefix(line, "\t"):
			if m := dumpFile.FindStringSubmatch(line); m != nil && name != "" && len(cur.Location) < maxDepth {
				n, _ := strconv.ParseInt(m[2], 10, 64)
				cur.Location = append(cur.Location, b.location(name, m[1], n))
				name = ""
			}
		default:
			name = strings.TrimPrefix(line, "created by ")
			name = createdByIn.ReplaceAllString(name, "")
			name = strings.TrimSpace(callArgs.ReplaceAllString(name, ""))
		}
	}
	if err := sc.Err(); err != nil {
		return nil, &ParseError{Code: "malformed_profile", Why: "the goroutine dump has a line of more than 1 MiB", Err: err}
	}
	if err := b.p.CheckValid(); err != nil {
		return nil, &ParseError{Code: "malformed_profile", Why: "the goroutine dump could not be read", Err: err}
	}
	return b.p, nil
}

// builder makes small profiles from text.
type builder struct {
	p    *profile.Profile
	locs map[string]*profile.Location
	fns  map[string]*profile.Function
}

func newBuilder(typ, unit string) *builder {
	vt := &profile.ValueType{Type: typ, Unit: unit}
	return &builder{p: &profile.Profile{SampleType: []*profile.ValueType{vt}, PeriodType: vt, Period: 1}, locs: map[string]*profile.Location{}, fns: map[string]*profile.Function{}}
}

func (b *builder) location(name, file string, line int64) *profile.Location {
	k := name + "\x00" + file + "\x00" + strconv.FormatInt(line, 10)
	l := b.locs[k]
	if l == nil {
		l = &profile.Location{ID: uint64(len(b.p.Location) + 1), Line: []profile.Line{{Function: b.function(name, file), Line: line}}}
		b.p.Location = append(b.p.Location, l)
		b.locs[k] = l
	}
	return l
}

func (b *builder) function(name, file string) *profile.Function {
	k := name + "\x00" + file
	f := b.fns[k]
	if f == nil {
		f = &profile.Function{ID: uint64(len(b.p.Function) + 1), Name: name, SystemName: name, Filename: file}
		b.p.Function = append(b.p.Function, f)
		b.fns[k] = f
	}
	return f
}

// symbolize names the functions of a legacy text profile (?debug=1) from its comment lines, which the library skips: "#
// 0x46e0a5 main.leak+0x25 /app/main.go:12".
func symbolize(p *profile.Profile, data []byte) {
	if !bytes.Contains(data, []byte("\n#\t0x")) {
		return
	}
	bare := map[uint64]*profile.Location{}
	for _, l := range p.Location {
		if len(l.Line) == 0 {
			bare[l.Address] = l
		}
	}
	if len(bare) == 0 {
		return
	}
	b := &builder{p: p, fns: map[string]*profile.Function{}}
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(make([]byte, 0, 64<<10), maxTextLine)
	done := map[uint64]bool{}
	var block uint64 // address of the lines being read: inlined frames repeat it
	for sc.Scan() {
		m := symbolLine.FindStringSubmatch(sc.Text())
		if m == nil {
			if block != 0 {
				done[block] = true
			}
			block = 0
			continue
		}
		addr, err := strconv.ParseUint(m[1], 0, 64)
		if err != nil {
			continue
		}
		if addr != block && block != 0 {
			done[block] = true
		}
		block = addr
		l := bare[addr]
		if l == nil || done[addr] {
			continue
		}
		n, _ := strconv.ParseInt(m[4], 10, 64)
		l.Line = append(l.Line, profile.Line{Function: b.function(m[2], m[3]), Line: n})
	}
}
