package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

const (
	storedAt   = "2026-11-20T09:00:00.123Z"
	storedNs   = "1795165200123000000"
	storedMs   = "1795165200123"
	storedTask = "23e3dc7aec2ba6b66722236aae1f078a"
)

// readStored reads a document as the collector does.
func readStored(t testing.TB, name, text string) *recordtest.Sink {
	t.Helper()
	var sink recordtest.Sink
	c := New(Options{Paths: []string{"-"}, Stdin: strings.NewReader(text), StdinName: name})
	if err := c.Collect(context.Background(), record.Query{}, &sink); err != nil {
		t.Fatalf("Collect: %v", err)
	}
	return &sink
}

// quoted is a text as JSON writes it.
func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// storedSaid tells what was read, in the order of the records.
func storedSaid(t testing.TB, s *recordtest.Sink) string {
	t.Helper()
	var out []string
	base := formattest.At(t, "2026-11-20T09:00:00Z")
	for _, r := range s.Requests {
		out = append(out, fmt.Sprintf("%s %s of %s at %v", r.Method, r.Path, r.Container, r.End.Sub(base)))
	}
	for _, c := range s.Crashes {
		out = append(out, fmt.Sprintf("%s of %s at %v", c.Kind, c.Container, c.Time.Sub(base)))
	}
	for _, l := range s.Lifecycles {
		out = append(out, fmt.Sprintf("%s of %s at %v", l.Kind, l.Container, l.Time.Sub(base)))
	}
	for _, w := range s.Warnings {
		if w.Code != "no_records" {
			out = append(out, fmt.Sprintf("%s %d", w.Code, w.Count))
		}
	}
	return strings.Join(out, "; ")
}

// The wrappers, each around one line that a container wrote.
func lokiText(labels, line string) string {
	return `{"status":"success","data":{"resultType":"streams","result":[{"stream":` + labels + `,"values":[["` + storedNs + `",` + quoted(line) + `]]}],"stats":{}}}`
}

func logcliText(labels, line string) string {
	return `{"labels":` + labels + `,"line":` + quoted(line) + `,"timestamp":"2026-11-20T10:00:00.123+01:00"}` + "\n"
}

func exploreText(labels, line string) string {
	return `[{"line":` + quoted(line) + `,"timestamp":"` + storedNs + `","date":"` + storedAt + `","fields":` + labels + `}]`
}

func cloudWatchText(stream, line string) string {
	return `{"events":[{"logStreamName":"` + stream + `","timestamp":` + storedMs + `,"message":` + quoted(line) + `,"ingestionTime":1795165201456,"eventId":"38"}],"searchedLogStreams":[]}`
}

func insightsText(stream, line string) string {
	return `{"results":[[{"field":"@timestamp","value":"2026-11-20 09:00:00.123"},{"field":"@message","value":` + quoted(line) + `},{"field":"@logStream","value":"` + stream +
		`"},{"field":"@ptr","value":"Cm"}]],"statistics":{"recordsMatched":1.0,"recordsScanned":7.0},"status":"Complete"}`
}

const (
	pinoLine  = `{"level":30,"time":1795165200100,"pid":7,"hostname":"ip-10-0-1-2","req":{"id":1,"method":"GET","url":"/a"},"res":{"statusCode":200},"responseTime":5,"msg":"request completed"}`
	wordsLine = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
	ginLine   = `[GIN] 2026/11/20 - 10:00:00 | 200 |  50ms |  169.119.15.195 | GET     "/b"`
)

