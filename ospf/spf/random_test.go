package spf

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// generator makes random domains and random changes of them.
type generator struct {
	*rand.Rand
	m       *model
	areas   []packet.ID
	routers int
	nextLAN int
}

func newGenerator(seed uint64) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	g.routers = 3 + g.IntN(10)
	g.areas = []packet.ID{packet.ID(g.IntN(2))}
	if g.IntN(3) == 0 {
		g.areas = [][]packet.ID{{0, 1}, {0, 1, 2}, {1, 2}}[g.IntN(3)]
	}
	g.m = &model{root: 1, flags: map[areaRouter]packet.RouterFlags{}, silent: map[areaRouter]bool{}}
	for range g.routers * 2 {
		g.addP2P()
	}
	for range g.IntN(4) {
		g.addLAN()
	}
	g.addVirtual()
	for range 2 * g.routers {
		g.addLeaf()
		g.setFlags()
	}
	for range g.IntN(24) {
		g.addSummary()
		g.addExternal()
	}
	return g
}

func (g *generator) area() packet.ID   { return g.areas[g.IntN(len(g.areas))] }
func (g *generator) router() packet.ID { return packet.ID(1 + g.IntN(g.routers)) }
func (g *generator) cost() uint16      { return uint16(1 + g.IntN(3)) }

