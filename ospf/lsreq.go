package ospf

import (
	"fmt"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// requestList is the link state request list of a neighbour (RFC 2328 10.9).
type requestList struct {
	n      *neighbor
	wanted map[packet.Key]packet.LSAHeader
	order  []packet.Key            // of arrival; entries no longer wanted are skipped
	asked  map[packet.Key]struct{} // in the packet that is out
	resend timer
}

func (l *requestList) init(n *neighbor) {
	l.n = n
	l.resend.fire = func() {
		n.i.e.counters.Retransmits++
		l.send()
	}
}

func (l *requestList) empty() bool { return len(l.wanted) == 0 }

// add asks for the instance h, or a newer one.
func (l *requestList) add(h packet.LSAHeader) {
	k := h.Key()
	old, ok := l.wanted[k]
	if ok && packet.Compare(h, old) <= 0 {
		return
	}
	if l.wanted == nil {
		l.wanted = make(map[packet.Key]packet.LSAHeader)
	}
	l.wanted[k] = h
	if !ok {
		l.order = append(l.order, k)
	}
}

// remove takes an LSA off the list; [requestList.proceed] draws the consequence
// once the packet at hand is done.
func (l *requestList) remove(k packet.Key) {
	delete(l.wanted, k)
	delete(l.asked, k)
	l.n.i.e.progress = append(l.n.i.e.progress, l.n)
}

func (l *requestList) clear() {
	l.n.i.e.timers.stop(&l.resend)
	l.wanted, l.order, l.asked = nil, nil, nil
}

// proceed sends the next request when the last one has been answered, and
// reports the end of loading (10.9).
func (l *requestList) proceed() {
	switch {
	case !l.n.exchanging():
	case l.empty():
		l.n.i.e.timers.stop(&l.resend)
		l.order, l.asked = nil, nil
		l.n.event(loadingDone, "all requests are answered")
	case len(l.asked) == 0:
		l.send()
	}
}

// send asks for the first LSAs of the list, as many as fit into a packet.
func (l *requestList) send() {
	if l.empty() {
		return
	}
	i := l.n.i
	limit := max(i.room()/12, 1)
	keys := make([]packet.Key, 0, min(limit, len(l.wanted)))
	l.asked = make(map[packet.Key]struct{}, cap(keys))
	skip := 0
	for n, k := range l.order {
		if len(keys) == limit {
			break
		}
		if _, ok := l.wanted[k]; ok {
			if _, twice := l.asked[k]; !twice { // wanted anew since it was asked for
				keys = append(keys, k)
				l.asked[k] = struct{}{}
			}
		} else if n == skip {
			skip++
		}
	}
	l.order = l.order[skip:]
	i.send(l.n.destination(), &packet.LSReq{Keys: keys})
	i.e.timers.set(&l.resend, i.e.now.Add(i.cfg.RetransmitInterval))
}

// receiveLSReq is RFC 2328 10.7. Each LSA is answered once, however often the
// packet names it.
func (n *neighbor) receiveLSReq(h packet.Header, b *packet.LSReq) {
	i := n.i
	if n.state < nbrExchange {
		i.reject(n.addr, h, RejectNeighborState, "%s in state %s", h.Type, n.state)
		return
	}
	seen := make(map[packet.Key]struct{}, len(b.Keys))
	var answer []*lsdb.Entry
	for _, k := range b.Keys {
		if _, ok := seen[k]; ok {
			continue
		}
		seen[k] = struct{}{}
		var entry *lsdb.Entry
		if d := i.database(k.Type); d != nil {
			entry = d.Lookup(k)
		}
		if entry == nil {
			n.event(badLSReq, fmt.Sprintf("it asks for %s, which is not in the database", k))
			return
		}
		answer = append(answer, entry)
	}
	i.sendUpdate(n.destination(), answer)
}

// database is where LSAs of the type that cross this interface live; nil for
// types that the area does not carry.
func (i *iface) database(t packet.LSType) *database {
	switch t {
	case packet.LSRouter, packet.LSNetwork, packet.LSSummary, packet.LSASBRSummary, packet.LSOpaqueArea:
		return i.area.db
	case packet.LSExternal, packet.LSOpaqueAS:
		return i.e.as
	case packet.LSOpaqueLink:
		return i.db
	}
	return nil
}
