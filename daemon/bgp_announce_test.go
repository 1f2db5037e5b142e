package daemon

import (
	"net/netip"
	"testing"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/announce"
	"github.com/ecmpd/ecmpd/bgp/policy"
	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/rib"
)

// Another configuration is one message to the BGP loop, which names what is gone and nothing that stays: between two
// of them neighbours would hear that everything is withdrawn.
func TestReloadWithdrawsNothingThatStays(t *testing.T) {
	var heard []ribRoutes
	r := &routeLoop{
		cfg: &config.Config{BGP: bgp.Config{AS: 65000}, Announce: announce.Config{Redistribute: []announce.Redistribute{{Source: policy.Static}}}},
		rib: rib.New(4), saidToBGP: map[netip.Prefix]bool{}, bgp: func(m any) { heard = append(heard, m.(ribRoutes)) },
	}
	stays, goes := netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24")
	hops := nexthop.NewSet(nexthop.Hop{Gateway: netip.MustParseAddr("192.0.2.1"), Interface: "eth0"})
	r.rib.Set(rib.Route{Prefix: stays, Protocol: rib.Static, Distance: 1, NextHops: hops})
	r.rib.Set(rib.Route{Prefix: goes, Protocol: rib.OSPF, Distance: 110, NextHops: hops})
	r.saidToBGP[stays], r.saidToBGP[goes] = true, true // as if OSPF had been redistributed before
	r.tellBGPAll()
	if len(heard) != 1 || len(heard[0].gone) != 1 || heard[0].gone[0] != goes || len(heard[0].selected) != 1 || heard[0].selected[0].Prefix != stays {
		t.Errorf("%+v", heard)
	}
	r.cfg.Announce.Redistribute = nil
	r.tellBGPAll()
	if len(heard) != 2 || len(heard[1].gone) != 1 || heard[1].gone[0] != stays || len(heard[1].selected)+len(r.saidToBGP) != 0 {
		t.Errorf("%+v", heard)
	}
}
