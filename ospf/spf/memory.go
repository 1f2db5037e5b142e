package spf

import (
	"github.com/ecmpd/ecmpd/internal/footprint"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Memory is about how many bytes the graphs take and the destinations with what leads there.
func (t *Table) Memory() (graph, routes int) {
	for _, a := range t.areas {
		graph += cap(a.vertices)*footprint.Of[vertex]() + footprint.Map[vertexKey, int32](len(a.numbers)) +
			footprint.Map[packet.Key, *summary](len(a.summaries)) + len(a.summaries)*footprint.Of[summary]()
		graph += 2 * len(a.tree.dist) * (footprint.Of[uint32]() + footprint.Of[setID]() + footprint.Of[bool]())
		for i := range a.vertices {
			v := &a.vertices[i]
			graph += cap(v.edges)*footprint.Of[edge]() + cap(v.leaves)*footprint.Of[vertexLeaf]()
		}
		routes += footprint.Map[externalKey, *external](len(a.externals)) + len(a.externals)*footprint.Of[external]()
	}
	routes += footprint.Map[externalKey, *external](len(t.externals)) + len(t.externals)*footprint.Of[external]() +
		footprint.Map[prefix, *dest](len(t.dests)) + len(t.dests)*footprint.Of[dest]()
	for _, d := range t.dests {
		routes += cap(d.leaves) * footprint.Of[leaf]()
	}
	return graph, routes
}

// Len is the number of destinations.
func (t *Table) Len() int { return len(t.dests) }
