package evidence

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/internal/lines"
	"lastcall/collectors/record"
)

// storedFormats lists the formats of the answers of stores of logs: Loki, CloudWatch, the journal, Google Cloud, Fly.io. What stands in their lines is read by those of
// others that are formats of lines.
func storedFormats(others []format.Format) []format.Format {
	var logs []format.LineFormat
	for _, f := range others {
		if lf, ok := f.(format.LineFormat); ok {
			logs = append(logs, lf)
		}
	}
	return []format.Format{
		lokiStreams{logs},
		lokiLines{logs},
		cloudWatchEvents{logs},
		cloudWatchInsights{logs},
		cloudWatchTail{logs},
		journalEntries{logs},
		gcpLog{logs},
		flyLog{logs},
		flyConsole{logs},
	}
}

// speaker is who wrote a line, as far as the store of logs tells; empty where it does not.
type speaker struct {
	container []byte
	names     metrics.Labels
	frame     frame // of the objects that it logs: empty where it hands requests on, because then they are not its own
}

func newSpeaker(names metrics.Labels) *speaker {
	s := &speaker{container: []byte(names.Container), names: names}
	if !containers.IsProxy(names.Container) {
		s.frame.container = s.container
	}
	return s
}

// speakers remembers who wrote lines, by what the store says of them; most lines have it from few. The zero value is ready.
type speakers struct {
	key  string // of the last
	last *speaker
	all  map[string]*speaker
}

// maxSpeakers bounds the speakers that are remembered.
const maxSpeakers = 1000

// of is who goes by a key, as find finds out when it is new.
func (s *speakers) of(key string, find func() *speaker) *speaker {
	if key == s.key && s.all != nil {
		return s.last
	}
	from, known := s.all[key]
	if !known {
		from = find()
		if s.all == nil || len(s.all) >= maxSpeakers {
			s.all = map[string]*speaker{}
		}
		s.all[strings.Clone(key)] = from
	}
	s.key, s.last = strings.Clone(key), from
	return from
}

// storedLog hands the lines that a store of logs gives back to the formats of logs, each with the time at which the store received it and
// the name of its container. Stores give back the newest line first unless asked otherwise (the direction of Loki's queries is backward,
// Insights' consoles sort by time descending), and the lines of one container in several pieces (Loki makes a stream for every set of
// labels, the level of a line among them). What runtimes write as they die is told over several lines, so that the lines are put into the
// order of time: all of them where that is no more than fits into the bounds below, otherwise those of each piece of that size.
type storedLog struct {
	ctx  context.Context
	src  *record.Source
	sink *tally
	lent bool // the sink is another's, who tells of its warnings
	logs []format.LineFormat
	file *speaker // who wrote the lines of which the store does not say it

	d     *dispatcher // nil before the first lines are handed on
	held  []storedLine
	text  []byte // of those that are held
	until record.Time
	ship  fastjson.Parser
}

// storedLine is a line that waits.
type storedLine struct {
	line       int64 // of the source
	at         record.Time
	from       *speaker
	start, end int // within the text
}

// The bounds of what is held.
const (
	maxStoredText  = 8 << 20
	maxStoredLines = 100_000
)

func newStoredLog(ctx context.Context, src *record.Source, logs []format.LineFormat, sink record.Sink) *storedLog {
	s := &storedLog{ctx: ctx, src: src, logs: logs}
	if s.sink, s.lent = sink.(*tally); !s.lent {
		s.sink = newTally(sink, src, record.Query{})
	}
	s.file = newSpeaker(metrics.Labels{Container: string(s.sink.file)})
	return s
}

// speaker is who bears the labels.
func (s *storedLog) speaker(l *metrics.LabelSet) *speaker {
	names := l.Resolve()
	if names.Container == "" {
		names.Container = s.file.names.Container
	}
	return newSpeaker(names)
}

// add takes a line that the store received at a time, 0 where it does not say; from may be nil. The text may be of several lines.
func (s *storedLog) add(line int64, at record.Time, from *speaker, text []byte) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	if len(s.held) > 0 && (len(s.text)+len(text) > maxStoredText || len(s.held) == maxStoredLines) {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if from == nil {
		from = s.file
	}
	start := len(s.text)
	s.text = append(s.text, text...)
	s.held = append(s.held, storedLine{line, at, from, start, len(s.text)})
	return nil
}

// flush hands on what is held.
func (s *storedLog) flush() error {
	if len(s.held) == 0 {
		return nil
	}
	oldestFirst(s.held)
	if s.d == nil {
		s.d = newDispatcher(s.chain(), s.src, s.sink)
		s.d.inOrder = true
	} else if s.held[0].at < s.until {
		s.d.forget() // what was said later is no part of what comes now
	}
	for i := range s.held {
		if i%1024 == 0 && s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		if err := s.hand(&s.held[i]); err != nil {
			return err
		}
	}
	s.until = s.held[len(s.held)-1].at
	s.held, s.text = s.held[:0], s.text[:0]
	return nil
}

// oldestFirst puts lines into the order of time. Those of one instant stay as they were written: where the newest come first, that is the
// reverse of how they came.
func oldestFirst(held []storedLine) {
	back := 0
	for i := 1; i < len(held); i++ {
		back += cmp.Compare(held[i-1].at, held[i].at)
	}
	if back > 0 {
		slices.Reverse(held)
	}
	slices.SortStableFunc(held, func(a, b storedLine) int { return cmp.Compare(a.at, b.at) })
}

