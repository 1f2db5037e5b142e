package fib

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/ipv4"
	"github.com/ecmpd/ecmpd/nexthop"
)

// hopKey is the content of a single nexthop object.
type hopKey struct {
	ifindex int
	gateway netip.Addr // zero: directly attached
	onlink  bool
}

// member is one entry of a nexthop group; weight is 1..255 (the wire has it
// minus one).
type member struct {
	id     uint32
	weight uint8
}

// target is what a route leads to.
type target struct {
	id      uint32  // nexthop object or group; 0 when discard or foreign form
	source  [4]byte // preferred source; 0.0.0.0 when the kernel chooses
	link    bool    // scope link: a single hop without a gateway
	discard bool
	other   bool // ours by number, but not in a form that this package writes
}

// stray is a route with our protocol number under another key (metric, table or
// type of service): what a run with another configuration left.
type stray struct {
	prefix ipv4.Prefix
	table  uint32
	metric uint32
	tos    uint8
}

func (s stray) compare(t stray) int {
	return cmp.Or(cmp.Compare(s.prefix, t.prefix), cmp.Compare(s.table, t.table),
		cmp.Compare(s.metric, t.metric), cmp.Compare(s.tos, t.tos))
}

// observed is what the kernel holds of ours, as last dumped or acknowledged.
type observed struct {
	hops    map[uint32]hopKey
	groups  map[uint32][]member
	foreign map[uint32]struct{} // ids of other programs' objects
	routes  map[ipv4.Prefix]target
	users   map[uint32]int // routes per nexthop id
	strays  map[stray]struct{}
	lastID  uint32 // last id given out
}

func newObserved() *observed {
	return &observed{
		hops:    map[uint32]hopKey{},
		groups:  map[uint32][]member{},
		foreign: map[uint32]struct{}{},
		routes:  map[ipv4.Prefix]target{},
		users:   map[uint32]int{},
		strays:  map[stray]struct{}{},
	}
}

func (o *observed) setRoute(p ipv4.Prefix, t target) {
	o.release(o.routes[p].id)
	o.routes[p] = t
	if t.id != 0 {
		o.users[t.id]++
	}
}

func (o *observed) delRoute(p ipv4.Prefix) {
	o.release(o.routes[p].id)
	delete(o.routes, p)
}

// release takes a route off the users of a nexthop id; 0 is none.
func (o *observed) release(id uint32) {
	if id == 0 {
		return
	}
	if o.users[id]--; o.users[id] == 0 {
		delete(o.users, id)
	}
}

// setObjects takes a fresh dump of nexthop objects in and forgets the routes
// that silently went with an object. It returns their prefixes, in no order.
func (o *observed) setObjects(hops map[uint32]hopKey, groups map[uint32][]member, foreign map[uint32]struct{}) (lost []ipv4.Prefix) {
	o.hops, o.groups, o.foreign = hops, groups, foreign
	gone := false
	for id := range o.users {
		gone = gone || !o.exists(id)
	}
	if !gone {
		return nil
	}
	for p, t := range o.routes {
		if t.id != 0 && !o.exists(t.id) {
			lost = append(lost, p)
		}
	}
	for _, p := range lost {
		o.delRoute(p)
	}
	return lost
}

// exists reports whether a nexthop object or group with this id is there, ours
// or another's: routes of ours may point at either.
func (o *observed) exists(id uint32) bool {
	if _, ok := o.hops[id]; ok {
		return true
	}
	if _, ok := o.groups[id]; ok {
		return true
	}
	_, ok := o.foreign[id]
	return ok
}

// evict forgets a single object, which leaves its groups.
func (o *observed) evict(id uint32) {
	delete(o.hops, id)
	for group, members := range o.groups {
		if slices.ContainsFunc(members, func(m member) bool { return m.id == id }) {
			o.groups[group] = slices.DeleteFunc(slices.Clone(members), func(m member) bool { return m.id == id })
		}
	}
}

// inGroup reports whether a group holds the object.
func (o *observed) inGroup(id uint32) bool {
	for _, ms := range o.groups {
		for _, m := range ms {
			if m.id == id {
				return true
			}
		}
	}
	return false
}

// wanted is the state to reach, with what earlier plans decided.
type wanted struct {
	firstID uint32
	routes  map[ipv4.Prefix]*setUse
	dirty   []ipv4.Prefix         // to compare, in no order, some twice
	blocked map[ipv4.Prefix]error // not tried again before the next Reconcile
	sets    map[setKey]*setUse
	discard *setUse // what discard routes have instead of a set
	dead    map[nexthop.Leg]bool
	links   map[string]Iface
	source  [4]byte // preferred source of routes over groups, 0.0.0.0 for none
	refused map[hopKey]error
	placed  map[setKey]place         // by the last plan
	sweep   bool                     // stale things go at once
	adopted map[ipv4.Prefix]struct{} // until sweep: routes of an earlier run, as it left them
}

// setKey names what routes have: a set, which is its own name, or a shared one, whose
// members change under its name.
type setKey struct {
	shared string
	set    nexthop.Set // empty when shared
}

func keyOf(r Route) setKey {
	if r.Shared != "" {
		return setKey{shared: r.Shared}
	}
	return setKey{set: r.NextHops}
}

// setUse is a wanted set that at least one route has.
type setUse struct {
	key   setKey
	set   nexthop.Set
	hops  []nexthop.Hop
	refs  int
	order int // of first use: makes plans repeatable
}

// place is where a set lives in the kernel.
type place struct {
	group  uint32 // the group's id, kept while the group itself is away
	target target // zero when the set cannot be installed
	reason string // why it cannot
}
