package probe

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net"
	"net/netip"
)

// ICMP types (RFC 792).
const (
	echoReply   = 0
	echoRequest = 8
)

// echo sends an echo request and waits for its reply (RFC 792). Identifier, sequence number
// and data are drawn at random: what did not hear the request cannot answer it.
func echo(ctx context.Context, p Path, to netip.Addr) error {
	c, err := p.listen(ctx, "ip4:icmp")
	if err != nil {
		return err
	}
	defer c.Close()
	defer obey(ctx, c)()
	message := make([]byte, 8+24)
	message[0] = echoRequest
	if _, err := rand.Read(message[4:]); err != nil {
		return err
	}
	binary.BigEndian.PutUint16(message[2:], checksum(message))
	if _, err := c.WriteTo(message, &net.IPAddr{IP: to.AsSlice()}); err != nil {
		return err
	}
	answer := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(answer)
		if err != nil {
			return err
		}
		a, ok := netip.AddrFromSlice(from.(*net.IPAddr).IP)
		if ok && a.Unmap() == to && n == len(message) && answer[0] == echoReply && string(answer[4:n]) == string(message[4:]) {
			return nil
		}
	}
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
