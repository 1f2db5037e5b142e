package main

import (
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecmpd/ecmpd/api"
)

// asking is what all show commands share.
type asking struct {
	socket string
	format format
	wide   bool
}

// format is the value of --output.
type format string

// String implements [pflag.Value].
func (f *format) String() string { return string(*f) }

// Set implements [pflag.Value].
func (f *format) Set(s string) error {
	if s != "table" && s != "json" {
		return fmt.Errorf("it is table or json")
	}
	*f = format(s)
	return nil
}

// Type implements [pflag.Value].
func (f *format) Type() string { return "table|json" }

func newShow() *cobra.Command {
	a := &asking{format: "table"}
	show := group(&cobra.Command{
		Use:   "show",
		Short: "Show what the daemon knows",
		Long: `Show what the daemon knows. "-o json" prints what the API returns.

"show ip ospf ..." and "show ip route" work, too.`,
	})
	flags := show.PersistentFlags()
	socketFlag(flags, &a.socket)
	flags.VarP(&a.format, "output", "o", "how to print")
	flags.BoolVar(&a.wide, "wide", false, "tables with all columns")

	ip := group(&cobra.Command{Use: "ip", Short: "The same, for hands that type ip", Hidden: true})
	ip.AddCommand(newShowOSPF(a), newShowRoute(a))
	show.AddCommand(newShowOSPF(a), newShowRoute(a), newShowNextHop(a), newShowTransit(a), newShowStatus(a), ip)
	return show
}

func newShowOSPF(a *asking) *cobra.Command {
	ospf := group(&cobra.Command{Use: "ospf", Short: "Show what OSPF knows"})
	ospf.AddCommand(newShowNeighbor(a), newShowInterface(a), newShowDatabase(a), newShowOSPFRoute(a))
	return ospf
}

func socketFlag(flags *pflag.FlagSet, socket *string) {
	flags.StringVar(socket, "socket", defaultSocket, "unix socket of the daemon")
}

func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "config", defaultConfig, "configuration file")
}

// view is one show command: where it asks, what its argument chooses, and how
// it draws a body.
type view[T any] struct {
	path  string
	query string // key of the API's query that the argument is for; empty: no argument
	draw  func(s screen, body T, wide bool)
}

// command completes cmd so that it shows v.
func (v view[T]) command(a *asking, cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.NoArgs
	if v.query != "" {
		cmd.Args = cobra.MaximumNArgs(1)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path := v.path
		if len(args) == 1 {
			path += "?" + url.Values{v.query: args}.Encode()
		}
		body, err := api.NewClient(a.socket).Body(cmd.Context(), path)
		if err != nil {
			return err
		}
		if a.format == "json" {
			_, err := cmd.OutOrStdout().Write(body)
			return err
		}
		var value T
		if err := json.Unmarshal(body, &value); err != nil {
			return fmt.Errorf("answer of the daemon on %s to %s: %w", a.socket, path, err)
		}
		s := newScreen(cmd.OutOrStdout())
		v.draw(s, value, a.wide)
		return s.flush()
	}
	return cmd
}
