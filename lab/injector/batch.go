package injector

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const batchSize = 64

// batch is up to 64 datagrams that one system call sends or receives. A thousand
// synthetic neighbours exchange tens of thousands in a second with the router under test.
type batch struct {
	n       int // to send
	msgs    [batchSize]mmsghdr
	iovs    [batchSize]unix.Iovec
	control [batchSize]pktinfo
	to      unix.RawSockaddrInet4
	data    []byte // received
	size    int    // of each
}

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// pktinfo is one IP_PKTINFO ancillary message.
type pktinfo struct {
	hdr  unix.Cmsghdr
	info unix.Inet4Pktinfo
	_    [(unix.SizeofPtr - unix.SizeofInet4Pktinfo%unix.SizeofPtr) % unix.SizeofPtr]byte
}

// newBatch makes a batch to receive datagrams of at most size bytes, or one to
// send with size 0.
func newBatch(size int) *batch {
	b := &batch{size: size, data: make([]byte, batchSize*size)}
	b.to = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: allSPFRouters.As4()}
	for i := range b.msgs {
		h := &b.msgs[i].hdr
		h.Iov = &b.iovs[i]
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&b.control[i]))
		if size > 0 {
			b.iovs[i].Base = &b.data[i*size]
			b.iovs[i].SetLen(size)
			continue
		}
		h.Name = (*byte)(unsafe.Pointer(&b.to))
		h.Namelen = unix.SizeofSockaddrInet4
		h.SetControllen(int(unsafe.Sizeof(b.control[i])))
	}
	return b
}

func (b *batch) put(p []byte, info pktinfo) {
	info.hdr.Level, info.hdr.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
	info.hdr.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
	b.control[b.n] = info
	b.iovs[b.n].Base = unsafe.SliceData(p)
	b.iovs[b.n].SetLen(len(p))
	b.n++
}

func (b *batch) full() bool { return b.n == batchSize }

// send hands all to the kernel. It goes on behind a datagram that the kernel refuses, and
// returns how many those are and why the last one was refused.
func (b *batch) send(fd int) (refused int, err error) {
	for i := 0; i < b.n; {
		sent, errno := b.call(unix.SYS_SENDMMSG, fd, i, b.n-i, 0)
		switch errno {
		case 0:
			i += sent
		case unix.EINTR:
		default:
			refused, err = refused+1, errno
			i++
		}
	}
	b.n = 0
	return refused, err
}

// receive waits for the first datagram and takes what else is there. It returns
// how many there are, none after the receive timeout.
func (b *batch) receive(fd int) (int, error) {
	for i := range b.msgs {
		b.msgs[i].hdr.SetControllen(int(unsafe.Sizeof(b.control[i])))
	}
	n, errno := b.call(unix.SYS_RECVMMSG, fd, 0, batchSize, unix.MSG_WAITFORONE)
	switch errno {
	case 0:
		return n, nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	}
	return 0, errno
}

func (b *batch) call(number uintptr, fd, first, n, flags int) (int, unix.Errno) {
	done, _, errno := unix.Syscall6(number, uintptr(fd), uintptr(unsafe.Pointer(&b.msgs[first])), uintptr(n), uintptr(flags), 0, 0)
	return int(done), errno
}

// take returns the i-th datagram that was received; it is good until the next
// receive.
func (b *batch) take(i int) ([]byte, unix.Inet4Pktinfo) {
	var info unix.Inet4Pktinfo
	if c := &b.control[i]; int(b.msgs[i].hdr.Controllen) >= unix.SizeofCmsghdr+unix.SizeofInet4Pktinfo &&
		c.hdr.Level == unix.IPPROTO_IP && c.hdr.Type == unix.IP_PKTINFO {
		info = c.info
	}
	return b.data[i*b.size:][:b.msgs[i].len], info
}
