package symmetry

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

func id(s string) packet.ID { return packet.IDFromAddr(netip.MustParseAddr(s)) }

// network is an area written down: routers by name, and links between them.
type network struct {
	routers  map[string]*packet.RouterLSA
	infos    map[string]*packet.Multipath
	networks map[string][]string // by name of the LAN: its routers
	links    int
}

// Names are "h1" for hubs 1.0.0.1 and "b1" for branches 2.0.0.1; branches have
// a network behind them.
func routerID(name string) packet.ID {
	class := map[byte]int{'h': 1, 'b': 2, 'l': 3}[name[0]]
	return id(fmt.Sprintf("%d.0.0.%s", class, name[1:]))
}

func newNetwork(names ...string) *network {
	n := &network{map[string]*packet.RouterLSA{}, map[string]*packet.Multipath{}, map[string][]string{}, 0}
	for _, name := range names {
		r := &packet.RouterLSA{}
		if name[0] == 'b' {
			r.Links = append(r.Links, packet.RouterLink{Type: packet.LinkStub, ID: id("10.10." + name[1:] + ".0"), Data: packet.MaskOf(24), Metric: 1})
		}
		n.routers[name] = r
		n.infos[name] = &packet.Multipath{Able: true, Shared: true, Policy: 3, Fields: 0x37, MaxPaths: 16, Fingerprint: [8]byte{1}}
	}
	return n
}

// link joins two routers with a cost and a weight of each end.
func (n *network) link(a, b string, costA, costB int, weightA, weightB uint8) {
	n.links++
	net := packet.ID(10<<24 | n.links<<8)
	for i, e := range []struct {
		from, to string
		cost     int
		weight   uint8
	}{{a, b, costA, weightA}, {b, a, costB, weightB}} {
		l := packet.RouterLink{Type: packet.LinkPointToPoint, ID: routerID(e.to), Data: net | packet.ID(i+1), Metric: uint16(e.cost)}
		stub := packet.RouterLink{Type: packet.LinkStub, ID: net, Data: packet.MaskOf(30), Metric: uint16(e.cost)}
		n.routers[e.from].Links = append(n.routers[e.from].Links, l, stub)
		if m := n.infos[e.from]; m != nil && e.weight != 1 {
			m.Weights = append(m.Weights, packet.LinkWeight{ID: l.ID, Data: l.Data, Type: l.Type, Weight: e.weight})
		}
	}
}

func (n *network) lan(name string, cost int, routers ...string) {
	n.networks[name] = routers
	for i, r := range routers {
		n.routers[r].Links = append(n.routers[r].Links, packet.RouterLink{
			Type: packet.LinkTransit, ID: routerID(name), Data: routerID(name) + packet.ID(i+1)<<8, Metric: uint16(cost),
		})
	}
}

func (n *network) lsas() (list [][]byte) {
	for name, r := range n.routers {
		adv := routerID(name)
		list = append(list, packet.BuildLSA(packet.LSAHeader{Type: packet.LSRouter, ID: adv, Adv: adv}, *r))
		if m := n.infos[name]; m != nil {
			list = append(list, packet.BuildLSA(packet.LSAHeader{Type: packet.LSOpaqueArea, ID: packet.RouterInfoID, Adv: adv}, packet.RouterInfoLSA{Multipath: m}))
		}
	}
	for name, routers := range n.networks {
		body := packet.NetworkLSA{Mask: packet.MaskOf(24)}
		for _, r := range routers {
			body.Routers = append(body.Routers, routerID(r))
		}
		list = append(list, packet.BuildLSA(packet.LSAHeader{Type: packet.LSNetwork, ID: routerID(name), Adv: body.Routers[0]}, body))
	}
	return list
}

// text is the report, one pair a line.
func (n *network) text(about packet.ID) string {
	var b strings.Builder
	for _, p := range Compute(slices.Values(n.lsas()), about).Pairs {
		fmt.Fprintf(&b, "%s %s %s through %v: %s\n", p.A, p.B, p.Verdict, p.Through, strings.Join(p.Why, "; "))
	}
	return b.String()
}

// hubs joins each branch to each hub at cost 10 and weight 1.
func (n *network) star(hubs, branches []string) {
	for _, h := range hubs {
		for _, b := range branches {
			n.link(h, b, 10, 10, 1, 1)
		}
	}
}

