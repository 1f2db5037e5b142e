package spf

import (
	"cmp"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// external is a usable AS-external-LSA. There may be very many: it is kept small.
type external struct {
	next       *external // of the same destination
	asbr       *asbr     // advertising router; its scope is that of the LSA
	id         packet.ID // link state ID
	forward    packet.ID // forwarding address, or 0
	tag        uint32
	metric     uint32
	asbrPos    uint32 // in the lists of asbr and
	forwardPos uint32 // of the forwarding address
	bits       uint8  // prefix length
	type2      bool
	propagate  bool // P bit of type 7
}

type externalKey struct{ id, adv packet.ID }

func (e *external) prefix() prefix {
	return prefix(e.id&packet.MaskOf(int(e.bits)))<<8 | prefix(e.bits)
}

// externalsOf are the LSAs of an NSSA, or of the AS when a is nil.
func (t *Table) externalsOf(a *area) (externals map[externalKey]*external, nssa packet.ID) {
	if a == nil {
		return t.externals, 0
	}
	return a.externals, a.id
}

// installExternal takes in an AS-external-LSA, or a type 7 LSA of area a.
func (t *Table) installExternal(a *area, h packet.LSAHeader, raw []byte) Effect {
	lsa, err := packet.DecodeExternalLSA(raw)
	p, ok := makePrefix(h.ID, lsa.Mask)
	if err != nil || !ok || !p.routable() ||
		lsa.Metric >= packet.LSInfinity || // RFC 2328 16.4 (1)
		h.Adv == t.config.RouterID { // 16.4 (2)
		return t.removeExternal(a, h.Key())
	}
	externals, nssa := t.externalsOf(a)
	k := externalKey{h.ID, h.Adv}
	next := external{
		id: h.ID, forward: lsa.Forward, tag: lsa.Tag, metric: lsa.Metric,
		bits: uint8(p.bits()), type2: lsa.Type2,
		propagate: a != nil && h.Options&packet.OptNP != 0,
	}
	if old := externals[k]; old != nil {
		if old.sameAs(&next) {
			return None
		}
		t.removeExternal(a, h.Key()) // its prefix and forwarding address may be others (appendix E)
	}
	e := &next
	externals[k] = e
	d := t.dest(p)
	e.next, d.externals = d.externals, e
	e.asbr = t.asbr(scopedID{h.Adv, nssa})
	e.asbrPos = uint32(len(e.asbr.externals))
	e.asbr.externals = append(e.asbr.externals, e)
	if e.forward != 0 {
		t.useForward(e)
	}
	t.mark(d)
	return Leaf
}

// sameAs reports whether two instances of one LSA describe the same.
func (e *external) sameAs(f *external) bool {
	return e.forward == f.forward && e.tag == f.tag && e.metric == f.metric && e.bits == f.bits && e.type2 == f.type2 && e.propagate == f.propagate
}

func (t *Table) removeExternal(a *area, key packet.Key) Effect {
	externals, _ := t.externalsOf(a)
	k := externalKey{key.ID, key.Adv}
	e := externals[k]
	if e == nil {
		return None
	}
	delete(externals, k)
	d := t.dests[e.prefix()]
	for at := &d.externals; *at != nil; at = &(*at).next {
		if *at == e {
			*at = e.next
			break
		}
	}
	list := e.asbr.externals
	last := len(list) - 1
	list[e.asbrPos] = list[last]
	list[e.asbrPos].asbrPos = e.asbrPos
	list[last] = nil
	if e.asbr.externals = list[:last]; last == 0 {
		e.asbr.externals = nil
		t.markASBR(e.asbr) // it may be the last word about that router
	}
	if e.forward != 0 {
		t.disuseForward(e)
	}
	t.mark(d)
	return Leaf
}

// external calculates the AS external route to d (RFC 2328 16.4).
func (t *Table) external(d *dest) offer {
	var best offer
	var bestPref int
	for e := d.externals; e != nil; e = e.next {
		o, pref := t.externalPath(e)
		if !o.ok() {
			continue
		}
		switch order := compareExternal(o, best, pref, bestPref); {
		case !best.ok() || order < 0: // 16.4 (5), (6)
			best, bestPref = o, pref
		case order == 0:
			if stands(o, best) {
				best.advertiser, best.tag, best.nssa, best.area = o.advertiser, o.tag, o.nssa, o.area
			}
			best.set = t.sets.union(best.set, o.set)
		}
	}
	best.local = t.sets.attached(best.set)
	return best
}

// externalPath returns the path that one LSA describes (16.4 (3) to (5)), and
// the 16.4.1 preference of the path to the AS boundary router or forwarding address.
func (t *Table) externalPath(e *external) (offer, int) {
	to := e.asbr.entry
	if to.ok() && e.forward != 0 { // 16.4 (3): the router itself must be reachable in any case
		to = t.forwards[scopedID{e.forward, e.asbr.nssa}].entry
	}
	if !to.ok() || e.asbr.nssa != 0 && t.refusesDefault(e) {
		return offer{}, 0
	}
	o := offer{path{
		pathType: External1, nssa: e.asbr.nssa != 0, area: e.asbr.nssa,
		cost: far(to.cost, e.metric), tag: e.tag, advertiser: e.asbr.id,
	}, to.set}
	if e.type2 {
		o.pathType, o.cost, o.type2Cost = External2, to.cost, e.metric
	} else if o.cost == unreachable {
		return offer{}, 0
	}
	return o, t.preference(to.path)
}

// compareExternal is negative when a is preferred (16.4 (6)).
func compareExternal(a, b offer, prefA, prefB int) int {
	switch {
	case a.pathType != b.pathType: // (b)
		return cmp.Compare(a.pathType, b.pathType)
	case a.type2Cost != b.type2Cost: // (b)
		return cmp.Compare(a.type2Cost, b.type2Cost)
	case prefA != prefB: // (c)
		return cmp.Compare(prefB, prefA)
	}
	return cmp.Compare(a.cost, b.cost) // (d)
}
