package ospf

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// originKey names one of our own LSAs.
type originKey struct {
	db  *database
	key packet.Key
}

// selfLSA is an LSA that this router originates, or did until lately.
type selfLSA struct {
	originKey
	content   []byte // the LSA behind its header
	options   packet.Options
	wanted    bool
	wrapping  bool          // waits until the instance with MaxSequenceNumber is gone (12.1.6)
	sent      time.Time     // last origination
	hold      time.Duration // between that and the next one
	pending   bool          // something of it waits for the timer that the network does not know yet
	reclaimed time.Time     // last instance that came from elsewhere (13.4)
	beyond    packet.Seq    // its sequence number; neighbours may remember it longer than we do
	repeat    bool          // neighbours may have dropped the last origination
	timer     timer         // throttle or refresh
}

// originate makes body the contents of one of our LSAs (RFC 2328 12.4). Equal
// contents change nothing; a throttle keeps originations apart.
func (e *Engine) originate(d *database, k packet.Key, body packet.LSABody) {
	e.originateWith(d, k, d.options(), body)
}

func (e *Engine) originateWith(d *database, k packet.Key, options packet.Options, body packet.LSABody) {
	if e.shutdown.flushing || e.restart.holdsBack(k) {
		return
	}
	raw := packet.BuildLSA(packet.LSAHeader{Type: k.Type}, body)
	if raw == nil { // no packet carries it: the last instance stays
		e.alarm("lsa-too-long", k.String(), fmt.Sprintf("%s would be longer than %d bytes: spread the interfaces over more routers or areas", k, packet.MaxLSALen))
		return
	}
	content := raw[packet.LSAHeaderLen:]
	s := e.self(d, k)
	if s.wanted && s.options == options && bytes.Equal(s.content, content) {
		return
	}
	s.pending = s.pending && s.wanted // a flush that is due no longer is
	s.wanted, s.content, s.options = true, content, options
	e.schedule(s)
}

// self is what is known of one of our LSAs, now at the latest.
func (e *Engine) self(d *database, k packet.Key) *selfLSA {
	ok := originKey{d, k}
	s := e.origin[ok]
	if s == nil {
		s = &selfLSA{originKey: ok, beyond: packet.ReservedSeq}
		s.timer.fire = func() { e.due(s) }
		e.origin[ok] = s
	}
	return s
}

// sequencesIn returns how far the sequence numbers of our LSAs in a database have come.
func (e *Engine) sequencesIn(d *database) map[packet.Key]packet.Seq {
	used := make(map[packet.Key]packet.Seq)
	for k, s := range e.origin {
		if k.db != d {
			continue
		}
		seq := s.beyond
		if cur := d.Lookup(k.key); cur != nil {
			seq = max(seq, cur.Seq)
		}
		if seq < packet.MaxSeq { // 12.1.6: what comes after it is the first one again
			used[k.key] = seq
		}
	}
	return used
}

// goOnFrom lets our LSAs in a new database follow those in the one before, as long as neighbours may remember them:
// else they would come back, some of them as often as neighbours do.
func (e *Engine) goOnFrom(d *database, used map[packet.Key]packet.Seq) {
	for _, k := range slices.SortedFunc(maps.Keys(used), packet.Key.Compare) {
		s := e.self(d, k)
		s.beyond = used[k]
		e.timers.set(&s.timer, e.now.Add(packet.MaxAge*time.Second))
	}
}

// emitLSA sends a new instance.
func (e *Engine) emitLSA(s *selfLSA) {
	seq := s.beyond + 1
	if cur := s.db.Lookup(s.key); cur != nil {
		if cur.Seq == packet.MaxSeq { // 12.1.6: flush, and begin anew once it is gone
			s.wrapping, s.beyond = true, packet.ReservedSeq
			e.timers.stop(&s.timer)
			e.flush(s.db, cur)
			return
		}
		seq = max(seq, cur.Seq+1)
	}
	raw := append(make([]byte, packet.LSAHeaderLen, packet.LSAHeaderLen+len(s.content)), s.content...)
	h := packet.LSAHeader{Options: s.options, Type: s.key.Type, ID: s.key.ID, Adv: s.key.Adv, Seq: seq, Length: uint16(len(raw))}
	h.Append(raw[:0])
	packet.SetChecksum(raw)
	s.hold = e.nextHold(s)
	s.sent, s.wrapping, s.repeat, s.pending = e.now, false, false, false
	e.flood(s.db, e.install(s.db, raw), nil)
	e.timers.set(&s.timer, e.now.Add(e.refreshIn()))
}

