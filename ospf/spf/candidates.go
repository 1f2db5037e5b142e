package spf

import "github.com/ecmpd/ecmpd/ospf/packet"

// candidate is a vertex on Dijkstra's candidate list. A vertex may be on it several
// times; the first to come out counts.
type candidate struct {
	rank uint64 // distance, then network before router: RFC 2328 16.1 (3)
	id   packet.ID
	v    int32
}

func newCandidate(dist uint32, x *vertex, v int32) candidate {
	c := candidate{rank: uint64(dist) << 1, id: x.id, v: v}
	if !x.network {
		c.rank |= 1
	}
	return c
}

// before orders by the vertex ID at last, so that the order in which vertices
// were numbered never shows.
func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.id < d.id
}

// candidates is a binary heap. (container/heap would allocate for each element.)
type candidates []candidate

func (h *candidates) push(c candidate) {
	q := append(*h, c)
	i := len(q) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !c.before(q[parent]) {
			break
		}
		q[i] = q[parent]
		i = parent
	}
	q[i] = c
	*h = q
}

func (h *candidates) pop() candidate {
	q := *h
	top, last := q[0], q[len(q)-1]
	q = q[:len(q)-1]
	*h = q
	i := 0
	for {
		child := 2*i + 1
		if child >= len(q) {
			break
		}
		if child+1 < len(q) && q[child+1].before(q[child]) {
			child++
		}
		if !q[child].before(last) {
			break
		}
		q[i] = q[child]
		i = child
	}
	if len(q) > 0 {
		q[i] = last
	}
	return top
}
