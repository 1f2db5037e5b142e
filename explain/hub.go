package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
	"github.com/ecmpd/ecmpd/symmetry"
)

// LSA is one advertisement of an area; AS-external ones may name any area.
type LSA struct {
	Area   packet.ID
	Header packet.LSAHeader
	Raw    []byte // complete, header included
}

// Network is the link-state database as a question is put to it.
type Network struct{ lsas []LSA }

// NewNetwork takes a copy of the database, MaxAge LSAs left out by their header.
func NewNetwork(lsas []LSA) *Network { return &Network{lsas} }

// Hub is an answer to the question whether both directions meet one hub.
type Hub struct {
	Same string // "yes", "no", "not proven"
	Why  string
}

// The values of Hub.Same.
const (
	Yes       = "yes"
	No        = "no"
	NotProven = "not proven"
)

// Flow tells whether both directions of a flow meet one hub, as far as it follows
// from what the router self knows. forward and back are the routers behind the members
// that self takes for the flow and for its answer, 0 when it does not know.
//
// On the way between two others self is the hub; where it attaches one end, the hub
// is the next router in that direction.
func (n *Network) Flow(self, forward, back packet.ID, source, destination netip.Addr) Hub {
	near, _ := n.attached(source)
	far, _ := n.attached(destination)
	hub := self
	switch self {
	case near.router:
		hub = forward
	case far.router:
		hub, source, destination = back, destination, source
	}
	if hub == 0 {
		return Hub{NotProven, "it is not known which next hop this router takes"}
	}
	return n.SameHub(hub, source, destination)
}

// SameHub tells whether the answer to a flow comes through hub, the router that
// the flow goes through. The router that attaches the flow's destination chooses
// among its own next hops towards the source; which one it takes of several follows
// from the database only where both ends hash both directions alike (package symmetry).
func (n *Network) SameHub(hub packet.ID, source, destination netip.Addr) Hub {
	near, why := n.attached(source)
	if why != "" {
		return Hub{NotProven, why}
	}
	far, why := n.attached(destination)
	if why != "" {
		return Hub{NotProven, why}
	}
	switch hub {
	case near.router:
		return Hub{Yes, fmt.Sprintf("%s attaches the source", hub)}
	case far.router:
		return Hub{Yes, fmt.Sprintf("%s attaches the destination", hub)}
	}
	if near.area != far.area {
		return Hub{NotProven, fmt.Sprintf("source and destination are in areas %s and %s: the database does not show the way between", near.area, far.area)}
	}
	return n.between(far, near, hub)
}

// between judges the ways back from the far router to the near one.
func (n *Network) between(far, near attachment, hub packet.ID) Hub {
	back := n.tree(far)
	cost, hops, ok := back.Router(far.area, near.router)
	if !ok {
		return Hub{NotProven, fmt.Sprintf("the database has no way from %s to %s", far.router, near.router)}
	}
	toHub, _, ok := back.Router(far.area, hub)
	rest := uint32(0)
	if ok {
		rest, _, ok = n.tree(attachment{hub, far.area}).Router(far.area, near.router)
	}
	if !ok || toHub+rest > cost {
		return Hub{No, fmt.Sprintf("%s is on no shortest path from %s, which attaches the destination, to %s, which attaches the source", hub, far.router, near.router)}
	}
	var routers []string
	for h := range hops.All() {
		routers = append(routers, h.RouterID.String())
	}
	slices.Sort(routers)
	routers = slices.Compact(routers)
	if len(routers) == 1 && routers[0] == hub.String() {
		return Hub{Yes, fmt.Sprintf("%s has no other next hop towards the source", far.router)}
	}
	choice := fmt.Sprintf("%s chooses among %s by its own hash", far.router, strings.Join(routers, " and "))
	if symmetric, reasons := n.symmetric(far, near); symmetric {
		return Hub{Yes, fmt.Sprintf("%s and %s hash both directions alike", near.router, far.router)}
	} else if len(reasons) > 0 {
		choice += ": " + strings.Join(reasons, "; ")
	}
	return Hub{NotProven, choice}
}

