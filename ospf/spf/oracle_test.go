package spf

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// The oracle is a second, naive reading of RFC 2328 section 16. It parses all LSAs
// anew, relaxes all edges until nothing changes, then propagates next hops along the tight
// edges until nothing changes, and walks every list from the start.

type node struct {
	kind byte // 'r', 'n'
	id   packet.ID
}

type hops map[nexthop.Hop]bool // Gateway invalid: attached

type oracleEdge struct {
	from, to node
	cost     int
	data     packet.ID
	kind     packet.LinkType
}

type oracleArea struct {
	id      packet.ID
	routers map[packet.ID]packet.RouterLSA
	nets    map[packet.ID]packet.NetworkLSA
	origin  map[packet.ID]packet.ID
	edges   []oracleEdge
	dist    map[node]int
	hops    map[node]hops
}

type entry struct {
	kind    PathType
	area    packet.ID
	cost    int
	type2   int
	adv     packet.ID
	tag     uint32
	hops    hops
	own     bool
	pref    bool
	netLSID packet.ID
}

type oracle struct {
	c     Config
	lsas  map[areaKey][]byte
	keys  []areaKey
	links map[packet.ID][]RootLink
	areas []*oracleArea
}

func (m *model) oracle(c Config) string {
	o := &oracle{c: c, lsas: m.lsas(), links: m.rootLinks()}
	o.keys = slices.SortedFunc(maps.Keys(o.lsas), compareAreaKeys)
	for _, a := range slices.Backward(m.areas()) { // transit areas before the backbone
		o.areas = slices.Insert(o.areas, 0, o.area(a))
	}
	internal := o.intra()
	o.inter(internal)
	all := maps.Clone(internal)
	o.externals(internal, all)
	var routes []Route
	for p, e := range all {
		r := Route{Prefix: p, Type: e.kind, Area: e.area, Cost: uint32(e.cost), Type2Cost: uint32(e.type2), Tag: e.tag, Advertiser: e.adv, Local: e.own}
		for h := range e.hops {
			r.Local = r.Local || !h.Gateway.IsValid()
		}
		r.NextHops = nexthop.NewSet(slices.Collect(maps.Keys(e.hops))...)
		routes = append(routes, r)
	}
	slices.SortFunc(routes, func(a, b Route) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()))
	})
	return show(routes)
}

func (o *oracle) area(id packet.ID) *oracleArea {
	a := &oracleArea{id: id, routers: map[packet.ID]packet.RouterLSA{}, nets: map[packet.ID]packet.NetworkLSA{}, origin: map[packet.ID]packet.ID{}}
	for _, k := range o.keys {
		if k.area == id && k.key.Type == packet.LSRouter {
			a.routers[k.key.Adv], _ = packet.DecodeRouterLSA(o.lsas[k])
		}
	}
	claimed := func(lsid, adv packet.ID) bool {
		return slices.ContainsFunc(a.routers[adv].Links, func(l packet.RouterLink) bool { return l.Type == packet.LinkTransit && l.ID == lsid })
	}
	for _, k := range o.keys { // ascending by advertising router
		if k.area == id && k.key.Type == packet.LSNetwork {
			if old, ok := a.origin[k.key.ID]; ok && claimed(k.key.ID, old) && !claimed(k.key.ID, k.key.Adv) {
				continue
			}
			a.nets[k.key.ID], _ = packet.DecodeNetworkLSA(o.lsas[k])
			a.origin[k.key.ID] = k.key.Adv
		}
	}
	a.findEdges()
	a.relax(o)
	return a
}

func (a *oracleArea) findEdges() {
	var edges []oracleEdge
	for id, r := range a.routers {
		for _, l := range r.Links {
			e := oracleEdge{from: node{'r', id}, to: node{'r', l.ID}, cost: int(l.Metric), data: l.Data, kind: l.Type}
			if l.Type == packet.LinkTransit {
				e.to.kind = 'n'
			}
			if l.Type != packet.LinkStub {
				edges = append(edges, e)
			}
		}
	}
	for id, n := range a.nets {
		for _, r := range n.Routers {
			edges = append(edges, oracleEdge{from: node{'n', id}, to: node{'r', r}})
		}
	}
	for _, e := range edges {
		for _, back := range edges {
			if back.from == e.to && back.to == e.from {
				a.edges = append(a.edges, e)
				break
			}
		}
	}
}

