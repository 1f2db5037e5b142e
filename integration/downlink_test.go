package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
)

var twoProviders = providers{a: 65001, b: 65002, inet: 65010}

// byUplinks draws traffic to uplinks that are up, and away from isp-b while isp-a is up.
const byUplinks = `    - {prefix: 198.51.100.0/24, when: {uplink: isp-a, state: up}, to: 10.1.0.1}
    - {prefix: 198.51.100.0/24, when: {uplink: isp-b, state: up}, to: 10.2.0.1}
    - {prefix: 198.51.100.0/24, when: {uplink: isp-a, state: up}, to: 10.2.0.1, then: {prepend: 3}}
`

// An upstream dies beyond its router, whose BGP session stays: what is announced to it is withdrawn, and what comes in,
// open connections too, comes through the other one.
func TestDownlinkFollowsUplinks(t *testing.T) {
	t.Parallel()
	n := startDownlink(t, twoProviders, byUplinks)
	n.ways("198.51.100.0/24", "a")
	open, err := n.call("inet", "192.0.2.1", "198.51.100.2:80")
	n.must(err)
	defer open.hangUp()
	if a, b := n.inbound("198.51.100.2", 20); a < 20 || b != 0 {
		t.Errorf("%d connections came through isp-a, %d through isp-b", a, b)
	}

	killed := time.Now()
	n.kill("isp-a")
	var moved time.Time
	n.wait("198.51.100.0/24 by b", func() (bool, string) {
		got, err := n.waysNow("198.51.100.0/24")
		moved = time.Now()
		return err == nil && got == "b", got
	})
	found := n.died("isp-a", killed)
	t.Logf("announcement moved %v after the death was found", moved.Sub(found))
	if late := moved.Sub(found); found.IsZero() || late > patient { // within a second on a machine that has nothing else to do
		t.Errorf("announcement moved %v after the death was found", late)
	}
	n.established()
	n.ways("198.51.100.0/24", "b")
	if a, b := n.inbound("198.51.100.2", 20); a != 0 || b < 20 {
		t.Errorf("isp-a is dead: %d connections came through it, %d through isp-b", a, b)
	}
	if err := open.alive(); err != nil {
		t.Errorf("the open connection is lost: %v", err)
	}
	n.withheld("198.51.100.0/24", "10.1.0.1", "no rule of announce holds now")
	n.wait("the change among the events", func() (bool, string) {
		body, err := show[api.Events](n.network, "hub", "ospf", "events")
		return err == nil && slices.ContainsFunc(body.Events, func(e api.Event) bool {
			return e.Kind == "announcement" && e.Address == "198.51.100.0/24" && e.From == "2 neighbours" && e.To == "1 neighbour" &&
				strings.HasPrefix(e.Reason, "announce rule")
		}), fmt.Sprintf("%+v %v", body.Events, err)
	})

	n.revive("isp-a")
	n.ways("198.51.100.0/24", "a")
	if err := open.alive(); err != nil {
		t.Errorf("isp-a is back, the open connection is lost: %v", err)
	}
}

// died is when the hub found an uplink dead, after some time; the zero Time when it has not.
func (n *downlinkNet) died(uplink string, after time.Time) time.Time {
	n.t.Helper()
	body, err := show[api.Events](n.network, "hub", "ospf", "events")
	n.must(err)
	for _, e := range body.Events {
		if e.Kind != "uplink" || e.Interface != uplink || e.To != "down" {
			continue
		}
		at, err := time.Parse(api.TimeFormat, e.Time)
		n.must(err)
		if at.After(after) {
			return at
		}
	}
	return time.Time{}
}

// withheld waits until the hub says why it does not tell a neighbour of a prefix.
func (n *downlinkNet) withheld(prefix, peer, why string) {
	n.t.Helper()
	n.wait("why "+peer+" is not told of "+prefix, func() (bool, string) {
		body, err := show[api.BGPAnnouncements](n.network, "hub", "bgp", "announcements", peer)
		if err != nil {
			return false, err.Error()
		}
		for _, a := range body.Announcements {
			if a.Network == prefix && !a.Announced && strings.Contains(a.Rule, why) {
				return true, ""
			}
		}
		return false, ""
	})
}

// A hub that starts while an upstream is dead behind its router does not announce anything to it, not even for a moment.
func TestDownlinkStartsDead(t *testing.T) {
	t.Parallel()
	n := startDownlink(t, twoProviders, byUplinks)
	n.ways("198.51.100.0/24", "a")
	n.must(n.routers["hub"].Stop(n.ctx))
	n.kill("isp-a")
	n.run("hub", "rm", "-r", n.Node("hub").Dir()+"/state") // where it would know from that isp-a was up
	n.must(n.routers["hub"].Start(n.ctx))
	n.ways("198.51.100.0/24", "b")
	n.withheld("198.51.100.0/24", "10.1.0.1", "no rule of announce holds now")
	n.wait("what was announced among the events", func() (bool, string) {
		body, err := show[api.Events](n.network, "hub", "ospf", "events")
		said := slices.DeleteFunc(body.Events, func(e api.Event) bool { return e.Kind != "announcement" })
		if slices.ContainsFunc(said, func(e api.Event) bool { return e.From == "2 neighbours" || e.To == "2 neighbours" }) {
			t.Fatalf("isp-a was told, too: %+v", said)
		}
		return len(said) > 0, fmt.Sprintf("%+v %v", body.Events, err)
	})
}

