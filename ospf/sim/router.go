package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// Router is one OSPF router: an engine, its links and its configuration.
type Router struct {
	Name string
	ID   packet.ID

	net       *Net
	engine    *ospf.Engine // nil while it is down
	config    ospf.Config
	ports     []*port
	lastIndex int // ifindex given out last
	externals map[netip.Prefix]External
	groups    map[groupKey]bool
	tickAt    time.Time // of the scheduled tick; zero: none
	lives     int       // starts so far; an event of an earlier life is void
	stuck     int       // ticks in a row that did not move the deadline
	published map[netip.Prefix]spf.Route
	kernel    map[netip.Prefix]spf.Route // what forwards during a graceful restart
	changes   int                        // of routes, in all lives
	reserved  ospf.Reserve               // survives a crash
	story     []string                   // latest events, for messages
}

type groupKey struct {
	link  string
	group netip.Addr
}

// External is a route that a router redistributes.
type External struct {
	Metric uint32
	Type2  bool
}

// AddRouter adds a router, which starts at once. Of the configuration, the
// interfaces of links made later are filled in by [Net.Link] and [Net.LAN]; so is, when
// empty, everything but the areas that has no sensible zero value. The router has a loopback
// interface "lo" in the backbone, with its router id as address.
func (n *Net) AddRouter(name string, config ospf.Config) *Router {
	return n.AddRouterIn(name, 0, config)
}

// AddRouterIn is AddRouter with the loopback interface in another area.
func (n *Net) AddRouterIn(name string, area packet.ID, config ospf.Config) *Router {
	if config.RouterID == 0 {
		config.RouterID = packet.ID(192<<24 | 168<<16 | uint32(len(n.routers)+1))
	}
	if config.MaxLSAs == 0 {
		config.MaxLSAs = 100_000
	}
	if config.MaxNeighbors == 0 {
		config.MaxNeighbors = 1000
	}
	if config.SPFDelay == (ospf.SPFDelay{}) {
		config.SPFDelay = ospf.SPFDelay{Initial: 50 * time.Millisecond, Short: 200 * time.Millisecond,
			Long: 5 * time.Second, HoldDown: 10 * time.Second, TimeToLearn: 500 * time.Millisecond}
	}
	r := &Router{Name: name, ID: config.RouterID, net: n, config: config, externals: map[netip.Prefix]External{}}
	n.routers = append(n.routers, r)
	lo := &port{router: r, name: "lo", mtu: 65536, up: true, loopback: true,
		addr: netip.PrefixFrom(r.ID.Addr(), 32)}
	r.attach(lo, area, ospf.InterfaceConfig{Type: ospf.TypeLoopback})
	r.Start()
	return r
}

// Engine is the router's engine; nil while it is down.
func (r *Router) Engine() *ospf.Engine { return r.engine }

// attach gives the router a port and configures it.
func (r *Router) attach(p *port, area packet.ID, c ospf.InterfaceConfig) {
	r.lastIndex++
	p.index = r.lastIndex
	p.area = area
	r.ports = append(r.ports, p)
	if c.Match == nil {
		c.Match = ospf.Match{{Glob: p.name}}
	}
	if c.HelloInterval == 0 {
		c.HelloInterval, c.DeadInterval = time.Second, 4*time.Second
	}
	if c.RetransmitInterval == 0 {
		c.RetransmitInterval = 5 * time.Second
	}
	if c.TransmitDelay == 0 {
		c.TransmitDelay = time.Second
	}
	c.Cost = p.cost
	c.Weight = max(c.Weight, 1)
	i := slices.IndexFunc(r.config.Areas, func(a ospf.Area) bool { return a.ID == area })
	if i < 0 {
		i = len(r.config.Areas)
		c := r.net.areaConfigs[area]
		c.ID = area
		r.config.Areas = append(r.config.Areas, c)
	}
	a := &r.config.Areas[i]
	a.Interfaces = append(slices.Clone(a.Interfaces), c)
	r.Configure(r.config)
	r.linksChanged()
}

// Configure gives the router another configuration.
func (r *Router) Configure(c ospf.Config) {
	r.config = c
	c.Areas = slices.Clone(c.Areas)
	r.step(c)
}

