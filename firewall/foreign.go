package firewall

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// foreignChain is a chain of somebody else's table, in a form that can be
// decided without the kernel.
type foreignChain struct {
	family, table, name string
	hook                hook // hookNone for a chain that is only jumped to
	drop                bool // policy
	rules               []foreignRule
}

type hook uint8

const (
	hookNone hook = iota
	hookPrerouting
	hookForward
	hookPostrouting
)

// foreignRule does its verdict when all conditions hold.
type foreignRule struct {
	when    []condition
	verdict verdict
	target  string // chain of a jump or goto
	text    string
}

type verdict uint8

const (
	verdictNone verdict = iota
	verdictAccept
	verdictDrop // and reject
	verdictMaybeDrop
	verdictJump
	verdictGoto
	verdictReturn
)

// answer is what can be said about a match.
type answer uint8

const (
	no answer = iota
	maybe
	yes
)

type field uint8

const (
	fieldUnknown field = iota
	fieldNever         // never holds for an untracked packet
	fieldState
	fieldIn
	fieldOut
	fieldFamily
	fieldProtocol
	fieldSource
	fieldDestination
)

// condition compares one property of a packet with a list of values.
type condition struct {
	field  field
	not    bool
	mask   uint32      // fieldState: any of these bits
	names  []string    // fieldIn, fieldOut; a trailing * stands for any rest
	values []byte      // fieldFamily, fieldProtocol
	ranges [][2]uint32 // fieldSource, fieldDestination: first and last address
}

// Values of packets that are asked about.
const (
	stateUntracked = 0x40
	familyIPv4     = 2
	protocolTCP    = 6
	protocolUDP    = 17
)

// packet is an untracked transit packet with any transit addresses and ports.
type packet struct {
	in, out  string
	protocol byte
	transit  []netip.Prefix // sorted, disjoint
}

func (c condition) answer(p packet, h hook) answer {
	a := c.matches(p, h)
	if c.not && c.field != fieldNever {
		return yes - a
	}
	return a
}

func (c condition) matches(p packet, h hook) answer {
	switch c.field {
	case fieldNever:
		return no
	case fieldState:
		return truth(c.mask&stateUntracked != 0)
	case fieldIn:
		if h == hookPostrouting { // the kernel no longer tells there
			return maybe
		}
		return truth(matchesName(c.names, p.in))
	case fieldOut:
		if h == hookPrerouting {
			return truth(matchesName(c.names, ""))
		}
		return truth(matchesName(c.names, p.out))
	case fieldFamily:
		return truth(slices.Contains(c.values, familyIPv4))
	case fieldProtocol:
		return truth(slices.Contains(c.values, p.protocol))
	case fieldSource, fieldDestination:
		return coverage(c.ranges, p.transit)
	default:
		return maybe
	}
}

func truth(b bool) answer {
	if b {
		return yes
	}
	return no
}

func matchesName(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if prefix, glob := strings.CutSuffix(p, "*"); glob {
			return strings.HasPrefix(name, prefix)
		}
		return p == name
	})
}

// coverage says whether addresses of the prefixes lie in the ranges: yes for
// all, no for none.
func coverage(ranges [][2]uint32, prefixes []netip.Prefix) answer {
	all, none := true, true
	for _, p := range prefixes {
		e := prefixElement(p)
		first, last := word(e.key), word(e.end)-1 // an open end wraps to the highest address
		inside, outside := false, true
		for _, r := range ranges {
			inside = inside || r[0] <= first && last <= r[1]
			outside = outside && (r[1] < first || last < r[0])
		}
		all, none = all && inside, none && outside
	}
	switch {
	case all:
		return yes
	case none:
		return no
	default:
		return maybe
	}
}

func word(key string) (u uint32) {
	for _, b := range []byte(key) {
		u = u<<8 | uint32(b)
	}
	return u
}

