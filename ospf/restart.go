package ospf

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Restarting says that the router begins in a graceful restart (RFC 3623 2): its neighbours still
// count on it, and the routes of the earlier run are in the forwarding table. It is to be given before
// the first [Config], which has to have GracefulRestart.Enabled.
type Restarting struct {
	Left   time.Duration // of the grace period
	Reason packet.RestartReason
	// Announced: the Grace-LSAs were sent before the restart (2.1). After an outage that nobody
	// planned they are sent now, before the first Hello (5).
	Announced bool
}

func (Restarting) input() {}

// RestartChange says that the router's own graceful restart began or ended.
type RestartChange struct {
	Active  bool
	Success bool   // of one that ended: all adjacencies are back
	Reason  string // why it ended
}

func (RestartChange) event() {}

// RestartStatus is the router's own graceful restart.
type RestartStatus struct {
	Active bool
	Left   time.Duration // of the grace period
	Last   string        // how it ended; empty when there was none
}

// restart is the graceful restart of this router (RFC 3623 2). While it is active no LSA is
// originated or flushed but the Grace-LSAs, and no route leaves the engine.
type restart struct {
	given  *Restarting
	active bool
	due    bool // it may be over
	ending bool // it is, but for the routes
	until  time.Time
	last   string
	timer  timer // end of the grace period
	idle   timer // a dead interval has passed
	calm   timer // the other ends have had time to become Full
	sweep  timer // LSAs of the earlier run that this one does not originate are flushed
}

// holdsBack tells whether the graceful restart forbids to originate or flush an LSA (2 (1)).
func (r *restart) holdsBack(k packet.Key) bool { return r.active && !k.IsGrace() }

// Restart returns the state of the router's own graceful restart.
func (e *Engine) Restart(now time.Time) RestartStatus {
	s := RestartStatus{Active: e.restart.active, Last: e.restart.last}
	if s.Active {
		s.Left = max(0, e.restart.until.Sub(now))
	}
	return s
}

// beginRestart enters the graceful restart that was given, with the first configuration.
func (e *Engine) beginRestart() {
	r := &e.restart
	if r.given == nil || r.given.Left <= 0 || !e.cfg.GracefulRestart.Enabled {
		r.given = nil
		return
	}
	r.active, r.until = true, e.now.Add(r.given.Left)
	e.timers.set(&r.timer, r.until)
	e.timers.set(&r.idle, e.now.Add(e.longestDead()))
	e.emit(RestartChange{Active: true, Reason: r.given.Reason.String()})
}

// settleRestart ends the graceful restart if one of the conditions of 2.2 holds, and tells whether it did.
func (e *Engine) settleRestart() bool {
	r := &e.restart
	if !r.active || !r.due {
		return false
	}
	r.due = false
	for _, a := range e.areas {
		if why := a.inconsistent(); why != "" { // (2)
			e.endRestart(false, why)
			return true
		}
	}
	if slices.ContainsFunc(e.areas, func(a *area) bool { return !a.reestablished() }) {
		return false
	}
	if at := e.lastFull().Add(calmTime); e.now.Before(at) {
		e.timers.set(&r.calm, at)
		return false
	}
	e.endRestart(true, "all adjacencies are back") // (1)
	return true
}

// calmTime is how long the last adjacency has to be Full: its other end may have LSAs to ask for yet, and
// who helps until then must not be told sooner that it is over.
const calmTime = time.Second

// lastFull is when the last adjacency became Full.
func (e *Engine) lastFull() (last time.Time) {
	for _, i := range e.ifaces {
		for _, n := range i.neighbors {
			if n.state == nbrFull && n.since.After(last) {
				last = n.since
			}
		}
	}
	return last
}

// endRestart goes back to normal operation (2.3).
func (e *Engine) endRestart(success bool, why string) {
	r := &e.restart
	if !r.active {
		return
	}
	r.active, r.given = false, nil
	r.last = why
	e.timers.stop(&r.timer)
	e.timers.stop(&r.idle)
	e.timers.stop(&r.calm)
	e.emit(RestartChange{Success: success, Reason: why})
	for _, a := range e.areas { // (1)
		a.rootDirty, a.announced = true, true
		e.resumeIDs(&a.summaries, a.db, packet.LSSummary)
		e.resumeIDs(&a.nssa.externals, a.db, packet.LSNSSA)
	}
	e.resumeIDs(&e.externals.linkStateIDs, e.as, packet.LSExternal)
	for _, i := range e.ifaces { // (2)
		i.originateNetwork()
	}
	r.ending = true // (3), (4): routes are calculated when the router-LSAs are there
	e.border.due = true
	e.originateExternals()
	e.timers.set(&r.sweep, e.now.Add(packet.MinLSInterval*time.Second)) // (5)
	for _, i := range e.ifaces {                                        // (6)
		i.flushGrace()
	}
}

