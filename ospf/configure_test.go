package ospf

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// A reload keeps every adjacency that it does not have to end.
func TestConfigure_Reload(t *testing.T) {
	for _, c := range []struct {
		name  string
		edit  func(*Config, *InterfaceConfig)
		stays bool
	}{
		{"the same", func(*Config, *InterfaceConfig) {}, true},
		{"cost", func(_ *Config, i *InterfaceConfig) { i.Cost = 77 }, true},
		{"weight", func(_ *Config, i *InterfaceConfig) { i.Weight = 9 }, true},
		{"priority", func(_ *Config, i *InterfaceConfig) { i.Priority = 9 }, true},
		{"retransmit interval", func(_ *Config, i *InterfaceConfig) { i.RetransmitInterval = time.Second }, true},
		{"link data", func(_ *Config, i *InterfaceConfig) { i.LinkData = LinkDataAddress }, true},
		{"SPF delay", func(c *Config, _ *InterfaceConfig) { c.SPFDelay.Initial = time.Second }, true},
		{"redistribution", func(c *Config, _ *InterfaceConfig) { c.Redistribute = []Redistribute{{Source: Static}} }, true},
		{"stub router", func(c *Config, _ *InterfaceConfig) { c.StubRouter.Administrative = true }, true},
		{"another area beside", func(c *Config, _ *InterfaceConfig) { c.Areas = append(c.Areas, Area{ID: 9}) }, true},
		{"passive", func(_ *Config, i *InterfaceConfig) { i.Passive = true }, false},
		{"type", func(_ *Config, i *InterfaceConfig) { i.Type = TypeBroadcast }, false},
		{"area", func(c *Config, _ *InterfaceConfig) { c.Areas[0].ID = 3 }, false},
		{"no longer matched", func(_ *Config, i *InterfaceConfig) { i.Match = match("!tun0") }, false},
		{"router id", func(c *Config, _ *InterfaceConfig) { c.RouterID = 0x01010102 }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			p := l.full("tun0", "2.2.2.2", "10.1.0.2")
			l.advance(10 * time.Second)
			l.reload(c.edit)
			if (p.state() == nbrFull) != c.stays {
				t.Errorf("neighbour is %s: %v", p.state(), l.happened(p.addr))
			}
		})
	}
}

// New intervals on both sides do not end an adjacency.
func TestConfigure_Intervals(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.take()
	l.reload(func(_ *Config, i *InterfaceConfig) { i.HelloInterval, i.DeadInterval = time.Second, 4*time.Second })
	if hellos, _ := on[*packet.Hello](l.take(), "tun0"); len(hellos) != 1 || hellos[0].HelloInterval != 1 || hellos[0].DeadInterval != 4 {
		t.Fatalf("hellos %v", hellos)
	}
	l.advance(20 * time.Second) // the neighbour is configured later; its old Hellos are dropped
	l.wantState(p, nbrFull)
	p.hello.HelloInterval, p.hello.DeadInterval = 1, 4
	l.advance(60 * time.Second)
	l.wantState(p, nbrFull)
	p.alive = false
	l.advance(5 * time.Second)
	l.wantState(p, nbrDown)
}

// A change of the router id flushes under the old one and starts anew, routes withdrawn.
func TestConfigure_RouterID(t *testing.T) {
	l, p := settled(t)
	l.reload(func(c *Config, _ *InterfaceConfig) { c.RouterID = id("7.7.7.7") })
	flushed := false
	for _, h := range flooded(l.take(), "tun0") {
		flushed = flushed || h.Adv == self && h.Age == packet.MaxAge
	}
	if !flushed {
		t.Error("the old router-LSA is not flushed")
	}
	if !strings.Contains(fmt.Sprint(l.routes), "-192.0.2.0/24") || len(l.e.Routes()) != 0 {
		t.Errorf("routes %v", l.routes)
	}
	l.wantState(p, nbrDown)
	l.advance(20 * time.Second)
	d := l.e.Database(l.now)
	if len(d.Areas) != 1 || len(d.Areas[0].LSAs) != 1 || d.Areas[0].LSAs[0].Adv != id("7.7.7.7") {
		t.Errorf("database %+v", d.Areas)
	}
	self := []packet.ID{id("7.7.7.7")}
	p.hello.Neighbors = self
	p.bring(nbrExStart)
}

// An area that leaves the configuration takes its database and routes along.
func TestConfigure_AreaRemoved(t *testing.T) {
	l := newLab(t, func(l *lab) {
		l.cfg.Areas = []Area{{ID: 0, Interfaces: []InterfaceConfig{interfaceConfig("eth0")}}, {ID: 4, Interfaces: []InterfaceConfig{interfaceConfig("tun0")}}}
	})
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.announce(1, "192.0.2.0/24")
	l.advance(20 * time.Second)
	if len(l.e.Routes()) == 0 {
		t.Fatal("no routes")
	}
	l.routes = nil
	p.alive = false
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Areas = c.Areas[:1] })
	if !strings.Contains(fmt.Sprint(l.routes), "-192.0.2.0/24") || len(l.e.areas) != 1 {
		t.Errorf("routes %v, %d areas", l.routes, len(l.e.areas))
	}
}

// Inputs in any order before the configuration do no harm.
func TestConfigure_First(t *testing.T) {
	e := New(1)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, in := range []Input{Tick{}, Datagram{Interface: "eth0", Data: []byte{1}}, Offer{Source: Static, Add: prefixes("10.0.0.0/8")}, Links{baseLinks()}} {
		if out := e.Step(now, in); len(out.Send)+len(out.Groups)+len(out.Events) > 0 {
			t.Errorf("%T: %+v", in, out)
		}
	}
	if !e.Deadline().IsZero() || e.Converged(now) || len(e.Neighbors(now))+len(e.Routes()) != 0 || e.Database(now).Areas == nil {
		t.Error("not empty")
	}
	c := baseConfig()
	c.Redistribute = []Redistribute{{Source: Static, Metric: 1}}
	if out := e.Step(now, c); len(out.Groups) != 3 || e.as.Len() != 1 {
		t.Errorf("%d memberships, %d externals", len(out.Groups), e.as.Len())
	}
}
