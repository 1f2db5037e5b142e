package ospf

import (
	"errors"
	"fmt"
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// verdict is what the processing of one received LSA leads to.
type verdict uint8

const (
	drop        verdict = iota // no acknowledgement
	direct                     // acknowledge at once to the sender
	delayed                    // acknowledge later, to everyone on the link
	implied                    // was itself an acknowledgement
	floodedBack                // went out again on the receiving interface
	stop                       // the rest of the packet is not to be processed
)

// receiveLSUpdate is RFC 2328 13, first part.
func (n *neighbor) receiveLSUpdate(h packet.Header, b *packet.LSUpdate) {
	i := n.i
	if n.state < nbrExchange {
		i.reject(n.addr, h, RejectNeighborState, "%s in state %s", h.Type, n.state)
		return
	}
	if b.Truncated {
		i.reject(n.addr, h, RejectMalformed, "an LSA runs past the end of the packet")
	}
	n.receiveLSAs(h, b.LSAs)
}

// receiveLSAs takes LSAs one by one and acknowledges them.
func (n *neighbor) receiveLSAs(h packet.Header, list [][]byte) {
	i := n.i
	var acks []packet.LSAHeader
	for _, raw := range list {
		lsa, err := packet.CheckLSA(raw)
		if err != nil { // (1), (2)
			n.refuse(h, lsa, err)
			continue
		}
		switch n.receiveLSA(h, lsa, raw) {
		case direct:
			acks = append(acks, lsa)
		case delayed:
			if i.state != ifBackup || n.addr == i.dr { // 13.5, table 19
				n.delayAck(lsa)
			}
		case implied:
			if i.state == ifBackup && n.addr == i.dr {
				n.delayAck(lsa)
			}
		case stop:
			i.sendAcks(n.destination(), acks)
			return
		}
	}
	i.sendAcks(n.destination(), acks)
}

// refuse drops an LSA that is not well formed (13 (1), (2)). One that came
// intact will not be better next time: it is asked for no longer, or one such
// LSA anywhere would keep every adjacency of the area in Loading.
func (n *neighbor) refuse(ph packet.Header, h packet.LSAHeader, err error) {
	n.i.reject(n.addr, ph, RejectLSA, "%v", err)
	var e *packet.Error
	if !errors.As(err, &e) || e.Reason == packet.BadLSAChecksum {
		return
	}
	n.requests.remove(h.Key())
	if e.Reason == packet.BadLSAID {
		n.i.e.alarm("forged-lsa", n.i.name, fmt.Sprintf("neighbour %s sent %v", n.id, err))
	}
}

// receiveLSA takes one LSA through the steps of RFC 2328 13 and answers with
// the row of table 19 that applies.
func (n *neighbor) receiveLSA(ph packet.Header, h packet.LSAHeader, raw []byte) verdict {
	i, e := n.i, n.i.e
	d := i.database(h.Type)
	if d == nil { // (2), (3), RFC 3101 2.3
		i.reject(n.addr, ph, RejectLSA, "%s is not carried in area %s", h.Type, i.area.id)
		return drop
	}
	cur := d.Lookup(h.Key())
	maxAge := h.Age&^packet.DoNotAge >= packet.MaxAge
	if cur == nil && maxAge && !e.exchanging(d) { // (4)
		delete(d.missed.from, h.Key())
		n.requests.remove(h.Key())
		return direct
	}
	newer := 1
	if cur != nil {
		newer = packet.Compare(h, cur.HeaderAt(e.now))
	}
	switch {
	case newer > 0: // (5)
		return n.receiveNewer(ph, d, cur, h, raw)
	case n.requests.wants(h.Key()): // (6)
		n.event(badLSReq, fmt.Sprintf("it sent an old instance of %s, which was requested", h.Key()))
		return stop
	case newer == 0: // (7)
		if n.retx.removeEntry(cur) {
			return implied
		}
		return direct
	}
	// (8) the database copy is newer
	if cur.Seq == packet.MaxSeq && cur.IsMaxAge(e.now) {
		return drop
	}
	if n.mayReply(h.Key()) {
		i.sendUpdate(n.destination(), []*lsdb.Entry{cur})
	}
	return drop
}

// receiveNewer is step (5) of RFC 2328 13.
func (n *neighbor) receiveNewer(ph packet.Header, d *database, cur *lsdb.Entry, h packet.LSAHeader, raw []byte) verdict {
	e := n.i.e
	requested := n.requests.wants(h.Key())
	if cur != nil && cur.Flooded { // (a)
		if until := cur.Installed.Add(packet.MinLSArrival * time.Second); e.now.Before(until) {
			n.held.add(h, raw, until)
			return drop
		}
	}
	if e.full(d, cur, h, raw) {
		n.refuseFull(ph, d, h)
		return drop
	}
	entry := e.install(d, raw) // (c), (d); 13.2
	entry.Flooded = !requested
	back := e.flood(d, entry, n) // (b)
	switch {
	case e.selfOriginated(h): // (f)
		e.reclaim(d, entry)
	case h.Key().IsGrace():
		n.i.receiveGrace(entry)
	}
	if back { // (e), table 19: flooded back out of the receiving interface
		return floodedBack
	}
	return delayed
}

// maxReplies bounds the memory of step (8)'s rate limit per neighbour.
const maxReplies = 1024

// mayReply limits step (8) to one reply per LSA and MinLSArrival.
func (n *neighbor) mayReply(k packet.Key) bool {
	now := n.i.e.now
	if last, ok := n.replied[k]; ok && now.Sub(last) < packet.MinLSArrival*time.Second {
		return false
	}
	if len(n.replied) >= maxReplies || n.replied == nil {
		n.replied = make(map[packet.Key]time.Time)
	}
	n.replied[k] = now
	return true
}

// install puts an LSA into its database and draws the consequences for the
// routing table (RFC 2328 13.2). The instance that it replaces leaves all
// retransmission lists (13 (5)(c)).
func (e *Engine) install(d *database, raw []byte) *lsdb.Entry {
	h, _ := packet.DecodeLSAHeader(raw)
	old := d.Lookup(h.Key())
	unknown := false // to some neighbour: what the instance before has changed
	if old != nil {
		unknown = old.Changed && old.Refs > 0
		e.unlist(d, old)
	}
	entry, changed := d.Install(e.now, raw)
	entry.Changed = changed || unknown
	e.restart.due = e.restart.due || changed && (h.Type == packet.LSRouter || h.Type == packet.LSNetwork)
	if changed && (old != nil || !entry.IsMaxAge(e.now)) {
		e.noteChange(d, entry)
		e.hybridChanged(d, entry)
	}
	e.externals.due = e.externals.due || changed && h.Type == packet.LSNSSA && d.area.nssa.translates
	e.armAging(d)
	e.watchDoNotAge(d)
	e.watchStored(d)
	switch {
	case entry.IsMaxAge(e.now):
		e.maxAged = append(e.maxAged, agedLSA{d, entry})
		e.maxAgedCheck = true
		e.applied(e.table.Remove(d.areaID(), h.Key()), h)
	case changed:
		e.applied(e.table.Install(d.areaID(), h, entry.Raw), h)
	}
	return entry
}
