package ospf

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// areas makes the router attach to these areas: tun0 is in the first one, eth0 in the second, tun1 in
// the third; what is left is in the first.
func areas(list ...Area) func(*lab) {
	return func(l *lab) {
		names := []string{"tun0", "eth0", "tun1"}
		l.cfg.Areas = nil
		for n, a := range list {
			a.Interfaces = []InterfaceConfig{interfaceConfig(names[n])}
			l.cfg.Areas = append(l.cfg.Areas, a)
		}
		l.cfg.Areas[0].Interfaces[0].Match = match("tun0", "lo")
		for i := range l.links { // eth0 is as good a link between two routers as any
			l.links[i].PointToPoint = l.links[i].Name != "lo"
		}
	}
}

// backbone and others are two peers at the borders of a router in two areas.
func (l *lab) neighbours() (backbone, other *peer) {
	l.t.Helper()
	return l.full("tun0", "2.2.2.2", "10.1.0.2"), l.full("eth0", "3.3.3.3", "10.0.0.2")
}

// at lists our own LSAs in the area, of some types, as "TYPE PREFIX METRIC…".
func (l *lab) at(area packet.ID, types ...packet.LSType) string {
	l.t.Helper()
	d := l.e.as
	if a := l.e.area(area); !slices.Contains(types, packet.LSExternal) {
		d = a.db
	}
	var out []string
	for entry := range d.All() {
		if entry.Adv != self || entry.IsMaxAge(l.now) || !slices.Contains(types, entry.Type) {
			continue
		}
		switch entry.Type {
		case packet.LSSummary:
			lsa, _ := packet.DecodeSummaryLSA(entry.Raw)
			bits, _ := packet.MaskLen(lsa.Mask)
			out = append(out, fmt.Sprintf("%s/%d %d", entry.ID, bits, lsa.Metric))
		case packet.LSASBRSummary:
			lsa, _ := packet.DecodeSummaryLSA(entry.Raw)
			out = append(out, fmt.Sprintf("asbr %s %d", entry.ID, lsa.Metric))
		default:
			lsa, _ := packet.DecodeExternalLSA(entry.Raw)
			bits, _ := packet.MaskLen(lsa.Mask)
			text := fmt.Sprintf("%s/%d %d", entry.ID, bits, lsa.Metric)
			if lsa.Type2 {
				text += " E2"
			}
			if lsa.Forward != 0 {
				text += " by " + lsa.Forward.String()
			}
			if entry.Options&packet.OptNP != 0 {
				text += " P"
			}
			out = append(out, text)
		}
	}
	return strings.Join(out, ", ")
}

// wantAt waits out MinLSInterval and compares.
func (l *lab) wantAt(area packet.ID, want string, types ...packet.LSType) {
	l.t.Helper()
	l.advance(7 * time.Second)
	if got := l.at(area, types...); got != want {
		l.t.Errorf("area %s has %q, want %q", area, got, want)
	}
}

// says is the peer's router-LSA with its link to us and stub networks "PREFIX COST".
func (p *peer) says(seq packet.Seq, flags packet.RouterFlags, stubs ...string) {
	p.l.t.Helper()
	r := packet.RouterLSA{Flags: flags, Links: []packet.RouterLink{
		{Type: packet.LinkPointToPoint, ID: self, Data: packet.IDFromAddr(p.addr), Metric: 10}}}
	for _, s := range stubs {
		var prefix string
		var cost uint16
		if _, err := fmt.Sscan(s, &prefix, &cost); err != nil {
			p.l.t.Fatal(err)
		}
		n := pfx(prefix)
		r.Links = append(r.Links, packet.RouterLink{Type: packet.LinkStub, ID: packet.IDFromAddr(n.Addr()), Data: packet.MaskOf(n.Bits()), Metric: cost})
	}
	p.l.advance(2 * time.Second) // MinLSArrival
	p.update(build(packet.LSRouter, p.id, p.id, packet.InitialSeq+seq, 1, r))
}

// summary is a summary-LSA of the peer.
func (p *peer) summary(seq packet.Seq, prefix string, metric uint32) {
	p.l.t.Helper()
	n := pfx(prefix)
	p.l.advance(2 * time.Second)
	p.update(build(packet.LSSummary, packet.IDFromAddr(n.Addr()), p.id, packet.InitialSeq+seq, 1,
		packet.SummaryLSA{Mask: packet.MaskOf(n.Bits()), Metric: metric}))
}

