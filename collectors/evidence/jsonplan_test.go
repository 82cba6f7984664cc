package evidence

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsonscan"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// readJSON reads lines of JSON as a file is read. Without learning every line is walked and looked through.
func readJSON(t *testing.T, text []byte, learning bool) (*recordtest.Sink, *dispatcher) {
	t.Helper()
	src := &record.Source{Name: "log"}
	var chain []format.LineFormat
	for _, f := range formats(time.UTC) {
		if f, ok := f.(*jsonLines); ok {
			chain = append(chain, f)
		}
	}
	var s recordtest.Sink
	d := newDispatcher(chain, src, newTally(&s, src, record.Query{}))
	d.inOrder = true
	if !learning {
		d.first.scan.WalkOnly(math.MaxInt)
	}
	if err := d.Lines(1, text); err != nil {
		t.Fatal(err)
	}
	d.flush()
	if _, err := d.sink.report(""); err != nil {
		t.Fatal(err)
	}
	return &s, d
}

// compareReading checks that what was learnt changes nothing. It returns how many shapes of lines got a plan.
func compareReading(t *testing.T, text []byte) int {
	t.Helper()
	want, slow := readJSON(t, text, false)
	got, fast := readJSON(t, text, true)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(recordtest.Sink{})); diff != "" {
		t.Fatalf("learning makes other records of\n%s\n%s", text, diff)
	}
	if fast.handled != slow.handled {
		t.Fatalf("learning takes %d lines, not %d, of\n%s", fast.handled, slow.handled, text)
	}
	a, b := slow.sink, fast.sink
	if a.seen != b.seen || a.seenMany != b.seenMany || !bytes.Equal(a.seenContainer, b.seenContainer) || !bytes.Equal(a.seenInstance, b.seenInstance) {
		t.Fatalf("learning leaves %v %q %q, not %v %q %q, after\n%s", b.seen, b.seenContainer, b.seenInstance, a.seen, a.seenContainer, a.seenInstance, text)
	}
	plans := map[*jsonPlan]bool{}
	for line := range bytes.Lines(text) {
		if _, ok := fast.first.scan.Predict(line); ok {
			if plan := planOf(fast.first.scan.Shape()); plan != nil {
				plans[plan] = true
			}
		}
	}
	return len(plans)
}

