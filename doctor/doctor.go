// Package doctor says what is wrong on a router, from facts that others gather:
// each check is a small function from [Facts] to findings with what, why and the
// command that repairs it.
//
// Files: doctor.go is the vocabulary, kernel.go the checks of kernel settings and
// programs beside ecmpd, rules.go those of rulesets and connection tracking,
// network.go those of OSPF and routes, bgp.go those of BGP, uplinks.go those of ways to the Internet. Package doctor/host looks for other programs.
package doctor

import (
	"fmt"
	"net/netip"
	"strings"
)

// Severity tells what is wrong from what is worth knowing.
type Severity string

const (
	// Wrong loses packets or routes, or will.
	Wrong Severity = "wrong"
	// Note may, which cannot be decided from here.
	Note Severity = "note"
)

// Finding is one thing that a check found.
type Finding struct {
	Check    string // name of the check, kebab case
	Severity Severity
	What     string // is the case
	Why      string // it matters
	Repair   string // command, or what to do
}

// Facts are what the checks look at. A fact that could not be gathered is left at
// its zero value and listed in Unknown.
type Facts struct {
	Unknown []string // what could not be found out, with the reason

	Kernel         string // release, such as "6.1.0-18-amd64"
	Forwarding     bool   // net.ipv4.ip_forward
	MaxMemberships int    // net.ipv4.igmp_max_memberships
	Hash, Wanted   Hash
	Seed           Seed

	Networkd  []string // settings by which systemd-networkd deletes what others made
	OtherOSPF []string // programs with a socket for IP protocol 89

	Transit    bool // packets between transit prefixes are not tracked
	Blockers   []Place
	Offloads   []Place // flowtables that transit connections may enter
	Translates []Place // NAT rules that transit packets may meet, and that are not understood
	TracksAll  []Place // NAT rules that keep all transit tracked, since they name no network
	Entries    int     // conntrack entries of flows that are not to be tracked
	Windows    bool    // conntrack looks at TCP windows in mode auto

	Overflow bool     // own externals are taken back for want of room (RFC 1765)
	Anew     string   // neighbour that lately had to begin the exchange anew for want of acknowledgements, and why
	Overfull []string // databases that have refused LSAs: scope, number and limit

	Uplinks Uplinks

	BGPNeighbors []BGPNeighbor
	BGPHops      []BGPHop

	Interfaces []Interface
	Neighbors  []Neighbor
	Missing    []MissingHop
	Unresolved []Gateway
	Shared     []SharedNetwork
	Split      []SplitNetwork
	OwnSource  OwnSource
}

// Seed is that of the multipath hash.
type Seed uint8

const (
	SeedRight   Seed = iota // as configured, or nothing is configured
	SeedForeign             // another one than that of the shared key
	SeedNone                // the kernel has none that can be set
)

// OwnSource says how many routes with several next hops leave the source of the
// router's own packets to the kernel, though there is an address that serves for all.
type OwnSource struct {
	Routes  int
	Example netip.Prefix
	Address netip.Addr
}

// Hash is what chooses a member of a group: fib_multipath_hash_policy and _fields.
type Hash struct {
	Policy int
	Fields uint32 // of policy 3
}

// Place is a rule in somebody's ruleset.
type Place struct {
	Family, Table, Chain, Rule string
	Certain                    bool // it meets every such packet
}

// Interface is one that OSPF runs on.
type Interface struct {
	Name       string
	Passive    bool
	Unicast    bool // no multicast is sent or heard there
	Forwarding bool
	Strict     bool // rp_filter is, that of all taken into account
	Deaf       bool // it is up and in no group of OSPF routers (224.0.0.5)
}

// Trouble is why a neighbour is not Full, or of no use, by the check that it belongs to.
type Trouble uint8

// Kinds of trouble.
const (
	Other Trouble = iota
	MTU
	OneWay
	DuplicateID
	Rejected // its packets are dropped
	Mute     // it does not acknowledge LSAs
	Silent   // it is listed, and nothing has come from it
)

// Neighbor is one that is not as it should be.
type Neighbor struct {
	RouterID, Address, Interface string
	Trouble                      Trouble
	Why                          string
}

// MissingHop is a next hop that routes want and the kernel does not use.
type MissingHop struct {
	Via, Interface, Reason string
	Routes                 int          // that miss it
	Example                netip.Prefix // one of them
}

// Gateway is a next hop whose link-layer address is not known.
type Gateway struct{ Address, Interface string }

// SharedNetwork is an own connected network that another router announces, too.
type SharedNetwork struct {
	Prefix    netip.Prefix
	Interface string
	Router    string
}

// SplitNetwork is a tracked network of whose flows connection tracking may see one
// direction only.
type SplitNetwork struct {
	Prefix      netip.Prefix
	Why         string // and what to do
	NAT         bool   // it is tracked for a rule of NAT
	Masquerades bool   // and that puts an address of this router into packets
}

// word is a name as a shell takes it: names of links and tables may hold anything.
func word(name string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@=+,%", r)
	}
	if name != "" && !strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// Examine runs all checks, those of the worst consequences first.
func Examine(f Facts) []Finding {
	findings := []Finding{}
	for _, check := range []func(Facts) []Finding{
		forwarding, otherOSPF, memberships, duplicateIDs, rejectedHellos, silentNeighbors, oneWay, mtuMismatch, uselessFull, muteNeighbors,
		overfull, missingHops, unresolvedGateways, ownSource, reversePath, uplinks, bgpSessions, bgpHops, hashPolicy, hashSeed,
		blockers, translation, offload, trackedEntries, windows, sharedNetworks, splitNetworks,
		networkd, kernelBugs, unknown,
	} {
		findings = append(findings, short(check(f))...)
	}
	return findings
}

// most findings of one kind are shown: whoever floods a link with hellos does not hide
// what comes after.
const most = 20

func short(list []Finding) []Finding {
	if len(list) <= most {
		return list
	}
	rest := list[most]
	rest.What = fmt.Sprintf("and %d more of the same kind", len(list)-most)
	return append(list[:most], rest)
}

// Wrongs counts the findings that are more than notes.
func Wrongs(list []Finding) (n int) {
	for _, f := range list {
		if f.Severity == Wrong {
			n++
		}
	}
	return n
}
