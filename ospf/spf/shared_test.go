package spf

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// TestShared asks router 1, a hub, for what it shares with router 2, another one.
func TestShared(t *testing.T) {
	const hubs = `
		p2p 1 11 10
		p2p 1 12 10
		p2p 2 11 10
		p2p 2 12 10
		`
	for _, tt := range []struct {
		name, network, tracked, own, want string
	}{
		{"behind the hub itself", hubs + "stub 1 192.168.77.0/24 10", "192.168.77.0/24", "", ""},
		{"behind the other hub", hubs + "stub 2 192.168.77.0/24 10", "192.168.77.0/24", "", ""},
		{"on both hubs", hubs + "stub 1 192.168.77.0/24 10\nstub 2 192.168.77.0/24 10", "192.168.77.0/24", "", "192.168.77.0/24 11"},
		{"on both hubs, one preferred", hubs + "stub 1 192.168.77.0/24 10\nstub 2 192.168.77.0/24 11", "192.168.77.0/24", "", ""},
		{"on both hubs as a transit network", hubs + "lan 192.168.77.0/24 1=10 2=10", "192.168.77.0/24", "", "192.168.77.0/24 11"},
		{"behind a branch", hubs + "stub 12 192.168.77.0/24 10", "192.168.77.0/24", "", "192.168.77.0/24 11"},
		{"behind a branch that has one hub", hubs + "p2p 1 13 10\nstub 13 192.168.77.0/24 10", "192.168.77.0/24", "", ""},
		{"behind a branch whose other tunnel is dear", strings.Replace(hubs, "2 12 10", "2 12 20", 1) + "stub 12 192.168.77.0/24 10", "192.168.77.0/24", "", ""},
		{"inside a tracked network, and another outside", hubs + "stub 12 192.168.77.0/24 1\nstub 12 192.168.79.0/24 1", "192.168.76.0/23", "", "192.168.77.0/24 11"},
		{"under a larger prefix", hubs + "stub 12 192.168.0.0/16 1\nstub 12 192.0.0.0/8 1", "192.168.77.0/24", "", "192.168.77.0/24 11"},
		{"only a default route covers it", hubs + "stub 12 0.0.0.0/0 1", "192.168.77.0/24", "", ""},
		{"parallel tunnels of one hub", "p2p 1 11 10\np2p 1 11 10\nstub 1 192.168.77.0/24 10", "192.168.77.0/24", "", ""},
		{"external of the other hub", hubs + "flags 2 E\next 2 192.168.77.0/24 e2 20", "192.168.77.0/24", "", ""},
		{"external of both hubs", hubs + "flags 2 E\next 2 192.168.77.0/24 e2 20", "192.168.77.0/24", "e2 20", "192.168.77.0/24 11"},
		{"external of both hubs, the own one dearer", hubs + "flags 2 E\next 2 192.168.77.0/24 e2 20", "192.168.77.0/24", "e2 21", ""},
		{"external of both hubs, type 1 wins", hubs + "flags 2 E\next 2 192.168.77.0/24 e1 900", "192.168.77.0/24", "e2 20", ""},
		{"external of type 1 of both hubs", hubs + "flags 2 E\next 2 192.168.77.0/24 e1 20", "192.168.77.0/24", "e1 20", "192.168.77.0/24 11"},
		{"external of an unreachable router", hubs + "flags 12 E\next 12 192.168.77.0/24 e2 20\next 99 192.168.77.0/24 e2 1", "192.168.77.0/24", "", "192.168.77.0/24 11"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := parse(t, tt.network).fresh(Config{RouterID: 1})
			own := func(netip.Prefix) (x OwnExternal, ok bool) {
				_, err := fmt.Sscanf(tt.own, "e%d %d", new(int), &x.Metric)
				x.Type2 = strings.HasPrefix(tt.own, "e2")
				return x, err == nil
			}
			var got []string
			for _, s := range table.Shared([]netip.Prefix{netip.MustParsePrefix(tt.tracked)}, own) {
				got = append(got, fmt.Sprint(s.Prefix, " ", uint32(s.Router)))
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("shared: %q, want %q", got, tt.want)
			}
		})
	}
}

// TestSharedOracle compares with a naive search in random domains.
func TestSharedOracle(t *testing.T) {
	shared, asked := 0, 0
	none := func(netip.Prefix) (x OwnExternal, ok bool) { return }
	for seed := range uint64(600) {
		g := newGenerator(seed)
		g.m.summaries, g.m.externals, g.m.virtual = nil, nil, nil
		c := configFor(seed)
		table := g.m.fresh(c)
		o := &oracle{c: c, lsas: g.m.lsas(), links: g.m.rootLinks()}
		o.keys = slices.SortedFunc(maps.Keys(o.lsas), compareAreaKeys)
		for _, a := range g.m.areas() {
			o.areas = append(o.areas, o.area(a))
		}
		for r := range table.Routes() {
			if r.Prefix.Bits() < 24 {
				continue
			}
			var got, want packet.ID
			for _, s := range table.Shared([]netip.Prefix{r.Prefix}, none) {
				if s.Prefix == r.Prefix {
					got = s.Router
				}
			}
			for _, a := range o.areas {
				if want == 0 {
					want = a.dividing(r.Prefix, c.RouterID)
				}
			}
			if got != want {
				t.Fatalf("seed %d: %s is shared by %d, want %d", seed, r.Prefix, got, want)
			}
			if asked++; got != 0 {
				shared++
			}
		}
	}
	if shared < 100 || shared > asked/2 {
		t.Errorf("%d of %d prefixes are shared: the domains prove little", shared, asked)
	}
}

// dividing is the lowest router with shortest paths to p both through the root
// and past it.
func (a *oracleArea) dividing(p netip.Prefix, root packet.ID) (lowest packet.ID) {
	dist, through, past := map[node]int{}, map[node]bool{}, map[node]bool{}
	end := func(n node, lsid, mask packet.ID, cost int) {
		_, reachable := a.dist[n]
		if bits, ok := packet.MaskLen(mask); !ok || !reachable || netip.PrefixFrom((lsid&mask).Addr(), bits) != p {
			return
		}
		if old, ok := dist[n]; !ok || cost < old {
			dist[n] = cost
		}
	}
	for id, r := range a.routers {
		for _, l := range r.Links {
			if l.Type == packet.LinkStub {
				end(node{'r', id}, l.ID, l.Data, int(l.Metric))
			}
		}
	}
	for id, n := range a.nets {
		end(node{'n', id}, id, n.Mask, 0)
	}
	ends := maps.Clone(dist)
	for changed := true; changed; {
		changed = false
		for _, e := range a.edges {
			to, ok := dist[e.to]
			if from, known := dist[e.from]; ok && (!known || to+e.cost < from) {
				dist[e.from], changed = to+e.cost, true
			}
		}
	}
	hub := node{'r', root}
	for n, cost := range ends {
		past[n] = cost == dist[n] && n != hub
	}
	_, through[hub] = dist[hub]
	for changed := true; changed; {
		changed = false
		for _, e := range a.edges {
			to, ok := dist[e.to]
			if !ok || e.from == hub || dist[e.from] != to+e.cost {
				continue
			}
			if through[e.to] && !through[e.from] {
				through[e.from], changed = true, true
			}
			if past[e.to] && !past[e.from] {
				past[e.from], changed = true, true
			}
		}
	}
	for n := range dist {
		if n.kind == 'r' && through[n] && past[n] && (lowest == 0 || n.id < lowest) {
			lowest = n.id
		}
	}
	return lowest
}
