package evidence

import (
	"bytes"

	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// structlogDialect reads the lines at which django-structlog's middleware begins and ends a request, which one id ties together:
//
//	{"request_id":"ac75b714-…","user_id":7,"ip":"1.2.3.4","request":"GET /x?a=b","user_agent":"…","event":"request_started",
//	 "timestamp":"2026-11-20T08:00:00.1Z","level":"info","logger":"django_structlog.middlewares.request"}
//	{"code":200,"request":"GET /x?a=b","event":"request_finished","request_id":"ac75b714-…","timestamp":"2026-11-20T08:00:00.2Z",…}
//
// The ends do not tell how long it took. Versions before 3 write the request as "<WSGIRequest: GET '/x'>". Source: django-structlog,
// django_structlog/middlewares/request.py.
type structlogDialect struct{}

const (
	structlogRequest = iota
	structlogEvent
	structlogID
	structlogTime
	structlogCode
	structlogClient
	structlogUser
)

func (structlogDialect) name() string { return "django-structlog" }

func (structlogDialect) paths() []string {
	return []string{"request", "event", "request_id", "timestamp", "code", "ip", "user_id"}
}

func (structlogDialect) needs() []int {
	return []int{structlogRequest, structlogEvent, structlogID, structlogTime}
}

func (d structlogDialect) take(l *jsonLine, sink record.Sink) (bool, error) {
	event := string(l.raw(structlogEvent)) // no allocation: it is only compared
	started := event == "request_started"
	if !started && event != "request_finished" && event != "request_failed" {
		return false, nil
	}
	method, path, ok := structlogLine(l.text(bufPath, structlogRequest))
	if !ok {
		return false, nil
	}
	t, ok, err := l.lineTime(l.at(structlogTime), sink, "a request")
	if err != nil || !ok {
		return true, err
	}
	r := l.request(record.LayerApp)
	r.Method, r.Path, r.ID, r.Container = method, path, l.text(bufID, structlogID), l.frame.container
	r.Client, r.User = l.text(bufClient, structlogClient), l.text(bufUser, structlogUser)
	if started {
		r.Phase, r.Outcome, r.Start, r.End = record.Started, record.OutcomeUnknown, t, t
		return true, sink.Request(r)
	}
	r.End = t
	if r.Status, ok = number.HTTPStatus(l.raw(structlogCode)); !ok {
		r.Status = 0
	}
	if err := warning.Tell(sink, l.pos, "no_duration", "ends of requests in django-structlog's log, which do not tell how long they took; the lines of their beginnings do", l.line); err != nil {
		return true, err
	}
	return true, sink.Request(r)
}

// structlogLine reads "GET /x", and "<WSGIRequest: GET '/x'>".
func structlogLine(b []byte) (method, path []byte, ok bool) {
	if i := bytes.Index(b[:min(len(b), 16)], []byte("Request: ")); i > 0 && b[0] == '<' {
		b = bytes.TrimSuffix(b[i+len("Request: "):], []byte(">"))
	}
	method, path, ok = bytes.Cut(b, []byte(" "))
	if n := len(path); n > 1 && path[0] == '\'' && path[n-1] == '\'' {
		path = path[1 : n-1]
	}
	return method, path, ok && request.IsMethod(method) && len(path) > 0 && path[0] == '/'
}