// due is the end of the LSA's timer: it is originated, refreshed or flushed.
func (e *Engine) due(s *selfLSA) {
	s.pending = false
	if s.wanted {
		e.emitLSA(s)
		return
	}
	if cur := s.db.Lookup(s.key); cur != nil {
		e.flush(s.db, cur)
	} else {
		delete(e.origin, s.originKey)
	}
}

// withdraw flushes one of our LSAs (14.1); unknown ones are left alone.
func (e *Engine) withdraw(d *database, k packet.Key) {
	s := e.origin[originKey{d, k}]
	if s == nil || !s.wanted {
		return
	}
	s.wanted, s.wrapping = false, false
	e.end(s, s.sent)
}

// end flushes an LSA that is not wanted. Just after its instance was flooded that waits: neighbours would drop
// the flush, or it could overtake what it ends, and who does not know that any more takes it for new (13 (4)).
func (e *Engine) end(s *selfLSA, flooded time.Time) {
	if at := flooded.Add(minArrival); !flooded.IsZero() && at.After(e.now) && !e.shutdown.active {
		s.pending = true
		e.timers.set(&s.timer, at)
		return
	}
	e.timers.stop(&s.timer)
	e.due(s)
}

// flush ages an LSA prematurely (14.1): the instance itself, at MaxAge.
func (e *Engine) flush(d *database, cur *lsdb.Entry) {
	if cur.IsMaxAge(e.now) {
		return
	}
	raw := bytes.Clone(cur.Raw)
	packet.SetAge(raw, packet.MaxAge)
	entry := e.install(d, raw)
	entry.Flooded = cur.Flooded // who forges our LSAs is not answered more often
	e.flood(d, entry, nil)
}

// flushAll flushes everything that carries our router id.
func (e *Engine) flushAll() {
	flush := func(d *database) {
		for entry := range d.All() {
			if entry.Adv == e.cfg.RouterID {
				e.flush(d, entry)
			}
		}
	}
	for _, s := range e.origin {
		s.wanted, s.wrapping = false, false
		e.timers.stop(&s.timer)
	}
	for _, a := range e.areas {
		flush(a.db)
	}
	flush(e.as)
	for _, i := range e.ifaces {
		flush(i.db)
	}
}

// selfOriginated tells whether an LSA claims to be ours (13.4): it carries our
// router id, or is the network-LSA of one of our addresses.
func (e *Engine) selfOriginated(h packet.LSAHeader) bool {
	if h.Adv == e.cfg.RouterID {
		return true
	}
	if h.Type != packet.LSNetwork {
		return false
	}
	for _, i := range e.ifaces {
		if i.up && packet.IDFromAddr(i.address()) == h.ID {
			return true
		}
	}
	return false
}

// reclaim answers a self-originated LSA that came from elsewhere and is newer
// than ours (13.4): advance past it when it is wanted, else flush it. What a
// restart finds does not wait for MinLSInterval, for until then the router would
// be gone from its own tree. Neighbours that have only just learned the old
// instance drop the answer (13 (5)(a)), so it is repeated.
func (e *Engine) reclaim(d *database, entry *lsdb.Entry) {
	if e.restart.active { // RFC 3623 2 (1): it is valid
		return
	}
	if a := d.area; a != nil && !a.announced && entry.Key() == e.routerKey() {
		a.rootDirty = true // it stands until the first router-LSA of this run
		return
	}
	s := e.origin[originKey{d, entry.Key()}]
	if s == nil || !s.wanted {
		e.disown(d, entry)
		return
	}
	last := s.reclaimed
	s.reclaimed, s.beyond = e.now, entry.Seq
	if entry.Seq == packet.MaxSeq { // 12.1.6
		s.beyond = packet.ReservedSeq
	}
	if last.IsZero() || e.now.Sub(last) >= time.Minute {
		e.emitLSA(s)
		e.repeat(s)
		return
	}
	if !e.earlier(entry) {
		e.alarm("forged-lsa", entry.Key().String(), fmt.Sprintf("another router sends %s, which is ours: it has our router id, or forges it", entry.Key()))
	}
	if !s.wrapping {
		e.schedule(s)
	}
}

