package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/cmd/internal/config"
	"lastcall/cmd/internal/units"
	"lastcall/collectors/record"
	"lastcall/report"

	"github.com/spf13/cobra"
)

// reportFlags say how a report is to look and where it goes.
type reportFlags struct {
	format   string
	outputs  []string
	timezone string
	noRedact bool
}

func (f *reportFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVarP(&f.format, "format", "f", "text", "format on stdout: text, markdown, json or html")
	fl.StringArrayVarP(&f.outputs, "output", "o", nil, "also write the report to `FILE`, whole or not at all; .txt .md .json .html, or .svg for the growth flame graph (repeatable)")
	fl.StringVar(&f.timezone, "timezone", "", "`ZONE` of clock times such as 10:06, and shown beside UTC in Markdown and HTML: an IANA name, or local (default UTC)")
	fl.BoolVar(&f.noRedact, "no-redact", false, "leave e-mails, addresses, ids and tokens in the report")
	complete(cmd, "format", "text", "markdown", "json", "html")
	_ = cmd.MarkFlagFilename("output", "txt", "md", "json", "html", "svg")
}

// complete offers fixed values for a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// reportOptions are reportFlags, checked.
type reportOptions struct {
	format   report.Format
	outputs  []outputFile
	location *time.Location // nil: UTC only
	noRedact bool
}

type outputFile struct {
	path   string
	format report.Format
}

func (f *reportFlags) options(zone config.Zone) (reportOptions, error) {
	var o reportOptions
	var err error
	if o.format, err = report.ParseFormat(f.format); err != nil || o.format == report.SVG {
		return o, usagef("--format %s: there is no such format; use text, markdown, json or html", f.format)
	}
	o.outputs, err = outputFiles(f.outputs, func(path string) (report.Format, error) {
		format, err := report.FormatForFile(path)
		if err != nil {
			return "", usagef("--output: %w", err)
		}
		return format, nil
	})
	if err != nil {
		return o, err
	}
	o.location = zone.Location
	if f.timezone != "" {
		if o.location, err = config.ParseZone(f.timezone); err != nil {
			return o, usagef("--timezone: %w", err)
		}
	}
	o.noRedact = f.noRedact
	return o, nil
}

// zone is the zone of clock times.
func (o reportOptions) zone() *time.Location {
	if o.location == nil {
		return time.UTC
	}
	return o.location
}

// queryFlags say what is asked.
type queryFlags struct {
	from, to     string
	service, env string
}

func (f *queryFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.from, "from", "", "begin of the window: RFC 3339 (2026-11-16T13:30:00Z) or an age (3h, 2d)")
	fl.StringVar(&f.to, "to", "", "end of the window, likewise (default: now, or the end of the files)")
	fl.StringVar(&f.service, "service", "", "only this `SERVICE`")
	fl.StringVar(&f.env, "env", "", "only this `ENV`")
}

func (f *queryFlags) query(now time.Time, loc *time.Location) (record.Query, error) {
	q := record.Query{Service: f.service, Env: f.env}
	for _, x := range []struct {
		name, text string
		into       *record.Time
	}{{"--from", f.from, &q.From}, {"--to", f.to, &q.To}} {
		if x.text == "" {
			continue
		}
		t, err := units.Instant(x.text, now, loc)
		if err != nil {
			return q, usagef("%s: %w", x.name, err)
		}
		if *x.into = record.TimeOf(t); *x.into == 0 {
			return q, usagef("%s %s lies outside the years that are kept (1679 to 2261)", x.name, x.text)
		}
	}
	if q.From != 0 && q.To != 0 && q.From >= q.To {
		return q, usagef("--from %s is not before --to %s", f.from, f.to)
	}
	if q.From != 0 && q.To == 0 && q.From > record.TimeOf(now) {
		return q, usagef("--from %s lies in the future", f.from)
	}
	return q, nil
}

// analysisFlags tell the analyzer what the evidence may not.
type analysisFlags struct {
	limit   string
	planned []string
	failOn  string
}

func (f *analysisFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.limit, "limit", "", "memory limit of a container, such as 512MB, where the evidence does not say it")
	fl.StringArrayVar(&f.planned, "planned", nil, "a window of planned restarts, `FROM..TO`: clock times (10:06..10:36) or RFC 3339 (repeatable)")
	f.registerFailOn(cmd)
}

func (f *analysisFlags) registerFailOn(cmd *cobra.Command) {
	registerFailOn(cmd, &f.failOn, "a finding", config.Never)
}

// registerFailOn adds the threshold for the exit code.
func registerFailOn(cmd *cobra.Command, into *string, what string, unset finding.Grade) {
	list := config.Thresholds()
	cmd.Flags().StringVar(into, "fail-on", "", fmt.Sprintf("exit with 3 when %s has at least this `GRADE`: %s (default %s)", what, config.OneOf(list), unset))
	complete(cmd, "fail-on", list...)
}

// analysisOptions are analysisFlags, checked.
type analysisOptions struct {
	limitBytes int64
	planned    []units.Span
	failOn     finding.Grade // empty: never
}

func (f *analysisFlags) options(now time.Time, loc *time.Location) (analysisOptions, error) {
	var o analysisOptions
	var err error
	if f.limit != "" {
		if o.limitBytes, err = units.Bytes(f.limit); err != nil {
			return o, usagef("--limit: %w", err)
		}
		if o.limitBytes < 1<<20 {
			return o, usagef("--limit: %q is %d bytes, in which no process fits: write the unit, such as 512MB", f.limit, o.limitBytes)
		}
	}
	for _, p := range f.planned {
		s, err := units.ParseSpan(p, now, loc)
		if err != nil {
			return o, usagef("--planned: %w", err)
		}
		o.planned = append(o.planned, s)
	}
	if f.failOn != "" {
		g, err := config.ParseGrade(f.failOn)
		if err != nil {
			return o, usagef("--fail-on: %w", err)
		}
		if g != config.Never {
			o.failOn = g
		}
	}
	return o, nil
}

// reaches reports whether the report holds a finding at or above g.
func reaches(r *finding.Report, g finding.Grade) bool {
	if g == "" {
		return false
	}
	bad := func(v finding.Verdict) bool {
		switch v.Cause {
		case finding.None, finding.PlannedRestart, "":
			return false
		}
		return v.Grade.Rank() >= g.Rank()
	}
	return bad(r.Verdict) || slices.ContainsFunc(r.Causes, bad)
}

// keyValues reads NAME=VALUE flags.
func keyValues(flag string, list []string, known []string) (map[string]string, error) {
	out := map[string]string{}
	for _, kv := range list {
		k, v, ok := strings.Cut(kv, "=")
		if !ok || k == "" || v == "" {
			return nil, usagef("%s %s: write NAME=VALUE, such as %s %s=…", flag, kv, flag, known[0])
		}
		if !slices.Contains(known, k) {
			return nil, usagef("%s: %q is not known; use one of %s", flag, k, strings.Join(known, ", "))
		}
		out[k] = v
	}
	return out, nil
}
