package request

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/outcome"
	"lastcall/collectors/record"
)

// Upstreams are the servers that nginx tried for one request, how long each took and what each answered, as it lists them:
//
//	upstream_addr          10.0.0.1:80, 10.0.0.2:80 : 10.0.0.3:80
//	upstream_response_time 12.004, 0.031 : 0.120
//	upstream_status        502, 200 : 200
//
// A comma stands where it went on to the next server as one failed (proxy_next_upstream: by default when the connection broke or the server
// did not answer in time), a colon where an answer sent it to other servers. The one line, written at the end, tells of what succeeded; the
// container that died under the request is named only here. Source: nginx ngx_http_upstream_module, $upstream_addr, $upstream_response_time.
type Upstreams struct{ Addrs, Took, Statuses []byte }

// maxTried bounds the servers of one list.
const maxTried = 16

// Several reports whether more than one was tried.
func (u *Upstreams) Several() bool { return len(u.Addrs) > 0 && bytes.IndexAny(u.Addrs, ", ") > 0 }

// Tell passes on what became of the request at every server but the last, each as a request of its own, and leaves the last in r, which
// holds the whole. The servers were tried one after the other from the beginning on. Where the lists do not fit each other, or tell no
// times, nothing is known of the others, and r stays as it is.
func (u *Upstreams) Tell(r *record.Request, sink record.Sink) error {
	var addrs, took, statuses list
	addrs.split(u.Addrs)
	took.split(u.Took)
	statuses.split(u.Statuses)
	n := addrs.n
	if took.n != n {
		return nil
	}
	told := statuses.n == n
	// Where no server was left to try, the name of their group stands last, without a port.
	for n > 0 && bytes.IndexByte(addrs.of[n-1], ':') < 0 {
		n--
	}
	if n < 2 {
		return nil
	}
	var durations [maxTried]time.Duration
	sum := time.Duration(0)
	for i := range n {
		d, ok := number.DurationWithUnit(took.of[i], 9)
		if !ok && string(took.of[i]) != "-" {
			return nil
		}
		durations[i] = d
		sum += d
	}
	if whole := r.End.Sub(r.Start); sum > whole+time.Duration(n)*time.Millisecond { // each is rounded
		return nil
	}
	last := *r
	at := r.Start
	for i := range n - 1 {
		r.Container, r.Start, r.End = addrs.of[i], at, at.Add(durations[i])
		r.Status = 0
		if told {
			r.Status, _ = number.HTTPStatus(statuses.of[i])
		}
		r.Retried = true
		r.Outcome = attempted(r.Status, durations[i], addrs.sent[i])
		at = r.End
		if err := sink.Request(r); err != nil {
			return err
		}
	}
	last.Start = min(at, last.End)
	*r = last
	return nil
}

// attempted is how a request ended at a server before it went to another; sent says that an answer sent it there.
func attempted(status int, took time.Duration, sent bool) record.Outcome {
	switch {
	case took == 0: // it did not listen, or was known to be down
		return record.Refused
	case status == 0 && !sent:
		return record.Cut
	}
	return outcome.OfRouter(status, nil, true)
}

// list is what stands between the commas and colons of a list.
type list struct {
	of   [maxTried][]byte
	sent [maxTried]bool // a colon follows
	n    int            // 0 where there are too many
}

func (l *list) split(b []byte) {
	for len(b) > 0 {
		one := b
		if i := bytes.IndexAny(b, ", "); i >= 0 {
			one, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		switch {
		case len(one) == 0:
		case len(one) == 1 && one[0] == ':':
			if l.n > 0 {
				l.sent[l.n-1] = true
			}
		case l.n == maxTried:
			l.n = 0
			return
		default:
			l.of[l.n] = one
			l.n++
		}
	}
}
