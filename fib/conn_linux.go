package fib

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

var native = binary.NativeEndian

var (
	errInterrupted = errors.New("the table changed during the dump")
	// errLost says that the answer to a write was lost: it may have happened or not.
	errLost = errors.New("the kernel's answer was lost")
)

const (
	receiveBuffer = 4 << 20
	// batchSize bounds the messages of one system call, so that even if every
	// one is refused the answers fit the receive buffer, and batchBytes their length, so that
	// large groups fit the send buffer, which the kernel gives 208 KiB by default.
	batchSize   = 1024
	batchBytes  = 96 << 10
	dumpRetries = 10
	headerSize  = unix.SizeofNlMsghdr
)

// conn is an rtnetlink socket for requests. The kernel works on a request inside
// the send call, and on the rest of a dump inside the receive call: answers are there when
// they are looked for, and one that is not was lost. Nothing waits for it.
type conn struct {
	fd   int
	port uint32
	seq  uint32
	buf  []byte
}

func dial() (*conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink socket: %w", err)
	}
	c := &conn{fd: fd, buf: make([]byte, 64<<10)}
	if err := c.setup(); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set up rtnetlink socket: %w", err)
	}
	return c, nil
}

func (c *conn) setup() error {
	// The options only make answers shorter, clearer and dumps filtered; each
	// parser copes with a kernel that lacks them.
	for _, opt := range []int{unix.NETLINK_EXT_ACK, unix.NETLINK_CAP_ACK, unix.NETLINK_GET_STRICT_CHK} {
		_ = unix.SetsockoptInt(c.fd, unix.SOL_NETLINK, opt, 1)
	}
	if err := setReceiveBuffer(c.fd, receiveBuffer); err != nil {
		return err
	}
	if err := unix.Bind(c.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	sa, err := unix.Getsockname(c.fd)
	if err != nil {
		return err
	}
	nl, ok := sa.(*unix.SockaddrNetlink)
	if !ok {
		return fmt.Errorf("unexpected socket address %T", sa)
	}
	c.port = nl.Pid
	return nil
}

// setReceiveBuffer asks for size bytes, beyond the administrator's limit when the
// process may.
func setReceiveBuffer(fd, size int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
}

func (c *conn) close() { unix.Close(c.fd) }

// batch collects messages for one system call.
type batch struct {
	buf  []byte
	last int // offset of the last message
	n    int
}

// start opens a message; the caller appends its body and calls end.
func (b *batch) start(typ, flags uint16) {
	b.last = len(b.buf)
	b.n++
	b.buf = append(b.buf, make([]byte, headerSize)...)
	native.PutUint16(b.buf[b.last+4:], typ)
	native.PutUint16(b.buf[b.last+6:], flags|unix.NLM_F_REQUEST)
}

func (b *batch) end() {
	native.PutUint32(b.buf[b.last:], uint32(len(b.buf)-b.last))
}

func (b *batch) full() bool { return b.n == batchSize || len(b.buf) >= batchBytes }

// send writes the batch and returns one error per message. Only the last message
// asks for an acknowledgement: the kernel answers failures unasked, in order.
func (c *conn) send(b *batch) []error {
	errs := make([]error, b.n)
	if b.n == 0 {
		return errs
	}
	first := c.seq + 1
	for off := 0; off < len(b.buf); off += int(native.Uint32(b.buf[off:])) {
		c.seq++
		native.PutUint32(b.buf[off+8:], c.seq)
	}
	flags := native.Uint16(b.buf[b.last+6:])
	native.PutUint16(b.buf[b.last+6:], flags|unix.NLM_F_ACK)
	if err := unix.Sendto(c.fd, b.buf, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fill(errs, fmt.Errorf("rtnetlink send: %w", err))
	}
	for {
		done, err := c.answers(first, errs)
		if err != nil {
			c.discard()
			return fill(errs, fmt.Errorf("%w: %w", errLost, err))
		}
		if done {
			return errs
		}
	}
}

// answers reads one datagram of acknowledgements; done means that the last
// message of the batch was answered.
func (c *conn) answers(first uint32, errs []error) (done bool, err error) {
	n, err := c.receive()
	if err != nil {
		return false, err
	}
	err = eachMessage(c.buf[:n], func(m message) error {
		i := m.seq - first
		if m.typ != unix.NLMSG_ERROR || m.pid != c.port || uint64(i) >= uint64(len(errs)) {
			return nil
		}
		errs[i] = m.ack()
		done = done || int(i) == len(errs)-1
		return nil
	})
	return done, err
}

// discard empties the receive buffer after an overrun.
func (c *conn) discard() {
	for {
		_, _, err := unix.Recvfrom(c.fd, c.buf, unix.MSG_DONTWAIT)
		if err != nil && err != unix.ENOBUFS && err != unix.EINTR {
			return
		}
	}
}

func (c *conn) receive() (int, error) {
	for {
		n, _, err := unix.Recvfrom(c.fd, c.buf, unix.MSG_DONTWAIT)
		if err == unix.EINTR {
			continue
		}
		return n, err
	}
}

func fill(errs []error, err error) []error {
	for i := range errs {
		if errs[i] == nil {
			errs[i] = err
		}
	}
	return errs
}

// dump asks for all objects of a kind and hands each message to f. The kernel
// flags a dump that changes interfered with: then reset is called and the dump
// repeated, because what it gave is no truth.
func (c *conn) dump(typ uint16, body []byte, reset func(), f func(message) error) error {
	var err error
	for range dumpRetries {
		reset()
		if err = c.dumpOnce(typ, body, f); err == nil {
			return nil
		}
		if !errors.Is(err, errInterrupted) && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EAGAIN) {
			return err
		}
	}
	return fmt.Errorf("%d dumps in a row failed: %w", dumpRetries, err)
}

func (c *conn) dumpOnce(typ uint16, body []byte, f func(message) error) error {
	var b batch
	b.start(typ, unix.NLM_F_DUMP)
	b.buf = append(b.buf, body...)
	b.end()
	c.seq++
	native.PutUint32(b.buf[8:], c.seq)
	if err := unix.Sendto(c.fd, b.buf, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("rtnetlink send: %w", err)
	}
	var interrupted, done bool
	var first error // of f; the dump is still read to its end
	for !done {
		n, err := c.receive()
		if err != nil {
			c.discard()
			return fmt.Errorf("rtnetlink receive: %w", err)
		}
		err = eachMessage(c.buf[:n], func(m message) error {
			if m.seq != c.seq || m.pid != c.port {
				return nil
			}
			interrupted = interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
			switch m.typ {
			case unix.NLMSG_DONE, unix.NLMSG_ERROR:
				done = true
				return m.ack()
			}
			if first == nil {
				first = f(m)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if interrupted {
		return errInterrupted
	}
	return first
}

// request asks for one object and hands the answer to f.
func (c *conn) request(typ uint16, body []byte, f func(message) error) error {
	var b batch
	b.start(typ, 0)
	b.buf = append(b.buf, body...)
	b.end()
	c.seq++
	native.PutUint32(b.buf[8:], c.seq)
	if err := unix.Sendto(c.fd, b.buf, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("rtnetlink send: %w", err)
	}
	for answered := false; !answered; {
		n, err := c.receive()
		if err != nil {
			return fmt.Errorf("rtnetlink receive: %w", err)
		}
		err = eachMessage(c.buf[:n], func(m message) error {
			if m.seq != c.seq || m.pid != c.port {
				return nil
			}
			answered = true
			if m.typ == unix.NLMSG_ERROR {
				return m.ack()
			}
			return f(m)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
