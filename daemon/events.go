package daemon

import (
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/link"
	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf"
)

// onLinks hands a snapshot to those who live by it; routes first, because a
// lost carrier has already taken nexthops out of the kernel.
func (d *daemon) onLinks(s link.Snapshot) {
	d.routes.inbox.put(linkSnapshot{s})
	d.uplinks.inbox.put(linkSnapshot{s})
	d.bfd.Links(linkIndexes(s))
	d.speaker.Post(ospfLinks(s))
}

func (d *daemon) onSpeakerError(iface string, err error) {
	d.log.WithError(err).WithField("interface", iface).Warn("OSPF socket")
}

// onOutput takes what the engine wants from the world beside packets. It runs
// in the OSPF loop and must not block.
func (d *daemon) onOutput(now time.Time, out ospf.Output) {
	interfaces, calculated := false, false
	d.history.ran(now, out)
	for _, ev := range out.Events {
		d.logEvent(now, ev)
		d.history.add(now, ev)
		switch ev := ev.(type) {
		case ospf.NeighborChange:
			d.changes.Add(1)
			if dead, known := legState(ev); known {
				leg := nexthop.Leg{Interface: ev.Interface, Gateway: ev.Address}
				d.routes.inbox.put(legChange{leg, dead})
				if dead && ev.Network == ospf.TypeNonBroadcast {
					d.unheard = append(d.unheard, leg)
				}
			}
			if wantsBFD(ev) {
				d.askOSPFSessions(ev.Interface)
			}
			interfaces = interfaces || ev.From == "Full" || ev.To == "Full"
			if ev.To == "Full" { // before its routes lead here
				d.firewall.inbox.put(rejoined{})
			}
		case ospf.InterfaceChange:
			d.askOSPFSessions(ev.Interface)
			interfaces = true
		case ospf.Helping:
			if ev.Ended && !ev.Adjacent { // nothing speaks for the way through it any longer
				d.routes.inbox.put(legChange{nexthop.Leg{Interface: ev.Interface, Gateway: ev.Address}, true})
			}
			interfaces = true
		case ospf.RestartPrepared:
			d.prepared = ev
		case ospf.Reserve:
			d.sequences.inbox.put(ev)
		case ospf.SPFRun:
			if before := d.vertices; ev.Vertices > before && before > 0 { // a router came back, and moves flows between the others
				d.firewall.inbox.put(rejoined{})
			}
			d.vertices = ev.Vertices
			calculated = true
		}
	}
	for step := range slices.Chunk(out.Routes, routeStep) {
		d.routes.inbox.put(ospfRoutes{step})
	}
	if calculated {
		d.revive()
	}
	if interfaces {
		d.routes.inbox.put(fullNeighbors{d.ospfInterfaces()})
	}
	if out.Done {
		close(d.flushed)
	}
}

// legState tells what a change of a neighbour means for the way through it:
// a lost adjacency kills it before any route is calculated anew, and it lives
// again when the neighbour is Full (or 2-Way, where no adjacency is wanted). The way
// through a neighbour that restarts gracefully stays.
func legState(c ospf.NeighborChange) (dead, known bool) {
	switch {
	case c.To == "Full", c.To == "2-Way":
		return false, true
	case c.Helped:
		return false, false
	case c.From == "Full", c.From == "2-Way" && (c.To == "Init" || c.To == "Down"):
		return true, true
	}
	return false, false
}

// revive believes the routes again about legs on networks where routers need not hear each
// other to forward to each other (RFC 2328 9.5.1): no Hello will say that they live.
func (d *daemon) revive() {
	for _, leg := range d.unheard {
		d.routes.inbox.put(legChange{leg, false})
	}
	d.unheard = nil
}

// ospfInterfaces is what the route loop has to know; runs in the OSPF loop.
func (d *daemon) ospfInterfaces() map[string]ospfInterface {
	m := make(map[string]ospfInterface)
	for _, i := range d.engine.Interfaces() {
		if i.State != "Down" {
			m[i.Interface] = ospfInterface{passive: i.Passive, pointToPoint: i.Type == "point-to-point", full: i.Adjacent > 0}
		}
	}
	return m
}

// logEvent writes one line per event that matters.
func (d *daemon) logEvent(now time.Time, ev ospf.Event) {
	switch ev := ev.(type) {
	case ospf.NeighborChange:
		entry := d.log.WithFields(logrus.Fields{
			"interface": ev.Interface, "neighbor": ev.RouterID, "address": ev.Address,
			"from": ev.From, "to": ev.To, "reason": ev.Reason,
		})
		if ev.To == "Full" || ev.From == "Full" || ev.To == "Down" {
			entry.Info("neighbor changed")
		} else {
			entry.Debug("neighbor changed")
		}
	case ospf.InterfaceChange:
		d.log.WithFields(logrus.Fields{
			"interface": ev.Interface, "area": ev.Area, "from": ev.From, "to": ev.To, "reason": ev.Reason,
		}).Info("interface changed")
		if ev.From == "Down" && ev.To != "Loopback" && ev.To != "Passive" {
			d.warnReversePath(ev.Interface)
		}
	case ospf.SPFRun:
		d.log.WithFields(logrus.Fields{
			"areas": ev.Areas, "vertices": ev.Vertices, "changed": ev.Changed, "trigger": ev.Trigger,
			"duration": time.Since(now).Round(10 * time.Microsecond),
		}).Info("SPF run")
	case ospf.Helping:
		d.logHelping(ev)
	case ospf.RestartChange:
		d.logRestart(ev)
	case ospf.PacketRejected:
		d.log.WithFields(logrus.Fields{
			"interface": ev.Interface, "source": ev.Src, "type": ev.Type, "reason": ev.Reason, "detail": ev.Detail,
		}).Warn("packet rejected")
	case ospf.OverflowChange:
		entry := d.log.WithFields(logrus.Fields{"externals": ev.Externals, "limit": ev.Limit})
		if ev.Active {
			entry.Error("too many externals: ours are taken back (RFC 1765)")
		} else {
			entry.Warn("externals have room again: ours are announced")
		}
	case ospf.Alarm:
		d.log.WithFields(logrus.Fields{"kind": ev.Kind, "subject": ev.Subject, "detail": ev.Detail}).Error("alarm")
	}
}

func (d *daemon) logHelping(ev ospf.Helping) {
	entry := d.log.WithFields(logrus.Fields{
		"interface": ev.Interface, "neighbor": ev.RouterID, "address": ev.Address, "reason": ev.Reason,
	})
	switch {
	case ev.Began:
		entry.WithField("period", ev.Period).Info("neighbor restarts gracefully, and is helped")
	case ev.Ended:
		entry.WithField("adjacent", ev.Adjacent).Info("neighbor is no longer helped through its restart")
	default:
		entry.Warn("neighbor wants to restart gracefully, and is not helped")
	}
}

func (d *daemon) logRestart(ev ospf.RestartChange) {
	entry := d.log.WithField("reason", ev.Reason)
	switch {
	case ev.Active:
		entry.Info("graceful restart: the kernel's routes stay while neighbours wait")
	case ev.Success:
		entry.Info("graceful restart is over")
	default:
		entry.Warn("graceful restart has failed: neighbours may have turned away meanwhile")
	}
}
