package spf

import "github.com/ecmpd/ecmpd/ospf/packet"

// summary is a usable summary-LSA: a network or an AS boundary router (exactly one of dest and
// asbr is set) that lies at cost behind an area border router.
type summary struct {
	area *area
	v    int32 // the area border router
	cost uint32
	dest *dest
	asbr *asbr
	pos  int // in the router's list
}

func (t *Table) installSummary(a *area, h packet.LSAHeader, raw []byte) Effect {
	lsa, err := packet.DecodeSummaryLSA(raw)
	p, ok := makePrefix(h.ID, lsa.Mask)
	switch {
	case err != nil,
		lsa.Metric >= packet.LSInfinity, // RFC 2328 16.2 (1)
		h.Adv == t.config.RouterID,      // 16.2 (2)
		h.Type == packet.LSSummary && !(ok && p.routable()),
		h.Type == packet.LSASBRSummary && h.ID == t.config.RouterID:
		return t.removeSummary(a, h.Key())
	}
	old := a.summaries[h.Key()]
	if old != nil && old.cost == lsa.Metric && (old.asbr != nil || old.dest.prefix == p) {
		return None
	}
	if old != nil {
		t.removeSummary(a, h.Key())
	}
	v := a.number(vertexKey{id: h.Adv})
	a.ref(v)
	x := &a.vertices[v]
	s := &summary{area: a, v: v, cost: lsa.Metric, pos: len(x.summaries)}
	x.summaries = append(x.summaries, s)
	a.summaries[h.Key()] = s
	if h.Type == packet.LSSummary {
		s.dest = t.dest(p)
		t.addLeaf(s.dest, leaf{a, v, s.cost, true})
	} else {
		s.asbr = t.asbr(scopedID{id: h.ID})
		s.asbr.summaries = append(s.asbr.summaries, s)
		t.markASBR(s.asbr)
	}
	return Leaf
}

func (t *Table) removeSummary(a *area, k packet.Key) Effect {
	s := a.summaries[k]
	if s == nil {
		return None
	}
	delete(a.summaries, k)
	x := &a.vertices[s.v]
	last := len(x.summaries) - 1
	x.summaries[s.pos] = x.summaries[last]
	x.summaries[s.pos].pos = s.pos
	x.summaries[last] = nil
	x.summaries = x.summaries[:last]
	if s.dest != nil {
		t.removeLeaf(s.dest, leaf{a, s.v, s.cost, true})
	} else {
		s.asbr.removeSummary(s)
		t.markASBR(s.asbr)
	}
	a.unref(s.v)
	return Leaf
}

// markSummary looks again at what s describes.
func (t *Table) markSummary(s *summary) {
	if s.dest != nil {
		t.mark(s.dest)
	} else {
		t.markASBR(s.asbr)
	}
}

// markSummaries looks again at all that the summaries of area a describe.
func (t *Table) markSummaries(a *area) {
	for v := range a.vertices {
		for _, s := range a.vertices[v].summaries {
			t.markSummary(s)
		}
	}
}

// markRouter looks again at all that depends on router v being an area border
// router or AS boundary router, or on its place on the tree.
func (t *Table) markRouter(a *area, v int32) {
	x := &a.vertices[v]
	for _, s := range x.summaries {
		t.markSummary(s)
	}
	for _, nssa := range [2]packet.ID{0, a.id} { // as AS boundary router of the AS, and of an NSSA
		if b := t.asbrs[scopedID{x.id, nssa}]; b != nil {
			t.markASBR(b)
		}
	}
}
