package spf

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// policy is what an operator decides of an area border router.
type policy struct {
	border bool
	areas  map[packet.ID]AreaConfig
}

func (p policy) apply(t *Table) {
	t.SetBorder(p.border)
	for _, id := range []packet.ID{0, 1, 2} {
		t.SetArea(id, p.areas[id])
	}
}

func (g *generator) ranges(id packet.ID) (list []netip.Prefix) {
	for range g.IntN(4) {
		p := netip.PrefixFrom(packet.ID(172<<24|16<<16|g.IntN(12)<<8).Addr(), 16+g.IntN(9)).Masked()
		if int(p.Addr().As4()[2]+uint8(p.Bits()))%3 == int(id) && !slices.Contains(list, p) { // no prefix is of two areas
			list = append(list, p)
		}
	}
	return list
}

// An area border router with ranges, an NSSA and transit areas: whatever changes, LSAs or
// configuration, the incremental calculation ends where a full one does.
func TestIncrementalBorder(t *testing.T) {
	var discards, nssas, shortcuts int
	for seed := range uint64(400) {
		g := newGenerator(seed)
		g.areas = []packet.ID{0, 1, 2}
		for range g.routers {
			g.addP2P()
			g.addLeaf()
			g.addSummary()
			g.addExternal()
		}
		if seed%5 == 0 {
			g.addVirtual()
		}
		kind := AreaConfig{NoExternals: true, NSSA: g.IntN(2) == 0}
		p := policy{border: true, areas: map[packet.ID]AreaConfig{2: kind}}
		change := func() {
			switch g.IntN(4) {
			case 0:
				p.border = !p.border
			case 1:
				c := p.areas[2]
				c.NoSummary = !c.NoSummary
				p.areas[2] = c
			default:
				id := g.area()
				c := p.areas[id]
				c.Ranges = g.ranges(id)
				p.areas[id] = c
			}
		}
		for range 4 {
			change()
		}
		inside := func() { // some externals belong to the NSSA, some routers end virtual links
			for i := range g.m.externals {
				if x := &g.m.externals[i]; i%3 == 0 {
					x.nssa, x.options = 2, packet.OptNP*packet.Options(i/3%2)
				}
			}
			for k, f := range g.m.flags {
				if k.area == 1 && k.id%3 == 0 && f&packet.RouterB != 0 {
					g.m.flags[k] |= packet.RouterV
				}
			}
		}
		inside()
		table := New(Config{RouterID: 1, RFC1583Compat: seed%4 == 0})
		p.apply(table)
		_, held := g.m.feed(table, nil)
		table.Run()
		mirror := map[netip.Prefix]Route{}
		apply(t, mirror, table.Changes())
		for step := range 20 {
			if g.IntN(3) == 0 {
				change()
				p.apply(table)
			}
			g.mutate(g.IntN(2) == 0)
			inside()
			_, held = g.m.feed(table, held)
			if table.Pending() {
				table.Run()
			}
			apply(t, mirror, table.Changes())
			full := New(table.config)
			p.apply(full)
			g.m.feed(full, nil)
			full.Run()
			full.Changes()
			got, want := slices.Collect(table.Routes()), slices.Collect(full.Routes())
			if show(got) != show(want) || !slices.Equal(got, want) {
				t.Fatalf("seed %d step %d: incremental and full calculation differ\n%s", seed, step, difference(show(got), show(want)))
			}
			sameBorder(t, fmt.Sprintf("seed %d step %d", seed, step), p, table, full)
			for _, r := range got {
				if mirror[r.Prefix] != r {
					t.Fatalf("seed %d step %d: the changes said %v, the table has %v", seed, step, mirror[r.Prefix], r)
				}
				if r.Discard {
					discards++
				}
				if r.Type >= NSSA1 {
					nssas++
				}
				if r.Area == 0 && r.Type <= InterArea && slices.ContainsFunc(r.NextHops.Hops(), inArea(g.m, 1)) {
					shortcuts++
				}
			}
		}
		drain(t, table, held)
		if len(table.components) > 0 {
			t.Fatalf("seed %d: %d components of ranges left", seed, len(table.components))
		}
	}
	if discards < 500 || nssas < 150 || shortcuts < 20 {
		t.Errorf("%d discard routes, %d of NSSAs, %d through transit areas: too few to prove anything", discards, nssas, shortcuts)
	}
}

// sameBorder compares what an area border router asks beside routes.
func sameBorder(t *testing.T, name string, p policy, a, b *Table) {
	t.Helper()
	for id, c := range p.areas {
		for _, r := range c.Ranges {
			costA, activeA := a.Range(id, r)
			costB, activeB := b.Range(id, r)
			if costA != costB || activeA != activeB {
				t.Fatalf("%s: range %s is %d %v, should be %d %v", name, r, costA, activeA, costB, activeB)
			}
		}
		if a.Transit(id) != b.Transit(id) {
			t.Fatalf("%s: area %s: transit %v", name, id, a.Transit(id))
		}
	}
	if x, y := fmt.Sprint(a.Routers()), fmt.Sprint(b.Routers()); x != y {
		t.Fatalf("%s: border routers\n%s\nshould be\n%s", name, x, y)
	}
	for r := range a.Routes() {
		x, okX := a.Translatable(2, r.Prefix)
		y, okY := b.Translatable(2, r.Prefix)
		if x != y || okX != okY {
			t.Fatalf("%s: %s is translated as %v %v, should be %v %v", name, r.Prefix, x, okX, y, okY)
		}
	}
}

// inArea tells next hops that leave through an area.
func inArea(m *model, area packet.ID) func(h nexthop.Hop) bool {
	names := map[string]bool{}
	for _, l := range m.rootLinks()[area] {
		names[l.Interface] = true
	}
	return func(h nexthop.Hop) bool { return names[h.Interface] }
}
