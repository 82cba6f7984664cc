package evidence

import (
	"bytes"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/jsonscan"
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
	pinoBunyanID
)

func (pinoDialect) name() string { return "pino" }

func (pinoDialect) paths() []string {
	return []string{
		"time", "msg", "level", "pid", "hostname", "req.id", "req.method", "req.url", "req.remoteAddress", "req.headers.x-request-id",
		"res.statusCode", "responseTime", "latency", "reqId", "route", "req.route", "req.route.path", "userId", "user_id", "req.userId",
		"req.user_id", "version", "service", "req_id",
	}
}

func (pinoDialect) needs() []int { return []int{pinoTime} }

// request says where the line has its request; not ok: it is about none.
func (pinoDialect) request(l *jsonLine) (q jsonRequest, ok bool) {
	if !l.has(pinoLevel) && !l.has(pinoPID) && !l.has(pinoHostname) {
		return q, false
	}
	if !l.has(pinoMethod) && !l.has(pinoURL) && !l.has(pinoStatus) && !(l.has(pinoTopReqID) && l.has(pinoTook)) {
		return q, false
	}
	q = newJSONRequest()
	q.framed = true
	q.time, q.status, q.message = l.ref(pinoTime), l.ref(pinoStatus), l.ref(pinoMsg)
	q.took, q.scale = l.ref(pinoTook, pinoLatency), 6
	q.texts = [...]jsonscan.Ref{
		bufMethod:    l.textRef(pinoMethod),
		bufPath:      l.textRef(pinoURL),
		bufRoute:     l.textRef(pinoRoute, pinoReqRoute, pinoReqRoutePath),
		bufID:        l.textRef(pinoHeaderID, pinoReqID, pinoTopReqID, pinoBunyanID),
		bufContainer: l.textRef(pinoHostname),
		bufInstance:  l.textRef(pinoPID),
		bufHost:      jsonscan.None,
		bufService:   l.textRef(pinoService),
		bufVersion:   l.textRef(pinoVersion),
		bufUser:      l.textRef(pinoUser, pinoUserID, pinoReqUser, pinoReqUserID),
		bufClient:    l.textRef(pinoAddress),
	}
	return q, true
}

// refuses implements refuser.
func (d pinoDialect) refuses(l *jsonLine) bool {
	_, ok := d.request(l)
	return !ok
}

func (d pinoDialect) take(l *jsonLine, sink record.Sink) (bool, error) {
	q, ok := d.request(l)
	if !ok || q.took == jsonscan.None && (q.status != jsonscan.None || !saysStarted(l.raw(pinoMsg))) {
		return false, nil
	}
	t, ok, err := l.lineTime(l.at(pinoTime), sink, "a log line")
	if err != nil || !ok {
		return true, err
	}
	return l.send(d, &q, t, sink)
}

func (pinoDialect) layer(_, _ []byte) record.Layer { return record.LayerApp }

func (pinoDialect) outcome(_ record.Layer, status int, msg []byte) record.Outcome {
	if status == 499 || bytes.HasPrefix(msg, []byte("request aborted")) {
		return record.ClientGone
	}
	return record.Answered
}

func (pinoDialect) complaints() (took, status string) {
	return "a log line whose responseTime is no duration; it was left out",
		"a log line whose res.statusCode is no HTTP status; it was left out"
}

// pinoChatter takes the lines that pinoDialect leaves: what the application says besides requests.
type pinoChatter struct{ pinoDialect }

func (pinoChatter) needs() []int { return []int{pinoTime, pinoLevel, pinoMsg} }

func (pinoChatter) take(l *jsonLine, sink record.Sink) (bool, error) {
	t, ok, err := l.lineTime(l.at(pinoTime), sink, "a log line")
	if err != nil || !ok {
		return true, err
	}
	q := newJSONRequest()
	q.framed = true
	q.time, q.message = l.ref(pinoTime), l.ref(pinoMsg)
	q.texts[bufContainer], q.texts[bufInstance] = l.textRef(pinoHostname), l.textRef(pinoPID)
	q.texts[bufService], q.texts[bufVersion] = l.textRef(pinoService), l.textRef(pinoVersion)
	return true, l.say(&q, t, sink)
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
	return len(b) >= len(lower) && cut.ContainsFold(b[:len(lower)], lower)
}
