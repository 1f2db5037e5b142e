package ospf

import (
	"fmt"
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// retransmitList is the link state retransmission list of a neighbour (RFC
// 2328 13.6). What was sent equally often waits the same time, so each queue is in the
// order of what is due; entries that were acknowledged are dropped from it when
// their turn comes.
type retransmitList struct {
	n       *neighbor
	entries map[packet.Key]*lsdb.Entry
	queues  [backoffs][]retransmission // by how often it was sent again
	timer   timer
	pause   time.Duration // between slices
	left    int           // entries after the last slice
}

// The interval doubles with each retransmission of an instance, up to eight
// times RxmtInterval (RFC 4222 2 (3)).
const backoffs = 4

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
	l.n.i.e.retransmissions++
	l.push(entry, 0)
}

// push queues the instance for its next retransmission, after so many before.
func (l *retransmitList) push(entry *lsdb.Entry, sent int) {
	i := l.n.i
	level := min(sent, backoffs-1)
	due := i.e.now.Add(i.cfg.RetransmitInterval << level)
	l.queues[level] = append(l.queues[level], retransmission{entry, due})
	if !l.timer.armed() || due.Before(l.timer.at) {
		i.e.timers.set(&l.timer, due)
	}
}

// removeEntry takes an instance off the list and tells whether it was there.
func (l *retransmitList) removeEntry(entry *lsdb.Entry) bool {
	k := entry.Key()
	if l.entries[k] != entry {
		return false
	}
	delete(l.entries, k)
	l.n.i.e.retransmissions--
	l.released(entry)
	if len(l.entries) == 0 {
		l.rest()
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
	for _, q := range l.queues {
		for _, r := range q { // they hold every entry, some twice
			l.removeEntry(r.entry)
		}
	}
	l.entries = nil
	l.rest()
}

// rest ends the retransmissions.
func (l *retransmitList) rest() {
	l.queues = [backoffs][]retransmission{}
	l.pause, l.left = 0, 0
	l.n.i.e.timers.stop(&l.timer)
}

// A long list is sent in slices, so that a neighbour which does not keep up
// is not buried (RFC 4222 2 (4)). The pause between them doubles while the list
// does not grow shorter, and is halved while it does.
const (
	resendSlice    = 100
	minResendPause = 50 * time.Millisecond
	maxResendPause = time.Second
)

// resend sends what was not acknowledged in time to the neighbour alone.
func (l *retransmitList) resend() {
	i := l.n.i
	now := i.e.now
	var again []*lsdb.Entry
	var next time.Time
	overdue := false
	for level := range l.queues {
		q := &l.queues[level]
		for len(*q) > 0 && len(again) < resendSlice && !(*q)[0].due.After(now) {
			entry := (*q)[0].entry
			*q = (*q)[1:]
			if l.entries[entry.Key()] == entry {
				again = append(again, entry)
				overdue = overdue || level+1 >= backoffs-1
				l.push(entry, level+1)
			}
		}
		if len(*q) > 0 && (next.IsZero() || (*q)[0].due.Before(next)) {
			next = (*q)[0].due
		}
	}
	i.e.counters.Retransmits += uint64(len(again))
	i.sendUpdate(l.n.destination(), again)
	if overdue {
		i.e.alarm("unacknowledged", fmt.Sprintf("%s %s", i.name, l.n.addr), fmt.Sprintf("neighbour %s %s", l.n.id, l.complaint()))
	}
	if next.IsZero() {
		return
	}
	if l.left > 0 && len(l.entries) >= l.left {
		l.pause *= 2
	} else {
		l.pause /= 2
	}
	l.pause, l.left = min(max(l.pause, minResendPause), maxResendPause), len(l.entries)
	if earliest := now.Add(l.pause); next.Before(earliest) {
		next = earliest
	}
	i.e.timers.set(&l.timer, next)
}

// overdue counts the LSAs that were sent again three times, for seven times RxmtInterval, and still wait: the list goes on,
// as the RFC has it, but the neighbour does not get or does not take them.
func (l *retransmitList) overdue() (count int) {
	for _, r := range l.queues[backoffs-1] {
		if l.entries[r.entry.Key()] == r.entry {
			count++
		}
	}
	return count
}

func (l *retransmitList) complaint() string {
	return fmt.Sprintf("does not acknowledge %d LSAs, which were sent again three times and more", l.overdue())
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

// anew are the neighbours that had to begin the exchange anew for want of acknowledgements.
type anew struct {
	count uint64
	at    time.Time
	last  string // who it was, and why
}

// settleRetransmissions bounds the retransmission lists of all neighbours together: above the limit the neighbour
// that has most to acknowledge begins the exchange of databases anew, which brings it the same LSAs without a list.
func (e *Engine) settleRetransmissions() {
	limit := e.retransmissionLimit()
	for e.retransmissions > limit {
		var slowest *neighbor
		most := 0
		for _, i := range e.ifaces {
			for _, n := range i.neighbors {
				if listed := len(n.retx.entries); listed > most && n.state >= nbrExchange { // one that is helped while it is Down keeps its list
					slowest, most = n, listed
				}
			}
		}
		if slowest == nil {
			return
		}
		reason := fmt.Sprintf("it has not acknowledged %d LSAs, all neighbours together %d: the limit is %d", most, e.retransmissions, limit)
		what := fmt.Sprintf("neighbour %s on %s begins anew: %s", slowest.id, slowest.i.name, reason)
		e.anew.count++
		e.anew.at, e.anew.last = e.now, what
		e.alarm("retransmit-limit", slowest.i.name, what)
		slowest.event(seqNumberMismatch, reason)
	}
}
