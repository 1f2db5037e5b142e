package sim

import (
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

// The ends of a virtual link send to each other by a link that leads there, also when others do not: a parallel
// link that costs more, and equal paths of which one is a direct link.
func TestVirtualLinkPaths(t *testing.T) {
	build := func(costs [2]uint16, detour uint16) *Net {
		n := New(1)
		n.ConfigureArea(ospf.Area{ID: 1})
		a := n.AddRouter("a", ospf.Config{})
		c, b := n.AddRouterIn("c", 1, ospf.Config{}), n.AddRouterIn("b", 1, ospf.Config{})
		o := LinkOptions{Delay: time.Millisecond, Area: 1}
		for i, cost := range costs {
			o.CostA, o.CostB = cost, cost
			name := string(rune('1' + i))
			n.Link(a, "direct"+name, b, "direct"+name, o)
		}
		o.CostA, o.CostB = detour, detour
		n.Link(c, "to-a", a, "to-c", o)
		n.Link(b, "to-c", c, "to-b", o)
		n.VirtualLink(1, a, b)
		return n
	}
	for _, c := range []struct {
		name   string
		costs  [2]uint16
		detour uint16
	}{
		{"the second of two parallel links", [2]uint16{4, 1}, 9},
		{"the first of two parallel links", [2]uint16{1, 4}, 9},
		{"a link and an equal detour", [2]uint16{4, 9}, 2},
		{"the detour alone", [2]uint16{8, 9}, 2},
	} {
		t.Run(c.name, func(t *testing.T) { converge(t, build(c.costs, c.detour), time.Minute) })
	}
}
