package routeros

import (
	"fmt"
	"net/netip"
	"slices"
)

// maxStatic bounds the static routes that are written.
const maxStatic = 1000

// hop is a next hop of a static route.
type hop struct {
	via    netip.Addr
	weight int
	bfd    bool
}

// static is a destination with the hops of all routes to it.
type static struct {
	dst       netip.Prefix
	blackhole bool
	hops      []hop
	distance  int
	line      int
}

// writeStatic writes the routes of the main table that are no default routes.
func (im *importer) writeStatic(t *text) {
	list := im.statics()
	if len(list) == 0 {
		return
	}
	t.remark("")
	t.line(0, "static:", "")
	for _, s := range list {
		t.line(2, "- prefix: "+s.dst.String(), fmt.Sprintf("line %d", s.line))
		if s.blackhole {
			t.line(4, "blackhole: true", fmt.Sprintf("line %d", s.line))
			continue
		}
		t.line(4, "next-hops:", "")
		for _, h := range s.hops {
			entry := "- {via: " + h.via.String()
			if h.weight > 1 {
				entry += fmt.Sprintf(", weight: %d", h.weight)
			}
			if h.bfd {
				entry += ", bfd: true"
			}
			t.line(6, entry+"}", fmt.Sprintf("line %d", s.line))
		}
	}
}

// statics joins the routes of each destination.
func (im *importer) statics() (list []*static) {
	byDst := make(map[netip.Prefix]*static)
	nearest := make([]*route, len(im.routes))
	for n := range im.routes {
		nearest[n] = &im.routes[n]
	}
	slices.SortStableFunc(nearest, func(a, b *route) int { return a.distance - b.distance })
	for _, r := range nearest {
		if r.isDefault() || im.fate[r.i] != "" {
			continue
		}
		s := byDst[r.dst]
		switch {
		case r.table != "main":
			im.skip(r.i, "not needed: specific routes of the main table always win over what is balanced; ecmpd has no other tables")
		case im.targetOnly(r):
			im.skip(r.i, "it only leads to a gateway beyond the next router: the uplink asks that by itself (check.targets)")
		case r.dst.Addr().IsLoopback() || r.dst.Addr().IsMulticast():
			im.skip(r.i, "%s is no destination to route to", r.dst)
		case s != nil && s.distance != r.distance:
			im.skip(r.i, "static routes have no distance: the nearest one, in line %d, is taken", s.line)
		case s == nil && len(list) == maxStatic:
			im.skip(r.i, "more than %d static routes", maxStatic)
		default:
			im.addHops(r, byDst, &list)
		}
	}
	slices.SortStableFunc(list, func(a, b *static) int { return a.line - b.line })
	return list
}

// addHops adds a route to its destination, as far as its gateways are addresses.
func (im *importer) addHops(r *route, byDst map[netip.Prefix]*static, list *[]*static) {
	s := &static{dst: r.dst, blackhole: r.blackhole, distance: r.distance, line: r.at.Line}
	if earlier := byDst[r.dst]; earlier != nil {
		if earlier.blackhole || r.blackhole {
			im.skip(r.i, "line %d has a route to %s already", earlier.line, r.dst)
			return
		}
		s = earlier
	}
	if a, ok := im.Statements[r.i].Arg("distance"); ok && r.distance > 1 {
		im.note(a.At, Assumed, "distance=%d is not taken over: static routes win over OSPF and BGP", r.distance)
	}
	hops := s.hops
	for _, g := range r.gateways {
		if why := im.staticGateway(g); why != "" {
			im.skip(r.i, "%s", why)
			return
		}
		found := false
		for n := range hops {
			if hops[n].via == g.addr {
				hops[n].weight, found = min(hops[n].weight+1, maxWeight), true
			}
		}
		if !found {
			hops = append(hops, hop{g.addr, 1, r.check == "bfd"})
		}
	}
	s.hops = hops
	if byDst[r.dst] == nil {
		byDst[r.dst] = s
		*list = append(*list, s)
	}
	if r.check != "" && r.check != "bfd" {
		im.note(r.checkAt, Assumed, "check-gateway=%s: a static next hop is used while its network is connected; bfd: true watches it when the other router speaks BFD", clip(r.check, 20))
	}
}

// staticGateway says why a gateway can be none of a static route.
func (im *importer) staticGateway(g gateway) string {
	if !g.addr.IsValid() {
		return "static routes have addresses of routers, not interfaces, as next hops"
	}
	if own, ok := im.owns(g.addr); ok {
		return fmt.Sprintf("gateway %s is the router's own address (line %d)", g.addr, own.at.Line)
	}
	return ""
}

// targetOnly tells whether a host route is there for recursive default routes.
func (im *importer) targetOnly(r *route) bool {
	if r.dst.Bits() != 32 {
		return false
	}
	if im.recursive == nil {
		im.recursive = make(map[netip.Addr]bool)
		for _, d := range im.routes {
			for _, g := range d.gateways {
				if d.isDefault() && g.addr.IsValid() {
					im.recursive[g.addr] = true
				}
			}
		}
	}
	return im.recursive[r.dst.Addr()]
}