func TestLinesThatAStoreGivesBackHaveItsTimeAndTheirContainer(t *testing.T) {
	const pod, labels = "web-5d8f7b9c4-x2x9q/app", `{"namespace":"prod","pod":"web-5d8f7b9c4-x2x9q","container":"app"}`
	const stream = "ecs/api/" + storedTask
	for _, w := range []struct {
		name, format, container string
		wrap                    func(line string) string
	}{
		{"Loki", "loki", pod, func(line string) string { return lokiText(labels, line) }},
		{"Loki, laid out for people", "loki", pod, func(line string) string { return indented(t, lokiText(labels, line)) }},
		{"logcli", "loki-lines", pod, func(line string) string { return logcliText(labels, line) }},
		{"logcli behind jq", "loki-lines", pod, func(line string) string { return indented(t, logcliText(labels, line)) }},
		{"Explore", "loki-lines", pod, func(line string) string { return exploreText(labels, line) }},
		{"CloudWatch", "cloudwatch-logs", storedTask + "/api", func(line string) string { return cloudWatchText(stream, line) }},
		{"CloudWatch, laid out for people", "cloudwatch-logs", storedTask + "/api", func(line string) string { return indented(t, cloudWatchText(stream, line)) }},
		{"Insights", "cloudwatch-insights", storedTask + "/api", func(line string) string { return insightsText(stream, line) }},
		{"Insights, laid out for people", "cloudwatch-insights", storedTask + "/api", func(line string) string { return indented(t, insightsText(stream, line)) }},
		{"aws logs tail", "cloudwatch-tail", storedTask + "/api", func(line string) string { return "2026-11-20T09:00:00.123000+00:00 " + stream + " " + line + "\n" }},
	} {
		for _, c := range []struct{ name, line, want string }{
			{"a request with a time of its own", pinoLine, "GET /a of C at 100ms"},
			{"a request without a zone", ginLine, "GET /b of C at 123ms"},
			{"last words", wordsLine, "heap_limit of C at 123ms"},
			{"last words behind a time without a zone", "2026-11-20 10:00:00,100 " + wordsLine, "heap_limit of C at 123ms"},
			{"last words behind a time", "2026-11-20T09:00:00.1Z " + wordsLine, "heap_limit of C at 100ms"},
			{"last words in JSON", `{"level":60,"time":1795165200100,"pid":7,"hostname":"x","msg":"` + wordsLine + `"}`, "heap_limit of C at 100ms"},
			{"in the runtime's own frame", "2026-11-20T09:00:00.1Z stdout F " + pinoLine, "GET /a of C at 100ms"},
			{"coloured", "\x1b[31m" + wordsLine + "\x1b[0m", "heap_limit of C at 123ms"},
			{"in Docker's own frame", `{"log":` + quoted(wordsLine+"\n") + `,"stream":"stderr","time":"2026-11-20T09:00:00.1Z"}`, "heap_limit of C at 100ms"},
			{"JSON in Docker's own frame", `{"log":` + quoted(pinoLine+"\n") + `,"stream":"stdout","time":"2026-11-20T09:00:00.1Z"}`, "GET /a of C at 100ms"},
			{"chatter", "hello", "unrecognised_lines 1"},
			{"broken JSON", `{"level":30,`, "malformed_line 1"},
			{"nothing", "  ", ""},
		} {
			t.Run(w.name+", "+c.name, func(t *testing.T) {
				text := w.wrap(c.line)
				s := readStored(t, "saved", text)
				if got, want := storedSaid(t, s), strings.ReplaceAll(c.want, "C", w.container); got != want {
					t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
				}
				for _, v := range s.Coverages {
					if v.Source.Format != w.format {
						t.Errorf("read as %s", v.Source.Format)
					}
				}
			})
		}
	}
}

