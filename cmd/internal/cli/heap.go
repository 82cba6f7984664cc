package cli

import (
	"fmt"
	"os"

	"lastcall/collectors/pprof"
	"lastcall/collectors/record"

	"github.com/spf13/cobra"
)

func newHeap(a *app) *cobra.Command {
	var (
		rf    reportFlags
		af    analysisFlags
		lf    liveFlags
		paths []string
	)
	cmd := &cobra.Command{
		Use:   "heap PROFILE…",
		Short: "What grew between heap profiles (pprof), ordered by time",
		Long: `Say which code keeps the memory that grows from one heap profile to the next. A PROFILE is a file, whatever its name, or a
folder; container and time come from the profile itself, its name or its folder. With --pprof URL the profiles come from a
live process, again and again with --every 30s --for 10m; Ctrl-C ends the taking before that time and what came is reported,
a second Ctrl-C ends without a report.`,
		Example: `  lastcall heap profiles/web-1_*.pb.gz
  lastcall heap --pprof http://localhost:6060 --every 30s --for 10m
  lastcall heap profiles/ --output growth.svg`,
		RunE: func(cmd *cobra.Command, args []string) error {
			paths = args
			cfg, err := a.loadConfig()
			if err != nil {
				return err
			}
			ro, err := rf.options(cfg.Timezone)
			if err != nil {
				return err
			}
			inv := investigation{zone: ro.zone()}
			if inv.analysis, err = af.options(a.sys.Now(), inv.zone); err != nil {
				return err
			}
			live, err := lf.options(a, cfg, pick(cfg, &inv.query))
			if err != nil {
				return err
			}
			if live.pprof != nil {
				live.pprof.reported = true
			}
			if len(paths) > 0 {
				for _, p := range paths {
					if _, err := os.Stat(p); err != nil {
						return fmt.Errorf("%w\n  give heap profiles (pprof), or folders that hold some", err)
					}
				}
				inv.sources = append(inv.sources, pprof.Files(paths))
			}
			if live.pprof != nil {
				c, err := a.pprofCollector(*live.pprof)
				if err != nil {
					return err
				}
				inv.sources = append(inv.sources, c)
			}
			if len(inv.sources) == 0 {
				return usagef("heap needs profiles: name files or folders, or a live process with --pprof URL")
			}
			// Which service the config means narrows requests, not profiles.
			inv.query = record.Query{}
			return a.investigate(cmd.Context(), inv, ro)
		},
	}
	af.register(cmd)
	rf.register(cmd)
	lf.registerPprof(cmd)
	return cmd
}