func (a *oracleArea) relax(o *oracle) {
	root := node{'r', o.c.RouterID}
	a.dist, a.hops = map[node]int{}, map[node]hops{}
	if _, ok := a.routers[o.c.RouterID]; !ok {
		return
	}
	a.dist[root] = 0
	a.edges = slices.DeleteFunc(a.edges, func(e oracleEdge) bool { // a virtual link without a path
		return e.from == root && e.kind == packet.LinkVirtual && len(a.across(o, e, root)) == 0
	})
	for changed := true; changed; {
		changed = false
		for _, e := range a.edges {
			from, ok := a.dist[e.from]
			to, known := a.dist[e.to]
			if ok && (!known || from+e.cost < to) {
				a.dist[e.to] = from + e.cost
				changed = true
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for _, e := range a.edges {
			from, ok := a.dist[e.from]
			if !ok || e.to == root || from+e.cost != a.dist[e.to] {
				continue
			}
			for h := range a.across(o, e, root) {
				if a.hops[e.to] == nil {
					a.hops[e.to] = hops{}
				}
				changed = changed || !a.hops[e.to][h]
				a.hops[e.to][h] = true
			}
		}
	}
}

// across returns the next hops to e.to by e.
func (a *oracleArea) across(o *oracle, e oracleEdge, root node) hops {
	if e.from == root {
		set := hops{}
		for _, l := range o.links[a.id] {
			if l.Link.ID != e.to.id || l.Link.Data != e.data || l.Link.Type != e.kind {
				continue
			}
			if e.kind == packet.LinkVirtual { // 15: the path that it stands for
				for _, t := range o.areas {
					if t.id == l.Transit {
						maps.Copy(set, t.hops[e.to])
					}
				}
				continue
			}
			h := nexthop.Hop{Interface: l.Interface, Weight: 1, OnLink: l.OnLink}
			if e.kind == packet.LinkPointToPoint {
				h.Gateway, h.RouterID = l.Gateway, e.to.id.Addr()
			}
			set[h] = true
		}
		return set
	}
	set := hops{}
	for h := range a.hops[e.from] {
		if h.Gateway.IsValid() {
			set[h] = true
			continue
		}
		for _, l := range a.routers[e.to.id].Links {
			if l.Type == packet.LinkTransit && l.ID == e.from.id {
				set[nexthop.Hop{RouterID: e.to.id.Addr(), Gateway: l.Data.Addr(), Interface: h.Interface, Weight: 1}] = true
			}
		}
	}
	return set
}

func union(a, b hops) hops {
	c := maps.Clone(a)
	if c == nil {
		c = hops{}
	}
	maps.Copy(c, b)
	return c
}

func (o *oracle) intra() map[netip.Prefix]entry {
	table := map[netip.Prefix]entry{}
	for _, a := range o.areas {
		for id, n := range a.nets {
			d, ok := a.dist[node{'n', id}]
			bits, valid := packet.MaskLen(n.Mask)
			if !ok || !valid || bits == 32 || bits == 0 {
				continue
			}
			p := netip.PrefixFrom((id & n.Mask).Addr(), bits)
			e := entry{kind: IntraArea, area: a.id, cost: d, adv: a.origin[id], hops: a.hops[node{'n', id}], netLSID: id}
			old, ok := table[p]
			if !ok || d < old.cost || d == old.cost && (id > old.netLSID || id == old.netLSID && a.id > old.area) {
				table[p] = e
			}
		}
	}
	for _, a := range o.areas {
		for id, r := range a.routers {
			d, ok := a.dist[node{'r', id}]
			if !ok {
				continue
			}
			for _, l := range r.Links {
				bits, valid := packet.MaskLen(l.Data)
				if l.Type != packet.LinkStub || !valid {
					continue
				}
				p := netip.PrefixFrom((l.ID & l.Data).Addr(), bits)
				e := entry{kind: IntraArea, area: a.id, cost: d + int(l.Metric), adv: id, hops: a.hops[node{'r', id}]}
				if id == o.c.RouterID {
					e.own, e.hops = true, hops{}
					for _, rl := range o.links[a.id] {
						if rl.Link.Type == packet.LinkStub && rl.Link.ID == l.ID && rl.Link.Data == l.Data && rl.Link.Metric == l.Metric {
							e.hops[nexthop.Hop{Interface: rl.Interface, Weight: 1}] = true
						}
					}
				}
				add(table, p, e)
			}
		}
	}
	return table
}

// add files e under p: cheaper replaces, equal joins.
func add(table map[netip.Prefix]entry, p netip.Prefix, e entry) {
	old, ok := table[p]
	if ok && e.cost > old.cost {
		return
	}
	if ok && e.cost == old.cost {
		e.hops = union(e.hops, old.hops)
		e.own = e.own || old.own
		e.adv, e.area = max(e.adv, old.adv), max(e.area, old.area)
	}
	table[p] = e
}

func (o *oracle) summaryAreas() []*oracleArea {
	var attached []*oracleArea
	for _, a := range o.areas {
		if len(o.links[a.id]) > 0 {
			if a.id == 0 && slices.ContainsFunc(o.links[0], func(l RootLink) bool { return l.Link.Type != packet.LinkStub }) {
				return []*oracleArea{a}
			}
			attached = append(attached, a)
		}
	}
	return attached
}

func (o *oracle) inter(table map[netip.Prefix]entry) {
	found := map[netip.Prefix]entry{}
	for _, a := range o.summaryAreas() {
		for _, k := range o.keys {
			if k.area != a.id || k.key.Type != packet.LSSummary || k.key.Adv == o.c.RouterID {
				continue
			}
			s, _ := packet.DecodeSummaryLSA(o.lsas[k])
			e, ok := o.behind(a, k.key.Adv, s.Metric)
			if !ok {
				continue
			}
			bits, _ := packet.MaskLen(s.Mask)
			add(found, netip.PrefixFrom((k.key.ID&s.Mask).Addr(), bits), e)
		}
	}
	for p, e := range found {
		if _, ok := table[p]; !ok {
			table[p] = e
		}
	}
}

func (o *oracle) behind(a *oracleArea, abr packet.ID, metric uint32) (entry, bool) {
	d, ok := a.dist[node{'r', abr}]
	if !ok || a.routers[abr].Flags&packet.RouterB == 0 || metric >= packet.LSInfinity {
		return entry{}, false
	}
	return entry{kind: InterArea, area: a.id, cost: d + int(metric), adv: abr, hops: a.hops[node{'r', abr}]}, true
}

func (o *oracle) asbr(id packet.ID) (entry, bool) {
	var entries []entry
	for _, a := range o.areas {
		if d, ok := a.dist[node{'r', id}]; ok && a.routers[id].Flags&packet.RouterE != 0 {
			entries = append(entries, entry{kind: IntraArea, area: a.id, cost: d, hops: a.hops[node{'r', id}]})
			continue
		}
		if !slices.Contains(o.summaryAreas(), a) {
			continue
		}
		var best *entry
		for _, k := range o.keys {
			if k.area != a.id || k.key.Type != packet.LSASBRSummary || k.key.ID != id || k.key.Adv == o.c.RouterID {
				continue
			}
			s, _ := packet.DecodeSummaryLSA(o.lsas[k])
			e, ok := o.behind(a, k.key.Adv, s.Metric)
			if !ok {
				continue
			}
			if best == nil || e.cost < best.cost {
				best = &e
			} else if e.cost == best.cost {
				best.hops = union(best.hops, e.hops)
			}
		}
		if best != nil {
			entries = append(entries, *best)
		}
	}
	if !o.c.RFC1583Compat {
		for i := range entries {
			entries[i].pref = entries[i].kind == IntraArea && entries[i].area != 0
		}
		if slices.ContainsFunc(entries, func(e entry) bool { return e.pref }) {
			entries = slices.DeleteFunc(entries, func(e entry) bool { return !e.pref })
		}
	}
	if len(entries) == 0 {
		return entry{}, false
	}
	return slices.MinFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(b.area, a.area))
	}), true
}

