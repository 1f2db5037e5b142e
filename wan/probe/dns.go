package probe

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
)

const dnsPort = 53

// query asks for the name servers of the root (RFC 1035 4.1), which every resolver knows, and
// takes any answer to it: a server that refuses is there.
func query(ctx context.Context, p Path, server netip.Addr) error {
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: p.Source.AsSlice()}, Control: p.control}
	c, err := d.DialContext(ctx, "udp4", netip.AddrPortFrom(server, dnsPort).String())
	if err != nil {
		return err
	}
	defer c.Close()
	defer obey(ctx, c)()
	message := []byte{
		0, 0, // identifier
		1, 0, // recursion desired
		0, 1, 0, 0, 0, 0, 0, 0, // one question
		0, 0, 2, 0, 1, // the root, NS, IN
	}
	if _, err := rand.Read(message[:2]); err != nil {
		return err
	}
	if _, err := c.Write(message); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	for {
		n, err := c.Read(answer)
		if err != nil {
			return err
		}
		const response = 0x80
		if n >= 12 && answer[0] == message[0] && answer[1] == message[1] && answer[2]&response != 0 {
			return nil
		}
	}
}
