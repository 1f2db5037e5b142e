package daemon

import (
	"testing"

	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/redistribute"
	"github.com/ecmpd/ecmpd/rib"
)

func learnt(prefix, kind string) rib.Route {
	return rib.Route{Prefix: pfx(prefix), Protocol: rib.BGP, Type: kind, Distance: 20, NextHops: nexthop.NewSet(nexthop.Hop{Interface: "v0"})}
}

// OSPF hears of selected routes from other autonomous systems that a rule takes.
func TestBGPIntoOSPF(t *testing.T) {
	l := newTestLoop()
	want := func(want string) {
		t.Helper()
		l.offerBGP(l.rib.Changes())
		if got := l.taken(); got != want {
			t.Errorf("offered %s, want %s", got, want)
		}
	}
	l.cfg.OSPF.Redistribute = []ospf.Redistribute{
		{Source: ospf.BGP, Prefixes: []ospf.PrefixRange{{Prefix: pfx("198.51.0.0/16"), Ge: 16, Le: 32}}, Tag: redistribute.Tag(65001)},
	}
	l.configureExchange()
	for _, r := range []rib.Route{
		learnt("198.51.100.0/24", "ebgp"), learnt("198.51.101.0/24", "ibgp"), learnt("203.0.113.0/24", "ebgp"), learnt("0.0.0.0/0", "ebgp"),
		{Prefix: pfx("198.51.100.0/24"), Protocol: rib.OSPF, Distance: 110, Tag: redistribute.Tag(65001), NextHops: nexthop.NewSet(nexthop.Hop{Interface: "v1"})},
	} {
		l.rib.Set(r)
	}
	want("[4 +[0.0.0.0/0 198.51.100.0/24] -[]]")
	want("[]")
	l.rib.Withdraw(pfx("198.51.100.0/24"), rib.BGP) // what another hub says of it is left
	want("[4 +[] -[198.51.100.0/24]]")

	l.cfg.OSPF.Redistribute = []ospf.Redistribute{{Source: ospf.BGP, Tag: 7}}
	l.configureExchange()
	want("[4 +[203.0.113.0/24] -[]]")
	l.cfg.OSPF.Redistribute = nil
	l.configureExchange()
	want("[4 +[] -[203.0.113.0/24]]")
}