// symmetric asks what the routers tell of their hashing, and what is in the way.
func (n *Network) symmetric(a, b attachment) (yes bool, reasons []string) {
	lsas := func(yield func([]byte) bool) {
		for _, l := range n.lsas {
			if l.Area == a.area && l.Header.Type != packet.LSExternal && !yield(l.Raw) {
				return
			}
		}
	}
	for _, p := range symmetry.Compute(lsas, a.router).Pairs {
		if p.A == b.router || p.B == b.router {
			return p.Verdict == symmetry.Symmetric, p.Why
		}
	}
	return false, nil
}

// attachment is the router that attaches a network, and the area where it does.
type attachment struct{ router, area packet.ID }

// attached finds the router with the longest prefix around an address, or says
// why there is not exactly one.
func (n *Network) attached(address netip.Addr) (at attachment, why string) {
	best, found := -1, map[attachment]bool{}
	offer := func(p netip.Prefix, at ...attachment) {
		if !p.Contains(address) || p.Bits() < best {
			return
		}
		if p.Bits() > best {
			best = p.Bits()
			clear(found)
		}
		for _, a := range at {
			found[a] = true
		}
	}
	for _, l := range n.lsas {
		offers(l, offer)
	}
	switch {
	case len(found) == 0:
		return at, fmt.Sprintf("no router of the area announces %s as its own network", address)
	case len(found) > 1:
		return at, fmt.Sprintf("%d routers attach the network of %s: the database does not tell which of them has the flow", len(found), address)
	}
	for a := range found {
		at = a
	}
	return at, ""
}

// offers names the networks that an LSA says are attached to routers. A route
// that is summarised or redistributed is attached to nobody.
func offers(l LSA, offer func(netip.Prefix, ...attachment)) {
	switch l.Header.Type {
	case packet.LSRouter:
		lsa, err := packet.DecodeRouterLSA(l.Raw)
		if err != nil {
			return
		}
		for _, link := range lsa.Links {
			if size, ok := packet.MaskLen(link.Data); link.Type == packet.LinkStub && ok {
				offer(netip.PrefixFrom(link.ID.Addr(), size), attachment{l.Header.Adv, l.Area})
			}
		}
	case packet.LSNetwork:
		lsa, err := packet.DecodeNetworkLSA(l.Raw)
		if err != nil {
			return
		}
		var routers []attachment
		for _, r := range lsa.Routers {
			routers = append(routers, attachment{r, l.Area})
		}
		if size, ok := packet.MaskLen(lsa.Mask); ok {
			offer(netip.PrefixFrom(l.Header.ID.Addr(), size).Masked(), routers...)
		}
	case packet.LSSummary:
		if lsa, err := packet.DecodeSummaryLSA(l.Raw); err == nil {
			if size, ok := packet.MaskLen(lsa.Mask); ok && size > 0 {
				offer(netip.PrefixFrom(l.Header.ID.Addr(), size).Masked())
			}
		}
	case packet.LSExternal:
		if lsa, err := packet.DecodeExternalLSA(l.Raw); err == nil {
			if size, ok := packet.MaskLen(lsa.Mask); ok && size > 0 {
				offer(netip.PrefixFrom(l.Header.ID.Addr(), size).Masked())
			}
		}
	}
}

// tree calculates as the router would, from the links of its own router-LSA.
func (n *Network) tree(root attachment) *spf.Table {
	t := spf.New(spf.Config{RouterID: root.router})
	for _, l := range n.lsas {
		if l.Area != root.area || l.Header.Type != packet.LSRouter && l.Header.Type != packet.LSNetwork {
			continue
		}
		t.Install(l.Area, l.Header, l.Raw)
		if l.Header.Type == packet.LSRouter && l.Header.Adv == root.router {
			t.SetRoot(l.Area, rootLinks(l.Raw))
		}
	}
	t.Run()
	return t
}

func rootLinks(raw []byte) []spf.RootLink {
	lsa, err := packet.DecodeRouterLSA(raw)
	if err != nil {
		return nil
	}
	var out []spf.RootLink
	for _, l := range lsa.Links {
		// Any gateway will do: only the router behind it is asked for.
		out = append(out, spf.RootLink{Link: l, Interface: l.Data.String(), Gateway: l.ID.Addr()})
	}
	return out
}