func (o *oracle) forward(internal map[netip.Prefix]entry, addr packet.ID) (entry, bool) {
	for _, a := range o.areas {
		for _, l := range o.links[a.id] {
			if l.Link.Type != packet.LinkStub && l.Link.Data == addr || l.Link.Type == packet.LinkStub && l.Link.ID == addr && l.Link.Data == math.MaxUint32 {
				return entry{}, false
			}
		}
	}
	var best netip.Prefix
	for p := range internal {
		if p.Contains(addr.Addr()) && (!best.IsValid() || p.Bits() > best.Bits()) {
			best = p
		}
	}
	if !best.IsValid() {
		return entry{}, false
	}
	e := internal[best]
	e.pref = !o.c.RFC1583Compat && e.kind == IntraArea && e.area != 0
	set := hops{}
	for h := range e.hops {
		if !h.Gateway.IsValid() {
			h.Gateway, h.RouterID = addr.Addr(), o.owner(addr).Addr()
		}
		set[h] = true
	}
	e.hops = set
	return e, true
}

// owner returns the neighbour that has an address.
func (o *oracle) owner(addr packet.ID) packet.ID {
	var id packet.ID
	for _, a := range o.areas {
		for _, l := range o.links[a.id] {
			if l.Link.Type == packet.LinkPointToPoint && l.Gateway == addr.Addr() {
				id = max(id, l.Link.ID)
			}
			if l.Link.Type != packet.LinkTransit {
				continue
			}
			for _, r := range a.nets[l.Link.ID].Routers {
				for _, back := range a.routers[r].Links {
					if back.Type == packet.LinkTransit && back.ID == l.Link.ID && back.Data == addr {
						id = max(id, r)
					}
				}
			}
		}
	}
	return id
}

