package evidence

import (
	"bytes"

	"lastcall/collectors/record"
)

// pinoDialect reads what pino writes with pino-http, hapi-pino or Fastify, and bunyan with restify's audit log:
//
//	{"level":30,"time":1794835850897,"pid":23208,"hostname":"web-3","req":{"id":"99e0","method":"GET","url":"/api/x",
//	 "remoteAddress":"162.167.52.211"},"userId":"115838","res":{"statusCode":200},"responseTime":297.654,"msg":"request completed"}
//	{"level":30,"time":…,"req":{…},"msg":"incoming request"}
//	{"level":30,"time":…,"req":{…},"res":{…},"responseTime":12,"msg":"[response] get /x 200 (12ms)"}
//
// The time of a completed request is its end. Durations are milliseconds. Lines of other things that the application says are
// looked through for the last words of a process. Sources: pino-http, hapi-pino, fastify/lib/logger, restify audit logger.
type pinoDialect struct{}

const (
	pinoTime = iota
	pinoMsg
	pinoLevel
	pinoPID
	pinoHostname
	pinoReqID
	pinoMethod
	pinoURL
	pinoAddress
	pinoHeaderID
	pinoStatus
	pinoTook
	pinoLatency
	pinoTopReqID
	pinoRoute
	pinoReqRoute
	pinoReqRoutePath
	pinoUser
	pinoUserID
	pinoReqUser
	pinoReqUserID
	pinoVersion
	pinoService
)

func (pinoDialect) name() string { return "pino" }

func (pinoDialect) paths() []string {
	return []string{
		"time", "msg", "level", "pid", "hostname", "req.id", "req.method", "req.url", "req.remoteAddress", "req.headers.x-request-id",
		"res.statusCode", "responseTime", "latency", "reqId", "route", "req.route", "req.route.path", "userId", "user_id", "req.userId",
		"req.user_id", "version", "service",
	}
}

func (pinoDialect) needs() []int { return []int{pinoTime} }

func (pinoDialect) take(l *jsonLine, sink record.Sink) (bool, error) {
	if !l.has(pinoLevel) && !l.has(pinoPID) && !l.has(pinoHostname) {
		return false, nil
	}
	if !l.has(pinoMethod) && !l.has(pinoURL) && !l.has(pinoStatus) && !(l.has(pinoTopReqID) && l.has(pinoTook)) {
		return false, nil
	}
	msg := l.raw(pinoMsg)
	took := l.raw(pinoTook)
	if took == nil {
		took = l.raw(pinoLatency)
	}
	completed := took != nil
	if !completed && (l.has(pinoStatus) || !saysStarted(msg)) {
		return false, nil
	}
	t, ok, err := l.time(l.at(pinoTime), sink)
	if err != nil {
		return true, err
	}
	if !ok {
		return l.malformed(sink, "a log line whose time is none; it was left out")
	}
	r := l.request(record.LayerApp)
	pinoOrigin(l, r)
	r.Method = upperMethod(l.text(bufMethod, pinoMethod))
	r.Path = l.text(bufPath, pinoURL)
	r.Route = l.text(bufRoute, pinoRoute, pinoReqRoute, pinoReqRoutePath)
	r.ID = l.text(bufID, pinoHeaderID, pinoReqID, pinoTopReqID)
	r.User = l.text(bufUser, pinoUser, pinoUserID, pinoReqUser, pinoReqUserID)
	r.Client = l.text(bufClient, pinoAddress)
	r.End = t
	if !completed {
		r.Phase, r.Outcome, r.Start = record.Started, record.OutcomeUnknown, t
		return true, sink.Request(r)
	}
	d, ok := durationOf(took, 6)
	if !ok {
		return l.malformed(sink, "a log line whose responseTime is no duration; it was left out")
	}
	r.Start = t - record.Time(d)
	if l.has(pinoStatus) {
		if r.Status, ok = statusOf(l.raw(pinoStatus)); !ok {
			return l.malformed(sink, "a log line whose res.statusCode is no HTTP status; it was left out")
		}
	}
	if r.Status == 499 || bytes.HasPrefix(msg, []byte("request aborted")) {
		r.Outcome = record.ClientGone
	}
	return true, sink.Request(r)
}

// pinoOrigin says who wrote a line.
func pinoOrigin(l *jsonLine, r *record.Request) {
	r.Container, r.Instance = l.text(bufContainer, pinoHostname), l.text(bufInstance, pinoPID)
	if len(l.frame.container) > 0 {
		// The platform knows better which of its containers wrote than the process, whose host name is often a random id.
		r.Container, r.Host = l.frame.container, r.Container
	}
	r.Service, r.Version = l.text(bufService, pinoService), l.text(bufVersion, pinoVersion)
}

// pinoChatter takes the lines that pinoDialect leaves: what the application says besides requests.
type pinoChatter struct{ pinoDialect }

func (pinoChatter) needs() []int { return []int{pinoTime, pinoLevel, pinoMsg} }

func (pinoChatter) take(l *jsonLine, sink record.Sink) (bool, error) {
	t, ok, err := l.time(l.at(pinoTime), sink)
	if err != nil {
		return true, err
	}
	if !ok {
		return l.malformed(sink, "a log line whose time is none; it was left out")
	}
	o := l.request(record.LayerApp)
	pinoOrigin(l, o)
	msg := l.unescaped(bufMessage, l.at(pinoMsg))
	return true, l.message(t, o.Container, o.Instance, o.Service, o.Host, o.Version, msg, sink)
}

// saysStarted recognises the messages with which libraries log that a request came in. Other lines that carry the request are what
// the application says while it works on it.
func saysStarted(msg []byte) bool {
	for _, s := range [...]string{
		"incoming request", "request started", "request received", "request start", "started request", "handling request", "[request]",
	} {
		if len(msg) >= len(s) && msg[0]|0x20 == s[0]|0x20 && hasPrefixFold(msg, s) {
			return true
		}
	}
	return false
}

func hasPrefixFold(b []byte, lower string) bool {
	return len(b) >= len(lower) && containsFold(b[:len(lower)], lower)
}
