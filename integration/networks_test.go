package integration

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// cloud is a network without a designated router for all, or without multicast: routers r1, r2 …
// with router id 10.255.0.i, address 10.1.0.i and a network 172.16.i.0/24 behind each.
func newCloud(t *testing.T, makes []string, edit func(i int, p *port)) *network {
	t.Helper()
	n := newNetwork(t)
	var ends []string
	for i := range makes {
		ends = append(ends, fmt.Sprintf("r%d:eth0 10.1.0.%d/24", i+1, i+1))
	}
	n.lan("cloud", ends...)
	for i, maker := range makes {
		i++
		n.wire(fmt.Sprintf("r%d:net 172.16.%d.1/24", i, i), fmt.Sprintf("host%d:eth0", i))
		p := port{name: "eth0"}
		edit(i, &p)
		n.seat(maker, fmt.Sprintf("r%d", i), seat{id: fmt.Sprintf("10.255.0.%d", i), ports: []port{p, {name: "net", passive: true}}})
	}
	return n
}

// behind is the network of router i.
func behind(i int) netip.Prefix { return netip.MustParsePrefix(fmt.Sprintf("172.16.%d.0/24", i)) }

// via is a way over the cloud by some routers.
func via(routers ...int) (legs []string) {
	for _, i := range routers {
		legs = append(legs, fmt.Sprintf("10.1.0.%d dev eth0", i))
	}
	return legs
}

// TestPointToMultipoint has two hubs, r1 and r2, and two spokes that do not reach each other: from spoke to spoke
// there are two equal ways over one interface. Each router announces its address as a host route (RFC 2328 12.4.1.4).
// FRR's point-to-multipoint networks are multicast, BIRD's are not.
func TestPointToMultipoint(t *testing.T) {
	for _, c := range []struct {
		makes   []string
		unicast bool
	}{
		{[]string{"ecmpd", "frr", "ecmpd", "frr"}, false},
		{[]string{"frr", "ecmpd", "frr", "ecmpd"}, false},
		{[]string{"ecmpd", "bird", "ecmpd", "bird"}, true},
		{[]string{"bird", "ecmpd", "bird", "ecmpd"}, true},
	} {
		t.Run(strings.Join(c.makes, "-"), func(t *testing.T) {
			t.Parallel()
			n := newCloud(t, c.makes, func(i int, p *port) {
				p.kind = "point-to-multipoint"
				for hub := 1; c.unicast && hub <= 2; hub++ { // spokes know the hubs; hubs each other
					if hub != i {
						p.neighbors = append(p.neighbors, neighbor{address: fmt.Sprintf("10.1.0.%d", hub)})
					}
				}
			})
			for _, spoke := range []string{"port3", "port4"} {
				n.run("cloud", "bridge", "link", "set", "dev", spoke, "isolated", "on")
			}
			n.full(3, "r1", "r2")
			n.full(2, "r3", "r4")
			n.waitSame("r1", "r2", "r3", "r4")
			for i := 1; i <= 4; i++ {
				want := table{}
				for j := 1; j <= 4; j++ {
					switch {
					case i == j:
					case i > 2 && j > 2:
						want[behind(j)], want[host(j)] = via(1, 2), via(1, 2)
					default:
						want[behind(j)] = via(j)
						if c.makes[i-1] != "frr" { // its zebra finds no way to a gateway that is the destination
							want[host(j)] = via(j)
						}
					}
				}
				n.waitKernel(fmt.Sprintf("r%d", i), "0.0.0.0/0", want)
			}
			n.ping("r3", "-I", "172.16.3.1", "172.16.4.1")

			// A hub dies: its neighbours are told by nobody.
			n.routers["r1"].Kill()
			n.waitKernel("r3", "172.16.0.0/16", table{behind(2): via(2), behind(4): via(2)})
			n.waitKernel("r4", "172.16.0.0/16", table{behind(2): via(2), behind(3): via(2)})
			n.must(n.routers["r1"].Start(n.ctx))
			n.waitKernel("r4", "172.16.0.0/16", table{behind(1): via(1), behind(2): via(2), behind(3): via(1, 2)})
		})
	}
}

// host is the address of router i on the cloud.
func host(i int) netip.Prefix { return netip.MustParsePrefix(fmt.Sprintf("10.1.0.%d/32", i)) }

