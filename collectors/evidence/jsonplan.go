package evidence

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"

	"lastcall/collectors/evidence/internal/access"
	"lastcall/collectors/evidence/internal/jsonscan"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/swar"
	"lastcall/collectors/record"
)

// requestDialect is a dialect whose requests are made by jsonLine.send.
type requestDialect interface {
	// layer says who writes such lines, by the tag that names the source and by the service.
	layer(source, service []byte) record.Layer
	// outcome says how a completed request ended.
	outcome(layer record.Layer, status int, message []byte) record.Outcome
	// complaints say what is wrong with a line whose duration or status cannot be read.
	complaints() (took, status string)
}

// jsonRequest says where a line has the fields of a request. It follows from which values the line has, of which kinds, and which of
// them are empty, from nothing else: so it can be kept for lines of one shape.
type jsonRequest struct {
	texts   [requestTexts]jsonscan.Ref // by bufMethod to bufClient
	url     bool                       // the path is within a URL
	framed  bool                       // who wrote the line may stand around it
	time    jsonscan.Ref
	took    jsonscan.Ref // none: the line tells of a beginning
	scale   int          // of took; see number.Duration
	status  jsonscan.Ref
	message jsonscan.Ref
	source  jsonscan.Ref // what requestDialect.layer asks for
	decided jsonscan.Ref // a value by which the dialect knew that the line is its own
	byWords bool         // it depends on the message what the line is
}

const requestTexts = bufClient + 1

// newJSONRequest returns one without any field.
func newJSONRequest() jsonRequest {
	q := jsonRequest{took: jsonscan.None, time: jsonscan.None, status: jsonscan.None, message: jsonscan.None, source: jsonscan.None, decided: jsonscan.None}
	for i := range q.texts {
		q.texts[i] = jsonscan.None
	}
	return q
}

// ref names the first of the paths at which the line has a value.
func (l *jsonLine) ref(paths ...int) jsonscan.Ref {
	for _, i := range paths {
		if slot := l.slots[i]; l.scan.Have.Has(slot) {
			return jsonscan.Ref(slot)
		}
	}
	return jsonscan.None
}

// textRef names the first of the paths at which the line has a text that is not empty.
func (l *jsonLine) textRef(paths ...int) jsonscan.Ref {
	for _, i := range paths {
		slot := l.slots[i]
		if v := l.scan.Values[slot]; l.scan.Have.Has(slot) && v.End > v.Start {
			return jsonscan.Ref(slot)
		}
	}
	return jsonscan.None
}

// refRaw is the value that ref names, as it stands in the line.
func (l *jsonLine) refRaw(ref jsonscan.Ref) []byte {
	if ref < 0 {
		return nil
	}
	return l.scan.Raw(l.scan.Values[ref])
}

// refText is its text; of a tag what follows the key.
func (l *jsonLine) refText(field int, ref jsonscan.Ref) []byte {
	switch {
	case ref >= 0:
		return l.unescaped(field, l.scan.Values[ref])
	case ref == jsonscan.None:
		return nil
	}
	raw := l.scan.Raw(l.scan.Tags[jsonscan.FirstTag-ref])
	return raw[bytes.IndexByte(raw, ':')+1:]
}

// requestFields are the texts of a request, in the order of the buffers.
func requestFields(r *record.Request) [requestTexts]*[]byte {
	return [...]*[]byte{
		&r.Method, &r.Path, &r.Route, &r.ID, &r.Container, &r.Instance, &r.Host, &r.Service, &r.Version, &r.User, &r.Client,
	}
}

// send makes the request of a line that was written at t, and passes it on.
func (l *jsonLine) send(d requestDialect, q *jsonRequest, t record.Time, sink record.Sink) (bool, error) {
	r := l.request(record.LayerApp)
	fields := requestFields(r)
	for i, ref := range q.texts {
		*fields[i] = l.refText(i, ref)
	}
	r.Layer = d.layer(l.refText(bufOther, q.source), r.Service)
	r.Method = request.UpperMethod(r.Method)
	if q.url {
		r.Path = request.Path(r.Path)
	}
	if q.framed && len(l.frame.container) > 0 {
		// The platform knows better which of its containers wrote than the process, whose host name is often a random id.
		r.Container, r.Host = l.frame.container, r.Container
	}
	r.End = t
	if q.took == jsonscan.None {
		r.Phase, r.Outcome, r.Start = record.Started, record.OutcomeUnknown, t
		if l.head != nil {
			l.head.begin(messageKind(l.refText(bufMessage, q.message), r.Method), r)
		}
		return true, sink.Request(r)
	}
	if l.head != nil {
		l.head.end(r)
	}
	badTook, badStatus := d.complaints()
	took, ok := number.Duration(l.refRaw(q.took), q.scale)
	if !ok {
		return l.malformed(sink, badTook)
	}
	r.Start = t - record.Time(took)
	if q.status != jsonscan.None {
		if r.Status, ok = number.HTTPStatus(l.refRaw(q.status)); !ok {
			return l.malformed(sink, badStatus)
		}
	}
	r.Outcome = d.outcome(r.Layer, r.Status, l.refRaw(q.message))
	l.sent, l.sentBy = *q, d
	return true, sink.Request(r)
}

