package ospf

import (
	"fmt"
	"time"

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
	case !l.n.exchanging() && l.n.state != nbrFull:
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
	for _, k := range b.Keys {
		if d := i.database(k.Type); d == nil || d.Lookup(k) == nil {
			n.event(badLSReq, fmt.Sprintf("it asks for %s, which is not in the database", k))
			return
		}
		n.answers.add(k)
	}
	if !n.answers.timer.armed() {
		n.answers.send()
	}
}

// answerList is what a neighbour has asked for and not been sent yet. It leaves
// in slices, because a request of a few bytes can name megabytes.
type answerList struct {
	n      *neighbor
	queue  []packet.Key
	listed map[packet.Key]struct{}
	timer  timer
}

// A slice is so many bytes; a pause in proportion to what was sent follows.
const (
	answerSlice = 128 << 10
	answerPause = 10 * time.Millisecond
)

func (l *answerList) init(n *neighbor) {
	l.n = n
	l.timer.fire = l.send
}

func (l *answerList) add(k packet.Key) {
	if _, ok := l.listed[k]; ok {
		return
	}
	if l.listed == nil {
		l.listed = make(map[packet.Key]struct{})
	}
	l.listed[k] = struct{}{}
	l.queue = append(l.queue, k)
}

func (l *answerList) clear() {
	l.queue, l.listed = nil, nil
	l.n.i.e.timers.stop(&l.timer)
}

// send sends the next slice; what left the database meanwhile is left out.
func (l *answerList) send() {
	i := l.n.i
	var answer []*lsdb.Entry
	size := 0
	for len(l.queue) > 0 && size < answerSlice {
		k := l.queue[0]
		l.queue = l.queue[1:]
		delete(l.listed, k)
		if entry := i.database(k.Type).Lookup(k); entry != nil {
			answer = append(answer, entry)
			size += len(entry.Raw)
		}
	}
	if len(answer) == 0 {
		l.clear()
		return
	}
	i.sendUpdate(l.n.destination(), answer)
	i.e.timers.set(&l.timer, i.e.now.Add(time.Duration(size)*answerPause/answerSlice))
}
