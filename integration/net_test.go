package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// network is a lab that a test wires by hand, with its routers.
type network struct {
	*lab.Lab
	t       testing.TB
	ctx     context.Context // ends with the time that the test has
	routers map[string]peer.Router
}

// testTime is what one network may take, start and end included: how fast something is, is measured
// elsewhere, and a busy machine may take its time for it.
const testTime = 10 * time.Minute

// newNetwork makes an empty network that goes with the test. When the test
// fails, the state of every router is printed first.
func newNetwork(t testing.TB) *network {
	t.Helper()
	l, err := lab.New(lab.Options{Tag: tag})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	n := &network{Lab: l, t: t, ctx: ctx, routers: map[string]peer.Router{}}
	t.Cleanup(func() {
		cancel()
		if t.Failed() {
			n.dump()
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// must ends the test on an error.
func (n *network) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// end reads "node:interface address…" and makes the node when it is new.
func (n *network) end(text string) lab.End {
	n.t.Helper()
	words := strings.Fields(text)
	name, ifname, _ := strings.Cut(words[0], ":")
	e := lab.End{Node: n.Node(name), Interface: ifname}
	if e.Node == nil {
		node, err := n.AddNode(name)
		n.must(err)
		e.Node = node
	}
	for _, w := range words[1:] {
		if peer, ok := strings.CutPrefix(w, "peer="); ok {
			e.Peer = netip.MustParseAddr(peer)
		} else {
			e.Addresses = append(e.Addresses, netip.MustParsePrefix(w))
		}
	}
	return e
}

// wire joins two ends such as "a:eth0 10.0.0.1/30".
func (n *network) wire(a, b string) {
	n.t.Helper()
	n.must(n.Connect(n.end(a), n.end(b), 0))
}

// lan joins ends by a switch, whose ports are named port1, port2 … in order.
func (n *network) lan(name string, ends ...string) {
	n.t.Helper()
	sw, err := n.AddNode(name)
	n.must(err)
	n.must(sw.AddBridge("br"))
	for i, text := range ends {
		port := fmt.Sprintf("port%d", i+1)
		n.must(n.Connect(n.end(text), lab.End{Node: sw, Interface: port}, 0))
		n.must(sw.Attach(port, "br"))
	}
}

// start starts routers under the names of their nodes.
func (n *network) start(routers ...peer.Router) {
	n.t.Helper()
	for _, r := range routers {
		n.routers[r.Node().Name()] = r
		n.must(r.Start(n.ctx))
	}
}

// run runs a command in a node.
func (n *network) run(node string, argv ...string) string {
	n.t.Helper()
	out, err := n.Node(node).Run(n.ctx, argv...)
	n.must(err)
	return out
}

// ip runs an ip command given as one text.
func (n *network) ip(node, args string) {
	n.t.Helper()
	n.run(node, append([]string{"ip"}, strings.Fields(args)...)...)
}

// ping waits until a ping of a node with these options is answered: any router on the way may be the last to have its routes.
func (n *network) ping(node string, options ...string) {
	n.t.Helper()
	n.wait(fmt.Sprintf("an answer to ping %v of %s", options, node), func() (bool, string) {
		out, err := n.Node(node).Run(n.ctx, append([]string{"ping", "-c", "1", "-W", "2"}, options...)...)
		return err == nil, fmt.Sprint(out, err)
	})
}

// wait waits for a condition, for as long as the test has.
func (n *network) wait(what string, condition func() (bool, string)) {
	n.t.Helper()
	n.must(lab.Wait(n.ctx, what, condition))
}

// waitEqual waits until a reading is the wanted one.
func waitEqual[T any](n *network, what string, want T, read func() (T, error)) {
	n.t.Helper()
	last := "nothing"
	n.wait(what, func() (bool, string) {
		got, err := read()
		if err != nil {
			// Often the end of the wait itself, which says nothing.
			return false, fmt.Sprintf("%v, before that %s", err, last)
		}
		g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want)
		last = fmt.Sprintf("\n got %s\nwant %s", g, w)
		return g == w, last
	})
}

// waitSame waits until all named routers hold the same database, which has at
// least one LSA of each named router.
func (n *network) waitSame(names ...string) []peer.LSA {
	n.t.Helper()
	var first []peer.LSA
	n.wait("equal databases", func() (bool, string) {
		for i, name := range names {
			db, err := n.routers[name].Database(n.ctx)
			if err != nil {
				return false, err.Error()
			}
			if i == 0 {
				first = db
			}
			if len(db) < len(names) || !slices.Equal(first, db) {
				return false, fmt.Sprintf("%s has%s\n%s has%s", names[0], lsaLines(first), name, lsaLines(db))
			}
		}
		return true, ""
	})
	return first
}

func lsaLines(list []peer.LSA) string {
	var b strings.Builder
	for _, l := range list {
		fmt.Fprintf(&b, "\n  %s", l)
	}
	return b.String()
}

// table is what a kernel routes: prefix → "gateway dev interface" of each leg,
// sorted.
type table map[netip.Prefix][]string

// String lists the routes by prefix.
func (t table) String() string {
	var b strings.Builder
	for _, p := range slices.SortedFunc(maps.Keys(t), netip.Prefix.Compare) {
		fmt.Fprintf(&b, "\n  %s: %s", p, strings.Join(t[p], ", "))
	}
	return b.String()
}

// only keeps the prefixes that fit.
func (t table) only(fits func(netip.Prefix) bool) table {
	kept := table{}
	for p, legs := range t {
		if fits(p) {
			kept[p] = legs
		}
	}
	return kept
}

// within keeps the prefixes inside another.
func (t table) within(outer string) table {
	o := netip.MustParsePrefix(outer)
	return t.only(func(p netip.Prefix) bool { return o.Overlaps(p) && p.Bits() >= o.Bits() })
}

// routes reads the table "prefix: leg, leg" of a node's literal expectation.
func routes(text string) table {
	t := table{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		prefix, legs, _ := strings.Cut(line, ": ")
		list := strings.Split(legs, ", ")
		slices.Sort(list)
		t[netip.MustParsePrefix(prefix)] = list
	}
	return t
}

// kernelProtocols are the routing-protocol numbers and names that the makes
// write into the kernel.
var kernelProtocols = []string{"201", "ospf", "188", "bird"}

// kernel reads what an OSPF router wrote into the kernel of its node.
func (n *network) kernel(node string) (table, error) {
	out, err := n.Node(node).Run(n.ctx, "ip", "-j", "-4", "route", "show", "table", "main")
	if err != nil {
		return nil, err
	}
	type leg struct {
		Gateway string   `json:"gateway"`
		Dev     string   `json:"dev"`
		Flags   []string `json:"flags"`
	}
	var list []struct {
		Dst      string `json:"dst"`
		Protocol string `json:"protocol"`
		Nexthops []leg  `json:"nexthops"`
		leg
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	t := table{}
	for _, r := range list {
		if !slices.Contains(kernelProtocols, r.Protocol) {
			continue
		}
		legs := r.Nexthops
		if len(legs) == 0 {
			legs = []leg{r.leg}
		}
		var names []string
		for _, l := range legs {
			if !slices.Contains(l.Flags, "dead") && !slices.Contains(l.Flags, "linkdown") {
				names = append(names, strings.TrimSpace(l.Gateway+" dev "+l.Dev))
			}
		}
		if slices.ContainsFunc(names, func(leg string) bool { return strings.HasPrefix(leg, "dev ") }) {
			continue // attached networks: BIRD writes them, the others leave them to the kernel
		}
		slices.Sort(names)
		t[kernelPrefix(r.Dst)] = names
	}
	return t, nil
}

// kernelPrefix reads what ip writes for a destination.
func kernelPrefix(dst string) netip.Prefix {
	if dst == "default" {
		return netip.MustParsePrefix("0.0.0.0/0")
	}
	if !strings.Contains(dst, "/") {
		dst += "/32"
	}
	return netip.MustParsePrefix(dst)
}

// waitKernel waits until the OSPF routes of a node's kernel inside a prefix
// are exactly the wanted ones.
func (n *network) waitKernel(node, within string, want table) {
	n.t.Helper()
	waitEqual(n, "kernel routes of "+node, want, func() (table, error) {
		t, err := n.kernel(node)
		return t.within(within), err
	})
}

// full waits until each named router has a number of Full neighbours.
func (n *network) full(want int, names ...string) {
	n.t.Helper()
	for _, name := range names {
		n.must(peer.Wait(n.ctx, n.routers[name], want, nil))
	}
}

// show reads the JSON of an ecmpd's show command.
func show[T any](n *network, name string, args ...string) (T, error) {
	var body T
	out, err := n.ecmpd(name).Show(n.ctx, append(args, "-o", "json")...)
	if err == nil {
		err = json.Unmarshal([]byte(out), &body)
	}
	return body, err
}

func (n *network) ecmpd(name string) *peer.Ecmpd { return n.routers[name].(*peer.Ecmpd) }
func (n *network) frr(name string) *peer.FRR     { return n.routers[name].(*peer.FRR) }
func (n *network) bird(name string) *peer.BIRD   { return n.routers[name].(*peer.BIRD) }

// ospfRoute finds a route of ecmpd's OSPF table, nil when there is none.
func (n *network) ospfRoute(name, prefix string) (*api.Route, error) {
	body, err := show[api.Routes](n, name, "ospf", "route")
	if err != nil {
		return nil, err
	}
	for _, r := range body.Routes {
		if r.Prefix == prefix {
			return &r, nil
		}
	}
	return nil, nil
}

// dump prints what every router knows and what its kernel holds.
func (n *network) dump() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, name := range slices.Sorted(maps.Keys(n.routers)) {
		r := n.routers[name]
		neighbors, err := r.Neighbors(ctx)
		db, errDB := r.Database(ctx)
		if len(db) > 60 {
			db = db[:60]
		}
		kernel, errKernel := r.Node().Run(ctx, "sh", "-c", "ip -br address; ip -4 route | head -60")
		n.t.Logf("=== %s %T\nneighbours %v %v\ndatabase %v%s\nkernel %v\n%s\nlog %s",
			name, r, neighbors, err, errDB, lsaLines(db), errKernel, kernel, r.Log())
	}
}
