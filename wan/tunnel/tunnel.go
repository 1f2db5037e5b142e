// Package tunnel finds the far ends of the machine's own tunnels.
//
//   - wireguard.go: those of WireGuard links, which the kernel or a control socket tells
//   - openvpn.go: those of OpenVPN processes, which /proc and their configuration tell
//   - ovpnfile.go: OpenVPN's options, of a command line or a file
package tunnel

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// maxPeers bounds what is found: each is a route in the table of every uplink.
const maxPeers = 4096

// peers collects addresses, and what went wrong on the way.
type peers struct {
	kind   string // of tunnel
	list   []netip.Addr
	failed []error
}

// add takes the IPv4 addresses of a far end.
func (p *peers) add(a netip.Addr) {
	if a = a.Unmap(); a.Is4() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() {
		p.list = append(p.list, a)
	}
}

func (p *peers) errorf(format string, args ...any) {
	p.failed = append(p.failed, fmt.Errorf(format, args...))
}

// sorted returns each address once.
func (p *peers) sorted() ([]netip.Addr, error) {
	slices.SortFunc(p.list, netip.Addr.Compare)
	if p.list = slices.Compact(p.list); len(p.list) > maxPeers {
		p.errorf("%d peers of %s are more than %d: the others are left out", len(p.list), p.kind, maxPeers)
		p.list = p.list[:maxPeers]
	}
	return p.list, errors.Join(p.failed...)
}
