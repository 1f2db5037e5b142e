package speaker

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	receiveBatch = 64
	bufferLength = 256 // a length field has 8 bits
	controlSpace = 128 // interface, TTL and time of arrival
)

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// receiver reads the control port in batches of one system call each.
type receiver struct {
	fd      int
	msgs    [receiveBatch]mmsghdr
	iovs    [receiveBatch]unix.Iovec
	names   [receiveBatch]unix.RawSockaddrInet4
	control [receiveBatch][controlSpace]byte
	data    [receiveBatch][bufferLength]byte
}

func newReceiver(fd int) *receiver {
	r := &receiver{fd: fd}
	for i := range r.msgs {
		r.iovs[i].Base = &r.data[i][0]
		r.iovs[i].SetLen(bufferLength)
		h := &r.msgs[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Control = &r.control[i][0]
	}
	return r
}

// fill reads a batch without waiting and returns its size. A pending error of
// the socket ends it, the next one finds it cleared.
func (r *receiver) fill() int {
	for i := range r.msgs {
		h := &r.msgs[i].hdr
		h.Namelen = unix.SizeofSockaddrInet4
		h.SetControllen(controlSpace)
	}
	for {
		// Not told to the scheduler: the call never waits.
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(r.fd),
			uintptr(unsafe.Pointer(&r.msgs[0])), receiveBatch, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n)
		case unix.EINTR:
			continue
		}
		return 0
	}
}

// datagram is one received datagram; its data are good until the next fill.
type datagram struct {
	src     netip.Addr
	ifindex int
	ttl     uint8
	arrived int64 // wall clock, nanoseconds; 0 when the kernel does not say
	data    []byte
}

// take returns the i-th datagram of the batch.
func (r *receiver) take(i int) datagram {
	m := &r.msgs[i]
	d := datagram{src: netip.AddrFrom4(r.names[i].Addr), data: r.data[i][:min(int(m.len), bufferLength)]}
	const align = unix.SizeofPtr - 1
	for b := r.control[i][:m.hdr.Controllen]; len(b) >= unix.SizeofCmsghdr; {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		n := int(h.Len)
		if n < unix.SizeofCmsghdr || n > len(b) {
			break
		}
		value := b[unix.SizeofCmsghdr:n]
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(value) >= unix.SizeofInet4Pktinfo:
			d.ifindex = int((*unix.Inet4Pktinfo)(unsafe.Pointer(&value[0])).Ifindex)
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_TTL && len(value) >= 4:
			d.ttl = uint8(*(*int32)(unsafe.Pointer(&value[0])))
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SO_TIMESTAMPNS && len(value) >= int(unsafe.Sizeof(unix.Timespec{})):
			d.arrived = (*unix.Timespec)(unsafe.Pointer(&value[0])).Nano()
		}
		b = b[min(len(b), (n+align)&^align):]
	}
	return d
}
