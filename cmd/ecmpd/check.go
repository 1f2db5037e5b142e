package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/config"
)

func newCheck() *cobra.Command {
	var path string
	var running bool
	a := &asking{format: "table"}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check a configuration file; starts nothing",
		Long: `Check a configuration file. Every error comes with file, line, column, what is
wrong and what would be right. What is accepted but hardly meant is a warning on
stderr, and so is what has to be there before the daemon runs, such as a key
file. Nothing is started.

With --against-running the file is then compared with what the daemon runs: each
difference with its place, and what "ecmpd reload" would do about it.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return fmt.Errorf("name the file with a flag: ecmpd check --config %s", args[0])
			}
			if !running && cmd.Flags().Changed("output") {
				return errors.New("--output belongs to --against-running")
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(path)
			if err != nil {
				return err
			}
			for _, w := range slices.Concat(c.Warnings, c.Unready) {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s (warning)\n%s\n", w, w.Excerpt())
			}
			if running {
				return checkAgainstRunning(a, cmd, path)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", path)
			return nil
		},
	}
	configFlag(cmd, &path)
	socketFlag(cmd.Flags(), &a.socket)
	cmd.Flags().BoolVar(&running, "against-running", false, "compare with what the daemon runs, and say what a reload would do")
	cmd.Flags().VarP(&a.format, "output", "o", "how to print the comparison")
	return cmd
}

// absolute is the path as the daemon knows it; key files are looked for beside it.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
