package report

import (
	"encoding/json"
	"strings"
)

// evidenceText is what a piece of evidence says to people: of an event in JSON its kind, its reason and its message rather than its
// braces. The JSON report keeps the text as it stands; so does this where nothing in it is for people.
func evidenceText(text string) string {
	text = clean(text)
	// What was masked was looked for in the text as written: escapes could hide some of it.
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
	return clean(strings.Join(head, ": "))
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
