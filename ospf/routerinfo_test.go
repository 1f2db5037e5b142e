package ospf

import (
	"encoding/binary"
	"reflect"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

var infoKey = packet.Key{Type: packet.LSOpaqueArea, ID: packet.RouterInfoID, Adv: self}

// RFC 7770 2.1: one instance with area scope, with the weights of the links that
// the router-LSA has; refreshed like any other, and flushed when there is
// nothing to say.
func TestRouterInfo7770(t *testing.T) {
	said := packet.Multipath{Able: true, Shared: true, Policy: 3, Fields: 0x37, MaxPaths: 16}
	l := newLab(t, func(l *lab) {
		l.cfg.Multipath = &said
		l.cfg.Areas[0].Interfaces[0].Weight = 3
	})
	l.full("tun0", "3.3.3.3", "10.1.0.2").alive = true
	l.advance(10 * time.Second)
	want := said
	want.Weights = []packet.LinkWeight{{ID: id("3.3.3.3"), Data: id("10.1.0.1"), Type: packet.LinkPointToPoint, Weight: 3}}
	check := func(seq packet.Seq) {
		t.Helper()
		raw := l.lsa(infoKey)
		if m, ok := packet.DecodeMultipath(raw); !ok || !reflect.DeepEqual(m, want) || header(raw).Seq != packet.InitialSeq+seq {
			t.Errorf("says %+v %v in %+v, want %+v", m, ok, header(raw), want)
		}
	}
	check(0)
	l.step(l.cfg)
	l.advance(10 * time.Second)
	check(0)
	l.advance(packet.LSRefreshTime * time.Second)
	check(1)
	l.reload(func(c *Config, i *InterfaceConfig) {
		other := said
		other.Resilient, want = true, other
		c.Multipath, want.Resilient = &other, true
		i.Weight = 1
	})
	l.advance(6 * time.Second)
	check(2)
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Multipath = nil })
	l.advance(2 * time.Second)
	if raw := l.lsa(infoKey); raw != nil && header(raw).Age != packet.MaxAge {
		t.Errorf("not flushed: %+v", header(raw))
	}
}

// RFC 5250 3: neighbours that do not know opaque LSAs are sent none.
func TestRouterInfo5250_NoOpaqueNeighbor(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.Multipath = &packet.Multipath{} })
	l.full("tun0", "3.3.3.3", "10.1.0.2")
	plain := l.full("tun1", "4.4.4.4", "10.255.0.4")
	l.neighbor(plain.addr).options &^= packet.OptO
	l.advance(time.Second)
	l.out = nil
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Multipath = &packet.Multipath{Able: true} })
	l.advance(10 * time.Second)
	sent := map[string]int{}
	list := l.take()
	for _, link := range []string{"tun0", "tun1"} {
		for _, h := range flooded(list, link) {
			if h.Key() == infoKey {
				sent[link]++
			}
		}
	}
	if sent["tun0"] == 0 || sent["tun1"] > 0 {
		t.Errorf("sent %v", sent)
	}
}

// A shutdown flushes it with the others.
func TestRouterInfoShutdown(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.Multipath = &packet.Multipath{} })
	l.full("tun0", "3.3.3.3", "10.1.0.2")
	l.advance(10 * time.Second)
	l.out = nil
	l.step(Shutdown)
	l.advance(3 * time.Second)
	for _, h := range flooded(l.take(), "tun0") {
		if h.Key() == infoKey && h.Age == packet.MaxAge {
			return
		}
	}
	t.Error("not flushed")
}

