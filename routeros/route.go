package routeros

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// route is one of /ip route.
type route struct {
	i         int
	at        script.Pos // of the destination, or of the command
	dst       netip.Prefix
	gateways  []gateway
	table     string // "main", or the name of another
	tableAt   script.Pos
	distance  int
	check     string // check-gateway; empty when there is none
	checkAt   script.Pos
	blackhole bool
	scope     int
	target    int
}

// isDefault tells whether everything takes the route that nothing else does.
func (r *route) isDefault() bool { return r.dst.Bits() == 0 }

// gateway is one of a route's gateways as it is written.
type gateway struct {
	at   script.Pos
	addr netip.Addr // the zero Addr when it is an interface
	link string     // empty when only the address is said
}

func (im *importer) readRoute(i int, s *script.Statement) {
	if name, yes := missing(s, "dst-address", "gateway", "routing-mark", "routing-table"); yes {
		im.skip(i, "%s has no value", name)
		return
	}
	r := route{
		i: i, at: s.Pos, dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), table: "main", tableAt: s.Pos,
		distance: im.number(s, "distance", 1, 1, 255), scope: im.number(s, "scope", 30, 0, 255), target: im.number(s, "target-scope", 10, 0, 255),
		blackhole: s.Flag("blackhole") || slices.Contains([]string{"blackhole", "unreachable", "prohibit"}, s.Value("type")),
	}
	if a, ok := s.Arg("dst-address"); ok {
		p, valid := parsePrefix(a.Value)
		if !valid {
			im.find(a.At, InvalidValue, "dst-address=%s is no IPv4 prefix", clip(a.Value, 40))
			im.skip(i, "its destination is not valid")
			return
		}
		if p != p.Masked() {
			im.find(a.At, InvalidValue, "dst-address=%s has host bits: the network is %s", a.Value, p.Masked())
		}
		r.at, r.dst = a.At, p.Masked()
	}
	for _, name := range []string{"routing-mark", "routing-table"} {
		if a, ok := s.Arg(name); ok {
			r.table, r.tableAt = a.Value, a.At
		}
	}
	if a, ok := s.Arg("check-gateway"); ok && a.Value != "none" {
		r.check, r.checkAt = a.Value, a.At
	}
	// Seen as one of Internet, the way out of a management network would carry what others cannot.
	if a, ok := s.Arg("vrf-interface"); ok && a.Value != "" || im.vrfs[r.table] {
		im.skip(i, "VRFs are not supported")
		return
	}
	g, ok := s.Arg("gateway")
	if !ok && !r.blackhole {
		im.skip(i, "a route wants a gateway")
		return
	}
	if !r.blackhole && !im.readGateways(&r, g) {
		im.skip(i, "gateway=%s has an empty or invalid item", clip(g.Value, 40))
		return
	}
	if r.isDefault() {
		im.defaults++
	}
	im.hops += len(r.gateways)
	if !im.full(i, len(im.routes), maxRoutes, "routes") && !im.full(i, im.hops, maxHops, "gateways") && !im.full(i, im.defaults, maxDefaults+1, "default routes") {
		im.routes = append(im.routes, r)
	}
}

// maxGateways bounds the gateways of a route: repeated, they are its weights.
const maxGateways = 1000

// readGateways reads addresses, interfaces, "address%interface" and "address@table".
func (im *importer) readGateways(r *route, a script.Arg) bool {
	at := a.At
	if hasEmptyItem(a.Value) || strings.Count(a.Value, ",") >= maxGateways {
		return false
	}
	for text := range strings.SplitSeq(a.Value, ",") {
		g := gateway{at: at}
		at.Column += len([]rune(text)) + 1
		text, _, _ = strings.Cut(strings.TrimSpace(text), "@")
		first, link, hasLink := strings.Cut(text, "%")
		addr, err := netip.ParseAddr(first)
		switch {
		case err == nil:
			if _, ok := parseHost(first); !ok {
				im.find(g.at, InvalidValue, "gateway %s is no IPv4 address of a router", clip(first, 40))
				return false
			}
			g.addr, g.link = addr, link
		case hasLink || strings.Trim(first, "0123456789.") == "":
			im.find(g.at, InvalidValue, "gateway %s is neither an address nor an interface", clip(text, 40))
			return false
		default:
			g.link = first
		}
		r.gateways = append(r.gateways, g)
	}
	return len(r.gateways) > 0
}
