package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/lab/demo"
)

func newDemo() *cobra.Command {
	var keep, clean bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the problem of two stateful hubs, and the cure",
		Long: `Make a network of two hubs and two branches in network namespaces, show what
stateful firewalls do to equal-cost paths, what ecmpd does about it, and what a
dying hub costs, with figures. It succeeds only when all figures are right.

Root is needed. Nothing outside its own namespaces is touched, and what an
earlier run left is removed first.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if keep && clean {
				return errors.New("--keep and --clean exclude each other")
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if clean {
				return demo.Clean(cmd.OutOrStdout())
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find the program that the routers run: %w", err)
			}
			return demo.Run(cmd.Context(), demo.Options{Binary: self, Keep: keep, Out: cmd.OutOrStdout()})
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the network running and print how to look at it")
	cmd.Flags().BoolVar(&clean, "clean", false, "only remove what an earlier run left")
	return cmd
}
