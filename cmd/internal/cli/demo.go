package cli

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"lastcall/cmd/internal/demo"
	"lastcall/collectors/evidence"
	"lastcall/collectors/record"

	"github.com/spf13/cobra"
)

func newDemo(a *app) *cobra.Command {
	var (
		rf reportFlags
		af analysisFlags
	)
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The main job on a real recorded incident embedded in the program",
		Long: `Investigate a recorded incident that is embedded in the program: no network, no keys, no files. The evidence passes
through the same collectors and the same analysis as your own files would.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.loadConfig()
			if err != nil {
				return err
			}
			ro, err := rf.options(cfg.Timezone)
			if err != nil {
				return err
			}
			inv := investigation{zone: time.UTC, sources: []record.Collector{embedded{demo.Incident()}}}
			if inv.analysis, err = af.options(a.sys.Now(), time.UTC); err != nil {
				return err
			}
			if err := a.investigate(cmd.Context(), inv, ro); err != nil {
				return err
			}
			if a.out.tty {
				a.say("\nThis was a recording. With your own files: lastcall investigate PATH…   With Datadog: lastcall doctor")
			}
			return nil
		},
	}
	rf.register(cmd)
	af.registerFailOn(cmd)
	return cmd
}

// embedded collects the files of a file system, each as a stream of its own name.
type embedded struct{ files fs.FS }

func (embedded) Name() string { return "files" }

func (e embedded) Collect(ctx context.Context, q record.Query, sink record.Sink) error {
	return fs.WalkDir(e.files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := e.files.Open(path)
		if err != nil {
			return err
		}
		err = evidence.New(evidence.Options{Paths: []string{"-"}, Stdin: f, StdinName: path}).Collect(ctx, q, sink)
		return errors.Join(err, f.Close())
	})
}
