package ospf

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// defaultMaxLSAs bounds a database when the configuration does not.
const defaultMaxLSAs = 1_000_000

// defaultMaxRetransmissions bounds the retransmission lists when the configuration does not: some 400 MB.
const defaultMaxRetransmissions = 4_000_000

// lsaLimit bounds the weight of a database. That of one link, where only a few
// opaque LSAs are at home, gets a small share.
func (e *Engine) lsaLimit(d *database) int {
	const linkShare = 64
	limit := e.cfg.MaxLSAs
	if limit <= 0 {
		limit = defaultMaxLSAs
	}
	if d.iface != nil {
		limit = max(1, limit/linkShare)
	}
	return limit
}

// retransmissionLimit bounds the retransmission lists of all neighbours together.
func (e *Engine) retransmissionLimit() int {
	return cmp.Or(e.cfg.MaxRetransmissions, defaultMaxRetransmissions)
}

// externalLimit bounds the AS-external-LSAs, and the type 7 LSAs of an NSSA (RFC 1765 2.1, ospfExtLsdbLimit).
func (e *Engine) externalLimit() int {
	limit := e.lsaLimit(e.as)
	if e.cfg.MaxExternals > 0 {
		limit = min(limit, e.cfg.MaxExternals)
	}
	return limit
}

// full tells whether the database has no room for raw in place of cur. The
// limit of bytes follows from that of the weight, at a generous average length.
func (e *Engine) full(d *database, cur *lsdb.Entry, h packet.LSAHeader, raw []byte) bool {
	const average, least = 256, 1 << 20
	weight, size := lsdb.Weight(raw), len(raw)
	if cur != nil {
		weight -= lsdb.Weight(cur.Raw)
		size -= len(cur.Raw)
	}
	limit := e.lsaLimit(d)
	return weight > 0 && d.Weight()+weight > limit ||
		size > 0 && d.Bytes()+size > max(limit*average, least) ||
		cur == nil && e.tooManyExternals(d, h)
}

// tooManyExternals tells whether a new external is one too many (RFC 1765 2.3.1). Default routes do not
// count, and own ones of an earlier run come in to be flushed (2.3.3).
func (e *Engine) tooManyExternals(d *database, h packet.LSAHeader) bool {
	if h.Type != packet.LSExternal && h.Type != packet.LSNSSA || h.ID == 0 || e.selfOriginated(h) {
		return false
	}
	return d.externals(h.Type) >= e.externalLimit()
}

// externals counts the LSAs of the type but for default routes, as far as these are few.
func (d *database) externals(t packet.LSType) int {
	const few = 64
	defaults := 0
	for entry := range d.Type(t) {
		if entry.ID != 0 || defaults == few {
			break
		}
		defaults++
	}
	return d.Count(t) - defaults
}

// refuseFull drops an LSA that there is no room for. It is not acknowledged, so
// that a neighbour which has flooded it goes on sending it.
func (n *neighbor) refuseFull(ph packet.Header, d *database, h packet.LSAHeader) {
	n.i.reject(n.addr, ph, RejectLSALimit, "database is full (%d LSAs, %d bytes): %s refused", d.Len(), d.Bytes(), h.Key())
	n.i.e.miss(d, h.Key(), n)
	n.i.e.refused(d, func() string {
		return fmt.Sprintf("database is full (%d LSAs, %d bytes); %s announces %d of them", d.Len(), d.Bytes(), h.Adv, d.CountAdv(h.Adv))
	})
	n.requests.remove(h.Key())
}

// refused notes that the database does not have an LSA which it should, for want of room.
func (e *Engine) refused(d *database, detail func() string) {
	d.refused++
	d.refusedAt = e.now
	if e.mayAlarm("lsa-limit", d.String()) {
		e.alarm("lsa-limit", d.String(), detail())
	}
}

// incomplete tells whether the database may lack LSAs for want of room: one that was
// refused is sent again within LSRefreshTime.
func (d *database) incomplete(now time.Time) bool {
	return !d.refusedAt.IsZero() && now.Sub(d.refusedAt) < packet.LSRefreshTime*time.Second
}