func (o *oracle) externals(internal, all map[netip.Prefix]entry) {
	paths := map[netip.Prefix][]entry{}
	for _, k := range o.keys {
		if k.key.Type != packet.LSExternal || k.key.Adv == o.c.RouterID {
			continue
		}
		x, _ := packet.DecodeExternalLSA(o.lsas[k])
		to, ok := o.asbr(k.key.Adv)
		if ok && x.Forward != 0 {
			to, ok = o.forward(internal, x.Forward)
		}
		if !ok || x.Metric >= packet.LSInfinity {
			continue
		}
		bits, _ := packet.MaskLen(x.Mask)
		p := netip.PrefixFrom((k.key.ID & x.Mask).Addr(), bits)
		e := entry{kind: External1, cost: to.cost + int(x.Metric), adv: k.key.Adv, tag: x.Tag, hops: to.hops, pref: to.pref}
		if x.Type2 {
			e.kind, e.cost, e.type2 = External2, to.cost, int(x.Metric)
		}
		paths[p] = append(paths[p], e)
	}
	rank := func(a, b entry) int {
		prefer := 0
		if a.pref != b.pref {
			prefer = 1
			if a.pref {
				prefer = -1
			}
		}
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.type2, b.type2), prefer, cmp.Compare(a.cost, b.cost))
	}
	for p, list := range paths {
		if _, ok := internal[p]; ok {
			continue
		}
		best := slices.MinFunc(list, rank)
		best.hops = maps.Clone(best.hops)
		for _, e := range list {
			if rank(e, best) == 0 {
				best.hops = union(best.hops, e.hops)
				if e.adv > best.adv {
					best.adv, best.tag = e.adv, e.tag
				}
			}
		}
		all[p] = best
	}
}
