package evidence

import (
	"bytes"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/record"
)

// routerOutcome tells how a router that gives an HTTP status and perhaps a reason in words saw a request end. backend says whether a
// container was chosen.
func routerOutcome(status int, reason []byte, backend bool) record.Outcome {
	if len(reason) > 0 {
		has := func(words ...string) bool {
			for _, w := range words {
				if cut.ContainsFold(reason, w) {
					return true
				}
			}
			return false
		}
		switch {
		case has("client") && has("closed", "disconnect", "gone", "abort"):
			return record.ClientGone
		case has("refused", "no backend", "no route", "unreachable", "no available", "not running", "no container"):
			return record.Refused
		case has("timeout", "timed out"):
			return record.GaveUp
		case has("closed", "reset", "broken pipe", "eof", "without response", "interrupted"):
			return record.Cut
		}
	}
	switch status {
	case 499:
		return record.ClientGone
	case 502:
		return record.Cut
	case 503:
		if !backend || len(reason) > 0 {
			return record.Refused
		}
	case 504:
		return record.GaveUp
	}
	return record.Answered
}

// passedOn is routerOutcome for an answer of which the proxy says that it passed it on whole: a 502 or 504 is then the application's own word
// about something behind it, and nothing broke. Most proxies do not say that, and make such an answer themselves when a connection breaks.
func passedOn(status int) record.Outcome {
	if status == 499 {
		return record.ClientGone // whom a proxy further back saw leave
	}
	return record.Answered
}

// envoyOutcome reads the response flags, nil where the line has none. Source: Envoy documentation, "%RESPONSE_FLAGS%".
func envoyOutcome(flags []byte, status int, backend bool) record.Outcome {
	if backend && string(flags) == "-" { // nothing happened to the answer
		return passedOn(status)
	}
	for len(flags) > 0 {
		var flag []byte
		flag, flags, _ = bytes.Cut(flags, []byte(","))
		switch string(flag) {
		case "UF", "UH", "UO", "NR", "NC", "NFCF", "LH":
			return record.Refused
		case "UT", "SI", "DT", "UMSDR":
			return record.GaveUp
		case "UC", "UR", "UPE", "LR":
			return record.Cut
		case "DC":
			return record.ClientGone
		}
	}
	return routerOutcome(status, nil, backend)
}

// orNone cuts the dash that stands for nothing.
func orNone(b []byte) []byte {
	if len(b) == 1 && b[0] == '-' {
		return nil
	}
	return b
}

// upperMethod returns the method in upper case; most are already.
func upperMethod(b []byte) []byte {
	for _, c := range b {
		if c >= 'a' && c <= 'z' {
			return bytes.ToUpper(b)
		}
	}
	return b
}

// firstAddress cuts a list of addresses ("client, proxy1, proxy2") to the client's.
func firstAddress(b []byte) []byte {
	if i := bytes.IndexByte(b, ','); i >= 0 {
		return bytes.TrimSpace(b[:i])
	}
	return b
}
