package announce

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/policy"
)

// origin is why a prefix may be announced, and with what.
type origin struct {
	policy.Route
	from  *bgp.Source // it was learnt from; nil: it begins here
	place string
}

// origin finds where a prefix comes from: what the configuration names goes before what the RIB has, and that before
// what was learnt. A rule is none: it adds to one, or stands alone.
func (t *Table) origin(p netip.Prefix) (o origin, there bool) {
	own := func(s policy.Source, place string, a bgp.Attributes) (origin, bool) {
		return origin{policy.Route{Prefix: p, Attributes: &a, Source: s}, nil, place}, true
	}
	if i := slices.IndexFunc(t.cfg.Networks, func(n Network) bool { return n.Prefix == p }); i >= 0 {
		return own(policy.Network, t.cfg.Networks[i].Place, bgp.Attributes{Origin: bgp.IGP})
	}
	if i := slices.IndexFunc(t.cfg.Aggregates, func(a Aggregate) bool { return a.Prefix == p }); i >= 0 && len(t.parts[p]) > 0 {
		// RFC 4271 9.1.4 (the paths of what is more specific are left out: others must not be more specific again)
		return own(policy.Aggregate, t.cfg.Aggregates[i].Place, bgp.Attributes{Origin: bgp.IGP, Aggregated: true})
	}
	if r, ok := t.routes[p]; ok {
		for _, d := range t.cfg.Redistribute {
			if d.Source != r.Source || len(d.Prefixes) > 0 && !slices.ContainsFunc(d.Prefixes, func(g policy.Range) bool { return g.Contains(p) }) {
				continue
			}
			a := bgp.Attributes{Origin: bgp.Incomplete, MED: r.Metric, HasMED: true, Communities: d.Communities, Large: union(d.Large, r.Mark)}
			if d.MED != nil {
				a.MED = *d.MED
			}
			o, _ := own(r.Source, d.Place, a)
			o.Tag = r.Tag
			return o, true
		}
		return o, false // the RIB prefers it to what was learnt (RFC 4271 9.2: only what is used is told)
	}
	if l, ok := t.learnt[p]; ok {
		return origin{policy.Route{Prefix: p, Attributes: l.Attributes, Neighbor: l.Source.Address, Source: policy.Learnt}, l.Source, "learnt from " + l.Source.Address.String()}, true
	}
	return o, false
}

// Verdict is what is decided about a prefix and a neighbour.
type Verdict struct {
	Neighbor netip.Prefix
	Told     bool
	Rule     string // because of which it is told or not
	Adjust   bgp.Adjustment
}

// Verdicts returns what is decided about a prefix, for each neighbour, and with which attributes it is announced: nil
// when there is nothing to announce.
func (t *Table) Verdicts(p netip.Prefix) ([]Verdict, *bgp.Attributes) {
	o, there := t.origin(p)
	rules := t.rules[p]
	if !there && len(rules) == 0 {
		return nil, nil
	}
	if !there {
		o.Route = policy.Route{Prefix: p, Attributes: &bgp.Attributes{Origin: bgp.IGP}, Source: policy.Announced}
	}
	list := make([]Verdict, 0, len(t.cfg.Neighbors))
	for i := range t.cfg.Neighbors {
		list = append(list, t.judge(&t.cfg.Neighbors[i], &o, there, rules))
	}
	return list, t.outgoing(&o)
}

// Known lists the prefixes that verdicts are about, in order.
func (t *Table) Known() (list []netip.Prefix) {
	seen := map[netip.Prefix]bool{}
	note := func(p netip.Prefix) {
		if !seen[p] {
			seen[p] = true
			list = append(list, p)
		}
	}
	for p := range t.told {
		note(p)
	}
	for p := range t.rules {
		note(p)
	}
	for _, n := range t.cfg.Networks {
		note(n.Prefix)
	}
	slices.SortFunc(list, compare)
	return list
}

func (t *Table) announcement(p netip.Prefix) bgp.Announcement {
	a := bgp.Announcement{Prefix: p}
	verdicts, attributes := t.Verdicts(p)
	for _, v := range verdicts {
		if v.Told {
			a.To = append(a.To, bgp.Target{Neighbor: v.Neighbor, Except: t.except[v.Neighbor], Adjust: v.Adjust})
			a.Rule = v.Rule
		}
	}
	a.Attributes = attributes
	return a
}

