package evidence

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// cloudWatchEvents reads what `aws logs filter-log-events` and `aws logs get-log-events` print; the latter, which is asked for one stream,
// does not name it:
//
//	{"events":[{"logStreamName":"ecs/api/23e3dc7aec2ba6b66722236aae1f078a","timestamp":1795165200123,"message":"the line",
//	  "ingestionTime":1795165201456,"eventId":"38…"}],"searchedLogStreams":[],"nextToken":"…"}
//
// Times are milliseconds since 1970. The API calls the token of the next page nextToken, the command NextToken where it was told how many
// events to print; those of get-log-events are there on the last page as well. Source: Amazon CloudWatch Logs API reference,
// FilterLogEvents and GetLogEvents; AWS CLI user guide, "Pagination".
type cloudWatchEvents struct{ logs []format.LineFormat }

func (cloudWatchEvents) Requests() {}

// Name implements Format.
func (cloudWatchEvents) Name() string { return "cloudwatch-logs" }

// Sniff implements Format.
func (cloudWatchEvents) Sniff(head []byte) int {
	if !jsondoc.IsObject(head) || !jsondoc.HasKey(head, "events", "[") {
		return 0
	}
	if jsondoc.HasKey(head, "message", `"`) && jsondoc.HasKey(head, "timestamp", "") && (jsondoc.HasKey(head, "ingestionTime", "") || jsondoc.HasKey(head, "logStreamName", `"`)) ||
		jsondoc.HasKey(head, "searchedLogStreams", "") || jsondoc.HasKey(head, "nextForwardToken", `"`) {
		return sureOfStored
	}
	return 0
}

// Parse implements WholeFormat.
func (f cloudWatchEvents) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	p := newCloudWatchReader(ctx, src, f.logs, r, sink)
	return p.log.close(p.documents("events", p.event))
}

type cloudWatchReader struct {
	w       *jsondoc.Walker
	log     *storedLog
	streams logStreams
	number  int64  // of the entry
	more    string // the key with which the answer says that others follow
}

func newCloudWatchReader(ctx context.Context, src *record.Source, logs []format.LineFormat, r io.Reader, sink record.Sink) *cloudWatchReader {
	log := newStoredLog(ctx, src, logs, sink)
	return &cloudWatchReader{w: jsondoc.NewWalker(ctx, r), log: log, streams: logStreams{log: log}}
}

// documents reads answers with entries under a name, each of which f reads: people put the pages of one query behind one another.
func (p *cloudWatchReader) documents(entries string, f func() error) error {
	err := p.w.Documents(func(first json.Token) error {
		p.more = "" // it is here
		if first != json.Delim('{') {
			return p.w.SkipRest(first)
		}
		return p.w.Object(func(key string) error {
			if key == entries {
				return p.w.ArrayValue(f)
			}
			return p.field(key)
		})
	})
	if err != nil || p.more == "" {
		return err
	}
	return p.partial("the answer of CloudWatch Logs is one page of several; what the others hold is not known: ask for all of them", p.more)
}

// field reads what an answer holds besides lines.
func (p *cloudWatchReader) field(key string) error {
	switch key {
	case "nextToken", "NextToken":
		token, err := p.w.Text()
		if token != "" {
			p.more = key
		}
		return err
	case "status":
		status, err := p.w.Text()
		if err != nil || status == "" || status == "Complete" {
			return err
		}
		return p.partial("the query of CloudWatch Logs Insights was not complete when its results were saved; lines may be missing", status)
	}
	return p.w.Skip()
}

func (p *cloudWatchReader) partial(why, example string) error {
	return warning.Tell(p.log.sink, p.log.pos(lineOf(p.w, p.number)), "partial_answer", why, []byte(example))
}

// cloudWatchLine is an entry as it was found; what is not there is empty.
type cloudWatchLine struct {
	stream  string
	time    record.Time
	timed   bool // it has a time, which may be none that is usable
	message string
	told    bool // it has a message
}

