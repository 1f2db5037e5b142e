package ospf

import (
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// nssa is what an area knows as a not-so-stubby area (RFC 3101).
type nssa struct {
	externals  linkStateIDs   // of our type 7 LSAs
	forward    packet.ID      // forwarding address of those that are to be translated; 0: none
	translates bool           // NSSATranslatorState is enabled or elected
	deposed    timer          // end of TranslatorStabilityInterval
	told       []netip.Prefix // ranges that stand for externals
}

// translatorStability is TranslatorStabilityInterval (RFC 3101 appendix D).
const translatorStability = 40 * time.Second

// hasNSSA tells whether the router is attached to an NSSA.
func (e *Engine) hasNSSA() bool {
	return slices.ContainsFunc(e.areas, func(a *area) bool { return a.cfg.Type == AreaNSSA })
}

// originateNSSA brings our type 7 LSAs into the area in line (RFC 3101 2.4). The P bit
// is set where no AS-external-LSA of ours says the same.
func (a *area) originateNSSA(own map[netip.Prefix]external) {
	want := make(map[netip.Prefix]external)
	propagate := !a.e.carriesExternals()
	for p, x := range own {
		if propagate {
			if a.nssa.forward == 0 {
				continue // 2.3: the P bit needs a forwarding address
			}
			x.options, x.forward = packet.OptNP, a.nssa.forward
		}
		want[p] = x
	}
	if _, ok := want[defaultPrefix]; !ok && a.e.border.active && a.cfg.Summary { // 2.7
		want[defaultPrefix] = external{metric: a.cfg.DefaultCost, type2: true}
	}
	a.e.originateAll(a.db, packet.LSNSSA, &a.nssa.externals, want)
}

// updateForward chooses the forwarding address of our type 7 LSAs (RFC 3101 2.3): an
// internal address, else one of a stub network, else any of the area that is not hidden (RFC 6860 4.1).
func (a *area) updateForward() {
	var chosen packet.ID
	best := 0
	for _, i := range a.interfaces() {
		rank := 1
		switch {
		case a.cfg.Type != AreaNSSA || !i.up:
			continue
		case i.state == ifLoopback:
			rank = 3
		case i.state == ifPassive:
			rank = 2
		case i.cfg.SuppressPrefix:
			continue
		}
		if rank > best {
			best, chosen = rank, packet.IDFromAddr(i.address())
		}
	}
	if chosen != a.nssa.forward {
		a.nssa.forward, a.e.externals.due = chosen, true
	}
}

// electTranslators decides again which NSSAs this router translates for.
func (e *Engine) electTranslators(changes []spf.Change) {
	if !e.hasNSSA() {
		return
	}
	for _, a := range e.areas {
		if a.nssa.translates && slices.ContainsFunc(changes, a.concerns) {
			e.externals.due = true
		}
		switch elected := a.cfg.Type == AreaNSSA && a.elected(); {
		case elected && !a.nssa.translates:
			a.nssa.translates, e.externals.due = true, true
		case elected:
			e.timers.stop(&a.nssa.deposed)
		case a.nssa.translates && (!e.border.active || a.cfg.Translator == TranslatorNever):
			a.endTranslation()
		case a.nssa.translates && !a.nssa.deposed.armed(): // 3.1: it goes on for a while
			e.timers.set(&a.nssa.deposed, e.now.Add(translatorStability))
		}
	}
}

func (a *area) endTranslation() {
	a.e.timers.stop(&a.nssa.deposed)
	a.nssa.translates, a.e.externals.due = false, true
}

// concerns tells whether a change of the route table may change what is translated.
func (a *area) concerns(c spf.Change) bool {
	_, told := a.e.externals.ids[c.Prefix]
	return told || c.Route.Type >= spf.NSSA1 || a.rangeOf(c.Prefix) != nil
}

// elected is the translator election of RFC 3101 3.1.
func (a *area) elected() bool {
	switch {
	case !a.e.border.active || a.cfg.Translator == TranslatorNever:
		return false
	case a.cfg.Translator == TranslatorAlways:
		return true
	}
	for _, r := range a.e.table.BorderRouters(a.id) {
		if r.ID < a.e.cfg.RouterID && r.Flags&packet.RouterNt == 0 {
			continue
		}
		if _, reachable := a.e.table.ASBR(r.ID); reachable { // over the AS's transit topology, too
			return false
		}
	}
	return true
}

// translate adds what type 7 LSAs of the area tell the AS (RFC 3101 3.2).
func (a *area) translate(all map[netip.Prefix]external) {
	a.nssa.told = nil
	if !a.nssa.translates {
		return
	}
	type aggregate struct {
		external
		only  netip.Prefix // the network in it, while there is one
		count int
	}
	ranges := make(map[netip.Prefix]*aggregate)
	seen := make(map[netip.Prefix]bool)
	for entry := range a.db.Type(packet.LSNSSA) {
		lsa, err := packet.DecodeExternalLSA(entry.Raw)
		bits, ok := packet.MaskLen(lsa.Mask)
		p := netip.PrefixFrom(entry.ID.Addr(), bits).Masked()
		if err != nil || !ok || seen[p] {
			continue
		}
		seen[p] = true
		t, ok := a.e.table.Translatable(a.id, p) // (1)
		if !ok {
			continue
		}
		x := external{metric: t.Metric, type2: t.Type2, tag: t.Tag, forward: t.Forward}
		r := a.rangeOf(p)
		switch {
		case r == nil: // (2)
			all[p] = x
		case r.Advertise: // (3)
			g := ranges[r.Prefix]
			if g == nil {
				ranges[r.Prefix] = &aggregate{external: x, only: p, count: 1}
				continue
			}
			g.count++
			if x.type2 != g.type2 && x.type2 || x.type2 == g.type2 && x.metric > g.metric {
				g.type2, g.metric = x.type2, x.metric
			}
		}
	}
	for p, g := range ranges {
		if g.count == 1 && g.only == p {
			all[p] = g.external
			continue
		}
		x := external{metric: g.metric, type2: g.type2}
		if x.type2 {
			x.metric = min(x.metric+1, packet.LSInfinity-1)
		}
		all[p] = x
		a.nssa.told = append(a.nssa.told, p)
	}
}
