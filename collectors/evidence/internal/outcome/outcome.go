// Package outcome tells how a request ended, by the status and the words with which routers and proxies log it.
package outcome

import (
	"bytes"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/record"
)

// OfRouter tells how a router that gives an HTTP status and perhaps a reason in words saw a request end. backend says whether a
// container was chosen.
func OfRouter(status int, reason []byte, backend bool) record.Outcome {
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

// PassedOn is OfRouter for an answer of which the proxy says that it passed it on whole: a 502 or 504 is then the application's own word
// about something behind it, and nothing broke. Most proxies do not say that, and make such an answer themselves when a connection breaks.
func PassedOn(status int) record.Outcome {
	if status == 499 {
		return record.ClientGone // whom a proxy further back saw leave
	}
	return record.Answered
}

// OfEnvoy reads the response flags, nil where the line has none. Source: Envoy documentation, "%RESPONSE_FLAGS%".
func OfEnvoy(flags []byte, status int, backend bool) record.Outcome {
	if backend && string(flags) == "-" { // nothing happened to the answer
		return PassedOn(status)
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
	return OfRouter(status, nil, backend)
}