func (p *cloudWatchReader) event() error {
	var l cloudWatchLine
	err := p.w.ObjectValue(func(key string) error {
		switch key {
		case "logStreamName", "timestamp", "message":
		default:
			return p.w.Skip()
		}
		t, err := p.w.Token()
		if err != nil {
			return err
		}
		l.set(key, t)
		return p.w.SkipRest(t)
	})
	if err != nil {
		return err
	}
	return p.add(&l, !l.timed || l.time == 0)
}

// set takes a value of an event.
func (l *cloudWatchLine) set(key string, t json.Token) {
	switch t := t.(type) {
	case json.Number:
		if key == "timestamp" {
			at, _ := number.Epoch([]byte(t.String()))
			l.time, l.timed = record.Time(at), true
		}
	case string:
		switch key {
		case "logStreamName":
			l.stream = t
		case "message":
			l.message, l.told = t, true
		}
	}
}

// add passes an entry on, unless it has no message or no time that it must have.
func (p *cloudWatchReader) add(l *cloudWatchLine, untimed bool) error {
	p.number++
	line := lineOf(p.w, p.number)
	if !l.told || untimed {
		return warning.Tell(p.log.sink, p.log.pos(line), "malformed_line", "an entry of CloudWatch Logs without a message or a usable time; it was left out", []byte(l.message))
	}
	return p.log.add(line, l.time, p.streams.speaker(l.stream), []byte(l.message))
}

// cloudWatchInsights reads what `aws logs get-query-results` prints, the results of a query of CloudWatch Logs Insights:
//
//	{"results":[[{"field":"@timestamp","value":"2026-11-20 09:00:00.123"},{"field":"@message","value":"the line"},
//	  {"field":"@logStream","value":"ecs/api/23e3…"},{"field":"@ptr","value":"…"}]],"statistics":{…},"status":"Complete"}
//
// A query gives the fields that it names, and its times are UTC. Source: Amazon CloudWatch Logs API reference, GetQueryResults; user guide,
// "Supported logs and discovered fields".
type cloudWatchInsights struct{ logs []format.LineFormat }

func (cloudWatchInsights) Requests() {}

// Name implements Format.
func (cloudWatchInsights) Name() string { return "cloudwatch-insights" }

// Sniff implements Format.
func (cloudWatchInsights) Sniff(head []byte) int {
	if jsondoc.IsObject(head) && jsondoc.HasKey(head, "results", "[") &&
		(jsondoc.HasKey(head, "field", `"@`) || jsondoc.HasKey(head, "statistics", "{") && jsondoc.HasKey(head, "recordsMatched", "")) {
		return sureOfStored
	}
	return 0
}

// Parse implements WholeFormat.
func (f cloudWatchInsights) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	p := newCloudWatchReader(ctx, src, f.logs, r, sink)
	return p.log.close(p.documents("results", p.row))
}

