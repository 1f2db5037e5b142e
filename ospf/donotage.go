package ospf

import (
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// doNotAge looks after the LSAs of a database that do not grow old (RFC 1793 2.3, 2.5). This router makes none: it
// has no demand circuits.
type doNotAge struct {
	timer       timer
	unreachable map[packet.ID]time.Time // their originators, since when
	flushed     time.Time               // last time that they were because not every router knows the bit
}

// demandCheck is how often somebody looks, while there are such LSAs. Nothing here is in a hurry.
const demandCheck = time.Minute

// watchDoNotAge begins to look after the database when the first such LSA enters.
func (e *Engine) watchDoNotAge(d *database) {
	if d.Demand().DoNotAge > 0 && !d.doNotAge.timer.armed() {
		e.timers.set(&d.doNotAge.timer, e.now.Add(demandCheck))
	}
}

// checkDoNotAge flushes what of the database does not grow old and must not stay.
func (e *Engine) checkDoNotAge(d *database) {
	w := &d.doNotAge
	var entries []*lsdb.Entry
	for entry := range d.All() {
		if entry.Age&packet.DoNotAge != 0 && !entry.IsMaxAge(e.now) {
			entries = append(entries, entry)
		}
	}
	w.learn(e, d, entries)
	forbidden := !e.doNotAgeAllowed(d)
	if forbidden && !w.flushed.IsZero() && e.now.Sub(w.flushed) < packet.LSRefreshTime*time.Second {
		forbidden = false // a router that goes on making them is not fought
	} else if forbidden && len(entries) > 0 {
		w.flushed = e.now
	}
	const limit = packet.MaxAge * time.Second
	for _, entry := range entries {
		since, gone := w.unreachable[entry.Adv]
		if forbidden || gone && e.now.Sub(since) >= limit && e.now.Sub(entry.Installed) >= limit { // 2.3 (1), (2)
			e.flush(d, entry)
		}
	}
	e.watchDoNotAge(d)
}

// learn notes since when originators of the entries are unreachable, and forgets all others.
func (w *doNotAge) learn(e *Engine, d *database, entries []*lsdb.Entry) {
	before := w.unreachable
	w.unreachable = make(map[packet.ID]time.Time)
	for _, entry := range entries {
		if _, known := w.unreachable[entry.Adv]; known || e.reaches(d, entry.Adv) {
			continue
		}
		since, ok := before[entry.Adv]
		if !ok {
			since = e.now
		}
		w.unreachable[entry.Adv] = since
	}
}

// reaches tells whether the routing table has a way to the originator of an LSA.
func (e *Engine) reaches(d *database, id packet.ID) bool {
	if id == e.cfg.RouterID {
		return true
	}
	inArea := func(a *area) bool { _, _, ok := e.table.Router(a.id, id); return ok }
	if d.area != nil {
		return inArea(d.area)
	}
	_, ok := e.table.ASBR(id)
	return ok || slices.ContainsFunc(e.areas, inArea)
}

// doNotAgeAllowed tells whether every router that has the LSAs of the database knows the DoNotAge bit, as
// the DC bits say (RFC 1793 2.5): in areas with externals those of all of them count.
func (e *Engine) doNotAgeAllowed(d *database) bool {
	if d.area != nil && !d.area.external() {
		return d.area.db.Demand().Clear == 0
	}
	return e.as.Demand().Clear == 0 && !slices.ContainsFunc(e.areas, func(a *area) bool {
		return a.external() && (d.area == nil || d.area == a) && a.db.Demand().Clear > 0
	})
}

// settleIndications tells each area with externals by an indication-LSA that routers beyond it do not know the DoNotAge
// bit, if nothing else there does (RFC 1793 2.5.1).
func (e *Engine) settleIndications() {
	for _, a := range e.areas {
		k := a.summaryKey(packet.LSASBRSummary, e.cfg.RouterID)
		if a.needsIndication() {
			e.originateWith(a.db, k, a.options(), packet.SummaryLSA{Metric: packet.LSInfinity})
		} else {
			e.withdraw(a.db, k)
		}
	}
}

func (a *area) needsIndication() bool {
	e := a.e
	if !e.border.active || !a.external() {
		return false
	}
	own, others := a.indications()
	if count := a.db.Demand(); count.Clear > count.Indications || others > 0 && (own == 0 || own < others) {
		return false // another says it, if indicating it is the one with the largest router id
	}
	return slices.ContainsFunc(e.areas, func(o *area) bool {
		if o == a || !o.external() {
			return false
		}
		count := o.db.Demand()
		if o.id != 0 {
			return count.Clear > count.Indications
		}
		own, _ := o.indications()
		return count.Clear > 1 || count.Clear == 1 && own == 0
	})
}

// indications are the advertising routers of the area's indication-LSAs: ourselves, and the largest of the
// others; 0: nobody.
func (a *area) indications() (own, others packet.ID) {
	if a.db.Demand().Indications == 0 {
		return 0, 0
	}
	for entry := range a.db.Type(packet.LSASBRSummary) {
		switch {
		case !entry.IsIndication() || entry.IsMaxAge(a.e.now):
		case entry.Adv == a.e.cfg.RouterID:
			own = entry.Adv
		default:
			others = max(others, entry.Adv)
		}
	}
	return own, others
}
