package tunnel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.zx2c4.com/wireguard/wgctrl"
)

// WireGuard returns the IPv4 addresses of the peers of those links that are WireGuard's, of the kernel or
// of a program with a control socket, sorted, each once. A peer that has not been heard of and has
// no endpoint is left out. Links that cannot be asked are in the error, and the
// addresses are those of the others.
func WireGuard(links []string) ([]netip.Addr, error) {
	c, err := wgctrl.New()
	if err != nil {
		return nil, fmt.Errorf("ask for WireGuard links: %w", err)
	}
	defer c.Close()
	found := peers{kind: "WireGuard"}
	for _, name := range links {
		d, err := c.Device(name)
		if errors.Is(err, os.ErrNotExist) { // it is none
			continue
		}
		if err != nil {
			found.errorf("ask for the peers of %s: %w", name, err)
			continue
		}
		for _, p := range d.Peers {
			if p.Endpoint != nil {
				found.add(p.Endpoint.AddrPort().Addr())
			}
		}
	}
	return found.sorted()
}
