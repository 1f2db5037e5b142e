package firewall

import (
	"encoding/binary"
	"net"
	"slices"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
)

// Bits of the iptables matches "conntrack" and "state". The lower four of both
// are those of nftables.
const (
	xtFlagState          = 1
	xtFlagStateAlias     = 1 << 13 // written as -m state
	xtConntrackUntracked = 1 << 8
	xtStateUntracked     = 1 << 6
	xtStates             = stateInvalid | stateEstablished | stateRelated | stateNew
)

// match follows a match of iptables.
func (s *ruleState) match(e *expr.Match) {
	switch info := e.Info.(type) {
	case *xt.ConntrackMtinfo1:
		s.conntrack(info.MatchFlags, info.InvertFlags, uint32(info.StateMask))
	case *xt.ConntrackMtinfo2:
		s.conntrack(info.MatchFlags, info.InvertFlags, uint32(info.StateMask))
	case *xt.ConntrackMtinfo3:
		s.conntrack(info.MatchFlags, info.InvertFlags, uint32(info.StateMask))
	case *xt.Comment:
	case *xt.Tcp:
		s.ports(fieldSourcePort, info.SrcPorts, info.InvFlags&xt.TcpInvSrcPorts != 0)
		s.ports(fieldDestinationPort, info.DstPorts, info.InvFlags&xt.TcpInvDestPorts != 0)
		if info.FlagsMask != 0 {
			s.when(condition{field: fieldTCPFlags, mask: uint32(info.FlagsMask), values: []byte{info.FlagsCmp}, not: info.InvFlags&xt.TcpInvFlags != 0})
		}
		if info.Option != 0 {
			s.when(condition{})
		}
	case *xt.Udp:
		s.ports(fieldSourcePort, info.SrcPorts, info.InvFlags&xt.UdpInvSrcPorts != 0)
		s.ports(fieldDestinationPort, info.DstPorts, info.InvFlags&xt.UdpInvDestPorts != 0)
	case *xt.AddrTypeV1:
		s.addressTypes(info)
	case *xt.Unknown:
		s.unknownMatch(e.Name, *info)
	default:
		s.when(condition{})
	}
}

// conntrack: without an entry the kernel looks at the state and at nothing else.
func (s *ruleState) conntrack(flags, invert uint16, states uint32) {
	s.rule.effects |= effectTracks
	if flags&xtFlagState == 0 {
		s.when(condition{field: fieldTracked})
		s.when(condition{})
		return
	}
	c := condition{field: fieldState, mask: states & xtStates, not: invert&xtFlagState != 0}
	if states&xtConntrackUntracked != 0 {
		c.mask |= stateUntracked
	}
	s.when(c)
	if flags&^(xtFlagState|xtFlagStateAlias) != 0 || states&^(xtStates|xtConntrackUntracked) != 0 {
		s.when(condition{field: fieldEntry})
	}
}

func (s *ruleState) ports(f field, r [2]uint16, not bool) {
	if r != [2]uint16{0, 0xffff} || not {
		s.when(condition{field: f, ranges: [][2]uint32{{uint32(r[0]), uint32(r[1])}}, not: not})
	}
}

// Flags of the match "addrtype".
const (
	xtAddrTypeInvertSource = 1 << iota
	xtAddrTypeInvertDest
)

func (s *ruleState) addressTypes(info *xt.AddrTypeV1) {
	if info.Source != 0 {
		s.when(condition{field: fieldSourceType, mask: uint32(info.Source), not: info.Flags&xtAddrTypeInvertSource != 0})
	}
	if info.Dest != 0 {
		s.when(condition{field: fieldDestinationType, mask: uint32(info.Dest), not: info.Flags&xtAddrTypeInvertDest != 0})
	}
	if info.Flags&^(xtAddrTypeInvertSource|xtAddrTypeInvertDest) != 0 { // limited to an interface
		s.when(condition{})
	}
}

// unknownMatch follows a match whose bytes the library does not read.
func (s *ruleState) unknownMatch(name string, info []byte) {
	switch {
	case name == "comment":
	case name == "state" && len(info) >= 4:
		states := binary.NativeEndian.Uint32(info)
		c := condition{field: fieldState, mask: states & xtStates}
		if states&xtStateUntracked != 0 {
			c.mask |= stateUntracked
		}
		s.rule.effects |= effectTracks
		s.when(c)
	case name == "multiport" && len(info) >= multiportSize:
		s.when(multiport(info))
	default:
		s.when(condition{})
	}
}

