package speaker

import (
	"errors"
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	// bufferBytes is the kernel buffer of a socket, each way: room for what a thousand
	// neighbours that come up together say while the loop is busy with the first of them.
	bufferBytes = 32 << 20
	trafficCS6  = 0xc0 // RFC 2328 8.1 (precedence internetwork control)
	helloType   = 1    // RFC 2328 A.3.1
	ospfHeader  = 24   // bytes, RFC 2328 A.3.1
)

// openSocket opens a raw OSPF socket that receives from all interfaces what
// the filter lets through, and sends where IP_PKTINFO says: to neighbours on the link, or
// else as the routes through that link lead.
func openSocket(filter []bpf.Instruction, onLink bool) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, ospfProtocol)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return -1, fmt.Errorf("open OSPF socket: needs root or CAP_NET_RAW: %w", err)
	}
	if err != nil {
		return -1, fmt.Errorf("open OSPF socket: %w", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	// The filter comes first, so that nothing slips past it.
	if err := attachFilter(fd, filter); err != nil {
		return -1, fmt.Errorf("OSPF socket: attach filter: %w", err)
	}
	for _, o := range socketOptions {
		if err := unix.SetsockoptInt(fd, o.level, o.option, o.value); err != nil {
			return -1, fmt.Errorf("OSPF socket: set %s to %d: %w", o.name, o.value, err)
		}
	}
	if onLink {
		// Unicast leaves on the named link whatever the routing tables say:
		// on an unnumbered link the neighbour's address is on no connected network.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DONTROUTE, 1); err != nil {
			return -1, fmt.Errorf("OSPF socket: set SO_DONTROUTE: %w", err)
		}
	}
	// Above the system's limit only with CAP_NET_ADMIN; what is allowed must do otherwise.
	for _, o := range [][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[0], bufferBytes) != nil {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[1], bufferBytes); err != nil {
				return -1, fmt.Errorf("OSPF socket: set buffer size: %w", err)
			}
		}
	}
	// Priority 7 needs CAP_NET_ADMIN, 6 needs nothing. It comes after IP_TOS, which sets it too.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, 7) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, 6); err != nil {
			return -1, fmt.Errorf("OSPF socket: set SO_PRIORITY to 6: %w", err)
		}
	}
	return fd, nil
}

// socketOptions are set on both raw sockets.
var socketOptions = [...]struct {
	level, option int
	name          string
	value         int
}{
	{unix.IPPROTO_IP, unix.IP_PKTINFO, "IP_PKTINFO", 1},
	{unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, "IP_MULTICAST_ALL", 1},
	{unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, "IP_MULTICAST_LOOP", 0},
	{unix.IPPROTO_IP, unix.IP_TOS, "IP_TOS", trafficCS6},
	// An LSA larger than the MTU travels in fragments (RFC 2328 A.1).
	{unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, "IP_MTU_DISCOVER", unix.IP_PMTUDISC_DONT},
}

// typeFilter lets through either the Hellos or everything else, runts included:
// the engine counts those. The filter sees the datagram from its IP header on.
func typeFilter(hellos bool) []bpf.Instruction {
	isHello, isOther := bpf.RetConstant{Val: 0}, bpf.RetConstant{Val: 0}
	if hellos {
		isHello.Val = 1<<16 - 1
	} else {
		isOther.Val = 1<<16 - 1
	}
	return []bpf.Instruction{
		bpf.LoadMemShift{Off: 0}, // X: length of the IP header
		bpf.LoadExtension{Num: bpf.ExtLen},
		bpf.ALUOpX{Op: bpf.ALUOpSub},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: ospfHeader, SkipTrue: 3},
		bpf.LoadIndirect{Off: 1, Size: 1}, // RFC 2328 A.3.1 (type)
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: helloType, SkipTrue: 1},
		isHello,
		isOther,
	}
}

func attachFilter(fd int, filter []bpf.Instruction) error {
	raw, err := bpf.Assemble(filter)
	if err != nil {
		return err
	}
	code := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		code[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
}
