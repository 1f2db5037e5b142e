package demo

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/ecmpd/ecmpd/lab"
)

const drawing = `
                     +---------------------+
            .--------|  hub-a  (firewall)  |--------.
           /    vpn1 +---------------------+ vpn2    \
  +----------+                                   +----------+
  | branch-1 |                                   | branch-2 |
  +----------+                                   +----------+
   |       \    vpn1 +---------------------+ vpn2    /      |
   |        '--------|  hub-b  (firewall)  |--------'       |
   | 10.10.1.0/24    +---------------------+   10.10.2.0/24 |
 host-1                                                   host-2

`

// hubFirewall is what the operator of a hub has loaded, before and without
// ecmpd: stateful, closed, and open for what somebody else took care of.
const hubFirewall = `
table inet filter {
	chain forward {
		type filter hook forward priority 0; policy drop;
		ct state untracked accept
		ct state established,related accept
		ct state invalid drop
		tcp flags & (fin | syn | rst | ack) == syn ct state new accept
		icmp type echo-request ct state new accept
	}
}
`

var (
	lan1     = netip.MustParsePrefix("10.10.1.0/24")
	lan2     = netip.MustParsePrefix("10.10.2.0/24")
	service  = netip.MustParseAddrPort("10.10.2.10:7")
	tunnels  = []string{"vpn1", "vpn2"}
	deadTime = 4 * time.Second
)

// build makes the machines, the links, the firewalls, and starts the routers.
func (d *demo) build(ctx context.Context) error {
	d.screen.step("Building two hubs, two branches and two hosts from network namespaces")
	if err := d.addMachines(); err != nil {
		return err
	}
	if err := d.addLinks(); err != nil {
		return err
	}
	for _, hub := range d.hubs {
		if err := hub.node.Firewall(ctx, hubFirewall); err != nil {
			return fmt.Errorf("load the firewall of %s (apt-get install nftables): %w", hub.node.Name(), err)
		}
	}
	var err error
	if d.echo, err = d.hosts[1].Echo(service); err != nil {
		return err
	}
	d.nextPort = 20000
	for _, s := range append(d.hubs, d.branches...) {
		if s.router, err = d.seats(s); err != nil {
			return err
		}
		if err := s.router.Start(ctx); err != nil {
			return err
		}
	}
	return d.converge(ctx, "Waiting until all four routers are adjacent and see two ways to each LAN")
}

func (d *demo) addMachines() error {
	add := func(name string) (*lab.Node, error) { return d.lab.AddNode(name) }
	for i, name := range []string{"hub-a", "hub-b"} {
		n, err := add(name)
		if err != nil {
			return err
		}
		d.hubs = append(d.hubs, &seat{node: n, hub: true, routerID: fmt.Sprintf("10.255.0.%d", i+1)})
	}
	for i, name := range []string{"branch-1", "branch-2"} {
		n, err := add(name)
		if err != nil {
			return err
		}
		d.branches = append(d.branches, &seat{node: n, routerID: fmt.Sprintf("10.255.0.%d", i+11)})
	}
	for _, name := range []string{"host-1", "host-2"} {
		n, err := add(name)
		if err != nil {
			return err
		}
		d.hosts = append(d.hosts, n)
	}
	return nil
}

// addLinks joins hub h (1, 2) and branch b (1, 2) by 10.0.hb.0/30, on hub
// interface vpn<b> and branch interface vpn<h>, and each host to its branch.
func (d *demo) addLinks() error {
	for h, hub := range d.hubs {
		for b, branch := range d.branches {
			net := fmt.Sprintf("10.0.%d%d.", h+1, b+1)
			err := d.lab.Connect(
				lab.End{Node: hub.node, Interface: tunnels[b], Addresses: []netip.Prefix{netip.MustParsePrefix(net + "1/30")}},
				lab.End{Node: branch.node, Interface: tunnels[h], Addresses: []netip.Prefix{netip.MustParsePrefix(net + "2/30")}}, 1420)
			if err != nil {
				return err
			}
		}
	}
	for i, lan := range []netip.Prefix{lan1, lan2} {
		gateway := lan.Addr().Next()
		address := gateway.As4()
		address[3] = 10
		err := d.lab.Connect(
			lab.End{Node: d.branches[i].node, Interface: "lan", Addresses: []netip.Prefix{netip.PrefixFrom(gateway, lan.Bits())}},
			lab.End{Node: d.hosts[i], Interface: "eth0", Addresses: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4(address), lan.Bits())}}, 0)
		if err != nil {
			return err
		}
		if err := d.hosts[i].AddRoute(netip.MustParsePrefix("0.0.0.0/0"), gateway); err != nil {
			return err
		}
	}
	return nil
}

// converge waits until every router has its two neighbours and every kernel
// the next hops that follow.
func (d *demo) converge(ctx context.Context, what string) error {
	d.screen.step("%s", what)
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	for _, hub := range d.hubs {
		if err := hub.router.Converged(ctx, 2, map[netip.Prefix]int{lan1: 1, lan2: 1}); err != nil {
			return err
		}
	}
	for i, branch := range d.branches {
		other := []netip.Prefix{lan2, lan1}[i]
		if err := branch.router.Converged(ctx, 2, map[netip.Prefix]int{other: 2}); err != nil {
			return err
		}
	}
	return nil
}
