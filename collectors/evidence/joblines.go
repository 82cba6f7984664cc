package evidence

import (
	"bytes"
	"time"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/record"
)

// jobKeys are the usual keys of a job's name, or of an object with its name.
var jobKeys = [...]string{"job", "jobName", "job_name", "cron", "queue"}

// jobPaths are the places in a structured log line where the name of a job may stand: a line without a value at any of them tells of
// no job.
func jobPaths() []string {
	var out []string
	for _, within := range []string{"", "attributes.", "attributes.attributes."} {
		for _, key := range jobKeys {
			out = append(out, within+key, within+key+".name")
		}
	}
	return out
}

// jobReader makes a Job of a structured log line that tells of a run of background work, as pino and Datadog write them:
//
//	{"level":30,"time":…,"pid":17197,"hostname":"web-6","job":"refresh-usage-statistics","rows":400,"duration":456,"msg":"job completed"}
//	{"id":…,"attributes":{"timestamp":…,"message":"job completed","attributes":{"job":"refresh-usage-statistics","duration":456000000}}}
//
// Its zero value is ready; it is for one goroutine.
type jobReader struct {
	parser fastjson.Parser
}

// parse handles a line written at t. Durations are milliseconds in pino, nanoseconds in Datadog. A line that only names a job in
// passing, with neither a duration nor a word on its beginning or end, is none.
func (r *jobReader) parse(pos record.Pos, t record.Time, container, instance []byte, line []byte, sink record.Sink) (bool, error) {
	v, err := r.parser.ParseBytes(line)
	if err != nil || v.Type() != fastjson.TypeObject {
		return false, nil
	}
	fields, msg, unit := v, jsondoc.Text(jsondoc.FirstOf(v, "msg", "message")), time.Millisecond
	if a := v.Get("attributes"); a != nil && a.Type() == fastjson.TypeObject {
		fields, msg, unit = a, jsondoc.Text(jsondoc.FirstOf(a, "message")), time.Nanosecond
		if len(msg) == 0 {
			msg = jsondoc.Text(jsondoc.FirstOf(v, "message")) // the archive's shape has one level less
		}
		if inner := a.Get("attributes"); inner != nil && inner.Type() == fastjson.TypeObject {
			fields = inner
		}
	}
	name := jobName(fields)
	if len(name) == 0 {
		return false, nil
	}
	j := record.Job{Pos: pos, Name: origin.Quote(name), Start: t, End: t, Container: string(container), Instance: string(instance)}
	took, known := jobDuration(fields, unit)
	if !known && !saysJob(msg) {
		return false, nil
	}
	j.Start = t.Add(-took)
	return true, sink.Job(&j)
}

// saysJob reports whether a message tells of the beginning or end of work.
func saysJob(msg []byte) bool {
	lower := bytes.ToLower(msg[:min(len(msg), origin.QuoteLimit)])
	for _, w := range []string{"start", "begin", "complete", "finish", "done", "fail", "succe", "ended", "processed", "running"} {
		if bytes.Contains(lower, []byte(w)) {
			return true
		}
	}
	return false
}

// jobName finds the name of the job: a string under one of the usual keys, or the name of an object there.
func jobName(v *fastjson.Value) []byte {
	for _, key := range jobKeys {
		x := v.Get(key)
		if x == nil {
			continue
		}
		switch x.Type() {
		case fastjson.TypeString:
			return x.GetStringBytes()
		case fastjson.TypeObject:
			if n := x.GetStringBytes("name"); len(n) > 0 {
				return n
			}
		}
	}
	return nil
}

// maxJob bounds the duration of a job that is believed.
const maxJob = 30 * 24 * time.Hour

// jobDuration reads how long the job took; unit is that of a field whose name does not say.
func jobDuration(v *fastjson.Value, unit time.Duration) (time.Duration, bool) {
	fields := [...]struct {
		key  string
		unit time.Duration
	}{
		{"duration", unit}, {"durationMs", time.Millisecond}, {"duration_ms", time.Millisecond}, {"elapsed", unit},
		{"elapsedMs", time.Millisecond}, {"elapsed_ms", time.Millisecond}, {"took", unit}, {"responseTime", time.Millisecond},
	}
	for _, f := range fields {
		n, ok := jsondoc.Number(v.Get(f.key))
		if d := n * float64(f.unit); ok && d >= 0 && d <= float64(maxJob) {
			return time.Duration(d), true
		}
	}
	return 0, false
}
