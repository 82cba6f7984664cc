package evidence

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/outcome"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// gcpLog reads entries of Google Cloud Logging, an array or one a line, in any order, as `gcloud logging read --format=json` prints them and the
// Logs Explorer saves them:
//
//	{"insertId":"…","logName":"projects/p/logs/run.googleapis.com%2Fstdout","timestamp":"2026-11-20T09:00:00.123456Z","textPayload":"the line",
//	 "labels":{"instanceId":"00bf…"},"resource":{"type":"cloud_run_revision","labels":{"service_name":"shop","revision_name":"shop-00012"}}}
//	{…,"logName":"…%2Fstdout","jsonPayload":{"message":"the line"},"resource":{"type":"k8s_container","labels":{"pod_name":"web-1",…}}}
//	{…,"logName":"…%2Frequests","httpRequest":{"requestMethod":"GET","requestUrl":"https://h/x","status":200,"latency":"0.123s"}}
//	{…,"logName":"…%2Fvarlog%2Fsystem","textPayload":"Memory limit of 512 MiB exceeded with 530 MiB used. …"}
//
// The requests of Cloud Run and of load balancers bear the time at which they came; what an application logs of one, that at which it wrote
// it. What was logged as JSON has lost the keys for the time that the service understands, and gets the entry's. Sources: Cloud Logging API,
// LogEntry and HttpRequest; "Structured logging", "Special JSON fields"; Cloud Run, "Logging and viewing logs", "Troubleshooting"; Cloud Load
// Balancing, "Logging and monitoring", statusDetails.
type gcpLog struct{ logs []format.LineFormat }

func (gcpLog) Requests() {}

// Name implements Format.
func (gcpLog) Name() string { return "gcp-logging" }

// Sniff implements Format.
func (gcpLog) Sniff(head []byte) int {
	if !jsondoc.HasKey(head, "logName", `"`) || !jsondoc.HasKey(head, "resource", "{") || !jsondoc.IsJSON(head) {
		return 0
	}
	if jsondoc.IsSpread(head) {
		head, _ = io.ReadAll(jsondoc.NewFlattener(bytes.NewReader(head)))
	}
	return sureOfAll(format.SniffLines(head, isGCPEntry))
}

// isGCPEntry is the cheap test.
func isGCPEntry(line []byte) bool {
	return len(line) > 2 && line[0] == '{' && bytes.Contains(line, []byte(`"logName"`)) && bytes.Contains(line, []byte(`"resource"`)) &&
		(bytes.Contains(line, []byte(`"insertId"`)) || bytes.Contains(line, []byte(`"receiveTimestamp"`)))
}

// Parse implements WholeFormat.
func (f gcpLog) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	p := &gcpReader{log: newStoredLog(ctx, src, f.logs, sink)}
	stats, err := format.EachLine(ctx, r, p.entry)
	if err == nil {
		err = p.log.tooLong(stats)
	}
	if failed := p.failed.close(p.log.sink); failed != nil {
		return failed
	}
	if ended := p.ends.close(p.log.sink); ended != nil {
		return ended
	}
	return p.log.close(err)
}

type gcpReader struct {
	log      *storedLog
	parser   fastjson.Parser
	last     record.Time // of an entry
	speakers speakers    // by their resource and labels as they stand there
	key      []byte
	text     []byte
	failed   gcpFailures
	ends     gcpEnds
}

// gcpEntry is an entry taken apart.
type gcpEntry struct {
	line    int64
	raw     []byte
	time    record.Time
	from    *speaker
	logName []byte
	value   *fastjson.Value
}

