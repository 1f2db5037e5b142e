package ospf

import (
	"slices"

	"github.com/ecmpd/ecmpd/ospf/spf"
)

// border is the state of an area border router (RFC 2328 3.3).
type border struct {
	active bool // the router is one
	due    bool // every summary is to be looked at again
}

// updateBorder decides whether the router is an area border router: RFC 3509 2 wants an interface
// that is not Down in the backbone and in another area.
func (e *Engine) updateBorder() {
	if !slices.ContainsFunc(e.areas, func(a *area) bool { return a.rootDirty }) {
		return
	}
	backbone, others := false, false
	for _, i := range e.ifaces {
		backbone = backbone || i.up && i.area.id == 0
		others = others || i.up && i.area.id != 0
	}
	active := backbone && others
	if active == e.border.active {
		return
	}
	e.border.active, e.border.due, e.externals.due = active, true, true
	e.table.SetBorder(active)
	e.routesDirty = true
	for _, a := range e.areas {
		a.rootDirty = true // the B bit
	}
}

// summarise takes changes of the route table to the other areas (12.4.3, 16.7).
func (e *Engine) summarise(changes []spf.Change) {
	if !e.border.active || e.border.due {
		return
	}
	ranges, asbrs := e.table.ChangedRanges(), e.table.ChangedASBRs()
	for _, a := range e.areas {
		for _, c := range changes {
			a.summarise(c.Prefix)
		}
		for _, p := range ranges {
			a.summarise(p)
		}
		for _, id := range asbrs {
			a.summariseASBR(id)
		}
	}
}

// settleSummaries looks at every summary when the router's own place has changed.
func (e *Engine) settleSummaries() {
	if !e.border.due || e.restart.active {
		return
	}
	e.border.due = false
	for _, a := range e.areas {
		a.summariseAll()
	}
}
