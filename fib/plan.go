package fib

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/ecmpd/ecmpd/ipv4"
	"github.com/ecmpd/ecmpd/nexthop"
)

// opKind is one kind of kernel write. The order of the constants is the order of
// a plan: add before delete, and nothing is deleted while something uses it.
type opKind uint8

const (
	// opUnroute deletes a route that leads to the object of a dead leg alone: with
	// the object it would go without a word.
	opUnroute opKind = iota
	// opEvict deletes that object while groups still hold it: the kernel
	// takes it out of all of them. With net.ipv4.nexthop_compat_mode=1 the
	// replacement of a group notifies each of its routes first, this does not.
	opEvict
	opAddHop
	opAddGroup
	opReplaceGroup
	opAddRoute
	opReplaceRoute
	opDelRoute
	opDelStray
	opDelGroup
	opDelHop
	opKinds int = iota
)

// op is one kernel write; which fields count depends on kind.
type op struct {
	kind    opKind
	id      uint32
	prefix  ipv4.Prefix
	target  target
	members []member
	hop     *hopKey
	stray   *stray
}

// aboutRoute reports that the op writes or deletes the route of a wanted prefix.
func (o *op) aboutRoute() bool {
	return o.kind == opUnroute || o.kind >= opAddRoute && o.kind <= opDelRoute
}

// deletes reports that the op is done when there is nothing to do.
func (o *op) deletes() bool { return o.kind <= opEvict || o.kind >= opDelRoute }

// planner holds one run of plan.
type planner struct {
	w      *wanted
	o      *observed
	ops    [opKinds][]op
	lastID uint32
	hops   map[hopKey]uint32 // content → id, with those about to be added
	gone   map[uint32]bool   // evicted
	placed map[setKey]place
	groups map[uint32][]member // as they will be
	owner  map[uint32]bool     // group ids that a set owns
}

// plan compares wanted with observed and returns the writes by kind, where each
// set lives, and the last id given out. It changes neither argument. Routes are
// compared for the dirty prefixes and for those whose set moved.
func plan(w *wanted, o *observed) (stages [opKinds][]op, placed map[setKey]place, lastID uint32) {
	p := &planner{
		w: w, o: o, lastID: max(o.lastID, w.firstID-1),
		hops:   make(map[hopKey]uint32, len(o.hops)),
		placed: make(map[setKey]place, len(w.sets)),
		gone:   map[uint32]bool{},
		groups: maps.Clone(o.groups),
		owner:  make(map[uint32]bool, len(w.sets)),
	}
	for id, k := range o.hops {
		if old, ok := p.hops[k]; !ok || id < old {
			p.hops[k] = id
		}
	}
	p.placeSets()
	users := p.planRoutes()
	if w.sweep {
		p.planSweep(users)
	}
	return p.ops, p.placed, p.lastID
}

func (p *planner) add(o op) { p.ops[o.kind] = append(p.ops[o.kind], o) }

// placeSets finds or makes the nexthop objects of every wanted set.
func (p *planner) placeSets() {
	sets := slices.Collect(maps.Keys(p.w.sets))
	slices.SortFunc(sets, func(a, b setKey) int { return p.w.sets[a].order - p.w.sets[b].order })
	for _, s := range sets {
		if id := p.w.placed[s].group; id != 0 {
			p.owner[id] = true
		}
	}
	p.evict()
	var orphans map[string][]uint32 // unowned groups by content
	for _, s := range sets {
		use := p.w.sets[s]
		members, direct, reason := p.live(use.hops)
		pl := place{group: p.w.placed[s].group, reason: reason}
		switch {
		case len(members) == 0 && s.shared != "" && p.lasts(pl.group, use.hops):
			pl.target = target{id: pl.group, source: p.w.source}
		case len(members) == 0:
		case len(use.hops) == 1 && s.shared == "":
			pl.target = target{id: members[0].id, link: direct}
		default:
			if _, taken := p.o.foreign[pl.group]; taken {
				pl.group = 0
			}
			if pl.group == 0 {
				if orphans == nil {
					orphans = p.orphans()
				}
				pl.group = adopt(orphans, members)
			}
			pl.group = p.planGroup(pl.group, members)
			pl.target = target{id: pl.group, source: p.w.source}
		}
		p.placed[s] = pl
	}
}

