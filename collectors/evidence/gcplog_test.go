package evidence

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lastcall/collectors/record"
)

const gcpInstance = "00bf4bf02da32730d12808df6d01b005ff0c2172a585db448dbfb157a21d8ba1"

// gcpText is an entry of Google Cloud Logging that an instance of Cloud Run wrote to a log.
func gcpText(log, payload string) string {
	return `{"insertId":"6f","labels":{"instanceId":"` + gcpInstance + `"},"logName":"projects/acme/logs/run.googleapis.com%2F` + log + `","receiveTimestamp":"2026-11-20T09:00:00.523Z",` +
		`"resource":{"labels":{"configuration_name":"shop","revision_name":"shop-00012-1a0","service_name":"shop"},"type":"cloud_run_revision"},"severity":"INFO","timestamp":"` + storedAt + `",` + payload + "}"
}

// gcpRequest is the entry of a request.
func gcpRequest(status, more string) string {
	return gcpText("requests", `"httpRequest":{"requestMethod":"GET","requestUrl":"https://shop.a.run.app/a?b=c","status":`+status+`,"latency":"0.250s","remoteIp":"1.2.3.4"},"trace":"projects/acme/traces/7f"`+more)
}

func TestEntriesOfGoogleCloudAreRead(t *testing.T) {
	other := func(resource, labels, payload string) string {
		return `{"insertId":"6f","labels":` + labels + `,"logName":"projects/acme/logs/stdout","resource":` + resource + `,"timestamp":"` + storedAt + `",` + payload + "}"
	}
	const id = gcpInstance
	for _, c := range []struct{ name, text, want string }{
		{"a line", gcpText("stderr", `"textPayload":`+quoted(wordsLine)), "heap_limit of " + id + " at 123ms"},
		{"an empty line", gcpText("stderr", `"textPayload":""`), ""},
		{"an object with a time", gcpText("stdout", `"jsonPayload":`+strings.Replace(pinoLine, "ip-10-0-1-2", "localhost", 1)), "GET /a of " + id + " at 100ms"},
		{"an object without a time", gcpText("stdout", `"jsonPayload":{"message":"done","method":"GET","path":"/p","status":200,"duration_ms":5}`), "GET /p of " + id + " at 123ms"},
		{"words in an object", gcpText("stdout", `"jsonPayload":{"message":"`+wordsLine+`"}`), "heap_limit of " + id + " at 123ms"},
		{"a request, which bears the time of its beginning", gcpRequest("200", ""), "GET /a?b=c of " + id + " at 373ms"},
		{"a request that an application logged", gcpText("stdout", `"httpRequest":{"requestMethod":"GET","requestUrl":"/a","status":200,"latency":"0.1s"},"jsonPayload":{}`), "GET /a of " + id + " at 123ms"},
		{"a request without a duration", gcpText("requests", `"httpRequest":{"requestMethod":"GET","requestUrl":"/a","status":200}`), "unrecognised_lines 1"},
		{"a pod", other(`{"type":"k8s_container","labels":{"pod_name":"web-1","container_name":"app"}}`, `{}`, `"textPayload":`+quoted(wordsLine)), "heap_limit of web-1/app at 123ms"},
		{"a machine", other(`{"type":"gce_instance","labels":{"instance_id":"77"}}`, `{"compute.googleapis.com/resource_name":"web-1"}`, `"textPayload":`+quoted(wordsLine)), "heap_limit of web-1 at 123ms"},
		{"a machine without a name", other(`{"type":"gce_instance","labels":{"instance_id":"77"}}`, `null`, `"textPayload":`+quoted(wordsLine)), "heap_limit of 77 at 123ms"},
		{"an instance of App Engine", other(`{"type":"gae_app","labels":{"module_id":"shop"}}`, `{"clone_id":"web-1"}`, `"textPayload":`+quoted(wordsLine)), "heap_limit of web-1 at 123ms"},
		{"no resource that is known", other(`{"type":"x","labels":7}`, `[]`, `"textPayload":`+quoted(wordsLine)), "heap_limit of  at 123ms"},
		{"an audit log", gcpText("x", `"protoPayload":{}`), "unrecognised_lines 1"},
		{"no time", strings.Replace(strings.Replace(gcpRequest("200", ""), storedAt, "soon", 1), "2026-11-20T09:00:00.523Z", "later", 1), "malformed_line 1"},
		{"the time at which it was received", strings.Replace(gcpText("stderr", `"textPayload":`+quoted(wordsLine)), storedAt, "", 1), "heap_limit of " + id + " at 523ms"},
		{"broken", strings.Replace(gcpRequest("200", ""), `"GET"`, `GET`, 1), "malformed_line 1"},
		{"too much memory", gcpText("varlog%2Fsystem", `"textPayload":"Memory limit of 512 MiB exceeded with 530 MiB used. Consider increasing the memory limit, see https://cloud.google.com/run/docs/configuring/memory-limits"`), "oom_kill of " + id + " at 123ms"},
		{"too much memory, told without the request", gcpTooMuch("7f"), "oom_kill of " + id + " at 123ms; reason_without_request 1"},
		{"a reason without the request", gcpText("requests", `"textPayload":"The request failed because either the HTTP response was malformed or connection to the instance had an error.","trace":"projects/acme/traces/7f"`), "reason_without_request 1"},
		{"an exit", gcpText("varlog%2Fsystem", `"textPayload":"Container called exit(134)."`), "abort of " + id + " at 123ms"},
		{"a sound exit", gcpText("varlog%2Fsystem", `"textPayload":"Container called exit(0)."`), "stopped of " + id + " at 123ms"},
		{"a signal", gcpText("varlog%2Fsystem", `"textPayload":"Uncaught signal: 11, pid=1, tid=1, fault_addr=0."`), "segfault of " + id + " at 123ms"},
		{"a signal from outside", gcpText("varlog%2Fsystem", `"textPayload":"Container terminated on signal 9."`), "unknown of " + id + " at 123ms"},
		{"a start", gcpText("varlog%2Fsystem", `"textPayload":"Starting new instance. Reason: AUTOSCALING - Instance started due to configured scaling factors."`), "starting of " + id + " at 123ms"},
		{"it is up", gcpText("varlog%2Fsystem", `"textPayload":"Default STARTUP TCP probe succeeded after 1 attempt for container \"app-1\" on port 8080."`), "up of " + id + " at 123ms"},
		{"a probe that kills", gcpText("varlog%2Fsystem", `"textPayload":"LIVENESS HTTP probe failed 3 times consecutively for container \"app-1\" on port 8080 path \"/\". The instance has been shut down."`), "health_check of " + id + " at 123ms"},
		{"an end", gcpText("varlog%2Fsystem", `"textPayload":"Shutting down user disabled instance"`), "stopping of " + id + " at 123ms"},
		{"an application that says the same", gcpText("stdout", `"textPayload":"Container called exit(134)."`), "unrecognised_lines 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for layout, text := range map[string]string{
				"a line": c.text + "\n", "an array": "[\n" + c.text + "\n]\n", "laid out": "[]", "twice in an array": "",
			} {
				switch {
				case layout == "laid out" && c.name != "broken":
					text = indented(t, "["+c.text+"]")
				case layout == "laid out", layout == "twice in an array":
					continue
				}
				if got := storedSaid(t, readStored(t, "stdin", text)); got != c.want {
					t.Errorf("%s: got %s, want %s", layout, got, c.want)
				}
			}
		})
	}
}

