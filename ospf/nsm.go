package ospf

import "github.com/ecmpd/ecmpd/ospf/packet"

// nbrState is a neighbour state (RFC 2328 10.1). Attempt belongs to NBMA
// networks.
type nbrState uint8

const (
	nbrDown nbrState = iota
	nbrAttempt
	nbrInit
	nbrTwoWay
	nbrExStart
	nbrExchange
	nbrLoading
	nbrFull
	nbrStateCount
)

var nbrStateNames = [nbrStateCount]string{"Down", "Attempt", "Init", "2-Way", "ExStart", "Exchange", "Loading", "Full"}

func (s nbrState) String() string { return nbrStateNames[s] }

// nbrEvent is a neighbour event (RFC 2328 10.2).
type nbrEvent uint8

const (
	helloReceived nbrEvent = iota
	start
	twoWayReceived
	negotiationDone
	exchangeDone
	badLSReq
	loadingDone
	adjOK
	seqNumberMismatch
	oneWayReceived
	killNbr
	inactivityTimer
	llDown
	nbrEventCount
)

var nbrEventNames = [nbrEventCount]string{
	"HelloReceived", "Start", "2-WayReceived", "NegotiationDone", "ExchangeDone", "BadLSReq", "LoadingDone",
	"AdjOK?", "SeqNumberMismatch", "1-WayReceived", "KillNbr", "InactivityTimer", "LLDown",
}

func (ev nbrEvent) String() string { return nbrEventNames[ev] }

// nsmRow is one row of the neighbour state machine: in the states from..to,
// the event leads where next says.
type nsmRow struct {
	from, to nbrState
	event    nbrEvent
	next     func(*neighbor) nbrState
}

func become(s nbrState) func(*neighbor) nbrState {
	return func(*neighbor) nbrState { return s }
}

func stay(n *neighbor) nbrState { return n.state }

// nsm is the neighbour state machine in the order of RFC 2328 10.3. A pair
// that has no row changes nothing.
var nsm = [...]nsmRow{
	{nbrDown, nbrDown, start, become(nbrAttempt)},
	{nbrAttempt, nbrAttempt, helloReceived, become(nbrInit)},
	{nbrDown, nbrDown, helloReceived, become(nbrInit)},
	{nbrInit, nbrFull, helloReceived, stay},
	{nbrInit, nbrInit, twoWayReceived, (*neighbor).afterTwoWay},
	{nbrExStart, nbrExStart, negotiationDone, become(nbrExchange)},
	{nbrExchange, nbrExchange, exchangeDone, (*neighbor).afterExchange},
	{nbrLoading, nbrLoading, loadingDone, become(nbrFull)},
	{nbrTwoWay, nbrTwoWay, adjOK, (*neighbor).afterTwoWay},
	{nbrExStart, nbrFull, adjOK, (*neighbor).afterAdjOK},
	{nbrExchange, nbrFull, seqNumberMismatch, become(nbrExStart)},
	{nbrExchange, nbrFull, badLSReq, become(nbrExStart)},
	{nbrAttempt, nbrFull, killNbr, become(nbrDown)},
	{nbrAttempt, nbrFull, llDown, become(nbrDown)},
	{nbrAttempt, nbrFull, inactivityTimer, become(nbrDown)},
	{nbrTwoWay, nbrFull, oneWayReceived, become(nbrInit)},
	{nbrTwoWay, nbrFull, twoWayReceived, stay},
	{nbrInit, nbrInit, oneWayReceived, stay},
}

// afterTwoWay: an adjacency starts where one is wanted (10.3, 10.4), once it is its turn.
func (n *neighbor) afterTwoWay() nbrState {
	if n.wantsAdjacency() && n.i.e.pacing.admits(n) {
		return nbrExStart
	}
	return nbrTwoWay
}

// afterAdjOK: an adjacency that is no longer wanted ends (10.3).
func (n *neighbor) afterAdjOK() nbrState {
	if n.wantsAdjacency() {
		return n.state
	}
	return nbrTwoWay
}

// afterExchange: Full when nothing has to be asked for (10.3).
func (n *neighbor) afterExchange() nbrState {
	if n.requests.empty() {
		return nbrFull
	}
	return nbrLoading
}

// nextState looks the pair up; known is false when it has no row.
func (n *neighbor) nextState(ev nbrEvent) (next nbrState, known bool) {
	for _, row := range nsm {
		if row.event == ev && row.from <= n.state && n.state <= row.to {
			return row.next(n), true
		}
	}
	return n.state, false
}

// event runs the neighbour state machine (RFC 2328 10.3).
func (n *neighbor) event(ev nbrEvent, reason string) {
	if ev == helloReceived {
		n.heard()
	}
	if ev == killNbr || ev == llDown {
		n.endHelping(reason)
	}
	if next, known := n.nextState(ev); known && next != n.state {
		n.setState(next, ev.String()+": "+reason)
	}
	n.i.e.pacing.wait(n)
}

// setState performs a change of state and every consequence of it.
func (n *neighbor) setState(to nbrState, reason string) {
	from, i, e := n.state, n.i, n.i.e
	n.state, n.since, n.why = to, e.now, ""
	if to < nbrFull {
		n.why = reason
	}
	e.emit(NeighborChange{
		Interface: i.name, Network: i.kind(), Area: i.area.id, RouterID: n.id, Address: n.addr,
		From: from.String(), To: to.String(), Reason: reason, Helped: n.helping.active,
	})
	e.pacing.moved(n, from, to)
	if to < nbrExchange {
		n.clearLists()
	}
	switch to {
	case nbrDown:
		e.timers.stop(&n.inactivity)
		if !n.helping.active {
			n.forget()
		}
	case nbrAttempt:
		e.timers.stop(&n.poll)
		n.heard() // so that the attempt ends
		i.sendHelloTo(n.addr)
	case nbrInit:
		e.timers.stop(&n.poll)
		n.answerHello()
	case nbrExStart:
		n.exchange.start()
		n.answerEarly()
	case nbrExchange:
		n.exchange.describe()
	case nbrLoading:
		n.requests.proceed()
	}
	// 9.2 NeighborChange: two-way communication came or went.
	if (from >= nbrTwoWay) != (to >= nbrTwoWay) {
		i.area.rootDirty = true // RFC 6845: a link to each neighbour in 2-Way
		i.event(neighborChange, "neighbour "+n.id.String())
	}
	// 12.4: the router-LSA and the network-LSA list full adjacencies.
	if from == nbrFull || to == nbrFull {
		i.area.rootDirty = true
		if i.virtual != nil {
			e.transitChanged(i.virtual.transit)
		}
		i.originateNetwork()
		e.adjacencyChanged(to == nbrFull)
		e.restart.due = true
	}
	e.maxAgedCheck = true
}

// clearLists ends the database exchange and forgets its lists (10.3).
func (n *neighbor) clearLists() {
	n.exchange.stop()
	n.requests.clear()
	n.answers.clear()
	n.held.clear()
	n.retx.clear()
}

// opaqueCapable tells whether the neighbour takes types 9 to 11 (RFC 5250 3).
func (n *neighbor) opaqueCapable() bool { return n.options&packet.OptO != 0 }
