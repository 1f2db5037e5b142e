package ospf

import "github.com/ecmpd/ecmpd/ospf/packet"

// missedList is what neighbours have described or sent and a full database had no room for. Once there is room
// they are asked for it, Full as they are (RFC 2328 10.7 answers then, too): its next refresh may be half an hour away.
type missedList struct {
	order []packet.Key // oldest first; some are in from no more
	from  map[packet.Key]*neighbor
}

// miss remembers an LSA and the neighbour that named it last, as many as the database may hold.
func (e *Engine) miss(d *database, k packet.Key, n *neighbor) {
	m := &d.missed
	if m.from == nil {
		m.from = make(map[packet.Key]*neighbor)
	}
	if _, known := m.from[k]; !known {
		if len(m.order) >= e.lsaLimit(d) {
			return
		}
		m.order = append(m.order, k)
	}
	m.from[k] = n
}

// settleMissed asks for what is missing as far as there is room.
func (e *Engine) settleMissed() {
	for _, a := range e.areas {
		e.askMissed(a.db)
	}
	e.askMissed(e.as)
}

func (e *Engine) askMissed(d *database) {
	m := &d.missed
	if len(m.order) == 0 {
		return
	}
	room := e.lsaLimit(d) - d.Weight()
	if d == e.as {
		room = min(room, e.externalLimit()-d.externals(packet.LSExternal))
	}
	for _, i := range e.scope(d) {
		for _, n := range i.neighbors {
			room -= len(n.requests.wanted)
		}
	}
	for ; room > 0 && len(m.order) > 0; m.order = m.order[1:] {
		k := m.order[0]
		n, there := m.from[k]
		delete(m.from, k)
		if !there || n.state != nbrFull || d.Lookup(k) != nil {
			continue
		}
		n.requests.add(packet.LSAHeader{Type: k.Type, ID: k.ID, Adv: k.Adv, Seq: packet.ReservedSeq}) // any instance will do
		e.progress = append(e.progress, n)
		room--
	}
	if len(m.order) == 0 {
		d.missed = missedList{}
	}
	e.settleProgress()
}

// settleProgress goes on with the request lists that have changed.
func (e *Engine) settleProgress() {
	for len(e.progress) > 0 {
		n := e.progress[0]
		e.progress = e.progress[1:]
		n.requests.proceed()
	}
}