// TestNonBroadcast elects DR and Backup where no multicast passes, among all makes; the DR crashes and comes back
// (RFC 2328 9.4, 9.5.1). An ecmpd that can not be DR lists nobody, for it is contacted.
func TestNonBroadcast(t *testing.T) {
	for _, seats := range [][]lanSeat{
		{{"ecmpd", 20}, {"frr", 10}, {"bird", 5}, {"ecmpd", 0}},
		{{"frr", 20}, {"ecmpd", 10}, {"ecmpd", 0}, {"bird", 0}},
		{{"bird", 20}, {"ecmpd", 10}, {"ecmpd", 5}, {"frr", 0}},
	} {
		t.Run(seats[0].make+"-"+seats[1].make, func(t *testing.T) {
			t.Parallel()
			e := newElection(t, seats, func(i int, p *port) {
				p.kind = "non-broadcast"
				for j, s := range seats {
					if j+1 != i && (p.priority > 0 || seats[i-1].make != "ecmpd") {
						p.neighbors = append(p.neighbors, neighbor{address: fmt.Sprintf("10.1.0.%d", j+1), priority: s.priority})
					}
				}
			})
			for i := range seats {
				e.run("lan", "bridge", "link", "set", "dev", fmt.Sprintf("port%d", i+1), "mcast_flood", "off")
			}
			e.adjacent(1, 2)
			e.sameDatabase(1)
			e.router(1).Kill()
			e.alive = e.without(1)
			newBDR := e.best(e.without(2))
			e.adjacent(2, newBDR)
			e.must(e.router(1).Start(e.ctx))
			e.alive = []int{1, 2, 3, 4}
			if newBDR == 0 {
				newBDR = 1
			}
			e.adjacent(2, newBDR)
			e.sameDatabase(2)
		})
	}
}

// adjacent waits until the living are Full with DR and Backup, and with nobody else, and have the right routes. Where
// there is no multicast, others need not know of each other. Like agree it wants the hellos to name both.
func (e *election) adjacent(dr, bdr int) {
	e.t.Helper()
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}) }
	names := fmt.Sprintf(" names %s and %s", address(dr), address(bdr))
	if bdr == 0 {
		names = fmt.Sprintf(" names %s and 0.0.0.0", address(dr))
	}
	roles := map[int]string{dr: "DR", bdr: "Backup"}
	for _, i := range e.alive {
		var want []string
		for _, j := range e.without(i) {
			if roles[i] != "" || roles[j] != "" {
				named := ""
				if _, ok := e.router(i).(*peer.Ecmpd); ok {
					named = names
				}
				want = append(want, fmt.Sprintf("10.255.0.%d %s%s", j, cmp.Or(roles[j], "DROther"), named))
			}
		}
		waitEqual(e.network, fmt.Sprintf("r%d's full neighbours, r%d being DR and r%d Backup", i, dr, bdr), want, func() ([]string, error) {
			list, err := e.router(i).Neighbors(e.ctx)
			var got []string
			for _, n := range list {
				if n.State == "Full" {
					named := ""
					if n.DR.IsValid() {
						named = fmt.Sprintf(" names %s and %s", n.DR, n.BDR)
					}
					got = append(got, fmt.Sprintf("%s %s%s", n.RouterID, n.Role, named))
				}
			}
			return got, err
		})
	}
	e.reachable()
}

