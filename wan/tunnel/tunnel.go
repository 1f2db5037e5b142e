// Package tunnel finds the far ends of the machine's own tunnels.
package tunnel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"golang.zx2c4.com/wireguard/wgctrl"
)

// maxPeers bounds what is found: each is a route in the table of every uplink.
const maxPeers = 4096

// Peers returns the IPv4 addresses of the peers of those links that are WireGuard's, of the kernel or
// of a program with a control socket, sorted, each once. A peer that has not been heard of and has
// no endpoint is left out. Links that cannot be asked are in the error, and the
// addresses are those of the others.
func Peers(links []string) (list []netip.Addr, err error) {
	c, err := wgctrl.New()
	if err != nil {
		return nil, fmt.Errorf("ask for WireGuard links: %w", err)
	}
	defer c.Close()
	var failed []error
	for _, name := range links {
		d, err := c.Device(name)
		if errors.Is(err, os.ErrNotExist) { // it is none
			continue
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("ask for the peers of %s: %w", name, err))
			continue
		}
		for _, p := range d.Peers {
			if p.Endpoint == nil {
				continue
			}
			if a := p.Endpoint.AddrPort().Addr().Unmap(); a.Is4() {
				list = append(list, a)
			}
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	if list = slices.Compact(list); len(list) > maxPeers {
		failed = append(failed, fmt.Errorf("%d WireGuard peers are more than %d: the others are left out", len(list), maxPeers))
		list = list[:maxPeers]
	}
	return list, errors.Join(failed...)
}
