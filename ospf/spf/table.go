package spf

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Config is what an operator decides.
type Config struct {
	RouterID packet.ID
	// RFC1583Compat is RFC1583Compatibility of RFC 2328 sections 16.4.1 and C.1.
	RFC1583Compat bool
}

// AreaConfig is what an operator decides about one area. The zero value is a
// normal area without address ranges.
type AreaConfig struct {
	// NoExternals says that the area carries no AS-external-LSAs (RFC 2328 3.6): it is a stub area or an NSSA.
	NoExternals bool
	NSSA        bool
	NoSummary   bool           // of an NSSA: area border routers import no summaries (RFC 3101 2.7)
	Ranges      []netip.Prefix // area address ranges (RFC 2328 C.2); they may lie inside each other
}

// Effect says what a change of the database asks for.
type Effect uint8

// Effects in ascending order.
const (
	None     Effect = iota // nothing that the calculation uses
	Leaf                   // [Table.Changes] applies it to the trees as they are
	Topology               // [Table.Run] is wanted; Changes applies what it can
)

// Stats says what a calculation covered.
type Stats struct {
	Areas    int // areas whose tree was built
	Vertices int // routers and transit networks on these trees
}

// minSets is how much the set numbering may hold before it is thought of as garbage.
const minSets = 1 << 14

// Table is the routing table of one router with the graphs of all its areas.
type Table struct {
	config        Config
	areas         []*area // ascending
	examinedAreas []*area // whose summaries count
	dests         map[prefix]*dest
	externals     map[externalKey]*external
	asbrs         map[scopedID]*asbr
	forwards      map[scopedID]*forward
	components    map[*dest]component // that lie in an area address range
	abr           bool                // the router is an area border router
	sets          *hopSets
	setsLimit     int // size of sets at which all trees are grown anew; 0: not yet known

	dirty           []*dest
	dirtyASBRs      []*asbr
	dirtyForwards   []*forward
	sortedForwards  []*forward // by address, unless
	forwardsChanged bool
	changedRanges   map[*addressRange]struct{} // in the last Changes
	changedRouters  map[packet.ID]struct{}     // AS boundary routers whose entry changed in the last Changes
}

// New returns an empty table.
func New(c Config) *Table {
	return &Table{
		config:    c,
		dests:     make(map[prefix]*dest),
		externals: make(map[externalKey]*external),
		asbrs:     make(map[scopedID]*asbr),
		forwards:  make(map[scopedID]*forward),

		components:     make(map[*dest]component),
		changedRanges:  make(map[*addressRange]struct{}),
		changedRouters: make(map[packet.ID]struct{}),
		sets:           newHopSets(),
		setsLimit:      minSets,
	}
}

// Install takes in an LSA that entered the database or changed there; of
// AS-external-LSAs the area does not count. An LSA at MaxAge is removed
// (RFC 2328 section 16). Types other than 1 to 5 and 7 have no effect. Nothing keeps raw.
func (t *Table) Install(area packet.ID, h packet.LSAHeader, raw []byte) Effect {
	if h.Age&^packet.DoNotAge >= packet.MaxAge {
		return t.Remove(area, h.Key())
	}
	switch h.Type {
	case packet.LSRouter:
		return t.installRouter(t.area(area), h, raw)
	case packet.LSNetwork:
		return t.installNetwork(t.area(area), h, raw)
	case packet.LSSummary, packet.LSASBRSummary:
		return t.installSummary(t.area(area), h, raw)
	case packet.LSExternal:
		return t.installExternal(nil, h, raw)
	case packet.LSNSSA:
		if a := t.area(area); a.config.NSSA {
			return t.installExternal(a, h, raw)
		}
	}
	return None
}

// Remove takes out an LSA that left the usable database.
func (t *Table) Remove(area packet.ID, k packet.Key) Effect {
	if k.Type == packet.LSExternal {
		return t.removeExternal(nil, k)
	}
	i, ok := t.searchArea(area)
	if !ok {
		return None
	}
	switch a := t.areas[i]; k.Type {
	case packet.LSRouter:
		if k.ID == k.Adv {
			return t.removeRouter(a, k.Adv)
		}
	case packet.LSNetwork:
		return t.removeNetwork(a, k)
	case packet.LSSummary, packet.LSASBRSummary:
		return t.removeSummary(a, k)
	case packet.LSNSSA:
		return t.removeExternal(a, k)
	}
	return None
}

// RemoveArea takes out everything that belongs to an area.
func (t *Table) RemoveArea(area packet.ID) {
	i, ok := t.searchArea(area)
	if !ok {
		return
	}
	a := t.areas[i]
	for k := range a.summaries {
		t.removeSummary(a, k)
	}
	for k := range a.externals {
		t.removeExternal(a, packet.Key{Type: packet.LSNSSA, ID: k.id, Adv: k.adv})
	}
	for v := range a.vertices {
		t.setLeaves(a, int32(v), nil)
		if x := &a.vertices[v]; x.lsa && !x.network {
			t.setFlags(a, int32(v), 0)
			t.markRouter(a, int32(v))
		}
	}
	t.setRanges(a, nil)
	t.areas = slices.Delete(t.areas, i, i+1)
	t.markAllForwards()
	t.checkAttachment()
}