func TestPairs(t *testing.T) {
	hubs, branches := []string{"h1", "h2"}, []string{"b1", "b2"}
	star := func(edit func(*network)) func() *network {
		return func() *network {
			n := newNetwork("h1", "h2", "b1", "b2")
			n.star(hubs, branches)
			edit(n)
			return n
		}
	}
	const pair, through = "2.0.0.1 2.0.0.2 ", " through [1.0.0.1 1.0.0.2]: "
	for _, row := range []struct {
		name  string
		build func() *network
		want  string
	}{
		{"two hubs", star(func(*network) {}), pair + "yes" + through},
		{"hubs need not say anything", star(func(n *network) { n.infos["h1"], n.infos["h2"] = nil, nil }), pair + "yes" + through},
		{"foreign branch", star(func(n *network) { n.infos["b2"] = nil }),
			pair + "unproven" + through + "2.0.0.2 does not say how it hashes: a foreign router, or one that floods no opaque LSAs"},
		{"other key", star(func(n *network) { n.infos["b2"].Fingerprint[0]++ }),
			pair + "no" + through + "other seed: 2.0.0.1 and 2.0.0.2 have different symmetric-key"},
		{"not symmetric", star(func(n *network) { n.infos["b1"].Shared = false }),
			pair + "no" + through + "2.0.0.1 hashes with a seed of its own: ecmp.hash is not symmetric there"},
		{"old kernel", star(func(n *network) { n.infos["b1"].Able, n.infos["b1"].Shared = false, false }),
			pair + "no" + through + "the kernel of 2.0.0.1 is older than 6.11: its hash has no seed that could be shared"},
		{"other level", star(func(n *network) { n.infos["b2"].Policy, n.infos["b2"].Fields = 0, 0 }),
			pair + "no" + through + "2.0.0.1 hashes l4, 2.0.0.2 hashes l3: symmetric-level differs"},
		{"policy 1", star(func(n *network) { n.infos["b2"].Policy, n.infos["b2"].Fields = 1, 0 }),
			pair + "no" + through + "2.0.0.2 hashes by policy 1, which is not the same in both directions"},
		{"resilient", star(func(n *network) { n.infos["b2"].Resilient = true }),
			pair + "no" + through + "2.0.0.2 has resilient groups, whose choice depends on what has been before"},
		{"fewer paths", star(func(n *network) { n.infos["b2"].MaxPaths = 1 }),
			pair + "no" + through + "different member count: 2.0.0.2 to 2.0.0.1 through 1 routers, back through 2 and 1.0.0.2"},
		{"foreign and other key", star(func(n *network) {
			n.star([]string{"h1"}, []string{"b1"})
			n.infos["b1"], n.infos["b2"].Shared = nil, false
		}), pair + "no" + through + "2.0.0.2 hashes with a seed of its own: ecmp.hash is not symmetric there; " +
			"2.0.0.1 does not say how it hashes: a foreign router, or one that floods no opaque LSAs"},
		{"one path", func() *network {
			n := newNetwork("h1", "b1", "b2")
			n.star([]string{"h1"}, branches)
			return n
		}, ""},
		{"unequal costs", func() *network {
			n := newNetwork("h1", "h2", "b1", "b2")
			n.star([]string{"h1"}, branches)
			n.link("h2", "b1", 10, 10, 1, 1)
			n.link("h2", "b2", 10, 11, 1, 1)
			return n
		}, pair + "no" + through + "unequal costs: 2.0.0.2 reaches 2.0.0.1 at cost 20, through 1.0.0.2 at 21"},
		{"mirrored weights", func() *network {
			n := newNetwork("h1", "h2", "b1", "b2")
			n.star([]string{"h1"}, branches)
			n.link("h2", "b1", 10, 10, 1, 3)
			n.link("h2", "b2", 10, 10, 1, 3)
			return n
		}, pair + "yes" + through},
		{"unmirrored weights", func() *network {
			n := newNetwork("h1", "h2", "b1", "b2")
			n.star([]string{"h1"}, branches)
			n.link("h2", "b1", 10, 10, 1, 3)
			n.link("h2", "b2", 10, 10, 1, 2)
			return n
		}, pair + "no" + through + "unmirrored weights: 2.0.0.1 has 1.0.0.1:1 1.0.0.2:3, 2.0.0.2 has 1.0.0.1:1 1.0.0.2:2"},
		{"parallel links to one hub", func() *network {
			n := newNetwork("h1", "h2", "b1", "b2")
			n.star(hubs, branches)
			n.star([]string{"h2"}, branches)
			return n
		}, pair + "yes" + through},
		{"a parallel link at one end", func() *network {
			n := newNetwork("h1", "h2", "b1", "b2")
			n.star(hubs, branches)
			n.star([]string{"h2"}, []string{"b2"})
			return n
		}, pair + "no" + through + "unmirrored weights: 2.0.0.1 has 1.0.0.1:1 1.0.0.2:1, 2.0.0.2 has 1.0.0.1:1 1.0.0.2:1 1.0.0.2:1"},
		{"hubs on a LAN with the branch", func() *network {
			n := newNetwork("h1", "h2", "b1", "b2")
			n.lan("l9", 10, "b1", "h1", "h2")
			n.star(hubs, []string{"b2"})
			return n
		}, pair + "yes" + through},
		{"a link that one end does not know", star(func(n *network) {
			r := n.routers["h2"]
			r.Links = slices.DeleteFunc(r.Links, func(l packet.RouterLink) bool { return l.ID == routerID("b2") })
		}), ""},
	} {
		want := row.want
		if want != "" {
			want += "\n"
		}
		if got := row.build().text(0); got != want {
			t.Errorf("%s:\n got %swant %s", row.name, got, want)
		}
	}
}

