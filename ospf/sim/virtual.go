package sim

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// virtualLink is a virtual link as both ends configure it.
type virtualLink struct {
	transit packet.ID
	ends    [2]*Router
}

// VirtualLink joins two routers through an area, or ends that.
func (n *Net) VirtualLink(transit packet.ID, a, b *Router) {
	v := virtualLink{transit, [2]*Router{a, b}}
	if i := slices.Index(n.virtual, v); i >= 0 {
		n.virtual = slices.Delete(n.virtual, i, i+1)
	} else {
		n.virtual = append(n.virtual, v)
	}
	for end, r := range v.ends {
		c := r.config
		name := v.name(end)
		c.VirtualLinks = slices.DeleteFunc(slices.Clone(c.VirtualLinks), func(l ospf.VirtualLink) bool { return l.Name() == name })
		if slices.Contains(n.virtual, v) {
			c.VirtualLinks = append(c.VirtualLinks, ospf.VirtualLink{Transit: transit, RouterID: v.ends[1-end].ID,
				HelloInterval: time.Second, DeadInterval: 10 * time.Second, RetransmitInterval: 2 * time.Second, TransmitDelay: time.Second})
			if !r.configured(0) {
				c.Areas = append(slices.Clone(c.Areas), ospf.Area{})
			}
		}
		r.Configure(c)
	}
}

// name is what an end calls the link.
func (v virtualLink) name(end int) string {
	return ospf.VirtualLink{Transit: v.transit, RouterID: v.ends[1-end].ID}.Name()
}

// forward sends a packet on as the routes lead, of several ways any.
func (r *Router) forward(t ospf.Transmit) {
	if t.TTL == 0 {
		return
	}
	var best spf.Route
	for p, route := range r.routes() {
		if p.Contains(t.Dst) && (best.Type == 0 || p.Bits() > best.Prefix.Bits()) {
			best = route
		}
	}
	hops := slices.DeleteFunc(best.NextHops.Hops(), func(h nexthop.Hop) bool { return t.Interface != "" && h.Interface != t.Interface })
	if len(hops) == 0 {
		return
	}
	h := hops[r.net.rng.IntN(len(hops))]
	via := h.Gateway
	if !via.IsValid() {
		via = t.Dst
	}
	if p := r.port(h.Interface); p != nil && p.up && p.segment != nil {
		p.segment.carry(p, t, via)
	}
}

// addVirtualLinks adds to the backbone's graph the virtual links that can be up: each as a link that costs what
// the path through its area does.
func (d *domain) addVirtualLinks() {
	g := d.graphs[0]
	for _, v := range d.n.virtual {
		a, b := v.ends[0], v.ends[1]
		if !d.up(v) {
			continue
		}
		t := d.graphs[v.transit]
		i, j := g.index[a], g.index[b]
		g.edges[i] = append(g.edges[i], edge{to: j, cost: t.dist[i][j], through: t})
		g.edges[j] = append(g.edges[j], edge{to: i, cost: t.dist[j][i], through: t})
	}
	g.distances()
}

// up tells whether the ends of a virtual link reach each other.
func (d *domain) up(v virtualLink) bool {
	g := d.graphs[v.transit]
	return v.ends[0].engine != nil && v.ends[1].engine != nil && g.dist[g.index[v.ends[0]]][g.index[v.ends[1]]] != unreachable
}

// ends tells whether a router is at the end of a virtual link that is up.
func (d *domain) ends(r *Router) bool {
	return slices.ContainsFunc(d.n.virtual, func(v virtualLink) bool { return slices.Contains(v.ends[:], r) && d.up(v) })
}

// transit tells whether a router knows that an area carries the backbone's traffic.
func (d *domain) transit(r *Router, a packet.ID) bool {
	g := d.graphs[a]
	return slices.ContainsFunc(d.n.virtual, func(v virtualLink) bool {
		return v.transit == a && d.up(v) && g.dist[g.index[r]][g.index[v.ends[0]]] != unreachable
	})
}

// leavesBy tells whether any leg of a route leads into an area.
func (r *Router) leavesBy(a packet.ID, w wantedRoute) bool {
	for h := range w.hops {
		for _, p := range r.ports {
			if p.area == a && (h == "direct "+p.name || strings.Contains(h, " on "+p.name+" (")) {
				return true
			}
		}
	}
	return false
}

// shortcut betters a route of the backbone by what border routers in transit areas say (16.3).
func (d *domain) shortcut(r *Router, w wantedRoute, said func(a packet.ID, b *Router) (int, bool)) wantedRoute {
	if w.kind > spf.InterArea || w.area != 0 || w.hops == nil || !d.border(r) {
		return w
	}
	for _, a := range d.areas {
		if a == 0 || !d.transit(r, a) {
			continue
		}
		d.hear(r, a, func(b *Router, dist int, hops map[string]bool) {
			cost, ok := said(a, b)
			switch {
			case !ok || dist+cost > w.cost:
			case dist+cost < w.cost:
				w.cost, w.hops = dist+cost, maps.Clone(hops)
			default:
				w.hops = maps.Clone(w.hops)
				maps.Copy(w.hops, hops)
			}
		})
	}
	return w
}

// shorten applies 16.3 to the border routers until nobody has anything new to say.
func (d *domain) shorten(live []*Router, tell func(backbone bool)) {
	before := map[*Router]map[netip.Prefix]wantedRoute{}
	for _, r := range live {
		before[r] = maps.Clone(d.tables[r])
	}
	for last := ""; ; {
		tell(false)
		if now := fmt.Sprint(d.networks, d.asbrs); now == last {
			return
		} else {
			last = now
		}
		for _, r := range live {
			for p, w := range before[r] {
				d.tables[r][p] = d.shortcut(r, w, func(a packet.ID, b *Router) (int, bool) {
					cost, ok := d.networks[a][b][p]
					return cost, ok
				})
			}
		}
	}
}

// checkVirtualLinks wants the ends of virtual links to be Full where they reach each other, and nothing outstanding.
func (d *domain) checkVirtualLinks(f *findings) {
	for _, v := range d.n.virtual {
		for end, r := range v.ends {
			if r.engine == nil {
				continue
			}
			state := "Down"
			for _, nb := range r.engine.Neighbors(d.n.now) {
				if nb.Interface == v.name(end) {
					state = nb.State
					if nb.Retransmits+nb.Requests+nb.Summaries > 0 {
						state = "busy"
					}
				}
			}
			if want := map[bool]string{true: "Full", false: "Down"}[d.up(v)]; state != want {
				f.add("%s: other end of %s is %s, should be %s", r.Name, v.name(end), state, want)
			}
		}
	}
}