func (l *lab) route(prefix string) string {
	r, ok := l.e.table.Lookup(pfx(prefix))
	if !ok {
		return ""
	}
	text := fmt.Sprintf("%s %s %d", r.Type, r.Area, r.Cost)
	if r.Discard {
		text += " discard"
	}
	return text
}

const type3, type4, type5, type7 = packet.LSSummary, packet.LSASBRSummary, packet.LSExternal, packet.LSNSSA

// RFC 2328 3.3, RFC 3509 2: a router is an area border router with an interface in the backbone
// and one in another area; the B bit tells all of them.
func TestABR3509_BBit(t *testing.T) {
	bits := func(l *lab) (s string) {
		for _, a := range l.e.areas {
			raw := a.db.Lookup(packet.Key{Type: packet.LSRouter, ID: self, Adv: self})
			lsa, err := packet.DecodeRouterLSA(raw.Raw)
			if err != nil {
				t.Fatal(err)
			}
			s += fmt.Sprint(lsa.Flags&packet.RouterB, " ")
		}
		return s
	}
	l := newLab(t, areas(Area{ID: 0}, Area{ID: 1}))
	l.advance(6 * time.Second)
	if got := bits(l); got != "1 1 " {
		t.Errorf("backbone and area 1: %s", got)
	}
	l.relink(func(m map[string]*Link) { m["eth0"].Up = false })
	l.advance(6 * time.Second)
	if got := bits(l); got != "0 0 " {
		t.Errorf("area 1 is down: %s", got)
	}
	l = newLab(t, areas(Area{ID: 1}, Area{ID: 2}))
	l.advance(6 * time.Second)
	if got := bits(l); got != "0 0 " {
		t.Errorf("two areas without a backbone: %s", got)
	}
	p := l.full("eth0", "3.3.3.3", "10.0.0.2")
	p.says(1, 0, "172.16.0.0/24 5")
	l.wantAt(1, "", type3)
}

// 12.4.3: networks of an area go to all others with their cost, follow it, and are
// withdrawn with it; what the backbone says of other areas goes on, and never back.
func TestSummary12_4_3_Networks(t *testing.T) {
	l := newLab(t, areas(Area{ID: 0}, Area{ID: 1}))
	b, o := l.neighbours()
	o.says(1, 0, "172.16.0.0/24 5")
	b.says(1, packet.RouterB, "172.17.0.0/24 7")
	l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/24 15", type3)
	const own = "10.1.0.0/30 10, 10.255.0.1/32 0, "
	l.wantAt(1, own+"172.17.0.0/24 17", type3)
	b.summary(1, "172.18.0.0/16", 100)
	l.wantAt(1, own+"172.17.0.0/24 17, 172.18.0.0/16 110", type3)
	l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/24 15", type3)
	o.says(2, 0, "172.16.0.0/24 6")
	b.summary(2, "172.18.0.0/16", 101)
	l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/24 16", type3)
	l.wantAt(1, own+"172.17.0.0/24 17, 172.18.0.0/16 111", type3)
	o.says(3, 0)
	b.summary(3, "172.18.0.0/16", packet.LSInfinity)
	l.wantAt(0, "10.0.0.0/24 10", type3)
	l.wantAt(1, own+"172.17.0.0/24 17", type3)
	l.relink(func(m map[string]*Link) { m["tun0"].Up, m["lo"].Up = false, false }) // no border router any more
	l.wantAt(1, "", type3)
}

// 12.4.3: a cost of LSInfinity or more is not announced.
func TestSummary12_4_3_Infinity(t *testing.T) {
	l := newLab(t, areas(Area{ID: 0}, Area{ID: 1}))
	b, _ := l.neighbours()
	b.says(1, packet.RouterB)
	b.summary(1, "172.18.0.0/16", packet.LSInfinity-10)
	b.summary(1, "172.19.0.0/16", packet.LSInfinity-11)
	if l.route("172.18.0.0/16") == "" {
		t.Error("no route")
	}
	l.wantAt(1, "10.1.0.0/30 10, 10.255.0.1/32 0, 172.19.0.0/16 16777214", type3)
}

