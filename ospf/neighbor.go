package ospf

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// neighbor is one neighbouring router on one interface (RFC 2328 10).
type neighbor struct {
	i        *iface
	id       packet.ID
	addr     netip.Addr // source of its packets
	priority uint8
	options  packet.Options // of its Database Description packets
	dr, bdr  netip.Addr     // whom it declares

	state      nbrState
	since      time.Time // of the last change of state
	deadAt     time.Time // when the inactivity timer fires
	other      time.Time // last packet that was no Hello
	inactivity timer     // armed at or before deadAt, moved lazily: Hellos only move deadAt
	poll       timer     // next Hello to a listed neighbour in state Down
	answered   time.Time // last Hello out of turn to it alone

	received received // cryptographic sequence numbers (D.3)
	key      uint8    // of its last packet

	exchange exchange
	early    earlyDBDesc
	extended packet.ExtendedOptions // of its last Hello or Database Description packet (RFC 5613)
	requests requestList
	answers  answerList
	held     heldList
	retx     retransmitList
	helping  helping
	replied  map[packet.Key]time.Time // last reply of 13 (8)

	why string // what keeps it from Full, as far as its packets tell
}

// newNeighbor enters a neighbour in state Down. On point-to-point links it is
// known by router id, elsewhere by address (10).
func (i *iface) newNeighbor(id packet.ID, addr netip.Addr) *neighbor {
	n := &neighbor{i: i, id: id, addr: addr, dr: unspecified, bdr: unspecified, since: i.e.now}
	n.inactivity.fire = n.inactivityDue
	n.poll.fire = n.pollDue
	n.exchange.init(n)
	n.requests.init(n)
	n.answers.init(n)
	n.held.init(n)
	n.retx.init(n)
	n.helping.timer.fire = func() { n.endHelping(gracePeriodOver) }
	i.neighbors = append(i.neighbors, n)
	slices.SortFunc(i.neighbors, func(a, b *neighbor) int {
		return cmp.Or(a.addr.Compare(b.addr), cmp.Compare(a.id, b.id))
	})
	return n
}

// findNeighbor looks the sender of a packet up (10.5, 8.2): by router id on
// point-to-point links, else by address and router id.
func (i *iface) findNeighbor(id packet.ID, addr netip.Addr) *neighbor {
	for _, n := range i.neighbors {
		if n.id == id && (i.pair() || n.addr == addr) {
			return n
		}
	}
	return nil
}

func (i *iface) dropNeighbors(reason string) {
	for _, n := range slices.Clone(i.neighbors) {
		n.event(llDown, reason)
	}
}

// forget removes a neighbour that went Down. A listed one begins anew.
func (n *neighbor) forget() {
	i := n.i
	n.unlist()
	if s := i.static(n.addr); s != nil && i.listens() && i.unicast() {
		i.list(*s, i.e.now.Add(s.PollInterval))
	}
}

// heard restarts the inactivity timer.
func (n *neighbor) heard() {
	n.deadAt = n.i.e.now.Add(n.i.cfg.DeadInterval)
	if !n.inactivity.armed() || n.deadAt.Before(n.inactivity.at) {
		n.i.e.timers.set(&n.inactivity, n.deadAt)
	}
}

// heardOther notes a packet that is no Hello and was meant for us: unicast, or on a point-to-point link.
func (n *neighbor) heardOther(d Datagram) {
	if !d.Dst.IsMulticast() || n.i.state == ifPointToPoint {
		n.other = n.i.e.now
	}
}

// patience is how many dead intervals a neighbour lives on without Hellos.
const patience = 4

// busyUntil is when a neighbour dies whose Hellos are late but whose other packets still come: a router under load
// answers late, and an adjacency less is more load (RFC 4222 2 (2)). One whose Hellos are refused is not meant.
func (n *neighbor) busyUntil() time.Time {
	dead := n.i.cfg.DeadInterval
	hello := n.deadAt.Add(-dead)
	refused := n.i.strangers.reason(n.addr, hello)
	if n.state < nbrExchange || refused != 0 && refused < RejectUnknownNeighbor {
		return n.deadAt
	}
	until := n.other.Add(dead)
	if last := hello.Add(patience * dead); until.After(last) {
		until = last
	}
	return until
}

func (n *neighbor) inactivityDue() {
	for _, at := range []time.Time{n.deadAt, n.busyUntil()} {
		if at.After(n.i.e.now) {
			n.i.e.timers.set(&n.inactivity, at)
			return
		}
	}
	reason := "no hello for " + n.i.cfg.DeadInterval.String()
	if s := n.i.strangers.seen[n.addr]; s != nil && s.last.After(n.deadAt.Add(-n.i.cfg.DeadInterval)) {
		reason += ", the last packet was dropped: " + s.detail
	}
	n.event(inactivityTimer, reason)
}

// wantsAdjacency is the decision of RFC 2328 10.4.
func (n *neighbor) wantsAdjacency() bool {
	i := n.i
	switch i.state {
	case ifPointToPoint, ifDR, ifBackup:
		return true
	case ifDROther:
		return n.addr == i.dr || n.addr == i.bdr
	}
	return false
}

// exchanging tells whether a database exchange with the neighbour is going on.
func (n *neighbor) exchanging() bool { return n.state == nbrExchange || n.state == nbrLoading }

// exchanging tells whether any neighbour in the database's scope is in state
// Exchange or Loading (13 (4), 14).
func (e *Engine) exchanging(d *database) bool {
	for _, i := range e.scope(d) {
		for _, n := range i.neighbors {
			if n.exchanging() {
				return true
			}
		}
	}
	return false
}

// destination is where packets for this neighbour alone go: point-to-point
// links carry everything to AllSPFRouters (8.1), virtual ones see [iface.send].
func (n *neighbor) destination() netip.Addr {
	if n.i.pair() {
		return allSPFRouters
	}
	return n.addr
}
