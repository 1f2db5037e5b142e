package ospf

import (
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// originateInfo brings the area's router information LSA (RFC 7770) in line:
// how this router chooses among equal-cost next hops, with the weights of the
// links of its router-LSA.
func (a *area) originateInfo() {
	e := a.e
	k := packet.Key{Type: packet.LSOpaqueArea, ID: packet.RouterInfoID, Adv: e.cfg.RouterID}
	if e.cfg.Multipath == nil {
		e.withdraw(a.db, k)
		return
	}
	if !a.announced { // the weights would change with the first links
		return
	}
	m := *e.cfg.Multipath
	for _, l := range a.root {
		if l.Weight > 1 && l.Link.Type != packet.LinkStub {
			m.Weights = append(m.Weights, packet.LinkWeight{ID: l.Link.ID, Data: l.Link.Data, Type: l.Link.Type, Weight: l.Weight})
		}
	}
	e.originate(a.db, k, packet.RouterInfoLSA{Multipath: m})
}
