package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/daemon"
)

func newRun() *cobra.Command {
	var o daemon.Options
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon in the foreground",
		Long: `Run the daemon in the foreground; it logs to stderr.

SIGTERM leaves cleanly, SIGHUP reloads the configuration. Several daemons live
on one machine, in network namespaces of their own, when each has its own
--socket and --state-dir.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// A reader of the log that goes away is no reason to end.
			signal.Ignore(syscall.SIGPIPE)
			reload := make(chan os.Signal, 1)
			signal.Notify(reload, syscall.SIGHUP)
			defer signal.Stop(reload)
			o.Version, o.Reload = currentVersion(), reload
			return daemon.Run(cmd.Context(), o)
		},
	}
	daemonFlags(cmd, &o)
	cmd.Flags().StringVar(&o.Record, "record", "", "new file to record all OSPF inputs in, for 'ecmpd replay' (at most 1 GiB; holds the configured secrets)")
	return cmd
}

// daemonFlags adds the flags that say which daemon on this machine is meant.
func daemonFlags(cmd *cobra.Command, o *daemon.Options) {
	configFlag(cmd, &o.ConfigPath)
	socketFlag(cmd.Flags(), &o.Socket)
	cmd.Flags().StringVar(&o.StateDir, "state-dir", defaultStateDir, "directory for what survives a restart")
}
