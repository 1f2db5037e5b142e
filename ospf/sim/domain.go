package sim

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// domain is the whole network at rest: what the oracle knows of areas. It goes the
// way that information takes: networks of an area, to its border routers, into the backbone,
// to the other border routers, into their areas.
type domain struct {
	n        *Net
	areas    []packet.ID
	graphs   map[packet.ID]*graph
	tables   map[*Router]map[netip.Prefix]wantedRoute // networks
	networks map[packet.ID]told[netip.Prefix]
	asbrs    map[packet.ID]told[*Router]
	heard    []heard                    // externals that are flooded
	discards map[*Router][]netip.Prefix // ranges that stand for externals
}

// told is what border routers say in an area, and at what cost.
type told[K comparable] map[*Router]map[K]int

func (n *Net) domain() *domain {
	d := &domain{
		n: n, areas: n.areas(), graphs: map[packet.ID]*graph{}, tables: map[*Router]map[netip.Prefix]wantedRoute{},
		networks: map[packet.ID]told[netip.Prefix]{}, asbrs: map[packet.ID]told[*Router]{},
	}
	for _, a := range d.areas {
		d.graphs[a] = n.graphOf(a)
		d.networks[a], d.asbrs[a] = told[netip.Prefix]{}, told[*Router]{}
	}
	d.addVirtualLinks()
	live := slices.DeleteFunc(slices.Clone(n.routers), func(r *Router) bool { return r.engine == nil })
	for _, r := range live {
		d.tables[r] = d.intra(r)
	}
	tell := func(backbone bool) {
		for _, r := range live {
			for _, a := range d.areas {
				if d.border(r) && d.attached(r, a) && (a == 0) == backbone {
					d.networks[a][r] = d.tellNetworks(r, a)
					d.asbrs[a][r] = d.tellASBRs(r, a)
				}
			}
		}
	}
	tell(true)
	for _, r := range live {
		if d.border(r) && d.connected(r) {
			d.inter(r)
		}
	}
	d.shorten(live, tell)
	for _, r := range live {
		if !(d.border(r) && d.connected(r)) {
			d.inter(r)
		}
	}
	d.announce(live)
	return d
}

// external tells whether an area takes AS-external-LSAs.
func (n *Net) external(area packet.ID) bool { return n.areaConfigs[area].Type == ospf.AreaNormal }

func (d *domain) attached(r *Router, a packet.ID) bool {
	return a == 0 && d.ends(r) || slices.ContainsFunc(r.ports, func(p *port) bool { return p.area == a && p.up && !p.gone })
}

// border tells whether a router is an area border router (RFC 3509).
func (d *domain) border(r *Router) bool {
	return d.attached(r, 0) && slices.ContainsFunc(d.areas, func(a packet.ID) bool { return a != 0 && d.attached(r, a) })
}

// connected tells whether a router has an adjacency in the backbone.
func (d *domain) connected(r *Router) bool {
	g := d.graphs[0]
	return len(g.edges[g.index[r]]) > 0
}

// intra lists the networks of a router's own areas, and the ranges that it must not send on.
func (d *domain) intra(r *Router) map[netip.Prefix]wantedRoute {
	table := map[netip.Prefix]wantedRoute{}
	for _, a := range d.areas {
		g := d.graphs[a]
		me := g.index[r]
		for _, s := range g.stubs {
			if g.dist[me][s.at] == unreachable {
				continue
			}
			w := wantedRoute{kind: spf.IntraArea, area: a, cost: g.dist[me][s.at] + s.cost}
			if s.at == me {
				w.hops = map[string]bool{hopText(s.port.name, netip.Addr{}, 0): true}
			} else {
				w.hops = g.hops(me, s.at)
			}
			better(table, s.prefix, w)
		}
	}
	if !d.border(r) {
		return table
	}
	for _, a := range r.config.Areas {
		for _, rng := range a.Ranges {
			cost, active := rangeCost(table, a, rng)
			if _, ok := table[rng.Prefix]; active && !ok {
				table[rng.Prefix] = wantedRoute{kind: spf.InterArea, area: a.ID, cost: cost}
			}
		}
	}
	return table
}

// rangeCost is the largest cost of the networks of a range.
func rangeCost(table map[netip.Prefix]wantedRoute, a ospf.Area, rng ospf.Range) (cost int, active bool) {
	for p, w := range table {
		if best := narrowest(a.Ranges, p); w.kind == spf.IntraArea && w.area == a.ID && best != nil && *best == rng {
			cost, active = max(cost, w.cost), true
		}
	}
	return cost, active
}

func narrowest(ranges []ospf.Range, p netip.Prefix) (found *ospf.Range) {
	for i, rng := range ranges {
		if rng.Prefix.Overlaps(p) && rng.Prefix.Bits() <= p.Bits() && (found == nil || rng.Prefix.Bits() > found.Prefix.Bits()) {
			found = &ranges[i]
		}
	}
	return found
}