// multiportSize is that of struct xt_multiport_v1: a flag, the number of ports, 15
// ports, for each whether the next one ends a range, and whether it is inverted.
const multiportSize = 2 + 15*2 + 15 + 1

func multiport(info []byte) condition {
	c := condition{field: fieldSourcePort, not: info[multiportSize-1] != 0}
	switch info[0] {
	case 0:
	case 1:
		c.field = fieldDestinationPort
	default: // either
		return condition{}
	}
	port := func(i int) uint32 { return uint32(binary.NativeEndian.Uint16(info[2+2*i:])) }
	for i := 0; i < min(int(info[1]), 15); i++ {
		r := [2]uint32{port(i), port(i)}
		if info[32+i] != 0 && i < 14 {
			i++
			r[1] = port(i)
		}
		c.ranges = append(c.ranges, r)
	}
	return c
}

// xtNotrack is the flag of the target "CT" that makes packets untracked.
const xtNotrack = 1

// target follows a target of iptables.
func (s *ruleState) target(e *expr.Target) {
	notrack := false
	if info, ok := e.Info.(*xt.Unknown); ok && e.Name == "CT" && len(*info) >= 2 {
		notrack = binary.NativeEndian.Uint16(*info)&xtNotrack != 0
	}
	s.rule.effects, s.rule.verdict = xtTarget(e.Name, notrack, s.rule.effects)
	if slices.Contains(xtAddressing, e.Name) {
		s.rule.to, s.rule.toUnknown = xtAddresses(e.Info)
	}
}

// xtAddressing are the targets that put addresses into packets that are not the
// router's own.
var xtAddressing = []string{"DNAT", "SNAT", "NETMAP"}

// xtAddresses reads the addresses that a target puts into packets.
func xtAddresses(info xt.InfoAny) (to [][2]uint32, unknown bool) {
	var first, last net.IP
	switch info := info.(type) {
	case *xt.NatIPv4MultiRangeCompat:
		if len(*info) == 1 {
			first, last = (*info)[0].MinIP, (*info)[0].MaxIP
		}
	case *xt.NatRange:
		first, last = info.MinIP, info.MaxIP
	case *xt.NatRange2:
		first, last = info.MinIP, info.MaxIP
	case *xt.Unknown: // of NETMAP a count, flags and two addresses, as of the first case
		if len(*info) >= 16 {
			first, last = net.IP((*info)[8:12]), net.IP((*info)[12:16])
		}
	}
	// Addresses of IPv4 stand at the beginning of space for IPv6.
	if len(first) < 4 || len(last) < 4 {
		return nil, true
	}
	r := [2]uint32{binary.BigEndian.Uint32(first), binary.BigEndian.Uint32(last)}
	return [][2]uint32{r}, r[0] > r[1]
}

// xtTarget is what a target of iptables does, on top of the effects so far.
func xtTarget(name string, notrack bool, before effect) (effect, verdict) {
	switch name {
	case "DROP", "REJECT":
		return before, verdictDrop
	case "ACCEPT":
		return before, verdictAccept
	case "RETURN":
		return before, verdictReturn
	case "NOTRACK":
		return before | effectNotrack, verdictNone
	case "CT":
		if notrack {
			return before | effectNotrack | effectTracks, verdictNone
		}
		return before | effectTemplate | effectTracks, verdictNone
	case "MASQUERADE", "SNAT", "DNAT", "REDIRECT", "NETMAP":
		return before | effectNAT, verdictAccept
	case "FLOWOFFLOAD":
		return before | effectOffload, verdictNone
	case "LOG", "NFLOG", "ULOG", "TRACE", "MARK", "CONNMARK", "CONNSECMARK", "SECMARK", "CLASSIFY",
		"TCPMSS", "TCPOPTSTRIP", "DSCP", "TOS", "TTL", "ECN", "AUDIT", "IDLETIMER", "LED", "RATEEST", "CHECKSUM", "HMARK", "TEE", "SET":
		// They change or note the packet and pass it on.
		return before, verdictNone
	}
	return before, verdictMaybeDrop
}
