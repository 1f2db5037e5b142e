package ospf

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

var defaultPrefix = netip.PrefixFrom(unspecified, 0)

// summariseAll brings all our summary-LSAs into the area in line.
func (a *area) summariseAll() {
	for _, p := range sortedPrefixes(a.summaries.ids) { // what goes makes room for link state ids
		a.summarise(p)
	}
	clear(a.summaries.without)
	a.summarise(defaultPrefix)
	for r := range a.e.table.Routes() {
		a.summarise(r.Prefix)
	}
	for _, o := range a.e.areas {
		for _, r := range o.cfg.Ranges {
			a.summarise(r.Prefix)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.asbrs)) {
		a.summariseASBR(id)
	}
	for _, id := range a.e.table.ASBRs() {
		a.summariseASBR(id)
	}
}

// summarise brings our summary-LSA of a network into the area in line.
func (a *area) summarise(p netip.Prefix) {
	metric, ok := a.summaryOf(p)
	if !ok {
		id, retry, had := a.summaries.release(p)
		if !had {
			return
		}
		a.e.withdraw(a.db, a.summaryKey(packet.LSSummary, id))
		for _, o := range retry {
			a.summarise(o)
		}
		return
	}
	id, moved, ok := a.summaries.take(p)
	if !ok {
		return
	}
	a.e.originate(a.db, a.summaryKey(packet.LSSummary, id), packet.SummaryLSA{Mask: packet.MaskOf(p.Bits()), Metric: metric})
	if moved.IsValid() {
		a.summarise(moved)
	}
}

// summariseASBR brings our ASBR-summary-LSA of a router into the area in line.
func (a *area) summariseASBR(id packet.ID) {
	r, ok := a.e.table.ASBR(id)
	_, had := a.asbrs[id]
	switch k := a.summaryKey(packet.LSASBRSummary, id); {
	case ok && a.e.border.active && a.external() && a.advertises(r):
		a.asbrs[id] = struct{}{}
		a.e.originate(a.db, k, packet.SummaryLSA{Metric: r.Cost})
	case had:
		delete(a.asbrs, id)
		a.e.withdraw(a.db, k)
	}
}

func (a *area) summaryKey(t packet.LSType, id packet.ID) packet.Key {
	return packet.Key{Type: t, ID: id, Adv: a.e.cfg.RouterID}
}

// summaryOf decides whether the area is told of a network, and at what cost (RFC 2328 12.4.3).
func (a *area) summaryOf(p netip.Prefix) (metric uint32, ok bool) {
	switch {
	case !a.e.border.active:
		return 0, false
	case p.Bits() == 0 && (a.cfg.Type == AreaStub || a.cfg.Type == AreaNSSA && !a.cfg.Summary):
		return a.cfg.DefaultCost, true // 12.4.3.1; RFC 3101 2.7
	case a.cfg.Type != AreaNormal && (!a.cfg.Summary || p.Bits() == 0), !permits(a.cfg.Import, p):
		return 0, false
	}
	if metric, ok, decided := a.rangeSummary(p); decided {
		return metric, ok
	}
	r, ok := a.e.table.Lookup(p)
	if !ok || !a.advertises(r) {
		return 0, false
	}
	if r.Type == spf.IntraArea {
		from := a.e.area(r.Area)
		if from == nil || from.rangeOf(p) != nil && !from.transitFor(a) || !permits(from.cfg.Export, p) {
			return 0, false
		}
	}
	return r.Cost, true
}

// rangeSummary decides about a prefix that is an address range of another area.
func (a *area) rangeSummary(p netip.Prefix) (metric uint32, ok, decided bool) {
	for _, from := range a.e.areas {
		if from == a || from.transitFor(a) {
			continue
		}
		i := slices.IndexFunc(from.cfg.Ranges, func(r Range) bool { return r.Prefix == p })
		if i < 0 {
			continue
		}
		r := from.cfg.Ranges[i]
		cost, active := a.e.table.Range(from.id, p)
		if !active {
			continue
		}
		if r.Cost != 0 {
			cost = r.Cost
		}
		return cost, r.Advertise && cost < packet.LSInfinity && permits(from.cfg.Export, p), true
	}
	return 0, false, false
}

// rangeOf is the most specific address range of the area that holds p, or nil.
func (a *area) rangeOf(p netip.Prefix) (found *Range) {
	for n := range a.cfg.Ranges {
		r := &a.cfg.Ranges[n]
		if r.Prefix.Bits() <= p.Bits() && r.Prefix.Contains(p.Addr()) && (found == nil || r.Prefix.Bits() > found.Prefix.Bits()) {
			found = r
		}
	}
	return found
}

// transitFor tells whether the area is the backbone and the other one carries
// its traffic: its ranges do not count there (12.4.3).
func (a *area) transitFor(o *area) bool { return a.id == 0 && o.transit }

// advertises is the part of 12.4.3 that networks and AS boundary routers share.
func (a *area) advertises(r spf.Route) bool {
	switch {
	case r.Type == spf.IntraArea:
	case r.Type == spf.InterArea && a.id != 0 && r.Area == 0 && !r.Discard: // RFC 3509 2: learnt through the backbone
	default:
		return false
	}
	return r.Area != a.id && !a.holds(r.NextHops) && r.Cost < packet.LSInfinity
}

// holds tells whether any of the next hops lies in the area: split horizon.
func (a *area) holds(hops nexthop.Set) bool {
	for h := range hops.All() {
		if i := a.e.iface(h.Interface); i != nil && i.area == a {
			return true
		}
	}
	return false
}

// permits tells whether a filter lets a prefix through; one without entries lets all.
func permits(list []PrefixRange, p netip.Prefix) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(l PrefixRange) bool { return l.contains(p) })
}