// earlier tells whether an instance that came from elsewhere is of an earlier run: it is older than this one. After a
// crash in the middle of a flood, neighbours that reach each other through this router alone hold different ones.
func (e *Engine) earlier(entry *lsdb.Entry) bool {
	age := time.Duration(entry.AgeAt(e.now)&^packet.DoNotAge) * time.Second
	const rounding = time.Second
	return age < packet.MaxAge*time.Second && age+rounding >= e.now.Sub(e.started)
}

// disown flushes an instance from elsewhere of an LSA that is not wanted, which others are learning as well at this
// moment. A flush that waits already is not put off.
func (e *Engine) disown(d *database, entry *lsdb.Entry) {
	if entry.IsMaxAge(e.now) {
		return
	}
	if s := e.self(d, entry.Key()); !s.pending {
		e.end(s, e.now)
	}
}

// repeat originates once more after MinLSArrival what follows an instance of an
// earlier run: who has only just learned that one drops what follows it at once.
func (e *Engine) repeat(s *selfLSA) {
	if !s.wrapping {
		s.repeat = true
		e.schedule(s)
	}
}

// originateRouter brings the area's router-LSA (12.4.1) and the root of its
// shortest-path tree in line with the interfaces.
func (a *area) originateRouter() {
	e := a.e
	a.updateForward()
	body := packet.RouterLSA{Flags: a.routerFlags()}
	root := a.root[:0:0]
	for _, i := range a.interfaces() {
		links, legs := i.links()
		body.Links = append(body.Links, links...)
		root = append(root, legs...)
	}
	if !slices.Equal(a.root, root) {
		a.root = root
		e.table.SetRoot(a.id, root)
		e.routesDirty = true
		if e.table.Pending() {
			e.topologyChanged("own links changed")
		}
	}
	switch {
	case e.restart.active:
	case a.announced:
		e.originate(a.db, e.routerKey(), body)
	case a.mayAnnounce():
		a.announced = true
		before := a.db.Lookup(e.routerKey())
		e.originate(a.db, e.routerKey(), body)
		if s := e.origin[originKey{a.db, e.routerKey()}]; s != nil && before != nil {
			e.repeat(s)
		}
	}
}

// routerKey names our router-LSA.
func (e *Engine) routerKey() packet.Key {
	return packet.Key{Type: packet.LSRouter, ID: e.cfg.RouterID, Adv: e.cfg.RouterID}
}

// routerFlags: B marks an area border router, V the end of a virtual link through the area, E an
// AS boundary router, which is none in a stub area (12.4.1).
func (a *area) routerFlags() (flags packet.RouterFlags) {
	if a.e.border.active {
		flags |= packet.RouterB
	}
	switch {
	case a.external() && (a.e.boundary() || a.e.border.active && a.e.hasNSSA()),
		a.cfg.Type == AreaNSSA && (a.e.boundary() || a.e.border.active): // RFC 3101 3.1, appendix B
		flags |= packet.RouterE
	}
	if a.endsVirtualLink() {
		flags |= packet.RouterV
	}
	if a.cfg.Type == AreaNSSA && a.cfg.Translator == TranslatorAlways && a.e.border.active {
		flags |= packet.RouterNt
	}
	return flags
}

// boundary tells whether the router is an AS boundary router.
func (e *Engine) boundary() bool {
	return len(e.cfg.Redistribute) > 0 || e.cfg.Default.When != DefaultNever
}

// originateNetwork brings the interface's network-LSA (12.4.2) in line: as DR
// with at least one full neighbour there is one, else none.
func (i *iface) originateNetwork() {
	e := i.e
	body := packet.NetworkLSA{Routers: []packet.ID{e.cfg.RouterID}}
	for _, n := range i.neighbors {
		if n.adjacent() {
			body.Routers = append(body.Routers, n.id)
		}
	}
	var k packet.Key
	if i.state == ifDR && len(body.Routers) > 1 && i.kind() != TypeHybrid { // RFC 6845: router-LSAs describe it
		k = packet.Key{Type: packet.LSNetwork, ID: packet.IDFromAddr(i.address()), Adv: e.cfg.RouterID}
	}
	if i.network != (packet.Key{}) && i.network != k {
		e.withdraw(i.area.db, i.network)
	}
	if i.network = k; k != (packet.Key{}) {
		body.Mask = packet.MaskOf(i.addr.Addr.Bits())
		if i.cfg.SuppressPrefix { // RFC 6860 2
			body.Mask = packet.MaskOf(32)
		}
		e.originate(i.area.db, k, body)
	}
}
