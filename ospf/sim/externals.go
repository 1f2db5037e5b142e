package sim

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// heard is one external route as it is flooded: through the AS, or through one NSSA.
type heard struct {
	External
	from      *Router
	prefix    netip.Prefix
	nssa      packet.ID  // 0: the AS
	forward   netip.Addr // zero: from itself
	propagate bool       // to be translated
}

// boundary tells whether a router is an AS boundary router for the AS.
func (d *domain) boundary(r *Router) bool {
	return len(r.externals) > 0 || d.border(r) && slices.ContainsFunc(d.nssas(), func(a packet.ID) bool { return r.configured(a) })
}

func (r *Router) configured(id packet.ID) bool {
	return slices.ContainsFunc(r.config.Areas, func(a ospf.Area) bool { return a.ID == id })
}

func (d *domain) nssas() []packet.ID {
	return slices.DeleteFunc(slices.Clone(d.areas), func(a packet.ID) bool { return d.n.areaConfigs[a].Type != ospf.AreaNSSA })
}

// floods tells whether a router has part in the flooding of AS-external-LSAs.
func (d *domain) floods(r *Router) bool {
	return slices.ContainsFunc(d.areas, func(a packet.ID) bool { return d.n.external(a) && d.attached(r, a) })
}

// announce finds out what everybody says, and then what NSSA border routers make of it.
func (d *domain) announce(live []*Router) {
	for _, r := range live {
		known := slices.ContainsFunc(r.config.Areas, func(a ospf.Area) bool { return a.Type == ospf.AreaNormal })
		for _, p := range sortedPrefixes(r.externals) {
			x := heard{External: r.externals[p], from: r, prefix: p}
			if known {
				d.heard = append(d.heard, x)
			}
			for _, a := range d.nssas() {
				if x.nssa = a; d.attached(r, a) {
					if x.propagate = !known; x.propagate {
						x.forward = r.forwardIn(a)
					}
					d.heard = append(d.heard, x)
				}
			}
		}
		for _, a := range d.nssas() {
			if c := r.area(a); d.attached(r, a) && d.border(r) && c.Summary {
				d.heard = append(d.heard, heard{from: r, prefix: netip.MustParsePrefix("0.0.0.0/0"), nssa: a,
					External: External{Metric: c.DefaultCost, Type2: true}})
			}
		}
	}
	known := slices.Clone(d.heard)
	for last := ""; fmt.Sprint(d.heard) != last; { // what is translated may keep others from translating
		last = fmt.Sprint(d.heard)
		next := slices.Clone(known)
		discards := map[*Router][]netip.Prefix{}
		for _, r := range live {
			for _, a := range d.nssas() {
				if d.elected(r, a) {
					told, ranges := d.translate(r, a)
					next = append(next, told...)
					discards[r] = append(discards[r], ranges...)
				}
			}
		}
		d.heard, d.discards = next, discards
	}
}

// forwardIn is the address that an NSSA is given for externals: the loopback's, or that of
// the first interface.
func (r *Router) forwardIn(a packet.ID) netip.Addr {
	var first *port
	for _, p := range r.ports {
		if p.area != a || !p.up || p.gone {
			continue
		}
		if p.loopback {
			return p.addr.Addr()
		}
		if first == nil || strings.Compare(p.name, first.name) < 0 {
			first = p
		}
	}
	return first.addr.Addr()
}

// elected tells whether r translates for an NSSA: nobody else with a larger router id
// can be reached both ways (RFC 3101 3.1).
func (d *domain) elected(r *Router, a packet.ID) bool {
	if !d.border(r) || !d.attached(r, a) {
		return false
	}
	best := true
	d.hear(r, a, func(b *Router, _ int, _ map[string]bool) {
		best = best && (b.ID < r.ID || d.toASBR(r, b).kind == 0)
	})
	return best
}

