package injector

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

const (
	firstRouter = packet.ID(0x01000001) // 1.0.0.1
	firstStub   = packet.ID(0x64400000) // 100.64.0.0
	linkCost    = 10
	stubCost    = 1
)

// Network is a network of routers that are joined by unnumbered point-to-point
// links of cost 10. Router i is 1.0.0.1 + i and has the stub 100.64.0.0/32 + i. Links
// to routers under test are added by Attach.
type Network struct{ routers []router }

type router struct {
	flags packet.RouterFlags
	links []packet.RouterLink // stubs as well
	seq   packet.Seq          // of the last instance that was built
}

// NewNetwork makes routers without links.
func NewNetwork(routers int) *Network {
	n := &Network{routers: make([]router, routers)}
	for i := range n.routers {
		n.routers[i].seq = packet.InitialSeq - 1
		n.AddStub(i, n.Stub(i))
	}
	return n
}

// Grid joins width × height routers; the one in column x and row y is y·width + x.
func Grid(width, height int) *Network {
	n := NewNetwork(width * height)
	for i := range n.routers {
		if i%width < width-1 {
			n.Join(i, i+1)
		}
		if i+width < len(n.routers) {
			n.Join(i, i+width)
		}
	}
	return n
}

// Ring joins each router to the next, and the last to the first.
func Ring(routers int) *Network {
	n := NewNetwork(routers)
	for i := range n.routers {
		if next := (i + 1) % routers; next != i {
			n.Join(i, next)
		}
	}
	return n
}

// Tree joins each router but the first to its parent, which has fanout
// children.
func Tree(routers, fanout int) *Network {
	n := NewNetwork(routers)
	for i := 1; i < routers; i++ {
		n.Join((i-1)/fanout, i)
	}
	return n
}

// Len is the number of routers.
func (n *Network) Len() int { return len(n.routers) }

// ID is the router id of router i.
func (n *Network) ID(i int) packet.ID { return firstRouter + packet.ID(i) }

// Stub is the prefix that router i has from the start.
func (n *Network) Stub(i int) netip.Prefix {
	return netip.PrefixFrom((firstStub + packet.ID(i)).Addr(), 32)
}

// Join adds a link between two routers.
func (n *Network) Join(a, b int) {
	for _, end := range [][2]int{{a, b}, {b, a}} {
		r := &n.routers[end[0]]
		r.links = append(r.links, packet.RouterLink{
			ID: n.ID(end[1]), Data: packet.ID(len(r.links) + 1), Type: packet.LinkPointToPoint, Metric: linkCost,
		})
	}
}

// Attach adds a link from router i to the router under test. address is that
// of the synthetic end.
func (n *Network) Attach(i int, neighbor packet.ID, address netip.Addr) {
	n.routers[i].links = append(n.routers[i].links, packet.RouterLink{
		ID: neighbor, Data: packet.IDFromAddr(address), Type: packet.LinkPointToPoint, Metric: linkCost,
	})
}

// AddStub adds a stub network to router i.
func (n *Network) AddStub(i int, p netip.Prefix) {
	n.routers[i].links = append(n.routers[i].links, packet.RouterLink{
		ID: packet.IDFromAddr(p.Masked().Addr()), Data: packet.MaskOf(p.Bits()), Type: packet.LinkStub, Metric: stubCost,
	})
}

// RemoveStub takes a stub network away from router i.
func (n *Network) RemoveStub(i int, p netip.Prefix) {
	r := &n.routers[i]
	kept := r.links[:0]
	for _, l := range r.links {
		if l.Type != packet.LinkStub || l.ID != packet.IDFromAddr(p.Masked().Addr()) || l.Data != packet.MaskOf(p.Bits()) {
			kept = append(kept, l)
		}
	}
	r.links = kept
}

// SetCost sets the cost of all links out of router i.
func (n *Network) SetCost(i int, cost uint16) {
	for k := range n.routers[i].links {
		if l := &n.routers[i].links[k]; l.Type == packet.LinkPointToPoint {
			l.Metric = cost
		}
	}
}

// SetASBR makes router i one that announces externals.
func (n *Network) SetASBR(i int) { n.routers[i].flags |= packet.RouterE }

// LSA builds the next instance of the router-LSA of router i.
func (n *Network) LSA(i int) []byte {
	r := &n.routers[i]
	r.seq++
	return packet.BuildLSA(packet.LSAHeader{
		Age: 1, Options: packet.OptE, Type: packet.LSRouter, ID: n.ID(i), Adv: n.ID(i), Seq: r.seq,
	}, packet.RouterLSA{Flags: r.flags, Links: r.links})
}

// LSAs builds the next instance of all router-LSAs.
func (n *Network) LSAs() [][]byte {
	lsas := make([][]byte, n.Len())
	for i := range lsas {
		lsas[i] = n.LSA(i)
	}
	return lsas
}
