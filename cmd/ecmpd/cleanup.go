package main

import (
	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/daemon"
)

func newCleanup() *cobra.Command {
	var o daemon.Options
	cmd := &cobra.Command{
		Use:   "cleanup",
		Short: "Remove everything that is ecmpd's from the kernel",
		Long: `Remove everything that is ecmpd's from the kernel: routes and nexthops that
carry its protocol number, and the nftables table "inet ecmpd". Sysctls that it
changed get back the values that the state directory holds. The configuration
is read for the protocol number only; without the file it is the default.

The daemon must not be running.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return daemon.Cleanup(o)
		},
	}
	daemonFlags(cmd, &o)
	return cmd
}
