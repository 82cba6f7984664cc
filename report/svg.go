package report

import (
	"bytes"
	"fmt"
	"html/template"

	"lastcall/analyze/finding"
)

// writeSVG writes the flame graph of the growth alone, as a file that a browser opens offline: search and zoom are inside.
func writeSVG(buf *bytes.Buffer, r *finding.Report, o Options) error {
	if r.Charts == nil {
		return ErrNoFlame
	}
	v := layoutFlame(r.Charts.Flame)
	if v == nil {
		return ErrNoFlame
	}
	t, err := pageTemplates()
	if err != nil {
		return err
	}
	style, err := pageFile("flame.css")
	if err != nil {
		return err
	}
	script, err := pageFile("flame.js")
	if err != nil {
		return err
	}
	v.Style = template.CSS(style)
	// In XML a script is text: its comparisons must not be read as tags.
	v.Script = template.JS("//<![CDATA[\n" + script + "//]]>")
	view := struct {
		*flameView
		OuterWidth, OuterHeight, FootY float64
		Foot                           string
	}{v, v.Width + 20, v.Height + 36, v.Height + 14, redactionText(r)}
	if o.Version != "" {
		view.Foot += " lastcall " + clean(o.Version)
	}
	if err := t.ExecuteTemplate(buf, "flame-alone", view); err != nil {
		return fmt.Errorf("write the flame graph: %w", err)
	}
	return nil
}
