package bfd

import (
	"encoding/binary"
	"fmt"
)

// Lengths in bytes (RFC 5880 4.1 to 4.4).
const (
	minLength     = 24
	minAuthLength = 26 // with an authentication section's type and length
	maxLength     = minLength + sha1Length
)

const version = 1

// Packet is a BFD control packet (RFC 5880 4.1). Intervals are in microseconds.
type Packet struct {
	Diag          Diag
	State         State
	Poll          bool
	Final         bool
	Independent   bool // of the control plane (C)
	Demand        bool
	Multipoint    bool
	Multiplier    uint8
	MyDiscr       uint32
	YourDiscr     uint32
	DesiredMinTx  uint32
	RequiredMinRx uint32
	MinEchoRx     uint32
	Auth          []byte // authentication section with its type and length; nil when the A bit is clear
}

// Flag bits of the second byte.
const (
	flagPoll = 1 << (5 - iota)
	flagFinal
	flagIndependent
	flagAuth
	flagDemand
	flagMultipoint
)

// Decode reads a control packet and makes the checks of RFC 5880 6.8.6 that need no
// session, in the order of that section; p.Auth refers to b. The first one that
// fails is returned as a [Discard].
func Decode(b []byte) (p Packet, err error) {
	if d := decode(b, &p); d != accepted {
		return Packet{}, d
	}
	return p, nil
}

func decode(b []byte, p *Packet) Discard {
	if len(b) < minLength { // the Length field could not be right
		return BadLength
	}
	flags, length := b[1], int(b[3])
	least := minLength
	if flags&flagAuth != 0 {
		least = minAuthLength
	}
	switch {
	case b[0]>>5 != version:
		return BadVersion
	case length < least, length > len(b):
		return BadLength
	case b[2] == 0:
		return ZeroMultiplier
	case flags&flagMultipoint != 0:
		return MultipointSet
	}
	*p = Packet{
		Diag: Diag(b[0] & 0x1f), State: State(flags >> 6),
		Poll: flags&flagPoll != 0, Final: flags&flagFinal != 0,
		Independent: flags&flagIndependent != 0, Demand: flags&flagDemand != 0,
		Multiplier: b[2],
		MyDiscr:    binary.BigEndian.Uint32(b[4:]), YourDiscr: binary.BigEndian.Uint32(b[8:]),
		DesiredMinTx: binary.BigEndian.Uint32(b[12:]), RequiredMinRx: binary.BigEndian.Uint32(b[16:]),
		MinEchoRx: binary.BigEndian.Uint32(b[20:]),
	}
	if flags&flagAuth != 0 {
		p.Auth = b[minLength:length]
	}
	if p.MyDiscr == 0 {
		return ZeroDiscriminator
	}
	return accepted
}

// Append appends the packet's bytes to b.
func (p *Packet) Append(b []byte) []byte {
	flags := byte(p.State) << 6
	for _, f := range [...]struct {
		set bool
		bit byte
	}{
		{p.Poll, flagPoll}, {p.Final, flagFinal}, {p.Independent, flagIndependent},
		{p.Auth != nil, flagAuth}, {p.Demand, flagDemand}, {p.Multipoint, flagMultipoint},
	} {
		if f.set {
			flags |= f.bit
		}
	}
	b = append(b, version<<5|byte(p.Diag)&0x1f, flags, p.Multiplier, byte(minLength+len(p.Auth)))
	for _, v := range [...]uint32{p.MyDiscr, p.YourDiscr, p.DesiredMinTx, p.RequiredMinRx, p.MinEchoRx} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return append(b, p.Auth...)
}

// Discard is why a received packet was dropped, in the order of RFC 5880 6.8.6
// and RFC 5881 5.
type Discard uint8

// Reasons.
const (
	accepted Discard = iota
	BadTTL
	BadVersion
	BadLength
	ZeroMultiplier
	MultipointSet
	ZeroDiscriminator
	UnknownSession
	UnexpectedState
	WrongInterface
	UnexpectedAuth
	MissingAuth
	WrongAuthType
	UnknownKey
	BadAuthLength
	BadSequence
	BadDigest
	SessionAdminDown
	discardCount
)

var discardNames = [discardCount]string{
	"accepted", "ttl", "version", "length", "multiplier", "multipoint", "my-discriminator", "unknown-session",
	"state-without-discriminator", "wrong-interface", "unexpected-authentication", "missing-authentication",
	"authentication-type", "key-id", "authentication-length", "sequence-number", "digest", "admin-down",
}

// String returns the reason in kebab case.
func (d Discard) String() string {
	if d < discardCount {
		return discardNames[d]
	}
	return fmt.Sprintf("discard(%d)", uint8(d))
}

// Error implements error.
func (d Discard) Error() string { return "BFD packet discarded: " + d.String() }
