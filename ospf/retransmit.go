package ospf

import (
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// retransmitList is the link state retransmission list of a neighbour (RFC
// 2328 13.6). Every instance waits the same time, so a queue in the order of
// sending is in the order of what is due; entries that were acknowledged are
// dropped from it when their turn comes.
type retransmitList struct {
	n       *neighbor
	entries map[packet.Key]*lsdb.Entry
	queue   []retransmission
	timer   timer
}

type retransmission struct {
	entry *lsdb.Entry
	due   time.Time
}

func (l *retransmitList) init(n *neighbor) {
	l.n = n
	l.timer.fire = l.resend
}

func (l *retransmitList) get(k packet.Key) *lsdb.Entry { return l.entries[k] }

// add puts an instance on the list; it counts as sent now.
func (l *retransmitList) add(entry *lsdb.Entry) {
	k := entry.Key()
	if old := l.entries[k]; old == entry {
		return
	} else if old != nil {
		l.removeEntry(old)
	}
	if l.entries == nil {
		l.entries = make(map[packet.Key]*lsdb.Entry)
	}
	l.entries[k] = entry
	entry.Refs++
	l.push(entry)
}

func (l *retransmitList) push(entry *lsdb.Entry) {
	i := l.n.i
	l.queue = append(l.queue, retransmission{entry, i.e.now.Add(i.cfg.RetransmitInterval)})
	if !l.timer.armed() {
		i.e.timers.set(&l.timer, l.queue[0].due)
	}
}

// removeEntry takes an instance off the list and tells whether it was there.
func (l *retransmitList) removeEntry(entry *lsdb.Entry) bool {
	k := entry.Key()
	if l.entries[k] != entry {
		return false
	}
	delete(l.entries, k)
	l.released(entry)
	if len(l.entries) == 0 {
		l.queue = nil
		l.n.i.e.timers.stop(&l.timer)
	}
	return true
}

func (l *retransmitList) released(entry *lsdb.Entry) {
	i := l.n.i
	if entry.Refs--; entry.Refs == 0 && entry.IsMaxAge(i.e.now) {
		i.e.maxAged = append(i.e.maxAged, agedLSA{i.database(entry.Type), entry})
		i.e.maxAgedCheck = true
	}
}

func (l *retransmitList) clear() {
	for _, r := range l.queue { // holds every entry, some twice
		l.removeEntry(r.entry)
	}
	l.entries, l.queue = nil, nil
	l.n.i.e.timers.stop(&l.timer)
}

// A long list is sent in slices, so that a neighbour which does not keep up
// is not buried (RFC 4222 2 (4)).
const (
	resendSlice = 100
	resendPause = 50 * time.Millisecond
)

// resend sends what was not acknowledged in time to the neighbour alone.
func (l *retransmitList) resend() {
	i := l.n.i
	now := i.e.now
	var again []*lsdb.Entry
	for len(l.queue) > 0 && len(again) < resendSlice && !l.queue[0].due.After(now) {
		entry := l.queue[0].entry
		l.queue = l.queue[1:]
		if l.entries[entry.Key()] == entry {
			again = append(again, entry)
			l.queue = append(l.queue, retransmission{entry, now.Add(i.cfg.RetransmitInterval)})
		}
	}
	i.e.counters.Retransmits += uint64(len(again))
	i.sendUpdate(l.n.destination(), again)
	if len(l.queue) > 0 {
		due := l.queue[0].due
		if !due.After(now) {
			due = now.Add(resendPause)
		}
		i.e.timers.set(&l.timer, due)
	}
}

// unlist takes an instance off the retransmission lists of all neighbours.
func (e *Engine) unlist(d *database, entry *lsdb.Entry) {
	if entry.Refs == 0 {
		return
	}
	for _, i := range e.scope(d) {
		for _, n := range i.neighbors {
			n.retx.removeEntry(entry)
		}
	}
}
