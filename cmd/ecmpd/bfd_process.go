package main

import (
	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/bfd/worker"
	"github.com/ecmpd/ecmpd/daemon"
)

// newBFDProcess is how the daemon starts its BFD process; nobody else has a use for it.
func newBFDProcess() *cobra.Command {
	return &cobra.Command{
		Use:    daemon.BFDCommand,
		Short:  "Run BFD sessions for a daemon, which starts this",
		Hidden: true,
		Args:   noArgs,
		RunE:   func(*cobra.Command, []string) error { return worker.Main() },
	}
}
