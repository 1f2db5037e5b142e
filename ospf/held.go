package ospf

import (
	"bytes"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// heldList is what a neighbour sent within MinLSArrival of the instance before
// it. RFC 2328 13 (5)(a) drops that and lets it come again after the neighbour's
// RxmtInterval. It is taken at the end of MinLSArrival instead, and acknowledged
// only then: a router that starts changes its router-LSA with every adjacency,
// and the answer to a request of ours may be among them.
type heldList struct {
	n     *neighbor
	order []packet.Key // of arrival
	lsas  map[packet.Key]heldLSA
	size  int // bytes
	timer timer
}

type heldLSA struct {
	until  time.Time
	header packet.LSAHeader
	raw    []byte
}

// maxHeld bounds the bytes that are held of one neighbour, about what fits into
// one packet. What goes beyond is dropped and comes again.
const maxHeld = packet.MaxLen

func (l *heldList) init(n *neighbor) {
	l.n = n
	l.timer.fire = l.take
}

// add keeps the newest instance until the end of MinLSArrival.
func (l *heldList) add(h packet.LSAHeader, raw []byte, until time.Time) {
	k := h.Key()
	old, ok := l.lsas[k]
	if ok && packet.Compare(h, old.header) <= 0 {
		return
	}
	size := l.size - len(old.raw) + len(raw)
	if size > maxHeld {
		return
	}
	if l.lsas == nil {
		l.lsas = make(map[packet.Key]heldLSA)
	}
	if !ok {
		l.order = append(l.order, k)
	}
	l.size, l.lsas[k] = size, heldLSA{until, h, bytes.Clone(raw)}
	if !l.timer.armed() || until.Before(l.timer.at) {
		l.n.i.e.timers.set(&l.timer, until)
	}
}

func (l *heldList) clear() {
	l.n.i.e.timers.stop(&l.timer)
	l.order, l.lsas, l.size = nil, nil, 0
}

// take processes what has waited long enough, as if it came now.
func (l *heldList) take() {
	e := l.n.i.e
	var due [][]byte
	var next time.Time
	l.order = slices.DeleteFunc(l.order, func(k packet.Key) bool {
		held := l.lsas[k]
		if held.until.After(e.now) {
			if next.IsZero() || held.until.Before(next) {
				next = held.until
			}
			return false
		}
		due = append(due, held.raw)
		l.size -= len(held.raw)
		delete(l.lsas, k)
		return true
	})
	if !next.IsZero() {
		e.timers.set(&l.timer, next)
	}
	l.n.receiveLSAs(packet.Header{Type: packet.TypeLSUpdate, RouterID: l.n.id, AreaID: l.n.i.area.id}, due)
}