func (p *cloudWatchReader) row() error {
	var l cloudWatchLine
	err := p.w.ArrayValue(func() error {
		var field, value string
		err := p.w.ObjectValue(func(key string) error {
			text, err := p.w.Text()
			switch key {
			case "field":
				field = text
			case "value":
				value = text
			}
			return err
		})
		switch field {
		case "@timestamp":
			at, _, _ := stamp.Parse([]byte(value))
			l.time, l.timed = at, true
		case "@message":
			l.message, l.told = value, true
		case "@logStream":
			l.stream = value
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.add(&l, l.timed && l.time == 0)
}

// cloudWatchTail reads the lines that `aws logs tail` prints, unless it is told to leave out the streams:
//
//	2026-11-20T09:00:00.123000+00:00 ecs/api/23e3dc7aec2ba6b66722236aae1f078a the line
//
// Only streams of ECS are recognised: what others are called is as well the beginning of a line of another log. A message of several lines
// goes on without a time. Source: AWS CLI command reference, "logs tail".
type cloudWatchTail struct{ logs []format.LineFormat }

func (cloudWatchTail) Requests() {}

// Name implements Format.
func (cloudWatchTail) Name() string { return "cloudwatch-tail" }

// Sniff implements Format.
func (cloudWatchTail) Sniff(head []byte) int {
	var clock stamp.Clock
	score := format.SniffLines(head, func(line []byte) bool {
		_, _, _, ok := tailLine(line, &clock)
		return ok
	})
	return sureOfMost(score)
}

// tailLine takes a line apart.
func tailLine(line []byte, c *stamp.Clock) (at record.Time, stream, message []byte, ok bool) {
	at, n, zoned, ok := c.Read(line)
	if !ok || !zoned || n >= len(line) || line[n] != ' ' {
		return 0, nil, nil, false
	}
	stream, message = cut.Word(line[n+1:])
	id, _ := ecsStream(string(stream))
	return at, stream, message, id != ""
}

// Parse implements WholeFormat.
func (f cloudWatchTail) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	log := newStoredLog(ctx, src, f.logs, sink)
	streams := logStreams{log: log}
	var clock stamp.Clock
	var last record.Time
	var from *speaker
	stats, err := format.EachLine(ctx, r, func(no int64, line []byte) error {
		message := line
		if at, stream, text, ok := tailLine(line, &clock); ok {
			last, from, message = at, streams.speaker(string(stream)), text
		}
		return log.add(no, last, from, message)
	})
	if err == nil {
		err = log.tooLong(stats)
	}
	return log.close(err)
}

// logStreams knows the speakers of streams of CloudWatch Logs.
type logStreams struct {
	log      *storedLog
	speakers speakers // by the name of the stream
}

// speaker is who writes to a stream; nil where its name does not tell.
func (s *logStreams) speaker(stream string) *speaker {
	return s.speakers.of(stream, func() *speaker {
		if names := namesOfStream(stream); names.Container != "" {
			return newSpeaker(names)
		}
		return nil
	})
}

// namesOfStream says whose lines a log stream holds, by the names that those who write them give it:
//
//	ecs/api/23e3dc7aec2ba6b66722236aae1f078a                                   ECS: prefix, container, task
//	ip-10-0-1-2.ec2.internal-application.var.log.containers.web-5d8f_prod_app-<id>.log   EKS, by Fluent Bit: the kubelet's name of the file
//	3f1c9a…                                                                    Docker's driver: the id of the container
//	2026/11/20/[$LATEST]3f1c9a…                                                Lambda: no container
//	web-1, i-0abc                                                              agents: whatever they were told
//
// Sources: Amazon ECS developer guide, "awslogs-stream-prefix"; Amazon EKS, "Container Insights with Fluent Bit"; Docker, "Amazon CloudWatch
// Logs logging driver".
func namesOfStream(stream string) metrics.Labels {
	if id, container := ecsStream(stream); id != "" {
		return ecsNames(id, container)
	}
	if strings.ContainsAny(stream, "[]") {
		return metrics.Labels{}
	}
	if i := strings.Index(stream, "var.log.containers."); i >= 0 {
		if pod, container := kubeletLog(stream[i+len("var.log.containers."):]); pod != "" {
			return metrics.Labels{Container: containers.InPod(pod, container)}
		}
	}
	name := stream[strings.LastIndexByte(stream, '/')+1:]
	switch {
	case len(name) == 64 && containers.IsID([]byte(name)):
		return metrics.Labels{Container: name, Instance: name}
	case containers.IsName([]byte(name)):
		return metrics.Labels{Container: name}
	}
	return metrics.Labels{}
}

// ecsStream takes the name of a stream of ECS apart, "prefix/container/task"; the prefix may hold slashes. id is empty for other streams.
func ecsStream(stream string) (id, container string) {
	i := strings.LastIndexByte(stream, '/')
	if i < 0 || !containers.IsTaskID(stream[i+1:]) {
		return "", ""
	}
	before := stream[:i]
	j := strings.LastIndexByte(before, '/')
	if j <= 0 || j+1 == len(before) {
		return "", ""
	}
	return stream[i+1:], before[j+1:]
}

// ecsNames are the names of a container of a task, as ecsTasks gives them. Docker's name of it on a host, "ecs-api-41-api-8af…", is not the
// one that the task has.
func ecsNames(task, container string) metrics.Labels {
	if strings.HasPrefix(container, "/") || strings.HasPrefix(container, "ecs-") {
		container = ""
	}
	return metrics.Labels{Container: containers.InPod(task, container)}
}