// say handles a line that was written at t and is no request: what it says, and who.
func (l *jsonLine) say(q *jsonRequest, t record.Time, sink record.Sink) error {
	text := func(field int) []byte { return l.refText(field, q.texts[field]) }
	container, host := text(bufContainer), text(bufHost)
	if q.framed && len(l.frame.container) > 0 {
		container, host = l.frame.container, container
	}
	var msg []byte
	if q.message >= 0 {
		msg = l.unescaped(bufMessage, l.scan.Values[q.message])
	}
	l.sent, l.said = *q, true
	return l.message(t, container, text(bufInstance), text(bufService), host, text(bufVersion), msg, sink)
}

// jsonPlan is a jsonRequest for lines of one shape: it names the values by their steps in the chain of the predictor, so that a line
// that was predicted becomes a request without a look at the many places where the values might have been.
//
// It does the same as send or say, or nothing: a line of which any value that it needs is empty or cannot be read goes the long way,
// and so does a message that may matter.
type jsonPlan struct {
	dialect requestDialect
	taken   int            // index of the dialect
	req     record.Request // with the texts that are part of the pieces
	texts   []planText
	time    jsonscan.Place
	took    jsonscan.Place
	scale   int
	unit    int64 // of took, in nanoseconds
	longest int64 // in units: number.MaxDuration
	status  jsonscan.Place
	message jsonscan.Place
	source  jsonscan.Place

	says      bool // the lines are no requests
	hasStatus bool
	method    int  // the step of the method; -1: it is the same in all lines
	url       bool // the URL differs from line to line
	fixed     bool // the layer does not

	idle [8][]byte // messages that said nothing of interest, by their length: most are said time and again
}

// maxIdle bounds the messages that are remembered.
const maxIdle = 128

// planText is a text that differs from line to line.
type planText struct {
	to   *[]byte
	step int
}

// planOf is the plan of a shape that has one, otherwise nil.
func planOf(shape *jsonscan.Shape) *jsonPlan {
	if shape == nil {
		return nil
	}
	plan, _ := shape.Plan.(*jsonPlan)
	return plan
}

// maxPlanTries is how many lines of one shape are looked at for a plan: one with empty values tells too little.
const maxPlanTries = 8

// newPlan makes the plan of the lines like the one that was just predicted, recalled and sent; nil when there can be none.
func (l *jsonLine) newPlan() *jsonPlan {
	s, q := l.scan, &l.sent
	if q.byWords || !l.refused(l.taken) || l.said && s.Have.HasAny(&l.format.jobs) {
		return nil
	}
	values, ok := s.Places()
	if !ok {
		return nil
	}
	find := func(ref jsonscan.Ref, v *jsonscan.Place) bool {
		*v = jsonscan.Place{Step: -1}
		if ref == jsonscan.None {
			return true
		}
		found, ok := values[ref]
		*v = found
		return ok && !found.Escaped
	}
	var v jsonscan.Place
	if !find(q.decided, &v) || v.Step >= 0 {
		return nil
	}
	p := &jsonPlan{dialect: l.sentBy, taken: l.taken, says: l.said, scale: q.scale, message: jsonscan.Place{Step: -1}, method: -1}
	if !find(q.time, &p.time) || !find(q.took, &p.took) || !find(q.status, &p.status) || !find(q.source, &p.source) {
		return nil
	}
	p.unit = number.PowerOf10(q.scale)
	p.longest = int64(number.MaxDuration) / p.unit
	p.hasStatus = q.status != jsonscan.None
	if q.message != jsonscan.None {
		p.message = values[q.message]
	}
	p.req.Pos.Source = l.src
	fields := requestFields(&p.req)
	p.fixed = p.source.Step < 0
	for i, ref := range q.texts {
		var v jsonscan.Place
		if !find(ref, &v) {
			return nil
		}
		if p.says && i != bufContainer && i != bufInstance && i != bufService {
			continue
		}
		if v.Step < 0 {
			*fields[i] = v.Text
			continue
		}
		p.texts = append(p.texts, planText{fields[i], v.Step})
		switch i {
		case bufMethod:
			p.method = v.Step
		case bufPath:
			p.url = q.url
		case bufService:
			p.fixed = false
		}
	}
	p.req.Method = request.UpperMethod(p.req.Method)
	if q.url && !p.url {
		p.req.Path = request.Path(p.req.Path)
	}
	if !p.says {
		p.req.Layer = p.dialect.layer(p.source.Text, p.req.Service)
	}
	return p
}

// refuser is a dialect that leaves lines to the next although they have what it needs.
type refuser interface {
	// refuses says whether it leaves all lines that have values at the same places as the one at hand.
	refuses(l *jsonLine) bool
}

