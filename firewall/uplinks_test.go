package firewall

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func twoUplinks() *Uplinks {
	a := netip.MustParseAddr
	return &Uplinks{
		Mask: 0x3f000000, Question: 0x3f000000, Ingress: true,
		Ways: []Way{
			{Mark: 0x1000000, Interface: "w1", Addresses: []netip.Addr{a("10.111.0.2")}, Masquerade: true},
			{Mark: 0x2000000, Interface: "w2", Addresses: []netip.Addr{a("10.112.0.2")}, Source: a("10.112.0.7")},
			{Mark: 0x3000000, Interface: "w3", Addresses: []netip.Addr{a("10.113.0.2"), a("10.113.0.3")}},
			{Mark: 0x4000000},
		},
		Endpoints: prefixes("198.51.100.9/32"), EndpointWay: 0x2000000,
		Choices: []Choice{
			{To: prefixes("203.0.113.0/24", "198.51.100.0/24"), Way: 0x1000000},
			{From: prefixes("192.168.0.0/25"), To: prefixes("203.0.113.0/24", "198.51.100.0/24"), Protocol: 17, Ports: []PortRange{{5060, 5061}, {80, 80}}, Drop: true},
			{Protocol: 47},
		},
		Shares: []Share{{0x1000000, 2, true}, {0x2000000, 3, false}, {0x3000000, 7, true}},
	}
}

// Every make of the table is written once, reads back as what was written, and is a ruleset that
// nft can load again. From each to each other one with the same transit the difference suffices.
func TestUplinksTable(t *testing.T) {
	s := newSpace(t, "uplinks")
	f := s.open(t)
	with := func(change func(*Uplinks)) Ruleset {
		u := twoUplinks()
		change(u)
		return Ruleset{Scope: None, Uplinks: u}
	}
	transit := hubRules
	transit.Uplinks = twoUplinks()
	scope := Scope(255)
	for _, tt := range []struct {
		name  string
		rules Ruleset
	}{
		{"in turn", with(func(*Uplinks) {})},
		{"by pair", with(func(u *Uplinks) { u.Spread = ByPair })},
		{"by source", with(func(u *Uplinks) { u.Spread = BySource })},
		{"by destination", with(func(u *Uplinks) { u.Spread, u.Shares[1].Alive = ByDestination, true })},
		{"by route", with(func(u *Uplinks) { u.Routed, u.Shares = 0x3e000000, nil })},
		{"no choice", with(func(u *Uplinks) { u.Choices, u.Endpoints, u.Ingress = nil, nil, false })},
		{"nobody alive", with(func(u *Uplinks) { u.Shares = nil })},
		{"beside transit", transit},
		{"transit only", hubRules},
		{"back", with(func(*Uplinks) {})},
	} {
		r, err := f.Apply(tt.rules)
		if err != nil || !r.Changed() || r.Rebuilt != (tt.rules.Scope != scope) {
			t.Fatalf("%s: %+v, %v", tt.name, r, err)
		}
		scope = tt.rules.Scope
		if tt.rules.Scope != None {
			if _, err := f.Sweep(); err != nil {
				t.Fatal(err)
			}
		}
		fresh := s.open(t)
		fresh.adopted = nil
		if again, err := fresh.Apply(tt.rules); err != nil || again.Changed() {
			t.Errorf("%s: the second time %+v, %v\n%s", tt.name, again, err, s.listing(t))
		}
		text := s.listing(t)
		s.nft(t, "flush ruleset\n"+text)
		if again, err := fresh.Apply(tt.rules); err != nil || again.Changed() {
			t.Errorf("%s: as nft loads it %+v, %v\n%s", tt.name, again, err, text)
		}
	}
	if n := strings.Count(s.listing(t), "wan_list_"); n != 5 { // two sets, three uses
		t.Errorf("%d mentions of lists: equal ones share a set\n%s", n, s.listing(t))
	}
	if err := f.Remove(); err != nil || strings.Contains(s.listing(t), "ecmpd") {
		t.Errorf("removal: %v", err)
	}
}

// Only what has a dead mark goes.
func TestForgetMarked(t *testing.T) {
	s := newSpace(t, "marked")
	var c *Conntrack
	if err := s.do(func() (err error) { c, err = OpenConntrack(); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for i, mark := range []uint32{0x1000000, 0x1000005, 0x2000000, 0, 0x40000000, 0x41000000} {
		s.exec(t, "conntrack", "-I", "-p", "udp", "-s", fmt.Sprintf("10.0.0.%d", i+1), "-d", "10.9.9.9", "--sport", "1000", "--dport", "53", "-t", "60", "-m", fmt.Sprint(mark))
	}
	if n, err := c.ForgetMarked(0x3f000000, []uint32{0, 0x1000000}); n != 3 || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
	left, err := c.CountMarked(0x3f000000)
	if err != nil || left[0x1000000] != 0 || left[0x2000000] != 1 || left[0] != 2 {
		t.Errorf("left %v, %v", left, err)
	}
}

// Weights are met, spread evenly, and bounded in number; nobody is left out.
func TestSlots(t *testing.T) {
	order := func(weights ...int) string {
		var shares []Share
		for i, w := range weights {
			shares = append(shares, Share{Way: uint32(i + 1), Weight: w})
		}
		var b strings.Builder
		for _, s := range slots(shares) {
			fmt.Fprint(&b, s.Way)
		}
		return b.String()
	}
	for _, tt := range []struct {
		weights []int
		want    string
	}{
		{[]int{1, 1}, "12"}, {[]int{4, 4, 4}, "123"}, {[]int{1, 5}, "221222"}, {[]int{2, 3, 7}, "323132331323"}, {nil, ""},
	} {
		if got := order(tt.weights...); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.weights, got, tt.want)
		}
	}
	if got := order(254, 1); len(got) > 202 || strings.Count(got, "2") != 1 {
		t.Errorf("254:1: %d slots, %d of the second", len(got), strings.Count(got, "2"))
	}
}
