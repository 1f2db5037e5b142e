package firewall

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// Packet is one IPv4 packet that is forwarded from In to Out. Without Out it is for
// the router, without In it is the router's own.
type Packet struct {
	In, Out             string
	Source, Destination netip.Addr
	// SourceType and DestinationType are what the routing table says of the
	// addresses (RTN_UNICAST 1, RTN_LOCAL 2 …); 0: not known.
	SourceType, DestinationType uint8
	Protocol                    uint8
	// Ports of TCP and UDP; of other protocols nothing is known.
	SourcePort, DestinationPort uint16
	// Answer says that it belongs to a connection whose first packet came through
	// here; otherwise it is the first of its flow, of TCP a SYN.
	Answer bool
}

// Fate is what all rulesets together do to a packet, in the order in which it
// meets them.
type Fate struct {
	// Untracked are the rules that take it out of connection tracking. When none
	// is certain, it may be tracked.
	Untracked []Place
	// Idle says that nothing in the rulesets asks for connection tracking, so that the
	// kernel does none.
	Idle bool
	// Translates are the rules that change its addresses or ports.
	Translates []Place
	// Offloads are the rules that let the following packets of its connection go
	// round the rulesets.
	Offloads []Place
	// Drops are the places that drop it: the last one is certain, or none is.
	Drops []Place
}

// Dropped reports that the packet does not get through; certain that this, or
// the contrary, is known.
func (f Fate) Dropped() (dropped, certain bool) {
	if len(f.Drops) == 0 {
		return false, true
	}
	return f.Drops[len(f.Drops)-1].Certain, f.Drops[len(f.Drops)-1].Certain
}

// Tracked reports that the packet goes through connection tracking; certain that
// this, or the contrary, is known.
func (f Fate) Tracked() (tracked, certain bool) {
	surely := slices.ContainsFunc(f.Untracked, func(p Place) bool { return p.Certain })
	return !surely && !f.Idle, surely || f.Idle || len(f.Untracked) == 0
}

// Follow reads all rulesets, our own table included, and takes packets through
// them. What happens before them (XDP, tc) is not seen.
func (f *Firewall) Follow(packets ...Packet) ([]Fate, error) {
	chains, err := f.rulesets(true)
	if err != nil {
		return nil, err
	}
	out := make([]Fate, len(packets))
	for i, p := range packets {
		out[i] = follow(chains, p)
	}
	return out, nil
}

// conntrackPriority is where connections are tracked, in prerouting and output.
const conntrackPriority = -200

// meets reports whether the packet comes by a hook.
func (p Packet) meets(h hook) bool {
	switch {
	case p.In == "":
		return h >= hookOutput
	case p.Out == "":
		return h != hookNone && h <= hookInput
	}
	return h.forwarded()
}

func follow(chains []foreignChain, p Packet) Fate {
	w := newWalker(chains)
	pkt := p.packet()
	f := Fate{Idle: !tracks(chains)}
	met, entrance := false, hookPrerouting // of conntrack
	if p.In == "" {
		entrance = hookOutput
	}
	for _, base := range baseChains(chains) {
		if !p.meets(base.hook) {
			continue
		}
		if !met && (base.hook > entrance || base.hook == entrance && base.priority >= conntrackPriority) {
			met = true
			if pkt.states&stateInvalid != 0 && !f.Idle {
				pkt.states = pkt.states&^stateInvalid | p.state()
			}
		}
		first := someOf(pkt.states, stateNew)
		if base.nat && (first == no || f.Idle) {
			continue
		}
		drops := w.walkBase(base, &pkt)
		f.note(w.met)
		for _, d := range drops {
			d.Certain = d.Certain && (!base.nat || first == yes)
			f.Drops = append(f.Drops, d)
			if d.Certain {
				return f
			}
		}
	}
	return f
}

func (f *Fate) note(met []happening) {
	for _, h := range met {
		if h.effects&effectNotrack != 0 {
			f.Untracked = append(f.Untracked, h.place)
		}
		if h.effects&(effectNAT|effectRewrite) != 0 {
			f.Translates = append(f.Translates, h.place)
		}
		if h.effects&effectOffload != 0 {
			f.Offloads = append(f.Offloads, h.place)
		}
	}
}

// state is what conntrack makes of the packet.
func (p Packet) state() uint32 {
	if p.Answer {
		return stateEstablished
	}
	return stateNew
}

func (p Packet) packet() packet {
	one := func(v uint32) [][2]uint32 { return [][2]uint32{{v, v}} }
	address := func(a netip.Addr) [][2]uint32 {
		b := a.As4()
		return one(binary.BigEndian.Uint32(b[:]))
	}
	out := packet{
		in: p.In, out: p.Out, protocol: p.Protocol,
		source: address(p.Source), destination: address(p.Destination),
		sourceType: p.SourceType, destinationType: p.DestinationType, states: stateInvalid,
		translated: p.Answer, whole: true,
	}
	if p.Protocol == protocolTCP || p.Protocol == protocolUDP {
		out.sourcePort, out.destinationPort = one(uint32(p.SourcePort)), one(uint32(p.DestinationPort))
	}
	if p.Protocol == protocolTCP {
		out.tcpFlagsKnown, out.tcpFlags = true, tcpSYN
		if p.Answer {
			out.tcpFlags |= tcpACK
		}
	}
	return out
}

// baseChains gives the base chains in the order in which a packet meets them.
func baseChains(chains []foreignChain) []*foreignChain {
	var out []*foreignChain
	for i := range chains {
		if chains[i].hook != hookNone {
			out = append(out, &chains[i])
		}
	}
	slices.SortStableFunc(out, func(a, b *foreignChain) int {
		if a.hook != b.hook {
			return int(a.hook) - int(b.hook)
		}
		return int(a.priority) - int(b.priority)
	})
	return out
}

// tracks reports whether anything asks for connection tracking.
func tracks(chains []foreignChain) bool {
	return slices.ContainsFunc(chains, func(c foreignChain) bool {
		return c.nat || slices.ContainsFunc(c.rules, func(r foreignRule) bool { return r.effects&effectTracks != 0 })
	})
}