// oddLine writes a line of a log whose values are mostly ordinary. Lines of one family share their keys, so that there is something to
// learn.
func oddLine(r *rand.Rand, family int) string {
	odd := func(usual string, others ...string) string {
		if r.IntN(12) > 0 {
			return usual
		}
		return others[r.IntN(len(others))]
	}
	num := func(usual int64) string {
		return odd(fmt.Sprint(usual), "null", `""`, fmt.Sprintf("%q", fmt.Sprint(usual)), fmt.Sprintf("%d.5", usual), fmt.Sprintf("%d.25e0", usual),
			"-1", "0", "true", "1e3", "007", "99999999999999999999", `"x"`, "{}", "[1]")
	}
	str := func(usual string) string {
		return odd(fmt.Sprintf("%q", usual), `""`, "null", "5", fmt.Sprintf(`"\u0041\/%s\n"`, usual), `"é`+usual+`"`, `{"name":"x"}`, `"-"`)
	}
	maybe := func(s string) string { return odd(s, "") }
	ms := 1794835850000 + r.Int64N(1e6)
	stamp := time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
	id, web := fmt.Sprintf("%08x", r.Uint32()), fmt.Sprintf("web-%d", r.IntN(3))
	path := fmt.Sprintf("/a/%d", r.IntN(500))
	method, status := []string{"GET", "post", "PATCH"}[r.IntN(3)], []int64{200, 499, 404, 502}[r.IntN(4)]
	router := `at=info method=GET path=\"/x\" host=h request_id=1 fwd=\"1.2.3.4\" dyno=web.2 connect=1ms service=2ms status=200 bytes=31`
	router2 := `method=GET path=/x host=h request_id=1 container=web-3 from=1.2.3.4 protocol=https status=200 duration=0.503s bytes=990`
	msg := odd("request completed", "incoming request", "request aborted", "FATAL ERROR: heap out of memory", "", `say \"hi\"`, "panic: x", router)
	date := odd(`"`+stamp+`"`, `"2026-11-16 13:30:50"`, `"20/Nov/2026:08:00:00 +0000"`, `"x"`, `""`, "null", fmt.Sprint(ms), fmt.Sprintf("%q", fmt.Sprint(ms)),
		`"2026-11-16T13:30:50.123456+02:00"`)
	switch family {
	case 0:
		return `{"level":30,"time":` + num(ms) + `,"pid":` + num(17) + `,"hostname":` + str(web) + `,"req":{"id":` + str(id) + `,"method":` + str(method) +
			`,"url":` + str(path) + maybe(`,"userId":`+num(r.Int64N(9))) + `,"headers":{"x-request-id":` + str(id) + `}},"res":{"statusCode":` + num(status) +
			`}` + maybe(`,"responseTime":`+num(r.Int64N(900))) + `,"msg":"` + msg + `"}`
	case 1:
		return `{"level":30,"time":` + num(ms) + `,"pid":17,"hostname":` + str(web) + odd("", `,"job":`+str("sync")) + odd("", `,"took":`+num(5)) + `,"msg":"` +
			odd(fmt.Sprintf("cache %d", r.IntN(9)), msg, router, router2) + `"}`
	case 2, 3:
		tags := []string{`"env:p"`, str("container_id:" + id), str("container_name:" + web), str("version:7"), str("source:" + odd("nodejs", "nginx"))}
		tags = tags[:len(tags)-r.IntN(2)]
		if r.IntN(8) == 0 {
			tags = append(tags, str("kube_pod_name:p"+web), `"pod_name:"`, `"container:"`, str("kube_container_name:k"))
			r.Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
		}
		list := `"tags":[` + strings.Join(tags, ",") + `]`
		attrs := `"attributes":{` + maybe(`"http":{"method":`+str(method)+maybe(`,"url_details":{"path":`+str(path)+`}`)+`,"url":`+str("https://h"+path)+
			`,"status_code":`+num(status)+`,"request_id":`+str(id)+`},`) + `"x":` + num(r.Int64N(3)) + maybe(`,"duration":`+num(r.Int64N(1e9))) +
			maybe(`,"usr":{"id":`+str(id)+`}`) + `}`
		top := `"host":` + str("ip-"+web) + `,"service":` + str(odd("api", "nginx")) + `,"message":"` + msg + `",` + list + `,` + attrs
		if family == 2 {
			return `{"_id":"` + id + `","date":` + date + `,` + top + `}`
		}
		return `{"id":"` + id + `","type":` + odd(`"log"`, `"x"`, "null") + `,"attributes":{"timestamp":` + date + `,` + top + `}}`
	case 4:
		return `{"time_iso8601":` + date + `,"request_method":` + str(method) + `,"request_uri":` + str(path) + `,"status":` + num(status) + `,"request_time":` +
			num(1) + `,"upstream_addr":` + str("10.0.0.1:80") + `}`
	case 5:
		return `{"level":30,"time":` + num(ms) + `,"pid":17,"req":{"id":` + str(id) + `,"url":` + str(path) + `},"msg":` +
			str([]string{"incoming request", "thinking"}[r.IntN(2)]) + `}`
	case 6:
		return `{"date":` + date + `,"message":` + str([]string{"incoming request", "thinking", "[request]"}[r.IntN(3)]) + `,"tags":["env:p"],"n":` + num(1) +
			maybe(`,"attributes":{"http":{"url_details":{"path":`+str(path)+`}}}`) + `}`
	default:
		return odd(`{"ts":1716723772.25,"request":{"client_ip":"1","method":"GET","uri":`+str(path)+`},"duration":0.25,"status":`+num(status)+`}`, `{"a":1`, `{}`, "text")
	}
}

func TestPlansMakeTheSameRecordsAsLookingThroughEveryLine(t *testing.T) {
	plans := 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		var text bytes.Buffer
		families := []int{int(seed % 8), r.IntN(8)}
		for range 150 {
			text.WriteString(oddLine(r, families[min(r.IntN(4), 1)]))
			text.WriteString([]string{"\n", "\n", "\n", "\r\n"}[r.IntN(4)])
		}
		plans += compareReading(t, text.Bytes())
	}
	if plans < 60 {
		t.Fatalf("%d plans were made, too few to say anything", plans)
	}
}

func TestLowerCaseIsSeenInMethodsOfAnyLength(t *testing.T) {
	for length := range 12 {
		for at := range length {
			for x := range 256 {
				word := bytes.Repeat([]byte("A"), length)
				word[at] = byte(x)
				for _, before := range []string{"", "get ", "lower case "} {
					line := append([]byte(before), word...)
					span := jsonscan.Span{Start: uint32(len(before)), End: uint32(len(line))}
					if upper := bytes.ToUpper(word); !bytes.Equal(request.UpperMethod(word), word) && !mayBeLower(line, span) {
						t.Fatalf("%q becomes %q", word, upper)
					}
				}
			}
		}
	}
}

// FuzzPlans reads a few lines many times over, some of them changed, so that shapes are learnt and then met with other values.
func FuzzPlans(f *testing.F) {
	for family := range 8 {
		r := rand.New(rand.NewPCG(uint64(family), 5))
		f.Add([]byte(oddLine(r, family)+"\n"+oddLine(r, family)), []byte(oddLine(r, family)))
	}
	f.Fuzz(func(t *testing.T, text, last []byte) {
		if len(text) > 4<<10 || len(last) > 4<<10 {
			return
		}
		var all []byte
		for range 5 {
			all = append(append(all, text...), '\n')
		}
		all = append(append(all, last...), '\n')
		compareReading(t, append(all, text...))
	})
}
