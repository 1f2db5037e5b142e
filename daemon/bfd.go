package daemon

import (
	"maps"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/bfd"
	"github.com/ecmpd/ecmpd/bfd/worker"
	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/rib"
)

// BFDCommand is the sub-command that is the BFD process; see package bfd/worker.
const BFDCommand = "bfd-process"

// newBFD prepares the BFD process, which is this program again.
func (d *daemon) newBFD() *worker.Worker {
	program, err := os.Executable()
	if err != nil {
		program = "/proc/self/exe"
	}
	return worker.New(worker.Options{
		Command: []string{program, BFDCommand}, OnEvent: d.onBFD,
		OnError: func(err error) { d.log.WithError(err).Warn("BFD") },
	})
}

// onBFD tells the clients what has become of a session. It must not block.
func (d *daemon) onBFD(e bfd.Event) {
	d.sessions.changed(e.Key, e.To)
	if e.Failed {
		d.speaker.Post(ospf.BFDDown{Interface: e.Interface, Neighbor: e.Peer, Reason: e.Reason})
		if _, watched := d.currentConfig().BGPBFD[e.Peer]; watched {
			d.bgp.worker.Reset(e.Peer, "BFD session failed: "+e.Reason)
		}
	}
	if e.From == bfd.Up || e.To == bfd.Up {
		d.routes.inbox.put(bfdChange{nexthop.Leg{Interface: e.Interface, Gateway: e.Peer}, e.To == bfd.Up})
	}
	entry := d.log.WithFields(logrus.Fields{"interface": e.Interface, "peer": e.Peer, "from": e.From, "to": e.To})
	switch {
	case e.Failed:
		entry.WithField("reason", e.Reason).Warn("BFD session failed")
	case e.From == bfd.Up:
		entry.WithField("reason", e.Reason).Info("BFD session down")
	case e.To == bfd.Up:
		entry.Info("BFD session up")
	default:
		entry.Debug("BFD session changed")
	}
}

// askOSPFSessions asks for what OSPF wants on an interface; runs in the OSPF loop.
func (d *daemon) askOSPFSessions(ifname string) {
	var list []bfd.Config
	now := time.Now()
	for _, s := range d.engine.BFDSessions(ifname) {
		list = append(list, bfd.Config{
			Key: bfd.Key{Interface: ifname, Peer: s.Peer}, Local: s.Local, PointToPoint: s.PointToPoint,
			MinTx: s.MinInterval, MinRx: s.MinInterval, Multiplier: s.Multiplier, Auth: bfdAuth(s.BFD, now),
		})
	}
	d.sessions.want("OSPF on "+ifname, list)
}

// askAllOSPFSessions does so for all interfaces, after a new configuration.
func (d *daemon) askAllOSPFSessions() {
	// After the end of the loop there is nobody to ask for.
	_ = d.speaker.Do(func(time.Time) {
		for _, i := range d.engine.Interfaces() {
			d.askOSPFSessions(i.Interface)
		}
	})
}

// wantsBFD tells whether a change may have changed what OSPF wants of BFD.
func wantsBFD(c ospf.NeighborChange) bool { return twoWay(c.From) != twoWay(c.To) }

func twoWay(state string) bool { return state != "Down" && state != "Attempt" && state != "Init" }

// watchGateways asks for the sessions with the gateways of watched static hops, and with BGP neighbours.
func (r *routeLoop) watchGateways(networks []rib.Network) {
	r.watchAttached("static routes", r.cfg.StaticBFD, networks)
	r.watchAttached("BGP neighbours", r.cfg.BGPBFD, networks)
}

func (r *routeLoop) watchAttached(client string, peers map[netip.Addr]ospf.BFD, networks []rib.Network) {
	var list []bfd.Config
	for via, b := range peers {
		leg, ok := rib.StaticLeg(via, networks)
		if !ok {
			continue
		}
		c := bfd.Config{
			Key: bfd.Key{Interface: leg.Interface, Peer: via}, Local: r.ownAddress(leg),
			MinTx: b.MinInterval, MinRx: b.MinInterval, Multiplier: b.Multiplier, Auth: bfdAuth(b, time.Now()),
		}
		if c.Local.IsValid() {
			list = append(list, c)
		}
	}
	r.sessions.want(client, list)
}

// ownAddress is the address of the leg's interface that shares a network with its gateway.
func (r *routeLoop) ownAddress(leg nexthop.Leg) netip.Addr {
	l, _ := r.links.ByName(leg.Interface)
	for _, a := range l.Addrs {
		if a.Peer == leg.Gateway || a.Addr.Contains(leg.Gateway) {
			return a.Addr.Addr()
		}
	}
	return netip.Addr{}
}

// bfdSessions brings together what several clients want: they share the session with
// a neighbour (RFC 5882 2).
type bfdSessions struct {
	set     func(bfd.Config)
	release func(bfd.Key)

	mu      sync.Mutex
	clients map[string]map[bfd.Key]bfd.Config
	states  map[bfd.Key]bfd.State // of the sessions that are wanted, as far as they have said so
}

func newBFDSessions(set func(bfd.Config), release func(bfd.Key)) *bfdSessions {
	return &bfdSessions{set: set, release: release, clients: map[string]map[bfd.Key]bfd.Config{}, states: map[bfd.Key]bfd.State{}}
}

// want says all that a client wants from now on.
func (b *bfdSessions) want(client string, list []bfd.Config) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.clients[client]
	if len(before)+len(list) == 0 {
		return
	}
	now := make(map[bfd.Key]bfd.Config, len(list))
	for _, c := range list {
		now[c.Key] = c
	}
	b.clients[client] = now
	if len(now) == 0 {
		delete(b.clients, client)
	}
	for k := range before {
		if _, ok := now[k]; !ok {
			b.settle(k)
		}
	}
	for k := range now {
		b.settle(k)
	}
}

// settle asks for one session as all its clients together want it: addresses as the
// first one says, timers with the shortest detection time.
func (b *bfdSessions) settle(k bfd.Key) {
	var all *bfd.Config
	for _, client := range slices.Sorted(maps.Keys(b.clients)) {
		c, ok := b.clients[client][k]
		switch {
		case !ok:
		case all == nil:
			all = &c
		case c.MinTx*time.Duration(c.Multiplier) < all.MinTx*time.Duration(all.Multiplier):
			all.MinTx, all.MinRx, all.Multiplier = c.MinTx, c.MinRx, c.Multiplier
		}
	}
	if all == nil {
		delete(b.states, k)
		b.release(k)
		return
	}
	if _, known := b.states[k]; !known {
		b.states[k] = bfd.Down
	}
	b.set(*all)
}

// changed notes what has become of a session.
func (b *bfdSessions) changed(k bfd.Key, to bfd.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, wanted := b.states[k]; wanted {
		b.states[k] = to
	}
}

// state names the state of a session; empty when nobody wants one.
func (b *bfdSessions) state(k bfd.Key) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, wanted := b.states[k]; wanted {
		return s.String()
	}
	return ""
}
