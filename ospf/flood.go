package ospf

import (
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// flood sends an LSA that was just installed through its scope (RFC 2328 13.3);
// from is the neighbour that it came from, nil for our own. It tells whether the LSA
// went out again on the interface that it was received on.
func (e *Engine) flood(d *database, entry *lsdb.Entry, from *neighbor) (back bool) {
	for _, i := range e.scope(d) {
		listed := false
		for _, n := range i.neighbors { // (1)
			if n.state < nbrExchange { // (a)
				continue
			}
			if !n.requests.wantsAfter(entry) { // (b)
				continue
			}
			if n == from { // (c)
				continue
			}
			if entry.Type >= packet.LSOpaqueLink && !n.opaqueCapable() { // RFC 5250 3
				continue
			}
			n.retx.add(entry) // (d)
			listed = true
		}
		if !listed { // (2)
			continue
		}
		if from != nil && i == from.i {
			if from.addr == i.dr || from.addr == i.bdr || i.state == ifBackup { // (3), (4)
				continue
			}
			back = !i.unicast() // then the sender gets no copy
		}
		i.queueFlood(entry) // (5)
	}
	return back
}

// wantsAfter settles the request list against an LSA that is being flooded
// (13.3 (1)(b)): false means that the neighbour needs no copy.
func (l *requestList) wantsAfter(entry *lsdb.Entry) bool {
	h, ok := l.wanted[entry.Key()]
	if !ok {
		return true
	}
	c := packet.Compare(entry.HeaderAt(l.n.i.e.now), h)
	if c >= 0 {
		l.remove(entry.Key())
	}
	return c > 0
}

func (l *requestList) wants(k packet.Key) bool {
	_, ok := l.wanted[k]
	return ok
}

// floodQueue holds the interfaces that have LSAs to flood, in the order in which
// they are served. What the inputs of one instant set free shares packets (13.3 (5)), and
// while a long queue is worked off, further LSAs join those that still wait.
type floodQueue struct {
	ifaces []*iface
	timer  timer
	rested time.Time // nothing leaves before
}

const (
	// After about floodSlice bytes comes floodPause: inputs and other timers have their
	// turn, and queues on the way (the kernel's backlog of 1,000 packets is the
	// shortest) drain.
	floodSlice = 256 * 1500
	floodPause = time.Millisecond
	// floodRest follows every packet that was not full, in proportion to its empty room:
	// on a hub of very many neighbours the next LSAs then share packets. After one change
	// it is 0.2 ms with two neighbours, 0.1 s with a thousand.
	floodRest = 100 * time.Microsecond
)

// queueFlood puts an LSA into the packets that leave the interface next.
func (i *iface) queueFlood(entry *lsdb.Entry) {
	if len(i.flooding) == 0 {
		i.e.floods.ifaces = append(i.e.floods.ifaces, i)
	}
	i.flooding = append(i.flooding, entry)
	i.e.armFloods()
}

// armFloods lets the queue go on as soon as it may.
func (e *Engine) armFloods() {
	q := &e.floods
	if q.timer.armed() {
		return
	}
	at := e.soon()
	if at.Before(q.rested) {
		at = q.rested
	}
	e.timers.set(&q.timer, at)
}

// sendFloods sends what is queued, a slice of it at a time.
func (e *Engine) sendFloods() {
	q := &e.floods
	sent, empty := 0, 0
	n := 0
	for ; n < len(q.ifaces) && sent < floodSlice; n++ {
		i := q.ifaces[n]
		packets, size := i.sendFlood()
		sent += size
		empty += max(0, packets*i.room()-size) * int(floodRest) / i.room()
	}
	q.ifaces = slices.Delete(q.ifaces, 0, n)
	rest := time.Duration(empty)
	if sent >= floodSlice {
		rest += floodPause
	}
	if q.rested = e.now.Add(rest); len(q.ifaces) > 0 {
		e.armFloods()
	}
}

// sendAllFloods sends the whole queue, before the interfaces are forgotten.
func (e *Engine) sendAllFloods() {
	for e.floods.timer.armed() {
		e.timers.stop(&e.floods.timer)
		e.sendFloods()
	}
}

// sendFlood sends what is queued on one interface, without the instances that were
// replaced meanwhile, and says in how many packets and bytes.
func (i *iface) sendFlood() (packets, size int) {
	current := slices.DeleteFunc(i.flooding, func(entry *lsdb.Entry) bool {
		d := i.database(entry.Type)
		return d == nil || d.Lookup(entry.Key()) != entry
	})
	i.flooding = nil
	if i.unicast() {
		return i.sendEach(current)
	}
	return i.sendUpdate(i.floodDestination(), current)
}

// sendEach sends to each neighbour alone what it has not acknowledged of some LSAs (13.3 (5), non-broadcast
// networks; the RFC sends them to their sender as well, which takes that for an acknowledgement).
func (i *iface) sendEach(entries []*lsdb.Entry) (packets, size int) {
	for _, n := range i.neighbors {
		var open []*lsdb.Entry
		for _, entry := range entries {
			if n.retx.get(entry.Key()) == entry {
				open = append(open, entry)
			}
		}
		p, s := i.sendUpdate(n.addr, open)
		packets, size = packets+p, size+s
	}
	return packets, size
}

// floodDestination is where LSAs and delayed acknowledgements for everyone on
// the link go (13.3 (5), 13.5).
func (i *iface) floodDestination() netip.Addr {
	switch i.state {
	case ifPointToPoint, ifDR, ifBackup:
		return allSPFRouters
	}
	return allDRouters
}

// sendUpdate sends LSAs in as few packets as they fit into, aged by
// InfTransDelay (13.3), and returns how many packets and bytes of LSAs. An LSA larger
// than the MTU travels alone and in fragments.
func (i *iface) sendUpdate(dst netip.Addr, entries []*lsdb.Entry) (packets, size int) {
	room := i.room() - 4
	delay := uint16(i.cfg.TransmitDelay.Seconds())
	var lsas [][]byte
	aged := i.e.aged[:0] // send copies it
	flush := func() {
		if len(lsas) > 0 {
			i.send(dst, &packet.LSUpdate{LSAs: lsas})
			packets++
			size += len(aged)
			lsas, aged = lsas[:0], aged[:0]
		}
	}
	for _, entry := range entries {
		if len(aged)+len(entry.Raw) > room {
			flush()
		}
		start := len(aged)
		aged = entry.AppendAt(aged, i.e.now, delay)
		lsas = append(lsas, aged[start:])
	}
	flush()
	i.e.aged = aged
	return packets, size
}
