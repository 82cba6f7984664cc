package evidence

import (
	"lastcall/collectors/record"

	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/outcome"
	"lastcall/collectors/evidence/internal/request"
)

// caddyDialect reads Caddy's access log. duration is seconds, ts the end. Source: Caddy documentation, "How Logging Works".
type caddyDialect struct{}

const (
	caddyTime = iota
	caddyMethod
	caddyPath
	caddyStatus
	caddyTook
	caddyClient
	caddyRemote
	caddyUser
	caddyUpstream
	caddyID
)

func (caddyDialect) name() string { return "caddy" }

func (caddyDialect) paths() []string {
	return []string{
		"ts", "request.method", "request.uri", "status", "duration", "request.client_ip", "request.remote_ip", "user_id", "upstream",
		"uuid",
	}
}

func (caddyDialect) needs() []int { return []int{caddyTime, caddyPath, caddyTook, caddyStatus} }

func (caddyDialect) take(l *jsonLine, sink record.Sink) (bool, error) {
	t, ok, err := l.time(l.at(caddyTime), sink)
	if err != nil {
		return true, err
	}
	took, ok2 := number.DurationWithUnit(l.raw(caddyTook), 9)
	if !ok || !ok2 {
		return l.malformed(sink, "a Caddy line whose time or duration is none; it was left out")
	}
	r := l.request(record.LayerRouter)
	r.Start, r.End = t-record.Time(took), t
	r.Method, r.Path = request.UpperMethod(l.text(bufMethod, caddyMethod)), l.text(bufPath, caddyPath)
	r.Client, r.User = l.text(bufClient, caddyClient, caddyRemote), l.text(bufUser, caddyUser)
	r.Container, r.ID = l.text(bufContainer, caddyUpstream), l.text(bufID, caddyID)
	if r.Status, ok = number.HTTPStatus(l.raw(caddyStatus)); !ok {
		r.Outcome = record.OutcomeUnknown // 0: nothing was written
		return true, sink.Request(r)
	}
	r.Outcome = outcome.OfRouter(r.Status, nil, true)
	return true, sink.Request(r)
}