// gcpTooMuch is what Cloud Run says of a request whose instance it ended.
func gcpTooMuch(trace string) string {
	return gcpText("requests", `"textPayload":"`+gcpTooMuchText+`","trace":"projects/acme/traces/`+trace+`"`)
}

const gcpTooMuchText = "While handling this request, the container instance was found to be using too much memory and was terminated. This is likely to cause a new container instance to be used for the next request to this revision."

func TestEndsOfGoogleCloudThatRequestsTell(t *testing.T) {
	system := gcpText("varlog%2Fsystem", `"textPayload":"Memory limit of 512 MiB exceeded with 530 MiB used."`)
	failed := gcpRequest("503", `,"textPayload":"`+gcpTooMuchText+`"`)
	other := func(line string) string { return strings.ReplaceAll(line, gcpInstance, "00bf2") }
	anonymous := func(line string) string { return strings.ReplaceAll(line, `"instanceId":"`+gcpInstance+`"`, "") }
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"with the request", []string{failed}, []string{gcpInstance + " 373"}},
		{"with several of an instance", []string{gcpTooMuch("1"), failed, gcpTooMuch("2")}, []string{gcpInstance + " 373"}},
		{"of two instances", []string{gcpTooMuch("1"), other(gcpTooMuch("2"))}, []string{gcpInstance + " 123", "00bf2 123"}},
		{"of instances without names", []string{anonymous(gcpTooMuch("1")), anonymous(gcpTooMuch("2"))}, []string{" 123"}},
		{"by the system as well", []string{failed, system, gcpTooMuch("1")}, []string{gcpInstance + " 123"}},
		{"by an application that says the same", []string{strings.ReplaceAll(gcpTooMuch("1"), "%2Frequests", "%2Fstdout")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, crash := range readStored(t, "stdin", strings.Join(c.lines, "\n")+"\n").Crashes {
				got = append(got, fmt.Sprintf("%s %d", crash.Container, crash.Time.Std().Nanosecond()/1e6))
				if crash.Kind != record.CrashOOMKill || crash.Service != "shop" {
					t.Errorf("%+v", crash)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRequestsOfGoogleCloudSayHowTheyEnded(t *testing.T) {
	reason := func(words string) string { return `,"textPayload":"` + words + `"` }
	const broke = "The request failed because either the HTTP response was malformed or connection to the instance had an error. Additional troubleshooting documentation can be found at: https://x"
	apart := gcpText("requests", `"textPayload":"`+broke+`","trace":"projects/acme/traces/7f"`)
	for _, c := range []struct {
		name, text string
		want       record.Outcome
	}{
		{"answered", gcpRequest("200", ""), record.Answered},
		{"an answer of the application", gcpRequest("503", ""), record.Answered},
		{"the connection broke", gcpRequest("503", reason(broke)), record.Cut},
		{"the connection broke, which is told before", apart + "\n" + gcpRequest("503", ""), record.Cut},
		{"the connection broke, which is told after", gcpRequest("503", "") + "\n" + apart, record.Cut},
		{"given up", gcpRequest("504", reason("The request has been terminated because it has reached the maximum request timeout.")), record.GaveUp},
		{"nobody there", gcpRequest("429", reason("The request was aborted because there was no available instance.")), record.Refused},
		{"a load balancer passed it on", gcpRequest("502", `,"jsonPayload":{"statusDetails":"response_sent_by_backend"}`), record.Answered},
		{"a load balancer's client left", gcpRequest("0", `,"jsonPayload":{"statusDetails":"client_disconnected_before_any_response"}`), record.ClientGone},
		{"a load balancer's backend broke", gcpRequest("502", `,"jsonPayload":{"statusDetails":"backend_connection_closed_before_data_sent_to_client"}`), record.Cut},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := readStored(t, "stdin", c.text+"\n")
			if len(s.Requests) != 1 || s.Requests[0].Outcome != c.want || s.Requests[0].Layer != record.LayerRouter || string(s.Requests[0].ID) != "7f" {
				t.Errorf("%+v", s.Requests)
			}
			for _, w := range s.Warnings {
				t.Errorf("%+v", w)
			}
		})
	}
}

// TestAReasonIsThatOfItsService: a trace leads through several services.
func TestAReasonIsThatOfItsService(t *testing.T) {
	other := strings.Replace(gcpText("requests", `"textPayload":"The request failed because either the HTTP response was malformed or connection to the instance had an error.","trace":"projects/acme/traces/7f"`), `"service_name":"`, `"service_name":"other-`, 1)
	s := readStored(t, "stdin", other+"\n"+gcpRequest("503", "")+"\n")
	if len(s.Requests) != 1 || s.Requests[0].Outcome != record.Answered || s.WarningCount("reason_without_request") != 1 {
		t.Errorf("%+v %+v", s.Requests, s.Warnings)
	}
}
