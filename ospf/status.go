package ospf

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// NeighborStatus is one row of "show ospf neighbor". A sender whose packets are
// dropped appears as Down, with the reason in Why.
type NeighborStatus struct {
	RouterID    packet.ID
	Address     netip.Addr
	Interface   string
	Area        packet.ID
	Priority    uint8
	State       string                 // RFC 2328 10.1
	Role        string                 // "DR", "Backup", "DROther"; "-" on point-to-point links
	DR, BDR     netip.Addr             // whom its last Hello named; 0.0.0.0: nobody
	Up          time.Duration          // in this state
	Dead        time.Duration          // until the inactivity timer fires
	Retransmits int                    // length of the retransmission list
	Overdue     int                    // of these, LSAs that were sent again three times and more
	Requests    int                    // length of the request list
	Summaries   int                    // LSAs still to be described
	Extended    packet.ExtendedOptions // that it signals (RFC 5613)
	Helping     time.Duration          // for which it is still helped through a graceful restart (RFC 3623 3); 0: it is not
	LastHelp    string                 // how that ended last, or why it was refused; empty when it never was asked for
	Why         string                 // what keeps it from Full, or Full from being of use; empty when nothing does
	Reject      Reject                 // why a packet of it was dropped lately; 0: none was
}

// Neighbors lists the neighbours, and the routers that would be but for a
// mismatch, by interface and address.
func (e *Engine) Neighbors(now time.Time) []NeighborStatus {
	list := []NeighborStatus{}
	for _, i := range e.ifaces {
		for _, n := range i.neighbors {
			list = append(list, NeighborStatus{
				RouterID: n.id, Address: n.addr, Interface: i.name, Area: i.area.id,
				Priority: n.priority, State: n.state.String(), Role: n.role(), DR: n.dr, BDR: n.bdr,
				Up: now.Sub(n.since), Dead: max(0, n.deadAt.Sub(now)),
				Retransmits: len(n.retx.entries), Overdue: n.retx.overdue(), Requests: len(n.requests.wanted), Summaries: len(n.exchange.summary), Extended: n.extended,
				Helping: n.helpLeft(now), LastHelp: n.helping.last,
				Why: n.explain(), Reject: i.strangers.reason(n.addr, now.Add(-2*i.cfg.DeadInterval)),
			})
		}
		for _, s := range i.strangers.recent(now.Add(-2 * i.cfg.DeadInterval)) {
			if !slices.ContainsFunc(i.neighbors, func(n *neighbor) bool { return n.addr == s.addr }) {
				list = append(list, NeighborStatus{
					RouterID: s.routerID, Address: s.addr, Interface: i.name, Area: i.area.id,
					State: nbrDown.String(), Role: "-", DR: unspecified, BDR: unspecified, Up: now.Sub(s.last), Why: s.detail, Reject: s.reason,
				})
			}
		}
	}
	return list
}

// explain says what keeps the neighbour from Full. Ends of different network types
// do become Full, and then no route uses the link (RFC 2328 16.1 (2b)): only the
// DR in the Hello tells.
func (n *neighbor) explain() string {
	switch {
	case n.state == nbrFull && n.i.virtual == nil && n.i.state == ifPointToPoint && (n.dr != unspecified || n.bdr != unspecified):
		return fmt.Sprintf("network type mismatch: the neighbour elects a DR, our end is %s; no route uses the link", n.i.kind())
	case n.state == nbrFull && n.i.state != ifPointToPoint && n.dr == unspecified && n.bdr == unspecified:
		return fmt.Sprintf("network type mismatch: the neighbour knows no DR, our end is %s; no route uses the link", n.i.kind())
	case n.state == nbrFull && n.retx.overdue() > 0:
		return n.retx.complaint()
	case n.state == nbrFull:
		return ""
	case n.helping.active:
		return "restarts gracefully, and is helped"
	case n.id == 0 && n.state == nbrDown && !n.i.greets(n):
		return "one of us can not be DR and neither is DR or Backup: it is sent no hello (RFC 2328 9.5.1)"
	case n.state == nbrTwoWay && n.i.state == ifWaiting:
		return "waiting for the DR election"
	case n.state == nbrTwoWay && !n.wantsAdjacency():
		return "neither of us is DR or Backup: no adjacency is needed"
	case n.state == nbrTwoWay:
		return fmt.Sprintf("waits for its turn: %d adjacencies may come up at the same time", n.i.e.cfg.MaxForming)
	}
	return n.why
}

