package ospf

import (
	"net/netip"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// nssaLSA is a type 7 LSA of the peer.
func (p *peer) nssaLSA(seq packet.Seq, prefix string, options packet.Options, body packet.ExternalLSA) {
	p.l.t.Helper()
	n := pfx(prefix)
	body.Mask = packet.MaskOf(n.Bits())
	p.l.advance(2 * time.Second)
	p.update(packet.BuildLSA(packet.LSAHeader{Age: 1, Options: options, Type: packet.LSNSSA, ID: packet.IDFromAddr(n.Addr()), Adv: p.id,
		Seq: packet.InitialSeq + seq}, body))
}

func nssaLab(t *testing.T, a Area) (l *lab, backbone, inside *peer) {
	a.ID, a.Type = 1, AreaNSSA
	l = newLab(t, areas(Area{ID: 0}, a))
	backbone, inside = l.neighbours()
	backbone.says(1, packet.RouterB)
	inside.says(1, packet.RouterE, "192.168.3.3/32 0")
	return l, backbone, inside
}

var insideForward = id("192.168.3.3")

// RFC 3101 2.4: inside the NSSA redistributed routes become type 7 LSAs with the P bit and a forwarding
// address of our own; an area border router says the same in type 5 and leaves the P bit off.
func TestNSSA3101_2_4_Originate(t *testing.T) {
	routes := Offer{Source: Static, Add: prefixes("198.51.100.0/24", "198.51.100.0/25")}
	l := newLab(t, redistributing(Redistribute{Source: Static, Metric: 5, Type2: true, Tag: 9}), areas(Area{ID: 1, Type: AreaNSSA}))
	l.step(routes)
	l.wantAt(1, "198.51.100.0/24 5 E2 by 10.255.0.1 P, 198.51.100.127/25 5 E2 by 10.255.0.1 P", type7)
	l.wantAt(0, "", type5)
	if _, lsa := l.own(); lsa.Flags != packet.RouterE {
		t.Errorf("flags %x", lsa.Flags)
	}
	l.relink(func(m map[string]*Link) { m["lo"].Up = false }) // 2.3: another address takes over
	l.wantAt(1, "198.51.100.0/24 5 E2 by 10.1.0.1 P, 198.51.100.127/25 5 E2 by 10.1.0.1 P", type7)
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Areas[0].Interfaces[0].SuppressPrefix = true }) // RFC 6860 4.1
	l.wantAt(1, "", type7)
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Areas[0].Interfaces[0].SuppressPrefix = false })
	l.wantAt(1, "198.51.100.0/24 5 E2 by 10.1.0.1 P, 198.51.100.127/25 5 E2 by 10.1.0.1 P", type7)
	l.relink(func(m map[string]*Link) { m["tun0"].Up = false })
	l.wantAt(1, "", type7)

	l = newLab(t, redistributing(Redistribute{Source: Static, Metric: 5}), areas(Area{ID: 0}, Area{ID: 1, Type: AreaNSSA, DefaultCost: 3, Summary: true}))
	l.step(Offer{Source: Static, Add: prefixes("198.51.100.0/24")})
	l.wantAt(1, "0.0.0.0/0 3 E2, 198.51.100.0/24 5", type7)
	l.wantAt(0, "198.51.100.0/24 5", type5)
	l.relink(func(m map[string]*Link) { m["tun0"].Up, m["lo"].Up = false, false })
	l.wantAt(1, "198.51.100.0/24 5", type7)
}

// 2.7: the default route into an NSSA is type 7, or type 3 where no summaries are imported.
func TestNSSA3101_2_7_Default(t *testing.T) {
	l, _, _ := nssaLab(t, Area{DefaultCost: 4, Summary: true})
	l.wantAt(1, "0.0.0.0/0 4 E2", type7)
	l.wantAt(1, "10.1.0.0/30 10, 10.255.0.1/32 0", type3)
	l, _, _ = nssaLab(t, Area{DefaultCost: 4})
	l.wantAt(1, "", type7)
	l.wantAt(1, "0.0.0.0/0 4", type3)
}

