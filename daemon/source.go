package daemon

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/link"
)

// preferredSource is the own address that packets of this router carry over
// routes with several next hops, so that the answer finds its way over any of
// them; the zero Addr leaves it to the kernel. An address that this router does
// not have now would keep its routes out of the kernel.
func preferredSource(c config.Source, links link.Snapshot, interfaces map[string]ospfInterface) netip.Addr {
	if !c.Auto {
		if slices.Contains(ownAddresses(links), c.Address) {
			return c.Address
		}
		return netip.Addr{}
	}
	list := slices.DeleteFunc(slices.Clone(links.Links), func(l link.Link) bool {
		o, ok := interfaces[l.Name]
		return !ok || !l.Up || o.pointToPoint
	})
	slices.SortFunc(list, func(a, b link.Link) int {
		return cmp.Or(cmp.Compare(rankOf(a, interfaces), rankOf(b, interfaces)), cmp.Compare(a.Name, b.Name))
	})
	for _, l := range list {
		for _, a := range l.Addrs {
			if !a.Secondary && !a.Peer.IsValid() && !a.Addr.Addr().IsLoopback() {
				return a.Addr.Addr()
			}
		}
	}
	return netip.Addr{}
}

// rankOf orders interfaces by how long their address can be expected to last.
func rankOf(l link.Link, interfaces map[string]ospfInterface) int {
	switch {
	case l.Loopback:
		return 0
	case interfaces[l.Name].passive:
		return 1
	}
	return 2
}
