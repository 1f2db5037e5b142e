package routeros

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// ospfNetwork says which interfaces are in an area, by their addresses.
type ospfNetwork struct {
	i      int
	line   int
	area   *area
	prefix netip.Prefix
}

func (im *importer) readOSPFNetwork(i int, s *script.Statement) {
	area := im.areaOf(i, s, "area")
	if area == nil {
		return
	}
	a, _ := s.Arg("network")
	p, ok := parsePrefix(a.Value)
	if !ok {
		im.skip(i, "network has no valid value")
		return
	}
	for _, other := range im.ospf.networks {
		if other.prefix == p.Masked() {
			im.skip(i, "%s is in line %d already", p.Masked(), other.line)
			return
		}
	}
	if !im.full(i, len(im.ospf.networks), maxNetworks, "networks") {
		im.ospf.networks = append(im.ospf.networks, ospfNetwork{i, s.Line, area, p.Masked()})
	}
}

func (im *importer) readOSPFInterface(i int, s *script.Statement) {
	e := &entry{i: i, line: s.Line}
	e.keys, e.missing = im.interfaceKeys(s)
	switch link := s.Value("interface"); {
	case link == "":
		im.skip(i, "interface has no value")
	case link == "all":
		im.ospf.all = e
	case !isLinkName(link):
		im.skip(i, "no interface of Linux can be called %s", clip(link, 40))
	case !im.full(i, len(im.ospf.entries), maxOSPFEntries, "OSPF interfaces"):
		e.match = []string{link}
		im.ospf.entries = append(im.ospf.entries, e)
	}
}

// placeEntries6 puts interfaces into the areas of the networks that their
// addresses are in, and behind them the networks for all others.
func (im *importer) placeEntries6() {
	for _, e := range im.ospf.entries {
		a, why := e.area, ""
		if a == nil {
			a, why = im.areaOfLink(e.match[0], im.Statements[e.i].Pos)
		}
		if a == nil {
			im.skip(e.i, "%s", why)
			continue
		}
		a.entries = append(a.entries, e)
	}
	// Within an area the first match decides: the longest prefix comes first.
	slices.SortStableFunc(im.ospf.networks, func(a, b ospfNetwork) int { return b.prefix.Bits() - a.prefix.Bits() })
	for n, network := range im.ospf.networks {
		if n == maxOSPFEntries {
			im.skip(network.i, "more than %d networks", maxOSPFEntries)
			break
		}
		e := &entry{i: network.i, line: network.line, match: []string{network.prefix.String()}}
		if network.prefix.Bits() == 0 {
			e.match = []string{"*"}
		}
		if all := im.ospf.all; all != nil {
			e.keys, e.missing = all.keys, all.missing
		}
		network.area.entries = append(network.area.entries, e)
	}
}

// areaOfLink finds the area of an interface by its addresses. Without one (it
// may get it later) the only area that has networks is taken.
func (im *importer) areaOfLink(link string, at script.Pos) (found *area, why string) {
	bits := -1
	for _, own := range im.addresses {
		if own.link != link {
			continue
		}
		for _, n := range im.ospf.networks {
			if n.prefix.Contains(own.addr) && n.prefix.Bits() > bits {
				found, bits = n.area, n.prefix.Bits()
			}
		}
		if found == nil {
			why = fmt.Sprintf("no network of OSPF holds %s, the address of %s", own.addr, clip(link, 40))
		}
	}
	if found != nil || why != "" {
		return found, why
	}
	for _, n := range im.ospf.networks {
		if found != nil && n.area != found {
			return nil, fmt.Sprintf("the address of %s is not known, and so not its area", clip(link, 40))
		}
		found = n.area
	}
	if found == nil {
		return nil, "no network of OSPF holds its address"
	}
	im.note(at, Assumed, "the address of %s is not in the script: OSPF on it is taken to be in area %s, which all networks are in", clip(link, 40), clip(found.name, 40))
	return found, ""
}

func (im *importer) readOSPFVirtualLink(i int, s *script.Statement) {
	im.virtualLink(i, s, s.Value("transit-area"), s.Value("neighbor-id"))
}

// virtualLink reads what both versions have.
func (im *importer) virtualLink(i int, s *script.Statement, transit, neighbor string) {
	router, err := netip.ParseAddr(neighbor)
	if err != nil || !router.Is4() || transit == "" {
		im.skip(i, "a virtual link wants its transit area and the router id of the other end")
		return
	}
	l := virtualLink{i: i, transit: transit, router: router, line: s.Line}
	keys, missing := im.interfaceKeys(s)
	for _, k := range keys {
		switch k.key {
		case "hello-interval", "dead-interval", "retransmit-interval", "transmit-delay", "authentication":
			l.keys = append(l.keys, k)
		}
	}
	l.missing = missing
	im.backbone()
	if !im.full(i, len(im.ospf.links), maxLinks, "virtual links") {
		im.ospf.links = append(im.ospf.links, l)
	}
}

// readRedistribution6 reads redistribute-connected=as-type-1, metric-connected=20
// and distribute-default=if-installed-as-type-2.
func (im *importer) readRedistribution6(in *instance, s *script.Statement) {
	for _, a := range s.Args {
		source, ok := strings.CutPrefix(a.Name, "redistribute-")
		if !ok || a.Value == "no" || !a.HasValue {
			continue
		}
		if source != "connected" && source != "static" {
			im.note(a.Pos, Assumed, "%s is not taken over: routes of %s are not redistributed in this version", clip(a.Name, 40), clip(source, 40))
			continue
		}
		value := "source: " + source
		if _, ok := s.Arg("metric-" + source); ok {
			value += fmt.Sprintf(", metric: %d", im.number(s, "metric-"+source, 20, 0, 16777214))
		}
		in.redistribute = append(in.redistribute, keyed{a.Name, value + ", metric-type: " + metricType(a.Value), a.Pos.Line})
	}
	a, ok := s.Arg("distribute-default")
	if !ok || a.Value == "never" || a.Value == "" {
		return
	}
	when := "present"
	if strings.HasPrefix(a.Value, "always") {
		when = "always"
	}
	in.originate = []keyed{{"when", when, a.Line}}
	if _, ok := s.Arg("metric-default"); ok {
		in.originate = append(in.originate, keyed{"metric", fmt.Sprint(im.number(s, "metric-default", 1, 0, 16777214)), a.Line})
	}
	in.originate = append(in.originate, keyed{"metric-type", metricType(a.Value), a.Line})
}

func metricType(value string) string {
	if strings.HasSuffix(value, "type-1") {
		return "1"
	}
	return "2"
}