// tellNetworks is what border router r says about networks in area a (RFC 2328 12.4.3).
func (d *domain) tellNetworks(r *Router, a packet.ID) map[netip.Prefix]int {
	out := map[netip.Prefix]int{}
	to := r.area(a)
	if to.Type == ospf.AreaNormal || to.Summary {
		for p, w := range d.tables[r] {
			if to.Type != ospf.AreaNormal && p.Bits() == 0 {
				continue
			}
			from := r.area(w.area)
			ok := w.kind == spf.InterArea && w.hops != nil && a != 0 && w.area == 0
			if w.kind == spf.IntraArea && w.area != a {
				ok = (narrowest(from.Ranges, p) == nil || w.area == 0 && d.transit(r, a)) && passes(from.Export, p)
			}
			if ok && passes(to.Import, p) && !r.leavesBy(a, w) {
				out[p] = w.cost
			}
		}
		for _, from := range r.config.Areas {
			for _, rng := range from.Ranges {
				cost, active := rangeCost(d.tables[r], from, rng)
				if from.ID == a || from.ID == 0 && d.transit(r, a) || !active || !passes(from.Export, rng.Prefix) || !passes(to.Import, rng.Prefix) {
					continue
				}
				delete(out, rng.Prefix)
				if rng.Cost != 0 {
					cost = int(rng.Cost)
				}
				if rng.Advertise {
					out[rng.Prefix] = cost
				}
			}
		}
	}
	if to.Type == ospf.AreaStub || to.Type == ospf.AreaNSSA && !to.Summary {
		out[netip.MustParsePrefix("0.0.0.0/0")] = int(to.DefaultCost)
	}
	withoutIDs(out)
	return out
}

// withoutIDs takes out the prefixes whose link state ids all belong to longer ones (RFC 2328 appendix E).
func withoutIDs(told map[netip.Prefix]int) {
	longestFirst := sortedPrefixes(told)
	slices.SortStableFunc(longestFirst, func(a, b netip.Prefix) int { return b.Bits() - a.Bits() })
	for _, p := range longestFirst {
		inside := 0
		for o := range told {
			if o.Bits() > p.Bits() && p.Contains(o.Addr()) {
				inside++
			}
		}
		if inside >= 1<<(32-p.Bits()) {
			delete(told, p)
		}
	}
}

func passes(list []ospf.PrefixRange, p netip.Prefix) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(l ospf.PrefixRange) bool {
		return l.Prefix.Overlaps(p) && p.Bits() >= max(l.Prefix.Bits(), l.Ge) && p.Bits() <= l.Le
	})
}

// listens lists the areas whose border routers a router believes (16.2, RFC 3509).
func (d *domain) listens(r *Router) []packet.ID {
	if d.connected(r) {
		return []packet.ID{0}
	}
	return slices.DeleteFunc(slices.Clone(d.areas), func(a packet.ID) bool { return !d.attached(r, a) })
}

// inter adds to a router's table what border routers say.
func (d *domain) inter(r *Router) {
	found := map[netip.Prefix]wantedRoute{}
	for _, a := range d.listens(r) {
		d.hear(r, a, func(b *Router, dist int, hops map[string]bool) {
			for p, cost := range d.networks[a][b] {
				better(found, p, wantedRoute{kind: spf.InterArea, area: a, cost: dist + cost, hops: maps.Clone(hops)})
			}
		})
	}
	for p, w := range found {
		if _, ok := d.tables[r][p]; !ok {
			d.tables[r][p] = w
		}
	}
}

// hear calls f for the border routers that r reaches in an area.
func (d *domain) hear(r *Router, a packet.ID, f func(b *Router, dist int, hops map[string]bool)) {
	g := d.graphs[a]
	for b := range d.networks[a] {
		if me, at := g.index[r], g.index[b]; b != r && g.dist[me][at] != unreachable {
			f(b, g.dist[me][at], g.hops(me, at))
		}
	}
}

// toASBR is the way to an AS boundary router (16.4 (3), 16.4.1).
func (d *domain) toASBR(r, asbr *Router) (best wantedRoute) {
	for _, a := range d.areas {
		if !d.n.external(a) || !d.attached(r, a) {
			continue
		}
		var w wantedRoute
		g := d.graphs[a]
		if me, at := g.index[r], g.index[asbr]; g.dist[me][at] != unreachable && d.attached(asbr, a) {
			w = wantedRoute{kind: spf.IntraArea, area: a, cost: g.dist[me][at], hops: g.hops(me, at), preferred: a != 0}
		} else if slices.Contains(d.listens(r), a) {
			table := map[netip.Prefix]wantedRoute{}
			d.hear(r, a, func(b *Router, dist int, hops map[string]bool) {
				if cost, ok := d.asbrs[a][b][asbr]; ok {
					better(table, netip.Prefix{}, wantedRoute{kind: spf.InterArea, area: a, cost: dist + cost, hops: hops})
				}
			})
			w = table[netip.Prefix{}]
		}
		w = d.shortcut(r, w, func(a packet.ID, b *Router) (int, bool) {
			cost, ok := d.asbrs[a][b][asbr]
			return cost, ok
		})
		if w.kind != 0 && (best.kind == 0 || w.preferred && !best.preferred || w.preferred == best.preferred && w.cost <= best.cost) {
			best = w
		}
	}
	return best
}

// tellASBRs is what border router r says about AS boundary routers in area a.
func (d *domain) tellASBRs(r *Router, a packet.ID) map[*Router]int {
	out := map[*Router]int{}
	if !d.n.external(a) {
		return out
	}
	for _, asbr := range d.n.routers {
		if asbr == r || asbr.engine == nil || !d.boundary(asbr) {
			continue
		}
		w := d.toASBR(r, asbr)
		if r.leavesBy(a, w) {
			continue
		}
		if w.kind == spf.IntraArea && w.area != a || w.kind == spf.InterArea && w.area == 0 && a != 0 {
			out[asbr] = w.cost
		}
	}
	return out
}
