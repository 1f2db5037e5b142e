package ospf

import (
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// pacing keeps the adjacencies that come up at the same time few, first come, first served (RFC 4222 2 (5)):
// a hub that starts would otherwise exchange its database with hundreds of neighbours at once.
type pacing struct {
	forming []*neighbor // in ExStart, Exchange or Loading, and not for long in one of them
	waiting []*neighbor // in 2-Way until it is their turn; some have lost interest
	turn    *neighbor   // whose turn it is
	timer   timer       // when one of those that form has had its time
}

// formingTime is how long an adjacency that comes up keeps others waiting. One that
// does not get further, for different MTUs for example, must not do so for ever.
const formingTime = 10 * time.Second

func (s nbrState) forming() bool { return s >= nbrExStart && s <= nbrLoading }

// admits tells whether the neighbour may begin the exchange now.
func (p *pacing) admits(n *neighbor) bool { return p.turn == n || len(p.waiting) == 0 && p.room(n) }

// room tells whether one more adjacency may come up on the neighbour's interface. A quarter of the places
// is for others: whoever makes up neighbours on one link does not keep those of all links waiting.
func (p *pacing) room(n *neighbor) bool {
	limit := n.i.e.cfg.MaxForming
	if limit <= 0 {
		return true
	}
	same := 0
	for _, o := range p.forming {
		if o.i == n.i {
			same++
		}
	}
	return len(p.forming) < limit && same < limit-limit/4
}

// moved takes a change of state into account.
func (p *pacing) moved(n *neighbor, from, to nbrState) {
	switch {
	case to.forming() && !from.forming():
		p.forming = append(p.forming, n)
	case from.forming() && !to.forming():
		p.forming = slices.DeleteFunc(p.forming, func(o *neighbor) bool { return o == n })
	}
}

// wait lets the neighbour queue if an adjacency is wanted.
func (p *pacing) wait(n *neighbor) {
	if n.queued() && !slices.Contains(p.waiting, n) {
		p.waiting = append(p.waiting, n)
	}
}

// queued tells whether nothing but its turn keeps the neighbour from an adjacency.
func (n *neighbor) queued() bool { return n.state == nbrTwoWay && n.wantsAdjacency() }

// settlePacing begins the adjacencies whose turn it is.
func (e *Engine) settlePacing() {
	p := &e.pacing
	p.forming = slices.DeleteFunc(p.forming, func(n *neighbor) bool { return e.now.Sub(n.since) >= formingTime })
	waiting := p.waiting
	p.waiting = nil
	for _, n := range waiting {
		switch {
		case !n.queued():
		case !p.room(n):
			p.waiting = append(p.waiting, n)
		default:
			p.turn = n
			n.event(adjOK, "its turn has come")
			p.turn = nil
		}
	}
	e.timers.stop(&p.timer)
	if len(p.waiting) > 0 {
		for _, n := range p.forming {
			if at := n.since.Add(formingTime); !p.timer.armed() || at.Before(p.timer.at) {
				e.timers.set(&p.timer, at)
			}
		}
	}
}

// earlyDBDesc is what a neighbour in 2-Way has sent, which 10.6 ignores: when its turn comes within RxmtInterval,
// the exchange begins with it and does not wait until it comes again.
type earlyDBDesc struct {
	packet *packet.DBDesc
	heard  time.Time
}

// answerEarly begins the exchange with the packet that came too early.
func (n *neighbor) answerEarly() {
	early := n.early
	n.early = earlyDBDesc{}
	if early.packet != nil && n.i.e.now.Sub(early.heard) <= n.i.cfg.RetransmitInterval {
		n.exchange.negotiate(early.packet)
	}
}
