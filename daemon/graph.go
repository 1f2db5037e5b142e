package daemon

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Graph implements api.Backend.
func (d *daemon) Graph(ctx context.Context) (api.Graph, error) {
	return askOSPF(ctx, d, func(now time.Time) api.Graph {
		return graphOf(d.engine.LSAs(now), d.engine.Hostnames(now), d.currentConfig().OSPF.RouterID)
	})
}

// graphOf draws the areas of a database.
func graphOf(lsas []ospf.LSA, names map[packet.ID]string, self packet.ID) api.Graph {
	out := api.Graph{RouterID: self.String()}
	areas := make(map[packet.ID]*areaGraph)
	for _, l := range lsas {
		if l.Header.Type != packet.LSRouter && l.Header.Type != packet.LSNetwork {
			continue
		}
		a := areas[l.Area]
		if a == nil {
			a = &areaGraph{routers: make(map[packet.ID]packet.RouterLSA), networks: make(map[packet.ID]transitNetwork)}
			areas[l.Area] = a
		}
		if r, err := packet.DecodeRouterLSA(l.Raw); err == nil {
			a.routers[l.Header.Adv] = r
		}
		if n, err := packet.DecodeNetworkLSA(l.Raw); err == nil {
			a.networks[l.Header.ID] = transitNetwork{n, l.Header.Adv}
		}
	}
	for _, id := range sortedIDs(areas) {
		g := areas[id].draw(names, self)
		g.Area = id.String()
		out.Areas = append(out.Areas, g)
	}
	return out
}

// areaGraph is what the LSAs of an area say.
type areaGraph struct {
	routers  map[packet.ID]packet.RouterLSA
	networks map[packet.ID]transitNetwork // by link state id
}

type transitNetwork struct {
	packet.NetworkLSA
	dr packet.ID // router id
}

func (a *areaGraph) draw(names map[packet.ID]string, self packet.ID) api.GraphArea {
	var g api.GraphArea
	named, seen := make(map[packet.ID]bool), make(map[packet.ID]bool) // routers, transit networks
	for _, id := range sortedIDs(a.routers) {
		named[id] = true
		for _, l := range a.routers[id].Links {
			switch l.Type {
			case packet.LinkPointToPoint, packet.LinkVirtual:
				named[l.ID] = true
				oneSided := !slices.ContainsFunc(a.routers[l.ID].Links, func(b packet.RouterLink) bool { return b.Type == l.Type && b.ID == id })
				g.Links = append(g.Links, graphLink(id, l.ID, l, oneSided))
			case packet.LinkTransit:
				seen[l.ID] = true
				g.Links = append(g.Links, graphLink(id, l.ID, l, !slices.Contains(a.networks[l.ID].Routers, id)))
			}
		}
	}
	for _, id := range sortedIDs(a.networks) {
		seen[id] = true
		for _, r := range a.networks[id].Routers {
			named[r] = true
			oneSided := !slices.ContainsFunc(a.routers[r].Links, func(b packet.RouterLink) bool { return b.Type == packet.LinkTransit && b.ID == id })
			g.Links = append(g.Links, api.GraphLink{From: id.String(), To: r.String(), Type: "network", OneSided: oneSided})
		}
	}
	for _, id := range sortedIDs(named) {
		lsa, known := a.routers[id]
		r := api.GraphRouter{
			RouterID: id.String(), Hostname: names[id], Self: id == self, Known: known,
			AreaBorder: lsa.Flags&packet.RouterB != 0, Boundary: lsa.Flags&packet.RouterE != 0,
		}
		for _, l := range lsa.Links {
			if bits, ok := packet.MaskLen(l.Data); ok && l.Type == packet.LinkStub {
				r.Stubs = append(r.Stubs, api.GraphStub{Prefix: netip.PrefixFrom(l.ID.Addr(), bits).String(), Cost: int(l.Metric)})
			}
		}
		g.Routers = append(g.Routers, r)
	}
	for _, id := range sortedIDs(seen) {
		n := api.GraphNetwork{ID: id.String()}
		if lsa, known := a.networks[id]; known {
			n.DR = lsa.dr.String()
			if bits, ok := packet.MaskLen(lsa.Mask); ok {
				n.Prefix = netip.PrefixFrom(id.Addr(), bits).Masked().String()
			}
		}
		g.Networks = append(g.Networks, n)
	}
	return g
}

func graphLink(from, to packet.ID, l packet.RouterLink, oneSided bool) api.GraphLink {
	return api.GraphLink{From: from.String(), To: to.String(), Type: l.Type.String(), Cost: int(l.Metric), OneSided: oneSided}
}

func sortedIDs[V any](m map[packet.ID]V) []packet.ID {
	list := make([]packet.ID, 0, len(m))
	for id := range m {
		list = append(list, id)
	}
	slices.SortFunc(list, cmp.Compare[packet.ID])
	return list
}
