package doctor

import "fmt"

// troubled gives a finding for each neighbour with a kind of trouble.
func troubled(f Facts, t Trouble, check, why, repair string) (out []Finding) {
	severity := Wrong
	if t == Silent {
		severity = Note // it may be off
	}
	for _, n := range f.Neighbors {
		if n.Trouble == t {
			out = append(out, Finding{check, severity, fmt.Sprintf("neighbour %s (%s) on %s: %s", n.RouterID, n.Address, n.Interface, n.Why), why, repair})
		}
	}
	return out
}

func mtuMismatch(f Facts) []Finding {
	return troubled(f, MTU, "mtu", "the adjacency stops before the databases are exchanged (RFC 2328 10.6)",
		"ip link set dev INTERFACE mtu N on one side, or mtu-ignore: true on both")
}

func oneWay(f Facts) []Finding {
	return troubled(f, OneWay, "one-way", "its hellos arrive here and ours not there, or it rejects them: a firewall, a tunnel without multicast, other timers",
		"on that router: look for rejected hellos, and for a firewall that drops IP protocol 89 or 224.0.0.5")
}

func duplicateIDs(f Facts) []Finding {
	return troubled(f, DuplicateID, "duplicate-router-id", "two routers with one id fight over one router-LSA: routes come and go in the whole area",
		"give one of the two another router-id")
}

func rejectedHellos(f Facts) []Finding {
	return troubled(f, Rejected, "rejected", "its packets are dropped, so it never becomes a neighbour", "make what differs the same on both sides: area, timers, mask, network type, authentication")
}

func silentNeighbors(f Facts) []Finding {
	return troubled(f, Silent, "silent", "it is one of static-neighbors, and no adjacency comes up before it says hello", "ping it; on that router: list this one, and let IP protocol 89 pass")
}

func uselessFull(f Facts) []Finding {
	return troubled(f, Other, "neighbour", "it is Full and no route leads over it", "make what differs the same on both sides")
}

func muteNeighbors(f Facts) []Finding {
	found := troubled(f, Mute, "unacknowledged", "it calculates its routes without them: a link that loses packets in one direction or large ones, or a full database there",
		"ping it with packets of the MTU (ping -M do -s); on that router: look for refused LSAs")
	if f.Anew != "" {
		found = append(found, Finding{
			"retransmit-limit", Wrong, f.Anew, "its adjacency was down for a moment, and will be again",
			"look for what is wrong with that router or the way to it",
		})
	}
	return found
}

func overfull(f Facts) (out []Finding) {
	for _, what := range f.Overfull {
		out = append(out, Finding{
			"lsa-limit", Wrong, "LSAs were refused for want of room: " + what,
			"routes are missing here, and other routers may still send their traffic to this one",
			"ecmpd show ospf database tells who announces so much; if it is right, raise ospf.database-control and ecmpd reload",
		})
	}
	if f.Overflow {
		out = append(out, Finding{
			"external-limit", Wrong, "there are as many externals as may be, and those of this router are taken back (RFC 1765)",
			"what it redistributes is reachable from nowhere else, but for its default route",
			"ecmpd show ospf database external tells who announces so much; if it is right, raise ospf.database-control.max-external-lsa and ecmpd reload",
		})
	}
	return out
}

func missingHops(f Facts) (out []Finding) {
	for _, m := range f.Missing {
		out = append(out, Finding{
			"missing-hop", Wrong, fmt.Sprintf("next hop %s dev %s is not in the kernel for %d routes, such as %s: %s", m.Via, m.Interface, m.Routes, m.Example, m.Reason),
			"its share of the flows goes over the other next hops, or the destination is lost", "ecmpd show route tells the state of each hop; the log tells what the kernel refused",
		})
	}
	return out
}

func unresolvedGateways(f Facts) (out []Finding) {
	for _, g := range f.Unresolved {
		out = append(out, Finding{
			"gateway", Wrong, fmt.Sprintf("gateway %s on %s does not answer ARP", g.Address, g.Interface),
			"a nexthop group passes over a member that is not resolved, so flows move to the others; alone it loses packets",
			fmt.Sprintf("ping -c1 -I %s %s; ip neigh show dev %s", word(g.Interface), g.Address, word(g.Interface)),
		})
	}
	return out
}

// ownSource is about the router's own packets.
func ownSource(f Facts) []Finding {
	o := f.OwnSource
	if o.Routes == 0 {
		return nil
	}
	return []Finding{{
		"own-source", Note, fmt.Sprintf("packets of this router itself leave over %d routes with several next hops, such as %s, with the address of a tunnel", o.Routes, o.Example),
		"the answer can come back through the router at the other end of that tunnel only: own connections break with that tunnel, and stateful hubs may see one direction only",
		fmt.Sprintf("kernel.source: auto, which takes %s; then ecmpd reload", o.Address),
	}}
}

func sharedNetworks(f Facts) (out []Finding) {
	if !f.Transit {
		return nil
	}
	for _, s := range f.Shared {
		out = append(out, Finding{
			"shared-network", Wrong, fmt.Sprintf("%s on %s is announced by %s, too, and stays tracked here", s.Prefix, s.Interface, s.Router),
			"a packet may come in through one router and its answer leave through the other, which has not seen it",
			fmt.Sprintf("transit.also: [%s] on all routers that serve it; then ecmpd reload", s.Prefix),
		})
	}
	return out
}

func splitNetworks(f Facts) (out []Finding) {
	for _, s := range f.Split {
		found := Finding{
			"tracked-network", Wrong, fmt.Sprintf("the tracked network %s is served by several hubs", s.Prefix), s.Why,
			"let one hub carry it, or take it out of transit.tracked; then ecmpd reload",
		}
		if s.NAT {
			found.Check, found.What = "nat", fmt.Sprintf("%s is translated on this router and served by several hubs", s.Prefix)
			found.Repair = "translate where all its flows pass: at the router in front of the network; or let one hub carry it, by making the ways through the others dearer (cost, metric)"
		}
		if s.Masquerades {
			found.Severity = Note
		}
		out = append(out, found)
	}
	return out
}
