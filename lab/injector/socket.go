package injector

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	ospfProtocol  = 89
	bufferBytes   = 32 << 20
	memberships   = 20 // of one socket, the kernel's default limit
	trafficCS6    = 0xc0
	receiveWait   = 50_000 // microseconds
	largestPacket = 1 << 16
)

var allSPFRouters = netip.AddrFrom4([4]byte{224, 0, 0, 5})

// socket is a raw OSPF socket of the namespace it was opened in.
type socket struct {
	fd      int
	joins   []int // sockets that only hold multicast memberships
	in, out *batch
	refused int   // datagrams that the kernel did not take
	err     error // why it did not take, or give, the last one
}

func openSocket(ifindexes []int) (*socket, error) {
	s := &socket{fd: -1, in: newBatch(largestPacket), out: newBatch(0)}
	var err error
	if s.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, ospfProtocol); err != nil {
		return nil, fmt.Errorf("open OSPF socket: %w", err)
	}
	for _, o := range []struct{ level, name, value int }{
		{unix.IPPROTO_IP, unix.IP_PKTINFO, 1},
		{unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0},
		{unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 1},
		{unix.IPPROTO_IP, unix.IP_TOS, trafficCS6},
		{unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT},
		{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bufferBytes},
		{unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, bufferBytes},
	} {
		if err := unix.SetsockoptInt(s.fd, o.level, o.name, o.value); err != nil {
			s.close()
			return nil, fmt.Errorf("OSPF socket: option %d: %w", o.name, err)
		}
	}
	// Receiving wakes up now and then to see whether the socket is still wanted.
	if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: receiveWait}); err != nil {
		s.close()
		return nil, fmt.Errorf("OSPF socket: receive timeout: %w", err)
	}
	for i, ifindex := range ifindexes {
		if err := s.join(i, ifindex); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

// join makes the i-th interface receive AllSPFRouters. What arrives is for the
// raw socket, whoever has joined (IP_MULTICAST_ALL).
func (s *socket) join(i, ifindex int) error {
	if i%memberships == 0 {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("multicast socket: %w", err)
		}
		s.joins = append(s.joins, fd)
	}
	err := unix.SetsockoptIPMreqn(s.joins[i/memberships], unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
		&unix.IPMreqn{Multiaddr: allSPFRouters.As4(), Ifindex: int32(ifindex)})
	if err != nil {
		return fmt.Errorf("join %s on interface %d: %w", allSPFRouters, ifindex, err)
	}
	return nil
}

// send queues an OSPF packet to AllSPFRouters; it keeps b until flush. What the
// kernel refuses is lost, as on a wire, and counted.
func (s *socket) send(b []byte, ifindex int, source netip.Addr) {
	s.out.put(b, pktinfo{info: unix.Inet4Pktinfo{Ifindex: int32(ifindex), Spec_dst: source.As4()}})
	if s.out.full() {
		s.flush()
	}
}

// flush sends what is queued.
func (s *socket) flush() {
	if refused, err := s.out.send(s.fd); err != nil {
		s.refused, s.err = s.refused+refused, err
	}
}

// receive waits for packets for a short while and hands the OSPF part of each to
// deliver, with the interface where it came in.
func (s *socket) receive(deliver func(ospf []byte, ifindex int)) error {
	n, err := s.in.receive(s.fd)
	for i := range n {
		b, info := s.in.take(i)
		if len(b) < ipHeader {
			continue
		}
		if header := int(b[0]&0x0f) * 4; header <= len(b) {
			deliver(b[header:], int(info.Ifindex))
		}
	}
	return err
}

func (s *socket) close() {
	for _, fd := range append(s.joins, s.fd) {
		unix.Close(fd)
	}
}