// SetArea replaces what is configured for an area.
func (t *Table) SetArea(area packet.ID, c AreaConfig) {
	a := t.area(area)
	old := a.config
	a.config = c
	if !slices.Equal(old.Ranges, c.Ranges) {
		t.setRanges(a, c.Ranges)
	}
	if old.NoExternals != c.NoExternals || old.NSSA != c.NSSA || old.NoSummary != c.NoSummary {
		t.markAllForwards()
		for _, b := range t.asbrs {
			t.markASBR(b)
		}
		t.markDefault()
	}
}

// SetBorder tells whether the router is an area border router: address ranges
// are active there only, and default routes of NSSAs count only elsewhere (RFC 3101 2.5 (3)).
func (t *Table) SetBorder(border bool) {
	t.abr = border
	t.markDefault()
	for _, a := range t.areas {
		for _, r := range a.ranges {
			t.updateRange(r)
		}
		if a.transit {
			t.markSummaries(a)
		}
	}
}

// Pending reports whether a Dijkstra calculation is wanted.
func (t *Table) Pending() bool {
	return t.crowded() || slices.ContainsFunc(t.areas, func(a *area) bool { return a.pending })
}

// Run builds the shortest-path trees of the areas whose graphs have changed and
// notes everything that depends on them for [Table.Changes] (RFC 2328 section 16 (2)).
func (t *Table) Run() Stats {
	var stats Stats
	anew := t.crowded()
	if anew {
		t.forgetSets()
	}
	for _, a := range t.backboneLast() {
		if a.id == 0 {
			t.updateVirtualLinks(a)
		}
		if !a.pending && !anew {
			continue
		}
		for _, v := range slices.Sorted(maps.Keys(a.contested)) {
			t.useClaim(a, v)
		}
		a.pending = false
		stats.Areas++
		stats.Vertices += t.grow(a)
		t.updateTransit(a)
		if !anew {
			t.markMoved(a)
		}
	}
	if stats.Areas > 0 {
		t.markAllForwards()
	}
	return stats
}

// crowded reports whether most of the numbered sets are likely to be garbage.
func (t *Table) crowded() bool { return t.setsLimit > 0 && t.sets.size() > t.setsLimit }

// forgetSets starts the numbering of sets again, and with it everything that
// holds such a number.
func (t *Table) forgetSets() {
	t.sets, t.setsLimit = newHopSets(), 0
	for _, d := range t.dests {
		t.mark(d)
	}
	for _, b := range t.asbrs {
		b.entry = offer{}
		t.markASBR(b)
	}
	for _, f := range t.forwards {
		f.entry = offer{}
		t.markForward(f)
	}
}

func (t *Table) markAllForwards() {
	for _, f := range t.forwards {
		t.markForward(f)
	}
}

// Router returns the distance of a router on the tree of an area, and the next hops to it.
func (t *Table) Router(area, id packet.ID) (cost uint32, hops nexthop.Set, ok bool) {
	i, ok := t.searchArea(area)
	if !ok {
		return 0, nexthop.Set{}, false
	}
	a := t.areas[i]
	v, ok := a.find(vertexKey{id: id})
	if !ok {
		return 0, nexthop.Set{}, false
	}
	cost, set, ok := a.reach(v)
	if !ok {
		return 0, nexthop.Set{}, false
	}
	return cost, t.sets.value(set), true
}

// ASBR returns the preferred routing table entry of an AS boundary router (RFC
// 2328 16.4 (3)): type, area, cost and next hops of the path to it. It has no prefix.
func (t *Table) ASBR(id packet.ID) (Route, bool) {
	var summaries []*summary
	if b := t.asbrs[scopedID{id: id}]; b != nil {
		summaries = b.summaries
	}
	o := t.asbrEntry(id, summaries)
	if !o.ok() {
		return Route{}, false
	}
	return Route{
		Type: o.pathType, Area: o.area, Cost: o.cost, Advertiser: o.advertiser, NextHops: t.sets.value(o.set),
	}, true
}

// area returns the area with this ID, creating it.
func (t *Table) area(id packet.ID) *area {
	i, ok := t.searchArea(id)
	if !ok {
		t.areas = slices.Insert(t.areas, i, newArea(id))
	}
	return t.areas[i]
}

func (t *Table) searchArea(id packet.ID) (int, bool) {
	return slices.BinarySearchFunc(t.areas, id, func(a *area, id packet.ID) int { return a.id.Compare(id) })
}
