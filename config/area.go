package config

import (
	"net/netip"
	"strconv"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

var (
	areaTypes = []choice[ospf.AreaType]{
		{"normal", ospf.AreaNormal},
		{"stub", ospf.AreaStub},
		{"nssa", ospf.AreaNSSA},
	}
	translators = []choice[ospf.TranslatorRole]{
		{"candidate", ospf.TranslatorCandidate},
		{"always", ospf.TranslatorAlways},
		{"never", ospf.TranslatorNever},
	}
)

// areas reads the areas; reference is the bandwidth that stands for cost 1 where an interface names no cost, 0 for none.
func (r *report) areas(raws []rawArea, reference uint32) []ospf.Area {
	var areas []ospf.Area
	var entries []entry
	var ranges []placedRange
	lines := make(map[packet.ID]int)
	for _, raw := range raws {
		id, ok := r.areaID(&raw)
		if line, twice := lines[id]; ok && twice {
			r.errorf(raw.ID, "%s %s is the same area as in line %d: put its interfaces there", raw.ID.key, raw.ID.text, line)
		} else if ok {
			lines[id] = raw.ID.line
		}
		area := ospf.Area{ID: id, Import: r.prefixList(raw.Import), Export: r.prefixList(raw.Export)}
		r.areaType(&raw, &area, ok)
		if ok {
			r.virtual = append(r.virtual, r.virtualLinks(raw.VirtualLinks, id)...)
		}
		for _, rawRange := range raw.Ranges {
			if rng, ok := r.addressRange(&rawRange); ok {
				area.Ranges = append(area.Ranges, rng)
				ranges = append(ranges, placedRange{rawRange.Prefix, rng.Prefix, id})
			}
		}
		for _, rawInterface := range raw.Interfaces {
			i := r.iface(&rawInterface, reference)
			area.Interfaces = append(area.Interfaces, i)
			entries = append(entries, entry{node: rawInterface.Node, match: i.Match})
		}
		areas = append(areas, area)
	}
	r.checkRanges(ranges)
	r.warnUnreachable(entries)
	return areas
}

// areaID reads the dotted quad or plain number of an area.
func (r *report) areaID(raw *rawArea) (packet.ID, bool) {
	return r.requiredID(raw.Node, raw.ID, "area-id", "the backbone is area-id: 0.0.0.0")
}

// id reads a dotted quad or plain number.
func (r *report) id(n *node) (packet.ID, bool) {
	if v, err := strconv.ParseUint(n.text, 10, 32); err == nil && !leadingZero(n.text) {
		return packet.ID(v), true
	}
	id, err := packet.ParseID(n.text)
	if err != nil {
		r.errorf(n, "%q is a dotted quad such as 0.0.0.0 or a number up to 4294967295, not %q", n.key, n.text)
		return 0, false
	}
	return id, true
}

// areaType reads the type of an area and what belongs to some types only (RFC 2328 C.2, RFC 3101
// appendix D).
func (r *report) areaType(raw *rawArea, area *ospf.Area, known bool) {
	area.Type = enum(r, raw.Type, ospf.AreaNormal, areaTypes)
	if area.Type != ospf.AreaNormal && known && area.ID == 0 {
		r.errorf(raw.Type, "area 0.0.0.0 is the backbone and can not be %s: write area-type: normal, or another area-id", raw.Type.text)
	}
	summary := r.boolean(raw.Summary, true)
	cost := r.number(raw.DefaultCost, 1, 0, maxMetric)
	area.Translator = enum(r, raw.Translator, ospf.TranslatorCandidate, translators)
	if area.Type == ospf.AreaNormal {
		for _, n := range []*node{raw.Summary, raw.DefaultCost} {
			if n != nil {
				r.errorf(n, "%q belongs to areas without externals: write area-type: stub or nssa, or remove the key", n.key)
			}
		}
	} else {
		area.Summary, area.DefaultCost = summary, cost
	}
	if raw.Translator != nil && area.Type != ospf.AreaNSSA {
		r.errorf(raw.Translator, "%q belongs to an NSSA: write area-type: nssa, or remove the key", raw.Translator.key)
	}
}

func (r *report) addressRange(raw *rawRange) (rng ospf.Range, ok bool) {
	n := raw.Prefix
	if n == nil {
		if !raw.Node.has("prefix") {
			r.errorf(raw.Node, "\"prefix\" is missing: write a prefix such as 10.1.0.0/16")
		}
		return rng, false
	}
	p, err := parsePrefix(n.text)
	switch {
	case err != nil:
		r.errorf(n, "%s: %v", n.key, err)
		return rng, false
	case p.Bits() == 0:
		r.errorf(n, "%s %s holds every network there is: write a range of the area's own", n.key, p)
		return rng, false
	}
	rng = ospf.Range{Prefix: p, Advertise: r.boolean(raw.Advertise, true), Cost: r.number(raw.Cost, 0, 1, maxMetric)}
	if raw.Cost != nil && !rng.Advertise {
		r.warnf(raw.Cost, "the cost of %s is never told: advertise is false", p)
	}
	return rng, true
}

// placedRange is an address range with its place in the file.
type placedRange struct {
	node   *node
	prefix netip.Prefix
	area   packet.ID
}

// checkRanges wants each range once. One may lie inside another of its area; in
// another area that is hardly meant.
func (r *report) checkRanges(ranges []placedRange) {
	if len(ranges) > maxRanges {
		r.errorf(ranges[maxRanges].node, "more than %d ranges", maxRanges)
		return
	}
	for n, b := range ranges {
		for _, a := range ranges[:n] {
			switch {
			case a.prefix == b.prefix && a.area == b.area:
				r.errorf(b.node, "%s %s is a range of this area already, in line %d: remove one", b.node.key, b.prefix, a.node.line)
			case a.prefix == b.prefix:
				r.errorf(b.node, "%s %s is a range of area %s already, in line %d: others could not tell which one is meant", b.node.key, b.prefix, a.area, a.node.line)
			case a.area != b.area && a.prefix.Overlaps(b.prefix):
				r.warnf(b.node, "%s overlaps %s of area %s in line %d: the more specific one draws the traffic", b.prefix, a.prefix, a.area, a.node.line)
			}
		}
	}
}

// maxRanges bounds the ranges of a file; each is compared with all before it.
const maxRanges = 2000

// prefixList reads a list of prefixes with lengths.
func (r *report) prefixList(nodes []*node) (list []ospf.PrefixRange) {
	for _, n := range nodes {
		if p, err := parseRange(n.text); err != nil {
			r.errorf(n, "%s: %v", n.key, err)
		} else {
			list = append(list, p)
		}
	}
	return list
}