// indented is JSON as jq and the AWS CLI print it.
func indented(t testing.TB, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(v, "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

func TestLabelsOfLokiNameTheContainer(t *testing.T) {
	for _, c := range []struct{ name, labels, want string }{
		{"a pod", `{"app":"web","namespace":"prod","pod":"web-1","container":"app"}`, "web-1/app"},
		{"a companion in a pod", `{"pod":"web-1","container":"istio-proxy"}`, "web-1/istio-proxy"},
		{"OpenTelemetry's names", `{"k8s_pod_name":"web-1","k8s_container_name":"app","service_name":"web"}`, "web-1/app"},
		{"Docker's", `{"container_name":"/web-1","host":"node-a","compose_service":"web"}`, "web-1"},
		{"Promtail's", `{"container":"web-1","job":"docker","instance":"node-a"}`, "web-1"},
		{"a target alone", `{"job":"app","instance":"web-1"}`, "web-1"},
		{"a host alone", `{"job":"app","host":"web-1"}`, "web-1"},
		{"none", `{"job":"app"}`, ""},
		{"no labels", `{}`, ""},
		{"labels that are no texts", `{"pod":7,"container":["x"],"app":null}`, "7"},
		{"labels that are none", `[1]`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := readStored(t, "saved", lokiText(c.labels, wordsLine))
			if len(s.Crashes) != 1 || s.Crashes[0].Container != c.want {
				t.Errorf("%+v", s.Crashes)
			}
		})
	}
	t.Run("what is stored beside the line", func(t *testing.T) {
		for _, metadata := range []string{
			`{"pod":"web-2","trace_id":"x"}`, `{"structuredMetadata":{"pod":"web-2"},"parsed":{"pod":"other"}}`, `{"pod":"web-2"},7`,
		} {
			text := strings.Replace(lokiText(`{"app":"web"}`, wordsLine), `memory"]`, `memory",`+metadata+`]`, 1)
			if s := readStored(t, "saved", text); len(s.Crashes) != 1 || s.Crashes[0].Container != "web-2" || s.Crashes[0].Service != "web" {
				t.Errorf("%s: %+v", text, s.Crashes)
			}
		}
	})
	t.Run("a proxy's line is of whom it asked", func(t *testing.T) {
		const line = `{"time":"2026-11-20T09:00:00Z","remote_addr":"1.2.3.4","method":"GET","path":"/a","status":200,"request_time":0.1,"upstream_addr":"10.0.0.7:80"}`
		s := readStored(t, "saved", lokiText(`{"pod":"ingress-nginx-controller-7f","container":"controller"}`, line))
		if len(s.Requests) != 1 || string(s.Requests[0].Container) != "10.0.0.7:80" {
			t.Errorf("%+v", s.Requests)
		}
	})
}

func TestStreamsOfCloudWatchNameTheContainer(t *testing.T) {
	const id = "3f1c9a0b3f1c9a0b3f1c9a0b3f1c9a0b3f1c9a0b3f1c9a0b3f1c9a0b3f1c9a0b"
	for _, c := range []struct{ name, stream, want string }{
		{"a task", "ecs/api/" + storedTask, storedTask + "/api"},
		{"a prefix of several parts", "prod/shop/api/" + storedTask, storedTask + "/api"},
		{"an old task", "ecs/api/23e3dc7a-ec2b-a6b6-6722-236aae1f078a", "23e3dc7a-ec2b-a6b6-6722-236aae1f078a/api"},
		{"a companion in a task", "ecs/envoy/" + storedTask, storedTask + "/envoy"},
		{"a pod", "ip-10-0-1-2.ec2.internal-application.var.log.containers.web-5d8f7b9c4-x2x9q_prod_app-" + id + ".log", "web-5d8f7b9c4-x2x9q/app"},
		{"Docker's driver", id, id},
		{"an instance", "i-0abc123", "i-0abc123"},
		{"a function", "2026/11/20/[$LATEST]3f1c9a0b3f1c9a0b3f1c9a0b3f1c9a0b", ""},
		{"no name", "Some Stream", ""},
		{"a task without a container, and a digit begins no name", "ecs//" + storedTask, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := readStored(t, "saved", cloudWatchText(c.stream, wordsLine))
			if len(s.Crashes) != 1 || s.Crashes[0].Container != c.want {
				t.Errorf("%+v", s.Crashes)
			}
		})
	}
	t.Run("none, and the file is named after it", func(t *testing.T) {
		text := `{"events":[{"timestamp":` + storedMs + `,"message":` + quoted(wordsLine) + `,"ingestionTime":1}],"nextForwardToken":"f/1","nextBackwardToken":"b/1"}`
		s := readStored(t, "web-5d8f7b9c4-x2x9q.json", text)
		if got := storedSaid(t, s); got != "heap_limit of web-5d8f7b9c4-x2x9q at 123ms" {
			t.Error(got)
		}
	})
}