func TestPairsOfOne(t *testing.T) {
	n := newNetwork("h1", "h2", "b1", "b2", "b3")
	n.star([]string{"h1", "h2"}, []string{"b1", "b2", "b3"})
	if got := strings.Count(n.text(0), "yes"); got != 3 {
		t.Errorf("%d pairs", got)
	}
	if got := strings.Count(n.text(routerID("b2")), "yes"); got != 2 {
		t.Errorf("%d pairs of one", got)
	}
	if got := n.text(routerID("h1")); got != "" {
		t.Errorf("pairs of a router without networks: %s", got)
	}
}

// The judgement agrees with flows that are followed one by one.
func TestAgainstFlows(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	symmetric := 0
	for round := range 300 {
		n := newNetwork("h1", "h2", "h3", "h4", "b1", "b2")
		for _, h := range []string{"h1", "h2", "h3"} {
			for _, b := range []string{"b1", "b2", "h4"} {
				if rng.IntN(4) > 0 {
					costs := 10 + 10*rng.IntN(2)
					weight := uint8(1 + rng.IntN(2))
					other := weight
					if rng.IntN(4) == 0 {
						other = uint8(1 + rng.IntN(3))
					}
					n.link(b, h, costs, costs, weight, other)
				}
			}
		}
		n.link("h4", "b2", 10, 10, 1, 1)
		pairs := Compute(slices.Values(n.lsas()), 0).Pairs
		g := newGraph(slices.Values(n.lsas()))
		ends := g.origins()
		toA, toB := g.treeTo(ends[0]), g.treeTo(ends[1])
		if toB.cost[ends[0]] == unreachable {
			continue
		}
		differs := false
		for range 2000 {
			hash := rng.Uint64N(hashEnd)
			there, back := g.flow(ends[0], toB, hash), g.flow(ends[1], toA, hash)
			slices.Reverse(back)
			differs = differs || !slices.Equal(there, back)
		}
		verdict := Symmetric // one path both ways makes no pair
		if len(pairs) > 0 {
			verdict = pairs[0].Verdict
		}
		if differs != (verdict == Asymmetric) {
			t.Errorf("round %d: flows differ: %t, pairs %+v", round, differs, pairs)
		}
		if !differs {
			symmetric++
		}
	}
	if symmetric < 20 || symmetric > 280 {
		t.Errorf("%d of 300 networks are symmetric: the others test nothing", symmetric)
	}
}

// flow follows one hash as fib_select_multipath does: the first member whose
// bound is not below it.
func (g *graph) flow(at int, to *tree, hash uint64) (path []int) {
	for at != to.root {
		path = append(path, at)
		set := g.set(at, to)
		total, sum := uint64(0), uint64(0)
		for _, h := range set {
			total += uint64(h.weight)
		}
		for _, h := range set {
			sum += uint64(h.weight)
			if hash <= (sum<<31+total/2)/total-1 {
				at = h.router
				break
			}
		}
	}
	return append(path, to.root)
}

// Whatever LSAs say, the outcome comes, and soon.
func TestHostile(t *testing.T) {
	n := newNetwork("h1", "h2", "h3", "b1", "b2")
	names := []string{"h1", "h2", "h3", "b1", "b2"}
	for i, a := range names {
		for _, b := range names[:i] {
			for w := range uint8(6) { // costs of 0 make circles
				n.link(a, b, 0, 0, 1+w, 7-w)
			}
		}
	}
	got := n.text(0)
	if !strings.Contains(got, "2.0.0.1 2.0.0.2") {
		t.Errorf("%s", got)
	}
	junk := n.lsas()
	for i := range junk {
		junk[i] = junk[i][:len(junk[i])*2/3]
	}
	Compute(slices.Values(junk), 0)
}

func BenchmarkPairs(b *testing.B) {
	names, hubs, branches := []string{}, []string{"h1", "h2"}, []string{}
	for i := range 250 {
		branches = append(branches, fmt.Sprintf("b%d", i+1))
	}
	n := newNetwork(append(append(names, hubs...), branches...)...)
	n.star(hubs, branches)
	lsas := n.lsas()
	for b.Loop() {
		Compute(slices.Values(lsas), 0)
	}
}
