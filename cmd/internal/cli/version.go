package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set by the linker in releases; a build with plain `go build` or `go install` reads the build info instead.
var buildVersion, buildCommit, buildDate string

type build struct{ version, commit, date string }

// readBuild tells what this program was built from.
func readBuild() build {
	b := build{buildVersion, buildCommit, buildDate}
	info, ok := debug.ReadBuildInfo()
	if ok {
		if b.version == "" && info.Main.Version != "" && info.Main.Version != "(devel)" {
			b.version = info.Main.Version
		}
		modified := ""
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				if b.commit == "" {
					b.commit = s.Value
				}
			case "vcs.time":
				if b.date == "" {
					b.date = s.Value
				}
			case "vcs.modified":
				if s.Value == "true" && buildCommit == "" {
					modified = "+changes"
				}
			}
		}
		if b.commit != "" {
			b.commit += modified
		}
	}
	if b.version == "" {
		b.version = "devel"
	}
	return b
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is, and what it was built from",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			fmt.Fprintf(a.stdout, "lastcall %s\n", b.version)
			if b.commit != "" {
				fmt.Fprintf(a.stdout, "commit   %s\n", b.commit)
			}
			if b.date != "" {
				fmt.Fprintf(a.stdout, "date     %s\n", b.date)
			}
			fmt.Fprintf(a.stdout, "built    %s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