// TestHybrid has three ecmpd on a network where the way from r1 to r3 and back is dear, and FRR and BIRD behind r2 and r3, who see
// a network of point-to-point links (RFC 6845).
func TestHybrid(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.lan("lan", "r1:eth0 10.1.0.1/24", "r2:eth0 10.1.0.2/24", "r3:eth0 10.1.0.3/24")
	n.wire("r2:frr 10.2.0.1/31", "r4:up 10.2.0.0/31")
	n.wire("r3:bird 10.3.0.1/31", "r5:up 10.3.0.0/31")
	n.wire("r1:net 172.16.1.1/24", "host1:eth0")
	n.wire("r4:net 172.16.4.1/24", "host4:eth0")
	n.wire("r5:net 172.16.5.1/24", "host5:eth0")
	hybrid := func(dear string) port {
		p := port{name: "eth0", kind: "hybrid", priority: 1}
		if dear != "" {
			p.neighbors = []neighbor{{address: dear, cost: 50}}
		}
		return p
	}
	net := port{name: "net", passive: true}
	n.seat("ecmpd", "r1", seat{id: "10.255.0.1", ports: []port{hybrid("10.1.0.3"), net}})
	n.seat("ecmpd", "r2", seat{id: "10.255.0.2", ports: []port{hybrid(""), {name: "frr"}}})
	n.seat("ecmpd", "r3", seat{id: "10.255.0.3", ports: []port{hybrid("10.1.0.1"), {name: "bird"}}})
	n.seat("frr", "r4", seat{id: "10.255.0.4", ports: []port{{name: "up"}, net}})
	n.seat("bird", "r5", seat{id: "10.255.0.5", ports: []port{{name: "up"}, net}})
	n.waitSame("r1", "r2", "r3", "r4", "r5")
	// From r1 to what is behind r3 the way by r2 costs 20, the direct one 50.
	n.waitKernel("r1", "172.16.0.0/16", routes("172.16.4.0/24: 10.1.0.2 dev eth0\n172.16.5.0/24: 10.1.0.2 dev eth0"))
	n.waitKernel("r3", "172.16.0.0/16", routes("172.16.1.0/24: 10.1.0.2 dev eth0\n172.16.4.0/24: 10.1.0.2 dev eth0\n172.16.5.0/24: 10.3.0.0 dev bird"))
	n.waitCost("r1", "172.16.5.0/24", 40)
	n.waitCost("r1", "172.16.4.0/24", 30)
	for name, link := range map[string]string{"r4": "10.2.0.1 dev up", "r5": "10.3.0.1 dev up"} {
		want := table{behind(1): {link}, netip.MustParsePrefix("10.1.0.0/24"): {link}, host(1): {link}, host(2): {link}, host(3): {link}}
		if name == "r4" {
			want[behind(5)] = []string{link}
		} else {
			want[behind(4)] = []string{link}
		}
		waitEqual(n, "routes of "+name, want, func() (table, error) {
			got, err := n.kernel(name)
			return got.only(func(p netip.Prefix) bool { return !netip.MustParsePrefix("10.2.0.0/15").Contains(p.Addr()) }), err
		})
	}
	n.ping("r4", "-I", "172.16.4.1", "172.16.5.1")

	// Without r2 the dear way is the only one.
	n.routers["r2"].Kill()
	n.waitKernel("r1", "172.16.0.0/16", routes("172.16.5.0/24: 10.1.0.3 dev eth0"))
	n.waitCost("r1", "172.16.5.0/24", 70)
}

// waitCost waits until a route of ecmpd's has a cost.
func (n *network) waitCost(name, prefix string, want uint32) {
	n.t.Helper()
	waitEqual(n, fmt.Sprintf("cost of %s on %s", prefix, name), want, func() (uint32, error) {
		r, err := n.ospfRoute(name, prefix)
		if r == nil {
			return 0, err
		}
		return r.Cost, err
	})
}

// TestPrefixSuppression hides the networks between routers (RFC 6860): a LAN whose DR is ecmpd, and point-to-point links. BIRD and FRR (8.4)
// do not know of it and see the DR's address as a host route.
func TestPrefixSuppression(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.lan("lan", "r1:eth0 10.1.0.1/24", "r2:eth0 10.1.0.2/24", "r3:eth0 10.1.0.3/24")
	n.wire("r1:eth1 10.2.0.1/30", "r4:up 10.2.0.2/30")
	n.wire("r2:eth1 10.3.0.1/30", "r5:up 10.3.0.2/30")
	for i := 1; i <= 5; i++ {
		n.wire(fmt.Sprintf("r%d:net 172.16.%d.1/24", i, i), fmt.Sprintf("host%d:eth0", i))
	}
	const hide = ", prefix-suppression: true"
	net := port{name: "net", passive: true}
	hub := func(i, priority int) seat {
		return seat{id: fmt.Sprintf("10.255.0.%d", i), ports: []port{{name: "eth0", lan: true, priority: priority, text: hide}, {name: "eth1", text: hide}, net}}
	}
	n.seat("ecmpd", "r1", hub(1, 1))
	n.seat("ecmpd", "r2", hub(2, 0))
	n.seat("bird", "r3", seat{id: "10.255.0.3", ports: []port{{name: "eth0", lan: true}, net}})
	n.seat("ecmpd", "r4", seat{id: "10.255.0.4", ports: []port{{name: "up", text: hide}, net}})
	n.seat("frr", "r5", seat{id: "10.255.0.5", ports: []port{{name: "up"}, net}})
	n.waitSame("r1", "r2", "r3", "r4", "r5")
	n.waitKernel("r4", "0.0.0.0/0", routes(`172.16.1.0/24: 10.2.0.1 dev up
		172.16.2.0/24: 10.2.0.1 dev up
		172.16.3.0/24: 10.2.0.1 dev up
		172.16.5.0/24: 10.2.0.1 dev up
		10.3.0.0/30: 10.2.0.1 dev up`)) // FRR's end announces it
	n.waitKernel("r1", "172.16.0.0/12", routes(`172.16.2.0/24: 10.1.0.2 dev eth0
		172.16.3.0/24: 10.1.0.3 dev eth0
		172.16.4.0/24: 10.2.0.2 dev eth1
		172.16.5.0/24: 10.1.0.2 dev eth0`))
	n.waitKernel("r3", "0.0.0.0/0", routes(`172.16.1.0/24: 10.1.0.1 dev eth0
		172.16.2.0/24: 10.1.0.2 dev eth0
		172.16.4.0/24: 10.1.0.1 dev eth0
		172.16.5.0/24: 10.1.0.2 dev eth0
		10.3.0.0/30: 10.1.0.2 dev eth0`))
	n.waitKernel("r5", "0.0.0.0/0", routes(`10.1.0.1/32: 10.3.0.1 dev up
		172.16.1.0/24: 10.3.0.1 dev up
		172.16.2.0/24: 10.3.0.1 dev up
		172.16.3.0/24: 10.3.0.1 dev up
		172.16.4.0/24: 10.3.0.1 dev up`))
	n.ping("r4", "-I", "172.16.4.1", "172.16.3.1")
}

