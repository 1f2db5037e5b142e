package routeros

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// uplink is one way to the Internet as the routes show it.
type uplink struct {
	name string
	link string
	at   script.Pos // where it is first said

	gateway netip.Addr // the zero Addr on point-to-point links and with dhcp
	dhcp    bool
	missing string // why it is not complete; empty when it is

	weight, tier     int
	weightWhy, tierW string
	nat              string
	natWhy, natWrong string
	targets          []string // of its check; none leaves the check out
	targetsWhy       string
}

// leg is an uplink in a routing table.
type leg struct {
	u        *uplink
	distance int
	weight   int // how often its gateway is written
	r        *route
}

// ways are the uplinks, the tables that lead to them and how traffic is shared.
type ways struct {
	uplinks []*uplink
	tables  map[string][]leg // nearest first
	byWay   map[way]*uplink
	share   share
	reply   reply
	rules   []policyRule
}

type way struct {
	link    string
	gateway netip.Addr
}

// maxUplinks is how many uplinks the packet marks of ecmpd tell apart by default.
const maxUplinks = 61

// uplinks finds the uplinks: the default routes of all tables, and the links that bring their own.
func (im *importer) uplinks() *ways {
	w := &ways{tables: make(map[string][]leg), byWay: make(map[way]*uplink)}
	for n := range im.routes {
		if r := &im.routes[n]; r.isDefault() && !r.blackhole {
			im.legs(w, r)
		} else if r.isDefault() {
			im.skip(r.i, "a default route that drops: fallback: none of a rule does that for what the rule takes")
		}
	}
	for _, c := range im.clients {
		im.clientLeg(w, c)
	}
	for name := range w.tables {
		slices.SortStableFunc(w.tables[name], func(a, b leg) int { return a.distance - b.distance })
	}
	im.conflicts(w)
	im.share(w)
	im.tiers(w)
	w.compact()
	im.nats(w)
	im.nameUplinks(w)
	im.reply(w)
	im.policyRules(w)
	return w
}

// legs adds the gateways of a default route.
func (im *importer) legs(w *ways, r *route) {
	if earlier := im.variantOf(w, r); earlier != nil {
		im.find(r.at, RouteConflict, "table %s has a default route of distance %d with the same gateways in line %d: RouterOS 6 uses one of them; here it is the first", clip(r.table, 40), r.distance, earlier.at.Line)
		im.skip(r.i, "the default route in line %d has the same distance", earlier.at.Line)
		return
	}
	taken, before := false, len(w.tables[r.table])
	for _, g := range r.gateways {
		u := im.uplinkOf(w, r, g)
		if u == nil {
			continue
		}
		taken = true
		legs := w.tables[r.table]
		if n := slices.IndexFunc(legs[before:], func(l leg) bool { return l.u == u }); n >= 0 {
			legs[before+n].weight++
			continue
		}
		w.tables[r.table] = append(legs, leg{u, r.distance, 1, r})
	}
	if !taken {
		_, _, _, why := im.resolve(r.gateways[0])
		im.skip(r.i, "%s", firstOf(why, "there is no room for its gateway"))
	}
}

// variantOf finds a default route that r repeats in part: in RouterOS 6 one of them counts.
func (im *importer) variantOf(w *ways, r *route) *route {
	if im.seven {
		return nil
	}
	for _, l := range w.tables[r.table] {
		if l.distance == r.distance && slices.ContainsFunc(r.gateways, func(g gateway) bool { return g.addr == l.u.gateway && (g.link == "" || g.link == l.u.link) }) {
			return l.r
		}
	}
	return nil
}