func (n *neighbor) role() string {
	switch {
	case n.i.state == ifPointToPoint:
		return "-"
	case n.addr == n.i.dr:
		return "DR"
	case n.addr == n.i.bdr:
		return "Backup"
	}
	return "DROther"
}

// InterfaceStatus is one row of "show ospf interface".
type InterfaceStatus struct {
	Interface  string
	Area       packet.ID
	Type       string // RFC 9129 interface-type, "loopback", "virtual-link"
	Unicast    bool   // packets go to each neighbour by itself: the link is in no multicast group
	State      string // RFC 2328 9.1, and "Passive"
	Address    netip.Prefix
	Unnumbered bool
	Cost       uint16 // as announced
	MTU        int
	Priority   uint8
	DR, BDR    netip.Addr // 0.0.0.0 when there is none
	Hello      time.Duration
	Dead       time.Duration
	Neighbors  int
	Adjacent   int // neighbours that are Full, or helped through a restart
	Passive    bool
	Auth       string            // how packets are authenticated: "none", "md5, key 1 of backbone"
	Why        string            // why it is down, or what is wrong with its keys
	Rejected   map[string]uint64 // packets dropped, by reason
}

// Interfaces lists the OSPF interfaces by name.
func (e *Engine) Interfaces() []InterfaceStatus {
	list := []InterfaceStatus{}
	for _, i := range e.ifaces {
		s := InterfaceStatus{
			Interface: i.name, Area: i.area.id, Type: i.kind().String(), Unicast: i.unicast(), State: i.state.String(),
			Address: i.addr.Addr, Unnumbered: i.addr.Addr.IsValid() && i.unnumbered(), Cost: i.cost(), MTU: i.link.MTU, Priority: i.cfg.Priority,
			DR: i.dr, BDR: i.bdr, Hello: i.cfg.HelloInterval, Dead: i.cfg.DeadInterval,
			Neighbors: len(i.neighbors), Passive: i.state == ifPassive, Rejected: map[string]uint64{},
		}
		for _, n := range i.neighbors {
			if n.adjacent() {
				s.Adjacent++
			}
		}
		s.Auth, s.Why = i.authentication()
		switch {
		case i.virtual != nil && i.virtual.why != "":
			s.Why = i.virtual.why
		case !i.link.Up:
			s.Why = "link is down"
		case !i.addr.Addr.IsValid():
			s.Why = "no IPv4 address"
		}
		for r, n := range i.rejected {
			if n > 0 {
				s.Rejected[Reject(r).String()] = n
			}
		}
		list = append(list, s)
	}
	return list
}

var typeNames = [...]string{"auto", "broadcast", "point-to-point", "loopback", "virtual-link", "non-broadcast", "point-to-multipoint", "hybrid"}

// String returns the type's name in RFC 9129.
func (t InterfaceType) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// DatabaseStatus is the whole link state database.
type DatabaseStatus struct {
	RouterID packet.ID
	Areas    []ScopeStatus
	External ScopeStatus
	Links    []ScopeStatus // type 9; only links that have any
}

// ScopeStatus is the database of one flooding scope.
type ScopeStatus struct {
	Area        packet.ID
	Interface   string // link scope only
	LSAs        []packet.LSAHeader
	Fingerprint uint64 // equal in synchronised databases
}

// Database returns every LSA's header with its present age.
func (e *Engine) Database(now time.Time) DatabaseStatus {
	s := DatabaseStatus{RouterID: e.cfg.RouterID, Areas: []ScopeStatus{}, Links: []ScopeStatus{}}
	if e.started.IsZero() {
		s.External.LSAs = []packet.LSAHeader{}
		return s
	}
	for _, a := range e.areas {
		s.Areas = append(s.Areas, scopeStatus(a.db.DB, a.id, "", now))
	}
	s.External = scopeStatus(e.as.DB, 0, "", now)
	for _, i := range e.ifaces {
		if i.db.Len() > 0 {
			s.Links = append(s.Links, scopeStatus(i.db.DB, i.area.id, i.name, now))
		}
	}
	return s
}

func scopeStatus(db *lsdb.DB, area packet.ID, link string, now time.Time) ScopeStatus {
	s := ScopeStatus{Area: area, Interface: link, LSAs: make([]packet.LSAHeader, 0, db.Len()), Fingerprint: db.Fingerprint()}
	for entry := range db.All() {
		s.LSAs = append(s.LSAs, entry.HeaderAt(now))
	}
	return s
}

// Routes lists the OSPF routes by prefix.
func (e *Engine) Routes() []spf.Route {
	list := []spf.Route{}
	if e.table != nil {
		for r := range e.table.Routes() {
			list = append(list, r)
		}
	}
	return list
}

