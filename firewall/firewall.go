// Package firewall keeps the table `inet ecmpd` in the kernel equal to a value,
// reads everybody else's tables into a value, keeps an accept in those of their chains
// that it is told to, and forgets the connections that
// are no longer tracked. It is the only writer of nftables.
//
// The table says: a packet that comes in through an OSPF interface and whose
// both ends are transit is not tracked, unless one end is a tracked network or
// the hub itself; ICMP errors that the hub sends to transit are not tracked
// either. The rules never change with routing, only the sets do, and they do so
// by difference, one transaction per change. The table has no owner flag: it
// outlives the daemon as routes do and is adopted by the next start.
//
// Everything compares with what the kernel holds. The ruleset's generation tells
// whether what was read last is still true, and each transaction names the
// generation that it was computed for, so that the kernel refuses it when
// somebody else was faster.
//
// Files: ruleset.go has the wanted table and the difference between two tables,
// sets.go the elements of sets (all pure); nft_linux.go reads and writes the
// table; monitor_linux.go hears about other people's transactions.
// Everybody's rules become values in foreign_linux.go, match_linux.go, compare_linux.go, tuple_linux.go,
// xt_linux.go (nftables) and legacy.go, legacy_linux.go (iptables-legacy), which foreign.go
// defines and foreign_text.go prints. walk.go takes packets through one chain of
// them, blockers.go all untracked transit packets, fate.go one packet through
// everything; translation.go finds what NAT needs to be tracked.
// uplinks.go has the chains that give connections their uplinks, spread.go how they are shared out, marked_linux.go their conntrack entries;
// policy.go has what decides about untracked packets, insert_linux.go keeps a
// rule of ours in other people's chains; flows.go says which conntrack entries
// conntrack_linux.go removes.
package firewall

import (
	"net/netip"
	"time"
)

// Ruleset is what the table shall say. Prefixes are IPv4; those that another
// one of the same list covers are left out.
type Ruleset struct {
	// Scope says which transit packets are not tracked.
	Scope Scope
	// FlowTimeout is what conntrack keeps an idle TCP connection for; used by Unseen and Forgetting.
	FlowTimeout time.Duration
	// Interfaces are those through which transit packets come in.
	Interfaces []string
	// Transit prefixes: packets with both ends in them are what Scope is about.
	Transit []netip.Prefix
	// Tracked networks win over Transit at either end.
	Tracked []netip.Prefix
	// ForwardAccept adds the rule that accepts untracked transit packets in the
	// table's own forward chain. Other tables still have the last word.
	ForwardAccept bool
	// Policy decides about untracked transit packets in the own forward chain.
	Policy Policy
	// Uplinks get new connections; nil: there are none.
	Uplinks *Uplinks
}

// Report is what one call wrote. The zero Report means that the kernel already
// held what was wanted.
type Report struct {
	// Rebuilt is true when the table was missing or not of the wanted make.
	Rebuilt bool
	// Chains is the number of chains that were removed or whose rules were rewritten.
	Chains int
	// Sets is the number of sets that were made or removed.
	Sets int
	// Added and Deleted count elements of sets.
	Added, Deleted int
	// Untracks is true when flows may have become untracked that were tracked
	// before, so that [Conntrack.Forget] has work to do.
	Untracks bool
}

// Changed reports whether anything was written.
func (r Report) Changed() bool { return r.Rebuilt || r.Chains+r.Sets+r.Added+r.Deleted > 0 }

// Counters are packets since the rules were written.
type Counters struct {
	Untracked  uint64 `json:"untracked"`  // transit packets taken out of tracking
	ICMPErrors uint64 `json:"icmpErrors"` // ICMP errors of the hub taken out of tracking
	Accepted   uint64 `json:"accepted"`   // untracked packets accepted in the own forward chain
}

// Event says whose nftables somebody else has changed.
type Event struct {
	Own   bool // the table inet ecmpd: reconcile
	Other bool // another table: look for blockers again
	// Firewalld is true when the other table is that of firewalld: it has started or reloaded.
	Firewalld bool
}

// Place is a rule, or a chain's policy, in somebody's ruleset.
type Place struct {
	Family string `json:"family"`
	Table  string `json:"table"`
	Chain  string `json:"chain"`
	// Rule is the rule in nft's or iptables' manner, as far as it is understood, or "policy".
	Rule string `json:"rule"`
	// Certain is false when the place meets only some of the packets that were
	// asked about, or when a match could not be decided.
	Certain bool `json:"certain"`
}
