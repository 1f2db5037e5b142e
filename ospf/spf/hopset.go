package spf

import (
	"encoding/binary"
	"slices"

	"github.com/ecmpd/ecmpd/nexthop"
)

// setID names a set of next hops while one [hopSets] lives. 0 is the empty set.
type setID int32

// hop is a next hop. Attached ones lead onto a directly attached network: they have no
// gateway until a router or a forwarding address on that network supplies it.
type hop struct {
	nexthop.Hop
	attached bool
}

// hopSets numbers next hops and sets of them, so that sets are compared and
// merged by number: a calculation meets few distinct sets, and meets them often.
type hopSets struct {
	hops   []hop
	hopIDs map[hop]int32
	sets   []hopSet
	setIDs map[string]setID // by members
	unions map[[2]setID]setID
	buf    []int32
	key    []byte
}

type hopSet struct {
	members  []int32 // ascending
	attached bool    // one member is
	value    nexthop.Set
	valued   bool // value was asked for
}

func newHopSets() *hopSets {
	return &hopSets{
		hopIDs: make(map[hop]int32),
		sets:   make([]hopSet, 1),
		setIDs: map[string]setID{"": 0},
		unions: make(map[[2]setID]setID),
	}
}

// make returns the set of hops.
func (s *hopSets) make(hops []hop) setID {
	s.buf = s.buf[:0]
	for _, h := range hops {
		id, ok := s.hopIDs[h]
		if !ok {
			id = int32(len(s.hops))
			s.hops = append(s.hops, h)
			s.hopIDs[h] = id
		}
		s.buf = append(s.buf, id)
	}
	slices.Sort(s.buf)
	s.buf = slices.Compact(s.buf)
	return s.intern(s.buf)
}

func (s *hopSets) union(a, b setID) setID {
	switch {
	case a == b || b == 0:
		return a
	case a == 0:
		return b
	case a > b:
		a, b = b, a
	}
	id, ok := s.unions[[2]setID{a, b}]
	if !ok {
		s.buf = append(append(s.buf[:0], s.sets[a].members...), s.sets[b].members...)
		slices.Sort(s.buf)
		s.buf = slices.Compact(s.buf)
		id = s.intern(s.buf)
		s.unions[[2]setID{a, b}] = id
	}
	return id
}

// intern returns the set with these members, ascending and without duplicates.
func (s *hopSets) intern(members []int32) setID {
	s.key = s.key[:0]
	for _, m := range members {
		s.key = binary.NativeEndian.AppendUint32(s.key, uint32(m))
	}
	id, ok := s.setIDs[string(s.key)]
	if !ok {
		id = setID(len(s.sets))
		s.setIDs[string(s.key)] = id
		s.sets = append(s.sets, hopSet{
			members:  slices.Clone(members),
			attached: slices.ContainsFunc(members, func(m int32) bool { return s.hops[m].attached }),
		})
	}
	return id
}

// value returns the set for the outside. Most sets are but steps to others and are never asked for.
func (s *hopSets) value(id setID) nexthop.Set {
	set := &s.sets[id]
	if !set.valued {
		hops := make([]nexthop.Hop, len(set.members))
		for i, m := range set.members {
			hops[i] = s.hops[m].Hop
		}
		set.value, set.valued = nexthop.NewSet(hops...), true
	}
	return set.value
}

// through returns set with every attached hop replaced by those that replace appends.
func (s *hopSets) through(set setID, replace func(dst []hop, attached hop) []hop) setID {
	if !s.sets[set].attached {
		return set
	}
	var hops []hop
	for _, m := range s.sets[set].members {
		if h := s.hops[m]; h.attached {
			hops = replace(hops, h)
		} else {
			hops = append(hops, h)
		}
	}
	return s.make(hops)
}

func (s *hopSets) attached(set setID) bool { return s.sets[set].attached }

// size is a measure of the memory held.
func (s *hopSets) size() int { return len(s.hops) + len(s.sets) + len(s.unions) }
