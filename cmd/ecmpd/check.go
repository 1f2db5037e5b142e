package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/config"
)

func newCheck() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check a configuration file; starts nothing",
		Long: `Check a configuration file. Every error comes with file, line, column, what is
wrong and what would be right. What is accepted but hardly meant is a warning on
stderr, and so is what has to be there before the daemon runs, such as a key
file. Nothing is started.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return fmt.Errorf("name the file with a flag: ecmpd check --config %s", args[0])
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
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", path)
			return nil
		},
	}
	configFlag(cmd, &path)
	return cmd
}
