package report

import (
	"bytes"
	"errors"

	"lastcall/analyze/finding"
)

func writeHTML(w *bytes.Buffer, r *finding.Report, o Options) error {
	return errors.New("html is not written yet")
}
func writeSVG(w *bytes.Buffer, r *finding.Report, o Options) error {
	return errors.New("svg is not written yet")
}
