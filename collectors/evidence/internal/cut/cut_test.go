package cut

import "testing"

func TestColoursAreCutOutAndOtherEscapesStay(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"plain", "plain"},
		{"\x1b[33mweb |\x1b[0m x", "web | x"},
		{"\x1b[38;5;214ma\x1b[m", "a"},
		{"\x1b[38:2::1:2:3ma", "a"},
		{"\x1b[0K\x1b[Ka", "a"},
		{"\x1b", "\x1b"},
		{"a\x1b[", "a\x1b["},
		{"a\x1b[31", "a\x1b[31"},
		{"a\x1b[2Jb", "a\x1b[2Jb"},
		{"a\x1b]0;title\x07\x1b[1mb", "a\x1b]0;title\x07b"},
		{"\x1b\x1b[1m\x1b", "\x1b\x1b"},
	} {
		if got := string(AppendPlain(nil, []byte(c.text))); got != c.want {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}