func (p *gcpReader) entry(no int64, line []byte) error {
	if line = bytes.Trim(line, " \t\r,"); len(line) == 0 || len(line) == 1 && (line[0] == '[' || line[0] == ']') {
		return nil
	}
	tell := func(why string) error {
		return warning.Tell(p.log.sink, p.log.pos(no), "malformed_line", why, line)
	}
	switch {
	case line[0] == '{' && len(line) > jsondoc.MaxParsed:
		return tell("an entry of Google Cloud Logging of more than 1 MiB was left out")
	case !isGCPEntry(line):
		return p.log.add(no, p.last, nil, line)
	}
	v, err := p.parser.ParseBytes(line)
	if err != nil {
		return tell("an entry of Google Cloud Logging that is broken JSON was left out")
	}
	at, _, ok := stamp.Parse(v.GetStringBytes("timestamp"))
	if !ok {
		if at, _, ok = stamp.Parse(v.GetStringBytes("receiveTimestamp")); !ok {
			return tell("an entry of Google Cloud Logging without a usable time was left out")
		}
	}
	p.last = at
	logName := v.GetStringBytes("logName")
	e := gcpEntry{no, line, at, p.speaker(v), logName[bytes.LastIndexByte(logName, '/')+1:], v}
	return p.payload(&e)
}

// payload hands on what an entry says.
func (p *gcpReader) payload(e *gcpEntry) error {
	text, object := e.value.GetStringBytes("textPayload"), e.value.Get("jsonPayload")
	if e.value.Get("httpRequest").GetStringBytes("requestMethod") != nil {
		if done, err := p.request(e); done || err != nil {
			return err
		}
	}
	if cut.HasSuffix(e.logName, "%2Frequests") && len(text) > 0 {
		if o, ok := gcpReason(text); ok {
			if tookTooMuchMemory(text) {
				p.ends.ofRequest(gcpInstanceKey(e, e.time), p.origin(e, e.time), text)
			}
			return p.failed.reason(failureKey(gcpTrace(e.value), e.from.names.Service), &gcpWhy{outcome: o, pos: p.log.pos(e.line), text: text}, p.log.sink)
		}
	}
	if cut.HasSuffix(e.logName, "varlog%2Fsystem") && len(text) > 0 {
		if done, err := p.system(e, text); done || err != nil {
			return err
		}
	}
	switch {
	case e.value.Exists("textPayload"):
		return p.log.add(e.line, e.time, e.from, text)
	case object != nil && object.Type() == fastjson.TypeObject:
		return p.log.add(e.line, e.time, e.from, p.timed(e, object))
	}
	return p.log.add(e.line, e.time, e.from, e.raw) // such as an audit log: counted as what none knows
}

// timed is an object that was logged, with the entry's time where it has none.
func (p *gcpReader) timed(e *gcpEntry, object *fastjson.Value) []byte {
	p.text = object.MarshalTo(p.text[:0])
	for _, key := range [...]string{"time", "timestamp", "ts", "@timestamp", "datetime", "@t", "Timestamp"} {
		if object.Exists(key) {
			return p.text
		}
	}
	at := e.time.Std().Format(time.RFC3339Nano)
	head := `{"time":"` + at + `","timestamp":"` + at + `"`
	if len(p.text) > 2 {
		head += ","
	}
	return append([]byte(head), p.text[1:]...)
}

// speaker is who wrote an entry, of which those of most entries are the same as before.
func (p *gcpReader) speaker(v *fastjson.Value) *speaker {
	resource, labels := v.Get("resource"), v.Get("labels")
	p.key = resource.MarshalTo(p.key[:0])
	if labels != nil {
		p.key = labels.MarshalTo(p.key)
	}
	return p.speakers.of(string(p.key), func() *speaker {
		names := gcpNames(resource, labels, p.log)
		if names.Container == "" {
			names.Container = p.log.file.names.Container
		}
		return newSpeaker(names)
	})
}

