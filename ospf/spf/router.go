package spf

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// RouterRoute is the routing table entry of an area border router or AS boundary
// router (RFC 2328 section 11). Routers have one in each area.
type RouterRoute struct {
	ID       packet.ID
	Type     PathType // IntraArea or InterArea
	Area     packet.ID
	Cost     uint32
	Flags    packet.RouterFlags // B and E, and Nt of an NSSA
	NextHops nexthop.Set
}

// Routers returns the entries of all border routers but the router itself, by router
// id, area and type.
func (t *Table) Routers() []RouterRoute {
	var list []RouterRoute
	for _, a := range t.areas {
		for v := range a.vertices {
			if r, ok := t.routerRoute(a, int32(v)); ok {
				list = append(list, r)
			}
		}
		for k, b := range t.asbrs {
			if k.nssa != 0 || k.id == t.config.RouterID || a.config.NoExternals {
				continue
			}
			if o := t.asbrInArea(a, k.id, b.summaries); o.pathType == InterArea {
				list = append(list, RouterRoute{
					ID: k.id, Type: InterArea, Area: a.id, Cost: o.cost, Flags: packet.RouterE, NextHops: t.sets.value(o.set),
				})
			}
		}
	}
	slices.SortFunc(list, func(a, b RouterRoute) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Area, b.Area), cmp.Compare(a.Type, b.Type))
	})
	return list
}

// BorderRouters returns the area border routers that an area reaches, the router
// itself left out, by router id.
func (t *Table) BorderRouters(area packet.ID) []RouterRoute {
	i, ok := t.searchArea(area)
	if !ok {
		return nil
	}
	var list []RouterRoute
	for v := range t.areas[i].vertices {
		if r, ok := t.routerRoute(t.areas[i], int32(v)); ok && r.Flags&packet.RouterB != 0 {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b RouterRoute) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// routerRoute returns the intra-area entry of vertex v if it is another router on the border.
func (t *Table) routerRoute(a *area, v int32) (RouterRoute, bool) {
	x := &a.vertices[v]
	if x.network || x.flags&(packet.RouterB|packet.RouterE) == 0 || x.id == t.config.RouterID {
		return RouterRoute{}, false
	}
	dist, set, ok := a.reach(v)
	return RouterRoute{ID: x.id, Type: IntraArea, Area: a.id, Cost: dist, Flags: x.flags, NextHops: t.sets.value(set)}, ok
}

// ASBRs returns the router ids of the AS boundary routers that are spoken of, ascending.
func (t *Table) ASBRs() []packet.ID {
	var list []packet.ID
	for k := range t.asbrs {
		if k.nssa == 0 {
			list = append(list, k.id)
		}
	}
	slices.Sort(list)
	return list
}

// ChangedASBRs returns the AS boundary routers whose entry changed in the last
// [Table.Changes], ascending.
func (t *Table) ChangedASBRs() []packet.ID { return slices.Sorted(maps.Keys(t.changedRouters)) }
