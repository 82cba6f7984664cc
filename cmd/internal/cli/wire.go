package cli

import (
	"fmt"
	"os"
	"time"

	"lastcall/collectors/capture"
	"lastcall/collectors/evidence"
	"lastcall/collectors/pprof"
	"lastcall/collectors/record"
)

// sources turns the command line into collectors: the paths given, else the live sources.
func (a *app) sources(paths []string, live liveOptions, zone *time.Location) ([]record.Collector, error) {
	var out []record.Collector
	var plain []string
	stdin := false
	for _, p := range paths {
		switch p {
		case "-":
			if stdin {
				return nil, usagef("- is given twice, and stdin can be read once")
			}
			if stdin = true; a.stdinIsTerminal() {
				return nil, usagef("- means stdin, and stdin is a terminal; pipe logs in, or name files")
			}
			plain = append(plain, p)
		case "":
			return nil, usagef("an empty path was given; was a variable not set?")
		default:
			st, err := os.Stat(p)
			if err != nil {
				return nil, fmt.Errorf("%w\n  give files or folders that are there; `lastcall investigate --help` says what is read", err)
			}
			if st.IsDir() && capture.Is(p) {
				out = append(out, capture.New(p))
			} else {
				plain = append(plain, p)
			}
		}
	}
	if len(plain) > 0 {
		out = append(out, a.files(plain, zone))
	}
	if live.pprof != nil {
		c, err := a.pprofCollector(*live.pprof)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if len(paths) == 0 && live.datadog != nil {
		c, err := a.datadogCollector(*live.datadog)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		if live.missingKeys != "" {
			return nil, usagef("%s", live.missingKeys)
		}
		return nil, usagef("there is nothing to look at: give files or folders, set DD_API_KEY and DD_APP_KEY, or use --pprof URL\n" +
			"  `lastcall demo` shows what comes of it")
	}
	return out, nil
}

// pprofCollector asks live processes.
func (a *app) pprofCollector(o pprofOptions) (record.Collector, error) {
	return a.pprofTo(o, nil)
}

// pprofTo asks live processes, and keeps what they give in a capture when there is one.
func (a *app) pprofTo(o pprofOptions, w *capture.Writer) (record.Collector, error) {
	opts := pprof.Options{
		URLs: o.urls, Header: o.headers, CA: o.ca, Every: o.every, For: o.during, Now: a.sys.Now, Capture: w,
		OnRound: func(round, rounds int) {
			if rounds > 1 {
				a.progress.set(int64(round-1), int64(rounds))
				a.log.Info("taking profiles", "round", round, "of", rounds)
			}
		},
	}
	var stop chan struct{}
	if o.reported && o.every > 0 {
		stop = make(chan struct{})
		opts.Stop = stop
	}
	c, err := pprof.New(opts)
	if err != nil {
		return nil, usagef("--pprof: %w", err)
	}
	if stop != nil {
		return &timed{c, a, stop}, nil
	}
	return c, nil
}

// files reads what the paths hold.
func (a *app) files(paths []string, zone *time.Location) record.Collector {
	o := evidence.Options{Paths: paths, Stdin: a.sys.Stdin, NoZone: zone}
	if a.progress.show {
		o.Progress = a.progress.set
	}
	return evidence.New(o)
}
