package ospf

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// originateInfo brings the area's router information LSA (RFC 7770) in line:
// the router's name, and how it chooses among equal-cost next hops, with the weights
// of the links of its router-LSA.
func (a *area) originateInfo() {
	e := a.e
	k := packet.Key{Type: packet.LSOpaqueArea, ID: packet.RouterInfoID, Adv: e.cfg.RouterID}
	if e.cfg.Multipath == nil {
		e.withdraw(a.db, k)
		return
	}
	if !a.announced { // the weights would change with the first links
		return
	}
	info := packet.RouterInfoLSA{Capabilities: e.capabilities()}
	if !a.external() || !e.tellsAll() {
		info.Hostname = e.cfg.Hostname
	}
	m := *e.cfg.Multipath
	for _, l := range a.root {
		if l.Weight > 1 && l.Link.Type != packet.LinkStub {
			m.Weights = append(m.Weights, packet.LinkWeight{ID: l.Link.ID, Data: l.Link.Data, Type: l.Link.Type, Weight: l.Weight})
		}
	}
	info.Multipath = &m
	e.originate(a.db, k, info)
}

// originateInfoAS brings the router information LSA of AS scope in line: by it an AS boundary router tells its name to all
// areas that carry externals, instead of in an LSA of each (RFC 5642 3.1.1).
func (e *Engine) originateInfoAS() {
	k := packet.Key{Type: packet.LSOpaqueAS, ID: packet.RouterInfoID, Adv: e.cfg.RouterID}
	switch {
	case !e.tellsAll():
		e.withdraw(e.as, k)
	case slices.ContainsFunc(e.areas, func(a *area) bool { return a.announced }):
		e.originate(e.as, k, packet.RouterInfoLSA{Capabilities: e.capabilities(), Hostname: e.cfg.Hostname})
	}
}

// tellsAll tells whether the router's name goes to all areas.
func (e *Engine) tellsAll() bool {
	return e.cfg.Multipath != nil && e.cfg.Hostname != "" && e.boundary() && e.carriesExternals()
}

// capabilities are what the router says that it can do (RFC 7770 2.4).
func (e *Engine) capabilities() packet.Capabilities {
	c := packet.CapStubRouter | packet.CapPointToPointLAN
	if e.cfg.GracefulRestart.Enabled {
		c |= packet.CapGracefulRestart
	}
	if e.cfg.GracefulRestart.Helper {
		c |= packet.CapRestartHelper
	}
	return c
}

// Hostnames are the names that routers tell (RFC 5642), by router id, the own one
// included. Characters that could disturb a terminal are replaced. Of several
// names of one router the lowest area's counts.
func (e *Engine) Hostnames(now time.Time) map[packet.ID]string {
	names := make(map[packet.ID]string)
	for _, l := range e.LSAs(now) {
		if l.Header.Type != packet.LSOpaqueArea && l.Header.Type != packet.LSOpaqueAS {
			continue
		}
		if name, ok := packet.DecodeHostname(l.Raw); ok && names[l.Header.Adv] == "" {
			names[l.Header.Adv] = strings.Map(printable, name)
		}
	}
	return names
}

func printable(r rune) rune {
	if r > unicode.MaxASCII || !unicode.IsGraphic(r) {
		return '?'
	}
	return r
}