// 2.5 (3): a border router takes no default route from the NSSA that is for inside only.
func TestNSSA3101_2_5_Default(t *testing.T) {
	for _, summary := range []bool{true, false} {
		l, b, in := nssaLab(t, Area{Summary: summary})
		in.nssaLSA(0, "0.0.0.0/0", 0, packet.ExternalLSA{Metric: 1})
		if got := l.route("0.0.0.0/0"); got != "" {
			t.Errorf("summary %v: default without P bit: %s", summary, got)
		}
		in.nssaLSA(1, "0.0.0.0/0", packet.OptNP, packet.ExternalLSA{Metric: 1, Forward: insideForward})
		if got := l.route("0.0.0.0/0"); (got == "nssa-1 0.0.0.1 11") != summary {
			t.Errorf("summary %v: default with P bit: %q", summary, got)
		}
		b.alive = false
		l.relink(func(m map[string]*Link) { m["tun0"].Up, m["lo"].Up = false, false })
		l.advance(10 * time.Second)
		in.nssaLSA(2, "0.0.0.0/0", 0, packet.ExternalLSA{Metric: 2})
		if got := l.route("0.0.0.0/0"); got != "nssa-1 0.0.0.1 12" {
			t.Errorf("summary %v: no border router any more: %q", summary, got)
		}
	}
}

// 2.5: where type 7 and type 5 meet, the metric decides, and then the way through the NSSA.
func TestNSSA3101_2_5_Preference(t *testing.T) {
	l, b, in := nssaLab(t, Area{Summary: true})
	b.says(2, packet.RouterB|packet.RouterE)
	in.nssaLSA(0, "198.51.100.0/24", packet.OptNP, packet.ExternalLSA{Metric: 5, Type2: true, Forward: insideForward})
	if got := l.route("198.51.100.0/24"); got != "nssa-2 0.0.0.1 10" {
		t.Errorf("type 7 alone: %q", got)
	}
	b.update(build(packet.LSExternal, id("198.51.100.0"), b.id, packet.InitialSeq, 1, packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 4, Type2: true}))
	if got := l.route("198.51.100.0/24"); got != "external-2 0.0.0.0 10" {
		t.Errorf("a better type 5: %q", got)
	}
	l.wantAt(0, "", type5) // 3.2: it is not installed, so it is not translated
	l.advance(2 * time.Second)
	b.update(build(packet.LSExternal, id("198.51.100.0"), b.id, packet.InitialSeq+1, 1, packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 5, Type2: true}))
	if got := l.route("198.51.100.0/24"); got != "nssa-2 0.0.0.1 10" {
		t.Errorf("an equal type 5: %q", got)
	}
	in.nssaLSA(1, "198.51.100.0/24", packet.OptNP, packet.ExternalLSA{Metric: 5, Type2: true, Forward: id("10.1.0.2")})
	if got := l.route("198.51.100.0/24"); got != "external-2 0.0.0.0 10" {
		t.Errorf("the forwarding address is outside the NSSA: %q", got)
	}
}

