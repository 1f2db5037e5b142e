package ospf

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// external is what an AS-external-LSA or type 7 LSA of ours says about a prefix.
type external struct {
	metric  uint32
	type2   bool
	tag     uint32
	forward packet.ID
	options packet.Options // P bit of type 7
}

// applyOffer takes a change of the routes that may be redistributed.
func (e *Engine) applyOffer(o Offer) {
	set := e.offers[o.Source]
	if set == nil {
		set = make(map[netip.Prefix]struct{})
		e.offers[o.Source] = set
	}
	for _, p := range o.Remove {
		delete(set, p.Masked())
	}
	for _, p := range o.Add {
		if p.Addr().Is4() {
			set[p.Masked()] = struct{}{}
		}
	}
	if !e.started.IsZero() {
		e.originateExternals()
	}
}

// externals is what is known of our AS-external-LSAs.
type externals struct {
	linkStateIDs
	due    bool // they and our type 7 LSAs are to be looked at again
	rested time.Time
	timer  timer // end of the rest
}

// settleExternals looks at our externals again when something that they depend on has
// changed. A rest that grows with their number bounds what a flood of type 7 LSAs costs.
func (e *Engine) settleExternals() {
	x := &e.externals
	switch {
	case !x.due:
	case x.rested.After(e.now):
		if !x.timer.armed() {
			e.timers.set(&x.timer, x.rested)
		}
	default:
		e.originateExternals()
		if e.routesDirty { // discard routes came or went
			e.publish()
		}
		count := len(x.ids)
		for _, a := range e.areas {
			count += a.db.Count(packet.LSNSSA)
		}
		x.rested = e.now.Add(min(time.Duration(count)*restEach, maxRest))
	}
}

// originateExternals brings our AS-external-LSAs (RFC 2328 12.4.4) and type 7 LSAs
// (RFC 3101 2.4) in line with the offered routes, the rules, and what is to be
// translated. The forwarding address of our own is 0.0.0.0: traffic comes to this router.
func (e *Engine) originateExternals() {
	e.externals.due = false
	if e.shutdown.active {
		return
	}
	own, all := e.ownExternals()
	for _, a := range e.areas {
		if a.cfg.Type == AreaNSSA {
			a.originateNSSA(own)
		}
		told := a.nssa.told
		if e.overflow.active {
			told = nil
		}
		if e.table.SetTranslated(a.id, told) {
			e.routesDirty = true
		}
	}
	e.originateAll(e.as, packet.LSExternal, &e.externals.linkStateIDs, e.overflow.curtail(all))
}

// ownExternals lists what this router redistributes, and what its AS-external-LSAs say together with
// what it translates.
func (e *Engine) ownExternals() (own, all map[netip.Prefix]external) {
	own, all = e.wantedExternals(), make(map[netip.Prefix]external)
	for _, a := range e.areas {
		if a.cfg.Type == AreaNSSA {
			a.translate(all)
		}
	}
	if e.carriesExternals() {
		maps.Copy(all, own)
	}
	return own, all
}

// carriesExternals tells whether AS-external-LSAs of ours go anywhere.
func (e *Engine) carriesExternals() bool {
	return slices.ContainsFunc(e.areas, (*area).external)
}

// originateAll makes want the external LSAs of ours in a database.
func (e *Engine) originateAll(d *database, t packet.LSType, ids *linkStateIDs, want map[netip.Prefix]external) {
	clear(ids.without)
	for _, p := range sortedPrefixes(ids.ids) {
		if _, ok := want[p]; !ok {
			id, _, _ := ids.release(p)
			e.withdraw(d, packet.Key{Type: t, ID: id, Adv: e.cfg.RouterID})
		}
	}
	var originate func(p netip.Prefix)
	originate = func(p netip.Prefix) {
		id, moved, ok := ids.take(p)
		if !ok {
			return
		}
		x := want[p]
		e.originateWith(d, packet.Key{Type: t, ID: id, Adv: e.cfg.RouterID}, d.options()|x.options, packet.ExternalLSA{
			Mask: packet.MaskOf(p.Bits()), Type2: x.type2, Metric: x.metric, Forward: x.forward, Tag: x.tag,
		})
		if moved.IsValid() {
			originate(moved)
		}
	}
	for _, p := range sortedPrefixes(want) {
		originate(p)
	}
}

// wantedExternals applies the redistribution rules to what is offered.
func (e *Engine) wantedExternals() map[netip.Prefix]external {
	want := make(map[netip.Prefix]external)
	own := e.ownNetworks()
	hasDefault := false
	for _, src := range []Source{BGP, Kernel, Static, Connected} { // later sources win
		for p := range e.offers[src] {
			if p.Bits() == 0 { // the default route has a rule of its own
				hasDefault = true
				continue
			}
			if src == Connected && (own[p] || unfit(p)) {
				continue
			}
			if r := e.rule(src, p); r != nil {
				want[p] = external{metric: r.Metric, type2: r.Type2, tag: r.Tag}
			}
		}
	}
	if d := e.cfg.Default; d.When == DefaultAlways || d.When == DefaultPresent && hasDefault {
		want[netip.PrefixFrom(unspecified, 0)] = external{metric: d.Metric, type2: d.Type2, tag: d.Tag}
	}
	return want
}

// unfit tells whether a connected network says nothing to others: loopback and
// link-local.
func unfit(p netip.Prefix) bool { return p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast() }

// ownNetworks lists the networks that OSPF announces itself.
func (e *Engine) ownNetworks() map[netip.Prefix]bool {
	own := make(map[netip.Prefix]bool)
	for _, i := range e.ifaces {
		if !i.up {
			continue
		}
		for _, a := range i.link.Addrs {
			own[a.Addr.Masked()] = true
			if a.Peer.IsValid() {
				own[netip.PrefixFrom(a.Peer, 32)] = true
			}
		}
	}
	return own
}

// rule finds the redistribution rule for a route: the first with its source
// whose prefixes match.
func (e *Engine) rule(src Source, p netip.Prefix) *Redistribute {
	for n := range e.cfg.Redistribute {
		r := &e.cfg.Redistribute[n]
		if r.Source == src && r.Takes(p) {
			return r
		}
	}
	return nil
}

// Takes tells whether the rule is about a prefix of its source.
func (r *Redistribute) Takes(p netip.Prefix) bool {
	return len(r.Prefixes) == 0 || slices.ContainsFunc(r.Prefixes, func(l PrefixRange) bool { return l.contains(p) })
}

func (l PrefixRange) contains(p netip.Prefix) bool {
	return l.Prefix.Contains(p.Addr()) && p.Bits() >= l.Prefix.Bits() && p.Bits() >= l.Ge && p.Bits() <= l.Le
}

func sortedPrefixes[V any](m map[netip.Prefix]V) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(m))
	for p := range m {
		list = append(list, p)
	}
	slices.SortFunc(list, netip.Prefix.Compare)
	return list
}
