package ospf

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// What a change of the link does to a Full neighbour and to the interface.
func TestLinks_Changes(t *testing.T) {
	for _, c := range []struct {
		name   string
		edit   func(map[string]*Link)
		stays  bool   // the adjacency
		state  string // of tun0; "" when it is gone
		reason string // of the interface's change
	}{
		{"nothing", func(m map[string]*Link) {}, true, "Point-To-Point", ""},
		{"MTU", func(m map[string]*Link) { m["tun0"].MTU = 1280 }, true, "Point-To-Point", ""},
		{"another address beside it", func(m map[string]*Link) {
			m["tun0"].Addrs = append(m["tun0"].Addrs, LinkAddr{Addr: pfx("10.77.0.1/24")})
		}, true, "Point-To-Point", ""},
		{"carrier", func(m map[string]*Link) { m["tun0"].Up = false }, false, "Down", "link down"},
		{"address gone", func(m map[string]*Link) { m["tun0"].Addrs = nil }, false, "Down", "no IPv4 address"},
		{"address changed", func(m map[string]*Link) { m["tun0"].Addrs = []LinkAddr{{Addr: pfx("10.1.0.5/30")}} }, false, "Point-To-Point", "address changed to 10.1.0.5/30"},
		{"ifindex", func(m map[string]*Link) { m["tun0"].Index = 33 }, false, "Point-To-Point", "link was replaced"},
		{"renamed", func(m map[string]*Link) { m["tun0"].Name = "wan9" }, false, "", "link is gone"},
		{"deleted", func(m map[string]*Link) { m["tun0"].Name = "" }, false, "", "link is gone"},
		{"kind", func(m map[string]*Link) { m["tun0"].PointToPoint = false }, false, "Waiting", "interface type changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			p := l.full("tun0", "2.2.2.2", "10.1.0.2")
			q := l.full("eth0", "3.3.3.3", "10.0.0.3")
			p.alive = false
			l.relink(c.edit)
			if (p.state() == nbrFull) != c.stays {
				t.Errorf("neighbour is %s", p.state())
			}
			state := ""
			if i := l.e.iface("tun0"); i != nil {
				state = i.state.String()
			}
			reason := ""
			for _, ev := range l.events {
				if x, ok := ev.(InterfaceChange); ok && x.Interface == "tun0" && x.To == "Down" {
					reason = x.Reason
				}
			}
			if state != c.state || !strings.HasPrefix(reason, c.reason) || (reason == "") != (c.reason == "") {
				t.Errorf("tun0 is %q (%s)", state, reason)
			}
			l.wantState(q, nbrFull)
			if c.name == "renamed" && l.iface("wan9").state != ifPointToPoint {
				t.Error("the new name is not taken up")
			}
			l.advance(10 * time.Second)
			if _, r := l.own(); strings.Contains(describeLinks(r), "2.2.2.2") != c.stays {
				t.Errorf("router-LSA:\n%s", describeLinks(r))
			}
		})
	}
}

// Memberships follow the interface; a link that comes back is joined anew.
func TestLinks_Memberships(t *testing.T) {
	l := newLab(t)
	say := func() string {
		var s []string
		for _, g := range l.groups {
			sign := "-"
			if g.Join {
				sign = "+"
			}
			s = append(s, sign+g.Interface+" "+g.Group.String())
		}
		l.groups = nil
		return strings.Join(s, ", ")
	}
	if got := say(); got != "+eth0 224.0.0.5, +tun0 224.0.0.5, +tun1 224.0.0.5" {
		t.Errorf("start: %s", got)
	}
	l.advance(41 * time.Second)
	if got := say(); got != "+eth0 224.0.0.6" {
		t.Errorf("DR: %s", got)
	}
	l.relink(func(m map[string]*Link) { m["eth0"].Up = false })
	if got := say(); got != "-eth0 224.0.0.5, -eth0 224.0.0.6" {
		t.Errorf("down: %s", got)
	}
	l.relink(func(m map[string]*Link) { m["eth0"].Up = true })
	if got := say(); got != "+eth0 224.0.0.5" {
		t.Errorf("up: %s", got)
	}
}

