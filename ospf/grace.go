package ospf

import (
	"fmt"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// RestartPrepared says that the router is ready to be restarted (RFC 3623 2.1).
type RestartPrepared struct {
	Left         time.Duration // of the grace period
	Acknowledged int           // full neighbours that have the Grace-LSA
	Missing      []string      // those that do not, or cannot: "10.0.0.2 on eth1"; they will not wait
}

func (RestartPrepared) event() {}

// How Grace-LSAs are sent before a restart: again to those that did not acknowledge, for so long.
const (
	graceRepeat  = 500 * time.Millisecond
	maxGraceWait = 3 * time.Second
)

// prepareRestart brings the routes up to date and sends the Grace-LSAs (RFC 3623 2.1).
func (e *Engine) prepareRestart() {
	s := &e.shutdown
	s.active, s.restart, s.until = true, true, e.now.Add(maxGraceWait)
	e.timers.stop(&e.delay.timer)
	e.runSPF()
	for _, i := range e.ifaces {
		if slices.ContainsFunc(i.neighbors, func(n *neighbor) bool { return n.state == nbrFull }) {
			i.originateGrace(e.cfg.GracefulRestart.Interval, packet.RestartSoftware)
		}
	}
	e.timers.set(&s.timer, e.now.Add(graceRepeat))
}

// repeatGrace sends the Grace-LSAs again to those that did not acknowledge, until it has been long enough.
func (e *Engine) repeatGrace() {
	if !e.now.Before(e.shutdown.until) {
		e.finishRestart()
		return
	}
	for _, i := range e.ifaces {
		entry := i.ownGrace()
		for _, n := range i.neighbors {
			if entry != nil && n.retx.get(entry.Key()) == entry {
				i.sendUpdate(n.destination(), []*lsdb.Entry{entry})
			}
		}
	}
	e.timers.set(&e.shutdown.timer, e.now.Add(graceRepeat))
}

// finishRestart ends the preparation: nothing is flushed, and nobody is told good-bye.
func (e *Engine) finishRestart() {
	e.shutdown.done = true
	e.timers.stop(&e.shutdown.timer)
	done := RestartPrepared{Left: e.cfg.GracefulRestart.Interval - e.now.Sub(e.shutdown.until.Add(-maxGraceWait))}
	for _, i := range e.ifaces {
		entry := i.ownGrace()
		for _, n := range i.neighbors {
			switch {
			case n.state != nbrFull:
			case entry != nil && n.opaqueCapable() && n.retx.get(entry.Key()) == nil:
				done.Acknowledged++
			default:
				done.Missing = append(done.Missing, fmt.Sprintf("%s on %s", n.addr, i.name))
			}
		}
	}
	e.emit(done)
	e.out.Done = true
}

func (e *Engine) graceKey() packet.Key {
	return packet.Key{Type: packet.LSOpaqueLink, ID: packet.GraceID, Adv: e.cfg.RouterID}
}

// originateGrace originates the interface's Grace-LSA (RFC 3623 appendix A).
func (i *iface) originateGrace(period time.Duration, reason packet.RestartReason) {
	g := packet.GraceLSA{Period: period, Reason: reason}
	if !i.pair() { // 3.1 (1): routers are told apart by it
		g.Address = i.address()
	}
	i.e.originate(i.db, i.e.graceKey(), g)
}

// ownGrace is the interface's Grace-LSA; nil when there is none.
func (i *iface) ownGrace() *lsdb.Entry { return i.db.Lookup(i.e.graceKey()) }

// flushGrace flushes the interface's Grace-LSA, of this run or the one before (RFC 3623 2.3 (6)).
func (i *iface) flushGrace() {
	i.graces = 0
	if s := i.e.origin[originKey{i.db, i.e.graceKey()}]; s != nil {
		i.e.withdraw(i.db, s.key)
	} else if entry := i.ownGrace(); entry != nil {
		i.e.flush(i.db, entry)
	}
}

// After an outage that nobody planned Grace-LSAs go before the first Hello, so many times (RFC 3623 5). The first Hello,
// which lists nobody, comes more than a second after the first copy: BIRD calculates routes within a second of a new
// Grace-LSA, and around whoever is not Full by then, help or not.
const (
	graceCopies = 3
	gracePause  = 400 * time.Millisecond
)

// announceOutage readies an interface that comes up during an unplanned restart: its first Hello waits.
func (i *iface) announceOutage() {
	r := &i.e.restart
	if r.active && !r.given.Announced {
		i.graces = graceCopies + 1 // and the Hello: the last pause is silence, too
		i.originateGrace(r.until.Sub(i.e.now).Round(time.Second), r.given.Reason)
	}
}

// sendGrace sends one copy of the Grace-LSA, though no neighbour is known, instead of a Hello, and
// tells whether it did.
func (i *iface) sendGrace() bool {
	entry := i.ownGrace()
	if i.graces == 0 || entry == nil {
		return false
	}
	if i.graces--; i.graces == 0 {
		return false
	}
	if i.unicast() {
		for _, n := range i.neighbors {
			i.sendUpdate(n.addr, []*lsdb.Entry{entry})
		}
	} else {
		i.sendUpdate(allSPFRouters, []*lsdb.Entry{entry})
	}
	i.e.timers.set(&i.hello, i.e.now.Add(min(gracePause, i.cfg.DeadInterval/(3*graceCopies))))
	return true
}

// sendGraceTo sends a copy to a router that is heard for the first time: where packets go to one
// router each, that may be the first that it gets.
func (i *iface) sendGraceTo(n *neighbor) {
	r := &i.e.restart
	if entry := i.ownGrace(); r.active && !r.given.Announced && entry != nil {
		i.sendUpdate(n.destination(), []*lsdb.Entry{entry})
	}
}

// graceAcknowledged tells whether a packet acknowledges a Grace-LSA that no adjacency knows of.
func (i *iface) graceAcknowledged(body packet.Body) bool {
	ack, ok := body.(*packet.LSAck)
	return ok && i.e.restart.active && slices.ContainsFunc(ack.Headers, func(h packet.LSAHeader) bool { return h.Key() == i.e.graceKey() })
}
