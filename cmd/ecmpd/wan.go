package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newWAN() *cobra.Command {
	wan := group(&cobra.Command{Use: "wan", Short: "Take uplinks out of use, and back"})
	wan.AddCommand(
		uplinkCommand(&cobra.Command{
			Use:   "disable UPLINK",
			Short: "Give an uplink no new connections",
			Long: `Give an uplink no new connections. Those that it has go on until they end; the
uplink is not used as a last resort either. It lasts until "ecmpd wan enable", restarts
of the daemon included.`,
		}, api.PathWANDisable, "disabled: it gets no new connections; 'ecmpd wan enable %s' brings them back"),
		uplinkCommand(&cobra.Command{
			Use:   "enable UPLINK",
			Short: "Use an uplink again",
			Long:  `Use an uplink again after "ecmpd wan disable", as soon as its probes say that it is well.`,
		}, api.PathWANEnable, "enabled"),
	)
	return wan
}

func uplinkCommand(cmd *cobra.Command, path, done string) *cobra.Command {
	var socket string
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("name one uplink: %s isp-a", cmd.CommandPath())
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		_, err := api.NewClient(socket).Order(cmd.Context(), path+"?"+url.Values{"name": args}.Encode())
		if err != nil {
			return err
		}
		if path == api.PathWANDisable {
			done = fmt.Sprintf(done, args[0])
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), done)
		return err
	}
	socketFlag(cmd.Flags(), &socket)
	return cmd
}