// gcpNames says whose entries have a resource and labels. Source: Cloud Logging, "Monitored resources and services".
func gcpNames(resource, labels *fastjson.Value, log *storedLog) metrics.Labels {
	of := func(key string) string { return string(resource.GetStringBytes("labels", key)) }
	label := func(keys ...string) string {
		for _, key := range keys {
			if b := labels.GetStringBytes(key); len(b) > 0 {
				return string(b)
			}
		}
		return ""
	}
	switch string(resource.GetStringBytes("type")) {
	case "cloud_run_revision", "cloud_function":
		return metrics.Labels{Container: label("instanceId", "instance_id"), Service: of("service_name"), Version: of("revision_name")}
	case "cloud_run_job":
		return metrics.Labels{Container: label("instanceId", "run.googleapis.com/execution_name"), Service: of("job_name")}
	case "k8s_container", "k8s_pod":
		return metrics.Labels{Container: containers.InPod(of("pod_name"), of("container_name"))}
	case "gae_app":
		return metrics.Labels{Container: label("appengine.googleapis.com/instance_name", "clone_id"), Service: of("module_id"), Version: of("version_id")}
	case "gce_instance":
		if name := label("compute.googleapis.com/resource_name"); name != "" {
			return metrics.Labels{Container: name}
		}
		return metrics.Labels{Container: of("instance_id")}
	}
	return metrics.Labels{}
}

// request takes an entry about a request; false where it does not say how long that took.
func (p *gcpReader) request(e *gcpEntry) (bool, error) {
	h := e.value.Get("httpRequest")
	took, ok := number.DurationWithUnit(jsondoc.Text(h.Get("latency")), 9)
	path := request.Path(h.GetStringBytes("requestUrl"))
	status, _ := number.HTTPStatus(jsondoc.Text(h.Get("status")))
	if !ok || took < 0 || len(path) == 0 || path[0] != '/' {
		return false, nil
	}
	names := &e.from.names
	r := record.Request{
		Pos: p.log.pos(e.line), Layer: record.LayerApp, Outcome: record.Answered, Start: e.time, End: e.time.Add(took), Status: status,
		Method: request.UpperMethod(h.GetStringBytes("requestMethod")), Path: path, Container: []byte(names.Container), Service: []byte(names.Service),
		Version: []byte(names.Version), Client: jsondoc.Text(h.Get("remoteIp")),
	}
	r.ID = gcpTrace(e.value)
	told := true
	if cut.HasSuffix(e.logName, "%2Frequests") || cut.HasSuffix(e.logName, "request_log") {
		r.Layer = record.LayerRouter
		r.Outcome, told = gcpOutcome(e.value, status, len(names.Container) > 0)
		if why := e.value.GetStringBytes("textPayload"); tookTooMuchMemory(why) {
			p.ends.ofRequest(gcpInstanceKey(e, r.End), p.origin(e, r.End), why)
		}
	} else {
		r.Start, r.End = e.time.Add(-took), e.time
		if status == 499 {
			r.Outcome = record.ClientGone
		}
	}
	if !told && status >= 500 {
		return true, p.failed.request(&r, p.log.sink)
	}
	return true, p.log.sink.Request(&r)
}

// gcpTrace is the id of the request that an entry is about.
func gcpTrace(v *fastjson.Value) []byte {
	trace := v.GetStringBytes("trace")
	return trace[bytes.LastIndexByte(trace, '/')+1:]
}

// gcpOutcomes are the words with which Cloud Run and load balancers say how a request ended.
var gcpOutcomes = [...]struct {
	words   string
	outcome record.Outcome
}{
	{"response_sent_by_backend", record.Answered},
	{"response_from_cache", record.Answered},
	{"client_disconnected", record.ClientGone},
	{"client_timed_out", record.ClientGone},
	{"failed_to_connect_to_backend", record.Refused},
	{"failed_to_pick_backend", record.Refused},
	{"backend_connection_closed", record.Cut},
	{"backend_early_response", record.Answered},
	{"backend_timeout", record.GaveUp},
	{"backend_response_corrupted", record.Cut},
	{"no available instance", record.Refused},
	{"maximum request timeout", record.GaveUp},
	{"connection to the instance had an error", record.Cut},
	{"too much memory", record.Cut},
	{"instance failed", record.Cut},
}

