package speaker

import (
	"unsafe"

	"github.com/ecmpd/ecmpd/ospf"
	"golang.org/x/sys/unix"
)

const sendBatch = 64

// sender writes batches of datagrams with one system call each.
type sender struct {
	msgs    [sendBatch]mmsghdr
	iovs    [sendBatch]unix.Iovec
	names   [sendBatch]unix.RawSockaddrInet4
	control [sendBatch]sendControl
}

// sendControl is the ancillary data of a datagram to send: where from and through
// which interface, and the TTL, which ip_cmsg_send of Linux takes for multicast as well.
type sendControl struct {
	pktinfo
	ttl ttlMessage
}

// ttlMessage is one IP_TTL ancillary message. Its size is that of
// CMSG_SPACE(sizeof(int)) on 32 and 64 bit machines.
type ttlMessage struct {
	hdr   unix.Cmsghdr
	value int32
	_     [(unix.SizeofPtr - 4%unix.SizeofPtr) % unix.SizeofPtr]byte
}

func newSender() *sender {
	s := &sender{}
	for i := range s.msgs {
		c := &s.control[i]
		c.hdr.Level, c.hdr.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		c.hdr.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		c.ttl.hdr.Level, c.ttl.hdr.Type = unix.IPPROTO_IP, unix.IP_TTL
		c.ttl.hdr.SetLen(unix.CmsgLen(4))
		s.names[i].Family = unix.AF_INET
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

// send writes all the datagrams; index gives the interface of each, and
// failed is called for each one that the kernel refused. It never waits: OSPF
// retransmits what matters.
func (s *sender) send(fd int, queue []ospf.Transmit, index []int, failed func(i int, err error)) {
	for base := 0; base < len(queue); base += sendBatch {
		n := min(sendBatch, len(queue)-base)
		for i := range n {
			s.fill(i, &queue[base+i], index[base+i])
		}
		s.sendBatch(fd, n, func(i int, err error) { failed(base+i, err) })
	}
	// Nothing of the queue is kept alive.
	for i := range min(sendBatch, len(queue)) {
		s.iovs[i].Base = nil
	}
}

func (s *sender) fill(i int, t *ospf.Transmit, ifindex int) {
	s.iovs[i].Base = unsafe.SliceData(t.Data)
	s.iovs[i].SetLen(len(t.Data))
	s.names[i].Addr = t.Dst.As4()
	s.control[i].info.Ifindex = int32(ifindex)
	s.control[i].info.Spec_dst = t.Src.As4()
	s.control[i].ttl.value = int32(max(t.TTL, 1))
}

// sendBatch hands the first n messages to the kernel. The system call stops at
// the first message that fails and tells why only when that is the first of the call.
func (s *sender) sendBatch(fd, n int, failed func(i int, err error)) {
	for i := 0; i < n; {
		sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&s.msgs[i])), uintptr(n-i), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			failed(i, errno)
			i++
		default:
			i += int(sent)
		}
	}
}
