package doctor

import "fmt"

// String names the place in the manner of nft.
func (p Place) String() string {
	return fmt.Sprintf("%s %s %s: %s", p.Family, p.Table, p.Chain, p.Rule)
}

func blockers(f Facts) (out []Finding) {
	for _, p := range f.Blockers {
		severity, all := Note, "may drop"
		if p.Certain {
			severity, all = Wrong, "drops"
		}
		out = append(out, Finding{
			"blocker", severity, fmt.Sprintf("%s %s untracked transit packets", p, all),
			"an accept in another table does not override it", p.letThrough(),
		})
	}
	return out
}

// letThrough says how to have untracked packets accepted there.
func (p Place) letThrough() string {
	const first = ", and keep it first there (transit.insert-accept does)"
	switch {
	case p.Family == "inet" && p.Table == "firewalld":
		return "transit.firewalld-zones: [ZONE] with the zones of the OSPF interfaces (firewall-cmd --get-active-zones), then ecmpd reload; " +
			"or transit.insert-accept with table firewalld and chain filter_FORWARD, where firewalld owns its table after NftablesTableOwner=no in /etc/firewalld/firewalld.conf"
	case p.Family == "ip" && p.Table == "filter":
		return "iptables -I FORWARD -m conntrack --ctstate UNTRACKED -j ACCEPT" + first
	case p.Family == "ip" && p.Table == "filter (iptables-legacy)":
		return "iptables-legacy -I FORWARD -m conntrack --ctstate UNTRACKED -j ACCEPT, and keep it first there"
	}
	return fmt.Sprintf("nft insert rule %s %s %s ct state untracked accept", p.Family, word(p.Table), word(p.Chain)) + first
}

func translation(f Facts) (out []Finding) {
	if !f.Transit {
		return nil
	}
	for _, p := range f.Translates {
		out = append(out, Finding{
			"nat", Wrong, fmt.Sprintf("%s may translate transit packets, and is not understood", p),
			"what a NAT rule translates has to stay tracked: packets that are not tracked leave with the addresses that they came with",
			"list the networks under transit.tracked, or name them in the rule (ip saddr, ip daddr)",
		})
	}
	for _, p := range f.TracksAll {
		out = append(out, Finding{
			"nat", Wrong, fmt.Sprintf("%s translates transit packets, so that all transit stays tracked", p),
			"NAT needs connection tracking, and the rule does not say of which networks; where several hubs carry transit, each sees a part of a connection",
			"name the networks in the rule (ip saddr, ip daddr), or leave OSPF interfaces out of it",
		})
	}
	return out
}

func offload(f Facts) (out []Finding) {
	for _, p := range f.Offloads {
		out = append(out, Finding{
			"flowtable", Note, fmt.Sprintf("%s lets connections between OSPF interfaces go round rules and routes", p),
			"a tracked connection in a flowtable stays on the next hop that it began with as long as that route is valid, and its packets meet no ruleset",
			"leave OSPF interfaces out of the flowtable's rule",
		})
	}
	return out
}

func trackedEntries(f Facts) []Finding {
	if !f.Transit || f.Entries == 0 {
		return nil
	}
	return []Finding{{
		"conntrack", Wrong, fmt.Sprintf("%d conntrack entries belong to flows that are not to be tracked", f.Entries),
		"something tracks them before the rules of ecmpd, or they are left from before; an answer that takes another hub makes them invalid",
		"ecmpd explain SOURCE DESTINATION tells which rule; conntrack -D removes entries",
	}}
}
