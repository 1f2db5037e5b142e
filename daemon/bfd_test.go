package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/bfd"
	"github.com/ecmpd/ecmpd/link"
	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/rib"
)

// A watched static hop asks for a session while its gateway is attached, and is used
// while that is up.
func TestWatchedStatic(t *testing.T) {
	l := newTestLoop()
	via := netip.MustParseAddr("10.1.0.9")
	l.cfg.Static = []rib.StaticRoute{{Prefix: pfx("172.16.0.0/12"), NextHops: []rib.StaticHop{{Via: via, Weight: 1, Watched: true}}}}
	l.cfg.StaticBFD = map[netip.Addr]ospf.BFD{via: {MinInterval: 50 * time.Millisecond, Multiplier: 3}}
	lan := up("lan", 2, address("10.1.0.1/24"))
	active := func() bool { _, ok := l.rib.Best(pfx("172.16.0.0/12")); return ok }
	leg := nexthop.Leg{Interface: "lan", Gateway: via}
	for _, c := range []struct {
		name   string
		do     any
		active bool
		asked  string
	}{
		{"attached", linkSnapshot{}, false, "+lan 10.1.0.1 10.1.0.9 50ms"},
		{"session up", bfdChange{leg, true}, true, "+lan 10.1.0.1 10.1.0.9 50ms"},
		{"session down", bfdChange{leg, false}, false, "+lan 10.1.0.1 10.1.0.9 50ms"},
		{"another session up", bfdChange{nexthop.Leg{Interface: "wan", Gateway: via}, true}, false, "+lan 10.1.0.1 10.1.0.9 50ms"},
	} {
		l.asked = nil
		if _, ok := c.do.(linkSnapshot); ok {
			l.links = link.Snapshot{Links: []link.Link{lan}}
			l.updateConnected()
		} else {
			l.apply(c.do)
		}
		if got := strings.Join(l.asked, ", "); active() != c.active || got != c.asked {
			t.Errorf("%s: active %v, asked %q", c.name, active(), got)
		}
	}
	l.asked = nil
	lan.Up = false
	l.links = link.Snapshot{Links: []link.Link{lan}}
	l.updateConnected()
	if got := strings.Join(l.asked, ", "); got != "-lan 10.1.0.9" {
		t.Errorf("without carrier: asked %q", got)
	}
}

// Clients share the session with a neighbour; the faster one decides.
func TestSharedSession(t *testing.T) {
	var asked []string
	b := newBFDSessions(
		func(c bfd.Config) { asked = append(asked, fmt.Sprint("+", c.MinTx, "x", c.Multiplier, c.PointToPoint)) },
		func(bfd.Key) { asked = append(asked, "-") })
	k := bfd.Key{Interface: "e", Peer: netip.MustParseAddr("10.0.0.1")}
	slow := bfd.Config{Key: k, MinTx: 100 * time.Millisecond, Multiplier: 3, PointToPoint: true}
	fast := bfd.Config{Key: k, MinTx: 50 * time.Millisecond, Multiplier: 4}
	for _, c := range []struct {
		client string
		list   []bfd.Config
		want   string
		state  string
	}{
		{"OSPF on e", []bfd.Config{slow}, "+100ms x3 true", "Down"},
		{"static routes", []bfd.Config{fast}, "+50ms x4 true", "Down"},
		{"OSPF on e", nil, "+50ms x4 false", "Down"},
		{"static routes", nil, "-", ""},
		{"static routes", nil, "", ""},
	} {
		asked = nil
		b.want(c.client, c.list)
		if got := strings.Join(asked, ", "); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(c.want, " ", "") || b.state(k) != c.state {
			t.Errorf("%s wants %v: asked %q, want %q; state %q", c.client, c.list, got, c.want, b.state(k))
		}
	}
	b.changed(k, bfd.Up) // of a session that nobody wants any more
	if s := b.state(k); s != "" {
		t.Errorf("state %q", s)
	}
}

func TestWantsBFD(t *testing.T) {
	for change, want := range map[[2]string]bool{
		{"Init", "ExStart"}: true, {"Init", "2-Way"}: true, {"Full", "Down"}: true, {"Full", "Init"}: true,
		{"Down", "Init"}: false, {"Loading", "Full"}: false, {"Init", "Down"}: false,
	} {
		if wantsBFD(ospf.NeighborChange{From: change[0], To: change[1]}) != want {
			t.Errorf("%v: want %v", change, want)
		}
	}
}