// gcpOutcome is how a request ended for whoever passed it on; backend says whether an instance was chosen. told is false where the status
// alone says it.
func gcpOutcome(v *fastjson.Value, status int, backend bool) (o record.Outcome, told bool) {
	reason := v.GetStringBytes("textPayload")
	if len(reason) == 0 {
		reason = v.GetStringBytes("jsonPayload", "statusDetails")
	}
	switch o, told = gcpReason(reason); {
	case !told:
		return outcome.OfRouter(status, nil, backend), false
	case o == record.Answered:
		return outcome.PassedOn(status), true
	}
	return o, true
}

// gcpReason is the outcome that words tell of.
func gcpReason(reason []byte) (record.Outcome, bool) {
	for i := range gcpOutcomes {
		if o := &gcpOutcomes[i]; bytes.Contains(reason, []byte(o.words)) {
			return o.outcome, true
		}
	}
	return record.OutcomeUnknown, false
}

// failureKey names a request that failed. A trace leads through several services.
func failureKey(trace []byte, service string) string {
	if len(trace) == 0 {
		return ""
	}
	return string(trace) + "\x00" + service
}

// gcpFailures brings requests that failed together with why, which Cloud Run may tell in an entry of its own, by their traces and services. The
// zero value is ready.
type gcpFailures struct {
	reasons map[string]*gcpWhy
	held    map[string]*record.Request
}

// gcpWhy is why a request failed, by an entry of its own.
type gcpWhy struct {
	outcome record.Outcome
	pos     record.Pos
	text    []byte
	met     bool // the request
}

// maxFailures bounds what waits for the other half.
const maxFailures = 50_000

// reason takes why a request failed.
func (f *gcpFailures) reason(key string, why *gcpWhy, sink record.Sink) error {
	if r := f.held[key]; r != nil {
		delete(f.held, key)
		r.Outcome = why.outcome
		return sink.Request(r)
	}
	if key == "" || len(f.reasons) >= maxFailures {
		return why.alone(sink)
	}
	if f.reasons == nil {
		f.reasons = map[string]*gcpWhy{}
	}
	why.text = bytes.Clone(why.text[:min(len(why.text), warning.ExampleLimit+1)])
	f.reasons[key] = why
	return nil
}

// alone counts a reason without its request.
func (w *gcpWhy) alone(sink record.Sink) error {
	return warning.Tell(sink, w.pos, "reason_without_request",
		"entries of Google Cloud Logging that say why a request failed, without the request; save the entries of the request log as well", w.text)
}

// request takes a request that failed.
func (f *gcpFailures) request(r *record.Request, sink record.Sink) error {
	key := failureKey(r.ID, string(r.Service))
	if why, ok := f.reasons[key]; ok {
		why.met = true
		r.Outcome = why.outcome
		return sink.Request(r)
	}
	if key == "" || len(f.held) >= maxFailures || f.held[key] != nil {
		return sink.Request(r)
	}
	if f.held == nil {
		f.held = map[string]*record.Request{}
	}
	of := *r
	for _, b := range [...]*[]byte{&of.Method, &of.Path, &of.ID, &of.Container, &of.Service, &of.Version, &of.Client} {
		*b = bytes.Clone(*b)
	}
	f.held[key] = &of
	return nil
}

// close passes on the requests of which nothing more was told, and counts what was told of none that is there.
func (f *gcpFailures) close(sink record.Sink) error {
	for _, r := range slices.SortedFunc(maps.Values(f.held), func(a, b *record.Request) int { return cmp.Compare(a.Pos.Line, b.Pos.Line) }) {
		if err := sink.Request(r); err != nil {
			return err
		}
	}
	for _, why := range slices.SortedFunc(maps.Values(f.reasons), func(a, b *gcpWhy) int { return cmp.Compare(a.pos.Line, b.pos.Line) }) {
		if why.met {
			continue
		}
		if err := why.alone(sink); err != nil {
			return err
		}
	}
	return nil
}
