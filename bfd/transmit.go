package bfd

import (
	"net/netip"
	"time"
)

// Transmit is one control packet to send, to UDP port 3784 with TTL 255 (RFC 5881
// 4, 5).
type Transmit struct {
	Interface string
	Src, Dst  netip.Addr
	SrcPort   uint16
	Length    uint8 // bytes of Data that count
	Data      [maxLength]byte
}

// Payload is the packet.
func (t *Transmit) Payload() []byte { return t.Data[:t.Length] }

// transmit sends a packet (RFC 5880 6.8.7). It counts as the periodic one, too.
func (s *session) transmit(now time.Duration, final bool) {
	p := Packet{
		Diag: s.diag, State: s.state, Poll: s.poll == pollActive && !final, Final: final,
		Multiplier: s.cfg.Multiplier, MyDiscr: s.local, YourDiscr: s.remote,
		DesiredMinTx: micros(s.desiredTx), RequiredMinRx: micros(s.requiredRx),
	}
	t := s.m.nextTransmit()
	t.Interface, t.Src, t.Dst, t.SrcPort = s.cfg.Interface, s.cfg.Local, s.cfg.Peer, s.port
	b := p.Append(t.Data[:0])
	if s.cfg.Auth.Type != NoAuth {
		b[1] |= flagAuth
		b[3] += byte(s.cfg.Auth.Type.length(s.cfg.Auth.Keys[0].Secret))
		b = s.sign(b)
	}
	t.Length = uint8(len(b))
	s.changed = false
	s.sent++
	s.lastTx = now
	s.schedule(now)
}

func micros(d time.Duration) uint32 { return uint32(d / time.Microsecond) }
