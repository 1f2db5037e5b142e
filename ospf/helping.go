package ospf

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// GracefulRestart holds the RFC 3623 behaviour.
type GracefulRestart struct {
	Enabled   bool          // this router restarts gracefully
	Interval  time.Duration // grace period that it asks for: whole seconds, 1 s to [packet.MaxGracePeriod]
	Helper    bool          // it helps neighbours that do
	StrictLSA bool          // and ceases when the topology changes
}

// helping is what a router does for a neighbour that restarts gracefully (RFC 3623 3): it goes
// on as if the adjacency were Full, whatever its state is.
type helping struct {
	active  bool
	until   time.Time // end of the grace period
	timer   timer
	was     declared // what the neighbour said about the election when it began
	changed string   // the LSA that ends it; empty: none has changed
	last    string   // how the last one ended, or why there was none
}

// Helping says that the router began or ceased to help a neighbour through a
// graceful restart, or, without Began, Ended and period, that it refused to.
type Helping struct {
	Interface string
	Area      packet.ID
	RouterID  packet.ID
	Address   netip.Addr
	Began     bool
	Ended     bool
	Period    time.Duration // that is left, when it began
	Reason    string        // why the neighbour restarts, why the router ceased or why it refused
	Adjacent  bool          // the neighbour is Full now
}

func (Helping) event() {}

// adjacent tells whether LSAs list the neighbour: it is Full, or helped through a restart.
func (n *neighbor) adjacent() bool { return n.state == nbrFull || n.helping.active }

// election is what the neighbour contributes to the election of DR and Backup; ok is false when
// it takes no part. One that is helped keeps the role that it had (RFC 3623 3).
func (n *neighbor) election() (d declared, ok bool) {
	if n.helping.active {
		return n.helping.was, true
	}
	return declared{n.priority, n.dr, n.bdr}, n.state >= nbrTwoWay
}

// receiveGrace takes a Grace-LSA that has just been installed.
func (i *iface) receiveGrace(entry *lsdb.Entry) {
	g, err := packet.DecodeGraceLSA(entry.Raw)
	n := i.restarter(entry.Adv, g)
	switch {
	case n == nil: // none of ours, which is for the DR to judge on a LAN
	case err != nil:
		n.refuseHelp(err.Error())
	case entry.IsMaxAge(i.e.now): // RFC 3623 3.2 (1)
		if n.state == nbrFull {
			n.endHelping("the restart is over")
		} else {
			n.endHelping("it has given up its restart")
		}
	default:
		n.help(g, time.Duration(entry.AgeAt(i.e.now)&^packet.DoNotAge)*time.Second)
	}
}

// restarter is the neighbour that a Grace-LSA speaks of (RFC 3623 3.1 (1)): the one with the
// advertising router's id and, where there is more than one, the address in the body.
func (i *iface) restarter(id packet.ID, g packet.GraceLSA) *neighbor {
	for _, n := range i.neighbors {
		if n.id == id && (i.pair() || n.addr == g.Address) {
			return n
		}
	}
	return nil
}

// help enters helper mode for the neighbour if all checks of RFC 3623 3.1 pass.
func (n *neighbor) help(g packet.GraceLSA, age time.Duration) {
	i, e := n.i, n.i.e
	h := &n.helping
	if !h.active {
		if n.stays() && i.kind() != TypeHybrid {
			return // nothing lists it; the DR helps
		}
		if why := n.unhelpable(); why != "" {
			n.refuseHelp(why)
			return
		}
	}
	if age >= g.Period { // (3)
		n.refuseHelp(gracePeriodOver)
		return
	}
	if !h.active {
		h.active, h.changed, h.was = true, "", declared{n.priority, n.dr, n.bdr}
	}
	h.until = e.now.Add(g.Period - age)
	e.timers.set(&h.timer, h.until)
	e.emit(Helping{
		Interface: i.name, Area: i.area.id, RouterID: n.id, Address: n.addr,
		Began: true, Period: g.Period - age, Reason: g.Reason.String(), Adjacent: true,
	})
}

const gracePeriodOver = "the grace period is over"