func TestATaskIsTheSameInItsLogAndInItsDescription(t *testing.T) {
	// The first container of a description is the main one.
	all := readStored(t, "tasks.json", `{"tasks":[{"taskArn":"arn:aws:ecs:eu-west-1:123456789012:task/prod/`+storedTask+`","group":"service:api","lastStatus":"STOPPED",
	"startedAt":"2026-11-20T08:00:00Z","containers":[{"name":"sidecar","lastStatus":"STOPPED","exitCode":0},{"name":"api","lastStatus":"STOPPED","exitCode":134}],
	"stoppedAt":"2026-11-20T09:00:12Z","executionStoppedAt":"2026-11-20T09:00:00Z","stopCode":"EssentialContainerExited"}],"failures":[]}`)
	if len(all.Mains) != 1 || all.Mains[0] != namesOfStream("ecs/sidecar/"+storedTask).Container {
		t.Errorf("%v", all.Mains)
	}
	if got := namesOfStream("ecs/api/" + storedTask).Container; len(all.Crashes) != 1 || all.Crashes[0].Container != got {
		t.Errorf("%+v, want %s", all.Crashes, got)
	}
}

func TestALineThatAShipperWrappedIsOpened(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"Fluent Bit", `{"log":` + quoted(wordsLine+"\n") + `,"stream":"stderr","kubernetes":{"pod_name":"web-1","container_name":"app","docker_id":"3f1c"}}`, "heap_limit of web-1/app at 123ms"},
		{"Fluent Bit, of JSON", `{"log":` + quoted(pinoLine) + `,"kubernetes":{"pod_name":"web-1"}}`, "GET /a of web-1 at 100ms"},
		{"FireLens", `{"log":` + quoted(wordsLine) + `,"source":"stderr","container_name":"/ecs-api-41-api-8af","ecs_task_arn":"arn:aws:ecs:eu-west-1:1:task/prod/` + storedTask + `"}`, "heap_limit of " + storedTask + " at 123ms"},
		{"without a line", `{"log":"","kubernetes":{"pod_name":"web-1"}}`, "unrecognised_lines 1"},
		{"of other types", `{"log":7,"kubernetes":7,"ecs_task_arn":7}`, "unrecognised_lines 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := storedSaid(t, readStored(t, "saved", cloudWatchText("x[1]", c.line))); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// A report of the garbage collector before the end tells how much the heap held.
var deathInLines = []string{
	"<--- Last few GCs --->",
	"[7:0x5] 1000 ms: Mark-Compact 510.2 (520.1) -> 509.8 (521.3) MB, 500.00 / 0.00 ms  (average mu = 0.1, current mu = 0.1) allocation failure; scavenge might not succeed",
	wordsLine,
}

func TestTheOrderOfLinesDoesNotMatter(t *testing.T) {
	entry := func(i int, back bool) (at string, line string) {
		if back {
			i = len(deathInLines) - 1 - i
		}
		return fmt.Sprint(1795165200123000000 + int64(i)*1000), deathInLines[i]
	}
	t.Run("a stream for each level, newest first", func(t *testing.T) {
		at := func(i int) string { at, line := entry(i, false); return `["` + at + `",` + quoted(line) + `]` }
		s := readStored(t, "saved", `{"status":"success","data":{"resultType":"streams","result":[{"stream":{"pod":"web-1","detected_level":"fatal"},"values":[`+at(2)+`,`+at(0)+
			`]},{"stream":{"pod":"web-1","detected_level":"unknown"},"values":[`+at(1)+`]}]}}`)
		if len(s.Crashes) != 1 || s.Crashes[0].UsedBytes == 0 || len(s.Warnings) > 0 {
			t.Errorf("%+v %+v", s.Crashes, s.Warnings)
		}
	})
	for _, back := range []bool{false, true} {
		var values, rows, printed, streams []string
		for i := range deathInLines {
			at, line := entry(i, back)
			values = append(values, `["`+at+`",`+quoted(line)+`]`)
			streams = append(streams, `{"stream":{"pod":"web-1","detected_level":"`+fmt.Sprint(at[len(at)-5:])+`"},"values":[["`+at+`",`+quoted(line)+`]]}`)
			rows = append(rows, `{"logStreamName":"web-1","timestamp":`+at[:13]+`,"message":`+quoted(line)+`,"ingestionTime":1}`)
			printed = append(printed, `{"labels":{"pod":"web-1"},"line":`+quoted(line)+`,"timestamp":"`+time.Unix(0, 1795165200123000000).UTC().Format(time.RFC3339Nano)+`"}`)
		}
		for name, text := range map[string]string{
			"Loki":            `{"status":"success","data":{"resultType":"streams","result":[{"stream":{"pod":"web-1"},"values":[` + strings.Join(values, ",") + `]}]}}`,
			"a stream a line": `{"status":"success","data":{"resultType":"streams","result":[` + strings.Join(streams, ",") + `]}}`,
		} {
			s := readStored(t, "saved", text)
			if len(s.Crashes) != 1 || s.Crashes[0].UsedBytes == 0 || len(s.Warnings) > 0 {
				t.Errorf("%s, back %v: %+v %+v", name, back, s.Crashes, s.Warnings)
			}
		}
		if back {
			continue // nothing tells the order of the lines of one instant that are alone
		}
		for name, text := range map[string]string{"CloudWatch": `{"events":[` + strings.Join(rows, ",") + `]}`, "logcli": strings.Join(printed, "\n")} {
			if s := readStored(t, "saved", text); len(s.Crashes) != 1 || s.Crashes[0].UsedBytes == 0 {
				t.Errorf("%s: %+v", name, s.Crashes)
			}
		}
	}
}

func TestLinesOfOneInstantKeepTheirOrder(t *testing.T) {
	of := func(at ...record.Time) (out []storedLine) {
		for i, a := range at {
			out = append(out, storedLine{line: int64(i), at: a})
		}
		return out
	}
	for _, c := range []struct {
		held []storedLine
		want []int64
	}{
		{of(1, 2, 2, 3), []int64{0, 1, 2, 3}},
		{of(3, 2, 2, 1), []int64{3, 2, 1, 0}},
		{of(2, 1, 5, 4, 4), []int64{1, 0, 4, 3, 2}},
		{of(5, 5), []int64{0, 1}},
		{nil, nil},
	} {
		oldestFirst(c.held)
		var got []int64
		for _, l := range c.held {
			got = append(got, l.line)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("got %v, want %v", got, c.want)
		}
	}
}

func TestAnswersOfStoresThatAreNotAsDescribed(t *testing.T) {
	entry := `{"timestamp":` + storedMs + `,"message":` + quoted(wordsLine) + `,"ingestionTime":1}`
	loki := func(values string) string {
		return `{"status":"success","data":{"resultType":"streams","result":[{"stream":{"pod":"web-1"},"values":[` + values + `["` + storedNs + `","` + wordsLine + `"]]}]}}`
	}
	const said, of = "heap_limit of web-1 at 123ms", "heap_limit of  at 123ms"
	for _, c := range []struct{ name, text, want string }{
		{"entries that are none", loki(`null,7,"x",{"a":[1]},[],["` + storedNs + `"],[7,"x"],["` + storedNs + `",7],["` + storedNs + `",null],`), said + "; malformed_line 9"},
		{"times out of range", loki(`["0","x"],["-1","x"],["99999999999999999999999","x"],["never","x"],`), said + "; malformed_line 4"},
		{"streams that are none", strings.Replace(loki(""), `"result":[`, `"result":[null,7,[{}],`, 1), said + "; malformed_line 3"},
		{"values before their labels", `{"status":"success","data":{"resultType":"streams","result":[{"values":[["` + storedNs + `","` + wordsLine + `"]],"stream":{"pod":"web-1"}}]}}`, of},
		{"no results", `{"status":"success","data":{"resultType":"streams","result":[],"stats":{}}}`, ""},
		{"null", `{"status":"success","data":{"resultType":"streams","result":null}}`, ""},
		{"warnings", strings.Replace(loki(""), `"data"`, `"warnings":["partial"],"data"`, 1), said + "; source_error 1"},
		{"no warnings", strings.Replace(loki(""), `"data"`, `"warnings":[],"data"`, 1), said},
		{"keys in the order of their names", `{"data":{"result":[{"stream":{"pod":"web-1"},"values":[["` + storedNs + `","` + wordsLine + `"]]}],"resultType":"streams"},"status":"success"}`, said},
		{"two answers", loki("") + "\n" + loki(""), said + "; " + said},
		{"cut off", strings.TrimSuffix(loki(""), `]}]}}`), said + "; malformed_document 1"},
		{"nested deeply", loki(`["` + storedNs + `","x",` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `],`), "malformed_document 1"},
		{"a line of logcli that is cut", logcliText(`{"pod":"web-1"}`, wordsLine) + `{"labels":{"pod":"web-1"},"line":"x`, said + "; malformed_line 1"},
		{"a line of logcli without a time", logcliText(`{"pod":"web-1"}`, wordsLine) + `{"line":"x","timestamp":"soon"}` + "\n", said + "; malformed_line 1"},
		{"what logcli says besides", "2026/11/20 09:00:00 http://loki:3100/loki/api/v1/query_range?direction=BACKWARD\n" + logcliText(`{"pod":"web-1"}`, wordsLine), said + "; unrecognised_lines 1"},
		{"without labels", `{"line":"` + wordsLine + `","timestamp":"` + storedAt + `"}`, of},
		{"events that are none", `{"events":[null,7,"x",[],{},{"message":"x"},{"timestamp":1},{"timestamp":"x","message":"x"},{"timestamp":1,"message":"x"},{"timestamp":` + storedMs + `,"message":7},` + entry + `]}`, of + "; malformed_line 10"},
		{"no events", `{"events":[],"searchedLogStreams":[]}`, ""},
		{"one page of several", `{"events":[` + entry + `],"nextToken":"x"}`, of + "; partial_answer 1"},
		{"as many as were asked for", `{"NextToken":"x","events":[` + entry + `]}`, of + "; partial_answer 1"},
		{"the last page", `{"events":[` + entry + `],"nextToken":null}`, of},
		{"all pages", `{"events":[` + entry + `],"nextToken":"x"}{"events":[` + entry + `]}`, of + "; " + of},
		{"a query that runs", strings.Replace(insightsText("web-1", wordsLine), "Complete", "Running", 1), said + "; partial_answer 1"},
		{"results without lines", `{"results":[[{"field":"@timestamp","value":"2026-11-20 09:00:00.123"}],[{"field":"@ptr","value":"x"}],7,[null],[{"field":"@timestamp","value":"x"},{"field":"@message","value":"x"}]],"status":"Complete"}`, "malformed_line 5"},
		{"results without times", `{"results":[[{"field":"@message","value":` + quoted("2026-11-20T09:00:00.123Z "+wordsLine) + `}]],"status":"Complete"}`, of},
		{"an end without a time", `{"results":[[{"field":"@message","value":` + quoted(wordsLine) + `}]],"status":"Complete"}`, "no_time 1"},
		{"a message of several lines", cloudWatchText("web-1", "2026-11-20 09:00:00 ERROR\n"+wordsLine+"\n"), said + "; unrecognised_lines 1"},
		{"a message of several lines, printed", "2026-11-20T09:00:00.123000+00:00 ecs/api/" + storedTask + " ERROR\n" + wordsLine + "\n", "heap_limit of " + storedTask + "/api at 123ms; unrecognised_lines 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := readStored(t, "saved", c.text)
			if got := storedSaid(t, s); got != c.want {
				t.Errorf("%.300s\ngot  %s\nwant %s\n%+v", c.text, got, c.want, s.Warnings)
			}
			formattest.CheckSane(t, s)
		})
	}
}

