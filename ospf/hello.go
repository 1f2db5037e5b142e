package ospf

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// helloDue sends the periodic Hello and arms the next one on the same grid, so
// that interfaces which started together keep sending together.
func (i *iface) helloDue() {
	if i.sendGrace() {
		return
	}
	next := i.hello.at.Add(i.cfg.HelloInterval)
	if !next.After(i.e.now) {
		next = i.e.now.Add(i.cfg.HelloInterval)
	}
	i.e.timers.set(&i.hello, next)
	i.sendHello()
}

// answerHello sends a Hello out of turn, so that a neighbour which was just
// heard, or has started anew, sees itself listed at once; at most one a second
// and interface, or neighbour where each is addressed by itself.
func (n *neighbor) answerHello() {
	i, last, dst := n.i, &n.i.answered, allSPFRouters
	if i.unicast() {
		last, dst = &n.answered, n.addr
	}
	if now := i.e.now; now.Sub(*last) >= time.Second {
		*last = now
		i.sendHelloTo(dst)
	}
}

// sendHello sends Hellos to all who are to have them (RFC 2328 9.5). Neighbours that are Down
// are polled at intervals of their own.
func (i *iface) sendHello() {
	if !i.unicast() {
		i.sendHelloTo(allSPFRouters)
		return
	}
	for _, n := range i.neighbors {
		if (n.state != nbrDown || n.helping.active) && i.greets(n) {
			i.sendHelloTo(n.addr)
		}
	}
}

// sendHelloTo sends one Hello, unless Grace-LSAs have to go before (RFC 3623 5). On a point-to-multipoint network
// one that goes to a single neighbour lists that one only: it looks for nothing else there, and a hub has many.
func (i *iface) sendHelloTo(dst netip.Addr) {
	if i.graces > 0 {
		return
	}
	b := i.composeHello()
	if i.unicast() && i.kind() == TypePointToMultipoint {
		b.Neighbors = slices.DeleteFunc(b.Neighbors, func(id packet.ID) bool { return i.findNeighbor(id, dst) == nil })
	}
	i.send(dst, b)
}

// sayGoodbye sends Hellos that list nobody.
func (i *iface) sayGoodbye() {
	b := i.composeHello()
	b.Neighbors = nil
	if !i.unicast() {
		i.send(allSPFRouters, b)
		return
	}
	for _, n := range i.neighbors {
		if n.state >= nbrInit {
			i.send(n.addr, b)
		}
	}
}

func (i *iface) composeHello() *packet.Hello {
	b := &packet.Hello{
		Mask:          i.mask().Addr(),
		HelloInterval: uint16(i.cfg.HelloInterval / time.Second),
		Options:       i.area.helloOptions(),
		Priority:      i.cfg.Priority,
		DeadInterval:  uint32(i.cfg.DeadInterval / time.Second),
		DR:            i.dr,
		BDR:           i.bdr,
	}
	for _, n := range i.neighbors {
		if n.state >= nbrInit {
			b.Neighbors = append(b.Neighbors, n.id)
		}
	}
	return b
}

// receiveHello is RFC 2328 10.5.
func (i *iface) receiveHello(d Datagram, h packet.Header, b *packet.Hello) {
	if !i.acceptHello(d, h, b) || i.graces > 0 { // RFC 3623 5: nothing else goes out before the Grace-LSAs
		return
	}
	n := i.findNeighbor(h.RouterID, d.Src)
	if n == nil {
		if n = i.admit(d.Src, h); n == nil {
			return
		}
	}
	i.strangers.forget(d.Src)
	if i.virtual != nil {
		n.addr = d.Src // of the link that leads to us now
	} else if n.addr != d.Src {
		n.event(killNbr, fmt.Sprintf("address changed from %s to %s", n.addr, d.Src))
		n = i.newNeighbor(h.RouterID, d.Src)
	}
	first := n.state < nbrInit
	if first {
		i.sendGraceTo(n)
	}
	was := declared{n.priority, n.dr, n.bdr}
	n.priority, n.dr, n.bdr = b.Priority, b.DR, b.BDR
	n.event(helloReceived, "first hello")
	if i.kind() == TypeNonBroadcast && i.cfg.Priority == 0 && b.Priority > 0 && !i.greets(n) { // 9.5.1
		n.answerHello()
	}
	if !slices.Contains(b.Neighbors, i.e.cfg.RouterID) {
		n.event(oneWayReceived, "its hello does not list us")
		if n.state == nbrInit {
			n.why = "one-way: its hellos do not list us, so ours do not arrive there or are rejected"
		}
		return
	}
	n.event(twoWayReceived, "its hello lists us")
	i.electionInput(n, was, first)
}

// declared is what a neighbour's last Hello said about the election.
type declared struct {
	priority uint8
	dr, bdr  netip.Addr
}

