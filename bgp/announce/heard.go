package announce

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/bgp"
)

// Heard is what a neighbour hears of a prefix.
type Heard struct {
	Verdict
	// Attributes are as the neighbour gets them, with the own autonomous system in the path of an external one;
	// without a next hop it is the own address of the session. Nil: it is not told.
	Attributes *bgp.Attributes
}

// Heard returns what is decided about a prefix, for each neighbour; empty when there is nothing to announce.
func (t *Table) Heard(p netip.Prefix) []Heard {
	verdicts, a := t.Verdicts(p)
	list := make([]Heard, len(verdicts))
	for i, v := range verdicts { // in the order of the neighbours
		if list[i].Verdict = v; v.Told {
			list[i].Attributes = t.arrives(&t.cfg.Neighbors[i], v.Adjust, a)
		}
	}
	return list
}

// arrives makes of the attributes of an announcement what comes to one neighbour.
func (t *Table) arrives(n *Neighbor, adjust bgp.Adjustment, a *bgp.Attributes) *bgp.Attributes {
	b := *a
	if n.RouteServer { // RFC 7947 2.2
		b.NextHop = adjust.NextHop
		return &b
	}
	b.Communities = bgp.Changed(a.Communities, adjust.Remove, adjust.Communities)
	b.Large = bgp.Changed(a.Large, adjust.RemoveLarge, adjust.Large)
	if adjust.MED != nil {
		b.MED, b.HasMED = *adjust.MED, true
	}
	if adjust.LocalPref != nil {
		b.LocalPref, b.HasLocalPref = *adjust.LocalPref, true
	}
	if adjust.NextHop.IsValid() {
		b.NextHop = adjust.NextHop
	}
	b.ASPath = b.ASPath.Prepend(t.cfg.AS, adjust.Prepend)
	if n.Internal {
		return &b
	}
	b.ASPath = b.ASPath.Prepend(t.cfg.AS, 1)                        // RFC 4271 5.1.2
	b.HasLocalPref, b.LocalPref = false, 0                          // RFC 4271 5.1.5
	b.OriginatorID, b.ClusterList = netip.Addr{}, []netip.Addr(nil) // RFC 4456 8
	return &b
}