// resumeIDs lets prefixes keep the link state ids that they had before the restart: one that changed hands would
// take MinLSInterval to say what it shall (appendix E). Bodies begin with the mask (A.4.4, A.4.5).
func (e *Engine) resumeIDs(ids *linkStateIDs, d *database, t packet.LSType) {
	for entry := range d.Type(t) {
		if !e.selfOriginated(entry.LSAHeader) || entry.IsMaxAge(e.now) {
			continue
		}
		if bits, ok := packet.MaskLen(packet.ID(binary.BigEndian.Uint32(entry.Raw[packet.LSAHeaderLen:]))); ok {
			ids.resume(netip.PrefixFrom(entry.ID.Addr(), bits).Masked(), entry.ID)
		}
	}
}

// concludeRestart publishes the first routes after a graceful restart (2.3 (3)).
func (e *Engine) concludeRestart() {
	if !e.restart.ending {
		return
	}
	e.restart.ending = false
	e.delay.trigger = "graceful restart is over"
	e.runSPF()
	e.routesDirty = true
}

// sweepRestart flushes LSAs of the earlier run that this one does not originate (2.3 (5)).
func (e *Engine) sweepRestart() {
	sweep := func(d *database) {
		for entry := range d.All() {
			s := e.origin[originKey{d, entry.Key()}]
			if e.selfOriginated(entry.LSAHeader) && (s == nil || !s.wanted) {
				e.flush(d, entry)
			}
		}
	}
	for _, a := range e.areas {
		sweep(a.db)
	}
	sweep(e.as)
	for _, i := range e.ifaces {
		sweep(i.db)
	}
}

// inconsistent says what contradicts the area's router-LSA of before the restart (2.2 (2)); empty when nothing does.
func (a *area) inconsistent() string {
	e := a.e
	links, known := a.before()
	if !known {
		for _, i := range a.interfaces() {
			for _, n := range i.neighbors {
				if n.state == nbrFull {
					return fmt.Sprintf("%s on %s does not have our router-LSA", n.id, i.name)
				}
			}
		}
		return ""
	}
	for _, l := range links {
		switch l.Type {
		case packet.LinkPointToPoint, packet.LinkVirtual:
			if !a.linksBack(l.ID, l.Type, e.cfg.RouterID) {
				return fmt.Sprintf("the router-LSA of %s does not list us", l.ID)
			}
		case packet.LinkTransit:
			if why := a.contradicts(l); why != "" {
				return why
			}
		}
	}
	return ""
}

// before is what the router-LSA of before the restart says, as soon as a neighbour has sent it.
func (a *area) before() (links []packet.RouterLink, known bool) {
	entry := a.db.Lookup(a.e.routerKey())
	if entry == nil || entry.IsMaxAge(a.e.now) {
		return nil, false
	}
	lsa, err := packet.DecodeRouterLSA(entry.Raw)
	return lsa.Links, err == nil
}

// linksBack tells whether a router-LSA has a link of a type and id. One that is not known yet might.
func (a *area) linksBack(router packet.ID, t packet.LinkType, to packet.ID) bool {
	entry := a.db.Lookup(packet.Key{Type: packet.LSRouter, ID: router, Adv: router})
	if entry == nil {
		return true
	}
	lsa, err := packet.DecodeRouterLSA(entry.Raw)
	return err == nil && slices.ContainsFunc(lsa.Links, func(l packet.RouterLink) bool { return l.Type == t && l.ID == to })
}

