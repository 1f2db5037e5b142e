package fib

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/ipv4"
	"github.com/ecmpd/ecmpd/nexthop"
)

// Status is a copy of what the table wants and what the kernel holds of it, as
// of the last Sync; keep it as long as you like, do not change it.
type Status struct {
	// InSync: every route that can be installed is, and nothing waits.
	InSync bool
	// Problem says why the kernel could not be read or a nexthop not be written.
	Problem string
	Routes  []RouteStatus // by prefix
	Groups  []GroupStatus // by id
}

// RouteStatus is one wanted route.
type RouteStatus struct {
	Prefix    netip.Prefix
	Discard   bool
	Installed bool
	// Reason says why the route is not installed; empty when it is.
	Reason string
	// ID is the nexthop object or group that the route points at, 0 for none.
	ID   uint32
	Hops []HopStatus // in the set's order; shared between routes
}

// HopStatus is one wanted hop. Installed: the kernel has it in the group (or as
// the single nexthop). Reason says why not.
type HopStatus struct {
	nexthop.Hop
	ID        uint32
	Installed bool
	Dead      bool
	Reason    string
}

// GroupStatus is one nexthop group that a wanted set owns, with the members
// that it has and those that are left out.
type GroupStatus struct {
	ID        uint32
	Installed bool
	Members   []HopStatus
	Routes    int // of ours that point at it
}

// Status copies the state. It costs time in proportion to the routes; Route
// answers for one, Groups without the routes.
func (t *Table) Status() Status {
	s := Status{InSync: t.InSync(), Routes: make([]RouteStatus, 0, len(t.want.routes)), Groups: t.Groups()}
	switch {
	case t.dumpErr != nil:
		s.Problem = t.dumpErr.Error()
	case t.objectErr != nil:
		s.Problem = t.objectErr.Error()
	case len(t.want.refused) > 0:
		for _, err := range t.want.refused {
			s.Problem = max(s.Problem, err.Error())
		}
	}
	hops := map[*setUse][]HopStatus{t.want.discard: t.hopStatus(t.want.discard)}
	for _, u := range t.want.sets {
		hops[u] = t.hopStatus(u)
	}
	for _, p := range slices.Sorted(maps.Keys(t.want.routes)) {
		u := t.want.routes[p]
		s.Routes = append(s.Routes, t.routeStatus(p, u, hops[u]))
	}
	return s
}

// Groups copies the groups that wanted sets own, by id.
func (t *Table) Groups() []GroupStatus {
	list := []GroupStatus{}
	for key, u := range t.want.sets {
		if id := t.want.placed[key].group; id != 0 {
			_, ok := t.obs.groups[id]
			list = append(list, GroupStatus{ID: id, Installed: ok, Members: t.hopStatus(u), Routes: t.obs.users[id]})
		}
	}
	slices.SortFunc(list, func(a, b GroupStatus) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Route returns the status of one wanted prefix.
func (t *Table) Route(prefix netip.Prefix) (RouteStatus, bool) {
	p, ok := ipv4.PrefixOf(prefix)
	u := t.want.routes[p]
	if !ok || u == nil {
		return RouteStatus{}, false
	}
	return t.routeStatus(p, u, t.hopStatus(u)), true
}

// InSync reports that the last Sync left nothing to do. A route that cannot be
// installed because its legs are dead or down does not count against it, nor
// does what an earlier run left and SweepStale has not released yet.
func (t *Table) InSync() bool {
	return !t.stale.objects && !t.stale.routes && t.dumpErr == nil && t.objectErr == nil &&
		len(t.want.dirty) == 0 && len(t.want.blocked) == 0 && len(t.want.refused) == 0
}

func (t *Table) routeStatus(p ipv4.Prefix, u *setUse, hops []HopStatus) RouteStatus {
	s := RouteStatus{Prefix: p.Netip(), Discard: u == t.want.discard, Hops: hops}
	want, installable := t.want.target(u, t.want.placed)
	have, exists := t.obs.routes[p]
	s.ID = want.id
	switch {
	case t.want.blocked[p] != nil:
		s.Reason = t.want.blocked[p].Error()
	case installable && exists && want == have:
		s.Installed = true
	case exists && t.isAdopted(p):
		s.Reason = "the route of an earlier run stays until convergence"
	case installable || t.waits(u):
		s.Reason = "not written yet"
	default:
		s.Reason = t.want.placed[u.key].reason
	}
	return s
}

// Held is the number of routes of an earlier run that stay as they are until
// SweepStale.
func (t *Table) Held() int { return len(t.want.adopted) }

// isAdopted reports that the kernel has the prefix as an earlier run left it.
func (t *Table) isAdopted(p ipv4.Prefix) bool {
	_, ok := t.want.adopted[p]
	return ok
}

// waits reports that no plan has seen the route's set yet.
func (t *Table) waits(u *setUse) bool {
	_, ok := t.want.placed[u.key]
	return u != t.want.discard && !ok
}

func (t *Table) hopStatus(u *setUse) []HopStatus {
	pl := t.want.placed[u.key]
	out := make([]HopStatus, len(u.hops))
	for i, h := range u.hops {
		s := HopStatus{Hop: h, Dead: t.want.isDead(h)}
		k, why := t.want.resolve(h)
		s.Reason = why
		if why == "" {
			s.ID, s.Installed = t.find(k, pl)
			if !s.Installed {
				s.Reason = "not written yet"
			}
		}
		out[i] = s
	}
	return out
}

// find looks for a hop among what a set has in the kernel.
func (t *Table) find(k hopKey, pl place) (id uint32, installed bool) {
	if pl.group == 0 {
		return pl.target.id, pl.target.id != 0 && t.obs.hops[pl.target.id] == k
	}
	for _, m := range t.obs.groups[pl.group] {
		if t.obs.hops[m.id] == k {
			return m.id, true
		}
	}
	return 0, false
}
