package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// maxFindings bounds what one Check reports.
const maxFindings = 12

// findings collects what is wrong.
type findings struct{ errs []error }

func (f *findings) add(format string, args ...any) {
	if len(f.errs) < maxFindings {
		f.errs = append(f.errs, fmt.Errorf(format, args...))
	}
}

// Check returns what keeps the network from rest and truth, nil when nothing does:
//   - adjacencies are Full exactly where packets get through, DR and Backup agreed on;
//   - no retransmission, request or summary is outstanding;
//   - neighbours have the same link state database;
//   - every route table equals the oracle's, and so do the changes that were published;
//   - no engine has committed a fault since the start.
func (n *Net) Check() error {
	f := &findings{}
	for _, fault := range n.faults {
		f.add("fault: %s", fault)
	}
	for _, s := range n.segments {
		s.check(f)
	}
	if len(f.errs) == 0 {
		n.checkDatabases(f)
	}
	if len(f.errs) == 0 {
		d := n.domain()
		d.checkVirtualLinks(f)
		for _, r := range n.routers {
			if r.engine != nil {
				n.checkRoutes(f, d.wanted(r), r)
			}
		}
	}
	return errors.Join(f.errs...)
}

// check looks at the neighbours on every port of the segment.
func (s *Segment) check(f *findings) {
	for _, p := range s.ports {
		if p.router.engine == nil || !p.up {
			continue
		}
		have := map[netip.Addr]ospf.NeighborStatus{}
		for _, nb := range p.router.engine.Neighbors(s.net.now) {
			if nb.Interface == p.name {
				have[nb.Address] = nb
			}
		}
		for _, other := range s.ports {
			if other == p {
				continue
			}
			nb, ok := have[other.addr.Addr()]
			delete(have, other.addr.Addr())
			reachable := other.router.engine != nil && s.connected(p, other)
			switch {
			case s.silent(p, other) && nb.State != "Full":
			case !reachable && ok && nb.State != "Down" && nb.State != "Attempt":
				f.add("%s %s: neighbour %s is %s but can not be reached", p.router.Name, p.name, other.router.Name, nb.State)
			case !reachable:
			case !ok:
				f.add("%s %s: neighbour %s is not there", p.router.Name, p.name, other.router.Name)
			case nb.State != "Full" && !(s.elects() && nb.State == "2-Way" && s.bystanders(p, other)):
				f.add("%s %s: neighbour %s is %s: %s", p.router.Name, p.name, other.router.Name, nb.State, nb.Why)
			case nb.Retransmits+nb.Requests+nb.Summaries > 0:
				f.add("%s %s: neighbour %s has %d retransmissions, %d requests, %d summaries outstanding",
					p.router.Name, p.name, other.router.Name, nb.Retransmits, nb.Requests, nb.Summaries)
			}
		}
		for a, nb := range have {
			f.add("%s %s: unknown neighbour %v (%s)", p.router.Name, p.name, a, nb.State)
		}
	}
	if s.elects() {
		for part := range 2 {
			checkElection(f, s.members(part))
		}
	}
}

// status returns the engine's view of a port.
func (p *port) status() ospf.InterfaceStatus {
	for _, i := range p.router.engine.Interfaces() {
		if i.Interface == p.name {
			return i
		}
	}
	return ospf.InterfaceStatus{}
}

// silent tells whether two routers on an NBMA network need not know of each other (RFC 2328 9.5.1).
func (s *Segment) silent(a, b *port) bool {
	return s.kind == ospf.TypeNonBroadcast && (a.priority == 0 || b.priority == 0) && s.bystanders(a, b)
}

// bystanders tells whether neither of two routers on a LAN is DR or Backup.
func (s *Segment) bystanders(a, b *port) bool {
	i := a.status()
	for _, p := range []*port{a, b} {
		if addr := p.addr.Addr(); addr == i.DR || addr == i.BDR {
			return false
		}
	}
	return true
}