// contradicts says what is wrong with a transit network of the router-LSA of before the restart.
func (a *area) contradicts(l packet.RouterLink) string {
	self := a.e.cfg.RouterID
	for entry := range a.db.Type(packet.LSNetwork) {
		if entry.ID != l.ID || entry.IsMaxAge(a.e.now) {
			continue
		}
		lsa, err := packet.DecodeNetworkLSA(entry.Raw)
		switch {
		case err != nil || !slices.Contains(lsa.Routers, self):
			return fmt.Sprintf("the network-LSA of %s does not list us", l.ID)
		case entry.Adv != self:
			continue
		}
		for _, router := range lsa.Routers { // ours
			if router != self && !a.linksBack(router, packet.LinkTransit, l.ID) {
				return fmt.Sprintf("the router-LSA of %s does not list the network of %s", router, l.ID)
			}
		}
	}
	return ""
}

// reestablished tells whether every adjacency of the area's router-LSA of before the restart is back (2.2 (1)).
func (a *area) reestablished() bool {
	links, known := a.before()
	if !known { // nobody was adjacent, or is yet
		return a.silentFor(a.e.longestDead())
	}
	routers := map[packet.ID]int{} // links to each
	for _, l := range links {
		switch l.Type {
		case packet.LinkPointToPoint, packet.LinkVirtual:
			routers[l.ID]++
		case packet.LinkTransit:
			if !a.transitBack(l) {
				return false
			}
		}
	}
	for _, i := range a.interfaces() {
		if !i.described() {
			continue
		}
		linked := (*neighbor).adjacent
		if i.kind() == TypeHybrid { // who is 2-Way there is linked to as the DR says, and is none of another link's adjacencies
			linked = i.synchronised()
		}
		for _, n := range i.neighbors {
			if linked(n) {
				routers[n.id]--
			}
		}
	}
	for _, missing := range routers {
		if missing > 0 {
			return false
		}
	}
	return true
}

// described tells whether router-LSAs have a link to each neighbour of the network, rather than to the network.
func (i *iface) described() bool { return i.kind() != TypeBroadcast && i.kind() != TypeNonBroadcast }

// transitBack tells whether the adjacencies of a transit network are back: with the DR, or
// as the DR with every router that the network-LSA lists.
func (a *area) transitBack(l packet.RouterLink) bool {
	e := a.e
	for _, i := range a.interfaces() {
		if packet.IDFromAddr(i.address()) != l.Data {
			continue
		}
		if l.ID != l.Data {
			return slices.ContainsFunc(i.neighbors, func(n *neighbor) bool {
				return n.state == nbrFull && packet.IDFromAddr(n.addr) == l.ID
			})
		}
		entry := a.db.Lookup(packet.Key{Type: packet.LSNetwork, ID: l.ID, Adv: e.cfg.RouterID})
		if entry == nil {
			return false
		}
		lsa, err := packet.DecodeNetworkLSA(entry.Raw)
		return err == nil && !slices.ContainsFunc(lsa.Routers, func(id packet.ID) bool {
			return id != e.cfg.RouterID && !slices.ContainsFunc(i.neighbors, func(n *neighbor) bool { return n.state == nbrFull && n.id == id })
		})
	}
	return false
}

// silentFor tells whether, that long after the start, no adjacency is on its way in the area.
func (a *area) silentFor(d time.Duration) bool {
	listening := false
	for _, i := range a.interfaces() {
		listening = listening || i.listens()
		if i.state == ifWaiting || slices.ContainsFunc(i.neighbors, func(n *neighbor) bool { return n.state >= nbrInit && !n.stays() }) {
			return false
		}
	}
	return !listening || !a.e.now.Before(a.e.started.Add(d))
}

// resumeRole makes the router DR or Backup again that a neighbour still takes for it
// (2 (3)), without waiting for the end of the election's wait.
func (i *iface) resumeRole(n *neighbor) bool {
	switch own := i.address(); {
	case !i.e.restart.active:
		return false
	case n.dr == own, n.bdr == own && n.dr == n.addr: // where the DR is not there yet, the Backup would succeed it
		i.dr, i.bdr = n.dr, n.bdr
	default:
		return false
	}
	i.event(backupSeen, fmt.Sprintf("neighbour %s knows us from before the restart", n.id))
	i.designatedChanged()
	i.sendHello() // those who help elect by what our Hellos say as soon as the restart is over
	return true
}

// stopRestart forgets a graceful restart: the router is no longer the one that its neighbours wait for.
func (e *Engine) stopRestart() {
	r := &e.restart
	r.active, r.given = false, nil
	for _, t := range []*timer{&r.timer, &r.idle, &r.calm, &r.sweep} {
		e.timers.stop(t)
	}
}
