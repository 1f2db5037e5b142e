package peer_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// FRR starts an interface when it reads the area, with the timers it knows by
// then.
const frrConf = `router ospf
 ospf router-id ROUTERID
 timers throttle spf 0 50 200
 timers throttle lsa all 0
 timers lsa min-arrival 0
interface eth0
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ip ospf retransmit-interval 3
 ip ospf area 0
interface lan
 ip ospf area 0
 ip ospf passive
`

const birdConf = `router id ROUTERID;
protocol device { scan time 1; }
protocol kernel { ipv4 { export where source ~ [RTS_OSPF, RTS_OSPF_IA, RTS_OSPF_EXT1, RTS_OSPF_EXT2]; }; }
protocol ospf v2 {
	ipv4 { import all; };
	area 0 {
		interface "eth0" { type ptp; hello 1; dead 4; retransmit 2; cost 10; };
		interface "lan" { stub; };
	};
}
`

// maker makes a router of a make in a node.
type maker func(n *lab.Node, routerID string) peer.Router

func frr(n *lab.Node, id string) peer.Router {
	return peer.NewFRR(n, strings.ReplaceAll(frrConf, "ROUTERID", id))
}

func bird(n *lab.Node, id string) peer.Router {
	return peer.NewBIRD(n, strings.ReplaceAll(birdConf, "ROUTERID", id))
}

// TestPeersBecomeFull joins two routers that are not ours:
//
//	10.1.0.0/24 lan-[a]-eth0 --- eth0-[b]-lan 10.2.0.0/24
func TestPeersBecomeFull(t *testing.T) {
	for name, seats := range map[string][2]maker{"frr-frr": {frr, frr}, "frr-bird": {frr, bird}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := lab.New(lab.Options{Tag: "ec-peer"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
			a, b := wire(t, l)
			ra, rb := seats[0](a, "10.255.0.1"), seats[1](b, "10.255.0.2")
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			for _, r := range []peer.Router{ra, rb} {
				if err := r.Start(ctx); err != nil {
					t.Fatal(err)
				}
			}
			converged(ctx, t, ra, rb)

			// A crash and a new start.
			rb.Kill()
			if err := rb.Start(ctx); err != nil {
				t.Fatal(err)
			}
			converged(ctx, t, ra, rb)
			if err := rb.Stop(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

func wire(t *testing.T, l *lab.Lab) (a, b *lab.Node) {
	t.Helper()
	var nodes []*lab.Node
	for _, name := range []string{"a", "b", "host-a", "host-b"} {
		n, err := l.AddNode(name)
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
	}
	end := func(n *lab.Node, ifname string, addrs ...string) lab.End {
		e := lab.End{Node: n, Interface: ifname}
		for _, s := range addrs {
			e.Addresses = append(e.Addresses, netip.MustParsePrefix(s))
		}
		return e
	}
	for _, link := range [][2]lab.End{
		{end(nodes[0], "eth0", "10.0.0.1/30"), end(nodes[1], "eth0", "10.0.0.2/30")},
		{end(nodes[0], "lan", "10.1.0.1/24"), end(nodes[2], "eth0")},
		{end(nodes[1], "lan", "10.2.0.1/24"), end(nodes[3], "eth0")},
	} {
		if err := l.Connect(link[0], link[1], 0); err != nil {
			t.Fatal(err)
		}
	}
	return nodes[0], nodes[1]
}

// converged waits for adjacency, kernel routes and equal databases.
func converged(ctx context.Context, t *testing.T, a, b peer.Router) {
	t.Helper()
	for r, p := range map[peer.Router]string{a: "10.2.0.0/24", b: "10.1.0.0/24"} {
		if err := peer.Wait(ctx, r, 1, map[netip.Prefix]int{netip.MustParsePrefix(p): 1}); err != nil {
			t.Fatal(err)
		}
	}
	err := lab.Wait(ctx, "equal databases", func() (bool, string) {
		da, erra := a.Database(ctx)
		db, errb := b.Database(ctx)
		if erra != nil || errb != nil {
			return false, fmt.Sprint(erra, errb)
		}
		types := map[uint8]bool{}
		for _, lsa := range da {
			types[lsa.Type] = true
		}
		return len(da) >= 2 && types[1] && slices.Equal(da, db), "a and b hold " + lines(da) + "\nand\n" + lines(db)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func lines(list []peer.LSA) string {
	var b strings.Builder
	for _, l := range list {
		b.WriteString("\n" + l.String())
	}
	return b.String()
}
