package access

import (
	"bytes"
	"time"

	"lastcall/collectors/record"
)

// RouterMessages reads router lines that travel as messages of another log.
type RouterMessages struct {
	heroku   *herokuRouterParser
	scalingo *scalingoRouterParser
}

// NewRouterMessages returns a reader; zone is that of times that name none.
func NewRouterMessages(zone *time.Location) *RouterMessages {
	src := &record.Source{}
	return &RouterMessages{
		heroku:   herokuRouter{zone}.NewParser(src).(*herokuRouterParser),
		scalingo: scalingoRouter{zone}.NewParser(src).(*scalingoRouterParser),
	}
}

// Parse handles a message that was written at a time, 0 where that is unknown; false where it is no router line. The error is the sink's.
func (m *RouterMessages) Parse(pos record.Pos, t record.Time, service, msg []byte, sink record.Sink) (bool, error) {
	i := routerMethod(msg)
	if i < 0 || !bytes.Contains(msg, []byte(" path=")) {
		return false, nil
	}
	if j := bytes.Index(msg, []byte("at=")); j >= 0 && j < i && isHerokuRouterBody(msg[j:]) {
		m.heroku.req.Pos, m.heroku.req.Service = pos, service
		return m.heroku.request(t, msg[j:], msg, sink)
	}
	if bytes.Contains(msg, []byte(" container=")) && bytes.Contains(msg, []byte(" duration=")) {
		m.scalingo.req.Pos, m.scalingo.req.Service = pos, service
		return m.scalingo.request(t, msg[i:], msg, sink)
	}
	return false, nil
}

// routerMethod is where the method stands in a router line; below 0: the message is none.
func routerMethod(msg []byte) int {
	return bytes.Index(msg[:min(len(msg), 300)], []byte("method="))
}

// MayBeRouterMessage spares most messages Parse.
func MayBeRouterMessage(msg []byte) bool { return routerMethod(msg) >= 0 }