// stays tells whether the neighbour is 2-Way for good: no adjacency is wanted (RFC 2328 10.4).
func (n *neighbor) stays() bool { return n.state == nbrTwoWay && !n.wantsAdjacency() }

// unhelpable says why the router will not help the neighbour (RFC 3623 3.1); empty when it will.
func (n *neighbor) unhelpable() string {
	e := n.i.e
	switch {
	case n.state != nbrFull && !n.stays(): // (1); of a hybrid network LSAs list who is 2-Way as well
		return "the adjacency is in state " + n.state.String()
	case e.restart.active: // (5)
		return "this router restarts itself"
	case !e.cfg.GracefulRestart.Helper: // (4)
		return "graceful-restart.helper-enabled is off"
	}
	if !e.cfg.GracefulRestart.StrictLSA {
		return ""
	}
	var changed []packet.Key
	for k, entry := range n.retx.entries { // (2)
		if entry.Changed && topological(k.Type) {
			changed = append(changed, k)
		}
	}
	if len(changed) == 0 {
		return ""
	}
	return fmt.Sprintf("it has not acknowledged the change of %s", slices.MinFunc(changed, packet.Key.Compare))
}

// topological tells whether LSAs of the type say what the network is like: types 1 to 5 and 7.
func topological(t packet.LSType) bool { return t < packet.LSOpaqueLink }

func (n *neighbor) refuseHelp(why string) {
	n.helping.last = "refused: " + why
	n.i.e.emit(Helping{
		Interface: n.i.name, Area: n.i.area.id, RouterID: n.id, Address: n.addr, Reason: why, Adjacent: n.adjacent(),
	})
}

// endHelping leaves helper mode (RFC 3623 3.2): LSAs and election follow the present state of the adjacency again.
func (n *neighbor) endHelping(why string) {
	i, e := n.i, n.i.e
	if !n.helping.active {
		return
	}
	n.helping.active, n.helping.last = false, why
	if n.dr == unspecified && n.bdr == unspecified { // it has not told its role yet
		n.priority, n.dr, n.bdr = n.helping.was.priority, n.helping.was.dr, n.helping.was.bdr
	}
	e.timers.stop(&n.helping.timer)
	e.emit(Helping{
		Interface: i.name, Area: i.area.id, RouterID: n.id, Address: n.addr,
		Ended: true, Reason: why, Adjacent: n.state == nbrFull,
	})
	if n.state == nbrDown {
		n.forget()
	}
	i.event(neighborChange, "neighbour "+n.id.String()+" is no longer helped") // a)
	i.area.rootDirty = true                                                    // b)
	i.originateNetwork()                                                       // c)
	if i.virtual != nil {                                                      // d)
		e.transitChanged(i.virtual.transit)
	}
}

// noteChange marks the neighbours that an LSA of new contents ends the help for: those that it
// would be flooded to (RFC 3623 3.2 (3)). What a restarting router says of itself is not news to it.
func (e *Engine) noteChange(d *database, entry *lsdb.Entry) {
	if !e.cfg.GracefulRestart.StrictLSA || !topological(entry.Type) {
		return
	}
	for _, i := range e.scope(d) {
		for _, n := range i.neighbors {
			if n.helping.active && n.helping.changed == "" && n.id != entry.Adv {
				n.helping.changed, e.helpDue = entry.Key().String(), true
			}
		}
	}
}

// settleHelping ceases to help where the topology or the configuration says so, and tells whether it did.
func (e *Engine) settleHelping() bool {
	if !e.helpDue {
		return false
	}
	e.helpDue = false
	for _, i := range e.ifaces {
		for _, n := range slices.Clone(i.neighbors) {
			switch {
			case !n.helping.active:
			case !e.cfg.GracefulRestart.Helper:
				n.endHelping("graceful-restart.helper-enabled is off")
			case n.helping.changed != "":
				n.endHelping("the topology has changed: " + n.helping.changed)
			}
		}
	}
	return true
}

// helpLeft is how long the neighbour is helped yet.
func (n *neighbor) helpLeft(now time.Time) time.Duration {
	if !n.helping.active {
		return 0
	}
	return max(0, n.helping.until.Sub(now))
}
