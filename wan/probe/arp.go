package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// The only ARP there is: Ethernet addresses for IPv4 (RFC 826).
const (
	arpHardware = 1
	arpRequest  = 1
	arpReply    = 2
	arpSize     = 28
)

// resolve asks who has the address on the link (RFC 826) and waits for the answer. The kernel's
// neighbour table has nothing to do with it: what it holds may be minutes old.
func resolve(ctx context.Context, p Path, to netip.Addr) error {
	link, err := net.InterfaceByName(p.Interface)
	if err != nil {
		return err
	}
	if len(link.HardwareAddr) != 6 {
		return unix.EAFNOSUPPORT
	}
	protocol := binary.NativeEndian.Uint16([]byte{unix.ETH_P_ARP >> 8, unix.ETH_P_ARP & 0xff}) // network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(protocol))
	if err != nil {
		return os.NewSyscallError("open packet socket", err)
	}
	f := os.NewFile(uintptr(fd), "arp")
	defer f.Close()
	at := unix.SockaddrLinklayer{Protocol: protocol, Ifindex: link.Index}
	if err := unix.Bind(fd, &at); err != nil {
		return os.NewSyscallError("bind packet socket", err)
	}
	defer obey(ctx, f)()
	request := arp(arpRequest, link.HardwareAddr, p.Source, make([]byte, 6), to)
	at.Halen = 6
	copy(at.Addr[:], bytes.Repeat([]byte{0xff}, 6))
	if err := unix.Sendto(fd, request, 0, &at); err != nil {
		return os.NewSyscallError("send ARP request", err)
	}
	want := to.As4()
	answer := make([]byte, 1500)
	for {
		n, err := f.Read(answer)
		if err != nil {
			return err
		}
		if n >= arpSize && bytes.Equal(answer[:6], request[:6]) && answer[7] == arpReply && [4]byte(answer[14:18]) == want {
			return nil
		}
	}
}

func arp(operation byte, hardware []byte, source netip.Addr, target []byte, to netip.Addr) []byte {
	b := []byte{0, arpHardware, unix.ETH_P_IP >> 8, unix.ETH_P_IP & 0xff, 6, 4, 0, operation}
	b = append(append(b, hardware...), source.AsSlice()...)
	return append(append(b, target...), to.AsSlice()...)
}