// Names of others are shown, but not what could disturb a terminal.
func TestHostnames(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.Hostname, l.cfg.Multipath = "hub-a", &packet.Multipath{Policy: 3} })
	p := l.full("tun0", "3.3.3.3", "10.1.0.2")
	l.advance(10 * time.Second)
	info := func(name string, seq packet.Seq) []byte {
		return build(packet.LSOpaqueArea, packet.RouterInfoID, p.id, seq, 1, packet.RouterInfoLSA{Hostname: name})
	}
	p.update(info("branch\x1b[31m-1\n", packet.InitialSeq))
	if got := l.e.Hostnames(l.now); len(got) != 2 || got[self] != "hub-a" || got[p.id] != "branch?[31m-1?" {
		t.Errorf("%q", got)
	}
	l.advance(2 * time.Second)
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Hostname = "hub-b" })
	p.update(info("", packet.InitialSeq+1))
	l.advance(6 * time.Second)
	if got := l.e.Hostnames(l.now); len(got) != 1 || got[self] != "hub-b" {
		t.Errorf("%q", got)
	}
}

func TestLSAs(t *testing.T) {
	l := newLab(t)
	l.full("tun0", "3.3.3.3", "10.1.0.2")
	l.advance(10 * time.Second)
	seen := 0
	for _, lsa := range l.e.LSAs(l.now) {
		if h, err := packet.CheckLSA(lsa.Raw); err != nil || lsa.Area != 0 || h.Age == packet.MaxAge || h.Key() != lsa.Header.Key() {
			t.Errorf("%+v: %+v, %v", lsa, h, err)
		}
		seen++
	}
	if seen == 0 {
		t.Error("no LSA")
	}
}

// RFC 5642 3.1.1: an AS boundary router tells its name in AS scope, and in an area only where that does not go.
func TestHostnames5642_3_1_1(t *testing.T) {
	l := newLab(t, redistributing(Redistribute{Source: Static, Metric: 1}), areas(Area{ID: 0}, Area{ID: 1, Type: AreaNSSA}),
		func(l *lab) { l.cfg.Hostname, l.cfg.Multipath = "hub", &packet.Multipath{} })
	told := func(what string, want ...string) {
		t.Helper()
		l.advance(10 * time.Second)
		for n, d := range []*database{l.e.as, l.e.area(0).db, l.e.area(1).db} {
			k, name := infoKey, "no LSA"
			if d == l.e.as {
				k.Type = packet.LSOpaqueAS
			}
			if entry := d.Lookup(k); entry != nil && !entry.IsMaxAge(l.now) {
				name, _ = packet.DecodeHostname(entry.Raw)
			}
			if name != want[n] {
				t.Errorf("%s: %s says %q, want %q", what, d, name, want[n])
			}
		}
	}
	told("a boundary router", "hub", "", "hub")
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Redistribute = nil })
	told("an inner router", "no LSA", "hub", "hub")
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Default.When = DefaultAlways })
	told("a boundary router again", "hub", "", "hub")
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Hostname = "" })
	told("without a name", "no LSA", "", "")
}

// RFC 7770 2.4: the capabilities are those that the router has.
func TestRouterInfo7770_2_4(t *testing.T) {
	for want, restart := range map[packet.Capabilities]GracefulRestart{
		packet.CapStubRouter | packet.CapPointToPointLAN:                                                       {},
		packet.CapStubRouter | packet.CapPointToPointLAN | packet.CapRestartHelper:                             {Helper: true},
		packet.CapStubRouter | packet.CapPointToPointLAN | packet.CapGracefulRestart:                           {Enabled: true, Interval: time.Minute},
		packet.CapStubRouter | packet.CapPointToPointLAN | packet.CapGracefulRestart | packet.CapRestartHelper: {Enabled: true, Interval: time.Minute, Helper: true},
	} {
		l := newLab(t, func(l *lab) { l.cfg.Multipath = &packet.Multipath{} })
		l.full("tun0", "3.3.3.3", "10.1.0.2")
		l.advance(10 * time.Second)
		l.reload(func(c *Config, _ *InterfaceConfig) { c.GracefulRestart = restart })
		l.advance(10 * time.Second)
		raw := l.lsa(infoKey)[packet.LSAHeaderLen:]
		if got := packet.Capabilities(binary.BigEndian.Uint32(raw[4:])); got != want {
			t.Errorf("%+v: %08x, want %08x", restart, got, want)
		}
	}
}
