package ospf

import (
	"net/netip"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// delayedAck is an acknowledgement that waits for others.
type delayedAck struct {
	header packet.LSAHeader
	to     *neighbor // who sent the LSA
}

// delayAck queues an acknowledgement (RFC 2328 13.5). The delay gathers what
// arrives in a burst and stays well below any neighbour's retransmission interval.
func (n *neighbor) delayAck(h packet.LSAHeader) {
	i := n.i
	i.acks = append(i.acks, delayedAck{h, n})
	if len(i.acks)*packet.LSAHeaderLen+packet.LSAHeaderLen > i.room() {
		i.sendDelayedAcks()
		return
	}
	if !i.ack.armed() {
		const delay = 250 * time.Millisecond
		i.e.timers.set(&i.ack, i.e.now.Add(min(delay, i.cfg.RetransmitInterval/4)))
	}
}

func (i *iface) sendDelayedAcks() {
	i.e.timers.stop(&i.ack)
	acks := i.acks
	i.acks = nil
	if !i.unicast() {
		i.sendAcks(i.floodDestination(), headersFor(acks, nil))
		return
	}
	for _, n := range i.neighbors {
		switch {
		case n.state < nbrExchange:
		case i.state == ifDROther || i.state == ifBackup: // DROther and Backup wait for acknowledgements of the DR's copies
			i.sendAcks(n.addr, headersFor(acks, nil))
		default:
			i.sendAcks(n.addr, headersFor(acks, n))
		}
	}
}

// headersFor picks the acknowledgements that are for a neighbour, nil for all.
func headersFor(acks []delayedAck, n *neighbor) (list []packet.LSAHeader) {
	for _, a := range acks {
		if n == nil || a.to == n {
			list = append(list, a.header)
		}
	}
	return list
}

// sendAcks sends acknowledgements in as few packets as they fit into.
func (i *iface) sendAcks(dst netip.Addr, headers []packet.LSAHeader) {
	limit := max(i.room()/packet.LSAHeaderLen, 1)
	for len(headers) > 0 {
		n := min(limit, len(headers))
		i.send(dst, &packet.LSAck{Headers: headers[:n:n]})
		headers = headers[n:]
	}
}

// receiveLSAck is RFC 2328 13.7: an acknowledgement counts only for the
// instance that is waiting for one.
func (n *neighbor) receiveLSAck(h packet.Header, b *packet.LSAck) {
	if n.state < nbrExchange {
		n.i.reject(n.addr, h, RejectNeighborState, "%s in state %s", h.Type, n.state)
		return
	}
	for _, ack := range b.Headers {
		k := ack.Key()
		if entry := n.retx.get(k); entry != nil && packet.Compare(ack, entry.HeaderAt(n.i.e.now)) == 0 {
			n.retx.removeEntry(entry)
		}
	}
}
