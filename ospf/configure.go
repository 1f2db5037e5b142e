package ospf

import (
	"cmp"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/spf"
)

// configure takes a new configuration over. What it does not change keeps
// running: an adjacency restarts only when the area, type or address of its
// interface changes, and ends when that becomes passive. With other intervals it
// lives as long as its peer's agree. [Engine.Compare] foretells it by the same decisions.
func (e *Engine) configure(c Config) {
	if e.shutdown.active {
		return
	}
	first := e.started.IsZero()
	if !first {
		if reason := e.resets(c); reason != "" {
			e.stop(reason)
			first = true
		}
	}
	e.cfg = c
	if first {
		e.started = e.now
		e.beginRestart()
		e.as = e.newDatabase(nil, nil)
		e.table = spf.New(spf.Config{RouterID: c.RouterID, RFC1583Compat: c.RFC1583Compat})
	}
	switch wait := c.StubRouter.OnStartup; {
	case wait == 0, e.restart.active:
		e.timers.stop(&e.startup)
	case first || e.startup.armed():
		e.timers.set(&e.startup, e.started.Add(wait))
	}
	e.exitOverflow()
	for _, ac := range c.Areas {
		a := e.area(ac.ID)
		if a == nil {
			a = e.newArea(ac.ID)
		} else if a.restarts(ac) {
			a.restart()
		}
		a.configure(ac)
	}
	slices.SortFunc(e.areas, func(a, b *area) int { return cmp.Compare(a.id, b.id) })
	e.matchInterfaces()
	e.matchVirtualLinks()
	e.dropAreas()
	e.linksChanged()
	e.border.due = true
	e.helpDue = true
	if !c.GracefulRestart.Enabled {
		e.endRestart(false, "graceful-restart.enabled is off")
	}
	e.originateExternals()
}

// resets says why the router has to begin anew under another configuration; empty when it need not.
func (e *Engine) resets(c Config) string {
	switch {
	case c.RouterID != e.cfg.RouterID:
		return "router id changed"
	case c.Instance != e.cfg.Instance:
		return "instance id changed"
	case c.RFC1583Compat != e.cfg.RFC1583Compat:
		return "rfc1583-compatibility changed"
	}
	return ""
}

// dropAreas forgets areas that are no longer configured, with their databases.
func (e *Engine) dropAreas() {
	e.areas = slices.DeleteFunc(e.areas, func(a *area) bool {
		if slices.ContainsFunc(e.cfg.Areas, func(c Area) bool { return c.ID == a.id }) {
			return false
		}
		e.dropArea(a)
		e.table.RemoveArea(a.id)
		e.routesDirty = true
		e.topologyChanged("area removed")
		return true
	})
}

// stop ends the router at once, as a change of the router id or of how routes are
// preferred demands: own LSAs are flushed under the old id, then everything that
// was learnt is forgotten.
func (e *Engine) stop(reason string) {
	e.flushAll()
	e.sendAllFloods()
	for _, i := range slices.Clone(e.ifaces) {
		i.remove(reason)
	}
	for _, s := range e.origin {
		e.timers.stop(&s.timer)
	}
	clear(e.origin)
	e.externals.clear()
	e.timers.stop(&e.externals.timer)
	e.overflow.active = false
	e.timers.stop(&e.overflow.exit)
	e.dropDatabase(e.as)
	for _, a := range e.areas {
		e.dropArea(a)
	}
	e.maxAged = nil
	e.areas = nil
	e.border = border{}
	e.delay.reset(e)
	e.timers.stop(&e.startup)
	e.stopRestart()
	for r := range e.table.Routes() {
		e.out.Routes = append(e.out.Routes, spf.Change{Prefix: r.Prefix, Route: r, Withdrawn: true})
	}
	e.started = time.Time{}
}

// dropArea forgets an area's database and what the area waits for.
func (e *Engine) dropArea(a *area) {
	e.timers.stop(&a.first)
	e.timers.stop(&a.nssa.deposed)
	e.dropDatabase(a.db)
}

// dropDatabase forgets a database without flooding.
func (e *Engine) dropDatabase(d *database) {
	e.timers.stop(&d.aging)
	e.timers.stop(&d.doNotAge.timer)
	e.timers.stop(&d.stored.timer)
	for k, s := range e.origin {
		if k.db == d {
			e.timers.stop(&s.timer)
			delete(e.origin, k)
		}
	}
	e.maxAged = slices.DeleteFunc(e.maxAged, func(m agedLSA) bool { return m.db == d })
}

// applyLinks takes a snapshot of the kernel's links over.
func (e *Engine) applyLinks(links []Link) {
	clear(e.links)
	for _, l := range links {
		e.links[l.Name] = l
	}
	if !e.started.IsZero() && !e.shutdown.active {
		e.matchInterfaces()
		e.originateExternals()
	}
}

// matchInterfaces brings the OSPF interfaces in line with configuration and
// links. Links are known by name: a renamed link is a new one, and one that
// returns with another ifindex restarts.
func (e *Engine) matchInterfaces() {
	for _, i := range slices.Clone(e.ifaces) {
		if _, ok := e.links[i.name]; !ok && i.virtual == nil {
			i.remove("link is gone")
		}
	}
	names := make([]string, 0, len(e.links))
	for name := range e.links {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		link := e.links[name]
		i := e.iface(name)
		a, ic, ok := e.match(link)
		switch {
		case !ok && i != nil:
			i.remove("no longer matched by the configuration")
		case ok && i == nil:
			i = newIface(e, a, ic, link)
			e.addIface(i)
			i.start()
		case ok:
			i.update(a, ic, link)
		}
	}
}

// match finds the area and the entry that take the link.
func (e *Engine) match(l Link) (*area, InterfaceConfig, bool) {
	n, _, ic, ok := e.cfg.match(l)
	if !ok {
		return nil, ic, false
	}
	return e.area(e.cfg.Areas[n].ID), ic, true
}

// match finds the entry that takes the link: the first match over all areas in file order.
func (c *Config) match(l Link) (area, entry int, ic InterfaceConfig, ok bool) {
	for n, a := range c.Areas {
		for m, ic := range a.Interfaces {
			if ic.Match.Matches(l) {
				return n, m, ic, true
			}
		}
	}
	return 0, 0, InterfaceConfig{}, false
}