// chain is the order in which the formats are offered a line, as for a file that holds the lines alone: the one that is surest of the first
// lines comes first.
func (s *storedLog) chain() []format.LineFormat {
	var head []byte
	for i := 0; i < len(s.held) && len(head) < lines.HeadSize; i++ {
		l := &s.held[i]
		_, text := s.shipped(l.from, s.text[l.start:l.end])
		head = append(append(head, text...), '\n')
	}
	head = cut.PlainHead(head)
	var best format.LineFormat
	score := 0
	for _, f := range s.logs {
		if n := f.Sniff(head); n > score {
			best, score = f, n
		}
	}
	chain := make([]format.LineFormat, 0, len(s.logs))
	if best != nil && !isLast(best) {
		chain = append(chain, best)
	}
	for _, f := range s.logs {
		if f != best || isLast(f) {
			chain = append(chain, f)
		}
	}
	for i, f := range chain {
		if h, ok := f.(format.Headed); ok {
			chain[i] = h.ForHead(head)
		}
	}
	return chain
}

// hand offers one entry to the formats. An object may stand over several lines; of other texts each line is one.
func (s *storedLog) hand(l *storedLine) error {
	from, text := s.shipped(l.from, s.text[l.start:l.end])
	for len(text) > 0 {
		var line []byte
		if text[0] == '{' && jsondoc.IsSpread(text) {
			line, text = text, nil
		} else {
			line, text = lines.Next(text)
		}
		if len(line) == 0 {
			continue
		}
		s.sink.within(l.at, from.container, []byte(from.names.Instance))
		if err := s.d.stored(l.line, l.at, from, line); err != nil {
			return err
		}
	}
	return nil
}

// shipped opens the object into which Fluent Bit and FireLens put a line together with whose it is:
//
//	{"log":"…","stream":"stdout","kubernetes":{"pod_name":"web-5d8f7b9c4-x2x9q","container_name":"app","docker_id":"3f1c…"}}
//	{"log":"…","source":"stdout","container_name":"api","ecs_task_arn":"arn:aws:ecs:eu-west-1:1:task/prod/23e3dc…"}
//
// Other texts are returned as they are. Sources: Fluent Bit manual, "Kubernetes" filter; Amazon ECS developer guide, "Using Fluent logger
// libraries", "enable-ecs-log-metadata".
func (s *storedLog) shipped(from *speaker, text []byte) (*speaker, []byte) {
	if text[0] != '{' || len(text) > jsondoc.MaxParsed || !bytes.Contains(text, []byte(`"log"`)) ||
		!bytes.Contains(text, []byte(`"kubernetes"`)) && !bytes.Contains(text, []byte(`"ecs_task_arn"`)) {
		return from, text
	}
	v, err := s.ship.ParseBytes(text)
	if err != nil {
		return from, text
	}
	inner := bytes.TrimRight(v.GetStringBytes("log"), "\r\n")
	k, task := v.Get("kubernetes"), v.GetStringBytes("ecs_task_arn")
	if len(inner) == 0 || k == nil && task == nil {
		return from, text
	}
	names := from.names
	if pod := k.GetStringBytes("pod_name"); len(pod) > 0 {
		names.Container = containers.InPod(string(pod), string(k.GetStringBytes("container_name")))
		names.Instance = string(k.GetStringBytes("docker_id"))
	} else if id := task[bytes.LastIndexByte(task, '/')+1:]; len(id) > 0 {
		names = ecsNames(string(id), string(v.GetStringBytes("container_name")))
	}
	if names != from.names {
		from = newSpeaker(names)
	}
	return from, inner
}

// close hands on what is left. err is that of the document, which counts if nothing else fails.
func (s *storedLog) close(err error) error {
	if failed := s.flush(); failed != nil {
		return failed
	}
	if s.d != nil {
		if failed := s.d.finish(); failed != nil {
			return failed
		}
		s.d.flush()
	}
	if s.lent {
		return err
	}
	for _, w := range s.sink.warnings() {
		if failed := s.sink.next.Warn(w); failed != nil {
			return failed
		}
	}
	return err
}

// tooLong tells of lines that were too long to be read.
func (s *storedLog) tooLong(stats lines.Stats) error {
	if stats.TooLong == 0 {
		return nil
	}
	return s.sink.Warn(warning.LineTooLong(s.src, stats))
}

// pos is a place in the source.
func (s *storedLog) pos(line int64) record.Pos { return record.Pos{Source: s.src, Line: line} }

// lineOf is what an entry of a document is cited by: the line on which it ends, or its number where the document is a single line.
func lineOf(w *jsondoc.Walker, number int64) int64 {
	if line := w.Line(); line > 1 {
		return line
	}
	return number
}

// sureOfStored is more than what formats of lines and Prometheus's answers say of a head: what they know in it stands in the lines that are
// wrapped, or is common to the answers of both.
const sureOfStored = 97

// sureOfMost is how sure a format is of which format.SniffLines gives the score: not at all where most lines are others.
func sureOfMost(score int) int {
	if score < 30 {
		return 0
	}
	return score + sureOfStored - 95
}

// sureOfAll is sureOfMost for entries that nothing else looks like: others know what they wrap, and the head may end within one.
func sureOfAll(score int) int {
	if sureOfMost(score) > 0 {
		return sureOfStored
	}
	return 0
}
