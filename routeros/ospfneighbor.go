package routeros

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// ospfNeighbor is a neighbour that the script names, on networks that carry no multicast.
type ospfNeighbor struct {
	i    int
	line int
	addr netip.Addr
	link string // empty in version 6, where the address says it
	keys []string
}

const maxOSPFNeighbors = 500

// readOSPFNeighbor reads an entry of /routing ospf nbma-neighbor (version 6) or static-neighbor (version 7, whose
// addresses name the interface: 10.0.0.2%ether1).
func (im *importer) readOSPFNeighbor(i int, s *script.Statement) {
	if im.full(i, len(im.ospf.neighbors), maxOSPFNeighbors, "OSPF neighbours") {
		return
	}
	text, link, _ := strings.Cut(s.Value("address"), "%")
	addr, ok := parseHost(text)
	if !ok {
		im.skip(i, "address has no valid value")
		return
	}
	n := ospfNeighbor{i: i, line: s.Line, addr: addr, link: link}
	if a, ok := s.Arg("poll-interval"); ok && a.Value != "" {
		v, ok := seconds(a.Value)
		if !ok || v < 1 || v > 65535 {
			im.find(a.At, InvalidValue, "poll-interval=%s is no time from 1s to 65535s", clip(a.Value, 40))
		} else {
			n.keys = append(n.keys, fmt.Sprintf("poll-interval: %ds", v))
		}
	}
	if _, ok := s.Arg("priority"); ok {
		n.keys = append(n.keys, fmt.Sprintf("priority: %d", im.number(s, "priority", 0, 0, 255)))
	}
	im.ospf.neighbors = append(im.ospf.neighbors, n)
}

// placeNeighbors gives the neighbours to the entries of their interfaces.
func (im *importer) placeNeighbors() {
	for _, n := range im.ospf.neighbors {
		e := im.entryOf(n)
		switch {
		case e == nil:
			im.skip(n.i, "no interface of OSPF of type nbma or ptmp leads to %s", n.addr)
		case slices.ContainsFunc(e.neighbors, func(o ospfNeighbor) bool { return o.addr == n.addr }):
			im.skip(n.i, "%s is listed already", n.addr)
		default:
			e.neighbors = append(e.neighbors, n)
		}
	}
}

// entryOf finds the interfaces that a neighbour is on: those of its link, else of the link or network that holds its address.
func (im *importer) entryOf(n ospfNeighbor) (found *entry) {
	bits := -1
	consider := func(e *entry, p netip.Prefix) {
		if p.Contains(n.addr) && p.Bits() > bits {
			found, bits = e, p.Bits()
		}
	}
	for _, a := range im.ospf.areas {
		for _, e := range a.entries {
			if !e.listsNeighbors() {
				continue
			}
			for _, m := range e.match {
				if p, ok := parsePrefix(m); ok {
					consider(e, p)
					continue
				}
				if n.link != "" && m == n.link {
					return e
				}
				for _, own := range im.addresses {
					if own.link == m {
						consider(e, own.network)
					}
				}
			}
		}
	}
	return found
}

// listsNeighbors tells whether packets go to one neighbour each.
func (e *entry) listsNeighbors() bool {
	return slices.ContainsFunc(e.keys, func(k keyed) bool {
		return k.key == "interface-type" && k.value == "non-broadcast" || k.key == "multicast"
	})
}

// writeNeighbors writes those of an entry. Priorities are for networks with a designated router.
func (t *text) writeNeighbors(indent int, e *entry) {
	if len(e.neighbors) == 0 {
		return
	}
	mesh := slices.ContainsFunc(e.keys, func(k keyed) bool { return k.key == "multicast" })
	t.line(indent, "static-neighbors:", "")
	for _, n := range e.neighbors {
		keys := append([]string{"address: " + n.addr.String()}, n.keys...)
		if mesh {
			keys = slices.DeleteFunc(keys, func(k string) bool { return strings.HasPrefix(k, "priority") })
		}
		t.line(indent+2, "- {"+strings.Join(keys, ", ")+"}", fmt.Sprintf("line %d", n.line))
	}
}
