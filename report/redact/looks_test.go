package redact

import (
	"regexp"
	"strings"
	"testing"
)

// FuzzLooks: where a look says that an expression cannot match, it does not.
func FuzzLooks(f *testing.F) {
	for _, p := range planted {
		f.Add(p)
		f.Add("a " + p + " b")
		f.Add(strings.ToUpper(p))
	}
	for _, s := range []string{"to\u212aen abcdefgh", "user\u017f: x", `"pa\u017f\u017fword": x`, "Basic%20QWxhZGRpbg", "1-2-3-4-5-6-7-8-9-0-1-2", "login=>x", "a:b:c:d:e:f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l := lookAt(s)
		for _, x := range []struct {
			name string
			may  bool
			re   *regexp.Regexp
		}{
			{"header", l.names, header}, {"secret key", l.names, secretKey}, {"person key", l.names, personKey}, {"contact key", l.names, contactKey}, {"user key", l.names, userKey}, {"flag", strings.Contains(s, "--"), flag}, {"user flag", strings.Contains(s, "-u"), userFlag},
			{"scheme", mayHoldScheme(s), scheme}, {"well-known", l.mayHoldWellKnown(), wellKnown},
			{"UUID", l.mayHoldID(), uuid}, {"ULID", l.mayHoldID(), ulid}, {"hexadecimal", l.mayHoldID(), hexRun}, {"token", l.mayHoldID(), token},
			{"MAC", l.mayHoldMAC(), mac}, {"IPv4", l.mayHoldIPv4(), ipv4}, {"card", l.mayHoldCard(), cardRun}, {"IBAN", l.mayHoldIBAN(), ibanRun},
		} {
			if at := x.re.FindString(s); at != "" && !x.may {
				t.Errorf("%s: %q of %q was not to be looked for", x.name, at, s)
			}
		}
	})
}

// TestMostSentencesAreLookedAtOnly: the looks are worth their time.
func TestMostSentencesAreLookedAtOnly(t *testing.T) {
	const s = "4 of 4 crashes had a request of it open that began 12 to 40 s before; at a random quiet moment 0.3 % have one: fewer"
	l := lookAt(strings.ReplaceAll(s, ":", ","))
	if l.names || l.mayHoldWellKnown() || l.mayHoldID() || l.mayHoldMAC() || l.mayHoldIPv4() || l.mayHoldCard() || l.mayHoldIBAN() || mayHoldScheme(s) {
		t.Errorf("%+v, scheme %v", l, mayHoldScheme(s))
	}
}

func BenchmarkText(b *testing.B) {
	const s = "4 of 4 crashes had a request of it open that began 12 to 40 s before; at a random quiet moment 0.3 % have one"
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		Text(s)
	}
}
