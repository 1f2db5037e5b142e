package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newDrain() *cobra.Command {
	return drainCommand(&cobra.Command{
		Use:   "drain",
		Short: "Send transit traffic to other routers",
		Long: `Send transit traffic to other routers: the links of this one are announced
with the largest metric (RFC 6987), and traffic moves without loss where there is
another way. The router's own networks stay reachable and all adjacencies stay up.

It ends with "ecmpd undrain" or a restart. The command returns when every
adjacent router has acknowledged; after --timeout it fails with exit code 5.`,
	}, api.PathDrain, "drained: every adjacent router knows; 'ecmpd undrain' brings traffic back")
}

func newUndrain() *cobra.Command {
	return drainCommand(&cobra.Command{
		Use:   "undrain",
		Short: "Take transit traffic again",
		Long: `Take transit traffic again after "ecmpd drain". A stub router by
configuration (ospf.stub-router) remains one.`,
	}, api.PathUndrain, "undrained: every adjacent router knows")
}

func drainCommand(cmd *cobra.Command, path, done string) *cobra.Command {
	var socket string
	var timeout time.Duration
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client := api.NewClient(socket)
		if _, err := client.Order(cmd.Context(), path); err != nil {
			return err
		}
		s, err := awaitAcknowledged(cmd.Context(), client, timeout)
		if err != nil {
			return err
		}
		if path == api.PathUndrain && s.Active {
			done += "; the configuration still makes it a stub router (ospf.stub-router)"
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), done)
		return err
	}
	socketFlag(cmd.Flags(), &socket)
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "how long to wait for acknowledgements; 0s asks once")
	return cmd
}

// awaitAcknowledged waits until the neighbours know whether to send transit
// traffic here; the LSA may have to wait for MinLSInterval (5 s) first.
func awaitAcknowledged(ctx context.Context, client *api.Client, timeout time.Duration) (api.StubRouterStatus, error) {
	deadline := time.Now().Add(timeout)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		var s api.Status
		if err := client.Get(ctx, api.PathStatus, &s); err != nil {
			return s.OSPF.StubRouter, err
		}
		if s.OSPF.StubRouter.Acknowledged {
			return s.OSPF.StubRouter, nil
		}
		if !time.Now().Before(deadline) {
			return s.OSPF.StubRouter, fmt.Errorf("%w: after %v not every adjacent router has acknowledged; see RXmtL in 'ecmpd show ospf neighbor --wide'", errUnmet, timeout)
		}
		select {
		case <-ctx.Done():
			return s.OSPF.StubRouter, ctx.Err()
		case <-tick.C:
		}
	}
}