func (g *generator) leafPrefix() netip.Prefix {
	if g.IntN(8) == 0 {
		return netip.MustParsePrefix([]string{"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "172.16.0.0/12"}[g.IntN(4)])
	}
	return netip.PrefixFrom(packet.ID(172<<24|16<<16|g.IntN(12)<<8).Addr(), 24)
}

func (g *generator) addP2P() {
	a, b := g.router(), g.router()
	if a == b {
		return
	}
	g.m.p2p = append(g.m.p2p, p2pLink{
		area: g.area(), ends: [2]packet.ID{a, b}, cost: [2]uint16{g.cost(), g.cost()},
		unnumbered: g.IntN(4) == 0, half: g.IntN(10) == 0,
	})
}

func (g *generator) addLAN() {
	l := lan{area: g.area(), prefix: netip.PrefixFrom(packet.ID(10<<24|1<<16|g.nextLAN<<8).Addr(), 24)}
	g.nextLAN++
	if g.IntN(6) == 0 && g.nextLAN > 1 {
		// The other half of a partitioned network: same prefix, another DR.
		l.prefix = netip.PrefixFrom(packet.ID(10<<24|1<<16|(g.nextLAN-2)<<8).Addr(), 24)
	}
	for i := range 2 + g.IntN(4) {
		l.members = append(l.members, member{id: g.router(), host: 1 + i + 10*g.nextLAN, cost: g.cost(), unlisted: g.IntN(12) == 0})
	}
	if g.IntN(3) == 0 {
		l.members[1].id = g.m.root
	}
	l.dr = g.IntN(len(l.members))
	l.members[l.dr].unlisted = false
	if g.IntN(5) == 0 {
		l.origin = g.router()
	}
	if l.origin == l.members[l.dr].id || l.members[0].unlisted {
		l.origin = 0
	}
	g.m.lans = append(g.m.lans, l)
}

// addVirtual adds a virtual link of the root through area 1, where there is one.
func (g *generator) addVirtual() {
	if to := g.router(); to != g.m.root && slices.Contains(g.areas, 0) && slices.Contains(g.areas, 1) {
		g.m.virtual = append(g.m.virtual, virtualLink{transit: 1, to: to, cost: g.cost()})
	}
}

func (g *generator) addLeaf() {
	s := stubNet{area: g.area(), id: g.router(), prefix: g.leafPrefix(), cost: uint16(g.IntN(4))}
	if g.IntN(5) == 0 && len(g.m.lans) > 0 {
		s.prefix = g.m.lans[g.IntN(len(g.m.lans))].prefix
	}
	g.m.stubs = append(g.m.stubs, s)
}

func (g *generator) setFlags() {
	g.m.flags[areaRouter{g.area(), g.router()}] = []packet.RouterFlags{0, 1, 2, 3, 3}[g.IntN(5)]
}

func (g *generator) addSummary() {
	s := sumNet{area: g.area(), adv: g.router(), cost: uint32(g.IntN(5))}
	if g.IntN(8) == 0 {
		s.cost = packet.LSInfinity
	}
	if g.IntN(2) == 0 {
		s.asbr = g.router() + packet.ID(g.IntN(2)*20)
		if s.asbr == g.m.root {
			return
		}
	} else {
		s.prefix = g.leafPrefix()
	}
	g.m.summaries = append(g.m.summaries, s)
}

func (g *generator) addExternal() {
	e := extNet{adv: g.router(), prefix: g.leafPrefix(), type2: g.IntN(2) == 0, cost: uint32(g.IntN(3)), tag: uint32(g.IntN(3))}
	if g.IntN(4) == 0 {
		e.adv += 20
	}
	switch g.IntN(6) {
	case 0:
		e.forward = packet.ID(172<<24 | 16<<16 | g.IntN(12)<<8 | g.IntN(4))
	case 1, 2:
		if len(g.m.lans) > 0 {
			l := g.m.lans[g.IntN(len(g.m.lans))]
			e.forward = l.addr(l.members[g.IntN(len(l.members))]) + packet.ID(g.IntN(2)*100)
		}
	case 3:
		if len(g.m.p2p) > 0 {
			k := g.IntN(len(g.m.p2p))
			e.forward = g.m.p2p[k].addr(k, g.IntN(2))
		}
	}
	g.m.externals = append(g.m.externals, e)
}

// mutate makes one random change; leafOnly ones leave the graph as it is.
func (g *generator) mutate(leafOnly bool) {
	n := 15
	if leafOnly {
		n = 7
	}
	m := g.m
	switch g.IntN(n) {
	case 0:
		g.addLeaf()
	case 1:
		if len(m.stubs) > 0 {
			i := g.IntN(len(m.stubs))
			m.stubs = slices.Delete(m.stubs, i, i+1)
		}
	case 2:
		g.addSummary()
	case 3:
		if len(m.summaries) > 0 {
			i := g.IntN(len(m.summaries))
			m.summaries = slices.Delete(m.summaries, i, i+1)
		}
	case 4:
		g.addExternal()
	case 5:
		if len(m.externals) > 0 {
			i := g.IntN(len(m.externals))
			m.externals = slices.Delete(m.externals, i, i+1)
		}
	case 6:
		if len(m.stubs) > 0 {
			m.stubs[g.IntN(len(m.stubs))].cost = uint16(g.IntN(4))
		}
	case 7:
		g.setFlags()
	case 8:
		g.addP2P()
	case 9, 10:
		if len(m.p2p) > 0 {
			l := &m.p2p[g.IntN(len(m.p2p))]
			l.down = !l.down
		}
	case 11:
		if len(m.p2p) > 0 {
			l := &m.p2p[g.IntN(len(m.p2p))]
			l.cost[g.IntN(2)] = g.cost()
		}
	case 12:
		if len(m.lans) > 0 {
			l := &m.lans[g.IntN(len(m.lans))]
			if g.IntN(2) == 0 {
				l.down = !l.down
			} else {
				l.members[g.IntN(len(l.members))].cost = g.cost()
			}
		}
	case 14:
		if len(m.virtual) > 0 {
			v := &m.virtual[g.IntN(len(m.virtual))]
			v.down = !v.down
		}
	case 13:
		k := areaRouter{g.area(), g.router()}
		m.silent[k] = !m.silent[k]
	}
}

func configFor(seed uint64) Config {
	return Config{RouterID: 1, RFC1583Compat: seed%4 == 0}
}

// TestOracle compares full calculations of random domains with the oracle.
func TestOracle(t *testing.T) {
	var routes, multipath int
	for seed := range uint64(800) {
		g := newGenerator(seed)
		c := configFor(seed)
		table := g.m.fresh(c)
		got := show(slices.Collect(table.Routes()))
		if want := g.m.oracle(c); got != want {
			t.Fatalf("seed %d:\n%s", seed, difference(got, want))
		}
		for r := range table.Routes() {
			routes++
			if r.NextHops.Len() > 1 {
				multipath++
			}
		}
	}
	if routes < 5000 || multipath < routes/10 {
		t.Errorf("%d routes, %d of them multipath: the domains are too poor to prove anything", routes, multipath)
	}
}

// TestIncremental makes random changes one after the other and compares with a
// full calculation each time. A change of leaves alone must not need a Run. What
// Changes says, applied to the table before, must give the table after.
func TestIncremental(t *testing.T) {
	for seed := range uint64(250) {
		g := newGenerator(seed)
		c := configFor(seed)
		table := New(c)
		_, held := g.m.feed(table, nil)
		table.Run()
		mirror := map[netip.Prefix]Route{}
		apply(t, mirror, table.Changes())
		for step := range 25 {
			leafOnly := g.IntN(2) == 0
			for range 1 + g.IntN(3) {
				g.mutate(leafOnly)
			}
			name := fmt.Sprintf("seed %d step %d", seed, step)
			if seed%5 == 0 {
				table.setsLimit = 1 // start the numbering of sets again
			}
			before := graphOf(held)
			var effect Effect
			effect, held = g.m.feed(table, held)
			if effect == Topology && before == graphOf(held) {
				t.Fatalf("%s: a change of leaves wants a Dijkstra", name)
			}
			if table.Pending() {
				if g.IntN(2) == 0 { // leaves are applied to the old tree first
					apply(t, mirror, table.Changes())
				}
				table.Run()
			}
			apply(t, mirror, table.Changes())
			if more := table.Changes(); len(more) > 0 {
				t.Fatalf("%s: changes without a change: %v", name, more)
			}
			got, want := show(slices.Collect(table.Routes())), show(slices.Collect(g.m.fresh(c).Routes()))
			if got != want {
				t.Fatalf("%s: incremental and full calculation differ\n%s", name, difference(got, want))
			}
			for r := range table.Routes() {
				if mirror[r.Prefix] != r {
					t.Fatalf("%s: the changes said %v, the table has %v", name, mirror[r.Prefix], r)
				}
			}
			if n := len(slices.Collect(table.Routes())); n != len(mirror) {
				t.Fatalf("%s: %d routes by changes, %d in the table", name, len(mirror), n)
			}
		}
		if want := g.m.oracle(c); show(slices.Collect(table.Routes())) != want {
			t.Fatalf("seed %d: %s", seed, difference(show(slices.Collect(table.Routes())), want))
		}
		drain(t, table, held)
	}
}

// apply applies changes to a mirror of the table; each must change something.
func apply(t *testing.T, mirror map[netip.Prefix]Route, changes []Change) {
	t.Helper()
	for i, c := range changes {
		if i > 0 && changes[i-1].Prefix.Compare(c.Prefix) >= 0 {
			t.Fatalf("changes are not sorted: %v before %v", changes[i-1].Prefix, c.Prefix)
		}
		old, had := mirror[c.Prefix]
		switch {
		case c.Withdrawn && (!had || old != c.Route):
			t.Fatalf("withdrawn but not there: %v (there is %v)", c.Route, old)
		case !c.Withdrawn && had && old == c.Route:
			t.Fatalf("change to the same: %v", c.Route)
		case c.Withdrawn:
			delete(mirror, c.Prefix)
		default:
			mirror[c.Prefix] = c.Route
		}
	}
}

// drain removes everything and demands that nothing is left behind.
func drain(t *testing.T, table *Table, held map[areaKey][]byte) {
	t.Helper()
	for k := range held {
		table.Remove(k.area, k.key)
	}
	table.Changes()
	if len(table.dests)+len(table.externals)+len(table.asbrs)+len(table.forwards) > 0 {
		t.Fatalf("left behind: %d destinations, %d externals, %d ASBRs, %d forwarding addresses",
			len(table.dests), len(table.externals), len(table.asbrs), len(table.forwards))
	}
	for _, a := range table.areas {
		if len(a.numbers)+len(a.summaries)+len(a.contested) > 0 || len(a.free) != len(a.vertices) {
			t.Fatalf("area %s: %d vertices and %d summaries left, %d of %d numbers free",
				a.id, len(a.numbers), len(a.summaries), len(a.free), len(a.vertices))
		}
	}
}

// graphOf draws the links between routers and networks, without leaves.
func graphOf(lsas map[areaKey][]byte) string {
	var s []string
	for k, raw := range lsas {
		switch k.key.Type {
		case packet.LSRouter:
			r, _ := packet.DecodeRouterLSA(raw)
			r.Links = slices.DeleteFunc(r.Links, func(l packet.RouterLink) bool { return l.Type == packet.LinkStub })
			s = append(s, fmt.Sprint(k, r.Links))
		case packet.LSNetwork:
			s = append(s, fmt.Sprint(k, raw[packet.LSAHeaderLen:]))
		}
	}
	slices.Sort(s)
	return fmt.Sprint(s)
}

func difference(got, want string) string {
	return fmt.Sprintf("--- got\n%s--- want\n%s", got, want)
}