// 16.2: an area border router believes the backbone alone; RFC 3509 2: one without an
// adjacency there believes all, and tells nobody.
func TestSummary16_2_BackboneOnly(t *testing.T) {
	l := newLab(t, areas(Area{ID: 0}, Area{ID: 1}))
	b, o := l.neighbours()
	b.says(1, 0)
	o.says(1, packet.RouterB)
	o.summary(1, "172.18.0.0/16", 1)
	if got := l.route("172.18.0.0/16"); got != "" {
		t.Errorf("a summary of area 1 is used: %s", got)
	}
	b.alive = false
	l.advance(time.Minute)
	if got := l.route("172.18.0.0/16"); got != "inter-area 0.0.0.1 11" {
		t.Errorf("without a backbone connection: %q", got)
	}
	l.wantAt(0, "10.0.0.0/24 10", type3)
}

// The backbone connection comes back: until the tree of the backbone reaches somebody,
// MinLSInterval later, the routes through the other area stay.
func TestSummary3509_BackboneReturns(t *testing.T) {
	l := newLab(t, areas(Area{ID: 0}, Area{ID: 1}))
	b, o := l.neighbours()
	b.says(1, packet.RouterB)
	b.summary(1, "172.18.0.0/16", 5)
	o.says(1, packet.RouterB)
	o.summary(1, "172.18.0.0/16", 1)
	l.advance(time.Minute)
	before := l.route("172.18.0.0/16")
	if before != "inter-area 0.0.0.0 15" {
		t.Fatalf("with a backbone connection: %q", before)
	}
	b.alive = false
	l.advance(time.Minute)
	if got := l.route("172.18.0.0/16"); got != "inter-area 0.0.0.1 11" {
		t.Fatalf("without: %q", got)
	}
	l.full("tun0", "2.2.2.2", "10.1.0.2")
	for range 1000 {
		if l.route("172.18.0.0/16") == "" {
			t.Fatal("no route while the backbone comes back")
		}
		l.advance(10 * time.Millisecond)
	}
	if got := l.route("172.18.0.0/16"); got != before {
		t.Errorf("with the backbone back: %q", got)
	}
}

// Appendix E holds for summaries: two networks of one address share no link state id.
func TestSummaryE_LinkStateIDs(t *testing.T) {
	l := newLab(t, areas(Area{ID: 0}, Area{ID: 1}))
	_, o := l.neighbours()
	o.says(1, 0, "172.16.0.0/16 1", "172.16.0.0/24 2")
	l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/16 11, 172.16.0.255/24 12", type3)
	o.says(2, 0, "172.16.0.0/24 2", "172.16.0.0/32 3", "172.16.0.0/31 4", "172.16.0.1/32 5")
	l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/32 13, 172.16.0.1/32 15, 172.16.0.255/24 12", type3)
	o.says(3, 0, "172.16.0.0/24 2", "172.16.0.0/32 3", "172.16.0.0/31 4")
	l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/32 13, 172.16.0.1/31 14, 172.16.0.255/24 12", type3)
}

// 12.4.3: AS boundary routers are announced like networks, with type 4.
func TestSummary12_4_3_ASBR(t *testing.T) {
	l := newLab(t, areas(Area{ID: 0}, Area{ID: 1}))
	b, o := l.neighbours()
	o.says(1, packet.RouterE)
	b.says(1, packet.RouterB)
	b.update(build(packet.LSASBRSummary, id("9.9.9.9"), b.id, packet.InitialSeq, 1, packet.SummaryLSA{Metric: 4}))
	l.wantAt(0, "asbr 3.3.3.3 10", type4)
	l.wantAt(1, "asbr 9.9.9.9 14", type4)
	o.says(2, 0)
	l.wantAt(0, "", type4)
}

