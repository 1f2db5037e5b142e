package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"
)

// FlushTransit removes the conntrack entries of flows that the table leaves
// untracked: both ends transit, neither tracked nor one of the hub's own
// addresses, and no NAT. It returns how many it removed. Call it after Apply:
// before, the next packet would bring an entry back.
func (f *Firewall) FlushTransit(local []netip.Addr) (removed int, err error) {
	var errs []error
	err = f.eachTransitFlow(local, func(flow conntrack.Flow) {
		if len(errs) == 10 {
			return
		}
		// A delete names the entry by one direction and its zone.
		err := f.ct.Delete(conntrack.Flow{TupleOrig: flow.TupleOrig, Zone: flow.Zone})
		switch {
		case err == nil:
			removed++
		case !errors.Is(err, unix.ENOENT): // it may have ended by itself
			errs = append(errs, fmt.Errorf("remove conntrack entry %s: %w", flow.TupleOrig, err))
		}
	})
	return removed, errors.Join(append(errs, err)...)
}

// TransitEntries counts the conntrack entries that FlushTransit would remove.
func (f *Firewall) TransitEntries(local []netip.Addr) (n int, err error) {
	err = f.eachTransitFlow(local, func(conntrack.Flow) { n++ })
	return n, err
}

func (f *Firewall) eachTransitFlow(local []netip.Addr, see func(conntrack.Flow)) error {
	match := flowMatch{
		transit: disjoint(f.wanted.Transit),
		tracked: disjoint(f.wanted.Tracked),
		local:   local,
	}
	return f.eachFlow(func(flow conntrack.Flow) {
		if match.untracked(flow) {
			see(flow)
		}
	})
}

// ForgetFlows forgets which flows the hub has seen, and their conntrack entries,
// and returns how many of these it removed: a flow that took another way for a
// while is not where they left it, and passes untracked from now on. Flows that
// stayed do so, too.
func (f *Firewall) ForgetFlows(local []netip.Addr) (int, error) {
	if f.wanted.Scope == Unseen && f.have.exists {
		want := f.target()
		for _, name := range []string{setOpened, setFlows} {
			f.nft.FlushSet(f.set(name, want))
		}
		f.known = false
		if err := f.nft.Flush(); err != nil {
			return 0, fmt.Errorf("forget the flows seen here: %w", err)
		}
	}
	return f.FlushTransit(local)
}

// flowMatch holds sorted, disjoint prefixes.
type flowMatch struct {
	transit, tracked []netip.Prefix
	local            []netip.Addr
}

func (m flowMatch) untracked(flow conntrack.Flow) bool {
	orig, reply := flow.TupleOrig, flow.TupleReply
	if flow.Status.SrcNAT() || flow.Status.DstNAT() ||
		orig.IP.SourceAddress != reply.IP.DestinationAddress ||
		orig.IP.DestinationAddress != reply.IP.SourceAddress {
		return false
	}
	// The halves of an ICMP flow differ in type; the others mirror their ports.
	if !orig.Proto.ICMPv4 && (orig.Proto.SourcePort != reply.Proto.DestinationPort ||
		orig.Proto.DestinationPort != reply.Proto.SourcePort) {
		return false
	}
	return m.end(orig.IP.SourceAddress) && m.end(orig.IP.DestinationAddress)
}

func (m flowMatch) end(a netip.Addr) bool {
	return contains(m.transit, a) && !contains(m.tracked, a) && !slices.Contains(m.local, a)
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	i, found := slices.BinarySearchFunc(prefixes, a, func(p netip.Prefix, a netip.Addr) int { return p.Addr().Compare(a) })
	return found || i > 0 && prefixes[i-1].Contains(a)
}
