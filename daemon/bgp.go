package daemon

import (
	"context"
	"maps"
	"net/netip"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/announce"
	"github.com/ecmpd/ecmpd/bgp/policy"
	"github.com/ecmpd/ecmpd/bgp/table"
	"github.com/ecmpd/ecmpd/bgp/worker"
)

// BGPCommand is the sub-command that is the BGP process; see package bgp/worker.
const BGPCommand = "bgp-process"

// nextHopWays says how next hops of BGP are reached: what they cost. One that is not in it is not reached.
type nextHopWays struct{ costs map[netip.Addr]uint32 }

func (nextHopWays) replaces(other any) bool { _, ok := other.(nextHopWays); return ok }

// said is how many words of the process may wait for the loop before the process waits.
const said = 256

// bgpLoop owns what BGP neighbours say. What is to be used goes to the route loop, which answers
// with the ways to next hops.
type bgpLoop struct {
	log     *logrus.Logger
	inbox   *mailbox[any]
	said    chan any // words of the process, in their order
	worker  *worker.Worker
	routes  func(any)
	history func(bgp.Event)
	changed func([]announce.Change)

	cfg      bgp.Config
	policies map[string]*policy.Policy
	announce *announce.Table
	world    announce.World
	table    *table.Table
	ways     map[netip.Addr]uint32
	asked    map[netip.Addr]bool // next hops whose ways the route loop was asked for
	sessions map[netip.Addr]bgp.Session
}

func (d *daemon) newBGPLoop() *bgpLoop {
	program, err := os.Executable()
	if err != nil {
		program = "/proc/self/exe"
	}
	b := &bgpLoop{
		log: d.log, inbox: newMailbox[any](), said: make(chan any, said), history: d.rememberSession, changed: d.rememberAnnouncements,
		routes: func(m any) { d.routes.inbox.put(m) }, ways: map[netip.Addr]uint32{}, asked: map[netip.Addr]bool{},
		sessions: map[netip.Addr]bgp.Session{},
	}
	b.announce = announce.NewTable()
	b.table = table.New(table.Self{}, bgp.Multipath{}, b.accept, b.reach)
	b.worker = worker.New(worker.Options{
		Command: []string{program, BGPCommand}, Receive: func(m any) { b.said <- m },
		OnError: func(err error) { d.log.WithError(err).Error("BGP") },
	})
	b.inbox.put(newConfig{d.config})
	return b
}

// run is the loop.
func (b *bgpLoop) run(ctx context.Context) error {
	expire := time.NewTimer(time.Hour)
	defer expire.Stop()
	for {
		select {
		case <-ctx.Done():
			go b.drain()
			return nil
		case m := <-b.said:
			b.hear(time.Now(), m)
			for n := len(b.said); n > 0; n-- { // what came together is chosen from together
				b.hear(time.Now(), <-b.said)
			}
		case <-b.inbox.ready:
			for _, m := range b.inbox.more() {
				b.apply(m)
			}
		case now := <-expire.C:
			b.table.Expire(now)
		}
		b.give()
		if at := b.table.Deadline(); !at.IsZero() {
			expire.Reset(time.Until(at))
		}
	}
}

// drain hears the process to its end, which must not wait for the loop.
func (b *bgpLoop) drain() {
	for range b.said {
	}
}

// hear takes a word of the process.
func (b *bgpLoop) hear(now time.Time, m any) {
	switch m := m.(type) {
	case worker.Update:
		b.table.Update(m.Neighbor, now, m.Attributes, m.Reachable, m.Withdrawn)
	case worker.EndOfRIB:
		b.table.EndOfRIB(m.Neighbor)
		b.log.WithField("neighbor", m.Neighbor).Info("BGP end of RIB")
	case worker.Session:
		b.sessionChanged(now, m)
	case worker.Lost:
		b.table.Lost(now, b.cfg.StaleTime)
		for a, s := range b.sessions {
			if s.State == bgp.Established {
				b.note(bgp.Event{Neighbor: a, AS: s.AS, From: s.State, To: bgp.Idle, Reason: m.Reason})
			}
			delete(b.sessions, a)
		}
	case worker.LogLine:
		b.logLine(m)
	}
}

// sessionChanged takes what has become of a session.
func (b *bgpLoop) sessionChanged(now time.Time, m worker.Session) {
	old := b.sessions[m.Neighbor]
	m.From = max(old.State, bgp.Idle)
	s := old
	s.Neighbor, s.AS, s.State = m.Neighbor, m.AS, m.To
	switch {
	case m.To == bgp.Established:
		m.Source.Client = b.peering(m.Neighbor).Reflect
		b.table.Up(m.Source)
		s.Since = now
	case old.State == bgp.Established:
		b.table.Down(m.Neighbor, now, m.Graceful)
		s.Since = now
	}
	b.sessions[m.Neighbor] = s
	if _, configured := b.configured(m.Neighbor); m.To != bgp.Established && !configured { // a dynamic one is gone
		delete(b.sessions, m.Neighbor)
	}
	if m.From == bgp.Established || m.To == bgp.Established {
		b.note(m.Event)
	}
}

