package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "lastcall",
		Short: "Name the request that killed your containers",
		Long: `lastcall reads what an on-call developer can save in a minute (router logs, application logs, platform
events, metrics, heap profiles), or asks Datadog and pprof itself, and says which request killed which
containers, how sure that is, and why.

Start here:
  lastcall demo                    a real recorded incident, embedded in the program
  lastcall investigate ./evidence  your own files
  lastcall doctor                  what is there, and what is missing`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := ""
			if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
				hint = "; did you mean " + strings.Join(s, " or ") + "?"
			}
			return usagef("%q is no command%s\n  `lastcall --help` lists the commands", args[0], hint)
		},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error { a.ready(); return nil },
		// Versions are asked for both ways.
		Version: readBuild().version,
	}
	root.SetVersionTemplate("lastcall {{.Version}}\n")
	root.SetIn(a.sys.Stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w\n  `%s --help` lists the flags", err, cmd.CommandPath())
	})

	f := root.PersistentFlags()
	f.StringVar(&a.configPath, "config", "", "config `FILE` (YAML; `lastcall nightly --example` prints one)")
	f.BoolVar(&a.noColor, "no-color", false, "no colour, even on a terminal (NO_COLOR does the same)")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "no progress and no remarks on stderr; errors only")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "say on stderr what is being done (keys are never shown)")

	root.AddCommand(
		newDemo(a), newInvestigate(a), newCollect(a), newHeap(a), newNightly(a), newDoctor(a), newExplain(a), newReport(a),
		newVersion(a), newCompletion(a),
	)
	return root
}

// noArgs refuses arguments as a mistake in usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, got %q", cmd.CommandPath(), args)
	}
	return nil
}
