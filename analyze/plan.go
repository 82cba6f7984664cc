package analyze

// Plan adds windows in which restarts were planned to those of [Options], before [Analyzer.Report]. It is for windows that are
// known only once the evidence has been read: "10:06..10:36" is of the days that the evidence covers.
func (a *Analyzer) Plan(windows ...Window) { a.Opts.Planned = append(a.Opts.Planned, windows...) }
