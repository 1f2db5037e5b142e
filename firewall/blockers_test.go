package firewall

import (
	"fmt"
	"strings"
	"testing"
)

// TestBlockersAgainstPackets loads foreign rulesets and compares what Blockers
// says with what becomes of real packets: a certain blocker lets nothing
// through, and without a blocker everything passes.
func TestBlockersAgainstPackets(t *testing.T) {
	n := newHub(t, "block")
	n.b.serve(t, "10.10.2.1:7000")
	forward := func(body string) string {
		return "table inet fw {\n chain through {\n type filter hook forward priority 0; " + strings.ReplaceAll(body, "; ", "\n") + "\n}\n}\n"
	}
	for _, tt := range []struct {
		name, script string
		iptables     []string
		want         []string // family table chain, with ? when uncertain
		tcp, udp     bool
	}{
		{name: "nothing", tcp: true, udp: true},
		{name: "policy drop", script: forward("policy drop"), want: []string{"inet fw through"}},
		{name: "untracked accepted first", script: forward("policy drop; ct state untracked accept; ct state invalid drop; ct state established,related accept"), tcp: true, udp: true},
		{name: "drop invalid only", script: forward("ct state invalid drop"), tcp: true, udp: true},
		{name: "established and related only", script: forward("policy drop; ct state established,related accept; ct state invalid drop; tcp flags syn / fin,syn,rst,ack ct state new accept"), want: []string{"inet fw through"}},
		{name: "set of states", script: forward("policy drop; ct state { established, untracked } accept"), tcp: true, udp: true},
		{name: "verdict map drops", script: forward("ct state vmap { established : accept, invalid : drop, untracked : drop }"), want: []string{"inet fw through"}},
		{name: "verdict map accepts", script: forward("policy drop; ct state vmap { established : accept, invalid : drop, untracked : accept }"), tcp: true, udp: true},
		{name: "not new is dropped", script: forward("ct state != new drop"), want: []string{"inet fw through"}},
		{name: "reject at the end", script: forward("ct state established,related accept; reject with icmpx type admin-prohibited"), want: []string{"inet fw through"}},
		{name: "conntrack mark never matches", script: forward("ct mark != 5 drop; ct status dnat drop"), tcp: true, udp: true},
		{name: "by interface", script: forward(`policy drop; iifname "vpn*" oifname "vpn*" accept`), tcp: true, udp: true},
		{name: "by interface number", script: forward(`policy drop; iif "vpn1" accept; iif "vpn2" accept`), tcp: true, udp: true},
		{name: "by interfaces in a set", script: forward(`iifname { "vpn1", "vpn2" } drop`), want: []string{"inet fw through"}},
		{name: "other interfaces", script: forward(`iifname "wan" drop; oifname "wan*" drop; iifname != { "vpn1", "vpn2" } drop`), tcp: true, udp: true},
		{name: "by address", script: forward("policy drop; ip saddr 10.0.0.0/8 ip daddr 10.0.0.0-10.255.255.255 accept"), tcp: true, udp: true},
		{name: "by address set", script: forward("ip saddr { 10.9.0.0/16, 10.10.0.0/16 } drop"), want: []string{"inet fw through"}},
		{name: "foreign addresses", script: forward("ip saddr 192.168.0.0/16 drop; ip daddr { 172.16.0.0/12, 192.0.2.1 } drop; ip6 saddr fd00::/8 drop"), tcp: true, udp: true},
		{name: "one port", script: forward("tcp dport 7001 drop"), want: []string{"inet fw through?"}, tcp: true, udp: true},
		{name: "one protocol", script: forward("meta l4proto udp drop"), want: []string{"inet fw through?"}, tcp: true},
		{name: "rate", script: forward("policy drop; limit rate 1000000/second accept"), want: []string{"inet fw through?"}, tcp: true, udp: true},
		{name: "expression the library leaves out", script: forward("rt classid 7 drop"), want: []string{"inet fw through?"}, tcp: true, udp: true},
		{name: "jumps", script: "table inet fw {\n chain zone { ct state untracked goto end; accept; }\n chain end { drop; }\n chain through { type filter hook forward priority 10; jump zone; }\n}\n", want: []string{"inet fw end"}},
		{name: "two tables", script: forward("ct state untracked accept") + "table ip late {\n chain f { type filter hook forward priority 100; policy drop; }\n}\n", want: []string{"ip late f"}},
		{name: "prerouting", script: "table inet fw {\n chain pre { type filter hook prerouting priority mangle; ct state invalid,untracked drop; }\n}\n", want: []string{"inet fw pre"}},
		{name: "postrouting", script: "table inet fw {\n chain post { type filter hook postrouting priority 0; policy drop; oifname \"lan\" accept; }\n}\n", want: []string{"inet fw post"}},
		{name: "raw prerouting and nat", script: "table ip fw {\n chain pre { type filter hook prerouting priority -310; ct state untracked drop; }\n chain n { type nat hook prerouting priority dstnat; policy drop; }\n}\n", tcp: true, udp: true},
		{name: "input and other families", script: "table inet fw {\n chain in { type filter hook input priority 0; policy drop; }\n}\ntable ip6 fw {\n chain f { type filter hook forward priority 0; policy drop; }\n}\n", tcp: true, udp: true},
		{name: "named counter", script: "table inet fw {\n counter c { }\n chain through { type filter hook forward priority 0; policy drop; counter name c accept; }\n}\n", tcp: true, udp: true},
		{name: "named limit", script: "table inet fw {\n limit l { rate 1000000/second; }\n chain through { type filter hook forward priority 0; policy drop; limit name l accept; }\n}\n", want: []string{"inet fw through?"}, tcp: true, udp: true},
		{name: "all other elements", script: forward("policy drop; ct state vmap { established : accept, * : accept }"), want: []string{"inet fw through?", "inet fw through?"}, tcp: true, udp: true},
		{name: "ingress", script: "table inet fw {\n chain in { type filter hook ingress device \"lan\" priority 0; policy drop; }\n}\n", want: []string{"inet fw in?"}, tcp: true, udp: true},
		{name: "dormant", script: "table inet fw {\n flags dormant;\n chain f { type filter hook forward priority 0; policy drop; }\n}\n", tcp: true, udp: true},
		{name: "iptables policy", iptables: []string{"-P FORWARD DROP"}, want: []string{"ip filter FORWARD"}},
		{name: "iptables established", iptables: []string{"-P FORWARD DROP", "-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"}, want: []string{"ip filter FORWARD"}},
		{name: "iptables untracked", iptables: []string{"-P FORWARD DROP", "-A FORWARD -m conntrack --ctstate UNTRACKED -m comment --comment x -j ACCEPT", "-A FORWARD -j REJECT"}, tcp: true, udp: true},
		{name: "iptables state", iptables: []string{"-P FORWARD DROP", "-A FORWARD -m state --state UNTRACKED -j ACCEPT"}, tcp: true, udp: true},
		{name: "iptables reject by jump", iptables: []string{"-N ZONE", "-A ZONE -i vpn+ -j LOG", "-A ZONE -s 10.0.0.0/8 -j REJECT", "-A FORWARD -i vpn1 -j ZONE", "-A FORWARD -o vpn1 -j ZONE"}, want: []string{"ip filter ZONE"}},
		{name: "iptables original port", iptables: []string{"-A FORWARD -m conntrack --ctorigdstport 7000 -j DROP"}, tcp: true, udp: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n.hub.nft(t, "flush ruleset\n"+tt.script)
			for _, line := range tt.iptables {
				n.hub.exec(t, append([]string{"iptables-nft"}, strings.Fields(line)...)...)
			}
			mustApply(t, n.f, hubRules)
			var found []Place
			if err := n.hub.do(func() (err error) { found, err = n.f.Blockers(); return err }); err != nil {
				t.Fatal(err)
			}
			var got []string
			certain := false
			for _, b := range found {
				place := fmt.Sprintf("%s %s %s", b.Family, b.Table, b.Chain)
				if !b.Certain {
					place += "?"
				}
				certain = certain || b.Certain
				got = append(got, place)
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("blockers %+v, want %v\n%s", found, tt.want, n.hub.listing(t))
			}
			tcp := n.a.passes(tt.tcp, "tcp4", "10.10.1.1", "10.10.2.1:7000")
			udp := n.a.passes(tt.udp, "udp4", "10.10.1.1", "10.10.2.1:7000")
			if tcp != tt.tcp || udp != tt.udp {
				t.Errorf("TCP passes %v, UDP %v; want %v, %v", tcp, udp, tt.tcp, tt.udp)
			}
			if certain && (tcp || udp) {
				t.Errorf("packets pass what is certain to drop them: %+v", found)
			}
			if len(found) == 0 && !(tcp && udp) {
				t.Errorf("packets are dropped and nobody is named\n%s", n.hub.listing(t))
			}
			for _, b := range found {
				t.Logf("%+v", b)
			}
		})
	}
}
