package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// tap sends packets into the hub and sees those that come out.
type tap struct {
	send map[string]int // raw sockets beyond a link of the hub; of the hub itself under ""
	see  []int          // packet sockets there; raw sockets of the hub itself
}

func newTap(t *testing.T, n hubNet) *tap {
	t.Helper()
	out := &tap{send: map[string]int{}}
	raw := func(protocol int) (fd int, err error) { return unix.Socket(unix.AF_INET, unix.SOCK_RAW, protocol) }
	for link, s := range map[string]space{"vpn1": n.a, "vpn2": n.b, "lan": n.c, "": n.hub} {
		err := s.do(func() (err error) {
			if out.send[link], err = raw(unix.IPPROTO_RAW); err != nil || link == "" {
				return err
			}
			i, err := net.InterfaceByName("hub")
			if err != nil {
				return err
			}
			const ipv4 = 0x0008 // ETH_P_IP in network order
			fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, ipv4)
			if err != nil {
				return err
			}
			out.see = append(out.see, fd)
			return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: ipv4, Ifindex: i.Index})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, protocol := range []int{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
		if err := n.hub.do(func() error {
			fd, err := raw(protocol)
			out.see = append(out.see, fd)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, fd := range out.send {
			unix.Close(fd)
		}
		for _, fd := range out.see {
			unix.Close(fd)
		}
	})
	return out
}

// arrived sends a packet of each flow, which are all of one kind (forwarded, for the
// router, or of the router), and tells which came out at the other side. A last one,
// after the rulesets are gone, closes the round: what was to come has come.
func (p *tap) arrived(t *testing.T, n hubNet, packets []Packet, expected int) map[int]bool {
	t.Helper()
	out := map[int]bool{}
	ttl := byte(64)
	if packets[0].In != "" && packets[0].Out != "" {
		ttl--
	}
	read := func() {
		buf := make([]byte, 2000)
		for _, fd := range p.see {
			for {
				size, from, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
				if err != nil {
					break
				}
				link, ok := from.(*unix.SockaddrLinklayer)
				if ok && link.Pkttype == unix.PACKET_OUTGOING || size < 28 || buf[9] == unix.IPPROTO_ICMP || buf[8] != ttl {
					continue
				}
				if number := int(binary.BigEndian.Uint16(buf[4:])) - 1; number >= 0 && number < len(packets) && packets[number].is(buf) {
					out[number] = true
				} else if number == len(packets) {
					out[number] = true
				}
			}
		}
	}
	read()
	clear(out) // of the round before
	for i, q := range packets {
		p.put(t, q, i+1)
		read()
	}
	eventually(t, "the packets that pass", func() bool { read(); return len(out) >= expected }, func() string { return fmt.Sprintf("%d of %d", len(out), expected) })
	n.unload(t)
	last, q := len(packets), packets[0]
	if q.In != "" && q.Out != "" {
		q.In, q.Out = "vpn1", "vpn2"
		q.Source, q.Destination = netip.MustParseAddr("10.10.1.1"), netip.MustParseAddr("10.10.2.1")
	}
	p.put(t, q, last+1)
	eventually(t, "the last packet", func() bool { read(); return out[last] }, func() string { return "" })
	delete(out, last)
	return out
}

// is tells whether bytes are of this packet, and not of an answer to it.
func (q Packet) is(b []byte) bool {
	src := q.Source.As4()
	return [4]byte(b[12:]) == src && binary.BigEndian.Uint16(b[20:]) == q.SourcePort
}

func (p *tap) put(t *testing.T, q Packet, number int) {
	t.Helper()
	b := make([]byte, 40)
	b[0], b[8], b[9] = 0x45, 64, q.Protocol
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[4:], uint16(number))
	src, dst := q.Source.As4(), q.Destination.As4()
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	binary.BigEndian.PutUint16(b[20:], q.SourcePort)
	binary.BigEndian.PutUint16(b[22:], q.DestinationPort)
	if q.Protocol == protocolUDP {
		binary.BigEndian.PutUint16(b[24:], 20)
	} else {
		b[32], b[33] = 5<<4, tcpSYN
		binary.BigEndian.PutUint16(b[36:], tcpChecksum(b))
	}
	err := unix.Sendto(p.send[q.In], b, 0, &unix.SockaddrInet4{Addr: dst})
	if err != nil && (q.In != "" || !errors.Is(err, unix.EPERM)) { // output chains tell the sender
		t.Fatal(err)
	}
}

// tcpChecksum is that of RFC 9293 3.1: conntrack calls a packet with a wrong one invalid.
func tcpChecksum(b []byte) uint16 {
	sum := uint32(unix.IPPROTO_TCP) + uint32(len(b)-20)
	for i := 12; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
