package report

import (
	"bytes"
	"errors"

	"lastcall/analyze/finding"
)

func writeMarkdown(w *bytes.Buffer, r *finding.Report, o Options) error {
	return errors.New("markdown is not written yet")
}
func writeHTML(w *bytes.Buffer, r *finding.Report, o Options) error {
	return errors.New("html is not written yet")
}
func writeSVG(w *bytes.Buffer, r *finding.Report, o Options) error {
	return errors.New("svg is not written yet")
}
