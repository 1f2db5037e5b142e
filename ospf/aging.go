package ospf

import (
	"fmt"
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// agedLSA is a MaxAge instance that waits to leave its database (RFC 2328 14).
type agedLSA struct {
	db    *database
	entry *lsdb.Entry
}

// armAging sets the database's timer to the next LSA that reaches MaxAge.
func (e *Engine) armAging(d *database) {
	at, ok := d.NextAging()
	switch {
	case !ok:
		e.timers.stop(&d.aging)
	case !d.aging.armed() || !d.aging.at.Equal(at):
		e.timers.set(&d.aging, at)
	}
}

// expire floods what grew old in the database (RFC 2328 14).
func (e *Engine) expire(d *database) {
	for _, entry := range d.Expire(e.now) {
		raw := entry.AppendAt(nil, e.now, 0)
		e.flood(d, e.install(d, raw), nil)
	}
	e.armAging(d)
}

// storedCheck looks for LSAs whose checksum is no longer right (RFC 2328 14), a part of the database
// at a time, so that each has its turn every CheckAge.
type storedCheck struct {
	timer timer
	last  packet.Key // looked at
}

const (
	storedParts = 30
	storedEvery = packet.CheckAge * time.Second / storedParts
)

// watchStored begins to look when the database has its first LSA.
func (e *Engine) watchStored(d *database) {
	if d.Len() > 0 && !d.stored.timer.armed() {
		e.timers.set(&d.stored.timer, e.now.Add(storedEvery))
	}
}

// checkStored looks at the next part. What memory has lost is neither used nor flooded any
// more: own LSAs are originated anew, others come with their next instance.
func (e *Engine) checkStored(d *database) {
	n := d.Len()/storedParts + 1
	list := d.After(d.stored.last, n)
	d.stored.last = packet.Key{}
	if len(list) == n {
		d.stored.last = list[n-1].Key()
	}
	for _, entry := range list {
		k := entry.Key()
		if packet.FletcherChecksum(entry.Raw) == entry.Checksum {
			continue
		}
		e.alarm("corrupt-lsa", d.String(), fmt.Sprintf("%s has changed in memory: restart ecmpd, and test the memory of this machine", k))
		if s := e.origin[originKey{d, k}]; s != nil && s.wanted {
			e.emitLSA(s)
			continue
		}
		e.unlist(d, entry)
		d.Remove(k)
		e.applied(e.table.Remove(d.areaID(), k), entry.LSAHeader)
	}
	e.watchStored(d)
}

// sweepMaxAged removes MaxAge LSAs that no neighbour has still to acknowledge,
// unless a database exchange is going on (RFC 2328 14). One that is still on a
// retransmission list comes back when the last list lets it go, so that many
// of them cost no search for every acknowledgement.
func (e *Engine) sweepMaxAged() {
	if !e.maxAgedCheck {
		return
	}
	e.maxAgedCheck = false
	busy := make(map[*database]bool)
	kept := e.maxAged[:0]
	var wrapped []*selfLSA
	for _, m := range e.maxAged {
		exchanging, known := busy[m.db]
		if !known {
			exchanging = e.exchanging(m.db)
			busy[m.db] = exchanging
		}
		if exchanging {
			kept = append(kept, m)
			continue
		}
		k := m.entry.Key()
		if m.entry.Refs > 0 || m.db.Lookup(k) != m.entry { // replaced by a newer instance
			continue
		}
		m.db.Remove(k)
		s := e.origin[originKey{m.db, k}]
		switch {
		case s == nil:
		case s.wrapping:
			wrapped = append(wrapped, s)
		case !s.wanted:
			e.timers.stop(&s.timer)
			delete(e.origin, s.originKey)
		}
	}
	clear(e.maxAged[len(kept):])
	e.maxAged = kept
	for _, s := range wrapped { // 12.1.6: now with InitialSequenceNumber
		e.emitLSA(s)
	}
}
