package spf

import (
	"math"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// RootLink tells how the router itself reaches across one link of its own
// router-LSA (RFC 2328 section 16.1.1).
type RootLink struct {
	// Link is the link as in the own router-LSA; Type, ID and Data are compared. The metric
	// matters only where several stub links lead to one network: the cheapest are used.
	Link packet.RouterLink
	// Interface is the name of the outgoing link. It is not used on virtual links.
	Interface string
	// Gateway is the neighbour's address on point-to-point links (the source of its
	// hellos). It is not used on transit networks, where the other router's
	// link data is the gateway, and on stub networks.
	Gateway netip.Addr
	// OnLink says that no connected prefix covers Gateway (unnumbered links).
	OnLink bool
	// Weight is the share in equal-cost sets, 1..254; 0 counts as 1.
	Weight uint8
	// Transit is the transit area of a virtual link (RFC 2328 15), whose next hops are those to
	// the other end there.
	Transit packet.ID
}

// rootLinks is what is known of the own links in one area.
type rootLinks struct {
	links     []RootLink
	byLink    map[packet.RouterLink][]RootLink // metric left out of the key
	addresses map[packet.ID]bool               // own addresses that the links show
}

func newRootLinks(links []RootLink) rootLinks {
	r := rootLinks{
		links:     slices.Clone(links),
		byLink:    make(map[packet.RouterLink][]RootLink, len(links)),
		addresses: make(map[packet.ID]bool, len(links)),
	}
	for _, l := range r.links {
		key := l.Link
		key.Metric = 0
		r.byLink[key] = append(r.byLink[key], l)
		switch {
		case l.Link.Type != packet.LinkStub:
			r.addresses[l.Link.Data] = true
		case l.Link.Data == packet.MaskOf(32):
			r.addresses[l.Link.ID] = true
		}
	}
	return r
}

// SetRoot replaces what is known of the own links in an area: after each
// origination of the own router-LSA and whenever a gateway or interface
// changes. A router without links in an area is not attached to it.
func (t *Table) SetRoot(area packet.ID, links []RootLink) {
	a := t.area(area)
	old := a.root
	a.root = newRootLinks(links)
	if slices.Equal(old.links, a.root.links) {
		return
	}
	if !slices.Equal(transit(old.links), transit(a.root.links)) {
		a.pending = true
	}
	if v, ok := a.numbers[vertexKey{id: t.config.RouterID}]; ok {
		t.markLeaves(a, v)
	}
	t.markAllForwards()
	t.checkAttachment()
}

// adjacent reports whether any link leads to another router.
func (r *rootLinks) adjacent() bool {
	return slices.ContainsFunc(r.links, func(l RootLink) bool { return l.Link.Type != packet.LinkStub })
}

// transit returns the links that the tree depends on, and what of them it depends on.
func transit(links []RootLink) []RootLink {
	links = slices.DeleteFunc(slices.Clone(links), func(l RootLink) bool { return l.Link.Type == packet.LinkStub })
	for i := range links {
		links[i].Link.Metric = 0
	}
	return links
}

// checkAttachment looks again at every summary when the areas whose summaries are
// examined are others than before.
func (t *Table) checkAttachment() {
	var examined []*area
	for _, a := range t.areas {
		if t.examines(a) {
			examined = append(examined, a)
		}
	}
	if slices.Equal(examined, t.examinedAreas) {
		return
	}
	t.examinedAreas = examined
	for _, a := range t.areas {
		t.markSummaries(a)
	}
}

// examines is the head of RFC 2328 16.2: the summaries of the only attached area,
// or of the backbone; RFC 3509 section 2 adds: of all when there is no active backbone
// connection, which is an adjacency there.
func (t *Table) examines(a *area) bool {
	backbone := slices.ContainsFunc(t.areas, func(a *area) bool { return a.id == 0 && a.root.adjacent() })
	return len(a.root.links) > 0 && (a.id == 0 || !backbone)
}

func (t *Table) examined(a *area) bool { return slices.Contains(t.examinedAreas, a) }

// hops returns the next hops across one edge from the root to w (RFC 2328 16.1.1,
// first case). On an attached network the gateway is yet to be found. Those of virtual links
// are in [Table.virtualHops].
func (r *rootLinks) hops(e edge, w *vertex) []hop {
	var hops []hop
	for _, l := range r.byLink[packet.RouterLink{ID: w.id, Data: e.data, Type: e.kind}] {
		h := hop{Hop: nexthop.Hop{Interface: l.Interface, Weight: l.Weight}}
		switch e.kind {
		case packet.LinkTransit:
			h.attached = true
		case packet.LinkPointToPoint:
			h.RouterID, h.Gateway, h.OnLink = w.id.Addr(), l.Gateway, l.OnLink
		default:
			continue
		}
		hops = append(hops, h)
	}
	return hops
}

// stubHops returns the interfaces of the own stub network p.
func (t *Table) stubHops(a *area, p prefix) setID {
	var hops []hop
	cheapest := uint16(math.MaxUint16)
	stub := packet.RouterLink{ID: p.addr(), Data: packet.MaskOf(p.bits()), Type: packet.LinkStub}
	for _, l := range a.root.byLink[stub] {
		if l.Link.Metric < cheapest {
			hops, cheapest = hops[:0], l.Link.Metric
		}
		if l.Link.Metric == cheapest {
			hops = append(hops, hop{Hop: nexthop.Hop{Interface: l.Interface, Weight: l.Weight}, attached: true})
		}
	}
	return t.sets.make(hops)
}
