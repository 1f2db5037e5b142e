// Package fib brings the kernel's IPv4 routes to the wanted state and keeps them
// there: wanted routes → plan (pure) → netlink.
//
// The wanted state is (routes, dead legs, links). One kernel nexthop object
// stands for one (interface, gateway, onlink), one nexthop group for one wanted
// set of two or more hops, and routes point at the group by its id. A leg that
// dies is taken out of the few groups that hold it, by the deletion of its object
// or by replacing them, so failover costs the same with ten routes and with a
// hundred thousand; a Sync that writes many routes lets Evict go first, between two of
// its batches (Interrupt). A route with one hop
// points at the object directly; a discard route stands alone. Routes that share a named
// set keep their group whatever becomes of its members.
//
// What the kernel holds is a value too (observed), filled by dumps and kept by
// the answers to each write. Losing carrier makes the kernel delete nexthop
// objects, shrink groups and take whole groups with their routes along without
// a word, so every call of SetLinks makes the next Sync dump the (few) objects
// again before it plans. Reconcile dumps the routes as well.
//
// Everything written carries Config.Protocol. Nothing with another number is
// changed: new routes are created exclusively, and deletions name the protocol.
// What an earlier run left is adopted by content, never rewritten when equal,
// and stays until SweepStale, also where something else is wanted by then: a
// network that is still converging tells half the truth. Only a route that leads
// to a dead leg changes at once.
//
// Files: plan.go (pure plan), evict.go (dead legs), observed.go (the kernel as a value), table.go
// (Table, owned by one goroutine), apply.go (order, guards, answers), status.go;
// kernel_linux.go (the only writer), gateway_linux.go (neighbour entries),
// packets_linux.go (what groups counted), codec_linux.go (messages), conn_linux.go
// (socket), monitor_linux.go (changes made by others), cleanup_linux.go;
// policy.go, policy_linux.go: policy rules, and the default routes of the tables that they lead to;
// resolver_linux.go asks the kernel how it would route a flow, rules_linux.go and
// rule.go by which policy rule.
// Package fib/sysctl holds the few kernel settings.
package fib

import (
	"net/netip"
	"time"

	"github.com/ecmpd/ecmpd/nexthop"
)

// Config says how our routes are marked in the kernel.
type Config struct {
	// Protocol is the routing-protocol number of routes, nexthops and rules,
	// 5..255; 0 means 201. Numbers 1..4 belong to the kernel and iproute2.
	Protocol uint8
	// Metric is the kernel metric (RTA_PRIORITY); 0 means 20.
	Metric uint32
	// Table is the routing table, 1..2^32-1; 0 means 254 (main).
	Table uint32
	// Resilient makes nexthop groups resilient: when members come and go only the
	// flows of those that go move. The zero value means plain groups.
	Resilient Resilient
}

// Resilient is how a resilient group spreads flows.
type Resilient struct {
	// Buckets is into how many parts the flows of a group are cut; 0 means that
	// groups are plain.
	Buckets uint16
	// Idle is how long a bucket must have been without packets before it moves to
	// a member that has too few; the kernel counts hundredths of a second.
	Idle time.Duration
}

func (c Config) withDefaults() Config {
	if c.Protocol == 0 {
		c.Protocol = 201
	}
	if c.Metric == 0 {
		c.Metric = 20
	}
	if c.Table == 0 {
		c.Table = 254
	}
	return c
}

// firstID opens the private range of nexthop ids: the protocol number in the top
// byte, so that two daemons with different numbers never meet.
func (c Config) firstID() uint32 { return uint32(c.Protocol)<<24 | 1 }

// Route is what one prefix shall have in the kernel.
type Route struct {
	Prefix netip.Prefix
	// NextHops is the equal-cost set; ignored when Discard is set.
	NextHops nexthop.Set
	// Shared names a set that changes as a whole for all routes with the name, NextHops being what
	// it holds now. They point at one group, also when it has one member. Empty: NextHops
	// alone says where the route leads.
	Shared string
	// Discard makes a blackhole route. It never goes through a nexthop object.
	Discard bool
}

// Iface is a link as far as the kernel writer needs it.
type Iface struct {
	Name  string
	Index int
	// Up means administratively up and with carrier: the kernel accepts nexthops.
	Up bool
	// ARP means that gateways are found by asking for them.
	ARP bool
}

// Report says what one Sync or Reconcile did.
type Report struct {
	// Written and Deleted count routes.
	Written, Deleted int
	// Objects counts writes and deletions of nexthop objects and groups.
	Objects  int
	Failed   []Failure
	Duration time.Duration
}

// Quiet reports that nothing was written and nothing failed.
func (r Report) Quiet() bool {
	return r.Written == 0 && r.Deleted == 0 && r.Objects == 0 && len(r.Failed) == 0
}

// Failure is one thing that the kernel refused or that could not be asked.
// Prefix is the zero Prefix when a nexthop object or a whole dump failed.
type Failure struct {
	Prefix netip.Prefix
	Err    error
}
