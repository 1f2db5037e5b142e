package firewall

import (
	"math/bits"
	"net/netip"
	"slices"
)

// Translation is a NAT rule of another table that packets to or from transit may
// meet. NAT needs connection tracking of both directions.
type Translation struct {
	Place Place
	// Networks are those that have to stay tracked for it to work: what the rule says of
	// the end that it translates, and the addresses that it puts there. 0.0.0.0/0 when
	// it names none.
	Networks []netip.Prefix
	// Destination is true where the rule is about destinations: DNAT, redirect.
	Destination bool
	// Doubt says what is not understood, so that Networks may lack some; else empty.
	Doubt string
}

// Translations names the NAT rules that packets from or to the transit
// prefixes and through the interfaces may meet, in nftables, iptables-nft and
// iptables-legacy. Rules for other packets, such as a masquerade on an uplink,
// are none of them.
func (f *Firewall) Translations(interfaces []string, transit []netip.Prefix) ([]Translation, error) {
	chains, err := f.rulesets(false)
	if err != nil {
		return nil, err
	}
	return translations(chains, interfaces, transit), nil
}

// natRules gathers what is found out about rules.
type natRules struct {
	transit []netip.Prefix // disjoint
	found   map[Place]*Translation
}

func translations(chains []foreignChain, interfaces []string, transit []netip.Prefix) []Translation {
	n := natRules{disjoint(transit), map[Place]*Translation{}}
	if len(interfaces) == 0 || len(n.transit) == 0 {
		return nil
	}
	w := newWalker(chains)
	packets := w.packets(interfaces, n.transit)
	for i := range chains {
		c := &chains[i]
		if !c.nat || !c.hook.forwarded() {
			continue
		}
		for _, p := range packets {
			p.states = stateNew
			between := p
			w.walkBase(c, &between)
			for _, h := range w.met {
				n.note(c.hook, h, true)
			}
			// One end may be anything, the router's own address too: of the answer that
			// end is the one that is put in its place.
			if c.hook == hookPrerouting {
				p.destination, p.destinationType = nil, 0
			} else {
				p.source, p.sourceType = nil, 0
			}
			w.walkBase(c, &p)
			for _, h := range w.met {
				n.note(c.hook, h, false)
			}
		}
	}
	out := make([]Translation, 0, len(n.found))
	for _, t := range n.found {
		t.Networks = disjoint(t.Networks)
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b Translation) int { return comparePlace(a.Place, b.Place) })
	return out
}

// note adds what follows from a rule that packets meet, which come from and go to
// transit, or of which one end may be anything.
func (n *natRules) note(h hook, met happening, between bool) {
	if met.effects&effectNAT == 0 {
		return
	}
	sources, destinations := ends(met.when, fieldSource), ends(met.when, fieldDestination)
	var networks []netip.Prefix
	doubt := ""
	if between {
		own, other := sources, destinations
		if h == hookPrerouting {
			own, other = destinations, sources
		}
		switch {
		case !n.meets(own) || !n.meets(other):
			return
		case !isEverything(own):
			networks = n.within(own)
		case !isEverything(other):
			networks = n.within(other)
		case slices.ContainsFunc(met.when, func(c condition) bool {
			return slices.ContainsFunc(c.parts(), func(p condition) bool { return p.field == fieldUnknown })
		}):
			doubt = "it names no network, and not all that it asks for is understood"
		default:
			networks = []netip.Prefix{everything}
		}
	}
	if met.to == nil && met.toUnknown {
		doubt = "the addresses that it puts into packets are not understood"
	}
	networks = append(networks, n.within(met.to)...)
	if len(networks) == 0 && doubt == "" {
		return
	}
	place := met.place
	place.Certain = doubt == ""
	if t := n.found[place]; t != nil {
		t.Networks = append(t.Networks, networks...)
		return
	}
	n.found[place] = &Translation{Place: place, Networks: networks, Destination: h == hookPrerouting, Doubt: doubt}
}

var everything = netip.PrefixFrom(netip.IPv4Unspecified(), 0)

func isEverything(ranges [][2]uint32) bool {
	return len(ranges) == 1 && ranges[0] == [2]uint32{0, 1<<32 - 1}
}

// ends are the addresses that conditions leave for one end of a packet.
func ends(when []condition, f field) [][2]uint32 {
	left := [][2]uint32{{0, 1<<32 - 1}}
	for _, c := range when {
		if c.field == fieldTuple && !c.not {
			left = intersection(left, tupleEnds(c.tuples, f))
		}
		if c.field != f {
			continue
		}
		ranges := slices.Clone(c.ranges)
		slices.SortFunc(ranges, func(a, b [2]uint32) int { return slices.Compare(a[:], b[:]) })
		if c.not {
			ranges = complement(ranges)
		}
		left = intersection(left, ranges)
	}
	return left
}

// tupleEnds are the addresses that any of the tuples leaves, sorted and apart.
func tupleEnds(tuples [][]condition, f field) (out [][2]uint32) {
	var all [][2]uint32
	for _, t := range tuples {
		all = append(all, ends(t, f)...)
	}
	slices.SortFunc(all, func(a, b [2]uint32) int { return slices.Compare(a[:], b[:]) })
	for _, r := range all {
		if n := len(out); n > 0 && r[0] <= out[n-1][1] {
			out[n-1][1] = max(out[n-1][1], r[1])
			continue
		}
		out = append(out, r)
	}
	return out
}

// complement of sorted ranges.
func complement(ranges [][2]uint32) (out [][2]uint32) {
	next := uint64(0)
	for _, r := range ranges {
		if next < uint64(r[0]) {
			out = append(out, [2]uint32{uint32(next), r[0] - 1})
		}
		next = max(next, uint64(r[1])+1)
	}
	if next < 1<<32 {
		out = append(out, [2]uint32{uint32(next), 1<<32 - 1})
	}
	return out
}

// intersection of sorted ranges.
func intersection(a, b [][2]uint32) (out [][2]uint32) {
	for len(a) > 0 && len(b) > 0 {
		if first, last := max(a[0][0], b[0][0]), min(a[0][1], b[0][1]); first <= last {
			out = append(out, [2]uint32{first, last})
		}
		if a[0][1] < b[0][1] {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}

// within gives the ranges as prefixes, without those outside transit.
func (n *natRules) within(ranges [][2]uint32) (out []netip.Prefix) {
	for _, p := range rangePrefixes(ranges) {
		if n.overlaps(p) {
			out = append(out, p)
		}
	}
	return out
}

func (n *natRules) meets(ranges [][2]uint32) bool {
	return slices.ContainsFunc(rangePrefixes(ranges), n.overlaps)
}

// overlaps reports whether a prefix shares an address with transit.
func (n *natRules) overlaps(p netip.Prefix) bool {
	i, found := slices.BinarySearchFunc(n.transit, p, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return found || i < len(n.transit) && n.transit[i].Overlaps(p) || i > 0 && n.transit[i-1].Overlaps(p)
}

// rangePrefixes splits ranges into prefixes.
func rangePrefixes(ranges [][2]uint32) (out []netip.Prefix) {
	for _, r := range ranges {
		for from, end := uint64(r[0]), uint64(r[1])+1; from < end; {
			size := bits.TrailingZeros64(from | 1<<32)
			for from+1<<size > end {
				size--
			}
			first := [4]byte{byte(from >> 24), byte(from >> 16), byte(from >> 8), byte(from)}
			out = append(out, netip.PrefixFrom(netip.AddrFrom4(first), 32-size))
			from += 1 << size
		}
	}
	return out
}