// checkElection wants one opinion about DR and Backup, and that they are members (RFC 2328 9.4).
func checkElection(f *findings, members []*port) {
	eligible := 0
	for _, p := range members {
		if p.priority > 0 {
			eligible++
		}
	}
	if len(members) == 0 {
		return
	}
	first := members[0].status()
	for _, p := range members {
		i := p.status()
		if i.DR != first.DR || i.BDR != first.BDR {
			f.add("%s %s: DR %v Backup %v, but %s says DR %v Backup %v", p.router.Name, p.name, i.DR, i.BDR,
				members[0].router.Name, first.DR, first.BDR)
		}
	}
	for want, addr := range []netip.Addr{first.DR, first.BDR} {
		member := slices.IndexFunc(members, func(p *port) bool { return p.addr.Addr() == addr })
		switch {
		case eligible > want && member < 0:
			f.add("%s %s: DR %v Backup %v: not both are there, %d routers are eligible",
				members[0].router.Name, members[0].name, first.DR, first.BDR, eligible)
		case member >= 0 && members[member].priority == 0:
			f.add("%s with priority 0 is DR or Backup", members[member].router.Name)
		}
	}
}

// checkDatabases compares the databases of neighbours.
func (n *Net) checkDatabases(f *findings) {
	databases := map[*Router]ospf.DatabaseStatus{}
	for _, r := range n.routers {
		if r.engine != nil {
			databases[r] = r.engine.Database(n.now)
		}
	}
	for _, s := range n.segments {
		for i, a := range s.ports {
			for _, b := range s.ports[i+1:] {
				if a.router.engine == nil || b.router.engine == nil || !s.connected(a, b) || s.elects() && !s.electable(a.part) {
					continue
				}
				x, y := databases[a.router], databases[b.router]
				compareScopes(f, a.router, b.router, areaScope(x, s.options.Area), areaScope(y, s.options.Area))
				if n.external(s.options.Area) {
					compareScopes(f, a.router, b.router, x.External, y.External)
				}
			}
		}
	}
}

func areaScope(d ospf.DatabaseStatus, id packet.ID) ospf.ScopeStatus {
	for _, s := range d.Areas {
		if s.Area == id {
			return s
		}
	}
	return ospf.ScopeStatus{}
}

// compareScopes wants the same instances in both; it does not rely on the fingerprint, which
// must agree with that.
func compareScopes(f *findings, a, b *Router, x, y ospf.ScopeStatus) {
	type instance struct {
		key packet.Key
		seq packet.Seq
		sum uint16
	}
	instances := func(s ospf.ScopeStatus) (list []instance) {
		for _, h := range s.LSAs {
			list = append(list, instance{h.Key(), h.Seq, h.Checksum})
		}
		return list
	}
	same := slices.Equal(instances(x), instances(y))
	if same != (x.Fingerprint == y.Fingerprint) {
		f.add("%s and %s: fingerprints %x and %x disagree with databases that are equal: %v", a.Name, b.Name, x.Fingerprint, y.Fingerprint, same)
	}
	if !same {
		f.add("%s and %s: databases differ: only the first has %v, only the second %v", a.Name, b.Name,
			without(instances(x), instances(y)), without(instances(y), instances(x)))
	}
}

// without returns what of list is not in other.
func without[T comparable](list, other []T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return slices.Contains(other, v) })
}

// checkRoutes compares a route table with the oracle's and with what was published.
func (n *Net) checkRoutes(f *findings, want map[netip.Prefix]wantedRoute, r *Router) {
	routes := r.engine.Routes()
	seen := map[netip.Prefix]bool{}
	for _, route := range routes {
		seen[route.Prefix] = true
		got := routeInWords(route)
		if w, ok := want[route.Prefix]; !ok {
			f.add("%s: route %v is %s, should not be there", r.Name, route.Prefix, got)
		} else if w.String() != got {
			f.add("%s: route %v is %s, should be %s", r.Name, route.Prefix, got, w)
		}
		if r.published[route.Prefix] != route {
			f.add("%s: route %v is %s, published was %+v", r.Name, route.Prefix, got, r.published[route.Prefix])
		}
	}
	for _, p := range sortedPrefixes(want) {
		if !seen[p] {
			f.add("%s: no route %v, should be %s", r.Name, p, want[p])
		}
	}
	if len(r.published) != len(routes) {
		f.add("%s: %d routes published, %d in the table", r.Name, len(r.published), len(routes))
	}
}

func routeInWords(r spf.Route) string {
	hops := map[string]bool{}
	for h := range r.NextHops.All() {
		hops[hopText(h.Interface, h.Gateway, packet.IDFromAddr(h.RouterID))] = true
	}
	return routeText(r.Type, int(r.Cost), int(r.Type2Cost), hops)
}
