package redact

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"a card behind an escape", `{"message":"paid\n4111111111111111\tby\rjudy@example.org from\f203.0.113.9"}`, `{"message":"paid\n[card]\tby\r[email] from\f[ip]"}`},
		{"escapes stay", `{"message":"at C:\new\table\n\tat main.go:7"}`, ""},
		{"escaped slashes", `{"message":"GET https:\/\/h.example\/p?a=b \/users\/42\/x"}`, `{"message":"GET https://h.example/p /users/{id}/x"}`},
		{"characters by their numbers", `{"p\u0061ssword":"hunter2","m":"jane\u0040example.com\u000a4111111111111111"}`, `{"password":"[secret]","m":"[email] [card]"}`},
		{"a quote by its number stays within its text", `{"password":"a\u0022b","n":1}`, `{"password":"[secret]","n":1}`},
		{"half a character stays", `{"m":"\ud83d\ude00 \u12"}`, ""},
		{"prose stays as it is", "open at death in 4 of 4 crashes; in 3 of 412 comparable quiet windows (0.7%)", ""},
		{"times and sizes stay", "2026-11-16 13:47:57.249665527 +0000 UTC rss=202301440 at 1794836877860", ""},
		{"templates stay", "GET /api/users/{id}/profile and /users/:userId took 30 s", ""},
		{"route with an optional parameter stays a path", "GET /api/users/:id?/edit", ""},
		{"a question stays a question", "Did GET /api/users/{id}? No.", ""},
		{"the last words of V8 stay", "[23082:0xd596c50]   105131 ms: Mark-Compact (reduce) 126.8 (133.6) -> 126.5 (131.6) MB, 19.95 / 0.01 ms", ""},
		{"stack frames stay", " 2: 0xee8300 v8::Utils::ReportOOMFailure(v8::internal::Isolate*, char const*) [/usr/bin/node]", ""},
		{"file positions stay", "src/campaigns/domain/usecases/export-profiles-collection.js:41:7 and /app/profile.go:57", ""},
		{"package versions stay", "node_modules/@hapi/hapi, lodash@4.17.21, v312, node v20.20.2", ""},
		{"pod names stay", "pod captain-api-production-7d9f8b6c5d-x2x4z restarted", ""},
		{"camel case stays", "computeParticipantProfileForOrganizationAndCampaignV2Handler", ""},
		{"basic words stay", "basic authentication, bearer tokens, cookies and password rules", ""},
		{"query is dropped", "/api/x?user=laura&x=1 and https://h.example/p?a=b#frag", "/api/x and https://h.example/p"},
		{"query in quotes ends at the quote", `path="/a/b?c=d'e" next`, `path="/a/b" next`},
		{"query with an apostrophe goes on", "GET /a?name=O'Brien&mail=x HTTP/1.1", "GET /a HTTP/1.1"},
		{"a fragment with a token is dropped", "https://h.example/cb#access_token=abc123", "https://h.example/cb"},
		{"ids in paths", "GET /api/campaigns/48211/profiles/6c203d84-76a2-4b5d-a2d9-3604a8c5d9b9 then /u/507f1f77bcf86cd799439011/x", "GET /api/campaigns/{id}/profiles/{id} then /u/{id}/x"},
		{"ids in the path of a URL", "http://api.example/users/42/orders", "http://api.example/users/{id}/orders"},
		{"ids in slugs", "/posts/12345-my-holiday /posts/my-holiday-98765", "/posts/{id} /posts/{id}"},
		{"e-mail", "mail Jane.Doe+x@Example.co.uk now, or jane%40example.com", "mail [email] now, or [email]"},
		{"e-mail in a path", "/users/jane@example.com/x", "/users/[email]/x"},
		{"IPv4", "from 203.0.113.7, fwd=\"10.1.2.3:443\"", "from [ip], fwd=\"[ip]:443\""},
		{"IPv6", "from 2001:db8::7, [2001:DB8:0:0:0:0:0:1]:443 and ::ffff:10.0.0.1.", "from [ip], [[ip]]:443 and [ip]."},
		{"MAC", "eth0 00:1b:44:11:3a:b7", "eth0 [mac]"},
		{"JWT", "got eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c end", "got [jwt] end"},
		{"bearer", "Bearer abcdef0123456789", "Bearer [secret]"},
		{"authorization header", "authorization: Basic dXNlcjpwYXNz\nnext", "authorization: [secret]\nnext"},
		{"authorization in JSON", `{"headers":{"authorization":"Bearer x y","host":"h"}}`, `{"headers":{"authorization":"[secret]","host":"h"}}`},
		{"cookies to the end of the line", "Cookie: a=b; session=c; d=e\nHost: h", "Cookie: [secret]\nHost: h"},
		{"set-cookie in JSON", `"set-cookie":"sid=s%3Aabc; Path=/",1`, `"set-cookie":"[secret]",1`},
		{"password", "password=hunter2&x", "password=[secret]&x"},
		{"password of a command", "/usr/bin/api --password hunter2 --db-token 'abc def' --port 80 -u judy:hunter2 --user judy", "/usr/bin/api --password [secret] --db-token '[secret] def' --port 80 -u [secret] --user judy"},
		{"other keys", `secret_key=a1 "signingKey":"b2" session=c3; sid: d4, "auth":"e5" otp=123 inside: f6`, `secret_key=[secret] "signingKey":"[secret]" session=[secret]; sid: [secret], "auth":"[secret]" otp=[secret] inside: f6`},
		{"a user by that key alone", `"user":"judy.miller" user=judy user: 3 of them "user":{"plan":"free"}`, `"user":"[user]" user=[user] user: 3 of them "user":{"plan":"free"}`},
		{"password in JSON", `{"user":"x","password":"hun\"ter2","n":1}`, `{"user":"[user]","password":"[secret]","n":1}`},
		{"password in JSON in JSON", `{"msg":"{\"password\":\"hunter2\",\"n\":1}"}`, `{"msg":"{\"password\":\"[secret]\",\"n\":1}"}`},
		{"passwords in a list", `"db.passwords": 1, password: ["a1","b2"] end`, `"db.passwords": 1, password: [secret] end`},
		{"cut line with a password", `"password":"hunter2`, `"password":"[secret]`},
		{"API key with a prefix", "DD_API_KEY=0123456789abcdef0123456789abcdef x", "DD_API_KEY=[secret] x"},
		{"bare Datadog keys", "keys 0123456789abcdef0123456789abcdef 0123456789abcdef0123456789abcdef01234567", "keys [secret] [secret]"},
		{"AWS", "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "[secret] [secret]"},
		{"GitHub, GitLab, Slack, Stripe", "ghp_16C7e42F292c6912E7710c838347Ae178B4a glpat-abcdefghij0123456789 " + "xox" + "b-1234567890-abcdefghij " + "sk_" + "live_abcdefghijklmnop", "[secret] [secret] [secret] [secret]"},
		{"credentials in a URL", "postgres://app:s3cret@db.example:5432/main", "postgres://[secret]@db.example:5432/main"},
		{"private key", "x -----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY----- y", "x [secret] y"},
		{"card", "card 4111 1111 1111 1111, 4111-1111-1111-1111, 378282246310005", "card [card], [card], [card]"},
		{"a number that is no card stays", "4111 1111 1111 1112", ""},
		{"IBAN", "to DE89 3704 0044 0532 0130 00.", "to [iban]."},
		{"UUID", "request 6c203d84-76a2-4b5d-a2d9-3604a8c5d9b9 died", "request [id] died"},
		{"span id", "dd.span_id=1a2b3c4d5e6f7a8b", "dd.span_id=[id]"},
		{"random base64", "blob dGhpcyBpcyBhIHNlY3JldCB0b2tlbiBvZiBtaW5lIQ== end", "blob [secret] end"},
		{"user id key", `user_id=42, "userId":"abc", username: jane`, `user_id=[user], "userId":"[user]", username: [user]`},
		{"the user of a process stays", "Killed process 9615 (node) anon-rss:216540kB, shmem-rss:0kB, UID:1000 pgtables:2000kB", ""},
		{"another UID", "signed in UID:1000 from home", "signed in UID:[user] from home"},
		{"names and phones by key", `"first_name":"Jane","phone":"+33 6 12 34 56 78"`, `"first_name":"[personal]","phone":"[personal]"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = tt.in
			}
			got := Text(tt.in)
			if got != want {
				t.Errorf("Text(%q)\n got %q\nwant %q", tt.in, got, want)
			}
			if again := Text(got); again != got {
				t.Errorf("masking twice differs:\n once %q\ntwice %q", got, again)
			}
		})
	}
}

// planted are secrets that must not survive wherever they stand as a word.
var planted = []string{
	"jane.doe@example.com", "203.0.113.77", "2001:db8::dead:77",
	"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlMTIz", "AKIAIOSFODNN7EXAMPLE",
	"ghp_16C7e42F292c6912E7710c838347Ae178B4a", "0123456789abcdef0123456789abcdef",
	"0a1b2c3d4e5f60718293a4b5c6d7e8f901234567", "4111111111111111", "6c203d84-76a2-4b5d-a2d9-3604a8c5d9b9",
}

// TestNothingIsHiddenByNumbers: JSON may write any character by its number, and JSON within JSON has the backslash twice.
func TestNothingIsHiddenByNumbers(t *testing.T) {
	for _, p := range planted {
		for _, backslash := range []string{`\`, `\\`, `\\\\`} {
			var hidden strings.Builder
			for _, c := range p {
				fmt.Fprintf(&hidden, "%su%04X", backslash, c)
			}
			for _, in := range []string{hidden.String(), strings.ToLower(hidden.String()), strings.ReplaceAll(p, p[2:3], fmt.Sprintf("%su%04x", backslash, p[2]))} {
				got := Text(`{"m":"by ` + in + ` today"}`)
				if strings.Contains(got, p) || strings.Contains(got, in) || !strings.HasSuffix(got, ` today"}`) {
					t.Errorf("%s of %s became %s", in, p, got)
				}
			}
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "x", `{"a":"`, "Cookie: ", "password=", "/a/b?", "[", "\xff", "user=\"", "https://", "'", "\\", "eyJ", "::", "{id}"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, p := range planted {
			in := before + " " + p + " " + after
			if len(in) > 1<<14 {
				t.Skip("long")
			}
			// What the surroundings themselves hold is not planted.
			if strings.Contains(before, p) || strings.Contains(after, p) {
				continue
			}
			got := Text(in)
			if strings.Contains(got, p) {
				t.Fatalf("%q survived in %q", p, got)
			}
			if utf8.ValidString(in) && !utf8.ValidString(got) {
				t.Fatalf("broken UTF-8 from %q: %q", in, got)
			}
		}
	})
}

func TestWriter(t *testing.T) {
	var buf bytes.Buffer
	w := NewWriter(&buf)
	for _, p := range []string{"from 203.0.", "113.7\nand pass", "word=hunter2\nrest a@b.ex"} {
		if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatalf("Write(%q) = %d, %v", p, n, err)
		}
	}
	if got, want := buf.String(), "from [ip]\nand password=[secret]\n"; got != want {
		t.Errorf("before Flush: got %q, want %q", got, want)
	}
	if _, err := w.Write([]byte("ample")); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if got, want := buf.String(), "from [ip]\nand password=[secret]\nrest [email]"; got != want {
		t.Errorf("after Flush: got %q, want %q", got, want)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriterPassesErrorsOn(t *testing.T) {
	if _, err := NewWriter(failing{}).Write([]byte("x\n")); err == nil {
		t.Error("no error from a failing writer")
	}
}
