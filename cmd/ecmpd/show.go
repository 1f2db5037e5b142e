package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"

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
	show.AddCommand(newShowOSPF(a), newShowRoute(a), newShowNextHop(a), newShowTransit(a), newShowWAN(a), newShowSymmetry(a), newShowBFD(a), newShowBGP(a), newShowStatus(a), newShowMemory(a), ip)
	return show
}

func newShowOSPF(a *asking) *cobra.Command {
	ospf := group(&cobra.Command{Use: "ospf", Short: "Show what OSPF knows"})
	ospf.AddCommand(newShowNeighbor(a), newShowInterface(a), newShowDatabase(a), newShowOSPFRoute(a), newShowBorderRouters(a),
		newShowSPF(a), newShowEvents(a), newShowGraph(a))
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
	path string
	pick picker // of the argument; the zero picker takes none
	draw func(s screen, body T, wide bool)
}

// picker chooses one thing among those that a command shows.
type picker struct {
	query string // key of the API's query
	noun  string // what is chosen
	check func(arg string) error
}

// command completes cmd so that it shows v.
func (v view[T]) command(a *asking, cmd *cobra.Command) *cobra.Command {
	cmd.Args = noArgs
	if v.pick.query != "" {
		cmd.Args = v.pick.args
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path := v.path
		if len(args) == 1 {
			path += "?" + url.Values{v.pick.query: args}.Encode()
		}
		err := v.show(a, cmd, path)
		if len(args) == 1 && errors.Is(err, api.ErrNotFound) {
			return fmt.Errorf("%s %s: %w", v.pick.noun, args[0], api.ErrNotFound)
		}
		return err
	}
	return cmd
}

// show asks for path and prints the answer.
func (v view[T]) show(a *asking, cmd *cobra.Command, path string) error {
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
	s.names = hostnames(cmd.Context(), a.socket)
	v.draw(s, value, a.wide)
	return s.flush()
}

// hostnames are the names of routers; a table without them is as good as one of ids.
func hostnames(ctx context.Context, socket string) map[string]string {
	var body api.Hostnames
	if err := api.NewClient(socket).Get(ctx, api.PathHostnames, &body); err != nil {
		return nil
	}
	names := make(map[string]string, len(body.Hostnames))
	for _, h := range body.Hostnames {
		names[h.RouterID] = h.Hostname
	}
	return names
}

// args takes one argument at most, and only one that could be there.
func (p picker) args(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return nil
	case 1:
		return p.check(args[0])
	}
	return fmt.Errorf("%s takes one argument, not %d", cmd.CommandPath(), len(args))
}

func anyName(string) error { return nil }

func checkRouterID(arg string) error {
	if addr, err := netip.ParseAddr(arg); err != nil || !addr.Is4() {
		return fmt.Errorf("%q is no router id: write a dotted quad like 10.0.0.1", arg)
	}
	return nil
}

func checkDestination(arg string) error {
	addr, err := netip.ParseAddr(arg)
	if prefix, perr := netip.ParsePrefix(arg); perr == nil {
		addr, err = prefix.Addr(), nil
	}
	if err != nil || !addr.Is4() {
		return fmt.Errorf("%q is neither an IPv4 prefix nor an IPv4 address", arg)
	}
	return nil
}

func checkGroup(arg string) error {
	if _, err := strconv.ParseUint(arg, 10, 32); err != nil {
		return fmt.Errorf("%q is not the number of a nexthop group", arg)
	}
	return nil
}
