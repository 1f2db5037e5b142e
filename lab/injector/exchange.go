package injector

import (
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

const (
	ipHeader     = 20 // bytes
	dbDescHeader = packet.HeaderLen + 8
	updateHeader = packet.HeaderLen + 4
)

// startExchange enters ExStart (RFC 2328 10.3, event 2-WayReceived).
func (l *link) startExchange(now time.Time) {
	l.state = exStart
	l.seq = uint32(now.UnixMilli())
	l.sendDBDesc(packet.DDInit|packet.DDMore|packet.DDMaster, nil, now)
}

// restart is event SeqNumberMismatch or BadLSReq (RFC 2328 10.3).
func (l *link) restart(now time.Time) {
	l.fall(initial)
	l.startExchange(now)
}

func (l *link) sendDBDesc(flags packet.DDFlags, headers []packet.LSAHeader, now time.Time) {
	l.last = l.send(&packet.DBDesc{
		MTU: uint16(l.injector.config.MTU), Options: packet.OptE, Flags: flags, Seq: l.seq, Headers: headers,
	})
	l.lastSent = now
}

// describe sends the next part of the database.
func (l *link) describe(now time.Time) {
	in := l.injector
	room := (in.config.MTU - ipHeader - dbDescHeader) / packet.LSAHeaderLen
	var headers []packet.LSAHeader
	for ; l.described < len(in.order) && len(headers) < room; l.described++ {
		key := in.order[l.described]
		if in.config.Isolated && key.Adv != l.RouterID {
			continue
		}
		h, _ := packet.DecodeLSAHeader(in.db[key])
		headers = append(headers, h)
	}
	l.more = l.described < len(in.order)
	var flags packet.DDFlags
	if l.more {
		flags |= packet.DDMore
	}
	if l.master {
		flags |= packet.DDMaster
	}
	l.sendDBDesc(flags, headers, now)
}

// receiveDBDesc follows RFC 2328 10.6.
func (l *link) receiveDBDesc(d *packet.DBDesc, now time.Time) {
	switch l.state {
	case exStart:
		l.negotiate(d, now)
	case exchange:
		l.continueExchange(d, now)
	case full:
		switch {
		case d.Flags&packet.DDInit != 0:
			l.restart(now)
		case !l.master && d.Seq == l.seq: // our last answer was lost
			l.injector.socket.send(l.last, l.ifindex, l.Address.Addr())
		}
	}
}

// negotiate settles who is master: the higher router id.
func (l *link) negotiate(d *packet.DBDesc, now time.Time) {
	const first = packet.DDInit | packet.DDMore | packet.DDMaster
	switch {
	case d.Flags&first == first && len(d.Headers) == 0 && l.neighbor > l.RouterID:
		l.master, l.seq = false, d.Seq
	case d.Flags&(packet.DDInit|packet.DDMaster) == 0 && d.Seq == l.seq && l.neighbor < l.RouterID:
		l.master = true
		l.seq++
	default:
		return
	}
	l.state, l.described = exchange, 0
	l.describe(now)
}

func (l *link) continueExchange(d *packet.DBDesc, now time.Time) {
	for _, h := range d.Headers {
		l.outlive(h)
	}
	theirsMore := d.Flags&packet.DDMore != 0
	switch {
	case d.Flags&packet.DDInit != 0 && (l.master || d.Seq != l.seq):
		l.restart(now)
	case l.master && d.Seq == l.seq:
		if !l.more && !theirsMore {
			l.done()
			return
		}
		l.seq++
		l.describe(now)
	case l.master && d.Seq+1 == l.seq: // a duplicate
	case !l.master && d.Seq == l.seq: // a duplicate
		l.injector.socket.send(l.last, l.ifindex, l.Address.Addr())
	case !l.master && d.Seq == l.seq+1:
		l.seq = d.Seq
		l.describe(now)
		if !l.more && !theirsMore {
			l.done()
		}
	default:
		l.restart(now)
	}
}

// done is event ExchangeDone: nothing is requested, so the adjacency is Full on
// this side.
func (l *link) done() {
	l.state = full
	l.injector.notify()
	l.pump(time.Now())
}

// receiveLSReq answers a request at once (RFC 2328 10.7).
func (l *link) receiveLSReq(r *packet.LSReq) {
	if l.state < exchange {
		return
	}
	lsas := make([][]byte, 0, len(r.Keys))
	for _, key := range r.Keys {
		raw, ok := l.injector.db[key]
		if !ok {
			l.restart(time.Now())
			return
		}
		lsas = append(lsas, raw)
	}
	l.injector.stats.Requested += len(lsas)
	l.sendUpdates(lsas)
}

// sendUpdates packs LSAs into as few datagrams as the MTU allows.
func (l *link) sendUpdates(lsas [][]byte) {
	room := l.injector.config.MTU - ipHeader - updateHeader
	start, size := 0, 0
	for i, raw := range lsas {
		if i > start && size+len(raw) > room {
			l.send(&packet.LSUpdate{LSAs: lsas[start:i]})
			start, size = i, 0
		}
		size += len(raw)
	}
	if start < len(lsas) {
		l.send(&packet.LSUpdate{LSAs: lsas[start:]})
	}
}