// note tells the operator of a session that came or fell.
func (b *bgpLoop) note(e bgp.Event) {
	entry := b.log.WithFields(logrus.Fields{"neighbor": e.Neighbor, "as": e.AS, "from": e.From, "to": e.To})
	if e.To == bgp.Established {
		entry.Info("BGP session established")
	} else {
		entry.WithField("reason", e.Reason).Warn("BGP session down")
	}
	b.history(e)
}

func (b *bgpLoop) logLine(l worker.LogLine) {
	entry := b.log.WithField("neighbor", l.Neighbor)
	for k, v := range l.Fields {
		entry = entry.WithField(k, v)
	}
	switch l.Level {
	case worker.Error:
		entry.Error("BGP: " + l.Text)
	case worker.Warn:
		entry.Warn("BGP: " + l.Text)
	default:
		entry.Debug("BGP: " + l.Text)
	}
}

func (b *bgpLoop) apply(m any) {
	switch m := m.(type) {
	case newConfig:
		b.configureAnnouncements(m.config)
		b.configure(m.config.BGP)
	case uplinkStates:
		b.setWorld(announce.World{Uplinks: m.up, Drained: b.world.Drained})
	case leaving:
		b.setWorld(announce.World{Uplinks: b.world.Uplinks, Drained: m.drained})
	case ribRoutes:
		for _, p := range m.gone {
			b.announce.Retract(p)
		}
		for _, route := range m.selected {
			b.announce.Offer(route)
		}
	case nextHopWays:
		changed := make(map[netip.Addr]bool)
		for h := range b.asked {
			before, was := b.ways[h]
			now, is := m.costs[h]
			changed[h] = before != now || was != is
		}
		b.ways = m.costs
		b.table.NextHopChanged(changed)
	case query:
		m.f()
	}
}

// configure takes a configuration over.
func (b *bgpLoop) configure(c bgp.Config) {
	b.cfg = c
	b.worker.Configure(c)
	b.table.Configure(table.Self{AS: c.AS, RouterID: c.RouterID, ClusterID: c.ClusterID}, c.Multipath, b.accept)
	b.table.Retain(func(a netip.Addr) bool { return b.peering(a) != nil })
	maps.DeleteFunc(b.sessions, func(a netip.Addr, _ bgp.Session) bool { return b.peering(a) == nil })
}

// reach tells what the way to a next hop costs, as far as the route loop has said so.
func (b *bgpLoop) reach(hop netip.Addr) (uint32, bool) {
	cost, ok := b.ways[hop]
	return cost, ok
}

// peering finds the settings of a neighbour, configured or dynamic; nil when it is not wanted.
func (b *bgpLoop) peering(a netip.Addr) *bgp.Peering {
	if n, ok := b.configured(a); ok {
		return &n.Peering
	}
	var found *bgp.Dynamic
	for i, d := range b.cfg.Dynamic {
		if d.Prefix.Contains(a) && (found == nil || d.Prefix.Bits() > found.Prefix.Bits()) {
			found = &b.cfg.Dynamic[i]
		}
	}
	if found == nil {
		return nil
	}
	return &found.Peering
}

func (b *bgpLoop) configured(a netip.Addr) (*bgp.Neighbor, bool) {
	for i := range b.cfg.Neighbors {
		if n := &b.cfg.Neighbors[i]; n.Address == a {
			return n, true
		}
	}
	return nil, false
}

// give hands the route loop what has changed, and asks it for the ways to next hops that are new.
func (b *bgpLoop) give() {
	if changes := b.table.Changes(); len(changes) > 0 {
		b.learn(changes)
		b.routes(bgpRoutes{b.ribRoutes(changes)})
	}
	b.say()
	hops := b.table.NextHops()
	same := len(hops) == len(b.asked)
	for _, h := range hops {
		same = same && b.asked[h]
	}
	if same {
		return
	}
	b.asked = make(map[netip.Addr]bool, len(hops))
	for _, h := range hops {
		b.asked[h] = true
	}
	b.routes(nextHopQuestion{hops})
}

// rememberSession puts a change among what happened lately, which the OSPF loop owns and nobody waits for.
func (d *daemon) rememberSession(e bgp.Event) {
	go d.speaker.Do(func(now time.Time) { // after the end of the loop there is nobody to tell
		d.history.events.add(api.Event{
			Time: now.Format(api.TimeFormat), Kind: "bgp", Address: e.Neighbor.String(), From: e.From.String(), To: e.To.String(), Reason: e.Reason,
		})
	})
}