// lasts tells whether the group of a shared set stays as it is though no leg lives: where
// legs died, the routes below are calculated again, and the group leads elsewhere
// within moments. Its routes, perhaps very many, need not be deleted and written again.
func (p *planner) lasts(group uint32, hops []nexthop.Hop) bool {
	return len(p.groups[group]) > 0 && slices.ContainsFunc(hops, func(h nexthop.Hop) bool {
		return p.w.isDead(h) && p.w.links[h.Interface].Up
	})
}

// live resolves the hops of a set that can be used now to members, adding the
// objects that are missing. direct reports that the last one has no gateway;
// reason says why a hop was left out.
func (p *planner) live(hops []nexthop.Hop) (members []member, direct bool, reason string) {
	for _, h := range hops {
		k, why := p.w.resolve(h)
		if why != "" {
			reason = why
			continue
		}
		id, ok := p.hops[k]
		if !ok {
			id = p.newID()
			p.hops[k] = id
			p.add(op{kind: opAddHop, id: id, hop: &k})
		}
		if slices.ContainsFunc(members, func(m member) bool { return m.id == id }) {
			continue
		}
		members = append(members, member{id: id, weight: max(h.Weight, 1)})
		direct = !h.Gateway.IsValid()
	}
	switch {
	case len(members) > 0:
		reason = ""
	case len(hops) == 0:
		reason = "no next hop"
	}
	return members, direct, reason
}

// resolve turns a hop into the content of its kernel object, or says why it has
// none now.
func (w *wanted) resolve(h nexthop.Hop) (hopKey, string) {
	if h.Gateway.IsValid() && !h.Gateway.Is4() {
		return hopKey{}, "gateway " + legText(h) + " is not IPv4"
	}
	link, ok := w.links[h.Interface]
	if !ok {
		return hopKey{}, "no interface " + h.Interface
	}
	if !link.Up {
		return hopKey{}, "link " + h.Interface + " is down"
	}
	if w.isDead(h) {
		return hopKey{}, "next hop " + legText(h) + " is dead"
	}
	k := hopKey{ifindex: link.Index, gateway: h.Gateway, onlink: h.OnLink && h.Gateway.IsValid()}
	if err := w.refused[k]; err != nil {
		return hopKey{}, err.Error()
	}
	return k, ""
}

// isDead reports that h goes through a dead leg. A hop without a router id (a
// static route's) depends on no adjacency, and so on no leg.
func (w *wanted) isDead(h nexthop.Hop) bool {
	return !h.RouterID.IsUnspecified() && w.dead[nexthop.Leg{Interface: h.Interface, Gateway: h.Gateway}]
}

func legText(h nexthop.Hop) string {
	if !h.Gateway.IsValid() {
		return "dev " + h.Interface
	}
	return fmt.Sprintf("%s dev %s", h.Gateway, h.Interface)
}

// planGroup makes group id hold members; id 0 asks for a new one.
func (p *planner) planGroup(id uint32, members []member) uint32 {
	if id == 0 {
		id = p.newID()
	}
	p.owner[id] = true
	have, ok := p.groups[id]
	switch {
	case !ok:
		p.add(op{kind: opAddGroup, id: id, members: members})
	case !slices.Equal(have, members):
		p.add(op{kind: opReplaceGroup, id: id, members: members})
	}
	p.groups[id] = members
	return id
}

// orphans lists groups that no wanted set owns, by content, lowest id first.
func (p *planner) orphans() map[string][]uint32 {
	out := map[string][]uint32{}
	for _, id := range slices.Sorted(maps.Keys(p.o.groups)) {
		if !p.owner[id] {
			k := contentKey(p.o.groups[id])
			out[k] = append(out[k], id)
		}
	}
	return out
}

// adopt takes an orphan of equal content, 0 when there is none.
func adopt(orphans map[string][]uint32, members []member) uint32 {
	k := contentKey(members)
	ids := orphans[k]
	if len(ids) == 0 {
		return 0
	}
	orphans[k] = ids[1:]
	return ids[0]
}

func contentKey(members []member) string {
	b := make([]byte, 0, 5*len(members))
	for _, m := range members {
		b = append(binary.BigEndian.AppendUint32(b, m.id), m.weight)
	}
	return string(b)
}

