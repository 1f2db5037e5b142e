package ospf

import (
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// delayState is a state of the SPF delay machine (RFC 8405 5).
type delayState uint8

const (
	delayQuiet delayState = iota
	delayShortWait
	delayLongWait
)

// spfDelay is the SPF back-off delay machine of RFC 8405. Each of its three
// timers is an instant; zero means not running.
type spfDelay struct {
	state     delayState
	timer     timer     // SPF_TIMER
	holdDown  time.Time // HOLDDOWN_TIMER ends
	learn     time.Time // LEARN_TIMER ends
	trigger   string    // what asked for the run that is due
	changed   time.Time // the last change of the start
	converged time.Time // the first change after convergence
	begun     bool      // the start of the router is over
	rested    time.Time // no run before; bounds the share of time that runs take
}

func (d *spfDelay) reset(e *Engine) {
	e.timers.stop(&d.timer)
	*d = spfDelay{timer: d.timer}
}

// advance applies the timers that ended before now (RFC 8405 5.1, transitions
// 3, 5 and 6).
func (d *spfDelay) advance(now time.Time) {
	if d.state == delayShortWait && !now.Before(d.learn) {
		d.state = delayLongWait
	}
	if d.state != delayQuiet && !now.Before(d.holdDown) {
		d.state = delayQuiet
	}
}

// SPFDelayStatus is the state of the SPF back-off delay machine (RFC 8405 5).
type SPFDelayStatus struct {
	State    string        // QUIET, SHORT_WAIT, LONG_WAIT
	Pending  bool          // a run is due
	Trigger  string        // of that run, or of the last one
	Run      time.Duration // until it
	HoldDown time.Duration // until HOLDDOWN_TIMER ends and the state is QUIET; 0: it does not run
	Learn    time.Duration // until LEARN_TIMER ends and the state is LONG_WAIT; 0: it does not run
}

var delayNames = [...]string{"QUIET", "SHORT_WAIT", "LONG_WAIT"}

// SPFDelay returns the state of the delay machine.
func (e *Engine) SPFDelay(now time.Time) SPFDelayStatus {
	d := e.delay
	d.advance(now)
	s := SPFDelayStatus{State: delayNames[d.state], Pending: d.timer.armed(), Trigger: d.trigger}
	if s.Pending {
		s.Run = max(0, d.timer.at.Sub(now))
	}
	if d.state != delayQuiet {
		s.HoldDown = max(0, d.holdDown.Sub(now))
	}
	if d.state == delayShortWait {
		s.Learn = max(0, d.learn.Sub(now))
	}
	return s
}

// applied notes what a change of the database means for the route table: a
// leaf is published in this Step, the topology needs a run.
func (e *Engine) applied(effect spf.Effect, h packet.LSAHeader) {
	switch effect {
	case spf.Leaf:
		e.routesDirty = true
	case spf.Topology:
		e.topologyEvent(h.Key().String(), e.announcesAdjacency(h))
	}
}

// announcesAdjacency tells whether the LSA belongs to an adjacency that has just
// come up: the LSAs of its two ends, or of the LAN's DR, follow within
// MinLSInterval and end the event that began when it became Full.
func (e *Engine) announcesAdjacency(h packet.LSAHeader) bool {
	if h.Type != packet.LSRouter && h.Type != packet.LSNetwork {
		return false
	}
	const window = (packet.MinLSInterval + 1) * time.Second
	for _, i := range e.ifaces {
		for _, n := range i.neighbors {
			if n.state == nbrFull && (n.id == h.Adv || h.Adv == e.cfg.RouterID) && e.now.Sub(n.since) <= window {
				return true
			}
		}
	}
	return false
}

// topologyChanged is an IGP event of RFC 8405.
func (e *Engine) topologyChanged(trigger string) { e.topologyEvent(trigger, false) }

// topologyEvent asks for an SPF run. What belongs to an adjacency that is
// coming up is one event, however many LSAs it brings: it runs after the initial
// delay and does not move the machine on.
func (e *Engine) topologyEvent(trigger string, comingUp bool) {
	d, c := &e.delay, e.cfg.SPFDelay
	d.advance(e.now)
	wait := c.Initial
	if starting := e.starting(); !starting && !comingUp && !e.synchronising() {
		switch d.state {
		case delayQuiet: // transition 1
			d.state = delayShortWait
			d.learn = e.now.Add(c.TimeToLearn)
		case delayShortWait:
			wait = c.Short
		case delayLongWait:
			wait = c.Long
		}
		d.holdDown = e.now.Add(c.HoldDown) // transitions 1, 2 and 4
	}
	e.runAt(e.now.Add(wait), trigger, comingUp)
}

// maxStart bounds the start after convergence.
const maxStart = 30 * time.Second

// starting tells whether a change still belongs to the start of this router, which
// is one event. It lasts until the router has converged ([Engine.Converged]) and
// nothing has changed for longer than MinLSInterval: routers that come up with it
// announce themselves again within that, those behind them after another, and the
// long wait would add to each.
func (e *Engine) starting() bool {
	d := &e.delay
	if d.begun {
		return false
	}
	if e.Converged(e.now) {
		if d.converged.IsZero() {
			d.converged = e.now
		}
		quiet := e.now.Sub(d.changed) > (packet.MinLSInterval+1)*time.Second
		d.begun = quiet || e.now.Sub(d.converged) > maxStart
	}
	d.changed = e.now
	return !d.begun
}

// runAt arms SPF_TIMER. One that is running moves only when sooner is asked for.
func (e *Engine) runAt(at time.Time, trigger string, sooner bool) {
	d := &e.delay
	for _, first := range []time.Time{e.soon(), d.rested} {
		if at.Before(first) {
			at = first
		}
	}
	if !d.timer.armed() || sooner && d.timer.at.After(at) {
		d.trigger = trigger
		e.timers.set(&d.timer, at)
	}
}

// synchronising tells whether the database is still being filled: no neighbour
// is Full yet, or one is in state Exchange or Loading.
func (e *Engine) synchronising() bool {
	full := false
	for _, i := range e.ifaces {
		for _, n := range i.neighbors {
			if n.exchanging() {
				return true
			}
			full = full || n.adjacent()
		}
	}
	return !full
}

// adjacencyChanged reacts to an adjacency that came or went. One that is up
// brings a database with it, which is to be used after the initial delay.
func (e *Engine) adjacencyChanged(up bool) {
	if !up {
		return
	}
	e.runAt(e.now.Add(e.cfg.SPFDelay.Initial), "adjacency is full", true)
}

// After a run that touched n vertices and routes comes a rest of n times
// restEach, about four times what it took, however often somebody's adjacency
// asks for the initial delay. It is nothing that a network of usual size notices.
const (
	restEach = 10 * time.Microsecond
	maxRest  = 5 * time.Second
)

// runSPF is the end of SPF_TIMER: calculate and publish.
func (e *Engine) runSPF() {
	if e.table == nil {
		return
	}
	e.settleRoots()
	if !e.table.Pending() {
		return
	}
	stats := e.table.Run()
	e.checkVirtualLinks()
	changed := 0
	if !e.restart.active {
		changed = e.publish()
	}
	e.counters.SPFRuns++
	e.delay.rested = e.now.Add(min(time.Duration(stats.Vertices+changed)*restEach, maxRest))
	e.emit(SPFRun{Areas: stats.Areas, Vertices: stats.Vertices, Changed: changed, Trigger: e.delay.trigger})
}
