package firewall

import (
	"net/netip"
	"slices"
	"strings"
)

// foreignChain is a chain of somebody's table, in a form that can be decided
// without the kernel.
type foreignChain struct {
	family, table, name string
	hook                hook // hookNone for a chain that is only jumped to
	priority            int32
	nat                 bool // sees the first packet of a tracked connection only
	drop                bool // policy
	rules               []foreignRule
}

type hook uint8

// The hooks in the order in which packets meet them: a forwarded one all but input
// and output, one for the router those up to input, one of the router those from output on.
const (
	hookNone hook = iota
	hookIngress
	hookPrerouting
	hookInput
	hookForward
	hookOutput
	hookPostrouting
	hookEgress
)

// forwarded reports whether packets from one link to another come by.
func (h hook) forwarded() bool { return h != hookNone && h != hookInput && h != hookOutput }

// onDevice reports that the hook is that of a device, of which nothing is read.
func (h hook) onDevice() bool { return h == hookIngress || h == hookEgress }

// foreignRule does its effects and its verdict when all conditions hold.
type foreignRule struct {
	when    []condition
	effects effect
	verdict verdict
	target  string // chain of a jump or goto
	text    string

	// The addresses that NAT puts into packets: none are the router's own ones.
	to        [][2]uint32
	toUnknown bool
}

// effect is what a rule does to a packet beside its verdict.
type effect uint8

const (
	effectNotrack  effect = 1 << iota
	effectNAT             // the connection is translated
	effectRewrite         // addresses or ports are written into the packet
	effectOffload         // the connection goes round the rules from now on
	effectTracks          // the rule asks for connection tracking
	effectTemplate        // and says beforehand how to track the packet, in what zone or with what helper
)

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
	fieldTracked       // the packet has a conntrack entry
	fieldStatus        // of the entry
	fieldEntry         // more that is asked of an entry, and of nothing else
	fieldState
	fieldIn
	fieldOut
	fieldFamily
	fieldProtocol
	fieldSource
	fieldDestination
	fieldSourceType // of the address, by the routing table
	fieldDestinationType
	fieldSourcePort
	fieldDestinationPort
	fieldTCPFlags
	fieldFragment // whether the packet is one; what an unfragmented one never is
	fieldTuple    // several fields at once
)

// condition compares one property of a packet with a list of values.
type condition struct {
	field  field
	not    bool
	mask   uint32      // fieldState and types: any of these bits; fieldTCPFlags: these are compared
	names  []string    // fieldIn, fieldOut; a trailing * stands for any rest
	values []byte      // fieldFamily, fieldProtocol, fieldTCPFlags
	ranges [][2]uint32 // addresses and ports: first and last
	set    string      // that the values come from, if it has a name

	tuples [][]condition // fieldTuple: all conditions of one of these hold
}

// parts are the conditions that this one is made of.
func (c *condition) parts() []condition {
	if c.field != fieldTuple {
		return []condition{*c}
	}
	return slices.Concat(c.tuples...)
}

// Values of packets that are asked about.
const (
	stateInvalid     = 0x1 // also what has not met conntrack yet
	stateEstablished = 0x2
	stateRelated     = 0x4
	stateNew         = 0x8
	stateUntracked   = 0x40
	familyIPv4       = 2
	protocolTCP      = 6
	protocolUDP      = 17
	tcpSYN, tcpACK   = 0x02, 0x10
	statusNAT        = 0x30 // the entry's connection is translated
)

// packet is a forwarded IPv4 packet, or a class of them: of what lists several
// values, any one.
type packet struct {
	in, out                     string
	links                       *links // of which in or out is one, where it is empty
	protocol                    byte
	source, destination         [][2]uint32 // none: not known
	sourceType, destinationType uint8       // RTN_ numbers; 0: not known
	sourcePort, destinationPort [][2]uint32 // none: not known
	states                      uint32
	tcpFlags                    byte
	tcpFlagsKnown               bool
	template                    answer // whether it carries what a rule says beforehand of its tracking
	translated                  bool   // or may have been
	whole                       bool   // no fragment
}

// tracked says whether the packet has a conntrack entry.
func (p *packet) tracked() answer {
	return someOf(p.states, stateEstablished|stateRelated|stateNew)
}

// links are interfaces of which nobody knows which one it is.
type links struct {
	names []string
	known map[*condition]answer // whether they match
}

