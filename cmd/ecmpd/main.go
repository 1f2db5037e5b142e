// Command ecmpd is the routing daemon, and the way to look at it.
//
// main.go wires; every sub-command has a file of its own. screen.go draws all
// tables, exit.go knows the exit codes, and condition.go what `wait` can wait for.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Defaults of the flags that several commands share.
const (
	defaultConfig   = "/etc/ecmpd/ecmpd.yaml"
	defaultSocket   = "/run/ecmpd/ecmpd.sock"
	defaultStateDir = "/var/lib/ecmpd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// The first signal asks politely; a second one ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(execute(ctx, newRoot(), os.Args[1:]))
}

// newRoot returns the tree of all commands.
func newRoot() *cobra.Command {
	cobra.EnablePrefixMatching = true
	root := &cobra.Command{
		Use:     "ecmpd",
		Version: currentVersion(),
		Short:   "OSPF and equal-cost multipath for Linux VPN hubs",
		Long: `ecmpd is an OSPFv2 routing daemon with equal-cost multipath for Linux VPN hubs.

Sub-commands may be abbreviated as long as they are unique: "ecmpd sh os ne".
Exit codes: 0 done, 1 failed, 2 usage, 3 daemon not reachable, 4 not found,
5 condition not met.`,
	}
	root.AddCommand(
		newRun(), newCheck(), newReload(), newDrain(), newUndrain(), newWAN(), newCleanup(),
		newShow(), newWait(), newExplain(), newDoctor(), newDecode(), newReplay(), newImport(),
		newDemo(), newVersion(), newBFDProcess(), newBGPProcess(),
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = commandArgs
		case "completion":
			group(cmd)
		}
	}
	return group(root)
}