// ConfigureArea changes how the router's part of an area is configured.
func (r *Router) ConfigureArea(area packet.ID, edit func(*ospf.Area)) {
	c := r.config
	c.Areas = slices.Clone(c.Areas)
	for i := range c.Areas {
		if c.Areas[i].ID == area {
			edit(&c.Areas[i])
		}
	}
	r.Configure(c)
}

// area is the router's configuration of an area.
func (r *Router) area(id packet.ID) ospf.Area {
	for _, a := range r.config.Areas {
		if a.ID == id {
			return a
		}
	}
	return ospf.Area{ID: id}
}

// Config is the router's configuration.
func (r *Router) Config() ospf.Config { return r.config }

// Redistribute makes the router announce exactly these static routes. Each
// gets the metric that is its value in the map.
func (r *Router) Redistribute(routes map[netip.Prefix]External) {
	var offer ospf.Offer
	for p := range r.externals {
		if _, ok := routes[p]; !ok {
			offer.Remove = append(offer.Remove, p)
		}
	}
	offer.Source = ospf.Static
	prefixes := sortedPrefixes(routes)
	c := r.config
	c.Redistribute = nil
	for _, p := range prefixes {
		offer.Add = append(offer.Add, p)
		c.Redistribute = append(c.Redistribute, ospf.Redistribute{Source: ospf.Static,
			Prefixes: []ospf.PrefixRange{{Prefix: p, Ge: p.Bits(), Le: p.Bits()}},
			Metric:   routes[p].Metric, Type2: routes[p].Type2})
	}
	slices.SortFunc(offer.Remove, netip.Prefix.Compare)
	r.externals = routes
	r.Configure(c)
	r.step(offer)
}

func sortedPrefixes[V any](m map[netip.Prefix]V) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(m))
	for p := range m {
		list = append(list, p)
	}
	slices.SortFunc(list, netip.Prefix.Compare)
	return list
}

// Crash ends the engine without a word; everything that it knew is lost.
func (r *Router) Crash() {
	r.engine, r.kernel = nil, nil
	r.net.record("crash " + r.Name)
}

// Suspend ends the engine as Crash does. The kernel goes on to forward, until [Router.Resume] has brought up an engine that
// knows better.
func (r *Router) Suspend() {
	r.Crash()
	r.kernel = r.published
}

// routes is what the router forwards by.
func (r *Router) routes() map[netip.Prefix]spf.Route {
	switch {
	case r.engine == nil, r.kernel != nil && r.engine.Restart(r.net.now).Active:
		return r.kernel
	}
	return r.published
}

// Start brings a router up that is down.
func (r *Router) Start() { r.start(nil) }

// Resume brings a router up that is down, in a graceful restart.
func (r *Router) Resume(in ospf.Restarting) { r.start(&in) }

func (r *Router) start(restarting *ospf.Restarting) {
	if r.engine != nil {
		return
	}
	r.lives++
	r.engine = ospf.New(r.net.rng.Uint64())
	r.groups = map[groupKey]bool{}
	r.tickAt, r.stuck = time.Time{}, 0
	r.published = map[netip.Prefix]spf.Route{}
	r.tell("started")
	r.step(ospf.Sequences{Boot: r.reserved.Boot + 1, First: r.reserved.Sequence})
	r.reserved.Boot++
	if restarting != nil {
		r.step(*restarting)
	}
	r.Configure(r.config)
	r.linksChanged()
	if len(r.externals) > 0 {
		r.step(ospf.Offer{Source: ospf.Static, Add: sortedPrefixes(r.externals)})
	}
}

// Command gives the engine an order.
func (r *Router) Command(c ospf.Command) { r.step(c) }

// linksChanged tells the engine about the router's links.
func (r *Router) linksChanged() {
	var snapshot ospf.Links
	for _, p := range r.ports {
		if p.gone {
			continue
		}
		snapshot.Links = append(snapshot.Links, ospf.Link{
			Name: p.name, Index: p.index, MTU: p.mtu, Up: p.up, PointToPoint: p.pointToPoint(), Loopback: p.loopback,
			Addrs: []ospf.LinkAddr{{Addr: p.addr}},
		})
	}
	r.step(snapshot)
}

