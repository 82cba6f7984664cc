package heap

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"lastcall/collectors/record"
)

// profileTime is when the profile was taken. The profile's own time is finer than that of a file name, but some writers leave
// it out or give the time of serving; what the collector knows decides when the two differ by more than a file name rounds.
func profileTime(rp *record.Profile, p *profile.Profile) record.Time {
	own := record.Time(max(p.TimeNanos, 0))
	if rp.Time == 0 {
		return own
	}
	if d := own.Sub(rp.Time); own != 0 && d > -time.Minute && d < time.Minute {
		return own
	}
	return rp.Time
}

// identify reads what the profile says of its process.
func (s *snapshot) identify(p *profile.Profile) {
	id, pids := s.readComments(p.Comments)
	binary, builds := binaryOf(p.Mapping)
	if binary != "" {
		id = append(id, binary)
	}
	s.merged = pids > 1 || builds > 1
	s.process = strings.Join(id, " ")
}

// readComments takes what comments such as "pid: 123" say, which are customary, not standard. It returns what tells one process from others,
// and how many processes are named.
func (s *snapshot) readComments(comments []string) (id []string, processes int) {
	pids := map[string]bool{}
	for _, c := range comments {
		k, v, ok := cutKey(c)
		if !ok {
			continue
		}
		switch k {
		case "pid", "process_id", "runtime_id", "runtime-id", "process.pid":
			if len(pids) == 0 {
				id = append(id, k+"="+v)
				if s.instance == "" {
					s.instance = v
				}
			}
			pids[v] = true
		case "start", "started", "start_time", "boot_id":
			id = append(id, k+"="+v)
		case "container", "host", "hostname", "pod", "instance":
			if s.container == "" {
				s.container = v
			}
		case "version", "build", "build_id", "service.version":
			if s.version == "" {
				s.version = v
			}
			id = append(id, k+"="+v)
		}
	}
	return id, len(pids)
}

// binaryOf returns what the mappings say of the program, the main one of which comes first, and how many builds of it there are.
func binaryOf(mappings []*profile.Mapping) (binary string, builds int) {
	if len(mappings) == 0 || mappings[0] == nil {
		return "", 0
	}
	program := mappings[0]
	switch {
	case program.BuildID != "":
		binary = "build=" + program.BuildID
	case program.File != "":
		binary = "binary=" + path.Clean(program.File)
	}
	ids := map[string]bool{}
	for _, m := range mappings {
		if m.BuildID != "" && path.Ext(m.File) == "" && path.Base(m.File) == path.Base(program.File) {
			ids[m.BuildID] = true
		}
	}
	return binary, len(ids)
}

func cutKey(c string) (k, v string, ok bool) {
	i := strings.IndexAny(c, ":=")
	if i <= 0 || i > 24 {
		return "", "", false
	}
	k, v = strings.ToLower(strings.TrimSpace(c[:i])), strings.TrimSpace(c[i+1:])
	return k, v, v != "" && !strings.ContainsAny(k, " \t")
}

// labelProcess returns what the labels of a sample say of its process; empty when they say nothing.
func labelProcess(s *profile.Sample) string {
	for _, k := range []string{"pid", "process_id", "runtime-id", "runtime_id", "instance", "hostname", "pod"} {
		if v := s.Label[k]; len(v) == 1 {
			return k + "=" + v[0]
		}
		if v := s.NumLabel[k]; len(v) == 1 {
			return fmt.Sprintf("%s=%d", k, v[0])
		}
	}
	return ""
}
