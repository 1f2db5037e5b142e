package speaker

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	controlPort = 3784    // RFC 5881 4
	maxTTL      = 255     // RFC 5881 5
	trafficCS6  = 0xc0    // internetwork control, as OSPF
	bufferBytes = 4 << 20 // kernel buffer of a socket, each way
)

type socketOption struct {
	level, option int
	name          string
	value         int
}

// receiveOptions make the kernel tell all that a session wants to know of a
// datagram, and drop what has come over a router.
var receiveOptions = [...]socketOption{
	{unix.IPPROTO_IP, unix.IP_PKTINFO, "IP_PKTINFO", 1},
	{unix.IPPROTO_IP, unix.IP_RECVTTL, "IP_RECVTTL", 1},
	{unix.IPPROTO_IP, unix.IP_MINTTL, "IP_MINTTL", maxTTL},
	{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, "SO_TIMESTAMPNS", 1},
}

// sendOptions: datagrams leave on the named link whatever the routing tables say.
var sendOptions = [...]socketOption{
	{unix.SOL_SOCKET, unix.SO_DONTROUTE, "SO_DONTROUTE", 1},
}

// openReceive opens the socket that will be bound to the control port.
func openReceive() (int, error) {
	return openSocket(unix.SOCK_DGRAM, unix.IPPROTO_UDP, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, receiveOptions[:])
}

// openSend opens the raw socket; IPPROTO_RAW sends whole datagrams and receives none.
func openSend() (int, error) {
	fd, err := openSocket(unix.SOCK_RAW, unix.IPPROTO_RAW, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, sendOptions[:])
	if err != nil {
		return -1, err
	}
	// Priority 7 needs CAP_NET_ADMIN, 6 needs nothing.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, 7) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, 6); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("BFD socket: set SO_PRIORITY to 6: %w", err)
		}
	}
	return fd, nil
}

func openSocket(kind, protocol, force, size int, options []socketOption) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return -1, fmt.Errorf("open BFD socket: needs root or CAP_NET_RAW: %w", err)
	}
	if err != nil {
		return -1, fmt.Errorf("open BFD socket: %w", err)
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.option, o.value); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("BFD socket: set %s to %d: %w", o.name, o.value, err)
		}
	}
	// Above the system's limit only with CAP_NET_ADMIN; what is allowed must do otherwise.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, bufferBytes) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, size, bufferBytes); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("BFD socket: set buffer size: %w", err)
		}
	}
	return fd, nil
}

func bindControl(fd int) error {
	err := unix.Bind(fd, &unix.SockaddrInet4{Port: controlPort})
	if errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("UDP port %d is in use: stop the other BFD daemon (FRR's bfdd, BIRD); sessions stay down until then", controlPort)
	}
	if err != nil {
		return fmt.Errorf("bind UDP port %d: %w", controlPort, err)
	}
	return nil
}
