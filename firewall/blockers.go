package firewall

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// blockers returns the places that drop untracked packets between the
// interfaces, in the order of the chains.
func blockers(chains []foreignChain, interfaces []string, transit []netip.Prefix) []Place {
	out := []Place{}
	if len(interfaces) == 0 || len(transit) == 0 {
		return out
	}
	w := newWalker(chains)
	packets := w.packets(interfaces, disjoint(transit))
	for i := range chains {
		if !chains[i].seesTransit() {
			continue
		}
		found := map[Place]int{} // by place, without Certain → certain hits
		for _, p := range packets {
			if chains[i].hook == hookIngress {
				p.states = stateInvalid
			}
			for _, b := range w.walkBase(&chains[i], &p) {
				place := b
				place.Certain = false
				hits := found[place]
				if b.Certain {
					hits++
				}
				found[place] = hits
			}
		}
		for place, hits := range found {
			place.Certain = hits == len(packets)
			out = append(out, place)
		}
	}
	slices.SortFunc(out, comparePlace)
	return out
}

func comparePlace(a, b Place) int {
	return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Chain, b.Chain), cmp.Compare(a.Rule, b.Rule))
}

// offloads returns the rules by which connections between the interfaces enter
// flowtables.
func offloads(chains []foreignChain, interfaces []string, transit []netip.Prefix) []Place {
	w := newWalker(chains)
	packets := w.packets(interfaces, disjoint(transit))
	hits := map[Place]int{} // by place, without Certain
	for i := range chains {
		c := &chains[i]
		if !c.hook.forwarded() || c.nat {
			continue
		}
		for _, p := range packets {
			p.states = stateEstablished
			w.walkBase(c, &p)
			for _, h := range w.met {
				if h.effects&effectOffload == 0 {
					continue
				}
				place, n := h.place, 0
				if place.Certain {
					n = 1
				}
				place.Certain = false
				hits[place] += n
			}
		}
	}
	out := make([]Place, 0, len(hits))
	for place, n := range hits {
		place.Certain = n == len(packets)
		out = append(out, place)
	}
	slices.SortFunc(out, comparePlace)
	return out
}

// typeUnicast is RTN_UNICAST: an address that is neither the hub's own nor a
// broadcast or multicast address.
const typeUnicast = 1

// rawPriority is where packets become untracked.
const rawPriority = -300

// seesTransit reports whether packets come through the base chain that are not
// tracked, or will not be.
func (c *foreignChain) seesTransit() bool {
	return !c.nat && c.hook.forwarded() && (c.hook != hookPrerouting || c.priority > rawPriority)
}

// packets gives one packet for each pair of interfaces that some rule tells
// apart, and for each transport.
func (w *walker) packets(interfaces []string, transit []netip.Prefix) []packet {
	var patterns []condition
	for _, c := range w.chains {
		for _, r := range c.rules {
			for _, c := range r.when {
				for _, k := range c.parts() {
					if k.field == fieldIn || k.field == fieldOut {
						patterns = append(patterns, k)
					}
				}
			}
		}
	}
	alike := map[string][]string{} // interfaces that every pattern treats alike
	for _, name := range interfaces {
		var signature strings.Builder
		for _, k := range patterns {
			for _, pattern := range k.names {
				signature.WriteByte('0' + byte(truth(matchesName([]string{pattern}, name))))
			}
		}
		key := signature.String()
		if len(alike[key]) < 2 { // two, for packets from one to another of the same kind
			alike[key] = append(alike[key], name)
		}
	}
	var names []string
	for _, group := range alike {
		names = append(names, group...)
	}
	slices.Sort(names)
	addresses, anyPort := prefixRanges(transit), [][2]uint32{{0, 0xffff}}
	all := &links{names: interfaces, known: map[*condition]answer{}}
	var out []packet
	for _, way := range w.ways(names) {
		for _, protocol := range []byte{protocolTCP, protocolUDP} {
			out = append(out, packet{
				in: way[0], out: way[1], links: all, protocol: protocol, source: addresses, destination: addresses,
				sourceType: typeUnicast, destinationType: typeUnicast, sourcePort: anyPort, destinationPort: anyPort,
				states: stateUntracked,
			})
		}
	}
	return out
}

// maxMatches bounds how many rules are compared with packets at a time, which takes
// about a tenth of a second.
const maxMatches = 1_000_000

// ways are the pairs of interfaces that packets come in and go out through: each
// with each, where that is too much one end known, and at the last none. An end
// that is not known is empty.
func (w *walker) ways(names []string) (out [][2]string) {
	rules := 1
	for _, c := range w.chains {
		rules += len(c.rules)
	}
	switch n := len(names); {
	case n == 1:
		return [][2]string{{names[0], names[0]}}
	case n*n*rules <= maxMatches:
		for _, in := range names {
			for _, to := range names {
				if in != to {
					out = append(out, [2]string{in, to})
				}
			}
		}
	case n*rules <= maxMatches:
		for _, name := range names {
			out = append(out, [2]string{name, ""}, [2]string{"", name})
		}
	default:
		out = [][2]string{{"", ""}}
	}
	return out
}
