package ospf

import (
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
	m := *e.cfg.Multipath
	for _, l := range a.root {
		if l.Weight > 1 && l.Link.Type != packet.LinkStub {
			m.Weights = append(m.Weights, packet.LinkWeight{ID: l.Link.ID, Data: l.Link.Data, Type: l.Link.Type, Weight: l.Weight})
		}
	}
	e.originate(a.db, k, packet.RouterInfoLSA{Hostname: e.cfg.Hostname, Multipath: m})
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