// blockers returns the places that drop untracked packets between the
// interfaces, in the order of the chains.
func blockers(chains []foreignChain, interfaces []string, transit []netip.Prefix) []Blocker {
	out := []Blocker{}
	if len(interfaces) == 0 || len(transit) == 0 {
		return out
	}
	w := walker{chains: make(map[[3]string]*foreignChain, len(chains)), transit: disjoint(transit)}
	for i, c := range chains {
		w.chains[[3]string{c.family, c.table, c.name}] = &chains[i]
	}
	packets := w.packets(interfaces)
	for i := range chains {
		if chains[i].hook == hookNone {
			continue
		}
		found := map[Blocker]int{} // by place, without Certain → certain hits
		for _, p := range packets {
			for _, b := range w.walkBase(&chains[i], p) {
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
	slices.SortFunc(out, func(a, b Blocker) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Chain, b.Chain), cmp.Compare(a.Rule, b.Rule))
	})
	return out
}

// maxSteps bounds the rules looked at for one packet in one base chain, and
// maxDepth the jumps, of which the kernel allows 16.
const (
	maxSteps = 100_000
	maxDepth = 17
)

type walker struct {
	chains  map[[3]string]*foreignChain
	transit []netip.Prefix

	base  *foreignChain
	p     packet
	found []Blocker
	steps int
}

// packets gives one packet for each pair of interfaces that some rule tells
// apart, and for each transport.
func (w *walker) packets(interfaces []string) []packet {
	var patterns []condition
	for _, c := range w.chains {
		for _, r := range c.rules {
			for _, k := range r.when {
				if k.field == fieldIn || k.field == fieldOut {
					patterns = append(patterns, k)
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
	var out []packet
	for _, in := range names {
		for _, to := range names {
			if in == to && len(names) > 1 {
				continue
			}
			for _, protocol := range []byte{protocolTCP, protocolUDP} {
				out = append(out, packet{in, to, protocol, w.transit})
			}
		}
	}
	return out
}

func (w *walker) walkBase(base *foreignChain, p packet) []Blocker {
	w.base, w.p, w.found, w.steps = base, p, nil, 0
	if left, _ := w.walk(base, yes, 0); left != no && base.drop {
		w.block(base.name, "policy", left == yes)
	}
	return w.found
}

func (w *walker) block(chain, rule string, certain bool) {
	w.found = append(w.found, Blocker{w.base.family, w.base.table, chain, rule, certain})
}

// walk follows packets into a chain that they reach surely or maybe. left says
// whether they come out at its end (or by return), and lost whether any may
// have met their verdict inside.
func (w *walker) walk(c *foreignChain, reach answer, depth int) (left answer, lost bool) {
	if depth > maxDepth {
		w.block(c.name, "too many jumps to follow", false)
		return maybe, true
	}
	entry, returned := reach, no
	for _, r := range c.rules {
		if w.steps++; w.steps > maxSteps {
			w.block(c.name, "too many rules to follow", false)
			return maybe, true
		}
		match := w.match(r)
		if match == no || r.verdict == verdictNone {
			continue
		}
		hit, stays := min(reach, match), no
		if match == maybe {
			stays = maybe
		}
		switch r.verdict {
		case verdictAccept:
			lost = true
		case verdictDrop:
			w.block(c.name, r.text, hit == yes)
			lost = true
		case verdictMaybeDrop:
			w.block(c.name, r.text, false)
			lost, stays = true, maybe
		case verdictReturn:
			returned = max(returned, hit)
		case verdictJump, verdictGoto:
			back, inside := w.follow(c, r.target, hit, depth)
			lost = lost || inside
			switch {
			case r.verdict == verdictGoto:
				returned = max(returned, back)
			case !inside:
				stays = reach
			default:
				stays = max(stays, back)
			}
		}
		if reach = min(reach, stays); reach == no {
			break
		}
	}
	switch {
	case !lost:
		return entry, false
	case reach == no && returned == no:
		return no, true
	default:
		return maybe, true
	}
}

func (w *walker) match(r foreignRule) answer {
	a := yes
	for _, k := range r.when {
		a = min(a, k.answer(w.p, w.base.hook))
	}
	return a
}

func (w *walker) follow(from *foreignChain, name string, reach answer, depth int) (left answer, lost bool) {
	target := w.chains[[3]string{from.family, from.table, name}]
	if target == nil {
		w.block(from.name, "jump to "+name+", which cannot be read", false)
		return maybe, true
	}
	return w.walk(target, reach, depth+1)
}
