package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newReload() *cobra.Command {
	var socket string
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Read the configuration again",
		Long: `Read the configuration again, as SIGHUP does, and say what came of it. A wrong
one changes nothing, and what is wrong is said here. What did not change in the
file is not touched.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := api.NewClient(socket).Order(cmd.Context(), api.PathReload)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: loaded\n", s.Config.Path)
			return err
		},
	}
	socketFlag(cmd.Flags(), &socket)
	return cmd
}