func TestWhatIsNoLogOfAStoreIsReadAsBefore(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"an answer to a query of metrics", `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"x"},"values":[[1795165200,"1"]]}]}}`, "prometheus-query"},
		{"a platform's events", `{"events":[{"type":"container_crashed","timestamp":"` + storedAt + `","message":"x","container":"web-1"}]}`, "platform-event-list"},
		{"a logger that tells the line of the source", `{"timestamp":"` + storedAt + `","level":"INFO","message":"x","file":"a.py","line":"12"}`, "json-log"},
		{"a log of which a few lines are logcli's", strings.Repeat(pinoLine+"\n", 9) + logcliText(`{}`, "x"), "pino"},
		{"a log with times and names before its lines", "2026-11-20T09:00:00Z web-1 " + wordsLine + "\n", "last-words"},
	} {
		t.Run(c.name, func(t *testing.T) {
			best := (&run{Collector: New(Options{})}).recognise([]byte(c.text))
			if best == nil || formatName(best, []byte(c.text)) != c.want {
				t.Errorf("recognised as %v", best)
			}
		})
	}
}

func TestLinesOfManyContainersAreCitedByTheirPlace(t *testing.T) {
	var values []string
	for i := range 3 {
		values = append(values, fmt.Sprintf(`["%d",%s]`, 1795165200123000000-i, quoted(wordsLine)))
	}
	line := func(text string) (out []int64) {
		for _, c := range readStored(t, "saved", text).Crashes {
			out = append(out, c.Pos.Line)
		}
		return out
	}
	flat := `{"status":"success","data":{"resultType":"streams","result":[{"stream":{"pod":"web-1"},"values":[` + strings.Join(values, ",") + `]}]}}`
	if diff := cmp.Diff([]int64{3, 2, 1}, line(flat)); diff != "" {
		t.Errorf("on one line (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int64{20, 16, 12}, line(indented(t, flat))); diff != "" {
		t.Errorf("laid out (-want +got):\n%s", diff)
	}
}

func TestMoreThanIsHeldIsReadInPieces(t *testing.T) {
	// Newest first: each death has its report of the heap before it, and no piece ends within one.
	const deaths = 400
	long := strings.Repeat("x", 100_000)
	var b strings.Builder
	b.WriteString(`{"status":"success","data":{"resultType":"streams","result":[{"stream":{"pod":"web-1"},"values":[`)
	for i := range deaths {
		at := 1795165200123000000 - int64(i)*int64(time.Hour)/4
		fmt.Fprintf(&b, `["%d",%s],["%d",%s],["%d","%s"],`, at, quoted(wordsLine), at-1000, quoted(deathInLines[1]), at-2000, long)
	}
	text := strings.TrimSuffix(b.String(), ",") + `]}]}}`
	s := readStored(t, "saved", text)
	with := 0
	for _, c := range s.Crashes {
		if c.UsedBytes > 0 {
			with++
		}
	}
	// What an edge cuts loses its report.
	if edges := len(text) / maxStoredText; len(s.Crashes) != deaths || with < deaths-edges {
		t.Errorf("%d deaths, %d with a heap", len(s.Crashes), with)
	}
}

func TestCancellationEndsTheReadingOfAStoredLog(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, text := range []string{lokiText(`{}`, wordsLine), logcliText(`{}`, wordsLine), cloudWatchText("x", wordsLine)} {
		c := New(Options{Paths: []string{"-"}, Stdin: strings.NewReader(text)})
		if err := c.Collect(ctx, record.Query{}, &recordtest.Sink{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
}

func FuzzStoredLogs(f *testing.F) {
	for _, line := range []string{pinoLine, wordsLine, ginLine, "a\n\n b", `{"log":"x","kubernetes":{"pod_name":"web-1"}}`, `{"log":"x\n","stream":"stdout","time":"2026-11-20T09:00:00Z"}`} {
		f.Add([]byte(lokiText(`{"pod":"web-1","container":"app"}`, line)))
		f.Add([]byte(logcliText(`{"container":"web-1"}`, line)))
		f.Add([]byte(exploreText(`{"host":"web-1"}`, line)))
		f.Add([]byte(cloudWatchText("ecs/api/"+storedTask, line)))
		f.Add([]byte(said{"123000", "node-a", "shop", "17", line}.asJSON("")))
		f.Add([]byte("\x1e" + said{"123000", "node-a", "systemd", "1", line}.asJSON(`,"UNIT":"shop.service"`)))
		f.Add([]byte(flyText("app", line)))
		f.Add([]byte(flyEntry(flyText("app", line))))
		f.Add([]byte("[" + gcpText("stdout", `"textPayload":`+quoted(line)) + "," + gcpRequest("503", "") + "," + gcpText("varlog%2Fsystem", `"textPayload":`+quoted(line)) + "]"))
		f.Add([]byte(insightsText("2026/11/20/[$LATEST]3f1c", line)))
		f.Add([]byte("2026-11-20T09:00:00.123000+00:00 ecs/api/" + storedTask + " " + line))
	}
	f.Add([]byte(`{"data":{"result":[{"values":[["1795165200123000000","x",{"structuredMetadata":{"structuredMetadata":{"pod":"y"}}}]],"stream":{}}]}}`))
	f.Add([]byte(`{"results":[[{"field":"@message","value":"x"}],null,[7]],"status":7,"nextToken":{}}`))
	all := storedFormats(formats(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, w := range all {
			formattest.FuzzDocument(t, w.(WholeFormat), data)
		}
	})
}
