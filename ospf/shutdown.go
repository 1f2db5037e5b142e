package ospf

import "time"

// shutdown is the orderly end of the router.
type shutdown struct {
	active   bool // max-metric, or further
	held     bool // the flush has waited for MinLSArrival
	flushing bool // own LSAs are being flushed
	done     bool
	restart  bool      // nothing is flushed: the router is to be restarted
	until    time.Time // latest end of the preparation for that
	timer    timer
}

// maxFlushWait bounds the wait for acknowledgements of the flushed LSAs.
const maxFlushWait = 1500 * time.Millisecond

func (e *Engine) command(c Command) {
	switch {
	case e.shutdown.active:
		return
	case c == Drain, c == Undrain:
		e.drain(c == Drain)
		return
	case c == PrepareRestart && !e.started.IsZero():
		e.prepareRestart()
		return
	case c != Shutdown && c != PrepareRestart:
		return
	}
	e.shutdown.active = true
	if wait := e.cfg.StubRouter.OnShutdown; wait > 0 && !e.started.IsZero() {
		e.linksChanged() // RFC 6987: let traffic move first
		e.timers.set(&e.shutdown.timer, e.now.Add(wait))
		return
	}
	e.shutdownStep()
}

// shutdownStep goes on: from max-metric to flushing, from flushing to the end.
func (e *Engine) shutdownStep() {
	if e.shutdown.restart {
		e.repeatGrace()
		return
	}
	if e.shutdown.flushing || e.started.IsZero() {
		e.finish()
		return
	}
	if at := e.flushable(); at.After(e.now) && !e.shutdown.held {
		e.shutdown.held = true // once: who forges our LSAs cannot hold us up
		e.timers.set(&e.shutdown.timer, at)
		return
	}
	e.flushAll()
	e.shutdown.flushing = true
	e.timers.set(&e.shutdown.timer, e.now.Add(maxFlushWait))
}

// flushable is the instant from which on neighbours take the flush of all our
// LSAs; one that they drop would come again only after the retransmit interval.
func (e *Engine) flushable() (at time.Time) {
	for _, s := range e.origin {
		if t := s.sent.Add(minArrival); s.wanted && t.After(at) {
			at = t
		}
	}
	return at
}

// shutdownSettle ends the shutdown once nothing waits for an acknowledgement.
func (e *Engine) shutdownSettle() {
	switch {
	case e.shutdown.done || e.retransmissions > 0:
	case e.shutdown.restart:
		e.finishRestart()
	case e.shutdown.flushing && len(e.maxAged) == 0:
		e.finish()
	}
}

// finish says good-bye: a Hello without neighbours makes every adjacency fall
// at once instead of after the dead interval.
func (e *Engine) finish() {
	if e.shutdown.done {
		return
	}
	e.shutdown.done = true
	e.retransmissions = 0
	e.timers.stop(&e.shutdown.timer)
	for _, i := range e.ifaces {
		if i.listens() {
			i.sayGoodbye()
			i.neighbors = nil
			e.timers.stop(&i.hello)
		}
	}
	e.out.Done = true
}
