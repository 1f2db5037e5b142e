package spf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// bench is a table that single LSAs are put into.
type bench struct {
	*testing.T
	*Table
}

func newBench(t *testing.T, network string) *bench {
	return &bench{t, parse(t, network).fresh(Config{RouterID: 1})}
}

func (b *bench) put(h packet.LSAHeader, body packet.LSABody) Effect {
	h.Seq = packet.InitialSeq
	return b.Install(0, h, packet.BuildLSA(h, body))
}

// expect compares the routes after Run.
func (b *bench) expect(want string) {
	b.Helper()
	b.Table.Run()
	b.Changes()
	if got := show(slices.Collect(b.Routes())); strings.TrimSpace(got) != strings.ReplaceAll(want, "\t", "") {
		b.Fatal(difference(got, want+"\n"))
	}
}

// TestSameLinkStateID: a router-LSA counts only under its originator's own ID (CVE-2013-0149), and of two
// network-LSAs with one link state ID only the one whose originator links to the network.
func TestSameLinkStateID(t *testing.T) {
	b := newBench(t, `
		lan 10.9.0.0/24 2=10 1=10 3=10
		stub 3 192.168.3.0/24 1`)
	before := `10.9.0.0/24 intra-area area 0 cost 10 adv 2 local dev lan0-1
		192.168.3.0/24 intra-area area 0 cost 11 adv 3 via 10.9.0.3 dev lan0-1`
	b.expect(before)
	h := packet.LSAHeader{Type: packet.LSRouter, ID: 3, Adv: 66}
	if e := b.put(h, packet.RouterLSA{}); e != None {
		t.Errorf("a router-LSA under a foreign ID has effect %d", e)
	}
	dr := packet.ID(10<<24 | 9<<16 | 2)
	b.put(packet.LSAHeader{Type: packet.LSNetwork, ID: dr, Adv: 66}, packet.NetworkLSA{Mask: packet.MaskOf(25), Routers: []packet.ID{1}})
	b.expect(before)
	// Without the right one, the other is all there is.
	b.Remove(0, packet.Key{Type: packet.LSNetwork, ID: dr, Adv: 2})
	b.expect(`10.9.0.0/25 intra-area area 0 cost 10 adv 66 local dev lan0-1`)
	b.Remove(0, packet.Key{Type: packet.LSNetwork, ID: dr, Adv: 66})
	b.expect(``)
}

// TestLeafBeforeRun: a leaf that changes while a Dijkstra is wanted is applied to the
// tree as it is; the Run then gets everything right.
func TestLeafBeforeRun(t *testing.T) {
	b := newBench(t, `
		p2p 1 2 10
		stub 2 192.168.2.0/24 1`)
	link := packet.RouterLink{ID: 1, Data: 10<<24 | 255<<16 | 2, Type: packet.LinkPointToPoint, Metric: 10}
	stub := packet.RouterLink{ID: 192<<24 | 168<<16 | 2<<8, Data: packet.MaskOf(24), Type: packet.LinkStub, Metric: 7}
	other := packet.RouterLink{ID: 9, Type: packet.LinkPointToPoint, Metric: 1}
	h := packet.LSAHeader{Type: packet.LSRouter, ID: 2, Adv: 2}
	if e := b.put(h, packet.RouterLSA{Links: []packet.RouterLink{link, stub, other}}); e != Topology || !b.Pending() {
		t.Fatalf("effect %d, pending %v after a new link", e, b.Pending())
	}
	if c := b.Changes(); len(c) != 1 || c[0].Route.Cost != 17 {
		t.Fatalf("the stub was not applied: %v", c)
	}
	stub.Metric = 8
	if e := b.put(h, packet.RouterLSA{Links: []packet.RouterLink{link, stub, other}}); e != Leaf {
		t.Errorf("effect %d of a stub's metric", e)
	}
	// The way to router 2 is gone, but the tree does not know yet.
	if e := b.put(h, packet.RouterLSA{Links: []packet.RouterLink{stub}}); e != Topology {
		t.Errorf("effect %d of a lost link", e)
	}
	if c := b.Changes(); len(c) != 1 || c[0].Route.Cost != 18 {
		t.Fatalf("before Run: %v", c)
	}
	if e := b.put(h, packet.RouterLSA{Links: []packet.RouterLink{stub}}); e != None {
		t.Errorf("effect %d of the same again", e)
	}
	b.expect("")
	if b.Pending() {
		t.Error("still pending after Run")
	}
}