// 12.4.3, 11.1: a range stands for its networks with the largest of their costs while
// one is reachable, and packets for the rest of it are dropped.
func TestRange12_4_3(t *testing.T) {
	ranges := func(r ...Range) Area { return Area{ID: 1, Ranges: r} }
	l := newLab(t, areas(Area{ID: 0}, ranges(Range{Prefix: pfx("172.16.0.0/12"), Advertise: true})))
	b, o := l.neighbours()
	b.says(1, packet.RouterB)
	l.wantAt(0, "10.0.0.0/24 10", type3)
	o.says(1, 0, "172.16.0.0/24 5", "172.17.0.0/24 7", "192.168.0.0/24 1")
	l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/12 17, 192.168.0.0/24 11", type3)
	if got := l.route("172.16.0.0/12"); got != "inter-area 0.0.0.1 17 discard" {
		t.Errorf("route of the range: %q", got)
	}
	b.summary(1, "172.16.0.0/12", 1) // 16.2 (3)
	if got := l.route("172.16.0.0/12"); got != "inter-area 0.0.0.1 17 discard" {
		t.Errorf("somebody else's summary of our range is used: %q", got)
	}
	o.says(2, 0, "172.16.0.0/24 5")
	l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/12 15", type3)

	set := func(r ...Range) {
		l.happened(b.addr)
		l.reload(func(c *Config, _ *InterfaceConfig) { c.Areas[1].Ranges = r })
		if n := len(l.happened(b.addr)) + len(l.happened(o.addr)); n > 0 {
			t.Errorf("%d changes of neighbours by a reload of ranges", n)
		}
	}
	set(Range{Prefix: pfx("172.16.0.0/12"), Advertise: true, Cost: 3})
	l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/12 3", type3)
	set(Range{Prefix: pfx("172.16.0.0/12")}, Range{Prefix: pfx("172.16.0.0/16"), Advertise: true})
	o.says(3, 0, "172.16.0.0/24 5", "172.17.0.0/24 7")
	l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/16 15", type3)
	set()
	l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/24 15, 172.17.0.0/24 17", type3)
	if got := l.route("172.16.0.0/12"); got != "inter-area 0.0.0.0 11" {
		t.Errorf("the range is no longer one of ours: %q", got)
	}
	set(Range{Prefix: pfx("172.16.0.0/12"), Advertise: true})
	o.says(4, 0)
	l.wantAt(0, "10.0.0.0/24 10", type3)
	if got := l.route("172.16.0.0/12"); got != "inter-area 0.0.0.0 11" {
		t.Errorf("the range is not active: %q", got)
	}
}

// RFC 1583 took the smallest cost (C.1, RFC1583Compatibility).
func TestRange_RFC1583(t *testing.T) {
	l := newLab(t, areas(Area{ID: 0}, Area{ID: 1, Ranges: []Range{{Prefix: pfx("172.16.0.0/12"), Advertise: true}}}),
		func(l *lab) { l.cfg.RFC1583Compat = true })
	_, o := l.neighbours()
	o.says(1, 0, "172.16.0.0/24 5", "172.17.0.0/24 7")
	l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/12 15", type3)
}

// Filters between areas: of what leaves an area, and of what comes into it.
func TestSummary_Filters(t *testing.T) {
	l := newLab(t, areas(Area{ID: 0}, Area{ID: 1, Export: []PrefixRange{{Prefix: pfx("172.16.0.0/12"), Ge: 24, Le: 24}},
		Import: []PrefixRange{{Prefix: pfx("10.0.0.0/8"), Ge: 8, Le: 30}}}))
	_, o := l.neighbours()
	o.says(1, 0, "172.16.0.0/24 5", "172.17.0.0/16 7", "192.168.0.0/24 1")
	l.wantAt(0, "172.16.0.0/24 15", type3)
	l.wantAt(1, "10.1.0.0/30 10", type3)
}

// 3.6, 12.4.3.1: a stub area gets a default route and no externals; a totally stubby one nothing else.
func TestStub12_4_3_1(t *testing.T) {
	for _, summary := range []bool{true, false} {
		l := newLab(t, areas(Area{ID: 0}, Area{ID: 1, Type: AreaStub, Summary: summary, DefaultCost: 33}))
		b, o := l.neighbours()
		b.says(1, packet.RouterB|packet.RouterE)
		b.update(extLSA(b.id, "198.51.100.0", packet.InitialSeq))
		o.says(1, 0, "172.16.0.0/24 5")
		want := "0.0.0.0/0 33"
		if summary {
			want += ", 10.1.0.0/30 10, 10.255.0.1/32 0"
		}
		l.wantAt(1, want, type3)
		l.wantAt(1, "", type4)
		l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/24 15", type3)
		if l.route("198.51.100.0/24") == "" {
			t.Error("the border router has no external route")
		}
		for entry := range l.e.area(1).db.All() {
			if entry.Adv == self && entry.Options&packet.OptE != 0 {
				t.Errorf("%s has the E bit (A.2)", entry.Key())
			}
		}
		for _, h := range flooded(l.take(), "eth0") {
			if h.Type == type5 || h.Type == type4 {
				t.Errorf("%s went into a stub area", h.Key())
			}
		}
		l.reload(func(c *Config, _ *InterfaceConfig) { c.Areas[1].DefaultCost = 34 })
		l.wantAt(1, strings.Replace(want, "33", "34", 1), type3)
	}
}

