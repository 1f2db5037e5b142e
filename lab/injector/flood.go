package injector

import (
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// ackDelay gathers acknowledgements, as routers do; all retransmit much later.
const ackDelay = 400 * time.Millisecond

// flight is a flooded LSA that waits for its acknowledgement.
type flight struct {
	header packet.LSAHeader
	sent   time.Time
}

// pump sends what is queued as far as the window allows. Before the exchange
// is over everything waits; the database has it meanwhile.
func (l *link) pump(now time.Time) {
	in := l.injector
	if l.state != full || in.silent {
		return
	}
	var lsas [][]byte
	for len(l.queue) > 0 && len(l.inflight) < in.config.Window {
		key := l.queue[0]
		l.queue = l.queue[1:]
		raw := in.db[key]
		h, _ := packet.DecodeLSAHeader(raw)
		l.inflight[key] = flight{h, now}
		lsas = append(lsas, raw)
	}
	in.stats.Flooded += len(lsas)
	l.sendUpdates(lsas)
}

// retransmit repeats what was not acknowledged in time (RFC 2328 13.6).
func (l *link) retransmit(now time.Time) {
	if len(l.inflight) == 0 {
		return
	}
	var lsas [][]byte
	for key, f := range l.inflight {
		if now.Sub(f.sent) > retransmitInterval {
			f.sent = now
			l.inflight[key] = f
			lsas = append(lsas, l.injector.db[key])
		}
	}
	l.injector.stats.Retransmitted += len(lsas)
	l.sendUpdates(lsas)
}

// receiveLSUpdate acknowledges, within ackDelay, whatever comes (RFC 2328 13.5).
func (l *link) receiveLSUpdate(u *packet.LSUpdate, now time.Time) {
	if l.state < exchange {
		return
	}
	l.injector.stats.Received += len(u.LSAs)
	for _, raw := range u.LSAs {
		h, err := packet.DecodeLSAHeader(raw) // not to judge it costs less
		if err == nil && l.compare(h, raw) {
			l.acknowledge(h, now)
		}
	}
	l.pump(now)
}

// acknowledge puts an LSA into the next acknowledgement, which leaves when it is full,
// or with the first tick after ackDelay.
func (l *link) acknowledge(h packet.LSAHeader, now time.Time) {
	if len(l.acks) == 0 {
		l.ackAt = now.Add(ackDelay)
	}
	l.acks = append(l.acks, h)
	if len(l.acks) == (l.injector.config.MTU-ipHeader-packet.HeaderLen)/packet.LSAHeaderLen {
		l.sendAcks()
	}
}

func (l *link) sendAcks() {
	l.send(&packet.LSAck{Headers: l.acks})
	l.acks = l.acks[:0]
}

// compare looks at one LSA that came in and says whether it needs an
// acknowledgement.
func (l *link) compare(h packet.LSAHeader, raw []byte) bool {
	own, known := l.injector.db[h.Key()]
	if !known {
		l.watchNeighbor(h, raw)
		return true
	}
	have, _ := packet.DecodeLSAHeader(own)
	if packet.Compare(h, have) == 0 && l.acknowledged(h) {
		return false // RFC 2328 13 (7)(a), an implied acknowledgement
	}
	l.outlive(h)
	return true
}

// outlive sees to it that the neighbour gets an instance which is newer than
// what it has of an earlier life of ours (RFC 2328 13.4).
func (l *link) outlive(h packet.LSAHeader) {
	own, known := l.injector.db[h.Key()]
	if !known {
		return
	}
	if have, _ := packet.DecodeLSAHeader(own); packet.Compare(h, have) > 0 {
		l.queue = append(l.queue, l.injector.install(outbid(own, h.Seq)).Key())
	}
}

// outbid copies an LSA into an instance that is newer than seq.
func outbid(raw []byte, seq packet.Seq) []byte {
	again := append([]byte(nil), raw...)
	h, _ := packet.DecodeLSAHeader(raw)
	h.Seq = seq + 1
	h.Append(again[:0])
	packet.SetChecksum(again)
	return again
}

// watchNeighbor sees from outside when the neighbour has become Full: its
// router-LSA then has the link to this router (RFC 2328 12.4.1.1).
func (l *link) watchNeighbor(h packet.LSAHeader, raw []byte) {
	if h.Type != packet.LSRouter || h.Adv != l.neighbor || packet.Compare(h, l.injector.watched[h.Adv]) == 0 {
		return // the same instance comes on all links
	}
	l.injector.watched[h.Adv] = h
	router, err := packet.DecodeRouterLSA(raw)
	if err != nil {
		return
	}
	links := make(map[packet.ID]bool, len(router.Links))
	for _, link := range router.Links {
		if link.Type == packet.LinkPointToPoint {
			links[link.ID] = true
		}
	}
	now := time.Now()
	for _, other := range l.injector.links { // it says the same of all links
		if other.neighbor != l.neighbor || other.fullAt.IsZero() != links[other.RouterID] {
			continue
		}
		if other.fullAt = (time.Time{}); links[other.RouterID] {
			other.fullAt = now
		}
		l.injector.notify()
	}
}

func (l *link) receiveLSAck(a *packet.LSAck, now time.Time) {
	for _, h := range a.Headers {
		l.acknowledged(h)
	}
	l.pump(now)
}

// acknowledged takes an LSA out of those that wait, when it is this instance.
func (l *link) acknowledged(h packet.LSAHeader) bool {
	f, waits := l.inflight[h.Key()]
	if !waits || packet.Compare(f.header, h) != 0 {
		return false
	}
	delete(l.inflight, h.Key())
	l.injector.stats.Acknowledged++
	if len(l.inflight) == 0 {
		l.injector.notify()
	}
	return true
}
