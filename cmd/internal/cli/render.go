package cli

import (
	"errors"
	"io"

	"lastcall/analyze/finding"
	"lastcall/report"
)

// render writes the files of --output, all or none, and then the report to stdout: a reader that goes away must not cost a
// file.
func (a *app) render(rep *finding.Report, ro reportOptions) error {
	files := a.newFiles()
	defer files.discard()
	for _, o := range ro.outputs {
		err := files.add(o.path, func(w io.Writer) error { return report.Write(w, rep, a.options(ro, o.format, terminal{})) })
		if errors.Is(err, report.ErrNoFlame) {
			// The rest of the report is worth having without the picture.
			a.say("lastcall: --output %s was not written: %v", o.path, report.ErrNoFlame)
			continue
		}
		if err != nil {
			return err
		}
	}
	if err := files.commit(); err != nil {
		return err
	}
	return report.Write(a.stdout, rep, a.options(ro, ro.format, a.out))
}

func (a *app) options(ro reportOptions, f report.Format, t terminal) report.Options {
	return report.Options{
		Format: f, Color: t.color, Width: t.width, Location: ro.location, NoRedact: ro.noRedact, Version: readBuild().version,
	}
}