// 16.1 (2): transit links count where a network-LSA exists and links back, however often it lists a router.
func TestTransitNetworks(t *testing.T) {
	const known = `10.9.0.0/24 intra-area area 0 cost 10 adv 2 local dev lan0-1
		192.168.3.0/24 intra-area area 0 cost 11 adv 3 via 10.9.0.3 dev lan0-1`
	h := packet.LSAHeader{Type: packet.LSNetwork, ID: 10<<24 | 9<<16 | 2, Adv: 2}
	for _, c := range []struct {
		name    string
		routers []packet.ID // of the network-LSA; nil: there is none
		want    string
	}{
		{"all", []packet.ID{2, 1, 3}, known},
		{"each a thousand times", slices.Repeat([]packet.ID{2, 1, 3}, 1000), known},
		{"nobody", []packet.ID{}, ""},
		{"not us", []packet.ID{2, 3}, ""},
		{"not the one behind", []packet.ID{2, 1}, `10.9.0.0/24 intra-area area 0 cost 10 adv 2 local dev lan0-1`},
		{"no network-LSA", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, `
				lan 10.9.0.0/24 2=10 1=10 3=10
				stub 3 192.168.3.0/24 1`)
			if c.routers == nil {
				b.Remove(0, h.Key())
			} else {
				b.put(h, packet.NetworkLSA{Mask: packet.MaskOf(24), Routers: c.routers})
			}
			b.expect(c.want)
		})
	}
}

// TestUnusable: what is malformed, at MaxAge or of no use takes an earlier instance out.
func TestUnusable(t *testing.T) {
	stub := packet.RouterLink{ID: 192<<24 | 168<<16, Data: packet.MaskOf(24), Type: packet.LinkStub, Metric: 7}
	back := packet.RouterLink{ID: 1, Type: packet.LinkPointToPoint, Metric: 10}
	router := packet.LSAHeader{Type: packet.LSRouter, ID: 2, Adv: 2}
	external := packet.LSAHeader{Type: packet.LSExternal, ID: 172<<24 | 16<<16 | 1, Adv: 2}
	aged := router
	aged.Age = packet.MaxAge
	ext := packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 5}
	good := `172.16.0.0/24 external-1 area - cost 15 adv 2 via 10.255.0.2 dev p0
		192.168.0.0/24 intra-area area 0 cost 17 adv 2 via 10.255.0.2 dev p0`
	noExternal := `192.168.0.0/24 intra-area area 0 cost 17 adv 2 via 10.255.0.2 dev p0`
	lsa := packet.RouterLSA{Flags: packet.RouterE, Links: []packet.RouterLink{back, stub}}
	for _, tt := range []struct {
		name string
		do   func(*bench)
		want string
	}{
		{"MaxAge", func(b *bench) { b.put(aged, lsa) }, ""},
		{"truncated router-LSA", func(b *bench) { b.Install(0, router, packet.BuildLSA(router, lsa)[:30]) }, ""},
		{"truncated external", func(b *bench) { b.Install(0, external, packet.BuildLSA(external, ext)[:24]) }, noExternal},
		{"mask with holes in a stub", func(b *bench) {
			holes := lsa
			odd := stub
			odd.ID, odd.Data = 192<<24|170<<16, 0xff00ff00
			holes.Links = append(slices.Clone(lsa.Links), odd)
			b.put(router, holes)
		}, good},
		{"mask with holes in an external", func(b *bench) {
			b.put(external, packet.ExternalLSA{Mask: 0xff00ff00, Metric: 5})
		}, noExternal},
		{"another prefix under the same link state ID", func(b *bench) {
			b.put(external, packet.ExternalLSA{Mask: packet.MaskOf(16), Metric: 6})
		}, `172.16.0.0/16 external-1 area - cost 16 adv 2 via 10.255.0.2 dev p0
			192.168.0.0/24 intra-area area 0 cost 17 adv 2 via 10.255.0.2 dev p0`},
		{"other types", func(b *bench) {
			for _, typ := range []packet.LSType{0, 6, packet.LSNSSA, packet.LSOpaqueLink, packet.LSOpaqueArea, packet.LSOpaqueAS, 255} {
				h := external
				h.Type = typ
				if e := b.put(h, ext); e != None {
					b.Errorf("type %d has effect %d", typ, e)
				}
				b.Remove(0, h.Key())
			}
		}, good},
		{"a router of no links", func(b *bench) { b.put(router, packet.RouterLSA{}) }, ""},
		{"the E bit goes", func(b *bench) {
			if e := b.put(router, packet.RouterLSA{Links: lsa.Links}); e != Leaf {
				b.Errorf("effect %d", e)
			}
		}, noExternal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, `p2p 1 2 10`)
			b.put(router, lsa)
			b.put(external, ext)
			b.expect(good)
			tt.do(b)
			b.expect(tt.want)
		})
	}
}

