package ospf

import (
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// newArea attaches the router to an area (RFC 2328 6).
func (e *Engine) newArea(id packet.ID) *area {
	a := &area{e: e, id: id, summaries: newLinkStateIDs(), asbrs: make(map[packet.ID]struct{})}
	a.nssa.externals = newLinkStateIDs()
	a.nssa.deposed.fire = a.endTranslation
	a.db = e.newDatabase(a, nil)
	e.areas = append(e.areas, a)
	return a
}

// configure takes what is configured of the area over.
func (a *area) configure(c Area) {
	a.cfg = c
	ranges := make([]netip.Prefix, len(c.Ranges))
	for n, r := range c.Ranges {
		ranges[n] = r.Prefix
	}
	slices.SortFunc(ranges, netip.Prefix.Compare)
	a.e.table.SetArea(a.id, spf.AreaConfig{
		NoExternals: c.Type != AreaNormal, NSSA: c.Type == AreaNSSA, NoSummary: !c.Summary, Ranges: ranges,
	})
	a.e.routesDirty = true
}

// restarts tells whether the area has to begin anew under another configuration.
func (a *area) restarts(c Area) bool { return a.cfg.Type != c.Type }

// restart begins the area anew: its routers agree on the area's type before they
// become neighbours (3.6).
func (a *area) restart() {
	for _, i := range a.interfaces() {
		if i.up {
			i.event(interfaceDown, "area type changed")
		}
	}
	used := a.e.sequencesIn(a.db)
	a.e.dropArea(a)
	a.e.table.RemoveArea(a.id)
	a.db = a.e.newDatabase(a, nil)
	a.e.goOnFrom(a.db, used)
	a.root, a.announced = nil, false
	a.summaries.clear()
	clear(a.asbrs)
	a.nssa.externals.clear()
	a.nssa.translates = false
	a.e.topologyChanged("area type changed")
}

// external tells whether the area carries AS-external-LSAs
// (ExternalRoutingCapability, C.2).
func (a *area) external() bool { return a.cfg.Type == AreaNormal }

// options are those of Database Description packets and LSAs: external routing
// capability (A.2).
func (a *area) options() packet.Options {
	if a.external() {
		return packet.OptE
	}
	return 0
}

// helloOptions adds the N bit of an NSSA, which is at home in Hellos only (RFC 3101 appendix A).
func (a *area) helloOptions() packet.Options {
	if a.cfg.Type == AreaNSSA {
		return packet.OptNP
	}
	return a.options()
}

// options of LSAs that live in the database.
func (d *database) options() packet.Options {
	if d.area != nil {
		return d.area.options() | packet.OptDC
	}
	return packet.OptE | packet.OptDC
}

// areaTypeIn reads the type of an area from the options of a Hello, in words.
func areaTypeIn(o packet.Options) string {
	switch {
	case o&packet.OptNP != 0 && o&packet.OptE != 0:
		return "an NSSA (N bit on), with the E bit on"
	case o&packet.OptNP != 0:
		return "an NSSA (N bit on)"
	case o&packet.OptE == 0:
		return "a stub area (E bit off)"
	}
	return "a normal area"
}
