package doctor

import (
	"fmt"
	"net/netip"
	"strings"
)

// BGPNeighbor is a configured neighbour without a session.
type BGPNeighbor struct {
	Address     netip.Addr
	State       string
	Reason      string // as far as it is known
	PrefixLimit uint32 // 0: none
}

// BGPHop is a next hop of learnt paths that no route leads to.
type BGPHop struct {
	Address netip.Addr
	Paths   int // over it
}

// bgpReasons are words in reasons of sessions that are down, and what helps.
var bgpReasons = []struct{ word, repair string }{
	{"bad peer as", "compare remote-as of this neighbour with the AS number there, and bgp.as with what that router expects"},
	{"bad bgp identifier", "give each router a router-id of its own"},
	{"maximum number of prefixes", "raise prefix-limit of this neighbour, or have it announce less; then: ecmpd reload"},
	{"hold timer expired", "ping -c 3 ADDRESS; on that router: look whether its BGP is alive, and whether both ways lose packets"},
	{"administrative", "on that router: enable the session, or take the neighbour out of the configuration"},
	{"deconfigured", "on that router: configure this one as a neighbour again"},
	{"connection rejected", "on that router: configure this one as a neighbour, with this address and AS number"},
	{"no bgp process", "journalctl -u ecmpd | grep BGP"},
}

func bgpSessions(f Facts) (out []Finding) {
	for _, n := range f.BGPNeighbors {
		reason, repair := n.Reason, "ip route get ADDRESS; ping -c 3 ADDRESS; then compare password, ttl-security, multihop and local-address with that router, and look for firewalls that drop TCP port 179"
		if reason == "" {
			reason = "nothing is heard of it"
		}
		for _, r := range bgpReasons {
			if strings.Contains(strings.ToLower(reason), r.word) {
				repair = r.repair
				break
			}
		}
		why := "nothing is learnt from it, and it learns nothing"
		if n.PrefixLimit > 0 && strings.Contains(reason, "prefixes") {
			why += fmt.Sprintf("; its prefix-limit is %d", n.PrefixLimit)
		}
		out = append(out, Finding{
			"bgp-session", Wrong, fmt.Sprintf("the BGP session with %s is not established (%s): %s", n.Address, n.State, reason),
			why, strings.ReplaceAll(repair, "ADDRESS", n.Address.String()),
		})
	}
	return out
}

func bgpHops(f Facts) (out []Finding) {
	for _, h := range f.BGPHops {
		out = append(out, Finding{
			"bgp-next-hop", Wrong, fmt.Sprintf("no route leads to %s, the next hop of BGP paths (%d)", h.Address, h.Paths),
			"paths whose next hop cannot be reached are not used (RFC 4271 9.1.2)",
			"announce the network of " + h.Address.String() + " in OSPF, or set next-hop-self on the neighbour that tells them",
		})
	}
	return out
}
