package report

import (
	"encoding/json"
	"strings"

	"lastcall/report/redact"
)

// evidenceText is what a piece of evidence says to people: of an event in JSON its kind, its reason and its message rather than its
// braces. The JSON report keeps the text as it stands; so does this where nothing in it is for people. masked says that the report is
// redacted.
func evidenceText(text string, masked bool) string {
	text = clean(text)
	// What was masked was looked for in the text as written, where escapes could hide some of it ("\n4111…", "https:\/\/…"): what they
	// stand for is masked once more. A character by its number could also hide a name that only the whole report knows.
	if !strings.HasPrefix(text, "{") || strings.Contains(text, `\u`) {
		return text
	}
	said := topLevel(text)
	var head, rest []string
	take := func(into *[]string, label string, keys ...string) {
		for _, key := range keys {
			if v := said[key]; v != "" {
				*into = append(*into, label+v)
				return
			}
		}
	}
	take(&head, "", "type", "event", "action", "Action", "kind")
	take(&rest, "", "reason")
	take(&rest, "", "message", "msg", "note", "error", "result")
	if len(head)+len(rest) == 0 {
		return text
	}
	take(&rest, "exit code ", "exit_code", "exitCode", "exit_status")
	take(&rest, "", "signal")
	if len(rest) > 0 {
		head = append(head, strings.Join(rest, ", "))
	}
	words := clean(strings.Join(head, ": "))
	if masked && strings.Contains(text, `\`) {
		if words = redact.Text(words); words == "" {
			return text
		}
	}
	return words
}

// topLevel reads the texts and numbers of a JSON object by their names, as far as it goes: evidence may be cut off.
func topLevel(text string) map[string]string {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	said := map[string]string{}
	depth, key, value := 0, "", false
	for {
		t, err := d.Token()
		if err != nil {
			return said
		}
		switch t := t.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				depth++
			} else {
				depth--
			}
			value = false
			continue
		case string:
			if depth == 1 && !value {
				key, value = t, true
				continue
			}
			if depth == 1 && said[key] == "" {
				said[key] = t
			}
		case json.Number:
			if depth == 1 && said[key] == "" {
				said[key] = t.String()
			}
		}
		value = false
	}
}