// TestLinksOfTwo joins ecmpd and another make by a LAN that is a point-to-point link (RFC 5309) with a secondary address on
// either end, and by a /31 (RFC 3021) whose cost follows from its speed; other routers on the LAN are refused.
func TestLinksOfTwo(t *testing.T) {
	for maker := range makes {
		t.Run(maker, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.lan("lan", "r1:eth0 10.1.0.1/24 10.8.1.1/24", "r2:eth0 10.1.0.2/24", "r3:eth0 10.1.0.3/24")
			n.wire("r1:eth1 10.2.0.0/31", "r2:eth1 10.2.0.1/31")
			n.wire("r1:net 172.16.1.1/24 172.17.1.1/24", "host1:eth0")
			n.wire("r2:net 172.16.2.1/24", "host2:eth0")
			other := []port{{name: "eth0", cost: 8, dead: 20}, {name: "eth1", cost: 8}, {name: "net", passive: true}}
			n.start(peer.NewEcmpd(n.Node("r1"), binary, `router-id: 10.255.0.1
ospf:
  auto-cost: {enabled: true, reference-bandwidth: 80000}
  areas:
    - area-id: 0
      interfaces:
        - {match: eth0, interface-type: point-to-point, cost: 8, hello-interval: 1s, dead-interval: 20s}
        - {match: eth1, interface-type: point-to-point, hello-interval: 1s, dead-interval: 4s}
        - {match: net, passive: true}
`))
			n.seat(maker, "r2", seat{id: "10.255.0.2", ports: other})
			n.full(2, "r1", "r2")
			for _, p := range []string{"port2", "port3"} { // FRR would take r3, too, and then have neither
				n.run("lan", "bridge", "link", "set", "dev", p, "isolated", "on")
			}
			n.seat("ecmpd", "r3", seat{id: "10.255.0.3", ports: []port{{name: "eth0", dead: 20}}})
			n.waitKernel("r1", "172.16.0.0/15", routes("172.16.2.0/24: 10.1.0.2 dev eth0, 10.2.0.1 dev eth1"))
			n.waitKernel("r2", "172.16.0.0/15", routes("172.16.1.0/24: 10.1.0.1 dev eth0, 10.2.0.0 dev eth1\n172.17.1.0/24: 10.1.0.1 dev eth0, 10.2.0.0 dev eth1"))
			n.waitKernel("r2", "10.8.0.0/16", routes("10.8.1.0/24: 10.1.0.1 dev eth0, 10.2.0.0 dev eth1"))
			n.wait("r1 refuses r3", func() (bool, string) {
				body, err := show[api.Neighbors](n, "r1", "ospf", "neighbor")
				for _, nb := range body.Neighbors {
					if nb.RouterID == "10.255.0.3" {
						return nb.State == "Down" && strings.Contains(nb.Why, "second neighbour on a point-to-point link"), nb.Why
					}
				}
				return false, fmt.Sprint(body, err)
			})
		})
	}
}
