package ospf

import (
	"fmt"
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// exchange is the database description side of a neighbour (RFC 2328 10.6, 10.8).
type exchange struct {
	n       *neighbor
	master  bool // we are
	seq     uint32
	started bool // seq has been drawn

	summary []summaryItem           // what is still to be described
	shown   map[packet.Key]struct{} // what of it need not be: the neighbour has described it itself (RFC 5243)
	more    bool                    // M bit of the packet sent last
	last    *packet.DBDesc
	done    time.Time // when the exchange ended; zero before
	resend  timer

	heard *packet.DBDesc // the last packet taken, without its headers; tells duplicates

	starts int       // since window
	window time.Time // of at most maxStarts starts
}

// summaryItem is one LSA to be described. The list holds keys, not headers:
// what is sent is the instance that is current then.
type summaryItem struct {
	db  *database
	key packet.Key
}

func (x *exchange) init(n *neighbor) {
	x.n = n
	x.resend.fire = x.retransmit
}

// maxStarts bounds the exchanges that a neighbour may begin anew in a second:
// each one lists the databases.
const maxStarts = 5

// start enters ExStart, after a pause when that happened too often lately.
func (x *exchange) start() {
	x.stop()
	now := x.n.i.e.now
	if now.Sub(x.window) >= time.Second {
		x.window, x.starts = now, 0
	}
	if x.starts++; x.starts > maxStarts {
		x.n.i.e.timers.set(&x.resend, x.window.Add(time.Second))
		return
	}
	x.begin()
}

// begin claims to be master with an empty packet (10.8).
func (x *exchange) begin() {
	if !x.started {
		x.started = true
		x.seq = x.n.i.e.rng.Uint32()
	}
	x.seq++
	x.master = true
	x.send(packet.DDInit|packet.DDMore|packet.DDMaster, nil)
}

// stop forgets the exchange.
func (x *exchange) stop() {
	x.n.i.e.timers.stop(&x.resend)
	x.summary, x.shown, x.last, x.heard, x.more = nil, nil, nil, nil, false
	x.done = time.Time{}
}

// describe lists the databases that the neighbour is to be told of (10.3,
// NegotiationDone). MaxAge LSAs are flooded to it instead.
func (x *exchange) describe() {
	i := x.n.i
	x.summary = x.summary[:0]
	dbs := []*database{i.area.db}
	if i.database(packet.LSExternal) != nil {
		dbs = append(dbs, i.e.as)
	}
	if x.n.opaqueCapable() {
		dbs = append(dbs, i.db)
	}
	for _, d := range dbs {
		for entry := range d.All() {
			if entry.Type >= packet.LSOpaqueLink && !x.n.opaqueCapable() {
				continue
			}
			if entry.IsMaxAge(i.e.now) {
				x.n.retx.add(entry)
				continue
			}
			x.summary = append(x.summary, summaryItem{d, entry.Key()})
		}
	}
}

// sendNext sends the next packet of the summary (10.8).
func (x *exchange) sendNext() {
	i := x.n.i
	limit := max((i.room()-8)/packet.LSAHeaderLen, 1)
	var headers []packet.LSAHeader
	for entry := x.next(); entry != nil && len(headers) < limit; entry = x.next() {
		headers = append(headers, entry.HeaderAt(i.e.now))
		x.summary = x.summary[1:]
	}
	var flags packet.DDFlags
	if x.master {
		flags |= packet.DDMaster
	}
	if len(x.summary) > 0 {
		flags |= packet.DDMore
	}
	x.send(flags, headers)
}

// next is what is to be described next, nil when all has been. What has left the database
// is passed over, and so is what the neighbour has described itself (RFC 5243 2).
func (x *exchange) next() *lsdb.Entry {
	for ; len(x.summary) > 0; x.summary = x.summary[1:] {
		item := x.summary[0]
		if _, shown := x.shown[item.key]; shown {
			continue
		}
		if entry := item.db.Lookup(item.key); entry != nil {
			return entry
		}
	}
	x.shown = nil
	return nil
}

// show notes that the neighbour has described an instance that is as new as ours.
func (x *exchange) show(k packet.Key) {
	if len(x.summary) == 0 {
		return
	}
	if x.shown == nil {
		x.shown = make(map[packet.Key]struct{})
	}
	x.shown[k] = struct{}{}
}

func (x *exchange) send(flags packet.DDFlags, headers []packet.LSAHeader) {
	i := x.n.i
	x.last = &packet.DBDesc{
		MTU: i.mtu(), Options: i.area.options() | packet.OptO, Flags: flags, Seq: x.seq, Headers: headers,
	}
	x.more = flags&packet.DDMore != 0
	i.send(x.n.destination(), x.last)
	if x.master { // 10.8: the master, and everyone in ExStart, retransmits
		i.e.timers.set(&x.resend, i.e.now.Add(i.cfg.RetransmitInterval))
	}
}

func (x *exchange) retransmit() {
	i := x.n.i
	switch {
	case x.last == nil && x.n.state == nbrExStart: // the pause is over
		x.begin()
		return
	case x.last == nil || x.n.state != nbrExStart && x.n.state != nbrExchange:
		return
	}
	i.e.counters.Retransmits++
	x.repeat()
	i.e.timers.set(&x.resend, i.e.now.Add(i.cfg.RetransmitInterval))
}

// repeat sends the last packet again, with the MTU that the link has now: an
// operator who cures a mismatch does not have to restart anything.
func (x *exchange) repeat() {
	i := x.n.i
	x.last.MTU = i.mtu()
	i.send(x.n.destination(), x.last)
}

// receiveDBDesc is RFC 2328 10.6.
func (n *neighbor) receiveDBDesc(h packet.Header, b *packet.DBDesc) {
	i := n.i
	if int(b.MTU) > i.link.MTU && !i.cfg.MTUIgnore {
		n.noteMTU(b.MTU)
		i.reject(n.addr, h, RejectMTU, "%s", n.why)
		return
	}
	if n.state == nbrInit {
		n.event(twoWayReceived, "it sends database descriptions")
	}
	switch n.state {
	case nbrExStart:
		n.exchange.negotiate(b)
	case nbrExchange:
		n.exchange.receive(b)
	case nbrLoading, nbrFull:
		n.exchange.receiveLate(b)
	case nbrTwoWay: // 10.6: ignored
		if b.Flags&packet.DDInit != 0 && len(b.Headers) == 0 {
			n.early = earlyDBDesc{b, i.e.now}
		}
	default:
		i.reject(n.addr, h, RejectNeighborState, "%s in state %s", h.Type, n.state)
	}
	// The neighbour drops what we describe when our MTU is the larger one.
	if (n.state == nbrExStart || n.state == nbrExchange) && int(b.MTU) != i.link.MTU && !i.cfg.MTUIgnore {
		n.noteMTU(b.MTU)
	}
}

func (n *neighbor) noteMTU(theirs uint16) {
	n.why = fmt.Sprintf("MTU mismatch: neighbour has %d, ours is %d (set both alike, or mtu-ignore)", theirs, n.i.link.MTU)
}

// negotiate settles who is master (10.6, state ExStart).
func (x *exchange) negotiate(b *packet.DBDesc) {
	const all = packet.DDInit | packet.DDMore | packet.DDMaster // other bits are not ours to judge
	own := x.n.i.e.cfg.RouterID
	switch {
	case x.last == nil: // we have not begun
		return
	case b.Flags&all == all && len(b.Headers) == 0 && x.n.id > own:
		x.master, x.seq = false, b.Seq
		x.n.i.e.timers.stop(&x.resend)
	case b.Flags&(packet.DDInit|packet.DDMaster) == 0 && b.Seq == x.seq && x.n.id < own:
		x.master = true
	default:
		return
	}
	x.n.options = b.Options
	x.n.event(negotiationDone, map[bool]string{true: "we are master", false: "we are slave"}[x.master])
	x.accept(b)
}

// receive takes a packet in state Exchange (10.6).
func (x *exchange) receive(b *packet.DBDesc) {
	switch {
	case x.duplicate(b):
		if !x.master {
			x.repeat()
		}
	case (b.Flags&packet.DDMaster != 0) == x.master:
		x.n.event(seqNumberMismatch, "master bit differs from what was negotiated")
	case b.Flags&packet.DDInit != 0:
		x.n.event(seqNumberMismatch, "neighbour starts the exchange anew")
	case (b.Options^x.heard.Options)&^packet.OptL != 0: // the L bit is about this packet alone
		x.n.event(seqNumberMismatch, "options changed during the exchange")
	case x.master && b.Seq != x.seq, !x.master && b.Seq != x.seq+1:
		x.n.event(seqNumberMismatch, fmt.Sprintf("sequence number %d is not the next one after %d", b.Seq, x.seq))
	default:
		x.accept(b)
	}
}

// receiveLate takes a packet in state Loading or Full: a duplicate is answered
// by the slave for one dead interval, all else is a mismatch (10.6, 10.8).
func (x *exchange) receiveLate(b *packet.DBDesc) {
	if !x.duplicate(b) {
		x.n.event(seqNumberMismatch, "neighbour starts the exchange anew")
		return
	}
	if x.master {
		return
	}
	if x.last == nil || x.n.i.e.now.Sub(x.done) > x.n.i.cfg.DeadInterval {
		x.n.event(seqNumberMismatch, "duplicate after the dead interval")
		return
	}
	x.repeat()
}

func (x *exchange) duplicate(b *packet.DBDesc) bool {
	return x.heard != nil && x.heard.Flags == b.Flags && x.heard.Options == b.Options && x.heard.Seq == b.Seq
}

// accept processes the next packet in sequence (10.6, last part).
func (x *exchange) accept(b *packet.DBDesc) {
	n, i := x.n, x.n.i
	for _, h := range b.Headers {
		d := i.database(h.Type)
		if d == nil && i.virtual != nil && (h.Type == packet.LSExternal || h.Type == packet.LSOpaqueAS) {
			continue // it comes by way of the transit area
		}
		if d == nil {
			n.event(seqNumberMismatch, fmt.Sprintf("describes an LSA of type %d, which this area does not carry", h.Type))
			return
		}
		cur, newer := d.Lookup(h.Key()), 1
		if cur != nil {
			newer = packet.Compare(h, cur.HeaderAt(i.e.now))
		}
		if newer >= 0 {
			x.show(h.Key())
		}
		switch {
		case newer <= 0:
		case cur == nil && (d.Weight()+len(n.requests.wanted) >= i.e.lsaLimit(d) || i.e.tooManyExternals(d, h)):
			i.e.miss(d, h.Key(), n)
			i.e.refused(d, func() string {
				return fmt.Sprintf("database is full (%d LSAs): not everything that %s describes is asked for", d.Len(), n.id)
			})
		default:
			n.requests.add(h)
		}
	}
	x.heard = &packet.DBDesc{Flags: b.Flags, Options: b.Options, Seq: b.Seq}
	more := b.Flags&packet.DDMore != 0
	if x.master {
		// The first packet of the slave answers the empty one of ExStart.
		finished := !x.more && !more
		x.seq++
		if !finished {
			x.sendNext()
		}
		x.finish(finished)
	} else {
		x.seq = b.Seq
		x.sendNext()
		x.finish(!x.more && !more)
	}
	n.requests.proceed()
}

func (x *exchange) finish(finished bool) {
	if !finished {
		return
	}
	x.n.i.e.timers.stop(&x.resend)
	x.done = x.n.i.e.now
	if x.master {
		x.last = nil
	}
	x.n.event(exchangeDone, "databases are described")
}
