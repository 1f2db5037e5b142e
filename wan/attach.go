package wan

import (
	"cmp"
	"net/netip"
	"slices"
)

// Link is a link of the kernel as far as uplinks care.
type Link struct {
	Name     string
	Up       bool
	ARP      bool           // neighbours are found by asking
	Networks []netip.Prefix // own addresses with their prefix lengths, the primary first
	// Default is the gateway of the kernel's own default route on the link, of a
	// DHCP client for instance; the zero Addr without one.
	Default netip.Addr
}

// Attachment is the way out that an uplink has now. The zero Attachment is none.
type Attachment struct {
	Interface string
	Gateway   netip.Addr // the zero Addr: the link itself
	Source    netip.Addr // own address
	OnLink    bool       // no network of the link has the gateway in it
	ARP       bool
	Network   netip.Prefix // of the link, with the gateway in it; the zero Prefix without one
}

// Attached tells whether there is a way out at all.
func (a Attachment) Attached() bool { return a.Interface != "" }

// attach finds the way out among links, or says why there is none. Of several links
// that a glob fits the first by name counts that gives one.
func (u *Uplink) attach(links []Link) (a Attachment, why string) {
	why = "no such interface"
	fitting := slices.DeleteFunc(slices.Clone(links), func(l Link) bool {
		return !u.fits(l.Name)
	})
	slices.SortFunc(fitting, func(a, b Link) int { return cmp.Compare(a.Name, b.Name) })
	for _, l := range fitting {
		if a, why = u.attachTo(l); a.Attached() {
			return a, ""
		}
	}
	return Attachment{}, why
}

func (u *Uplink) attachTo(l Link) (a Attachment, why string) {
	gateway := u.Gateway.Address
	if u.Gateway.DHCP {
		gateway = l.Default
	}
	switch {
	case !l.Up:
		return a, "link down"
	case len(l.Networks) == 0:
		return a, "no address"
	case u.Gateway.DHCP && !gateway.IsValid():
		return a, "no gateway from DHCP"
	}
	a = Attachment{Interface: l.Name, Gateway: gateway, Source: l.Networks[0].Addr(), ARP: l.ARP}
	if gateway.IsValid() {
		near := slices.IndexFunc(l.Networks, func(p netip.Prefix) bool { return p.Contains(gateway) })
		if a.OnLink = near < 0; !a.OnLink {
			a.Source, a.Network = l.Networks[near].Addr(), l.Networks[near].Masked()
		}
		if slices.ContainsFunc(l.Networks, func(p netip.Prefix) bool { return p.Addr() == gateway }) {
			return Attachment{}, "the gateway is an own address"
		}
	}
	return a, ""
}