// 10.5: routers agree on the kind of their area (E bit; RFC 3101 2.1 for the N bit).
func TestHello10_5_AreaTypes(t *testing.T) {
	for _, ours := range []AreaType{AreaNormal, AreaStub, AreaNSSA} {
		for _, theirs := range []packet.Options{packet.OptE, 0, packet.OptNP, packet.OptE | packet.OptNP} {
			l := newLab(t, areas(Area{ID: 0}, Area{ID: 1, Type: ours}))
			p := l.peer("eth0", "3.3.3.3", "10.0.0.2")
			p.hello.Options = theirs
			p.hi()
			want := map[AreaType]packet.Options{AreaNormal: packet.OptE, AreaNSSA: packet.OptNP}[ours] == theirs
			if up := p.state() > nbrDown; up != want || l.rejected("eth0", RejectOptions) > 0 == want {
				t.Errorf("type %d, options %02x: accepted %v, want %v", ours, theirs, up, want)
			}
		}
	}
}

// 10.6, 13 (3) and erratum 3746: neither a description nor an update brings types into an area that it does not carry.
func TestStub13_3_Types(t *testing.T) {
	for _, c := range []struct {
		area    AreaType
		refused []packet.LSType
	}{
		{AreaNormal, []packet.LSType{type7}},
		{AreaStub, []packet.LSType{type4, type5, type7, packet.LSOpaqueAS}},
		{AreaNSSA, []packet.LSType{type4, type5, packet.LSOpaqueAS}},
	} {
		for _, typ := range []packet.LSType{type3, type4, type5, type7, packet.LSOpaqueAS} {
			l := newLab(t, areas(Area{ID: 0}, Area{ID: 1, Type: c.area}))
			p := l.full("eth0", "3.3.3.3", "10.0.0.2")
			var body packet.LSABody = packet.OpaqueLSA{0, 0, 0, 0}
			switch typ {
			case type3, type4:
				body = packet.SummaryLSA{Mask: packet.MaskOf(24), Metric: 1}
			case type5, type7:
				body = packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 1}
			}
			raw := build(typ, id("172.16.0.0"), p.id, packet.InitialSeq, 1, body)
			l.take()
			p.update(raw)
			l.advance(2 * time.Second)
			acks, _ := acked(l.take(), "eth0")
			refused := slices.Contains(c.refused, typ)
			if len(acks) > 0 == refused || l.rejected("eth0", RejectLSA) > 0 != refused {
				t.Errorf("area type %d, %s: %d acknowledgements, %d refused", c.area, typ, len(acks), l.rejected("eth0", RejectLSA))
			}
			p.alive = false
			l.advance(time.Minute)
			q := l.peer("eth0", "4.4.4.4", "10.0.0.4")
			q.bring(nbrExchange)
			q.describe(header(raw))
			if back := q.state() == nbrExStart; back != refused {
				t.Errorf("area type %d, description of %s: state %s", c.area, typ, q.state())
			}
		}
	}
}

// Another type of area starts it anew, and it alone.
func TestConfigure_AreaType(t *testing.T) {
	l := newLab(t, areas(Area{ID: 0}, Area{ID: 1}))
	b, o := l.neighbours()
	o.says(1, 0, "172.16.0.0/24 5")
	l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/24 15", type3)
	l.happened(b.addr)
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Areas[1].Type, c.Areas[1].DefaultCost = AreaStub, 1 })
	l.wantState(o, nbrDown)
	if got := l.happened(b.addr); len(got) > 0 {
		t.Errorf("the backbone's neighbour: %v", got)
	}
	l.wantAt(0, "10.0.0.0/24 10", type3)
	l.wantAt(1, "0.0.0.0/0 1", type3)
	o.hello.Options = 0
	o.bring(nbrFull)
	o.says(2, 0, "172.16.0.0/24 5")
	l.wantAt(0, "10.0.0.0/24 10, 172.16.0.0/24 15", type3)
}