func (l *links) answer(c *condition) answer {
	if a, ok := l.known[c]; ok {
		return a
	}
	matching := 0
	for _, name := range l.names {
		if matchesName(c.names, name) {
			matching++
		}
	}
	a := maybe
	switch matching {
	case 0:
		a = no
	case len(l.names):
		a = yes
	}
	l.known[c] = a
	return a
}

// name answers whether an interface's name matches.
func (c *condition) name(p *packet, name string) answer {
	if name == "" && p.links != nil {
		return p.links.answer(c)
	}
	return truth(matchesName(c.names, name))
}

func (c *condition) answer(p *packet, h hook) answer {
	a := c.matches(p, h)
	if c.field == fieldTracked && a == no {
		return no // the rule ends where it asks, whatever it compares with
	}
	if c.not {
		return yes - a
	}
	return a
}

func (c *condition) matches(p *packet, h hook) answer {
	switch c.field {
	case fieldTracked:
		return p.tracked()
	case fieldStatus:
		if c.mask&^statusNAT == 0 && !p.translated {
			return no
		}
		return maybe
	case fieldEntry:
		return max(maybe, yes-p.tracked())
	case fieldState:
		return someOf(p.states, c.mask)
	case fieldIn:
		if h >= hookPostrouting { // not every kernel tells there
			return maybe
		}
		return c.name(p, p.in)
	case fieldOut:
		if h == hookPrerouting || h == hookIngress {
			return truth(matchesName(c.names, ""))
		}
		return c.name(p, p.out)
	case fieldFamily:
		return truth(slices.Contains(c.values, familyIPv4))
	case fieldProtocol:
		return truth(slices.Contains(c.values, p.protocol))
	case fieldSource:
		return coverage(c.ranges, p.source)
	case fieldDestination:
		return coverage(c.ranges, p.destination)
	case fieldSourceType:
		return typeIn(p.sourceType, c.mask)
	case fieldDestinationType:
		return typeIn(p.destinationType, c.mask)
	case fieldSourcePort:
		return coverage(c.ranges, p.sourcePort)
	case fieldDestinationPort:
		return coverage(c.ranges, p.destinationPort)
	case fieldTCPFlags:
		if !p.tcpFlagsKnown {
			return maybe
		}
		return truth(slices.Contains(c.values, p.tcpFlags&byte(c.mask)))
	case fieldFragment:
		if p.whole {
			return no
		}
		return maybe
	case fieldTuple:
		return anyTuple(c.tuples, p, h)
	default:
		return maybe
	}
}

func anyTuple(tuples [][]condition, p *packet, h hook) answer {
	best := no
	for _, t := range tuples {
		a := yes
		for i := 0; i < len(t) && a > best; i++ {
			a = min(a, t[i].answer(p, h))
		}
		if best = max(best, a); best == yes {
			break
		}
	}
	return best
}

func truth(b bool) answer {
	if b {
		return yes
	}
	return no
}

// someOf answers whether the one bit of have that holds is in mask.
func someOf(have, mask uint32) answer {
	switch {
	case have&mask == 0:
		return no
	case have&^mask == 0:
		return yes
	}
	return maybe
}

func typeIn(t uint8, mask uint32) answer {
	if t == 0 || t >= 32 {
		return maybe
	}
	return truth(mask&(1<<t) != 0)
}

func matchesName(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if prefix, glob := strings.CutSuffix(p, "*"); glob {
			return strings.HasPrefix(name, prefix)
		}
		return p == name
	})
}

// coverage says whether values of have, which are ranges too, lie in the ranges:
// yes for all, no for none. Of what is not known nothing can be said.
func coverage(ranges, have [][2]uint32) answer {
	if len(have) == 0 {
		return maybe
	}
	all, none := true, true
	for _, h := range have {
		inside, outside := false, true
		for _, r := range ranges {
			inside = inside || r[0] <= h[0] && h[1] <= r[1]
			outside = outside && (r[1] < h[0] || h[1] < r[0])
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

// prefixRanges gives the first and last addresses of prefixes.
func prefixRanges(prefixes []netip.Prefix) [][2]uint32 {
	out := make([][2]uint32, 0, len(prefixes))
	for _, p := range prefixes {
		e := prefixElement(p)
		out = append(out, elementRange(e))
	}
	return out
}

// elementRange reads an interval; an open end wraps to the highest value.
func elementRange(e element) [2]uint32 { return [2]uint32{word(e.key), word(e.end) - 1} }

func word(key string) (u uint32) {
	for _, b := range []byte(key) {
		u = u<<8 | uint32(b)
	}
	return u
}