// newID returns the next free id of the private range and wraps at its end.
func (p *planner) newID() uint32 {
	for {
		p.lastID++
		if p.lastID < p.w.firstID || p.lastID>>24 != p.w.firstID>>24 {
			p.lastID = p.w.firstID
		}
		if p.o.exists(p.lastID) || p.owner[p.lastID] || p.groups[p.lastID] != nil {
			continue
		}
		return p.lastID
	}
}

// planRoutes compares the routes that may differ and returns how many routes
// each nexthop id will have afterwards.
func (p *planner) planRoutes() map[uint32]int {
	users := maps.Clone(p.o.users)
	candidates := p.candidates()
	for i, prefix := range candidates {
		want, installable := p.w.target(p.w.routes[prefix], p.placed)
		have, exists := p.o.routes[prefix]
		exists = exists && !p.gone[have.id]
		if _, blocked := p.w.blocked[prefix]; blocked && installable {
			continue
		}
		if exists && want != have && p.keeps(prefix, have) {
			continue
		}
		kind := opAddRoute
		switch {
		case !installable && !exists, installable && exists && want == have:
			continue
		case !installable:
			kind = opDelRoute
		case exists:
			kind = opReplaceRoute
		}
		if exists {
			users[have.id]--
		}
		if installable {
			users[want.id]++
		}
		if p.ops[kind] == nil { // often all of them are of one kind
			p.ops[kind] = make([]op, 0, len(candidates)-i)
		}
		p.add(op{kind: kind, prefix: prefix, target: want})
	}
	return users
}

// keeps tells whether a route of an earlier run stays as it is for now. Until
// the network has converged around a daemon that starts, what it learns is half
// the truth: written at once, it would send packets back to where they came
// from. A route that leads to a dead leg does not wait.
func (p *planner) keeps(prefix ipv4.Prefix, have target) bool {
	if _, ok := p.w.adopted[prefix]; !ok || !p.o.exists(have.id) {
		return false
	}
	ids := []member{{id: have.id}}
	if group, ok := p.o.groups[have.id]; ok {
		ids = group
	}
	return !slices.ContainsFunc(ids, func(m member) bool {
		k := p.o.hops[m.id]
		for leg := range p.w.dead {
			if leg.Gateway == k.gateway && p.w.links[leg.Interface].Index == k.ifindex {
				return true
			}
		}
		return false
	})
}

// candidates are the dirty prefixes and those whose set got another target.
func (p *planner) candidates() []ipv4.Prefix {
	out := slices.Clone(p.w.dirty)
	if len(p.w.dead) > 0 {
		for prefix := range p.w.adopted {
			if _, wanted := p.w.routes[prefix]; wanted {
				out = append(out, prefix)
			}
		}
	}
	moved := map[setKey]bool{}
	for s, pl := range p.placed {
		// The routes of a set that is new were set since: they are dirty.
		if old, known := p.w.placed[s]; known && pl.target != old.target {
			moved[s] = true
		}
	}
	if len(moved) > 0 {
		for prefix, u := range p.w.routes {
			if u != p.w.discard && moved[u.key] {
				out = append(out, prefix)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// target is what a route with this set shall point at; false when it shall not
// be there, which nil says as well.
func (w *wanted) target(u *setUse, placed map[setKey]place) (target, bool) {
	switch u {
	case nil:
		return target{}, false
	case w.discard:
		return target{discard: true}, true
	}
	t := placed[u.key].target
	return t, t.id != 0
}

// planSweep deletes what nobody wants and nothing will use.
func (p *planner) planSweep(users map[uint32]int) {
	for _, s := range slices.SortedFunc(maps.Keys(p.o.strays), stray.compare) {
		p.add(op{kind: opDelStray, stray: &s})
	}
	used := map[uint32]bool{}
	for _, pl := range p.placed {
		used[pl.target.id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(p.groups)) {
		if !used[id] && users[id] <= 0 {
			p.add(op{kind: opDelGroup, id: id})
			continue
		}
		for _, m := range p.groups[id] {
			used[m.id] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.o.hops)) {
		if !used[id] && users[id] <= 0 && !p.gone[id] {
			p.add(op{kind: opDelHop, id: id})
		}
	}
}
