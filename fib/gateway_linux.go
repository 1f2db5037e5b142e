package fib

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// The kernel's words for a neighbour entry that it keeps resolved by itself
// (Linux 5.16).
const (
	ndaDst        = 1
	ndaProtocol   = 12
	ndaFlagsExt   = 15
	ntfExtManaged = 1
)

// gateway is a neighbour entry that a next hop needs.
type gateway struct {
	ifindex int
	addr    netip.Addr
}

// keepGateways has the kernel keep the gateways of groups resolved on links with
// ARP, and no longer those that have left them. A nexthop group skips a member
// whose entry is not resolved, so that flows would take another way until ARP
// answers. A single next hop has no other way, and no entry is kept for it: the
// table of neighbours is small (gc_thresh3, 1024), and when it is full the links
// of a hub with a thousand of them cannot even send a Hello.
// It is no failure when it does not work: before Linux 5.16 the kernel only asks
// once.
func (t *Table) keepGateways() {
	arp := make(map[int]bool, len(t.want.links))
	for _, l := range t.want.links {
		arp[l.Index] = l.ARP && l.Up
	}
	var keep, leave []gateway
	needed := make(map[gateway]struct{}, len(t.gateways))
	for _, members := range t.obs.groups {
		if len(members) < 2 {
			continue
		}
		for _, m := range members {
			k := t.obs.hops[m.id]
			if k.gateway.Is4() && arp[k.ifindex] {
				needed[gateway{k.ifindex, k.gateway}] = struct{}{}
			}
		}
	}
	for g := range needed {
		if _, kept := t.gateways[g]; !kept {
			keep = append(keep, g)
		}
	}
	for g := range t.gateways {
		if _, ok := needed[g]; !ok {
			leave = append(leave, g)
		}
	}
	t.gateways = needed
	// What fails is tried again by the next Reconcile.
	t.kernel.manage(keep, true)
	t.kernel.manage(leave, false)
}

// manage makes the kernel keep entries resolved, or leave them to their age.
// The state of an entry that is there does not change; one that is static would
// lose that, and is left alone.
func (k *kernel) manage(list []gateway, on bool) []error {
	if len(list) == 0 {
		return nil
	}
	there, err := k.neighbours()
	if err != nil {
		return fill(make([]error, len(list)), err)
	}
	for _, n := range there {
		if n.static {
			list = slices.DeleteFunc(slices.Clone(list), func(g gateway) bool { return g == n.gateway })
		}
	}
	errs := make([]error, 0, len(list))
	var b batch
	for i, g := range list {
		b.start(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
		b.buf = appendGateway(b.buf, k.cfg.Protocol, g, on)
		b.end()
		if b.n == batchSize || i == len(list)-1 {
			errs = append(errs, k.conn.send(&b)...)
			b = batch{buf: b.buf[:0]}
		}
	}
	return errs
}

// appendGateway appends struct ndmsg and attributes. NTF_USE alone asks for the
// address once and takes the flag of management away.
func appendGateway(b []byte, protocol uint8, g gateway, on bool) []byte {
	b = append(b, unix.AF_INET, 0, 0, 0)
	b = native.AppendUint32(b, uint32(g.ifindex))
	b = append(b, 0, 0, unix.NTF_USE, 0)
	b = appendAttr(b, ndaDst, g.addr.AsSlice())
	b = appendAttr(b, ndaProtocol, []byte{protocol})
	if on {
		b = appendAttr32(b, ndaFlagsExt, ntfExtManaged)
	}
	return b
}

// neighbour is an entry of the kernel's neighbour table.
type neighbour struct {
	gateway
	ours    bool // made or kept by us
	managed bool // the kernel keeps it resolved
	static  bool // somebody has written it, and it never ages
}

// neighbours dumps the IPv4 neighbour table.
func (k *kernel) neighbours() (list []neighbour, err error) {
	body := make([]byte, unix.SizeofNdMsg)
	body[0] = unix.AF_INET
	err = k.conn.dump(unix.RTM_GETNEIGH, body, func() { list = nil }, func(m message) error {
		if len(m.body) < unix.SizeofNdMsg {
			return errShort
		}
		n := neighbour{static: native.Uint16(m.body[8:])&(unix.NUD_PERMANENT|unix.NUD_NOARP) != 0}
		n.ifindex = int(int32(native.Uint32(m.body[4:])))
		err := eachAttr(m.body[unix.SizeofNdMsg:], func(typ uint16, v []byte) {
			switch {
			case typ == ndaDst && len(v) == 4:
				n.addr = netip.AddrFrom4([4]byte(v))
			case typ == ndaProtocol && len(v) == 1:
				n.ours = v[0] == k.cfg.Protocol
			case typ == ndaFlagsExt && len(v) == 4:
				n.managed = native.Uint32(v)&ntfExtManaged != 0
			}
		})
		list = append(list, n)
		return err
	})
	if err != nil {
		err = fmt.Errorf("list neighbour entries: %w", err)
	}
	return list, err
}

// releaseGateways leaves the entries that we keep to their age.
func (k *kernel) releaseGateways() error {
	list, err := k.neighbours()
	var ours []gateway
	for _, n := range list {
		if n.ours && n.managed {
			ours = append(ours, n.gateway)
		}
	}
	return errors.Join(append(k.manage(ours, false), err)...)
}
