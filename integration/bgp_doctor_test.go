package integration

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// TestBGPDoctor has a neighbour that is not there, one of another AS, and one whose paths have a next hop that nobody
// leads to: the doctor names each, and is content when they are gone.
func TestBGPDoctor(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.wire("hub:x 10.0.9.1/24", "other:e 10.0.9.2/24")
	for _, a := range []string{"10.0.9.11", "10.0.9.12"} {
		n.ip("other", "address add "+a+"/24 dev e")
	}
	config := func(neighbors string) string {
		return "router-id: 10.255.0.1\nbgp: {as: 65000, ebgp-requires-policy: false, neighbors: [" + neighbors + "]}\n"
	}
	const internal = "{address: 10.0.9.12, remote-as: 65000, passive: true}"
	hub := peer.NewEcmpd(n.Node("hub"), binary, config("{address: 10.0.9.10, remote-as: 65009}, {address: 10.0.9.11, remote-as: 65009, passive: true}, "+internal))
	n.start(hub)
	stranger := &script{n: n, from: netip.MustParseAddr("10.0.9.11")}
	n.wait("a notification for the AS of another", func() (bool, string) {
		answer, err := stranger.open("other", "10.0.9.1", 65008)
		return err == nil && answer == 3, fmt.Sprint(answer, err)
	})
	s := n.script("other", "10.0.9.12", "10.0.9.1", 65000)
	s.hop = netip.MustParseAddr("203.0.113.9")
	s.announce(netip.MustParsePrefix("172.16.0.0/24"), nil, nil)
	found := func(want ...string) {
		t.Helper()
		n.wait(fmt.Sprintf("the doctor finds %q", want), func() (bool, string) {
			var diagnosis api.Doctor
			if err := api.NewClient(hub.Socket()).Get(n.ctx, api.PathDoctor, &diagnosis); err != nil {
				return false, err.Error()
			}
			var list []string
			for _, f := range diagnosis.Findings {
				if strings.HasPrefix(f.Check, "bgp-") {
					list = append(list, f.What+": "+f.Repair)
				}
			}
			return slices.EqualFunc(list, want, strings.Contains), strings.Join(list, "\n")
		})
	}
	found(
		"the BGP session with 10.0.9.10 is not established",
		"subcode 2(bad peer as): compare remote-as",
		"no route leads to 203.0.113.9, the next hop of BGP paths (1): announce the network of 203.0.113.9 in OSPF",
	)
	s.hop = s.from
	s.announce(netip.MustParsePrefix("172.16.0.0/24"), nil, nil)
	n.must(hub.Reload(config(internal)))
	found()
}
