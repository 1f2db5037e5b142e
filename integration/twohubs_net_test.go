package integration

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/integration/clab"
	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// The two-hub network of labs/twohubs-*.clab.yml.
var (
	lan1      = netip.MustParsePrefix("10.10.1.0/24")
	lan2      = netip.MustParsePrefix("10.10.2.0/24")
	serverLAN = netip.MustParsePrefix("192.168.77.0/24")

	host1   = netip.MustParseAddr("10.10.1.10")
	service = netip.MustParseAddrPort("10.10.2.10:7")
	// deadInterval is that of all routers in these labs.
	deadInterval = 4 * time.Second
)

// twoHubs is one of these networks, running, with an echo server on host-2.
type twoHubs struct {
	*clab.Lab
	t        *testing.T
	ctx      context.Context
	nextPort uint16
}

// startTwoHubs builds labs/<name>.clab.yml. edit, when given, changes the
// configuration of each ecmpd before it starts. On failure the state of all
// routers is logged.
func startTwoHubs(t *testing.T, name string, edit func(node, config string) string) *twoHubs {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	t.Cleanup(cancel)
	f, err := clab.Load("labs/" + name + ".clab.yml")
	if err != nil {
		t.Fatal(err)
	}
	images := clab.Images(binary)
	if edit != nil {
		images["ecmpd:dev"] = func(at *lab.Node, n clab.Node) (peer.Router, error) {
			text, err := os.ReadFile(n.Binds["/etc/ecmpd/ecmpd.yaml"])
			return peer.NewEcmpd(at, binary, edit(n.Name, string(text))), err
		}
	}
	l, err := clab.Build(ctx, f, clab.Options{Tag: tag, Images: images})
	if err != nil {
		t.Fatal(err)
	}
	n := &twoHubs{Lab: l, t: t, ctx: ctx, nextPort: 20000}
	t.Cleanup(func() {
		if t.Failed() {
			n.dump()
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	n.serve("host-2", service)
	return n
}

// withoutTransit takes the transit section away from a configuration.
func withoutTransit(_, config string) string {
	before, _, _ := strings.Cut(config, "\ntransit:")
	return before + "\n"
}

// serve runs an echo server until the test ends.
func (n *twoHubs) serve(node string, at netip.AddrPort) {
	n.t.Helper()
	echo, err := n.Node(node).Echo(at)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = echo.Close() })
}

// wait waits for a condition and ends the test without it.
func (n *twoHubs) wait(what string, condition func() (bool, string)) {
	n.t.Helper()
	if err := lab.Wait(n.ctx, what, condition); err != nil {
		n.t.Fatal(err)
	}
}

// allRoutes are the next hops that each router's kernel has when all is well.
var allRoutes = map[string]map[netip.Prefix]int{
	"hub-a":    {lan1: 1, lan2: 1},
	"hub-b":    {lan1: 1, lan2: 1, serverLAN: 2},
	"branch-1": {lan2: 2, serverLAN: 1},
	"branch-2": {lan1: 2, serverLAN: 1},
}

// converge waits for all adjacencies, equal databases, routes and transit sets.
//
// All of it in one round and in this order: a router that has not yet run SPF
// after a neighbour's restart still has the routes of before, and one whose
// next LSA others hold back for MinLSArrival is about to lose some.
func (n *twoHubs) converge() {
	n.t.Helper()
	n.wait("the network converges", func() (bool, string) {
		var missing []string
		for name, r := range n.Routers {
			for _, m := range peer.Missing(n.ctx, r, 2, nil) {
				missing = append(missing, name+": "+m)
			}
		}
		if len(missing) > 0 {
			return false, strings.Join(missing, "\n")
		}
		if equal, seen := n.equalDatabases(); !equal {
			return false, seen
		}
		for name, r := range n.Routers {
			for _, m := range peer.Missing(n.ctx, r, 2, allRoutes[name]) {
				missing = append(missing, name+": "+m)
			}
		}
		return len(missing) == 0, strings.Join(missing, "\n")
	})
	for _, name := range []string{"hub-a", "hub-b"} {
		if n.isEcmpd(name) {
			n.wait(name+" has its transit sets", func() (bool, string) {
				tr := n.transit(name)
				return tr.Mode == "off" || tr.InSync && covers(tr.Prefixes, lan1) && covers(tr.Prefixes, lan2), fmt.Sprintf("%+v", tr)
			})
		}
	}
}

// equalDatabases tells whether all routers hold the same instances of the same
// LSAs, and what each holds.
func (n *twoHubs) equalDatabases() (bool, string) {
	var first []peer.LSA
	var seen strings.Builder
	equal := true
	for _, name := range slices.Sorted(maps.Keys(n.Routers)) {
		list, err := n.Routers[name].Database(n.ctx)
		if err != nil {
			return false, err.Error()
		}
		fmt.Fprintf(&seen, "%s: %v\n", name, list)
		if first == nil {
			first = list
		}
		equal = equal && len(list) >= 4 && slices.Equal(first, list)
	}
	return equal, seen.String()
}

func covers(list []string, p netip.Prefix) bool {
	return slices.ContainsFunc(list, func(s string) bool {
		q, err := netip.ParsePrefix(s)
		return err == nil && q.Bits() <= p.Bits() && q.Contains(p.Addr())
	})
}

func (n *twoHubs) isEcmpd(name string) bool { return n.Seats[name] == "ecmpd:dev" }

func (n *twoHubs) ecmpd(name string) *peer.Ecmpd {
	n.t.Helper()
	e, ok := n.Routers[name].(*peer.Ecmpd)
	if !ok {
		n.t.Fatalf("%s is %s", name, n.Seats[name])
	}
	return e
}

// get asks a daemon; what is wrong ends the test.
func (n *twoHubs) get(name, path string, body any) {
	n.t.Helper()
	if err := api.NewClient(n.ecmpd(name).Socket()).Get(n.ctx, path, body); err != nil {
		n.t.Fatal(err)
	}
}

func (n *twoHubs) transit(name string) api.Transit {
	n.t.Helper()
	var body api.TransitBody
	n.get(name, api.PathTransit, &body)
	return body.Transit
}

func (n *twoHubs) status(name string) api.Status {
	n.t.Helper()
	var body api.Status
	n.get(name, api.PathStatus, &body)
	return body
}

// run runs a command on a node.
func (n *twoHubs) run(node string, argv ...string) string {
	n.t.Helper()
	out, err := n.Node(node).Run(n.ctx, argv...)
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

// kernelRoutes are ecmpd's routes and nexthop objects on a node, one a line.
func (n *twoHubs) kernelRoutes(node string) string {
	n.t.Helper()
	return sortedLines(n.run(node, "ip", "-o", "route", "show", "proto", "201")) + "--\n" +
		sortedLines(n.run(node, "ip", "-o", "nexthop", "show", "proto", "201"))
}

// nft is the table of ecmpd on a node, without counters; empty when absent.
func (n *twoHubs) nft(node string) string {
	out, _ := n.Node(node).Run(n.ctx, "nft", "-s", "list", "table", "inet", "ecmpd")
	return out
}

var nexthopIDs = regexp.MustCompile(`nhid \d+ `)

// withoutIDs is kernelRoutes without the numbers of nexthop objects, which
// change when an object is made anew.
func withoutIDs(routes string) string {
	routes, _, _ = strings.Cut(routes, "--")
	return nexthopIDs.ReplaceAllString(routes, "")
}

func sortedLines(s string) string {
	lines := slices.Sorted(strings.Lines(s))
	return strings.Join(lines, "")
}

// dump logs what every router thinks and what its kernel holds.
func (n *twoHubs) dump() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	look := map[string][][]string{
		"frr:8.4": {{"ip", "route"}},
		"bird:2":  {{"ip", "route"}},
		"ecmpd:dev": {
			{"ip", "route"}, {"ip", "nexthop"}, {"nft", "-a", "list", "ruleset"},
			{binary, "show", "ospf", "neighbor"}, {binary, "show", "route"}, {binary, "show", "transit"},
		},
	}
	for name, r := range n.Routers {
		n.t.Logf("=== %s (%s), log:\n%s", name, n.Seats[name], r.Log())
		neighbors, err := r.Neighbors(ctx)
		n.t.Logf("neighbours of %s: %v %v", name, neighbors, err)
		for _, argv := range look[n.Seats[name]] {
			if argv[0] == binary {
				argv = append(argv, "--socket", filepath.Join(r.Node().Dir(), "ecmpd.sock"))
			}
			out, err := r.Node().Run(ctx, argv...)
			if err != nil {
				out = err.Error()
			}
			n.t.Logf("%s# %s\n%s", name, strings.Join(argv, " "), out)
		}
	}
}
