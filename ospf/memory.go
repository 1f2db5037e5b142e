package ospf

import (
	"github.com/ecmpd/ecmpd/internal/footprint"
	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Memory is about how many bytes the parts of the engine take.
type Memory struct {
	LSAs, LSAContents, LSABytes int // LSABytes with the contents
	GraphBytes                  int // routers, networks and the links between them
	Routes, RouteBytes          int // destinations with what leads there
	Neighbors, NeighborBytes    int // with their lists; the LSAs on them are counted above
}

// Memory looks at every neighbour and destination.
func (e *Engine) Memory() (m Memory) {
	dbs := make([]*database, 0, 1+len(e.areas)+len(e.ifaces))
	if e.as != nil {
		dbs = append(dbs, e.as)
	}
	for _, a := range e.areas {
		dbs = append(dbs, a.db)
	}
	for _, i := range e.ifaces {
		if i.db != nil {
			dbs = append(dbs, i.db)
		}
		for _, n := range i.neighbors {
			m.Neighbors++
			m.NeighborBytes += n.memory()
		}
	}
	for _, d := range dbs {
		m.LSAs += d.Len()
		m.LSAContents += d.Bytes()
		m.LSABytes += d.Memory()
	}
	if e.table != nil {
		m.GraphBytes, m.RouteBytes = e.table.Memory()
		m.Routes = e.table.Len()
	}
	return m
}

func (n *neighbor) memory() int {
	bytes := footprint.Of[neighbor]() + footprint.Map[packet.Key, *lsdb.Entry](len(n.retx.entries)) +
		footprint.Map[packet.Key, packet.LSAHeader](len(n.requests.wanted)) + cap(n.exchange.summary)*footprint.Of[summaryItem]()
	for _, q := range n.retx.queues {
		bytes += cap(q) * footprint.Of[retransmission]()
	}
	return bytes
}
