package spf

import (
	"slices"

	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// dest is a prefix with everything that contributes to its route.
type dest struct {
	prefix    prefix
	leaves    []leaf    // stub links, transit networks, summaries
	externals *external // chain of AS-external-LSAs and type 7 LSAs
	route     path      // as last reported
	dirty     bool      // on the list of prefixes to be looked at
}

// leaf says that a prefix lies at cost behind vertex v.
type leaf struct {
	area    *area
	v       int32
	cost    uint32
	summary bool // v is an area border router that says so
}

// path is a [Route] without its prefix.
type path struct {
	pathType   PathType // 0: none
	local      bool
	nssa       bool // an external path by way of a type 7 LSA
	discard    bool // an active area address range
	area       packet.ID
	cost       uint32
	type2Cost  uint32
	tag        uint32
	advertiser packet.ID
	hops       nexthop.Set
}

func (p path) internal() bool { return p.pathType == IntraArea || p.pathType == InterArea }

func (d *dest) toRoute() Route {
	p := d.route
	kind := p.pathType
	if p.nssa {
		kind += NSSA1 - External1
	}
	return Route{
		Prefix: d.prefix.netip(), Type: kind, Area: p.area, Cost: p.cost, Type2Cost: p.type2Cost,
		Tag: p.tag, Advertiser: p.advertiser, NextHops: p.hops, Local: p.local, Discard: p.discard,
	}
}

// dest returns the destination p, creating it. One without any contribution
// and route goes away in the next [Table.Changes].
func (t *Table) dest(p prefix) *dest {
	d := t.dests[p]
	if d == nil {
		d = &dest{prefix: p}
		t.dests[p] = d
	}
	return d
}

func (t *Table) mark(d *dest) {
	if !d.dirty {
		d.dirty = true
		t.dirty = append(t.dirty, d)
	}
}

func (t *Table) addLeaf(d *dest, l leaf) {
	d.leaves = append(d.leaves, l)
	t.mark(d)
}

func (t *Table) removeLeaf(d *dest, l leaf) {
	if i := slices.Index(d.leaves, l); i >= 0 {
		last := len(d.leaves) - 1
		d.leaves[i] = d.leaves[last]
		d.leaves[last] = leaf{}
		d.leaves = d.leaves[:last]
	}
	t.mark(d)
}

func (t *Table) markLeaves(a *area, v int32) {
	for _, l := range a.vertices[v].leaves {
		t.mark(l.dest)
	}
}

// offer is a path of an internal route under consideration, with its next hops as a number.
type offer struct {
	path
	set setID
}

func (o offer) ok() bool { return o.pathType != 0 }

// better reports whether a path at cost beats the offer, and joins whether it ties.
func (o offer) better(cost uint32) bool { return !o.ok() || cost < o.cost }
func (o offer) joins(cost uint32) bool  { return o.ok() && cost == o.cost }

// internal returns the intra-area route to d, or else the inter-area one.
func (t *Table) internal(d *dest) offer {
	o := t.intraArea(d)
	if !o.ok() {
		o = t.interArea(d) // RFC 2328 16.2 (6): intra-area paths are always preferred
	}
	for _, l := range d.leaves {
		if l.summary {
			o = t.shortcut(o, l.area, l.v, l.cost)
		}
	}
	return o
}

// intraArea calculates the route to d from its transit networks (RFC 2328 16.1
// (4)) and then its stub networks (second stage of 16.1).
func (t *Table) intraArea(d *dest) offer {
	var o offer
	var network packet.ID // vertex ID of the network in o
	for _, l := range d.leaves {
		dist, set, ok := l.area.reach(l.v)
		if !ok || l.summary || !l.area.vertices[l.v].network {
			continue
		}
		x := &l.area.vertices[l.v]
		// 16.1 (4): of several vertices of one IP network at the same distance the one
		// with the larger link state ID is taken, not the union.
		if o.better(dist) || o.joins(dist) && (x.id > network || x.id == network && l.area.id > o.area) {
			o = t.offer(IntraArea, l, dist, set)
			network = x.id
		}
	}
	for _, l := range d.leaves {
		x := &l.area.vertices[l.v]
		dist, set, ok := l.area.reach(l.v)
		if !ok || l.summary || x.network {
			continue
		}
		own := x.id == t.config.RouterID
		if own {
			set = t.stubHops(l.area, d.prefix)
		}
		cost := far(dist, l.cost) // 16.1, second stage (1)
		if cost == unreachable {
			continue
		}
		if o.better(cost) { // second stage (2)
			o = t.offer(IntraArea, l, cost, set)
		} else if o.joins(cost) {
			o = t.join(o, l, set)
		} else {
			continue
		}
		o.local = o.local || own
	}
	return o
}

// interArea calculates the route to d from the summary-LSAs (RFC 2328 16.2).
func (t *Table) interArea(d *dest) offer {
	if r := t.activeRange(d.prefix); r != nil { // 11.1, 16.2 (3)
		return t.discard(r)
	}
	var o offer
	for _, l := range d.leaves {
		if !l.summary {
			continue
		}
		dist, set, ok := t.border(l.area, l.v) // 16.2 (4)
		cost := far(dist, l.cost)
		if !ok || cost == unreachable {
			continue
		}
		if o.better(cost) { // 16.2 (5), (7)
			o = t.offer(InterArea, l, cost, set)
		} else if o.joins(cost) {
			o = t.join(o, l, set)
		}
	}
	return o
}

func (t *Table) offer(kind PathType, l leaf, cost uint32, set setID) offer {
	return offer{path{
		pathType: kind, area: l.area.id, cost: cost,
		advertiser: l.area.vertices[l.v].origin, local: t.sets.attached(set),
	}, set}
}

// join adds another path of equal cost to o. The largest area and router id stand for all.
func (t *Table) join(o offer, l leaf, set setID) offer {
	o.set = t.sets.union(o.set, set)
	o.local = t.sets.attached(o.set) || o.local
	o.area = max(o.area, l.area.id)
	o.advertiser = max(o.advertiser, l.area.vertices[l.v].origin)
	return o
}

// border returns the routing table entry of an area border router in an area
// whose summaries are examined.
func (t *Table) border(a *area, v int32) (dist uint32, set setID, ok bool) {
	dist, set, ok = a.reach(v)
	return dist, set, ok && t.examined(a) && a.vertices[v].flags&packet.RouterB != 0
}
