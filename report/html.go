package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"

	"lastcall/analyze/finding"
)

//go:embed page
var pageFiles embed.FS

// Trusted contents of the page itself, as against strings of a report.
type (
	flameStyle  = template.CSS
	flameScript = template.JS
)

// writeHTML writes one self-contained file: no request leaves it, which its content security policy also enforces (only the
// style and the script that are part of this program may act, by their hashes). Charts are drawn here, as SVG, and can be read
// without the script, which adds hover, zoom, search and sorting.
func writeHTML(buf *bytes.Buffer, r *finding.Report, o Options) error {
	t, err := pageTemplates()
	if err != nil {
		return err
	}
	style, err := pageFile("style.css", "flame.css")
	if err != nil {
		return err
	}
	script, err := pageFile("flame.js", "page.js")
	if err != nil {
		return err
	}
	p := newPageView(r, o)
	p.Style, p.Script = template.CSS(style), template.JS(script)
	p.CSP = "default-src 'none'; style-src " + hashSource(style) + "; script-src " + hashSource(script) + "; base-uri 'none'; form-action 'none'"
	if err := t.ExecuteTemplate(buf, "page", p); err != nil {
		return fmt.Errorf("write the report as HTML: %w", err)
	}
	return nil
}

// pageTemplates reads the templates of the page.
func pageTemplates() (*template.Template, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"add": func(a, b any) float64 { return round2(number(a) + number(b)) },
		"neg": func(a float64) float64 { return -a },
	}).ParseFS(pageFiles, "page/*.gohtml")
	if err != nil {
		return nil, fmt.Errorf("templates of the report: %w", err)
	}
	return t, nil
}

// number takes the constants of a template as well as fields.
func number(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

// pageFile joins files of the page.
func pageFile(names ...string) (string, error) {
	var b strings.Builder
	for _, n := range names {
		f, err := pageFiles.ReadFile("page/" + n)
		if err != nil {
			return "", fmt.Errorf("files of the report: %w", err)
		}
		b.Write(f)
	}
	return b.String(), nil
}

// hashSource names a style or script to the content security policy.
func hashSource(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