// overflow is OverflowState of RFC 1765: at the limit of externals a router takes its own
// back, so that there is room for those of others.
type overflow struct {
	active bool
	exit   timer // ospfExitOverflowInterval
}

// settleOverflow enters OverflowState at the limit (RFC 1765 2.2).
func (e *Engine) settleOverflow() {
	count, limit := e.as.externals(packet.LSExternal), e.externalLimit()
	if e.overflow.active || count < limit || e.shutdown.active {
		return
	}
	e.overflow.active, e.externals.due, e.externals.rested = true, true, time.Time{}
	e.armExitOverflow()
	e.emit(OverflowChange{Active: true, Externals: count, Limit: limit})
}

// armExitOverflow spreads the instants at which routers that entered OverflowState together come back.
func (e *Engine) armExitOverflow() {
	if wait := e.cfg.ExitOverflow; wait > 0 {
		e.timers.set(&e.overflow.exit, e.now.Add(wait-time.Duration(e.rng.Int64N(int64(wait/2)+1))))
	} else {
		e.timers.stop(&e.overflow.exit)
	}
}

// exitOverflow leaves OverflowState if our externals have room beside those of others, else tries
// later (RFC 1765 2.4).
func (e *Engine) exitOverflow() {
	if !e.overflow.active {
		return
	}
	count, limit := e.as.externals(packet.LSExternal), e.externalLimit()
	_, own := e.ownExternals()
	delete(own, defaultPrefix)
	if count+len(own) >= limit {
		e.armExitOverflow()
		return
	}
	e.timers.stop(&e.overflow.exit)
	e.overflow.active, e.externals.due = false, true
	e.emit(OverflowChange{Externals: count, Limit: limit})
}

// curtail leaves the default route of the externals in OverflowState (RFC 1765 2.3.2).
func (o *overflow) curtail(all map[netip.Prefix]external) map[netip.Prefix]external {
	if !o.active {
		return all
	}
	kept := make(map[netip.Prefix]external)
	if x, ok := all[defaultPrefix]; ok {
		kept[defaultPrefix] = x
	}
	return kept
}

// LimitStatus is how much the databases hold and what the limits have kept out.
type LimitStatus struct {
	Overflow                bool // own AS-external-LSAs are taken back for want of room (RFC 1765)
	Externals, MaxExternals int  // AS-external-LSAs but for default routes
	Databases               []DatabaseLimit
	Retransmissions         RetransmissionLimit
}

// RetransmissionLimit is how long the retransmission lists of all neighbours are together.
type RetransmissionLimit struct {
	LSAs, Max int
	Exceeded  uint64        // neighbours that had to begin the exchange anew
	Last      string        // which one was the last, and why
	Ago       time.Duration // since then
}

// DatabaseLimit is one flooding scope.
type DatabaseLimit struct {
	Scope      string // "AS", "area 0.0.0.0", "link eth0"
	LSAs, Max  int    // a router-LSA counts as often as it has links
	Refused    uint64 // LSAs that there was no room for
	Incomplete bool   // one of them may still be missing
}

// Limits returns what the databases hold, links only if something of theirs was refused.
func (e *Engine) Limits(now time.Time) LimitStatus {
	s := LimitStatus{Databases: []DatabaseLimit{}}
	if e.started.IsZero() {
		return s
	}
	s.Overflow, s.Externals, s.MaxExternals = e.overflow.active, e.as.externals(packet.LSExternal), e.externalLimit()
	add := func(d *database) {
		s.Databases = append(s.Databases, DatabaseLimit{
			Scope: d.String(), LSAs: d.Weight(), Max: e.lsaLimit(d), Refused: d.refused, Incomplete: d.incomplete(now),
		})
	}
	s.Retransmissions = RetransmissionLimit{LSAs: e.retransmissions, Max: e.retransmissionLimit(), Exceeded: e.anew.count, Last: e.anew.last}
	if e.anew.count > 0 {
		s.Retransmissions.Ago = now.Sub(e.anew.at)
	}
	for _, a := range e.areas {
		add(a.db)
	}
	add(e.as)
	for _, i := range e.ifaces {
		if i.db.refused > 0 {
			add(i.db)
		}
	}
	return s
}