// Which entry takes a link: first match over all areas, globs, exclusions, prefixes.
func TestLinks_Match(t *testing.T) {
	vpn9 := Link{Name: "vpn9", Addrs: []LinkAddr{{Addr: pfx("10.9.0.1/24")}, {Addr: pfx("172.20.0.1/16"), Secondary: true}}}
	for _, c := range []struct {
		m    Match
		want bool
	}{
		{nil, false},
		{match("vpn9"), true},
		{match("vpn*"), true},
		{match("vpn*", "!vpn9"), true}, // the first item that fits decides
		{match("!vpn9", "vpn*"), false},
		{match("!vpn9"), false},
		{match("!eth*"), true},
		{match("[bad"), false},
		{Match{{Prefix: pfx("172.20.0.0/16")}}, true},
		{Match{{Prefix: pfx("10.8.0.0/16")}}, false},
		{Match{{Prefix: pfx("10.9.0.0/16"), Exclude: true}, {Glob: "*"}}, false},
	} {
		if got := c.m.Matches(vpn9); got != c.want {
			t.Errorf("%+v: %t", c.m, got)
		}
	}
	l := newLab(t, func(l *lab) {
		l.links[1].Addrs = append(l.links[1].Addrs, LinkAddr{Addr: pfx("172.20.0.1/16"), Secondary: true})
		c := interfaceConfig()
		c.Match = Match{{Prefix: pfx("172.20.0.0/16")}}
		l.cfg.Areas = []Area{{ID: 5, Interfaces: []InterfaceConfig{c}}, {ID: 0, Interfaces: []InterfaceConfig{interfaceConfig("*")}}}
	})
	if i := l.iface("eth0"); i.area.id != 5 || i.address() != ip("172.20.0.1") {
		t.Errorf("eth0 is in area %s at %s", i.area.id, i.address())
	}
	if i := l.iface("tun0"); i.area.id != 0 {
		t.Errorf("tun0 is in area %s", i.area.id)
	}
}

// /31 and /32 on links of both kinds.
func TestLinks_LongMasks(t *testing.T) {
	l := newLab(t, func(l *lab) {
		l.links[1].Addrs = []LinkAddr{{Addr: pfx("10.0.0.0/31")}}
		l.links[2].Addrs = []LinkAddr{{Addr: pfx("10.1.0.1/31")}}
		l.cfg.Areas[0].Interfaces[0].LinkData = LinkDataAuto
	})
	p := l.peer("eth0", "2.2.2.2", "10.0.0.1")
	p.bring(nbrFull)
	q := l.peer("tun0", "3.3.3.3", "10.1.0.0")
	q.bring(nbrFull)
	l.advance(10 * time.Second)
	want := "stub 10.1.0.0 255.255.255.254 10"
	if _, r := l.own(); !strings.Contains(describeLinks(r), want) {
		t.Errorf("router-LSA:\n%s", describeLinks(r))
	}
	if l.iface("tun0").unnumbered() || l.iface("tun0").mask() != packet.MaskOf(31) || !l.iface("tun1").unnumbered() {
		t.Error("numbered or not")
	}
}

// Links that flap hundreds of times leave nothing behind.
func TestLinks_Churn(t *testing.T) {
	l := newLab(t)
	for n := range 300 {
		l.relink(func(m map[string]*Link) { m["tun0"].Up = n%2 == 0; m["eth0"].Index = 100 + n })
		l.step(Links{append(l.links, Link{Name: fmt.Sprint("vpn", n), Index: 1000 + n, MTU: 1400, Up: true, PointToPoint: true, Addrs: []LinkAddr{{Addr: pfx("10.44.0.1/32")}}})})
		l.advance(time.Second)
		l.out, l.events = nil, nil
	}
	l.step(Links{nil})
	l.advance(10 * time.Second)
	if len(l.e.ifaces) != 0 || len(l.e.timers.heap) > 3 || len(l.e.origin) != 1 {
		t.Errorf("%d interfaces, %d timers, %d LSAs", len(l.e.ifaces), len(l.e.timers.heap), len(l.e.origin))
	}
}