// step gives the engine one input and does what it wants.
func (r *Router) step(in ospf.Input) {
	if r.engine == nil {
		return
	}
	n := r.net
	n.steps++
	n.record(fmt.Sprintf("%s %T", r.Name, in))
	if d, ok := in.(ospf.Datagram); ok {
		n.record(d.Interface+d.Src.String()+d.Dst.String(), d.Data)
	}
	out := r.engine.Step(n.now, in)
	if d, ok := in.(ospf.Datagram); ok {
		for i := range d.Data {
			d.Data[i] = 0xa5
		}
	}
	for _, g := range out.Groups {
		r.groups[groupKey{g.Interface, g.Group}] = g.Join
	}
	for _, t := range out.Send {
		n.record(t.Interface+t.Dst.String(), t.Data)
		r.send(t)
	}
	for _, c := range out.Routes {
		n.record(fmt.Sprintf("%s route %+v", r.Name, c))
		r.publish(c)
	}
	for _, e := range out.Events {
		if reserve, ok := e.(ospf.Reserve); ok {
			r.reserved = reserve
		}
		r.tell(fmt.Sprintf("%T%+v", e, e))
	}
	r.schedule()
}

func (r *Router) publish(c spf.Change) {
	r.changes++
	_, known := r.published[c.Prefix]
	switch {
	case c.Withdrawn && !known:
		r.net.fault(r, "withdraws %v, which it never announced", c.Prefix)
	case c.Withdrawn:
		delete(r.published, c.Prefix)
	case known && r.published[c.Prefix] == c.Route:
		r.net.fault(r, "announces %v again without a change", c.Prefix)
	default:
		r.published[c.Prefix] = c.Route
	}
}

const maxStory = 40

// tell remembers an event of the router for messages.
func (r *Router) tell(what string) {
	if len(r.story) >= maxStory {
		r.story = slices.Delete(r.story, 0, 1)
	}
	what = fmt.Sprintf("%v %s", r.net.Elapsed(), what)
	r.story = append(r.story, what)
	r.net.record(what)
}

// Story returns the router's latest events, oldest first.
func (r *Router) Story() []string { return slices.Clone(r.story) }

const maxStuck = 100

// schedule wakes the engine at its deadline.
func (r *Router) schedule() {
	deadline := r.engine.Deadline()
	if deadline.IsZero() || deadline.Equal(r.tickAt) {
		return
	}
	if deadline.Before(r.net.now) {
		deadline = r.net.now
	}
	r.tickAt = deadline
	life := r.lives
	r.net.At(deadline.Sub(r.net.now), func() {
		if r.engine == nil || life != r.lives || !r.tickAt.Equal(deadline) {
			return
		}
		r.tickAt = time.Time{}
		r.step(ospf.Tick{})
		if r.engine.Deadline().Equal(deadline) {
			if r.stuck++; r.stuck > maxStuck {
				panic(fmt.Sprintf("sim: %s: the deadline %v does not move after %d ticks; story: %q", r.Name, r.net.Elapsed(), maxStuck, r.story))
			}
		} else {
			r.stuck = 0
		}
	})
}

// send puts a packet of the engine on its link.
func (r *Router) send(t ospf.Transmit) {
	p := r.port(t.Interface)
	switch {
	case t.Routed && p != nil:
		r.forward(t)
	case p == nil || p.segment == nil:
		r.net.fault(r, "sends to %v on %q, which is no link", t.Dst, t.Interface)
	case t.Src != p.addr.Addr():
		r.net.fault(r, "sends on %s from %v, its address is %v", t.Interface, t.Src, p.addr.Addr())
	case len(t.Data)+20 > p.mtu && t.Data[1] != byte(packet.TypeLSUpdate):
		r.net.fault(r, "sends %d bytes of type %d on %s, its MTU is %d", len(t.Data), t.Data[1], t.Interface, p.mtu)
	case p.up: // on a link that has just gone down there is nobody to hear it
		p.segment.carry(p, t, t.Dst)
	}
}

// port returns the port of that name that exists now.
func (r *Router) port(name string) *port {
	for _, p := range r.ports {
		if p.name == name && !p.gone {
			return p
		}
	}
	return nil
}

// owns tells whether the address is one of the router's.
func (r *Router) owns(a netip.Addr) bool {
	return slices.ContainsFunc(r.ports, func(p *port) bool { return !p.gone && p.addr.Addr() == a })
}
