package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Conntrack reads and removes conntrack entries of one network namespace. A hub may
// have a million of them, so that one look takes seconds: it has sockets of its
// own and is for one goroutine, which need not be the Firewall's.
type Conntrack struct {
	dump   *netlink.Conn
	remove *netlink.Conn
}

// OpenConntrack connects to the conntrack table of the calling thread's network
// namespace.
func OpenConntrack() (*Conntrack, error) {
	dump, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("open conntrack: %w", err)
	}
	remove, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err == nil {
		// An error comes without what it is about, or many would not fit the socket.
		err = remove.SetOption(netlink.CapAcknowledge, true)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open conntrack: %w", err), dump.Close())
	}
	return &Conntrack{dump, remove}, nil
}

// Close closes the sockets.
func (c *Conntrack) Close() error { return errors.Join(c.dump.Close(), c.remove.Close()) }

// Forget removes the entries of flows that are not tracked and returns how many they
// were. current is asked again and again on the way, at little cost, since what is
// tracked may change meanwhile: the entry of a flow that is tracked by then stays.
// Call it after the rules are written: before, the next packet would bring an entry back.
func (c *Conntrack) Forget(current func() *Flows) (removed int, err error) {
	var failed error
	err = c.each(untracked(current), func(entries []entry) {
		n, err := c.delete(entries)
		removed += n
		if failed == nil {
			failed = err
		}
	})
	return removed, errors.Join(failed, err)
}

// untracked asks for the entries of flows that are not tracked at the time.
func untracked(current func() *Flows) func() func(entry) bool {
	var flows *Flows
	var match flowMatch
	return func() func(entry) bool {
		if now := current(); now != flows {
			flows, match = now, now.compile()
		}
		return match.untracked
	}
}

// Count counts the entries that Forget would remove.
func (c *Conntrack) Count(flows *Flows) (n int, err error) {
	err = c.each(untracked(func() *Flows { return flows }), func(entries []entry) { n += len(entries) })
	return n, err
}

// Messages of ctnetlink (IPCTNL_MSG_CT_ in linux/netfilter/nfnetlink_conntrack.h).
const (
	getEntry    = unix.NFNL_SUBSYS_CTNETLINK<<8 | 1
	deleteEntry = unix.NFNL_SUBSYS_CTNETLINK<<8 | 2
)

const (
	conntrackBuffer  = 32 << 10         // the kernel fills at most so much at a time
	conntrackTimeout = 10 * time.Second // between two answers of the kernel
)

// each calls see with the entries that are asked for, a few hundred at a time, while the kernel's
// answer comes in. wanted is called each time, and says which they are. Entries may be deleted
// meanwhile, and are valid until see returns.
func (c *Conntrack) each(wanted func() func(entry) bool, see func(entries []entry)) error {
	sent, err := c.dump.Send(netlink.Message{
		Header: netlink.Header{Type: getEntry, Flags: netlink.Request | netlink.Dump},
		Data:   []byte{unix.AF_INET, unix.NFNETLINK_V0, 0, 0},
	})
	if err != nil {
		return fmt.Errorf("ask for conntrack entries: %w", err)
	}
	var first error
	for done := false; !done; {
		fits := wanted()
		var entries []entry
		done, err = c.receive(c.dump, func(m message) bool {
			if m.sequence != sent.Header.Sequence { // left by a request that timed out
				return false
			}
			if m.kind == unix.NLMSG_DONE || m.kind == unix.NLMSG_ERROR {
				if err := m.errno(); err != nil && first == nil {
					first = os.NewSyscallError("read conntrack entries", err)
				}
				return true
			}
			e, err := decodeEntry(m.data)
			if err != nil && first == nil {
				first = fmt.Errorf("read conntrack entries: %w", err)
			}
			if err == nil && fits(e) {
				entries = append(entries, e)
			}
			return false
		})
		if err != nil {
			return fmt.Errorf("read conntrack entries: %w", err)
		}
		if len(entries) > 0 {
			see(entries)
		}
	}
	return first
}

// delete removes entries in one message. One that has ended by itself is no error and
// not counted.
func (c *Conntrack) delete(entries []entry) (removed int, err error) {
	requests := make([]netlink.Message, len(entries))
	for i, e := range entries {
		requests[i] = netlink.Message{
			Header: netlink.Header{Type: deleteEntry, Flags: netlink.Request},
			Data:   append([]byte{unix.AF_INET, unix.NFNETLINK_V0, 0, 0}, e.name()...),
		}
	}
	requests[len(requests)-1].Header.Flags |= netlink.Acknowledge // the others speak of errors only
	sent, err := c.remove.SendMessages(requests)
	if err != nil {
		return 0, fmt.Errorf("remove conntrack entries: %w", err)
	}
	removed = len(entries)
	last := sent[len(sent)-1].Header.Sequence
	for done := false; !done; {
		done, err = c.receive(c.remove, func(m message) bool {
			if m.kind != unix.NLMSG_ERROR {
				return false
			}
			if e := m.errno(); e != nil {
				removed--
				if !errors.Is(e, unix.ENOENT) && err == nil {
					err = os.NewSyscallError("remove conntrack entries", e)
				}
			}
			return m.sequence == last
		})
		if err != nil {
			return max(removed, 0), err
		}
	}
	return removed, nil
}

// message is one netlink message; data begins after its header.
type message struct {
	kind     uint16
	sequence uint32
	data     []byte
}

// errno is the error that a message of type ERROR or DONE bears.
func (m message) errno() error {
	if len(m.data) < 4 {
		return nil
	}
	if code := int32(binary.NativeEndian.Uint32(m.data)); code < 0 {
		return unix.Errno(-code)
	}
	return nil
}

// receive reads one datagram and hands on its messages. It tells whether one of
// them was the last.
func (c *Conntrack) receive(conn *netlink.Conn, take func(message) (last bool)) (last bool, err error) {
	socket, err := conn.SyscallConn()
	if err != nil {
		return false, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(conntrackTimeout)); err != nil {
		return false, err
	}
	buffer, n := make([]byte, conntrackBuffer), 0
	if waitErr := socket.Read(func(fd uintptr) bool {
		n, _, err = unix.Recvfrom(int(fd), buffer, 0)
		return err != unix.EAGAIN
	}); waitErr != nil {
		return false, waitErr
	}
	if err != nil {
		return false, os.NewSyscallError("recvfrom", err)
	}
	for b := buffer[:n]; len(b) >= unix.SizeofNlMsghdr; {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return true, fmt.Errorf("a message of %d bytes in %d", size, len(b))
		}
		m := message{binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint32(b[8:]), b[unix.SizeofNlMsghdr:size]}
		last = take(m) || last
		b = b[min(len(b), (size+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1)):]
	}
	return last, nil
}
