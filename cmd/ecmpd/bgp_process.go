package main

import (
	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/bgp/worker"
	"github.com/ecmpd/ecmpd/daemon"
)

// newBGPProcess is how the daemon starts its BGP process; nobody else has a use for it.
func newBGPProcess() *cobra.Command {
	return &cobra.Command{
		Use:    daemon.BGPCommand,
		Short:  "Run BGP sessions for a daemon, which starts this",
		Hidden: true,
		Args:   noArgs,
		RunE:   func(*cobra.Command, []string) error { return worker.Main() },
	}
}
