package bgp

import (
	"slices"
	"strconv"
	"strings"
)

// SegmentType is the type of a segment of an AS path.
type SegmentType uint8

// Segment types (RFC 4271 4.3, RFC 5065 3).
const (
	Set            SegmentType = 1
	Sequence       SegmentType = 2
	ConfedSequence SegmentType = 3
	ConfedSet      SegmentType = 4
)

// Segment is a part of an AS path.
type Segment struct {
	Type SegmentType
	AS   []uint32
}

// ASPath is the way that a route has come, the nearest autonomous system first. It is never
// changed once made.
type ASPath []Segment

// PathOf is the path through a sequence of autonomous systems.
func PathOf(as ...uint32) ASPath {
	if len(as) == 0 {
		return nil
	}
	return ASPath{{Sequence, as}}
}

// Len is the length that paths are compared by: a set counts once (RFC 4271 9.1.2.2 a), a
// confederation's segments do not (RFC 5065 5.3).
func (p ASPath) Len() int {
	n := 0
	for _, s := range p {
		switch s.Type {
		case Sequence:
			n += len(s.AS)
		case Set:
			n++
		}
	}
	return n
}

// Neighbor is the first autonomous system, the one that told us; 0 when the path is empty or begins with a set.
func (p ASPath) Neighbor() uint32 {
	for _, s := range p {
		switch {
		case s.Type == Sequence && len(s.AS) > 0:
			return s.AS[0]
		case s.Type == Set:
			return 0
		}
	}
	return 0
}

// Origin is the last autonomous system, where the route began; 0 when the path is empty or ends in a set.
func (p ASPath) Origin() uint32 {
	if len(p) == 0 {
		return 0
	}
	last := p[len(p)-1]
	if last.Type != Sequence || len(last.AS) == 0 {
		return 0
	}
	return last.AS[len(last.AS)-1]
}

// Contains tells whether the path passes an autonomous system.
func (p ASPath) Contains(as uint32) bool {
	return slices.ContainsFunc(p, func(s Segment) bool { return slices.Contains(s.AS, as) })
}

// Prepend is the path with an autonomous system n times before it.
func (p ASPath) Prepend(as uint32, n int) ASPath {
	if n <= 0 {
		return p
	}
	head := slices.Repeat([]uint32{as}, n)
	if len(p) > 0 && p[0].Type == Sequence && len(p[0].AS)+n <= 255 {
		return append(ASPath{{Sequence, append(head, p[0].AS...)}}, p[1:]...)
	}
	return append(ASPath{{Sequence, head}}, p...)
}

// Equal tells whether two paths are the same.
func (p ASPath) Equal(o ASPath) bool {
	return slices.EqualFunc(p, o, func(a, b Segment) bool { return a.Type == b.Type && slices.Equal(a.AS, b.AS) })
}

// String writes the path as looking glasses do: 65001 65002 {65003,65004}.
func (p ASPath) String() string {
	var parts []string
	for _, s := range p {
		numbers := make([]string, len(s.AS))
		for i, as := range s.AS {
			numbers[i] = strconv.FormatUint(uint64(as), 10)
		}
		switch s.Type {
		case Set:
			parts = append(parts, "{"+strings.Join(numbers, ",")+"}")
		case ConfedSequence:
			parts = append(parts, "("+strings.Join(numbers, " ")+")")
		case ConfedSet:
			parts = append(parts, "["+strings.Join(numbers, ",")+"]")
		default:
			parts = append(parts, strings.Join(numbers, " "))
		}
	}
	return strings.Join(parts, " ")
}
