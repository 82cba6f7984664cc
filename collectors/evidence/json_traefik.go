package evidence

import (
	"bytes"

	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/outcome"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/record"
)

// traefikDialect reads Traefik's access log in JSON. Duration is nanoseconds, StartUTC the beginning, time the end. Source: Traefik
// documentation, "Access logs", available fields.
type traefikDialect struct{}

const (
	traefikMethod = iota
	traefikPath
	traefikStatus
	traefikTook
	traefikStart
	traefikTime
	traefikAddr
	traefikURL
	traefikURLHost
	traefikClient
	traefikService
	traefikID
)

func (traefikDialect) name() string { return "traefik" }

func (traefikDialect) paths() []string {
	return []string{
		"RequestMethod", "RequestPath", "DownstreamStatus", "Duration", "StartUTC", "time", "ServiceAddr", "ServiceURL",
		"ServiceURL.Host", "ClientHost", "ServiceName", "request_X-Request-Id",
	}
}

func (traefikDialect) needs() []int { return []int{traefikPath, traefikTook, traefikStatus} }

func (traefikDialect) take(l *jsonLine, sink record.Sink) (bool, error) {
	took, ok := number.Duration(l.raw(traefikTook), 0)
	status, ok2 := number.HTTPStatus(l.raw(traefikStatus))
	if !ok || !ok2 {
		return l.malformed(sink, "a Traefik line whose duration or status is none; it was left out")
	}
	start, ok, err := l.time(l.at(traefikStart), sink)
	if err != nil {
		return true, err
	}
	if !ok {
		end, ok, err := l.time(l.at(traefikTime), sink)
		if err != nil {
			return true, err
		}
		if !ok {
			return l.malformed(sink, "a Traefik line without a time; it was left out")
		}
		start = end - record.Time(took)
	}
	r := l.request(record.LayerRouter)
	r.Start, r.End, r.Status = start, start+record.Time(took), status
	r.Method, r.Path = request.UpperMethod(l.text(bufMethod, traefikMethod)), l.text(bufPath, traefikPath)
	r.Container = l.text(bufContainer, traefikAddr, traefikURLHost, traefikURL)
	if i := bytes.Index(r.Container, []byte("://")); i >= 0 {
		r.Container = r.Container[i+3:]
	}
	r.Client, r.Service, r.ID = l.text(bufClient, traefikClient), l.text(bufService, traefikService), l.text(bufID, traefikID)
	r.Outcome = outcome.OfRouter(status, nil, len(r.Container) > 0)
	return true, sink.Request(r)
}
