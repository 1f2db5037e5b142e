package config

import (
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// placedVirtualLink is a virtual link with its place in the file.
type placedVirtualLink struct {
	raw  *rawVirtualLink
	link ospf.VirtualLink
}

// virtualLinks reads the virtual links of an area, which must be the backbone (RFC 2328 C.4).
func (r *report) virtualLinks(raws []rawVirtualLink, area packet.ID) (list []placedVirtualLink) {
	for n := range raws {
		raw := &raws[n]
		if area != 0 {
			r.errorf(raw.Node, "a virtual link belongs to the backbone: write it under area-id: 0.0.0.0, with transit-area-id: %s", area)
			continue
		}
		transit, knownArea := r.requiredID(raw.Node, raw.Transit, "transit-area-id", "the area that the virtual link passes through")
		router, knownRouter := r.requiredID(raw.Node, raw.RouterID, "router-id", "the router id of the other end")
		link := ospf.VirtualLink{
			Transit: transit, RouterID: router,
			HelloInterval:      r.helloInterval(raw.HelloInterval),
			RetransmitInterval: r.retransmitInterval(raw.RetransmitInterval),
			TransmitDelay:      r.transmitDelay(raw.TransmitDelay),
			Auth:               r.authentication(raw.Authentication),
		}
		link.DeadInterval = r.deadInterval(raw.HelloInterval, raw.DeadInterval, link.HelloInterval)
		if knownArea && knownRouter {
			list = append(list, placedVirtualLink{raw, link})
		}
	}
	return list
}

// requiredID reads an id that must be there.
func (r *report) requiredID(at, n *node, key, what string) (packet.ID, bool) {
	if n == nil {
		if !at.has(key) {
			r.errorf(at, "%q is missing: %s", key, what)
		}
		return 0, false
	}
	return r.id(n)
}

// maxVirtualLinks bounds the virtual links of a file; each is compared with all before it.
const maxVirtualLinks = 1000

// checkVirtualLinks wants each virtual link once, to another router and through an area that can
// carry it (RFC 2328 15).
func (r *report) checkVirtualLinks(placed []placedVirtualLink, areas []ospf.Area, self packet.ID) (list []ospf.VirtualLink) {
	if len(placed) > maxVirtualLinks {
		r.errorf(placed[maxVirtualLinks].raw.Node, "more than %d virtual links", maxVirtualLinks)
		return nil
	}
	types := make(map[packet.ID]ospf.AreaType)
	for _, a := range areas {
		types[a.ID] = a.Type
	}
	for n, p := range placed {
		kind, configured := types[p.link.Transit]
		switch at := p.raw.Transit; {
		case p.link.Transit == 0:
			r.errorf(at, "%s 0.0.0.0 is the backbone itself: a virtual link passes through another area", at.key)
		case !configured:
			r.errorf(at, "%s %s is no area of this router: configure it with the interfaces that lead to %s", at.key, p.link.Transit, p.link.RouterID)
		case kind != ospf.AreaNormal:
			r.errorf(at, "%s %s is a stub area or NSSA, through which no virtual link passes: make it area-type: normal", at.key, p.link.Transit)
		}
		if at := p.raw.RouterID; p.link.RouterID == self && self != 0 {
			r.errorf(at, "%s %s is this router's own: write that of the other end", at.key, self)
		}
		for _, before := range placed[:n] {
			if before.link.Name() == p.link.Name() {
				r.errorf(p.raw.Node, "the virtual link to %s through area %s is already in line %d: remove one", p.link.RouterID, p.link.Transit, before.raw.Node.line)
			}
		}
		list = append(list, p.link)
	}
	return list
}