// electionInput raises BackupSeen and NeighborChange (the last steps of 10.5).
func (i *iface) electionInput(n *neighbor, was declared, first bool) {
	if i.state == ifPointToPoint || n.state < nbrTwoWay {
		return
	}
	isDR, isBDR := n.dr == n.addr, n.bdr == n.addr
	if i.state == ifWaiting {
		if i.resumeRole(n) {
			return
		}
		switch {
		case isBDR:
			i.event(backupSeen, fmt.Sprintf("neighbour %s is Backup", n.id))
		case isDR && n.bdr == unspecified:
			i.event(backupSeen, fmt.Sprintf("neighbour %s is DR and there is no Backup", n.id))
		}
		return
	}
	if first {
		return
	}
	if n.priority != was.priority || isDR != (was.dr == n.addr) || isBDR != (was.bdr == n.addr) {
		i.event(neighborChange, "neighbour "+n.id.String())
	}
}

// acceptHello compares the Hello with the interface's own parameters (10.5).
func (i *iface) acceptHello(d Datagram, h packet.Header, b *packet.Hello) bool {
	hello, dead := uint16(i.cfg.HelloInterval/time.Second), uint32(i.cfg.DeadInterval/time.Second)
	switch {
	case d.Dst != allSPFRouters && !i.takesUnicastHello():
		// A unicast Hello could raise a false adjacency from afar (8.1).
		i.reject(d.Src, h, RejectUnicastHello, "hello was sent to %s, not to AllSPFRouters", d.Dst)
	case !i.pair() && b.Mask != i.mask().Addr():
		i.reject(d.Src, h, RejectMask, "mask mismatch: neighbour has %s, ours is %s", b.Mask, i.mask().Addr())
	case b.HelloInterval != hello:
		i.reject(d.Src, h, RejectHelloInterval, "hello interval mismatch: neighbour has %ds, ours is %ds", b.HelloInterval, hello)
	case b.DeadInterval != dead:
		i.reject(d.Src, h, RejectDeadInterval, "dead interval mismatch: neighbour has %ds, ours is %ds", b.DeadInterval, dead)
	case (b.Options^i.area.helloOptions())&(packet.OptE|packet.OptNP) != 0: // RFC 3101 2.1 for the N bit
		i.reject(d.Src, h, RejectOptions, "area type mismatch: neighbour has %s, ours is %s", areaTypeIn(b.Options), areaTypeIn(i.area.helloOptions()))
	default:
		return true
	}
	return false
}

// admit enters a new neighbour. A router that shows up with another router id
// at a known address replaces the old one (10.5; on point-to-point links, too,
// two routers do not share an address). A point-to-point link has one neighbour, also where it
// is a LAN (RFC 5309).
func (i *iface) admit(src netip.Addr, h packet.Header) *neighbor {
	for _, o := range i.neighbors {
		switch {
		case o.addr == src && o.id == 0: // listed, and heard for the first time
			o.id = h.RouterID
			return o
		case o.addr == src:
			o.event(killNbr, fmt.Sprintf("router id at %s changed from %s to %s", src, o.id, h.RouterID))
			return i.admit(src, h)
		case o.id == h.RouterID:
			i.e.alarm("duplicate-router-id", i.name, fmt.Sprintf("%s and %s both use router id %s: give one of them another", o.addr, src, h.RouterID))
		}
	}
	if i.kind() == TypePointToPoint && len(i.neighbors) > 0 {
		o := i.neighbors[0]
		i.reject(src, h, RejectSecondNeighbor, "a second neighbour on a point-to-point link, beside %s (%s): the link is a network of another interface-type", o.id, o.addr)
		i.e.alarm("second-neighbor", i.name, fmt.Sprintf("%s (%s) refused: %s (%s) is the neighbour on this point-to-point link; with more routers it is broadcast or point-to-multipoint", h.RouterID, src, o.id, o.addr))
		return nil
	}
	if i.crowded(src, h) {
		return nil
	}
	return i.newNeighbor(h.RouterID, src)
}

// crowded refuses a neighbour beyond the limits.
func (i *iface) crowded(src netip.Addr, h packet.Header) bool {
	if limit := i.e.cfg.MaxNeighbors; limit > 0 && len(i.neighbors) >= limit {
		i.reject(src, h, RejectNeighborLimit, "%d neighbours on %s, the limit", limit, i.name)
		i.e.alarm("neighbor-limit", i.name, fmt.Sprintf("%s refused: already %d neighbours", src, limit))
		return true
	}
	all := 0
	for _, o := range i.e.ifaces {
		all += len(o.neighbors)
	}
	if limit := i.e.cfg.MaxAllNeighbors; limit > 0 && all >= limit {
		i.reject(src, h, RejectNeighborLimit, "%d neighbours on all interfaces, the limit", limit)
		i.e.alarm("neighbor-limit", "all interfaces", fmt.Sprintf("%s on %s refused: already %d neighbours", src, i.name, limit))
		return true
	}
	return false
}