// What comes in is shared as the announcements say: equally, by prepending all through one, by more specific prefixes
// half and half by address, and all through the other one when one dies.
func TestDownlinkShares(t *testing.T) {
	t.Parallel()
	for name, gobgp := range map[string]bool{"bird": false, "gobgp": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			as := twoProviders
			as.gobgp = gobgp
			shares(t, as)
		})
	}
}

func shares(t *testing.T, as providers) {
	n := startDownlink(t, as, "    - {prefix: 198.51.100.0/24}\n")
	n.ways("198.51.100.0/24", "a b")
	if a, b := n.inbound("198.51.100.2", 100); a < 25 || b < 25 || a+b < 100 {
		t.Errorf("equal paths: %d through isp-a, %d through isp-b", a, b)
	}

	n.reload(as, "    - {prefix: 198.51.100.0/24}\n    - {prefix: 198.51.100.0/24, to: 10.1.0.1, then: {prepend: 2}}\n")
	n.ways("198.51.100.0/24", "b")
	if a, b := n.inbound("198.51.100.2", 10); a != 0 || b < 10 {
		t.Errorf("prepended to isp-a: %d through it, %d through isp-b", a, b)
	}

	n.reload(as, `    - {prefix: 198.51.100.0/24, when: {uplink: isp-a}, to: 10.1.0.1, then: {split: first}}
    - {prefix: 198.51.100.0/24, when: {uplink: isp-b}, to: 10.2.0.1, then: {split: second}}
`)
	n.ways("198.51.100.0/25", "a")
	n.ways("198.51.100.128/25", "b")
	for to, want := range map[string][2]int{"198.51.100.2": {10, 0}, "198.51.100.130": {0, 10}} {
		if a, b := n.inbound(to, 10); a < want[0] || b < want[1] || a > 0 && b > 0 {
			t.Errorf("halves: to %s %d through isp-a, %d through isp-b", to, a, b)
		}
	}
	n.kill("isp-b") // its half goes, and the whole draws it to isp-a
	n.ways("198.51.100.128/25", "")
	n.ways("198.51.100.0/24", "a")
	if a, b := n.inbound("198.51.100.130", 10); a < 10 || b != 0 {
		t.Errorf("isp-b is dead: to its half %d through isp-a, %d through isp-b", a, b)
	}
}

// Of two routers of one provider the lower MED draws what comes in.
func TestDownlinkMED(t *testing.T) {
	t.Parallel()
	one := providers{a: 65001, b: 65001, inet: 65001}
	rules := func(a, b string) string {
		return "    - {prefix: 198.51.100.0/24, to: 10.1.0.1, then: {med: " + a + "}}\n    - {prefix: 198.51.100.0/24, to: 10.2.0.1, then: {med: " + b + "}}\n"
	}
	n := startDownlink(t, one, rules("50", "10"))
	n.ways("198.51.100.0/24", "b")
	n.reload(one, rules("10", "50"))
	n.ways("198.51.100.0/24", "a")
	if a, b := n.inbound("198.51.100.2", 10); a < 10 || b != 0 {
		t.Errorf("isp-a has the lower MED: %d through it, %d through isp-b", a, b)
	}
}

// drain says graceful-shutdown, undrain takes it back, and neither withdraws anything.
func TestDownlinkDrain(t *testing.T) {
	t.Parallel()
	n := startDownlink(t, twoProviders, "    - {prefix: 198.51.100.0/24}\n")
	told := func(want bool) {
		t.Helper()
		n.wait("graceful-shutdown at both upstreams", func() (bool, string) {
			a, errA := n.frr("isp-a").Show(n.ctx, "show bgp ipv4 unicast 198.51.100.0/24")
			b, errB := n.bird("isp-b").Show(n.ctx, "show route all 198.51.100.0/24")
			bears := strings.Contains(strings.ToLower(a), "graceful-shutdown") == want && strings.Contains(b, "(65535,0)") == want
			return errA == nil && errB == nil && bears && strings.Contains(a, "64500") && strings.Contains(b, "64500"), a + b
		})
	}
	told(false)
	n.order("drain")
	told(true)
	n.ways("198.51.100.0/24", "a b")
	n.order("undrain")
	told(false)
}