// Shared lists the prefixes inside networks of whose flows this router sees a
// part only, because other routers reach them at equal cost past it.
func (e *Engine) Shared(networks []netip.Prefix) []spf.Shared {
	if e.table == nil || len(networks) == 0 {
		return []spf.Shared{}
	}
	externals := e.wantedExternals()
	return e.table.Shared(networks, func(p netip.Prefix) (spf.OwnExternal, bool) {
		x, ok := externals[p]
		return spf.OwnExternal{Metric: x.metric, Type2: x.type2}, ok
	})
}

// BorderRouters lists the area border routers and AS boundary routers that the
// route table knows, by router id and area.
func (e *Engine) BorderRouters() []spf.RouterRoute {
	if e.table == nil {
		return nil
	}
	return e.table.Routers()
}

// Converged tells whether a start is over: the router has run for the longest
// dead interval of its interfaces and no graceful restart goes on, no neighbour is on its way to Full and the LSAs
// at both ends of the adjacencies say so, which MinLSInterval may have held back.
// It is true in any case after twice the longest dead interval.
func (e *Engine) Converged(now time.Time) bool {
	if e.started.IsZero() || e.restart.active {
		return false
	}
	longest := e.longestDead()
	settled := true
	for _, i := range e.ifaces {
		if !i.listens() {
			continue
		}
		for _, n := range i.neighbors {
			if n.state < nbrInit { // listed, and not there
				continue
			}
			if n.state != nbrFull && (n.state != nbrTwoWay || n.wantsAdjacency() || i.state == ifWaiting) || !n.announcesUs() {
				settled = false
			}
		}
	}
	for _, s := range e.origin {
		if s.overdue() {
			settled = false
		}
	}
	running := now.Sub(e.started)
	return running >= 2*longest || running >= longest && settled && !e.delay.timer.armed()
}

// longestDead is the longest dead interval: of the interfaces, or while no link has appeared of the configuration.
func (e *Engine) longestDead() (longest time.Duration) {
	for _, i := range e.ifaces {
		if i.listens() {
			longest = max(longest, i.cfg.DeadInterval)
		}
	}
	if longest > 0 {
		return longest
	}
	for _, a := range e.cfg.Areas {
		for _, c := range a.Interfaces {
			if !c.Passive {
				longest = max(longest, c.DeadInterval)
			}
		}
	}
	return longest
}

// announcesUs tells whether the router-LSA of a full neighbour on a
// point-to-point link leads back to us. Nothing is asked of other neighbours.
func (n *neighbor) announcesUs() bool {
	e := n.i.area.e
	if n.state != nbrFull || n.i.state != ifPointToPoint {
		return true
	}
	entry := n.i.area.db.Lookup(packet.Key{Type: packet.LSRouter, ID: n.id, Adv: n.id})
	if entry == nil {
		return false
	}
	lsa, err := packet.DecodeRouterLSA(entry.Raw)
	return err == nil && slices.ContainsFunc(lsa.Links, func(l packet.RouterLink) bool {
		return (l.Type == packet.LinkPointToPoint || l.Type == packet.LinkVirtual) && l.ID == e.cfg.RouterID
	})
}

// Counters count since the start.
type Counters struct {
	Received    [6]uint64 // by packet type; accepted
	Sent        [6]uint64 // by packet type
	Strays      uint64    // packets on links that have no OSPF interface
	Retransmits uint64
	SPFRuns     uint64
}

// Counters returns the engine's counters.
func (e *Engine) Counters() Counters { return e.counters }

// LSA is one advertisement with its contents.
type LSA struct {
	Area      packet.ID // zero for AS-external LSAs
	Interface string    // of link scope only
	Header    packet.LSAHeader
	Raw       []byte // complete; nobody modifies it
}

// LSAs returns the LSAs of all areas, then the AS-external ones and those of link scope, but for those at MaxAge.
func (e *Engine) LSAs(now time.Time) []LSA {
	list := []LSA{}
	add := func(db *lsdb.DB, area packet.ID, link string) {
		for entry := range db.All() {
			if !entry.IsMaxAge(now) {
				list = append(list, LSA{Area: area, Interface: link, Header: entry.HeaderAt(now), Raw: entry.Raw})
			}
		}
	}
	if e.started.IsZero() {
		return list
	}
	for _, a := range e.areas {
		add(a.db.DB, a.id, "")
	}
	add(e.as.DB, 0, "")
	for _, i := range e.ifaces {
		add(i.db.DB, i.area.id, i.name)
	}
	return list
}
