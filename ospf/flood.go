package ospf

import (
	"net/netip"
	"slices"

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
			if n.exchanging() && !n.requests.wantsAfter(entry) { // (b)
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
			back = true
		}
		i.floods.add(entry) // (5)
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

// floodQueue gathers the LSAs that one Step floods out of an interface, so
// that they share packets.
type floodQueue struct{ entries []*lsdb.Entry }

func (q *floodQueue) add(entry *lsdb.Entry) { q.entries = append(q.entries, entry) }

func (q *floodQueue) clear() { q.entries = nil }

// flushFloods sends what is queued; an instance that was replaced meanwhile is
// left out.
func (i *iface) flushFloods() {
	if len(i.floods.entries) == 0 {
		return
	}
	current := slices.DeleteFunc(i.floods.entries, func(entry *lsdb.Entry) bool {
		d := i.database(entry.Type)
		return d.Lookup(entry.Key()) != entry
	})
	i.sendUpdate(i.floodDestination(), current)
	i.floods.clear()
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
// InfTransDelay (13.3). An LSA larger than the MTU travels alone and in fragments.
func (i *iface) sendUpdate(dst netip.Addr, entries []*lsdb.Entry) {
	room := i.room() - 4
	delay := uint16(i.cfg.TransmitDelay.Seconds())
	var lsas [][]byte
	aged := i.e.aged[:0] // send copies it
	flush := func() {
		if len(lsas) > 0 {
			i.send(dst, &packet.LSUpdate{LSAs: lsas})
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
}