// 3.2: what is told to the AS, one by one and in ranges, and 3.3: what no longer is.
func TestNSSA3101_3_2_Translate(t *testing.T) {
	l, _, in := nssaLab(t, Area{Summary: true})
	p7 := func(seq packet.Seq, prefix string, x packet.ExternalLSA) {
		x.Forward = insideForward
		in.nssaLSA(seq, prefix, packet.OptNP, x)
	}
	p7(0, "10.77.1.0/24", packet.ExternalLSA{Metric: 10, Tag: 7})
	p7(0, "10.77.2.0/24", packet.ExternalLSA{Metric: 11})
	in.nssaLSA(0, "10.77.3.0/24", 0, packet.ExternalLSA{Metric: 1, Forward: insideForward}) // (1)
	in.nssaLSA(0, "10.77.4.0/24", packet.OptNP, packet.ExternalLSA{Metric: 1})
	l.wantAt(0, "10.77.1.0/24 10 by 192.168.3.3, 10.77.2.0/24 11 by 192.168.3.3", type5)
	set := func(r ...Range) { l.reload(func(c *Config, _ *InterfaceConfig) { c.Areas[1].Ranges = r }) }
	discards := func(want string) {
		t.Helper()
		got := ""
		for r := range l.e.table.Routes() {
			if r.Discard {
				got += r.Prefix.String() + " "
			}
		}
		if got != want {
			t.Errorf("discard routes %q, want %q", got, want)
		}
	}
	discards("")
	set(Range{Prefix: pfx("10.77.0.0/16"), Advertise: true})
	l.wantAt(0, "10.77.0.0/16 11", type5)
	discards("10.77.0.0/16 ") // what is told and does not exist must not circle
	p7(0, "10.77.5.0/24", packet.ExternalLSA{Metric: 5, Type2: true})
	l.wantAt(0, "10.77.0.0/16 6 E2", type5)
	set(Range{Prefix: pfx("10.77.0.0/16")}, Range{Prefix: pfx("10.77.5.0/24"), Advertise: true}) // (3): the same network
	l.wantAt(0, "10.77.5.0/24 5 E2 by 192.168.3.3", type5)
	discards("")
	set()
	in.nssaLSA(1, "10.77.1.0/24", 0, packet.ExternalLSA{Metric: 10, Forward: insideForward})
	l.wantAt(0, "10.77.2.0/24 11 by 192.168.3.3, 10.77.5.0/24 5 E2 by 192.168.3.3", type5)
	in.says(2, packet.RouterE) // the forwarding address goes
	l.wantAt(0, "", type5)
}

// 3.2: a range that is told for the externals in it discards the rest, until one of them is the range itself: whichever
// came first, the way there is the way to the rest.
func TestNSSA3101_3_2_RangeIsANetwork(t *testing.T) {
	l, _, in := nssaLab(t, Area{Summary: true, Ranges: []Range{{Prefix: pfx("10.77.0.0/16"), Advertise: true}}})
	p7 := func(seq packet.Seq, prefix string, options packet.Options) {
		t.Helper()
		in.nssaLSA(seq, prefix, options, packet.ExternalLSA{Metric: 10, Forward: insideForward})
		l.advance(2 * time.Second)
		l.wantAt(0, "10.77.0.0/16 10", type5)
	}
	want := func(discard bool) {
		t.Helper()
		if r, ok := l.e.table.Lookup(pfx("10.77.0.0/16")); !ok || r.Discard != discard {
			t.Errorf("route %+v, %t", r, ok)
		}
	}
	p7(0, "10.77.1.0/24", packet.OptNP)
	want(true)
	p7(0, "10.77.0.0/16", packet.OptNP)
	want(false)
	p7(1, "10.77.0.0/16", 0) // it is not told, and is there all the same
	want(false)
	exact := l.e.area(1).db.Lookup(packet.Key{Type: packet.LSNSSA, ID: id("10.77.0.0"), Adv: in.id})
	in.update(aged(exact.Raw, packet.MaxAge))
	l.advance(2 * time.Second)
	want(true)
}

// 3.1: of several border routers the one with the largest router id translates, or who always
// does; one that is deposed goes on for the stability interval.
func TestNSSA3101_3_1_Election(t *testing.T) {
	const translated = "10.77.1.0/24 10 by 192.168.3.3"
	l, b, in := nssaLab(t, Area{Summary: true})
	in.nssaLSA(0, "10.77.1.0/24", packet.OptNP, packet.ExternalLSA{Metric: 10, Forward: insideForward})
	l.wantAt(0, translated, type5)
	border := packet.RouterE | packet.RouterB
	b.update(build(packet.LSASBRSummary, in.id, b.id, packet.InitialSeq, 1, packet.SummaryLSA{Metric: 1})) // it is seen over the backbone, too
	in.says(2, border, "192.168.3.3/32 0")
	l.advance(30 * time.Second)
	l.wantAt(0, translated, type5)
	l.advance(10 * time.Second)
	l.wantAt(0, "", type5)
	in.says(3, packet.RouterE, "192.168.3.3/32 0")
	l.wantAt(0, translated, type5)
	in.says(4, border, "192.168.3.3/32 0")
	l.advance(20 * time.Second)
	in.says(5, packet.RouterE, "192.168.3.3/32 0") // elected again within the interval
	l.advance(time.Minute)
	l.wantAt(0, translated, type5)

	role := func(r TranslatorRole) {
		l.reload(func(c *Config, _ *InterfaceConfig) { c.Areas[1].Translator = r })
		l.advance(6 * time.Second)
	}
	nt := func() bool {
		raw := l.e.area(1).db.Lookup(packet.Key{Type: packet.LSRouter, ID: self, Adv: self})
		lsa, _ := packet.DecodeRouterLSA(raw.Raw)
		return lsa.Flags&packet.RouterNt != 0
	}
	role(TranslatorNever)
	l.wantAt(0, "", type5)
	role(TranslatorAlways)
	in.says(6, border, "192.168.3.3/32 0")
	l.advance(time.Minute)
	l.wantAt(0, translated, type5)
	if !nt() {
		t.Error("no Nt bit")
	}
	role(TranslatorCandidate)
	l.advance(time.Minute)
	l.wantAt(0, "", type5)
	if nt() {
		t.Error("Nt bit")
	}
}

