package daemon

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/ecmpd/ecmpd/doctor"
	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf"
)

// What routes want and the kernel lacks is told hop by hop, with a reason; a dead
// leg is not wanted.
func TestMissingHops(t *testing.T) {
	hop := func(gateway string, installed, dead bool, reason string) fib.HopStatus {
		return fib.HopStatus{Hop: nexthop.Hop{Interface: "vpn1", Gateway: netip.MustParseAddr(gateway)}, Installed: installed, Dead: dead, Reason: reason}
	}
	route := func(prefix, reason string, hops ...fib.HopStatus) fib.RouteStatus {
		return fib.RouteStatus{Prefix: netip.MustParsePrefix(prefix), Installed: reason == "", Reason: reason, Hops: hops}
	}
	got := missingHops(fib.Status{Routes: []fib.RouteStatus{
		route("10.0.0.0/24", "", hop("10.9.0.1", true, false, ""), hop("10.9.0.2", false, false, "link is down")),
		route("10.0.1.0/24", "", hop("10.9.0.1", true, false, ""), hop("10.9.0.2", false, false, "link is down")),
		route("10.0.2.0/24", "the kernel refused it", hop("10.9.0.1", true, false, "")),
		route("10.0.3.0/24", "", hop("10.9.0.3", false, true, "the leg is dead"), hop("10.9.0.1", true, false, "")),
		{Prefix: netip.MustParsePrefix("10.0.4.0/24"), Discard: true, Installed: true},
	}})
	want := []doctor.MissingHop{
		{Via: "10.9.0.2", Interface: "vpn1", Reason: "link is down", Routes: 2, Example: netip.MustParsePrefix("10.0.0.0/24")},
		{Via: "10.9.0.1", Interface: "vpn1", Reason: "the kernel refused it", Routes: 1, Example: netip.MustParsePrefix("10.0.2.0/24")},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestTrouble(t *testing.T) {
	for _, tt := range []struct {
		n    ospf.NeighborStatus
		want doctor.Trouble
		ok   bool
	}{
		{ospf.NeighborStatus{State: "Full"}, 0, false},
		{ospf.NeighborStatus{State: "Full", Why: "another network type"}, doctor.Other, true},
		{ospf.NeighborStatus{State: "Full", Why: "acknowledges nothing", Overdue: 3}, doctor.Mute, true},
		{ospf.NeighborStatus{State: "2-Way", Why: "no adjacency is needed"}, 0, false},
		{ospf.NeighborStatus{State: "Exchange", Why: "databases are described"}, 0, false},
		{ospf.NeighborStatus{State: "Down", Why: "no hello from it"}, doctor.Silent, true},
		{ospf.NeighborStatus{State: "Init", Why: "one-way"}, doctor.OneWay, true},
		{ospf.NeighborStatus{State: "Down", Why: "area", Reject: ospf.RejectArea}, doctor.Rejected, true},
		{ospf.NeighborStatus{State: "Down", Why: "id", Reject: ospf.RejectDuplicateID}, doctor.DuplicateID, true},
		{ospf.NeighborStatus{State: "ExStart", Why: "MTU", Reject: ospf.RejectMTU}, doctor.MTU, true},
	} {
		if got, ok := trouble(tt.n); got != tt.want || ok != tt.ok {
			t.Errorf("%+v: %v %v", tt.n, got, ok)
		}
	}
}
