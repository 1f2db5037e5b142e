package doctor

import (
	"net/netip"
	"strings"
	"testing"
)

// healthy is a hub with nothing wrong.
func healthy() Facts {
	l4 := Hash{3, 0x37}
	return Facts{
		Kernel: "6.12.1-amd64", Forwarding: true, MaxMemberships: 20, Hash: l4, Wanted: l4, Transit: true,
		Interfaces: []Interface{{Name: "vpn1", Forwarding: true}, {Name: "lan", Forwarding: true, Passive: true, Strict: true}},
	}
}

func TestExamine(t *testing.T) {
	if found := Examine(healthy()); found == nil || len(found) != 0 {
		t.Errorf("healthy: %+v", found)
	}
	place := Place{"inet", "site", "forward", "policy", true}
	prefix := netip.MustParsePrefix("192.168.1.0/24")
	neighbor := func(t Trouble) func(*Facts) {
		return func(f *Facts) {
			f.Neighbors = []Neighbor{{"10.0.0.2", "10.9.0.2", "vpn1", t, "the reason"}}
		}
	}
	for _, tt := range []struct {
		check, part string
		severity    Severity
		breaks      func(*Facts)
	}{
		{"forwarding", "sysctl -w net.ipv4.ip_forward=1", Wrong, func(f *Facts) { f.Forwarding = false }},
		{"forwarding", "conf/vpn1/forwarding=1", Wrong, func(f *Facts) { f.Interfaces[0].Forwarding = false }},
		{"rp-filter", "conf/vpn1/rp_filter=2", Wrong, func(f *Facts) { f.Interfaces[0].Strict = true }},
		{"rp-filter", "conf/w1/rp_filter=2", Wrong, func(f *Facts) { f.Uplinks.Strict = []string{"w1"} }},
		{"wan-rules", "100: from all fwmark", Wrong, func(f *Facts) { f.Uplinks.Rules = []string{"100: from all fwmark 0x1000000 lookup 7"} }},
		{"wan-marks", "inet other late clears", Wrong, func(f *Facts) { f.Uplinks.Marks = []ForeignMark{{"inet other late clears the bits", true}} }},
		{"wan-marks", "inet other maybe", Note, func(f *Facts) { f.Uplinks.Marks = []ForeignMark{{"inet other maybe", false}} }},
		{"wan-tables", "table 20101", Wrong, func(f *Facts) { f.Uplinks.Tables = []string{"0.0.0.0/0 table 20101 metric 0"} }},
		{"wan-default", "via 10.0.0.1 dev w1 metric 0", Wrong, func(f *Facts) { f.Uplinks.Defaults = []string{"via 10.0.0.1 dev w1 metric 0"} }},
		{"bgp-session", "not established (Active): nothing is heard of it", Wrong, func(f *Facts) { f.BGPNeighbors = []BGPNeighbor{{Address: prefix.Addr(), State: "Active"}} }},
		{"bgp-session", "ip route get 192.168.1.0", Wrong, func(f *Facts) { f.BGPNeighbors = []BGPNeighbor{{Address: prefix.Addr(), State: "Active"}} }},
		{"bgp-session", "compare remote-as", Wrong, func(f *Facts) {
			f.BGPNeighbors = []BGPNeighbor{{Address: prefix.Addr(), State: "Idle", Reason: "sent notification: code 2(open message error) subcode 2(bad peer as)"}}
		}},
		{"bgp-next-hop", "no route leads to 192.168.1.0, the next hop of BGP paths (7)", Wrong, func(f *Facts) { f.BGPHops = []BGPHop{{prefix.Addr(), 7}} }},
		{"hash-policy", "policy 0, not policy 3 with fields 0x37", Wrong, func(f *Facts) { f.Hash = Hash{} }},
		{"hash-policy", "fields 0x7, not policy 3 with fields 0x37", Wrong, func(f *Facts) { f.Hash.Fields = 7 }},
		{"hash-policy", "sysctl -w net.ipv4.fib_multipath_hash_policy=0", Wrong, func(f *Facts) { f.Wanted = Hash{} }},
		{"memberships", "igmp_max_memberships=20", Wrong, func(f *Facts) { f.MaxMemberships = 0 }},
		{"memberships", "vpn1 is not in", Wrong, func(f *Facts) { f.Interfaces[0].Deaf = true }},
		{"memberships", "dev 'a$(reboot)'", Wrong, func(f *Facts) { f.Interfaces[0] = Interface{Name: "a$(reboot)", Forwarding: true, Deaf: true} }},
		{"hash-seed", "ecmpd reload", Wrong, func(f *Facts) { f.Seed = SeedForeign }},
		{"hash-seed", "Linux 6.11", Wrong, func(f *Facts) { f.Seed = SeedNone }},
		{"tcp-windows", "be_liberal=1", Wrong, func(f *Facts) { f.Windows = true }},
		{"own-source", "kernel.source: auto, which takes 10.0.0.1", Note, func(f *Facts) { f.OwnSource = OwnSource{3, prefix, netip.MustParseAddr("10.0.0.1")} }},
		{"blocker", "transit.firewalld-zones: [ZONE]", Wrong, func(f *Facts) { f.Blockers = []Place{{"inet", "firewalld", "filter_FORWARD", "reject", true}} }},
		{"blocker", "inet 'a b' c", Wrong, func(f *Facts) { f.Blockers = []Place{{"inet", "a b", "c", "policy", true}} }},
		{"other-ospf", "bird (pid 7)", Wrong, func(f *Facts) { f.OtherOSPF = []string{"bird (pid 7)"} }},
		{"networkd", `printf '[Network]\nManageForeignRoutes=no\nManageForeignNextHops=no\n'`, Wrong, func(f *Facts) { f.Networkd = []string{"ManageForeignRoutes", "ManageForeignNextHops"} }},
		{"kernel", "6ac66cb03ae3", Note, func(f *Facts) { f.Kernel = "6.1.0-18-amd64" }},
		{"kernel", "Linux 5.5.0", Note, func(f *Facts) { f.Kernel = "5.5.0" }},
		{"blocker", "nft insert rule inet site forward ct state untracked accept", Wrong, func(f *Facts) { f.Blockers = []Place{place} }},
		{"blocker", "may drop", Note, func(f *Facts) { f.Blockers = []Place{{"ip", "x", "y", "limit", false}} }},
		{"blocker", "iptables -I FORWARD", Wrong, func(f *Facts) { f.Blockers = []Place{{"ip", "filter", "DOCKER-USER", "policy", true}} }},
		{"blocker", "iptables-legacy -I FORWARD", Wrong, func(f *Facts) { f.Blockers = []Place{{"ip", "filter (iptables-legacy)", "FORWARD", "policy", true}} }},
		{"nat", "transit.tracked", Wrong, func(f *Facts) { f.Translates = []Place{place} }},
		{"nat", "name the networks", Wrong, func(f *Facts) { f.TracksAll = []Place{place} }},
		{"flowtable", "inet site forward", Note, func(f *Facts) { f.Offloads = []Place{place} }},
		{"conntrack", "3 conntrack entries", Wrong, func(f *Facts) { f.Entries = 3 }},
		{"mtu", "the reason", Wrong, neighbor(MTU)},
		{"one-way", "the reason", Wrong, neighbor(OneWay)},
		{"duplicate-router-id", "the reason", Wrong, neighbor(DuplicateID)},
		{"rejected", "the reason", Wrong, neighbor(Rejected)},
		{"silent", "the reason", Note, neighbor(Silent)},
		{"neighbour", "the reason", Wrong, neighbor(Other)},
		{"unacknowledged", "the reason", Wrong, neighbor(Mute)},
		{"retransmit-limit", "begins anew", Wrong, func(f *Facts) { f.Anew = "neighbour begins anew" }},
		{"lsa-limit", "7 of the AS", Wrong, func(f *Facts) { f.Overfull = []string{"7 of the AS"} }},
		{"external-limit", "taken back", Wrong, func(f *Facts) { f.Overflow = true }},
		{"missing-hop", "4 routes, such as 192.168.1.0/24", Wrong, func(f *Facts) { f.Missing = []MissingHop{{"10.9.0.2", "vpn1", "refused", 4, prefix}} }},
		{"gateway", "ping -c1 -I vpn1 10.9.0.2", Wrong, func(f *Facts) { f.Unresolved = []Gateway{{"10.9.0.2", "vpn1"}} }},
		{"shared-network", "transit.also: [192.168.1.0/24]", Wrong, func(f *Facts) { f.Shared = []SharedNetwork{{prefix, "lan", "10.0.0.2"}} }},
		{"nat", "dearer", Wrong, func(f *Facts) { f.Split = []SplitNetwork{{prefix, "router 10.0.0.2 reaches it past it", true, false}} }},
		{"nat", "dearer", Note, func(f *Facts) { f.Split = []SplitNetwork{{prefix, "answered to this router", true, true}} }},
		{"tracked-network", "past it", Wrong, func(f *Facts) { f.Split = []SplitNetwork{{Prefix: prefix, Why: "router 10.0.0.2 reaches it past it"}} }},
		{"unknown", "rulesets: no permission", Note, func(f *Facts) { f.Unknown = []string{"rulesets: no permission"} }},
	} {
		f := healthy()
		tt.breaks(&f)
		found := Examine(f)
		if len(found) != 1 || found[0].Check != tt.check || found[0].Severity != tt.severity {
			t.Errorf("%s: %+v", tt.check, found)
			continue
		}
		all := strings.Join([]string{found[0].What, found[0].Why, found[0].Repair}, "|")
		if !strings.Contains(all, tt.part) || found[0].What == "" || found[0].Why == "" || found[0].Repair == "" {
			t.Errorf("%s: %s lacks %q", tt.check, all, tt.part)
		}
		want := 0
		if tt.severity == Wrong {
			want = 1
		}
		if Wrongs(found) != want {
			t.Errorf("%s: %d wrong", tt.check, Wrongs(found))
		}
	}
	for _, kernel := range []string{"5.4.300", "6.6.0", "6.18.4", "7.0", "", "unknown"} {
		f := healthy()
		f.Kernel = kernel
		if found := Examine(f); len(found) > 0 {
			t.Errorf("kernel %q: %+v", kernel, found)
		}
	}
	off := healthy()
	off.Transit, off.Entries, off.Translates = false, 5, []Place{place}
	off.Shared = []SharedNetwork{{prefix, "lan", "10.0.0.2"}}
	if found := Examine(off); len(found) > 0 {
		t.Errorf("transit off: %+v", found)
	}
}

// Whoever floods a link with hellos of many routers does not hide what else is wrong.
func TestExamineManyOfAKind(t *testing.T) {
	f := healthy()
	for range 300 {
		f.Neighbors = append(f.Neighbors, Neighbor{"10.0.0.2", "10.9.0.2", "vpn1", OneWay, "the reason"})
	}
	f.Blockers = []Place{{"inet", "site", "forward", "policy", true}}
	found := Examine(f)
	if len(found) != most+2 {
		t.Fatalf("%d findings", len(found))
	}
	if rest := found[most]; rest.Check != "one-way" || rest.What != "and 280 more of the same kind" {
		t.Errorf("%+v", rest)
	}
	if last := found[most+1]; last.Check != "blocker" {
		t.Errorf("%+v", last)
	}
}