// uplinkOf returns the uplink that a gateway stands for, or nil when it is none.
func (im *importer) uplinkOf(w *ways, r *route, g gateway) *uplink {
	link, addr, target, why := im.resolve(g)
	if why != "" {
		return nil
	}
	u := w.byWay[way{link, addr}]
	if u == nil {
		if len(w.uplinks) == maxUplinks {
			im.skip(r.i, "more than %d uplinks", maxUplinks)
			return nil
		}
		u = w.add(uplink{link: link, at: g.at, gateway: addr, dhcp: !addr.IsValid() && im.isClient(link)})
		if !addr.IsValid() && !u.dhcp && !im.isPointToPoint(link) {
			u.missing = fmt.Sprintf("gateway=%s names an interface that is not point-to-point, and so not the next router", clip(link, 40))
			im.find(g.at, GatewayUnknown, "%s", u.missing)
		}
	}
	switch {
	case target.IsValid():
		u.check("icmp "+target.String(), "recursive route", g.at.Line)
	case r.check == "bfd":
		im.note(r.checkAt, Assumed, "check-gateway=bfd: the uplink's gateway is asked as usual")
		fallthrough
	case r.check != "" && !addr.IsValid() && !u.dhcp:
		im.note(r.checkAt, Assumed, "check-gateway=%s is not taken over: a point-to-point link has no gateway to ask; name a target beyond it under check", clip(r.check, 20))
	case r.check != "":
		u.check("gateway", "check-gateway="+r.check, r.checkAt.Line)
	}
	return u
}

// check adds a target once.
func (u *uplink) check(target, why string, line int) {
	if !slices.Contains(u.targets, target) && len(u.targets) < 8 {
		u.targets = append(u.targets, target)
		if u.targetsWhy == "" {
			u.targetsWhy = fmt.Sprintf("line %d: %s", line, clip(why, 40))
		}
	}
}

func (im *importer) isClient(link string) bool {
	return slices.ContainsFunc(im.clients, func(c client) bool { return c.link == link && c.dhcp })
}

func (w *ways) add(u uplink) *uplink {
	u.weight, u.tier = 1, 1
	p := &u
	w.uplinks = append(w.uplinks, p)
	w.byWay[way{u.link, u.gateway}] = p
	return p
}

// ofLink returns the uplinks of an interface.
func (w *ways) ofLink(link string) (list []*uplink) {
	for _, u := range w.uplinks {
		if u.link == link {
			list = append(list, u)
		}
	}
	return list
}

// clientLeg adds the default route that an interface brings itself.
func (im *importer) clientLeg(w *ways, c client) {
	if !c.addDefault {
		im.skip(c.i, "it brings no default route (add-default-route)")
		return
	}
	var u *uplink
	if same := w.ofLink(c.link); len(same) > 0 {
		u = same[0]
	} else if len(w.uplinks) < maxUplinks {
		u = w.add(uplink{link: c.link, at: c.at, dhcp: c.dhcp})
	} else {
		im.skip(c.i, "more than %d uplinks", maxUplinks)
		return
	}
	for _, text := range c.tables {
		name, other, _ := strings.Cut(text, ":")
		distance := c.distance
		if n, ok := decimal(other); ok {
			distance = n
		}
		w.tables[name] = append(w.tables[name], leg{u: u, distance: distance, weight: 1})
	}
}

// conflicts finds default routes of one table and distance, of which RouterOS 6 uses one.
func (im *importer) conflicts(w *ways) {
	for _, name := range tableNames(w) {
		seen := make(map[int]leg)
		for _, l := range w.tables[name] {
			earlier, twice := seen[l.distance]
			if l.r == nil {
				continue
			}
			if !twice || earlier.r == l.r || earlier.u == l.u {
				seen[l.distance] = l
				continue
			}
			text := fmt.Sprintf("table %s has a default route of distance %d in line %d already", clip(name, 40), l.distance, earlier.r.at.Line)
			switch {
			case im.seven:
				im.note(l.r.at, RouteConflict, "%s: both are used, as equal-cost routes", text)
			default:
				im.find(l.r.at, RouteConflict, "%s: RouterOS 6 uses one of them; here both are", text)
			}
		}
	}
}

func tableNames(w *ways) []string {
	names := make([]string, 0, len(w.tables))
	for name := range w.tables {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
