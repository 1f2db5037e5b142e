package rib

import (
	"slices"
	"testing"

	"github.com/ecmpd/ecmpd/nexthop"
)

func TestResolveStatic(t *testing.T) {
	eth0 := Network{"eth0", prefix("10.0.1.0/24")}
	wide := Network{"wan", prefix("10.0.0.0/16")}
	static := func(vias ...string) StaticRoute {
		s := StaticRoute{Prefix: prefix("198.51.100.0/24")}
		for i, v := range vias {
			s.NextHops = append(s.NextHops, StaticHop{Via: addr(v), Weight: uint8(i + 1)})
		}
		return s
	}
	hop := func(gateway, link string, weight uint8) nexthop.Hop {
		return nexthop.Hop{Gateway: addr(gateway), Interface: link, Weight: weight}
	}
	tests := []struct {
		name      string
		route     StaticRoute
		connected []Network
		want      []nexthop.Hop // nil: not active
	}{
		{"one gateway", static("10.0.1.1"), []Network{eth0}, []nexthop.Hop{hop("10.0.1.1", "eth0", 1)}},
		{"longest match", static("10.0.1.1", "10.0.2.1"), []Network{wide, eth0},
			[]nexthop.Hop{hop("10.0.1.1", "eth0", 1), hop("10.0.2.1", "wan", 2)}},
		{"only one of two is reachable, its weight stays", static("192.0.2.1", "10.0.1.2"), []Network{eth0},
			[]nexthop.Hop{hop("10.0.1.2", "eth0", 2)}},
		{"same network on two links", static("10.0.1.1"), []Network{{"eth9", eth0.Prefix}, eth0},
			[]nexthop.Hop{hop("10.0.1.1", "eth0", 1)}},
		{"peer address of a tunnel", static("10.9.0.1"), []Network{{"vpn1", prefix("10.9.0.1/32")}},
			[]nexthop.Hop{hop("10.9.0.1", "vpn1", 1)}},
		{"no connected network", static("10.0.1.1"), nil, nil},
		{"gateway elsewhere", static("192.0.2.1"), []Network{eth0, wide}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ResolveStatic([]StaticRoute{tt.route}, tt.connected, nil)
			var want []Route
			if tt.want != nil {
				want = []Route{{Prefix: tt.route.Prefix, Protocol: Static, Distance: 1, NextHops: nexthop.NewSet(tt.want...)}}
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestStaticFollowsConnected(t *testing.T) {
	gateway := StaticRoute{Prefix: prefix("198.51.100.0/24"), NextHops: []StaticHop{{Via: addr("10.0.1.1"), Weight: 1}}}
	blackhole := StaticRoute{Prefix: prefix("203.0.113.0/24"), Blackhole: true}
	lan := []Network{{"eth0", prefix("10.0.1.0/24")}}
	tab := New(16)
	resolve := func(connected []Network) []Change {
		tab.Replace(Static, ResolveStatic([]StaticRoute{gateway, blackhole}, connected, nil))
		return tab.Changes()
	}
	hole := Change{Prefix: blackhole.Prefix, Route: Route{Prefix: blackhole.Prefix, Protocol: Static, Distance: 1, Discard: true}}
	up := Change{Prefix: gateway.Prefix, Route: Route{Prefix: gateway.Prefix, Protocol: Static, Distance: 1, NextHops: via("10.0.1.1 eth0")}}
	down := Change{Prefix: gateway.Prefix, Withdrawn: true}

	for i, step := range []struct {
		connected []Network
		want      []Change
	}{
		{nil, []Change{hole}},
		{lan, []Change{up}},
		{lan, nil},
		{nil, []Change{down}},
		{lan, []Change{up}},
	} {
		if got := resolve(step.connected); !slices.Equal(got, step.want) {
			t.Errorf("step %d: got %v, want %v", i, got, step.want)
		}
	}
}

// A watched hop is used only while its path is alive.
func TestResolveStaticWatched(t *testing.T) {
	net := []Network{{"wan", prefix("10.0.0.0/16")}, {"eth0", prefix("10.0.1.0/24")}}
	route := []StaticRoute{{Prefix: prefix("198.51.100.0/24"), NextHops: []StaticHop{
		{Via: addr("10.0.1.1"), Weight: 1, Watched: true}, {Via: addr("10.0.2.1"), Weight: 1},
	}}}
	leg, ok := StaticLeg(addr("10.0.1.1"), net)
	if want := (nexthop.Leg{Interface: "eth0", Gateway: addr("10.0.1.1")}); !ok || leg != want {
		t.Errorf("leg %v, %v", leg, ok)
	}
	if _, ok := StaticLeg(addr("192.0.2.1"), net); ok {
		t.Error("a leg to a gateway on no network")
	}
	for _, c := range []struct {
		live map[nexthop.Leg]bool
		want int
	}{{nil, 1}, {map[nexthop.Leg]bool{{Interface: "wan", Gateway: addr("10.0.1.1")}: true}, 1}, {map[nexthop.Leg]bool{leg: true}, 2}} {
		if got := ResolveStatic(route, net, c.live); len(got) != 1 || got[0].NextHops.Len() != c.want {
			t.Errorf("live %v: %v", c.live, got)
		}
	}
	route[0].NextHops = route[0].NextHops[:1]
	if got := ResolveStatic(route, net, nil); len(got) != 0 {
		t.Errorf("the only hop is dead: %v", got)
	}
}
