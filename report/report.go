// Package report writes a [finding.Report] for people and machines: text, Markdown, JSON, HTML, and the flame graph alone as SVG.
//
// Everything written is a function of the report and the [Options]: no clock, no terminal, no environment. One renderer per
// format, in the files that begin with its name (the pictures of the page in those that begin with chart); what they have to say
// alike is worded once: numbers and units (number.go), the terms of the model (words*.go, checks.go, coverage.go). Strings from the evidence
// pass through one filter (clean.go) before they reach any format, because logs carry what attackers send. Unless the caller says
// otherwise, the report is redacted first (package redact). Nothing here concludes: what is not in the report is not said.
package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/report/internal/walk"
	"lastcall/report/redact"
)

// Format names an output format.
type Format string

// The formats.
const (
	Text     Format = "text"
	Markdown Format = "markdown"
	JSON     Format = "json"
	HTML     Format = "html"
	SVG      Format = "svg" // the flame graph of the heap growth alone
)

// Formats are all formats, in the order in which they are documented.
func Formats() []Format { return []Format{Text, Markdown, JSON, HTML, SVG} }

// Options are the settings of [Write]. The zero value writes redacted text, 100 columns wide, without colour.
type Options struct {
	// Format defaults to Text.
	Format Format
	// Color turns on terminal colours in Text; nothing else is affected.
	Color bool
	// Width bounds the lines of Text, in columns; 0 means 100. It is held between 40 and 100: longer lines do not paste.
	Width int
	// Location is the zone that is shown beside UTC in Markdown and HTML; nil means UTC only.
	Location *time.Location
	// NoRedact writes personal data and secrets as they are in the report; the output says so.
	NoRedact bool
	// Version is that of the program, for the last line; may be empty.
	Version string
}

const (
	minWidth = 40
	maxWidth = 100
)

// ErrNoFlame is returned by [Write] for [SVG] when the report has no heap growth to draw.
var ErrNoFlame = errors.New("no growth to draw: the evidence holds fewer than two comparable heap profiles; " +
	"give profiles of one process from before and during the growth")

// ParseFormat finds a format by the name that a flag takes ("text", "markdown", "json", "html", "svg", and the short "txt",
// "md").
func ParseFormat(name string) (Format, error) {
	switch n := strings.ToLower(strings.TrimSpace(name)); n {
	case "txt":
		return Text, nil
	case "md":
		return Markdown, nil
	default:
		for _, f := range Formats() {
			if n == string(f) {
				return f, nil
			}
		}
	}
	return "", fmt.Errorf("unknown format %q: use text, markdown, json, html or svg", name)
}

// FormatForFile finds a format by the extension of a file name.
func FormatForFile(path string) (Format, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".txt":
		return Text, nil
	case ".md", ".markdown":
		return Markdown, nil
	case ".json":
		return JSON, nil
	case ".html", ".htm":
		return HTML, nil
	case ".svg":
		return SVG, nil
	}
	return "", fmt.Errorf("cannot tell a format from the name %q: end it in .txt, .md, .json, .html or .svg", path)
}

// Write renders r in o.Format to w, in one Write call, so that a report arrives whole or not at all. r is not changed.
func Write(w io.Writer, r *finding.Report, o Options) error {
	b, err := render(r, o)
	if err != nil {
		return err
	}
	n, err := w.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("write the %s report: %w", orText(o.Format), err)
	}
	return nil
}

func orText(f Format) Format {
	if f == "" {
		return Text
	}
	return f
}

func render(r *finding.Report, o Options) ([]byte, error) {
	if r == nil {
		return nil, errors.New("no report to write")
	}
	o.Format = orText(o.Format)
	if o.Width == 0 {
		o.Width = maxWidth
	}
	o.Width = min(max(o.Width, minWidth), maxWidth)
	if o.NoRedact {
		r = walk.Copy(r, func(_ walk.Field, s string) string { return s })
	} else {
		r = redact.Report(r)
	}
	var buf bytes.Buffer
	var err error
	switch o.Format {
	case Text:
		err = writeText(&buf, r, o)
	case Markdown:
		err = writeMarkdown(&buf, r, o)
	case JSON:
		err = writeJSON(&buf, r)
	case HTML:
		err = writeHTML(&buf, r, o)
	case SVG:
		err = writeSVG(&buf, r, o)
	default:
		return nil, fmt.Errorf("unknown format %q: use text, markdown, json, html or svg", o.Format)
	}
	if err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