// judge decides about one neighbour.
func (t *Table) judge(n *Neighbor, o *origin, there bool, rules []*Rule) Verdict {
	withheld := func(format string, args ...any) Verdict {
		return Verdict{Neighbor: n.Prefix, Rule: fmt.Sprintf(format, args...)}
	}
	if n.RouteServer {
		if o.from == nil || !t.isRouteServerClient(o.from.Address) || n.Prefix.Contains(o.from.Address) {
			return withheld("a route-server-client hears what other clients say, nothing else (RFC 7947)")
		}
		return Verdict{Neighbor: n.Prefix, Told: true, Rule: o.place, Adjust: bgp.Adjustment{NextHop: o.Attributes.NextHop}}
	}
	s := say(rules, &t.world, n)
	place := o.place
	if s.by != nil {
		place = s.by.Place
	}
	switch {
	case s.withdraw:
		return withheld("withdrawn by %s", s.by.Place)
	case s.by == nil && !there:
		return withheld("no rule of announce holds now")
	}
	if part := t.summarised(o); part != "" && s.by == nil {
		return withheld("only the aggregate is told: %s", part)
	}
	if o.from != nil {
		if why := t.mayPass(n, o); why != "" {
			return withheld("%s", why)
		}
	}
	v := Verdict{Neighbor: n.Prefix, Told: true, Rule: place, Adjust: s.adjust}
	switch {
	case n.Export != nil:
		adjust, why, accept := n.Export.Export(&o.Route)
		if !accept {
			return withheld("%s", why)
		}
		v.Adjust, v.Rule = join(v.Adjust, adjust), place+", "+why
	case n.Internal, n.Open, s.by != nil:
	default:
		return withheld("there is no export policy for this neighbour of another autonomous system (RFC 8212, ebgp-requires-policy)")
	}
	t.direct(n, o, &v.Adjust)
	return v
}

// isRouteServerClient tells whether the neighbour with an address is one.
func (t *Table) isRouteServerClient(a netip.Addr) bool {
	var found *Neighbor
	for i := range t.cfg.Neighbors {
		if n := &t.cfg.Neighbors[i]; n.Prefix.Contains(a) && (found == nil || n.Prefix.Bits() > found.Prefix.Bits()) {
			found = n
		}
	}
	return found != nil && found.RouteServer
}

// summarised names the aggregate in whose place a prefix is not told.
func (t *Table) summarised(o *origin) string {
	for _, a := range t.cfg.Aggregates {
		if a.SummaryOnly && a.Prefix.Bits() < o.Prefix.Bits() && a.Prefix.Contains(o.Prefix.Addr()) {
			return a.Place
		}
	}
	return ""
}

// mayPass says why a path that was learnt is not told on to a neighbour; empty when it is.
func (t *Table) mayPass(n *Neighbor, o *origin) string {
	a := o.Attributes
	switch {
	case n.Prefix.IsSingleIP() && n.Prefix.Addr() == o.from.Address:
		return "it was learnt from this neighbour"
	case slices.Contains(a.Communities, bgp.NoAdvertise): // RFC 1997
		return "it bears no-advertise"
	case !n.Internal && (slices.Contains(a.Communities, bgp.NoExport) || slices.Contains(a.Communities, bgp.NoExportSubconfed)):
		return "it bears no-export"
	case n.Internal && o.from.Internal && !n.Client && !o.from.Client: // RFC 4271 9.2, RFC 4456 6
		return "it was learnt inside the own autonomous system, and neither end is a route-reflector-client"
	case !n.Internal && a.ASPath.Contains(n.AS):
		return fmt.Sprintf("autonomous system %d is in its path", n.AS)
	}
	return ""
}

// outgoing are the attributes that all neighbours hear of, before what is different for each. Paths that share theirs
// share these, while they come one after the other.
func (t *Table) outgoing(o *origin) *bgp.Attributes {
	if o.from == nil {
		return o.Attributes
	}
	if t.passed.in == o.Attributes && t.passed.from == o.from {
		return t.passed.out
	}
	a := *o.Attributes
	a.NextHop = netip.Addr{}
	if o.from.Internal && t.cfg.ClusterID.IsValid() { // RFC 4456 8: only neighbours inside hear of it
		if !a.OriginatorID.IsValid() {
			a.OriginatorID = o.from.RouterID
		}
		a.ClusterList = append([]netip.Addr{t.cfg.ClusterID}, a.ClusterList...)
	}
	t.passed = passed{o.Attributes, &a, o.from}
	return &a
}

// direct makes what goes to a neighbour of what is announced: next hop, MED, and graceful shutdown.
func (t *Table) direct(n *Neighbor, o *origin, a *bgp.Adjustment) {
	switch {
	case a.NextHop.IsValid() && a.NextHop.IsUnspecified(): // which everything has that is told
		a.NextHop = netip.Addr{}
	case o.from != nil && n.Internal && !n.NextHopSelf && !a.NextHop.IsValid(): // RFC 4271 5.1.3
		a.NextHop = o.Attributes.NextHop
	}
	if o.from != nil && !n.Internal && a.MED == nil && o.Attributes.HasMED { // RFC 4271 5.1.4: it is for our own decision
		a.MED = new(uint32)
	}
	if !t.world.Drained {
		return
	}
	a.Communities = union(a.Communities, []bgp.Community{bgp.GracefulShutdown}) // RFC 8326 4.2
	if n.Internal {
		a.LocalPref = new(uint32) // so that nobody inside prefers it (RFC 8326 4.2)
	}
}
