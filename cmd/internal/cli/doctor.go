package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newDoctor(a *app) *cobra.Command {
	var (
		qf queryFlags
		lf liveFlags
	)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is there (keys, permissions, metrics, logs, tags, profiles) and what cannot be answered without the rest",
		Long: `Look at the live sources and at the config file, and say what is there, what is missing, what cannot be answered without
it, and what to do about it. With --config the file is checked first; a mistake is shown with its line.`,
		Example: `  lastcall doctor --service api
  lastcall doctor --config lastcall.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.loadConfig()
			if err != nil {
				return err
			}
			if a.configPath != "" {
				fmt.Fprintf(a.stdout, "ok    config %s\n", a.configPath)
				for _, s := range cfg.Services {
					fmt.Fprintf(a.stdout, "      service %s\n", s.ID())
				}
			}
			return nil
		},
	}
	qf.register(cmd)
	lf.register(cmd)
	return cmd
}
