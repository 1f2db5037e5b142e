package fib

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ecmpd/ecmpd/nexthop"
)

// maxUnrouted is how many routes through the dead leg alone may go first.
const maxUnrouted = 100

// evict takes dead legs out of all groups by deleting their objects, where
// nothing else needs the object and no group is emptied, for an emptied group
// goes with its routes.
func (p *planner) evict() {
	if !p.w.sweep {
		return // what an earlier run left may still need it
	}
	legs := slices.SortedFunc(maps.Keys(p.w.dead), func(a, b nexthop.Leg) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Gateway.Compare(b.Gateway))
	})
	for _, leg := range legs {
		link, ok := p.w.links[leg.Interface]
		if !ok {
			continue
		}
		for _, onlink := range []bool{false, true} {
			k := hopKey{ifindex: link.Index, gateway: leg.Gateway, onlink: onlink}
			if id, ok := p.hops[k]; ok && p.o.users[id] <= maxUnrouted && !p.needed(k) {
				p.leaveGroups(k, id)
			}
		}
	}
}

// needed reports that a wanted hop still leads through the object k: a static
// route depends on no leg.
func (p *planner) needed(k hopKey) bool {
	for _, u := range p.w.sets {
		for _, h := range u.hops {
			if h.Gateway != k.gateway {
				continue
			}
			if got, why := p.w.resolve(h); why == "" && got == k {
				return true
			}
		}
	}
	return false
}

// leaveGroups evicts one object, unless a group has nothing else.
func (p *planner) leaveGroups(k hopKey, id uint32) {
	left := map[uint32][]member{}
	for group, members := range p.groups {
		rest := slices.DeleteFunc(slices.Clone(members), func(m member) bool { return m.id == id })
		if len(rest) == 0 {
			return
		}
		if len(rest) < len(members) {
			left[group] = rest
		}
	}
	if len(left) == 0 {
		return
	}
	maps.Copy(p.groups, left)
	delete(p.hops, k)
	p.gone[id] = true
	if p.o.users[id] > 0 {
		for prefix, t := range p.o.routes {
			if t.id == id {
				p.add(op{kind: opUnroute, prefix: prefix})
			}
		}
		slices.SortFunc(p.ops[opUnroute], func(a, b op) int { return cmp.Compare(a.prefix, b.prefix) })
	}
	p.add(op{kind: opEvict, id: id})
}
