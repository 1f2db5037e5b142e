// Package announce says what is told to which BGP neighbour, because of which rule, and why other things are
// not. It is pure: configuration, routes and the state of the world go in, announcements come out. What
// is announced is a function of these, whatever happened before.
//
//   - announce.go: what is configured, and the state of the world
//   - rule.go: rules by the state of the world
//   - table.go: the [Table] of what may be announced, and what has changed
//   - decide.go: the decision about one prefix
//   - heard.go: what of it arrives at a neighbour
package announce

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/policy"
)

// Config is what the operator wants to be announced.
type Config struct {
	AS           uint32
	RouterID     netip.Addr
	ClusterID    netip.Addr // of a route reflector
	Neighbors    []Neighbor // configured, and prefixes of dynamic ones
	Networks     []Network
	Aggregates   []Aggregate
	Redistribute []Redistribute // the first that fits decides
	Rules        []Rule
}

// Neighbor is one neighbour, or all dynamic ones of a prefix.
type Neighbor struct {
	Prefix      netip.Prefix // /32 for a configured one
	AS          uint32
	Internal    bool // in the own autonomous system
	Client      bool // of route reflection (RFC 4456)
	RouteServer bool // client of a route server (RFC 7947)
	NextHopSelf bool
	Export      *policy.Policy // nil: none
	Open        bool           // hears everything without a policy, though RFC 8212 says nothing
}

// Network is announced always.
type Network struct {
	Prefix netip.Prefix
	Place  string // in the configuration, for people
}

// Aggregate is announced while there is something more specific to announce.
type Aggregate struct {
	Prefix      netip.Prefix
	SummaryOnly bool // in place of what is more specific
	Place       string
}

// Redistribute announces selected routes of the RIB.
type Redistribute struct {
	Source      policy.Source
	Prefixes    []policy.Range // empty: all
	MED         *uint32        // nil: the metric of the route
	Communities []bgp.Community
	Large       []bgp.LargeCommunity
	Place       string
}

// World is what rules look at. A World is never changed once it was handed over.
type World struct {
	Uplinks map[string]bool // by name: up, with the hold-up of the uplink behind it
	Drained bool            // the router is about to leave: graceful shutdown (RFC 8326)
}
