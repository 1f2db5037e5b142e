// Package tunnel finds the far ends of the machine's own tunnels.
//
//   - wireguard.go: those of WireGuard links, which the kernel or a control socket tells
//   - openvpn.go: those of OpenVPN processes, which /proc and their configuration tell
//   - ovpnfile.go: OpenVPN's options, of a command line or a file
//   - names.go: the addresses of far ends that have a name
package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// maxPeers bounds what is found: each is a route in the table of every uplink.
const maxPeers = 4096

// peers collects addresses, and what went wrong on the way.
type peers struct {
	kind   string // of tunnel
	list   []netip.Addr
	names  []string
	places map[string]string // where each name stands
	failed []error
}

// name takes a far end that has a name; place says where.
func (p *peers) name(place, name string) {
	if _, known := p.places[name]; known {
		return
	}
	if p.places == nil {
		p.places = make(map[string]string)
	}
	p.names, p.places[name] = append(p.names, name), place
}

// resolve adds the addresses of the names.
func (p *peers) resolve(ctx context.Context, names *Names) {
	list, failed := names.addresses(ctx, time.Now(), p.names)
	for _, a := range list {
		p.add(a)
	}
	for _, name := range p.names {
		if err := failed[name]; err != nil {
			p.errorf("%s cannot be looked up: %w: write its address in wan.endpoints if its look-up needs the tunnel", p.places[name], err)
		}
	}
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
