package heap

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"lastcall/collectors/record"
)

const dump = `goroutine 1 [running]:
main.main()
	/app/main.go:20 +0x1d

goroutine 7 [chan receive, 12 minutes]:
main.worker(0xc000012180)
	/app/worker.go:31 +0x45
created by main.start in goroutine 1
	/app/main.go:12 +0x85

goroutine 8 [chan receive, 3 minutes, locked to thread]:
main.worker(0xc000012180)
	/app/worker.go:31 +0x45
created by main.start in goroutine 1
	/app/main.go:12 +0x85

goroutine 9 [IO wait]:
internal/poll.runtime_pollWait(0x7f, 0x72)
	/usr/local/go/src/runtime/netpoll.go:351 +0x85
net/http.(*conn).serve(0xc0001a2000, {0x8, 0xc})
	/usr/local/go/src/net/http/server.go:2103 +0x7a5
`

func TestAGoroutineDumpIsRead(t *testing.T) {
	p, err := Parse([]byte(dump))
	if err != nil {
		t.Fatal(err)
	}
	if !isGoroutineProfile(p) || len(p.Sample) != 4 {
		t.Fatalf("%d samples of %v", len(p.Sample), p.SampleType)
	}
	s := p.Sample[1]
	if s.Label["state"][0] != "chan receive" || s.NumLabel["minutes"][0] != 12 {
		t.Errorf("labels %v %v", s.Label, s.NumLabel)
	}
	if f := s.Location[0].Line[0]; f.Function.Name != "main.worker" || f.Function.Filename != "/app/worker.go" || f.Line != 31 {
		t.Errorf("innermost %+v", f)
	}
	if f := s.Location[1].Line[0]; f.Function.Name != "main.start" {
		t.Errorf("outermost %+v, want the function that started it", f.Function)
	}
}

func TestGroupsOfOneNameAreToldTheSameEveryTime(t *testing.T) {
	var text strings.Builder
	for _, file := range []string{"a.go", "b.go", "c.go", "d.go"} {
		for n := range 20 {
			fmt.Fprintf(&text, "goroutine %d [chan receive]:\nmain.worker()\n\t/app/%s:31 +0x45\n\n", n+1, file)
		}
	}
	profiles := []record.Profile{{Name: "dump.txt", Data: []byte(text.String()), Container: "web-1"}}
	for range 20 {
		r := run(t, profiles, Options{})
		if len(r.Goroutines) != 1 || *r.Goroutines[0].File != "/app/a.go:31" {
			t.Fatalf("groups %+v", r.Goroutines)
		}
	}
}

func TestALegacyGoroutineProfileHasItsNames(t *testing.T) {
	text := "goroutine profile: total 12\n11 @ 0x43e2ce 0x44e2a5 0x6f1a25 0x470aa1\n#\t0x6f1a24\tmain.worker+0x44\t/app/worker.go:31\n#\t0x470aa0\tmain.loop+0x20\t/app/worker.go:40\n\n" +
		"1 @ 0x43e2ce 0x470aa1\n#\t0x470aa0\tmain.loop+0x20\t/app/worker.go:40\n"
	r := run(t, []record.Profile{{Name: "goroutine.txt", Data: []byte(text), Container: "web-1"}}, Options{})
	if len(r.Goroutines) != 1 || r.Goroutines[0].Function != "main.worker" || r.Goroutines[0].Last != 11 || *r.Goroutines[0].File != "/app/worker.go:31" {
		t.Errorf("groups %+v, warnings %v", r.Goroutines, r.Warnings)
	}
}

// blocked makes goroutine profiles with counts per minute of goroutines in the given stack.
func blocked(t *testing.T, typ, stack string, counts ...int) []record.Profile {
	t.Helper()
	var out []record.Profile
	for i, n := range counts {
		m := made{container: "web-1", minute: float64(i), types: typ + "/count", stacks: map[string]float64{stack: 0, "runtime.gopark@/usr/local/go/src/runtime/proc.go:1 < main.main@/app/main.go:3": 0}}
		p := m.profile(t)
		for _, s := range p.Sample {
			s.Value[0] = 1
			if s.Location[0].Line[0].Function.Name == strings.SplitN(stack, "@", 2)[0] && len(s.Location) > 2 {
				s.Value[0] = int64(n)
			}
		}
		var b bytes.Buffer
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
		rp := m.record(t)
		rp.Data, rp.Name = b.Bytes(), fmt.Sprint(typ, i)
		out = append(out, rp)
	}
	return out
}

func TestGoroutinesThatAddUpAreALeak(t *testing.T) {
	const rt = "@/usr/local/go/src/runtime/proc.go:1"
	send := "runtime.gopark" + rt + " < runtime.chansend" + rt + " < main.notify@/app/notify.go:14 < main.handle@/app/main.go:9"
	wait := "runtime.gopark" + rt + " < runtime.netpollblock" + rt + " < main.read@/app/read.go:14 < main.handle@/app/main.go:9"
	lock := "runtime.gopark" + rt + " < sync.runtime_SemacquireMutex" + rt + " < sync.(*Mutex).lockSlow" + rt + " < main.get@/app/get.go:14 < main.handle@/app/main.go:9"
	for name, c := range map[string]struct {
		typ, stack string
		counts     []int
		leak       bool
		state      string
		rows       int
	}{
		"blocked for ever on a channel":       {"goroutine", send, []int{5, 40, 80, 118, 160, 200}, true, "chan send", 1},
		"waiting for a lock":                  {"goroutine", lock, []int{1, 30, 60, 90}, true, "sync.Mutex.Lock", 1},
		"waiting for the network":             {"goroutine", wait, []int{5, 40, 80, 118, 160, 200}, false, "IO wait", 1},
		"coming and going":                    {"goroutine", send, []int{5, 90, 10, 85, 8, 90, 12, 88}, false, "chan send", 1},
		"a pool that is started once":         {"goroutine", send, []int{0, 100, 100, 100, 100, 100}, false, "chan send", 1},
		"few":                                 {"goroutine", send, []int{1, 2, 3, 4, 5}, false, "", 0},
		"two profiles":                        {"goroutine", send, []int{5, 500}, false, "chan send", 1},
		"what the runtime itself calls leaks": {"goroutineleak", send, []int{3}, true, "chan send", 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, blocked(t, c.typ, c.stack, c.counts...), Options{})
			if len(r.Goroutines) != c.rows {
				t.Fatalf("%d rows, want %d: %+v", len(r.Goroutines), c.rows, r.Goroutines)
			}
			if c.rows == 0 {
				return
			}
			g := r.Goroutines[0]
			if g.Leak != c.leak || g.State != c.state || g.Last != int64(c.counts[len(c.counts)-1]) || g.First != int64(c.counts[0]) || !strings.HasPrefix(g.Function, "main.") {
				t.Errorf("%+v", g)
			}
		})
	}
}

func TestGoroutinesAreNotHeap(t *testing.T) {
	r := run(t, []record.Profile{{Name: "dump.txt", Data: []byte(dump)}}, Options{})
	if len(r.Heap) != 0 || len(r.Warnings) != 0 || r.Leading != nil {
		t.Errorf("%+v", r)
	}
}
