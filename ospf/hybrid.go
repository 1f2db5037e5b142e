package ospf

import (
	"fmt"
	"slices"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// synchronised tells which neighbours of a hybrid network the router-LSA links to (RFC 6845 4.6): those of the DR are
// fully adjacent; who is so with a DR that takes itself for it is synchronised with all that this one links to.
func (i *iface) synchronised() func(*neighbor) bool {
	if i.state == ifDR {
		return (*neighbor).adjacent
	}
	at := slices.IndexFunc(i.neighbors, func(n *neighbor) bool { return n.addr == i.dr && n.adjacent() })
	if at < 0 {
		return func(*neighbor) bool { return false }
	}
	dr := i.neighbors[at]
	says, _ := dr.election()
	linked := i.area.linked(dr.id)
	return func(n *neighbor) bool {
		return says.dr == dr.addr && (n == dr || (n.state >= nbrTwoWay || n.adjacent()) && linked[n.id])
	}
}

// linked lists the routers that a router-LSA of the area has point-to-point links to.
func (a *area) linked(router packet.ID) map[packet.ID]bool {
	routers := make(map[packet.ID]bool)
	entry := a.db.Lookup(packet.Key{Type: packet.LSRouter, ID: router, Adv: router})
	if entry == nil || entry.IsMaxAge(a.e.now) {
		return routers
	}
	lsa, _ := packet.DecodeRouterLSA(entry.Raw) // it was sound when it came
	for _, l := range lsa.Links {
		if l.Type == packet.LinkPointToPoint {
			routers[l.ID] = true
		}
	}
	return routers
}

// hybridChanged draws the consequences of an LSA for the hybrid networks of its area: links follow the DR's router-LSA
// (RFC 6845 4.6), and a network-LSA of such a network says that not all routers on it agree what it is (5).
func (e *Engine) hybridChanged(d *database, entry *lsdb.Entry) {
	for _, i := range e.ifaces {
		if i.kind() != TypeHybrid || d.area != i.area || !i.up {
			continue
		}
		switch {
		case entry.Type == packet.LSRouter && slices.ContainsFunc(i.neighbors, func(n *neighbor) bool { return n.id == entry.Adv }):
			i.area.rootDirty = true
		case entry.Type == packet.LSNetwork && !entry.IsMaxAge(e.now) && i.addr.Addr.Masked().Contains(entry.ID.Addr()):
			e.alarm("network-type", i.name, fmt.Sprintf("router %s announces the network of %s, which is hybrid here: it takes it for a broadcast network", entry.Adv, i.name))
		}
	}
}
