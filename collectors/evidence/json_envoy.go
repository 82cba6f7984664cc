package evidence

import (
	"bytes"

	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/outcome"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// envoyDialect reads Envoy's access log in JSON, as Istio and Envoy Gateway write it. duration is milliseconds, start_time the
// beginning. Source: Envoy documentation, "Access logging", default JSON format.
type envoyDialect struct{}

const (
	envoyTime = iota
	envoyMethod
	envoyPath
	envoyOrigPath
	envoyOriginPath
	envoyStatus
	envoyTook
	envoyFlags
	envoyUpstream
	envoyID
	envoyID2
	envoyClient
	envoyXFF
)

func (envoyDialect) name() string { return "envoy" }

func (envoyDialect) paths() []string {
	return []string{
		"start_time", "method", "path", ":path", "x-envoy-origin-path", "response_code", "duration", "response_flags", "upstream_host",
		"x-request-id", "request_id", "downstream_remote_address", "x-forwarded-for",
	}
}

func (envoyDialect) needs() []int { return []int{envoyTime, envoyStatus, envoyMethod} }

func (envoyDialect) take(l *jsonLine, sink record.Sink) (bool, error) {
	start, ok, err := l.time(l.at(envoyTime), sink)
	if err != nil {
		return true, err
	}
	status, ok2 := number.HTTPStatus(l.raw(envoyStatus))
	if !ok || !ok2 && string(l.raw(envoyStatus)) != "0" {
		return l.malformed(sink, "an Envoy line whose time or status is none; it was left out")
	}
	r := l.request(record.LayerRouter)
	r.Start, r.Status = start, status
	if l.has(envoyTook) {
		took, ok := number.Duration(l.raw(envoyTook), 6)
		if !ok {
			return l.malformed(sink, "an Envoy line whose duration is none; it was left out")
		}
		r.End = start + record.Time(took)
	} else if err := warning.Tell(sink, l.pos, "no_duration", "access log lines without a duration; add it to the log format", l.line); err != nil {
		return true, err
	}
	r.Method, r.Path = request.UpperMethod(l.text(bufMethod, envoyMethod)), l.text(bufPath, envoyOriginPath, envoyPath, envoyOrigPath)
	r.Container, r.ID = l.text(bufContainer, envoyUpstream), l.text(bufID, envoyID, envoyID2)
	r.Client = request.FirstAddress(l.text(bufClient, envoyXFF))
	if len(r.Client) == 0 {
		r.Client = l.text(bufClient, envoyClient)
		if i := bytes.LastIndexByte(r.Client, ':'); i > 0 {
			r.Client = r.Client[:i]
		}
	}
	r.Outcome = outcome.OfEnvoy(l.text(bufOther, envoyFlags), status, len(r.Container) > 0)
	return true, sink.Request(r)
}
