package evidence

import (
	"bytes"
	"context"
	"errors"
	"io"

	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// jsonArray reads log entries that stand in one JSON document, pretty-printed or not, rather than one per line: an answer of
// Datadog's API, {"data":[…],"meta":{…}}, or a bare array, as browsers and jq save them. The entries are those of jsonLines.
type jsonArray struct{ lines *jsonLines }

func (jsonArray) Requests()    {}
func (jsonArray) Name() string { return "json-array" }

// errEnough ends the look at the head.
var errEnough = errors.New("enough seen")

func (f jsonArray) Sniff(head []byte) int {
	score, _ := f.sniff(head)
	return score
}

// Dialect is the name of the dialect of the first entries.
func (f jsonArray) Dialect(head []byte) string {
	_, name := f.sniff(head)
	return name
}

func (f jsonArray) sniff(head []byte) (int, string) {
	b := bytes.TrimLeft(head, " \t\r\n")
	if len(b) < 2 || b[0] != '[' && (b[0] != '{' || !bytes.Contains(b[:min(len(b), 16<<10)], []byte(`"data"`))) {
		return 0, ""
	}
	p := f.lines.NewParser(&record.Source{}).(*jsonLine)
	name := ""
	seen := 0
	_ = jsondoc.EachElement(context.Background(), bytes.NewReader(b), "data", func(_ int64, element []byte) error {
		if handled, _ := p.ParseLine(1, element, record.Discard{}); handled {
			name = f.lines.dialects[p.taken].name()
			return errEnough
		}
		if seen++; seen == 20 {
			return errEnough
		}
		return nil
	})
	if name == "" {
		return 0, ""
	}
	return 96, name
}

// Parse implements WholeFormat; the line of a record is the number of its element.
func (f jsonArray) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	p := f.lines.NewParser(src).(*jsonLine)
	return jsondoc.EachElement(ctx, r, "data", func(i int64, element []byte) error {
		handled, err := p.ParseLine(i, element, sink)
		if err == nil && !handled {
			err = warning.Tell(sink, record.Pos{Source: src, Line: i}, "malformed_line", "an element of the document that is no log entry; it was left out", element)
		}
		return err
	})
}
