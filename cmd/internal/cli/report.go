package cli

import (
	"fmt"
	"os"

	"lastcall/report"

	"github.com/spf13/cobra"
)

func newReport(a *app) *cobra.Command {
	var rf reportFlags
	cmd := &cobra.Command{
		Use:   "report FINDINGS.json",
		Short: "Render a saved report (--format json) in any format",
		Example: `  lastcall investigate ./incident --output findings.json
  lastcall report findings.json --format html > postmortem.html`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("report takes one file written with --format json, or - for stdin")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := a.loadConfig()
			if err != nil {
				return err
			}
			ro, err := rf.options(cfg.Timezone)
			if err != nil {
				return err
			}
			in := a.sys.Stdin
			name := "stdin"
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("open the report: %w", err)
				}
				defer f.Close()
				in, name = f, args[0]
			} else if a.stdinIsTerminal() {
				return usagef("- means stdin, and stdin is a terminal; pipe a report in, or name a file")
			}
			rep, err := report.ReadJSON(in)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return a.render(rep, ro)
		},
	}
	rf.register(cmd)
	return cmd
}