// A candidate with the larger id gives way to one that always translates.
func TestNSSA3101_3_1_Nt(t *testing.T) {
	l := newLab(t, areas(Area{ID: 0}, Area{ID: 1, Type: AreaNSSA, Summary: true}))
	b := l.full("tun0", "2.2.2.2", "10.1.0.2")
	b.says(1, packet.RouterB)
	in := l.full("eth0", "0.0.0.9", "10.0.0.2")
	in.says(1, packet.RouterE|packet.RouterB, "192.168.3.3/32 0")
	b.update(build(packet.LSASBRSummary, in.id, b.id, packet.InitialSeq, 1, packet.SummaryLSA{Metric: 1}))
	in.nssaLSA(0, "10.77.1.0/24", packet.OptNP, packet.ExternalLSA{Metric: 10, Forward: insideForward})
	l.wantAt(0, "10.77.1.0/24 10 by 192.168.3.3", type5)
	in.says(2, packet.RouterE|packet.RouterB|packet.RouterNt, "192.168.3.3/32 0")
	l.advance(time.Minute)
	l.wantAt(0, "", type5)
}

// A flood of type 7 LSAs is translated all the same, with a rest that grows with their number.
func TestNSSA_FloodOfLSAs(t *testing.T) {
	l, _, in := nssaLab(t, Area{Summary: true})
	l.cfg.MaxLSAs = 10_000
	l.step(l.cfg)
	l.advance(2 * time.Second)
	const count = 2000
	for n := range count {
		h := packet.LSAHeader{Age: 1, Options: packet.OptNP, Type: packet.LSNSSA, ID: packet.ID(172<<24 | n<<8), Adv: in.id, Seq: packet.InitialSeq}
		in.update(packet.BuildLSA(h, packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 1, Forward: insideForward}))
	}
	if n := l.e.as.Count(packet.LSExternal); n > count/10 {
		t.Errorf("%d were translated one by one", n)
	}
	l.advance(time.Second)
	if n := l.e.as.Count(packet.LSExternal); n != count {
		t.Errorf("%d of %d are translated", n, count)
	}
}

// What is redistributed by ourselves stands before what would be translated.
func TestNSSA_OwnExternalFirst(t *testing.T) {
	l, _, in := nssaLab(t, Area{Summary: true})
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Redistribute = []Redistribute{{Source: Static, Metric: 3}} })
	in.nssaLSA(0, "198.51.100.0/24", packet.OptNP, packet.ExternalLSA{Metric: 10, Forward: insideForward})
	l.wantAt(0, "198.51.100.0/24 10 by 192.168.3.3", type5)
	l.step(Offer{Source: Static, Add: []netip.Prefix{pfx("198.51.100.0/24")}})
	l.wantAt(0, "198.51.100.0/24 3", type5)
	l.step(Offer{Source: Static, Remove: []netip.Prefix{pfx("198.51.100.0/24")}})
	l.wantAt(0, "198.51.100.0/24 10 by 192.168.3.3", type5)
}
