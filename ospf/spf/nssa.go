package spf

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// refusesDefault tells whether a default route of an NSSA is not for an area
// border router (RFC 3101 2.5 (3)).
func (t *Table) refusesDefault(e *external) bool {
	if e.bits != 0 || !t.abr {
		return false
	}
	i, ok := t.searchArea(e.asbr.nssa)
	return !e.propagate || ok && t.areas[i].config.NoSummary
}

// markDefault looks again at the default route.
func (t *Table) markDefault() {
	if d := t.dests[prefix(0)]; d != nil {
		t.mark(d)
	}
}

// stands tells whether o speaks for both of two externals of equal preference:
// what is forwarded is the same (RFC 3101 2.5 (6) (e), then the largest router id).
func stands(o, best offer) bool {
	switch {
	case o.nssa != best.nssa:
		return o.nssa
	case o.advertiser != best.advertiser:
		return o.advertiser > best.advertiser
	}
	return o.tag < best.tag
}

// External is what an AS-external-LSA or type 7 LSA says.
type External struct {
	Type2   bool
	Metric  uint32
	Forward packet.ID
	Tag     uint32
}

// Translatable returns the type 7 LSA of the area that is to be told to the AS for this prefix
// (RFC 3101 3.2 (1)): the route leads there, the P bit is set and there is
// a forwarding address. Of several the one of the largest router id is taken.
func (t *Table) Translatable(area packet.ID, p netip.Prefix) (External, bool) {
	k, ok := prefixFrom(p)
	d := t.dests[k]
	if !ok || d == nil || !d.route.nssa || d.route.area != area {
		return External{}, false
	}
	var found *external
	for e := d.externals; e != nil; e = e.next {
		if e.asbr.nssa != area || !e.propagate || e.forward == 0 {
			continue
		}
		o, _ := t.externalPath(e)
		if !o.ok() || o.pathType != d.route.pathType || o.cost != d.route.cost || o.type2Cost != d.route.type2Cost {
			continue
		}
		if found == nil || e.asbr.id > found.asbr.id {
			found = e
		}
	}
	if found == nil {
		return External{}, false
	}
	return External{Type2: found.type2, Metric: found.metric, Forward: found.forward, Tag: found.tag}, true
}