// TestVirtualLinks: those of others are edges of the backbone, elsewhere they are nothing.
func TestVirtualLinks(t *testing.T) {
	for _, area := range []packet.ID{0, 1} {
		table := parse(t, fmt.Sprintf("area %d\np2p 1 2 10", area)).fresh(Config{RouterID: 1})
		put := func(id packet.ID, links ...packet.RouterLink) {
			h := packet.LSAHeader{Type: packet.LSRouter, ID: id, Adv: id, Seq: packet.InitialSeq}
			table.Install(area, h, packet.BuildLSA(h, packet.RouterLSA{Links: links}))
		}
		put(2, packet.RouterLink{ID: 1, Data: 1, Type: packet.LinkPointToPoint, Metric: 10},
			packet.RouterLink{ID: 3, Data: 2, Type: packet.LinkVirtual, Metric: 5})
		put(3, packet.RouterLink{ID: 2, Data: 3, Type: packet.LinkVirtual, Metric: 5})
		table.Run()
		if cost, _, ok := table.Router(area, 3); ok != (area == 0) || ok && cost != 15 {
			t.Errorf("area %d: cost %d, reachable %v", area, cost, ok)
		}
	}
}

// TestWideLAN: a thousand routers on one network, and as many legs to one prefix.
func TestWideLAN(t *testing.T) {
	const n = 1000
	m := &model{root: 1, flags: map[areaRouter]packet.RouterFlags{}}
	l := lan{prefix: netip.MustParsePrefix("10.9.0.0/16")}
	for i := range n {
		id := packet.ID(i + 1)
		l.members = append(l.members, member{id: id, host: i + 1, cost: 10})
		if id != 1 {
			m.stubs = append(m.stubs, stubNet{id: id, prefix: netip.MustParsePrefix("192.168.0.0/24"), cost: 1})
		}
	}
	m.lans = []lan{l}
	table := m.fresh(Config{RouterID: 1})
	r, ok := table.Lookup(netip.MustParsePrefix("192.168.0.0/24"))
	if !ok || r.NextHops.Len() != n-1 {
		t.Fatalf("%d next hops", r.NextHops.Len())
	}
	last := nexthop.Hop{}
	for h := range r.NextHops.All() {
		if last.RouterID.IsValid() && last.RouterID.Compare(h.RouterID) >= 0 {
			t.Fatalf("%v before %v", last, h)
		}
		last = h
	}
}

