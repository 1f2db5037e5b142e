package routeros

import (
	"fmt"
	"net/netip"
)

// judgeGateways looks at the gateways of all routes.
func (im *importer) judgeGateways(w *ways) {
	for n := range im.routes {
		r := &im.routes[n]
		for _, g := range r.gateways {
			im.judgeGateway(w, r, g)
		}
	}
}

func (im *importer) judgeGateway(w *ways, r *route, g gateway) {
	if !g.addr.IsValid() {
		return
	}
	_, _, target, why := im.resolve(g)
	own, isOwn := im.owns(g.addr)
	_, crossed := im.onAnother(g)
	switch {
	case g.link != "" && crossed && !isOwn:
		im.find(g.at, Crossed, "%s", why)
	case why != "" && isOwn:
		suggestion := ""
		for _, u := range w.uplinks {
			if u.gateway.IsValid() && own.network.Contains(u.gateway) {
				suggestion = ": is " + u.gateway.String() + " meant?"
				break
			}
		}
		im.find(g.at, GatewayOwn, "%s%s", why, suggestion)
	case why != "" && len(im.addresses) == 0:
		im.find(g.at, GatewayUnknown, "which interface leads to gateway %s is not said: the script has no /ip address", g.addr)
	case why != "":
		im.find(g.at, GatewayUnknown, "%s", why)
	case target.IsValid() && r.isDefault():
		if host := im.routeTo(g.addr); host != nil && host.scope > r.target {
			im.find(host.at, GatewayUnknown, "RouterOS does not look up gateway %s (line %d) by this route: its scope %d is above the target-scope %d there", g.addr, g.at.Line, host.scope, r.target)
		}
	}
}

// maxRecursion is how many routes deep a gateway is looked for.
const maxRecursion = 4

// resolve finds the link and the next router of a gateway. A gateway beyond it,
// which a host route leads to, is the target. why says what it is when it leads nowhere.
func (im *importer) resolve(g gateway) (link string, addr, target netip.Addr, why string) {
	for range maxRecursion {
		if !g.addr.IsValid() {
			return g.link, g.addr, target, ""
		}
		if own, ok := im.owns(g.addr); ok {
			return "", addr, target, fmt.Sprintf("gateway %s is the router's own address (line %d, %s)", g.addr, own.at.Line, clip(own.link, 40))
		}
		if g.link != "" {
			if own, crossed := im.onAnother(g); crossed {
				return "", addr, target, fmt.Sprintf("gateway %s is on the network of %s (line %d), not on %s", g.addr, clip(own.link, 40), own.at.Line, clip(g.link, 40))
			}
			return g.link, g.addr, target, ""
		}
		if own, ok := im.linkOf(g.addr); ok {
			if other, both := im.otherLinkOf(g.addr, own); both {
				return "", addr, target, fmt.Sprintf("gateway %s is on the networks of %s and of %s (lines %d and %d): write %s%%%s or the other",
					g.addr, clip(own.link, 40), clip(other.link, 40), own.at.Line, other.at.Line, g.addr, clip(own.link, 40))
			}
			return own.link, g.addr, target, ""
		}
		via := im.routeTo(g.addr)
		if via == nil {
			break
		}
		if !target.IsValid() {
			target = g.addr
		}
		g = via.gateways[0]
	}
	return "", addr, target, fmt.Sprintf("gateway %s is on none of the router's networks", g.addr)
}

// onAnother tells whether a gateway with an interface is on the network of another one only.
func (im *importer) onAnother(g gateway) (other address, yes bool) {
	for _, own := range im.addresses {
		if own.network.Contains(g.addr) {
			if own.link == g.link {
				return address{}, false
			}
			other, yes = own, true
		}
	}
	return other, yes
}

func (im *importer) otherLinkOf(a netip.Addr, than address) (address, bool) {
	for _, own := range im.addresses {
		if own.link != than.link && own.network.Bits() == than.network.Bits() && own.network.Contains(a) {
			return own, true
		}
	}
	return address{}, false
}

// routeTo returns the most specific route of the main table with one gateway
// that is not a default route.
func (im *importer) routeTo(a netip.Addr) (best *route) {
	for n := range im.routes {
		r := &im.routes[n]
		if r.table == "main" && !r.isDefault() && len(r.gateways) == 1 && r.dst.Contains(a) && (best == nil || r.dst.Bits() > best.dst.Bits()) {
			best = r
		}
	}
	return best
}
