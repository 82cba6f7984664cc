package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"lastcall/analyze/finding"
)

// writeJSON writes the model itself, indented; schema.json is its JSON Schema (2020-12). Control and direction characters inside strings are escaped, so that the file
// is inert in a terminal and in a page; `<`, `>` and `&` too, so that it may be embedded anywhere.
func writeJSON(w *bytes.Buffer, r *finding.Report) error {
	c := *r
	if c.SchemaVersion == "" {
		c.SchemaVersion = finding.SchemaVersion
	}
	b, err := json.MarshalIndent(&c, "", "  ")
	if err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == '\n' || !hidden(r):
			w.Write(b[:n])
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(w, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			fmt.Fprintf(w, `\u%04x`, r)
		}
		b = b[n:]
	}
	w.WriteByte('\n')
	return nil
}

// maxReport bounds what ReadJSON takes into memory: a report with full charts is a few megabytes.
const maxReport = 256 << 20

// ReadJSON reads a report that [Write] wrote as JSON. Fields that it does not know are ignored, because additions do not
// change the schema version; a newer version is refused with what to do.
func ReadJSON(r io.Reader) (*finding.Report, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxReport+1))
	if err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	if len(b) > maxReport {
		return nil, fmt.Errorf("read the report: it is larger than %s, which no report is", bytesText(maxReport))
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, errors.New("read the report: it is empty; give a file written with --format json")
	}
	// The version alone first: a newer form may not fit the model at all.
	var head struct {
		SchemaVersion *string          `json:"schema_version"`
		Verdict       *json.RawMessage `json:"verdict"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("read the report: not a report in JSON: %w; give a file written with --format json", withOffset(b, err))
	}
	if head.SchemaVersion == nil || head.Verdict == nil {
		return nil, errors.New("read the report: this JSON is no report (schema_version or verdict is missing); " +
			"give a file written with --format json")
	}
	if v := *head.SchemaVersion; v != finding.SchemaVersion {
		major, _, _ := strings.Cut(v, ".")
		known, _ := strconv.Atoi(finding.SchemaVersion)
		if n, err := strconv.Atoi(major); err == nil && n > known {
			return nil, fmt.Errorf("read the report: it was written by a newer version of this program (schema %s, this one reads %s); "+
				"update this program, or write the report again with this one", clean(v), finding.SchemaVersion)
		} else if err != nil || n != known {
			return nil, fmt.Errorf("read the report: unknown schema version %q (this program reads %s)", clean(v), finding.SchemaVersion)
		}
	}
	rep := &finding.Report{}
	if err := json.Unmarshal(b, rep); err != nil {
		return nil, fmt.Errorf("read the report: %w", withOffset(b, err))
	}
	return rep, nil
}

// article puts "a" or "an" before the name that encoding/json gives to a value.
func article(value string) string {
	if value == "array" || value == "object" {
		return "an " + value
	}
	return "a " + value
}

// withOffset adds the line to an error of encoding/json that knows its offset, and keeps the names of Go's types out of it.
func withOffset(b []byte, err error) error {
	var offset int64 = -1
	var syn *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syn):
		offset = syn.Offset
	case errors.As(err, &typ):
		offset = typ.Offset
		what := "it"
		if typ.Field != "" {
			what = clean(typ.Field)
		}
		err = fmt.Errorf("%s is %s, which does not belong there", what, article(typ.Value))
	}
	if offset < 0 || offset > int64(len(b)) {
		return err
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(b[:offset], []byte("\n")), err)
}
