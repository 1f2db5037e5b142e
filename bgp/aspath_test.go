package bgp

import "testing"

func TestASPath(t *testing.T) {
	set := ASPath{{Sequence, []uint32{65001, 65002}}, {Set, []uint32{65003, 65004}}}
	confed := ASPath{{ConfedSequence, []uint32{64512}}, {Sequence, []uint32{65001}}}
	for _, c := range []struct {
		path             ASPath
		text             string
		length           int
		neighbor, origin uint32
	}{
		{nil, "", 0, 0, 0},
		{PathOf(), "", 0, 0, 0},
		{PathOf(4200000001, 65002), "4200000001 65002", 2, 4200000001, 65002},
		{set, "65001 65002 {65003,65004}", 3, 65001, 0},
		{confed, "(64512) 65001", 1, 65001, 65001},
		{ASPath{{Set, []uint32{65003}}}, "{65003}", 1, 0, 0},
		{PathOf(65002).Prepend(65001, 2), "65001 65001 65002", 3, 65001, 65002},
		{set.Prepend(65000, 1), "65000 65001 65002 {65003,65004}", 4, 65000, 0},
		{ASPath{{Set, []uint32{65003}}}.Prepend(65000, 1), "65000 {65003}", 2, 65000, 0},
		{PathOf(65001).Prepend(65000, 0), "65001", 1, 65001, 65001},
	} {
		p := c.path
		if p.String() != c.text || p.Len() != c.length || p.Neighbor() != c.neighbor || p.Origin() != c.origin {
			t.Errorf("%q (want %q): length %d, neighbour %d, origin %d", p, c.text, p.Len(), p.Neighbor(), p.Origin())
		}
	}
	if !set.Contains(65004) || set.Contains(65005) {
		t.Error("Contains")
	}
	long := PathOf(make([]uint32, 255)...).Prepend(65001, 1)
	if len(long) != 2 || long.Len() != 256 {
		t.Errorf("a segment holds at most 255: %d segments", len(long))
	}
	if PathOf(1).Equal(PathOf(1, 2)) || !PathOf(1, 2).Equal(PathOf(1, 2)) {
		t.Error("Equal")
	}
}