// TestRouters looks at the router entries.
func TestRouters(t *testing.T) {
	b := newBench(t, `
		p2p 1 2 10
		p2p 2 3 5
		flags 3 E
		flags 4 E
		area 1
		p2p 1 3 7
		flags 3 E`)
	for _, tt := range []struct {
		area, id packet.ID
		want     string
	}{
		{0, 1, "0 {} true"},
		{0, 2, "10 {via 10.255.0.2 dev p0} true"},
		{0, 3, "15 {via 10.255.0.2 dev p0} true"},
		{1, 3, "7 {via 10.255.0.10 dev p2} true"},
		{1, 2, "0 {} false"},
		{0, 4, "0 {} false"},
		{0, 99, "0 {} false"},
		{9, 3, "0 {} false"},
	} {
		cost, hops, ok := b.Router(tt.area, tt.id)
		if got := fmt.Sprintf("%d {%v} %v", cost, hops, ok); got != tt.want {
			t.Errorf("router %d in area %d: %s, want %s", tt.id, tt.area, got, tt.want)
		}
	}
	r, ok := b.ASBR(3)
	if !ok || r.Area != 1 || r.Cost != 7 || r.Type != IntraArea {
		t.Errorf("AS boundary router 3: %v %v", r, ok)
	}
	if r, ok := b.ASBR(4); ok {
		t.Errorf("unreachable AS boundary router: %v", r)
	}
}

// TestSetRoot: a new gateway wants a Dijkstra, a new stub interface does not.
func TestSetRoot(t *testing.T) {
	const network = `
		p2p 1 2 10
		stub 1 192.168.1.0/24 1
		stub 2 192.168.2.0/24 1`
	b := newBench(t, network)
	links := parse(t, network).rootLinks()[0]
	if b.SetRoot(0, links); b.Pending() || len(b.Changes()) > 0 {
		t.Fatal("the same links make a difference")
	}
	links[1].Interface = "br0"
	b.SetRoot(0, links)
	if c := b.Changes(); b.Pending() || len(c) != 1 || c[0].Route.NextHops.String() != "dev br0" {
		t.Fatalf("pending %v, changes %v after a stub moved to br0", b.Pending(), c)
	}
	links[0].Gateway, links[0].OnLink, links[0].Weight = netip.MustParseAddr("10.0.0.9"), true, 3
	b.SetRoot(0, links)
	if !b.Pending() {
		t.Fatal("a new gateway wants no Dijkstra")
	}
	b.expect(`192.168.1.0/24 intra-area area 0 cost 1 adv 1 local dev br0
		192.168.2.0/24 intra-area area 0 cost 11 adv 2 via 10.0.0.9 dev p0 weight 3 onlink`)
	// A link that nobody knows the way across carries nothing; the own stub stays.
	b.SetRoot(0, nil)
	b.expect(`192.168.1.0/24 intra-area area 0 cost 1 adv 1 local nowhere`)
}

// TestRemoveArea takes an area away with all that came through it.
func TestRemoveArea(t *testing.T) {
	b := newBench(t, `
		p2p 1 2 10
		flags 2 B
		sum 2 172.20.0.0/16 1
		area 1
		p2p 1 3 10
		flags 3 BE
		stub 3 192.168.3.0/24 1
		sum 3 172.21.0.0/16 1
		asbr 3 9 1
		ext 3 172.16.0.0/16 e2 20
		ext 9 172.17.0.0/16 e2 20
		ext 3 172.18.0.0/16 e2 20 via 192.168.3.9`)
	b.expect(`172.16.0.0/16 external-2 area - cost 20/10 adv 3 via 10.255.0.6 dev p1
		172.18.0.0/16 external-2 area - cost 20/11 adv 3 via 10.255.0.6 dev p1
		172.20.0.0/16 inter-area area 0 cost 11 adv 2 via 10.255.0.2 dev p0
		192.168.3.0/24 intra-area area 1 cost 11 adv 3 via 10.255.0.6 dev p1`)
	b.RemoveArea(0) // area 1 is the only one now: its summaries count
	b.expect(`172.16.0.0/16 external-2 area - cost 20/10 adv 3 via 10.255.0.6 dev p1
		172.17.0.0/16 external-2 area - cost 20/11 adv 9 via 10.255.0.6 dev p1
		172.18.0.0/16 external-2 area - cost 20/11 adv 3 via 10.255.0.6 dev p1
		172.21.0.0/16 inter-area area 1 cost 11 adv 3 via 10.255.0.6 dev p1
		192.168.3.0/24 intra-area area 1 cost 11 adv 3 via 10.255.0.6 dev p1`)
	b.RemoveArea(1)
	b.RemoveArea(1)
	b.expect("")
	if got := len(b.dests); got != 3 { // the externals, waiting
		t.Errorf("%d destinations are left", got)
	}
}