// translate is what r tells the AS about an NSSA (RFC 3101 3.2), and which ranges stand for externals in that.
func (d *domain) translate(r *Router, a packet.ID) (out []heard, ranges []netip.Prefix) {
	table := d.wanted(r)
	chosen := map[netip.Prefix]heard{}
	for _, x := range d.heard {
		w, ok := d.route(r, x)
		best := table[x.prefix]
		if ok && x.nssa == a && x.propagate && best.nssa && compareRoutes(w, best) == 0 {
			if old, ok := chosen[x.prefix]; !ok || old.from.ID < x.from.ID {
				chosen[x.prefix] = x
			}
		}
	}
	inside := map[netip.Prefix][]heard{}
	for _, p := range sortedPrefixes(chosen) {
		x := chosen[p]
		x.from, x.nssa, x.propagate = r, 0, false
		switch rng := narrowest(r.area(a).Ranges, p); {
		case rng == nil:
			out = append(out, x)
		case rng.Advertise:
			inside[rng.Prefix] = append(inside[rng.Prefix], x)
		}
	}
	for _, p := range sortedPrefixes(inside) {
		sum := inside[p][0]
		if len(inside[p]) == 1 && sum.prefix == p {
			out = append(out, sum)
			continue
		}
		sum = heard{from: r, prefix: p}
		for _, x := range inside[p] {
			switch {
			case x.Type2 && !sum.Type2:
				sum.Type2, sum.Metric = true, x.Metric+1
			case x.Type2:
				sum.Metric = max(sum.Metric, x.Metric+1)
			case !sum.Type2:
				sum.Metric = max(sum.Metric, x.Metric)
			}
		}
		out = append(out, sum)
		ranges = append(ranges, p)
	}
	return out, ranges
}

// route is the way of router r to an external route.
func (d *domain) route(r *Router, x heard) (w wantedRoute, ok bool) {
	if x.from == r {
		return w, false
	}
	var to wantedRoute
	if x.nssa != 0 {
		g := d.graphs[x.nssa]
		me, at := g.index[r], g.index[x.from]
		if !d.attached(r, x.nssa) || g.dist[me][at] == unreachable {
			return w, false
		}
		if x.prefix.Bits() == 0 && d.border(r) && (!x.propagate || !r.area(x.nssa).Summary) {
			return w, false
		}
		to = wantedRoute{kind: spf.IntraArea, area: x.nssa, cost: g.dist[me][at], hops: g.hops(me, at), preferred: true}
	} else if to = d.toASBR(r, x.from); to.kind == 0 || !d.floods(r) || !d.floods(x.from) {
		return w, false
	}
	if x.forward.IsValid() {
		to = d.lookup(r, x.forward)
		if x.nssa != 0 && (to.kind != spf.IntraArea || to.area != x.nssa) || to.hops == nil || !d.n.external(to.area) && x.nssa == 0 {
			return w, false
		}
		to.preferred = to.kind == spf.IntraArea && to.area != 0
	}
	w = wantedRoute{kind: spf.External1, nssa: x.nssa != 0, preferred: to.preferred, cost: to.cost + int(x.Metric), hops: maps.Clone(to.hops)}
	if x.Type2 {
		w.kind, w.cost, w.type2Cost = spf.External2, to.cost, int(x.Metric)
	}
	return w, true
}

// lookup is the way to a forwarding address.
func (d *domain) lookup(r *Router, addr netip.Addr) (w wantedRoute) {
	bits := -1
	for p, o := range d.tables[r] {
		if p.Contains(addr) && p.Bits() > bits {
			bits, w = p.Bits(), o
		}
	}
	hops := map[string]bool{}
	for h := range w.hops {
		if name, direct := strings.CutPrefix(h, "direct "); direct {
			h = hopText(name, addr, d.owner(addr))
		}
		hops[h] = true
	}
	if w.hops == nil || r.owns(addr) {
		return wantedRoute{}
	}
	w.hops = hops
	return w
}

func (d *domain) owner(addr netip.Addr) packet.ID {
	for _, r := range d.n.routers {
		if r.owns(addr) {
			return r.ID
		}
	}
	return 0
}

// wanted computes a router's routes.
func (d *domain) wanted(r *Router) map[netip.Prefix]wantedRoute {
	table := maps.Clone(d.tables[r])
	found := map[netip.Prefix]wantedRoute{}
	for _, x := range d.heard {
		if w, ok := d.route(r, x); ok {
			better(found, x.prefix, w)
		}
	}
	for _, p := range d.discards[r] { // unless the way to a network of the NSSA is the way to the rest
		if !found[p].nssa {
			found[p] = wantedRoute{kind: spf.InterArea}
		}
	}
	for p, w := range found {
		if _, ok := table[p]; !ok {
			table[p] = w
		}
	}
	return table
}
