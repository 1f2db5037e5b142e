package firewall

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"
)

const (
	getFlows     = unix.NFNL_SUBSYS_CTNETLINK<<8 | 1 // IPCTNL_MSG_CT_GET
	dumpBuffer   = 32 << 10                          // the kernel fills at most so much at a time
	flowsTimeout = 10 * time.Second                  // between two answers of the kernel
)

// eachFlow calls see for every IPv4 conntrack entry, while the kernel's answer comes
// in: a hub may have a million of them, of which few are looked for. Entries may be
// deleted meanwhile.
func (f *Firewall) eachFlow(see func(conntrack.Flow)) error {
	sent, err := f.flows.Send(netlink.Message{
		Header: netlink.Header{Type: getFlows, Flags: netlink.Request | netlink.Dump},
		Data:   []byte{unix.AF_INET, unix.NFNETLINK_V0, 0, 0},
	})
	if err != nil {
		return fmt.Errorf("ask for conntrack entries: %w", err)
	}
	socket, err := f.flows.SyscallConn()
	if err != nil {
		return err
	}
	var first error
	buffer := make([]byte, dumpBuffer)
	for done := false; !done; {
		n := 0
		if err := f.flows.SetReadDeadline(time.Now().Add(flowsTimeout)); err != nil {
			return err
		}
		if err := socket.Read(func(fd uintptr) bool {
			n, _, err = unix.Recvfrom(int(fd), buffer, 0)
			return err != unix.EAGAIN
		}); err != nil {
			return fmt.Errorf("read conntrack entries: %w", err)
		}
		if err != nil {
			return os.NewSyscallError("read conntrack entries", err)
		}
		// To the end in any case: what stays in the socket would be in the way next time.
		done, err = answers(buffer[:n], sent.Header.Sequence, see)
		if first == nil {
			first = err
		}
	}
	return first
}

// answers takes one datagram apart and tells whether the answer to the request with
// that sequence number is complete.
func answers(b []byte, sequence uint32, see func(conntrack.Flow)) (done bool, err error) {
	for len(b) >= unix.SizeofNlMsghdr {
		n := int(binary.NativeEndian.Uint32(b))
		if n < unix.SizeofNlMsghdr || n > len(b) {
			return true, fmt.Errorf("read conntrack entries: a message of %d bytes in %d", n, len(b))
		}
		m := netlink.Message{
			Header: netlink.Header{
				Length: uint32(n), Type: netlink.HeaderType(binary.NativeEndian.Uint16(b[4:])),
				Flags: netlink.HeaderFlags(binary.NativeEndian.Uint16(b[6:])), Sequence: binary.NativeEndian.Uint32(b[8:]),
			},
			Data: b[unix.SizeofNlMsghdr:n],
		}
		b = b[min(len(b), (n+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1)):]
		switch {
		case m.Header.Sequence != sequence: // left by a request that timed out
		case m.Header.Type == netlink.Done:
			return true, err
		case m.Header.Type == netlink.Error:
			if len(m.Data) < 4 {
				return true, fmt.Errorf("read conntrack entries: an error of %d bytes", len(m.Data))
			}
			return true, os.NewSyscallError("read conntrack entries", unix.Errno(-int32(binary.NativeEndian.Uint32(m.Data))))
		case err == nil:
			var e conntrack.Event
			if err = e.Unmarshal(m); err == nil && e.Flow != nil {
				see(*e.Flow)
			}
		}
	}
	return false, err
}
