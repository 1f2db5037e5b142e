package routeros

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// links is what the script says of interfaces.
type links struct {
	known map[string]script.Pos // names that interfaces surely have, and where that is said
	lists map[string][]string   // members of interface lists
}

// address is an address of the router.
type address struct {
	at      script.Pos
	addr    netip.Addr
	network netip.Prefix // that the link leads to
	link    string
}

// client is an interface that brings its own default route.
type client struct {
	i          int
	at         script.Pos
	link       string
	dhcp       bool // otherwise it is point-to-point
	addDefault bool
	distance   int
	tables     []string // that the route goes into, with ":DISTANCE" where it is another
}

// pointToPoint are the menus of interfaces with one other end.
var pointToPoint = []string{
	"interface pppoe-client", "interface l2tp-client", "interface pptp-client", "interface sstp-client",
	"interface ovpn-client", "interface ppp-client", "interface lte",
}

// learnLinks takes the names of interfaces and the members of lists out of a statement, before any is asked for.
func (im *importer) learnLinks(s *script.Statement) {
	switch {
	case s.Menu == "interface list member":
		if list, link := s.Value("list"), s.Value("interface"); list != "" && link != "" && im.unreadable(s) == "" {
			im.links.lists[list] = append(im.links.lists[list], link)
		}
	case s.Menu == "ip address" || s.Menu == "ip dhcp-client" || s.Menu == "interface bridge port":
		im.know(s, "interface")
	case strings.HasPrefix(s.Menu, "interface ") && !strings.HasPrefix(s.Menu, "interface list"):
		im.know(s, "name")
		for _, a := range s.Args { // set [ find default-name=ether1 ]
			if _, found, ok := strings.Cut(a.Name, "default-name="); ok && !a.HasValue {
				if _, renamed := s.Arg("name"); !renamed {
					im.knowName(strings.Trim(found, "\" ]"), a.Pos)
				}
			}
		}
	}
}

func (im *importer) know(s *script.Statement, name string) {
	if a, ok := s.Arg(name); ok && !a.Computed {
		im.knowName(a.Value, a.At)
	}
}

func (im *importer) knowName(name string, at script.Pos) {
	if _, ok := im.links.known[name]; !ok && name != "" {
		im.links.known[name] = at
	}
}

func (im *importer) readAddress(i int, s *script.Statement) {
	if name, yes := missing(s, "address", "interface"); yes {
		im.skip(i, "%s has no value", name)
		return
	}
	a, ok := s.Arg("address")
	link := s.Value("interface")
	if !ok || link == "" {
		im.skip(i, "an address wants address and interface")
		return
	}
	p, ok := parsePrefix(a.Value)
	if mask, err := netip.ParseAddr(s.Value("netmask")); ok && err == nil && mask.Is4() && !strings.Contains(a.Value, "/") {
		p = netip.PrefixFrom(p.Addr(), maskBits(mask))
	}
	if _, host := parseHost(p.Addr().String()); !ok || !host {
		im.find(a.At, InvalidValue, "address=%s is no address with its prefix length, such as 192.0.2.1/24", clip(a.Value, 40))
		im.skip(i, "its address is not valid")
		return
	}
	if all, ok := broadcastNetwork(s, p); ok {
		p = all
	}
	network := p.Masked()
	if peer, ok := parseHost(s.Value("network")); ok && p.Bits() == 32 {
		network = netip.PrefixFrom(peer, 32) // the other end of a point-to-point link
	} else if n, ok := s.Arg("network"); ok && n.Value != "" && n.Value != network.Addr().String() {
		im.find(n.At, InvalidValue, "network=%s is not the network of %s, which is %s", clip(n.Value, 40), p, network.Addr())
	}
	if !im.full(i, len(im.addresses), maxAddresses, "addresses") {
		im.skip(i, "addresses are read and not set: that is for the machine's own network configuration")
		im.addresses = append(im.addresses, address{a.At, p.Addr(), network, link})
	}
}

// broadcastNetwork takes the prefix length of an address without one from
// network and broadcast, as old scripts have it.
func broadcastNetwork(s *script.Statement, p netip.Prefix) (netip.Prefix, bool) {
	first, okFirst := parseHost(s.Value("network"))
	last, okLast := parseHost(s.Value("broadcast"))
	if !okFirst || !okLast || p.Bits() != 32 || last.Less(first) {
		return p, false
	}
	whole := span(first, last)
	return netip.PrefixFrom(p.Addr(), whole[0].Bits()), len(whole) == 1 && whole[0].Contains(p.Addr())
}

func maskBits(mask netip.Addr) int {
	n := 0
	for _, b := range mask.As4() {
		for ; b&0x80 != 0; b <<= 1 {
			n++
		}
	}
	return n
}

func (im *importer) readDHCPClient(i int, s *script.Statement) {
	link, ok := s.Arg("interface")
	if !ok || link.Value == "" {
		im.skip(i, "interface has no value")
		return
	}
	if im.full(i, len(im.clients), maxAddresses, "clients") {
		return
	}
	im.clients = append(im.clients, client{
		i: i, at: link.At, link: link.Value, dhcp: true, addDefault: s.Value("add-default-route") != "no",
		distance: im.number(s, "default-route-distance", 1, 1, 255), tables: routeTables(s),
	})
}

// routeTables reads default-route-tables of RouterOS 7, main without it.
func routeTables(s *script.Statement) []string {
	if tables := items(s.Value("default-route-tables")); len(tables) > 0 && len(tables) <= maxTier {
		return tables
	}
	return []string{"main"}
}

// readLink reads the statements of interfaces that bring a default route.
func (im *importer) readLink(i int, s *script.Statement) bool {
	if !slices.Contains(pointToPoint, s.Menu) || s.Value("name") == "" {
		return false
	}
	if im.full(i, len(im.clients), maxAddresses, "clients") {
		return true
	}
	a, _ := s.Arg("name")
	im.clients = append(im.clients, client{
		i: i, at: a.At, link: a.Value, addDefault: s.Flag("add-default-route"),
		distance: im.number(s, "default-route-distance", 1, 0, 255), tables: routeTables(s),
	})
	return true
}

// readListMember only says what is wrong: learnLinks has taken the member.
func (im *importer) readListMember(i int, s *script.Statement) {
	if s.Value("list") == "" || s.Value("interface") == "" {
		im.skip(i, "a member wants list and interface")
	}
}

// isPointToPoint tells whether an interface has one other end, by its
// declaration or, when there is none, by the usual names.
func (im *importer) isPointToPoint(link string) bool {
	for _, c := range im.clients {
		if c.link == link {
			return !c.dhcp
		}
	}
	for _, prefix := range []string{"ppp", "l2tp", "pptp", "sstp", "ovpn", "lte", "wireguard", "wg"} {
		if strings.HasPrefix(link, prefix) {
			return true
		}
	}
	return false
}

// linkOf returns the interface whose network holds the address; the most specific network wins.
func (im *importer) linkOf(a netip.Addr) (best address, ok bool) {
	for _, own := range im.addresses {
		if own.network.Contains(a) && (!ok || own.network.Bits() > best.network.Bits()) {
			best, ok = own, true
		}
	}
	return best, ok
}

// owns returns the router's own address entry for a.
func (im *importer) owns(a netip.Addr) (address, bool) {
	for _, own := range im.addresses {
		if own.addr == a {
			return own, true
		}
	}
	return address{}, false
}
