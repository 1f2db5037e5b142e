package speaker

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	receiveBatch = 32
	maxDatagram  = 1<<16 - 1
)

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// pktinfo is one IP_PKTINFO ancillary message, both ways. Its size
// is that of CMSG_SPACE(sizeof(struct in_pktinfo)) on 32 and 64 bit machines.
type pktinfo struct {
	hdr  unix.Cmsghdr
	info unix.Inet4Pktinfo
	_    [(unix.SizeofPtr - unix.SizeofInet4Pktinfo%unix.SizeofPtr) % unix.SizeofPtr]byte
}

// receiver reads a socket in batches of one system call each. Buffers hold
// the largest possible datagram; pages never written to cost no memory.
type receiver struct {
	fd      int
	n, next int // datagrams in the batch, and how many were taken
	msgs    [receiveBatch]mmsghdr
	iovs    [receiveBatch]unix.Iovec
	control [receiveBatch]pktinfo
	data    []byte
}

func newReceiver(fd int) *receiver {
	r := &receiver{fd: fd, data: make([]byte, receiveBatch*maxDatagram)}
	for i := range r.msgs {
		r.iovs[i].Base = &r.data[i*maxDatagram]
		r.iovs[i].SetLen(maxDatagram)
		h := &r.msgs[i].hdr
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&r.control[i]))
	}
	return r
}

// fill reads a batch without waiting.
// A pending error of the socket ends it, the next one finds it cleared.
func (r *receiver) fill() {
	r.n, r.next = 0, 0
	for i := range r.msgs {
		r.msgs[i].hdr.SetControllen(int(unsafe.Sizeof(r.control[i])))
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(r.fd),
			uintptr(unsafe.Pointer(&r.msgs[0])), receiveBatch, unix.MSG_DONTWAIT, 0, 0)
		if errno == 0 {
			r.n = int(n)
		}
		if errno != unix.EINTR {
			return
		}
	}
}

// take returns the next datagram of the batch and the index of the interface
// it came in through, 0 when the kernel does not say. The bytes are good until the
// next fill.
func (r *receiver) take() (b []byte, ifindex int) {
	m, c := &r.msgs[r.next], &r.control[r.next]
	start := r.next * maxDatagram
	r.next++
	if int(m.hdr.Controllen) >= unix.SizeofCmsghdr+unix.SizeofInet4Pktinfo &&
		c.hdr.Level == unix.IPPROTO_IP && c.hdr.Type == unix.IP_PKTINFO {
		ifindex = int(c.info.Ifindex)
	}
	if m.hdr.Flags&unix.MSG_TRUNC != 0 {
		return nil, ifindex
	}
	return r.data[start : start+int(m.len)], ifindex
}

// empty says that the whole batch was taken.
func (r *receiver) empty() bool { return r.next == r.n }

// more says that datagrams are left, in the batch or likely in the kernel.
func (r *receiver) more() bool { return !r.empty() || r.n == receiveBatch }
