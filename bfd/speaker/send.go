package speaker

import (
	"encoding/binary"
	"unsafe"

	"github.com/ecmpd/ecmpd/bfd"
	"golang.org/x/sys/unix"
)

const (
	sendBatch  = 64
	ipv4Header = 20
	udpHeader  = 8
	headers    = ipv4Header + udpHeader
)

// pktinfo is one IP_PKTINFO ancillary message. Its size is that of
// CMSG_SPACE(sizeof(struct in_pktinfo)) on 32 and 64 bit machines.
type pktinfo struct {
	hdr  unix.Cmsghdr
	info unix.Inet4Pktinfo
	_    [(unix.SizeofPtr - unix.SizeofInet4Pktinfo%unix.SizeofPtr) % unix.SizeofPtr]byte
}

// sender writes batches of whole datagrams with one system call each.
type sender struct {
	fd      int
	msgs    [sendBatch]mmsghdr
	iovs    [sendBatch]unix.Iovec
	names   [sendBatch]unix.RawSockaddrInet4
	control [sendBatch]pktinfo
	data    [sendBatch][bufferLength]byte
	links   [sendBatch]string
}

func newSender(fd int) *sender {
	s := &sender{fd: fd}
	for i := range s.msgs {
		c := &s.control[i]
		c.hdr.Level, c.hdr.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		c.hdr.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		s.names[i].Family = unix.AF_INET
		s.iovs[i].Base = &s.data[i][0]
		h := &s.msgs[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&s.names[i]))
		h.Namelen = unix.SizeofSockaddrInet4
		h.Iov = &s.iovs[i]
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(c))
		h.SetControllen(int(unsafe.Sizeof(*c)))
	}
	return s
}

// put makes the i-th datagram of a batch, to leave on a link.
func (s *sender) put(i int, t *bfd.Transmit, ifindex int) {
	s.names[i].Addr = t.Dst.As4()
	s.control[i].info = unix.Inet4Pktinfo{Ifindex: int32(ifindex), Spec_dst: t.Src.As4()}
	s.links[i] = t.Interface
	s.iovs[i].SetLen(len(appendDatagram(s.data[i][:0], t)))
}

// appendDatagram appends the IPv4 and UDP headers and the packet. The kernel fills in length,
// identification and checksum of the IPv4 header.
func appendDatagram(b []byte, t *bfd.Transmit) []byte {
	payload := t.Payload()
	src, dst := t.Src.As4(), t.Dst.As4()
	length := udpHeader + len(payload)
	b = append(b, 4<<4|ipv4Header/4, trafficCS6, 0, 0, 0, 0, 0, 0, maxTTL, unix.IPPROTO_UDP, 0, 0)
	b = append(b, src[:]...)
	b = append(b, dst[:]...)
	b = binary.BigEndian.AppendUint16(b, t.SrcPort)
	b = binary.BigEndian.AppendUint16(b, controlPort)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = append(b, 0, 0)
	b = append(b, payload...)
	// RFC 768: over addresses, protocol, length, header and data; 0 stands for none.
	sum := uint32(unix.IPPROTO_UDP) + uint32(length)
	for i := 12; i < len(b); i += 2 {
		sum += uint32(b[i]) << 8
		if i+1 < len(b) {
			sum += uint32(b[i+1])
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	if sum = ^sum & 0xffff; sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(b[ipv4Header+6:], uint16(sum))
	return b
}

// flush hands the first n datagrams to the kernel and never waits. The system call
// stops at the first one that fails and tells why only when that is the first
// of the call.
func (s *sender) flush(n int, failed func(link string, err error)) {
	for i := 0; i < n; {
		sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd),
			uintptr(unsafe.Pointer(&s.msgs[i])), uintptr(n-i), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			failed(s.links[i], errno)
			i++
		default:
			i += int(sent)
		}
	}
}
