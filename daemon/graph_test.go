package daemon

import (
	"fmt"
	"testing"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// The graph says what the LSAs say: both directions of a link, a network, and who says nothing.
func TestGraph(t *testing.T) {
	lsa := func(k packet.LSType, id, adv packet.ID, body packet.LSABody) ospf.LSA {
		h := packet.LSAHeader{Type: k, ID: id, Adv: adv}
		return ospf.LSA{Header: h, Raw: packet.BuildLSA(h, body)}
	}
	p2p := func(id packet.ID, cost uint16) packet.RouterLink {
		return packet.RouterLink{Type: packet.LinkPointToPoint, ID: id, Metric: cost}
	}
	transit := packet.RouterLink{Type: packet.LinkTransit, ID: 0x0a000001, Metric: 5}
	stub := packet.RouterLink{Type: packet.LinkStub, ID: 0x0a010000, Data: packet.MaskOf(24), Metric: 9}
	g := graphOf([]ospf.LSA{
		lsa(packet.LSRouter, 1, 1, packet.RouterLSA{Flags: packet.RouterB, Links: []packet.RouterLink{p2p(2, 10), p2p(3, 11), transit, stub}}),
		lsa(packet.LSRouter, 2, 2, packet.RouterLSA{Links: []packet.RouterLink{p2p(1, 20)}}),
		lsa(packet.LSNetwork, 0x0a000001, 1, packet.NetworkLSA{Mask: packet.MaskOf(24), Routers: []packet.ID{1, 2}}),
	}, map[packet.ID]string{2: "two"}, 1)
	got := ""
	for _, r := range g.Areas[0].Routers {
		got += fmt.Sprintln(r.RouterID, r.Hostname, r.Self, r.AreaBorder, r.Known, r.Stubs)
	}
	for _, n := range g.Areas[0].Networks {
		got += fmt.Sprintln(n)
	}
	for _, l := range g.Areas[0].Links {
		got += fmt.Sprintln(l)
	}
	const want = `0.0.0.1  true true true [{10.1.0.0/24 9}]
0.0.0.2 two false false true []
0.0.0.3  false false false []
{10.0.0.1 10.0.0.0/24 0.0.0.1}
{0.0.0.1 0.0.0.2 point-to-point 10 false}
{0.0.0.1 0.0.0.3 point-to-point 11 true}
{0.0.0.1 10.0.0.1 transit 5 false}
{0.0.0.2 0.0.0.1 point-to-point 20 false}
{10.0.0.1 0.0.0.1 network 0 false}
{10.0.0.1 0.0.0.2 network 0 true}
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
