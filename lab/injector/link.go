package injector

import (
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// state is a neighbour state (RFC 2328 10.1). The two of a point-to-point link
// that this side does not tell apart are left out: 2-Way, where it never stays, and
// Loading, since it requests nothing.
type state int

const (
	down state = iota
	initial
	exStart
	exchange
	full
)

func (s state) String() string {
	return [...]string{"Down", "Init", "ExStart", "Exchange", "Full"}[s]
}

// retransmitInterval is RxmtInterval (RFC 2328 C.3). Longer than the second
// for which FRR keeps acknowledgements back.
const retransmitInterval = 2 * time.Second

// link is one adjacency.
type link struct {
	Link
	injector *Injector
	ifindex  int

	state     state
	neighbor  packet.ID
	heard     time.Time // its last packet
	greeted   time.Time // this side's last Hello
	nextHello time.Time

	// Database exchange.
	master    bool // this side is
	seq       uint32
	more      bool   // this side's last description had the M bit
	described int    // of Injector.order
	last      []byte // the last Database Description sent
	lastSent  time.Time

	// Flooding.
	queue    []packet.Key
	inflight map[packet.Key]flight
	acks     []packet.LSAHeader // to send at ackAt
	ackAt    time.Time
	fullAt   time.Time // the neighbour's router-LSA has the link
}

func (l *link) header() packet.Header {
	return packet.Header{RouterID: l.RouterID, AreaID: l.injector.config.Area}
}

func (l *link) send(body packet.Body) []byte {
	b := packet.Append(nil, l.header(), body)
	l.injector.socket.send(b, l.ifindex, l.Address.Addr())
	return b
}

func (l *link) tick(now time.Time) {
	if !now.Before(l.nextHello) {
		l.hello(now)
	}
	if l.state > down && now.Sub(l.heard) > l.injector.config.Dead {
		l.fall(down)
	}
	// RFC 2328 10.8: the master repeats, and so does everyone in ExStart.
	if (l.state == exStart || l.state == exchange && l.master) && now.Sub(l.lastSent) > retransmitInterval {
		l.injector.socket.send(l.last, l.ifindex, l.Address.Addr())
		l.lastSent = now
	}
	l.retransmit(now)
	if len(l.acks) > 0 && !now.Before(l.ackAt) {
		l.sendAcks()
	}
}

func (l *link) hello(now time.Time) {
	c := l.injector.config
	h := &packet.Hello{
		Mask: packet.MaskOf(l.Address.Bits()).Addr(), Options: packet.OptE, Priority: 1,
		HelloInterval: uint16(c.Hello / time.Second), DeadInterval: uint32(c.Dead / time.Second),
		DR: packet.ID(0).Addr(), BDR: packet.ID(0).Addr(),
	}
	if l.state > down {
		h.Neighbors = []packet.ID{l.neighbor}
	}
	l.send(h)
	l.greeted, l.nextHello = time.Now(), now.Add(c.Hello)
	l.injector.notify()
}

// fall takes the adjacency back to a lower state with all that belongs to it.
func (l *link) fall(to state) {
	if l.state >= exchange {
		l.injector.stats.Restarts++
	}
	l.state, l.fullAt = to, time.Time{}
	l.queue, l.acks = nil, nil
	clear(l.inflight)
	l.injector.notify()
}

func (l *link) receive(h packet.Header, body packet.Body, now time.Time) {
	if hello, ok := body.(*packet.Hello); ok {
		l.receiveHello(h.RouterID, hello, now)
		return
	}
	if l.state < exStart || h.RouterID != l.neighbor {
		return
	}
	l.heard = now // whoever talks is alive, also when its hellos wait behind a flood
	switch body := body.(type) {
	case *packet.DBDesc:
		l.receiveDBDesc(body, now)
	case *packet.LSReq:
		l.receiveLSReq(body)
	case *packet.LSUpdate:
		l.receiveLSUpdate(body, now)
	case *packet.LSAck:
		l.receiveLSAck(body, now)
	}
}

// receiveHello follows RFC 2328 10.5 as far as a point-to-point link goes.
func (l *link) receiveHello(id packet.ID, h *packet.Hello, now time.Time) {
	c := l.injector.config
	if time.Duration(h.HelloInterval)*time.Second != c.Hello || time.Duration(h.DeadInterval)*time.Second != c.Dead {
		return
	}
	if l.state > down && id != l.neighbor {
		l.fall(down)
	}
	l.heard, l.neighbor = now, id
	if l.state == down {
		l.state = initial
		l.hello(now) // nobody waits for the next one
	}
	sees := false
	for _, n := range h.Neighbors {
		sees = sees || n == l.RouterID
	}
	switch {
	case sees && l.state == initial:
		l.startExchange(now)
	case !sees && l.state > initial:
		l.fall(initial)
	}
}
