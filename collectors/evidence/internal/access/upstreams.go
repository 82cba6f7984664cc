package access

import (
	"bytes"

	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/request"
)

// findUpstreams finds the lists among the tokens after the status of a line in a text format that does not name them, as the ingress of nginx
// writes them: `10.0.0.1:80, 10.0.0.2:80 0, 59 12.004, 0.031 502, 200`, the second the lengths of the answers.
func findUpstreams(u *request.Upstreams, tail []byte) {
	for len(tail) > 0 {
		list, rest := cutList(tail)
		tail = rest
		first, _, several := bytes.Cut(list, []byte(","))
		if !several {
			if first, _, several = bytes.Cut(list, []byte(" ")); !several {
				continue
			}
		}
		switch {
		case u.Addrs == nil:
			if bytes.IndexByte(first, ':') > 0 {
				u.Addrs = list
			}
		case u.Took == nil:
			if isSeconds(first) {
				u.Took = list
			}
		case u.Statuses == nil:
			if _, ok := number.HTTPStatus(first); ok {
				u.Statuses = list
			}
		}
	}
}

// cutList cuts the next list off b: a token, and those that a comma or a colon ties to it.
func cutList(b []byte) (list, rest []byte) {
	b = bytes.TrimLeft(b, " ")
	whole := b
	for tied := true; tied && len(b) > 0; {
		tok, open, after := token(b)
		if open != 0 {
			if len(b) == len(whole) {
				b = after
			}
			break
		}
		b = after
		tied = len(tok) > 0 && (tok[len(tok)-1] == ',' || len(tok) == 1 && tok[0] == ':') || bytes.HasPrefix(b, []byte(": "))
	}
	return bytes.TrimRight(whole[:len(whole)-len(b)], " "), b
}