// refused says whether the first n dialects refuse all lines of this shape.
func (l *jsonLine) refused(n int) bool {
	slots := l.slots
	defer func() { l.slots = slots }()
	for i, d := range l.format.dialects[:n] {
		if !l.scan.Have.HasAll(&l.format.needs[i]) {
			continue
		}
		l.slots = l.format.slots[i]
		if r, ok := d.(refuser); !ok || !r.refuses(l) {
			return false // perhaps for a value
		}
	}
	return true
}

// planned makes the request of a line that was predicted and whose shape has a plan. It is not done, and nothing has happened, when
// the line is to go the long way.
func (l *jsonLine) planned(p *jsonPlan, lineNo int64, line []byte, sink record.Sink) (done bool, err error) {
	s := l.scan
	r := &p.req
	for i := range p.texts {
		t := &p.texts[i]
		span := s.Span(t.step)
		if span.Start == span.End {
			return false, nil
		}
		*t.to = line[span.Start:span.End:span.End]
	}
	at, ok := l.planTime(&p.time, line)
	if !ok {
		return false, nil
	}
	if p.says {
		return l.plannedWords(p, lineNo, at, line, sink)
	}
	var took time.Duration
	v, whole := int64(0), false
	if p.took.Step >= 0 {
		span := s.Span(p.took.Step)
		v, whole = number.Whole(line, span.Start, span.End)
	}
	if whole && v <= p.longest {
		took = time.Duration(v * p.unit)
	} else if took, ok = number.Duration(p.took.Raw(s, line), p.scale); !ok {
		return false, nil
	}
	if p.hasStatus {
		if r.Status, ok = number.HTTPStatus(p.status.Raw(s, line)); !ok {
			return false, nil
		}
	}
	if p.method >= 0 && mayBeLower(line, s.Span(p.method)) {
		r.Method = request.UpperMethod(r.Method)
	}
	if p.url {
		r.Path = request.Path(r.Path)
	}
	if !p.fixed {
		r.Layer = p.dialect.layer(p.source.Raw(s, line), r.Service)
	}
	r.Pos.Line, r.Start, r.End = lineNo, at-record.Time(took), at
	r.Outcome = p.dialect.outcome(r.Layer, r.Status, p.message.Raw(s, line))
	l.taken = p.taken
	return true, sink.Request(r)
}

// plannedWords is planned for a line that is no request: done when it is no sign of an end, nor a request in other words.
func (l *jsonLine) plannedWords(p *jsonPlan, lineNo int64, at record.Time, line []byte, sink record.Sink) (done bool, err error) {
	raw := p.message.Raw(l.scan, line)
	msg := raw
	if p.message.Escaped {
		l.bufs[bufMessage] = jsonscan.Unescape(l.bufs[bufMessage][:0], raw)
		msg = l.bufs[bufMessage]
	}
	if idle := &p.idle[len(raw)%len(p.idle)]; !bytes.Equal(*idle, raw) {
		if access.MayBeRouterMessage(msg) || messageMayMatter(msg) || isErrorHead(msg) {
			return false, nil
		}
		if len(raw) <= maxIdle {
			*idle = append((*idle)[:0], raw...)
		}
	}
	r := &p.req
	container := r.Container
	if s, ok := sink.(*tally); ok {
		s.see(at, container, r.Instance)
		if len(container) == 0 {
			container = s.ContainerOfFile()
		}
	}
	l.taken = p.taken
	if len(msg) == 0 {
		return true, nil
	}
	l.told = record.Message{Pos: record.Pos{Source: l.src, Line: lineNo}, Time: at, Container: container, Instance: r.Instance, Service: r.Service, Text: msg}
	return true, sink.Message(&l.told)
}

// mayBeLower says whether a word may have lower-case letters; a loop over a few bytes costs more, because nobody can foresee its end.
func mayBeLower(line []byte, word jsonscan.Span) bool {
	n := word.End - word.Start
	if n-1 >= 8 || word.End < 8 || uint64(word.End) > uint64(len(line)) {
		return true
	}
	last := binary.LittleEndian.Uint64(line[word.End-8:])
	return last>>((64-8*n)&63)&(0x20*swar.Ones) != 0
}

// planTime is time for the usual ways to write one; others go the long way.
func (l *jsonLine) planTime(v *jsonscan.Place, line []byte) (record.Time, bool) {
	b := v.Raw(l.scan, line)
	if v.Kind == jsonscan.Number {
		if v.Step >= 0 {
			// Milliseconds of the years 2001 to 2262, for which number.Epoch comes to the same.
			span := l.scan.Span(v.Step)
			if ms, ok := number.Whole(line, span.Start, span.End); ok && ms >= 1e12 && ms <= math.MaxInt64/1_000_000 {
				return record.Time(ms * 1e6), true
			}
		}
		t, ok := number.Epoch(b)
		return record.Time(t), ok
	}
	if len(b) > 4 && number.IsDigit(b[0]) && b[4] != '-' {
		return 0, false
	}
	t, _, zoned, ok := l.clock.Read(b)
	return t, ok && zoned
}