// An area's type flaps while neighbours come and go: what some of them remember of our LSAs is neither newer than what
// they are told next nor forged.
func TestConfigure_AreaTypeFlaps(t *testing.T) {
	l := newLab(t, areas(Area{ID: 0}, Area{ID: 1}))
	b, o := l.neighbours()
	o.alive, b.alive = true, true
	l.advance(10 * time.Second)
	o.update(routerLSA(l.e.cfg.RouterID, packet.InitialSeq+50)) // an earlier run
	l.advance(2 * time.Minute)
	before := header(l.e.area(1).db.Lookup(l.e.routerKey()).Raw).Seq
	for range 3 {
		l.reload(func(c *Config, _ *InterfaceConfig) { c.Areas[1].Type, c.Areas[1].DefaultCost = AreaStub, 1 })
		l.advance(time.Second)
		l.reload(func(c *Config, _ *InterfaceConfig) { c.Areas[1].Type = AreaNormal })
		l.advance(time.Second)
	}
	o.bring(nbrFull)
	for n := range packet.Seq(2) { // of two neighbours, the second of which remembers more
		o.update(routerLSA(l.e.cfg.RouterID, before-10+10*n))
		l.advance(2 * time.Second)
	}
	if got := header(l.e.area(1).db.Lookup(l.e.routerKey()).Raw).Seq; got <= before || l.alarms("forged-lsa") > 0 {
		t.Errorf("sequence number %#x after %#x, %d alarms", uint32(got), uint32(before), l.alarms("forged-lsa"))
	}
}

// 16.3: others have a virtual link through area 1. Where its border routers know a way to a
// network of the backbone that is as good or better, it is taken; the backbone's ranges do not
// count in that area (12.4.3), and split horizon keeps from it what goes through it.
func TestTransit16_3(t *testing.T) {
	l := newLab(t, areas(Area{ID: 0, Ranges: []Range{{Prefix: pfx("172.16.0.0/12"), Advertise: true}}}, Area{ID: 1}))
	b, o := l.neighbours()
	b.says(1, packet.RouterB, "172.16.0.0/24 5")
	o.says(1, packet.RouterB)
	b.summary(1, "192.168.0.0/24", 100)
	b.update(build(packet.LSASBRSummary, id("9.9.9.9"), b.id, packet.InitialSeq, 1, packet.SummaryLSA{Metric: 100}))
	o.summary(1, "192.168.0.0/24", 20)
	o.update(build(packet.LSASBRSummary, id("9.9.9.9"), o.id, packet.InitialSeq, 1, packet.SummaryLSA{Metric: 20}))
	const links = "10.1.0.0/30 10, 10.255.0.1/32 0, "
	l.wantAt(1, links+"172.16.0.0/12 15, 192.168.0.0/24 110", type3)
	l.wantAt(1, "asbr 9.9.9.9 110", type4)

	o.says(2, packet.RouterB|packet.RouterV)
	if got := l.route("192.168.0.0/24"); got != "inter-area 0.0.0.0 30" {
		t.Errorf("through the transit area: %q", got)
	}
	if r, _ := l.e.table.ASBR(id("9.9.9.9")); r.Cost != 30 || r.Area != 0 {
		t.Errorf("AS boundary router through the transit area: %+v", r)
	}
	l.wantAt(1, links+"172.16.0.0/24 15", type3)
	l.wantAt(1, "", type4)
	o.summary(2, "192.168.0.0/24", 100)
	if r, _ := l.e.table.Lookup(pfx("192.168.0.0/24")); r.Cost != 110 || r.NextHops.Len() != 2 {
		t.Errorf("as good as the backbone: %+v", r)
	}
	o.summary(3, "192.168.9.0/24", 1) // the backbone knows nothing of it
	if got := l.route("192.168.9.0/24"); got != "" {
		t.Errorf("a network that is not the backbone's: %q", got)
	}
	o.summary(3, "192.168.0.0/24", 1)
	o.says(3, packet.RouterB) // the virtual link goes
	if got := l.route("192.168.0.0/24"); got != "inter-area 0.0.0.0 110" {
		t.Errorf("no transit area any more: %q", got)
	}
	l.wantAt(1, links+"172.16.0.0/12 15, 192.168.0.0/24 110", type3)
}
