package ospf

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Impact is what it costs to take a difference over, from nothing to most.
type Impact uint8

// Impacts.
const (
	ImpactNone      Impact = iota // own LSAs and adjacencies stay as they are
	ImpactLSA                     // own LSAs are originated anew, or flushed
	ImpactAdjacency               // adjacencies end, or begin anew
)

var impactNames = [...]string{"none", "lsa", "adjacency"}

// String is the impact in a word.
func (i Impact) String() string { return impactNames[i] }

// Difference is one thing in which a configuration differs from the running one.
// It is about the router; about an area when Area is set; about one entry of the
// area's interfaces, as far as one link is concerned, when Entry is; or about a virtual link.
type Difference struct {
	Key       string // path of configuration keys, below what it is about; empty: the whole of that
	Area      *packet.ID
	Entry     int    // of the new configuration's area, from 0; -1: none
	Was       int    // entry of the running configuration's area; -1: none
	Interface string // link, or the name of a virtual link
	Impact    Impact
	Neighbors []packet.ID // whose adjacencies end
	Detail    string      // why, and on what it depends; empty when the key says it
}

// field is one key of the configuration: set copies what it configures. What a
// difference costs is found by taking it over alone.
type field[T any] struct {
	key string
	set func(to *T, from T)
}

var routerFields = [...]field[Config]{
	{"router-id", func(to *Config, from Config) { to.RouterID = from.RouterID }},
	{"hostname", func(to *Config, from Config) { to.Hostname = from.Hostname }},
	{"ecmp", func(to *Config, from Config) { to.Multipath = from.Multipath }},
	{"ospf.instance-id", func(to *Config, from Config) { to.Instance = from.Instance }},
	{"ospf.spf-delay", func(to *Config, from Config) { to.SPFDelay = from.SPFDelay }},
	{"ospf.lsa-throttle", func(to *Config, from Config) { to.LSAThrottle = from.LSAThrottle }},
	{"ospf.database-control", func(to *Config, from Config) {
		to.MaxLSAs, to.MaxExternals, to.ExitOverflow = from.MaxLSAs, from.MaxExternals, from.ExitOverflow
	}},
	{"ospf.neighbor-control", func(to *Config, from Config) {
		to.MaxNeighbors, to.MaxAllNeighbors, to.MaxForming = from.MaxNeighbors, from.MaxAllNeighbors, from.MaxForming
		to.MaxRetransmissions = from.MaxRetransmissions
	}},
	{"ospf.graceful-restart", func(to *Config, from Config) { to.GracefulRestart = from.GracefulRestart }},
	{"ospf.stub-router", func(to *Config, from Config) { to.StubRouter = from.StubRouter }},
	{"ospf.rfc1583-compatibility", func(to *Config, from Config) { to.RFC1583Compat = from.RFC1583Compat }},
	{"ospf.redistribute", func(to *Config, from Config) { to.Redistribute = from.Redistribute }},
	{"ospf.default-originate", func(to *Config, from Config) { to.Default = from.Default }},
}

var areaFields = [...]field[Area]{
	{"area-type", func(to *Area, from Area) { to.Type = from.Type }},
	{"summary", func(to *Area, from Area) { to.Summary = from.Summary }},
	{"default-cost", func(to *Area, from Area) { to.DefaultCost = from.DefaultCost }},
	{"ranges", func(to *Area, from Area) { to.Ranges = from.Ranges }},
	{"nssa-translator", func(to *Area, from Area) { to.Translator = from.Translator }},
	{"export-list", func(to *Area, from Area) { to.Export = from.Export }},
	{"import-list", func(to *Area, from Area) { to.Import = from.Import }},
}

var interfaceFields = [...]field[InterfaceConfig]{
	{"match", func(to *InterfaceConfig, from InterfaceConfig) { to.Match = from.Match }},
	{"interface-type", func(to *InterfaceConfig, from InterfaceConfig) { to.Type = from.Type }},
	{"passive", func(to *InterfaceConfig, from InterfaceConfig) { to.Passive = from.Passive }},
	{"cost", func(to *InterfaceConfig, from InterfaceConfig) {
		to.Cost, to.ReferenceBandwidth = from.Cost, from.ReferenceBandwidth
	}},
	{"ecmp-weight", func(to *InterfaceConfig, from InterfaceConfig) { to.Weight = from.Weight }},
	{"priority", func(to *InterfaceConfig, from InterfaceConfig) { to.Priority = from.Priority }},
	{"hello-interval", func(to *InterfaceConfig, from InterfaceConfig) { to.HelloInterval = from.HelloInterval }},
	{"dead-interval", func(to *InterfaceConfig, from InterfaceConfig) { to.DeadInterval = from.DeadInterval }},
	{"retransmit-interval", func(to *InterfaceConfig, from InterfaceConfig) { to.RetransmitInterval = from.RetransmitInterval }},
	{"transmit-delay", func(to *InterfaceConfig, from InterfaceConfig) { to.TransmitDelay = from.TransmitDelay }},
	{"mtu-ignore", func(to *InterfaceConfig, from InterfaceConfig) { to.MTUIgnore = from.MTUIgnore }},
	{"multicast", func(to *InterfaceConfig, from InterfaceConfig) { to.Unicast = from.Unicast }},
	{"static-neighbors", func(to *InterfaceConfig, from InterfaceConfig) { to.Static = from.Static }},
	{"prefix-suppression", func(to *InterfaceConfig, from InterfaceConfig) { to.SuppressPrefix = from.SuppressPrefix }},
	{"link-data", func(to *InterfaceConfig, from InterfaceConfig) { to.LinkData = from.LinkData }},
	{"bfd", func(to *InterfaceConfig, from InterfaceConfig) { to.BFD = from.BFD }},
	{"authentication", func(to *InterfaceConfig, from InterfaceConfig) { to.Auth = from.Auth }},
	{"ttl-security", func(to *InterfaceConfig, from InterfaceConfig) { to.TTLHops = from.TTLHops }},
	{"allowed-neighbors", func(to *InterfaceConfig, from InterfaceConfig) { to.Allowed = from.Allowed }},
}

// alone calls f for every key in which the configurations differ, with what has
// that one difference.
func alone[T any](fields []field[T], running, next T, f func(key string, one T)) {
	for _, k := range fields {
		one := running
		if k.set(&one, next); !reflect.DeepEqual(one, running) {
			f(k.key, one)
		}
	}
}

// Compare says in what a configuration differs from the running one and what the
// [Config] input with it would do, by the same decisions. It changes nothing.
// Entries that take no link make no difference.
func (e *Engine) Compare(next Config) []Difference {
	if e.started.IsZero() || e.shutdown.active {
		return nil
	}
	c := comparison{e: e, next: next}
	alone(routerFields[:], e.cfg, next, c.router)
	for n, a := range next.Areas {
		if now := e.area(a.ID); now == nil {
			c.add(Difference{Area: &next.Areas[n].ID, Impact: ImpactLSA, Detail: "a new area"})
		} else {
			alone(areaFields[:], now.cfg, a, func(key string, one Area) { c.area(now, key, one) })
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.links)) {
		c.link(e.links[name])
	}
	for _, i := range e.ifaces {
		if _, known := e.links[i.name]; !known || i.virtual != nil {
			c.virtual(i)
		}
	}
	for _, v := range next.VirtualLinks {
		if e.iface(v.Name()) == nil {
			c.add(Difference{Interface: v.Name(), Impact: ImpactLSA, Detail: "a new virtual link"})
		}
	}
	for _, a := range e.areas {
		if !slices.ContainsFunc(next.Areas, func(n Area) bool { return n.ID == a.id }) {
			c.add(Difference{Area: &a.id, Impact: ImpactLSA, Detail: "the area is gone"})
		}
	}
	return c.list
}

// comparison is one [Engine.Compare].
type comparison struct {
	e    *Engine
	next Config
	list []Difference
}

// add enters a difference that is not about an entry.
func (c *comparison) add(d Difference) {
	d.Entry, d.Was = -1, -1
	c.list = append(c.list, d)
}

// router judges a configuration that differs in one thing of the whole router.
func (c *comparison) router(key string, one Config) {
	e := c.e
	d := Difference{Key: key}
	probe := *e
	probe.cfg = one
	switch reason := e.resets(one); {
	case reason != "":
		d.Impact, d.Detail, d.Neighbors = ImpactAdjacency, "OSPF begins anew: "+reason, e.adjacent(e.ifaces)
	case e.stubRouterBy(one.StubRouter) != e.stubRouter(), probe.boundary() != e.boundary(),
		!maps.Equal(probe.wantedExternals(), e.wantedExternals()),
		!reflect.DeepEqual(one.Multipath, e.cfg.Multipath),
		one.Multipath != nil && one.Hostname != e.cfg.Hostname:
		d.Impact = ImpactLSA
	}
	c.add(d)
}

// area judges a configuration of an area that differs in one thing.
func (c *comparison) area(a *area, key string, one Area) {
	d := Difference{Key: key, Area: &a.id}
	if a.restarts(one) {
		d.Neighbors = c.e.adjacent(a.interfaces())
		d.Impact = ImpactLSA
		if len(d.Neighbors) > 0 {
			d.Impact, d.Detail = ImpactAdjacency, "its routers have to agree on it"
		}
	} else if c.e.border.active && a.summariesDiffer(one) {
		d.Impact = ImpactLSA
	}
	c.add(d)
}

// summariesDiffer tells whether the area's part in what a border router tells changes: its summaries
// and those of its networks in other areas, and what a translator says.
func (a *area) summariesDiffer(one Area) bool {
	e := a.e
	if a.cfg.Type == AreaNSSA { // the default route, the Nt bit and translations hang on it
		return true
	}
	told := func() map[string]uint32 {
		out := make(map[string]uint32)
		for _, to := range e.areas {
			tell := func(p netip.Prefix) {
				if metric, ok := to.summaryOf(p); ok {
					out[to.id.String()+" "+p.String()] = metric
				}
			}
			tell(defaultPrefix)
			for r := range e.table.Routes() {
				tell(r.Prefix)
			}
		}
		return out
	}
	for _, r := range slices.Concat(a.cfg.Ranges, one.Ranges) { // the table does not know new ones
		if slices.Contains(a.cfg.Ranges, r) != slices.Contains(one.Ranges, r) && a.hasNetworkIn(r.Prefix) {
			return true
		}
	}
	before, running := told(), a.cfg
	a.cfg = one
	a.cfg.Ranges = running.Ranges
	after := told()
	a.cfg = running
	return !maps.Equal(before, after)
}

// hasNetworkIn tells whether a network of the area lies in a prefix.
func (a *area) hasNetworkIn(p netip.Prefix) bool {
	for r := range a.e.table.Routes() {
		if r.HasArea() && r.Area == a.id && !r.Discard && p.Bits() <= r.Prefix.Bits() && p.Contains(r.Prefix.Addr()) {
			return true
		}
	}
	return false
}

// link judges what becomes of one link.
func (c *comparison) link(l Link) {
	i := c.e.iface(l.Name)
	area, entry, ic, taken := c.next.match(l)
	d := Difference{Interface: l.Name, Entry: -1, Was: -1}
	if _, was, _, ok := c.e.cfg.match(l); ok {
		d.Was = was
	}
	if taken {
		d.Area, d.Entry = &c.next.Areas[area].ID, entry
	}
	switch {
	case !taken && i == nil:
		return
	case !taken:
		d.Area = &i.area.id
		d.Impact, d.Neighbors, d.Detail = i.ending(), c.e.adjacent([]*iface{i}), "OSPF ends here"
	case i == nil:
		d.Detail = "OSPF begins here"
		if l.Up && primary(ic, l).Addr.IsValid() {
			d.Impact = ImpactLSA
		}
	case i.area.id != *d.Area:
		d.Impact, d.Neighbors, d.Detail = i.ending(), c.e.adjacent([]*iface{i}), "it leaves area "+i.area.id.String()
	default:
		c.fields(i, ic, d)
		return
	}
	c.list = append(c.list, d)
}

// ending is the impact of the end of the interface.
func (i *iface) ending() Impact {
	links, _ := i.links()
	switch {
	case len(i.e.adjacent([]*iface{i})) > 0:
		return ImpactAdjacency
	case len(links) > 0:
		return ImpactLSA
	}
	return ImpactNone
}

// fields judges each key of an interface that stays.
func (c *comparison) fields(i *iface, next InterfaceConfig, about Difference) {
	alone(interfaceFields[:], i.cfg, next, func(key string, one InterfaceConfig) {
		d := about
		d.Key = key
		d.Impact, d.Neighbors, d.Detail = i.impact(one)
		if key != "match" || d.Impact > ImpactNone {
			c.list = append(c.list, d)
		}
	})
}

// virtual judges what becomes of a virtual link.
func (c *comparison) virtual(i *iface) {
	for _, v := range c.next.VirtualLinks {
		if v.Name() == i.name {
			c.fields(i, v.interfaceConfig(), Difference{Interface: i.name, Entry: -1, Was: -1})
			return
		}
	}
	c.add(Difference{Interface: i.name, Impact: i.ending(), Neighbors: c.e.adjacent([]*iface{i}), Detail: "the virtual link is gone"})
}

// impact is what a new configuration of an interface that stays in its area does.
func (i *iface) impact(one InterfaceConfig) (impact Impact, neighbors []packet.ID, detail string) {
	probe := *i
	probe.cfg = one
	if i.virtual == nil {
		probe.addr = primary(one, i.link)
	}
	neighbors = i.e.adjacent([]*iface{i})
	restart := i.restarts(i.area, one, i.link)
	if restart != "" && i.up {
		probe.state, probe.neighbors = probe.firstState(), nil
	}
	depends := i.depends(one)
	banned := slices.DeleteFunc(slices.Clone(i.neighbors), func(n *neighbor) bool { return probe.allowed(n.addr) })
	switch {
	case len(neighbors) > 0 && restart != "" && i.up:
		return ImpactAdjacency, neighbors, restart
	case len(banned) > 0:
		return ImpactAdjacency, idsOf(banned), "not one of allowed-neighbors any more"
	case len(neighbors) > 0 && depends != "":
		return ImpactAdjacency, neighbors, depends
	}
	links, root := i.links()
	after, rootAfter := probe.links()
	hidden := i.network != (packet.Key{}) && one.SuppressPrefix != i.cfg.SuppressPrefix // a network-LSA changes
	if hidden || !slices.Equal(links, after) || i.e.cfg.Multipath != nil && !slices.Equal(root, rootAfter) {
		return ImpactLSA, nil, ""
	}
	return ImpactNone, nil, ""
}

// depends says what the other ends have to do for their adjacencies to stay; empty when nothing.
func (i *iface) depends(one InterfaceConfig) string {
	const alike = "unless the neighbours are configured alike before the dead interval is over"
	old := i.cfg
	switch {
	case one.HelloInterval != old.HelloInterval, one.DeadInterval != old.DeadInterval: // 10.5
		return alike
	case one.TTLHops != old.TTLHops && (one.TTLHops == 0 || old.TTLHops == 0 || one.TTLHops < old.TTLHops):
		return alike
	case !old.Auth.Agrees(one.Auth, i.keysHeard(), i.e.wall()):
		return alike
	case (one.Priority == 0) != (old.Priority == 0) && i.kind() == TypeBroadcast: // 9.4
		return "the DR is elected anew"
	}
	return ""
}

// keysHeard are the ids of the keys that adjacent neighbours send with.
func (i *iface) keysHeard() (ids []uint8) {
	for _, n := range i.neighbors {
		if n.state >= nbrExStart {
			ids = append(ids, n.key)
		}
	}
	return ids
}

// adjacent lists the neighbours on interfaces that an adjacency is, or comes, up with.
func (e *Engine) adjacent(ifaces []*iface) []packet.ID {
	var list []*neighbor
	for _, i := range ifaces {
		for _, n := range i.neighbors {
			if n.state >= nbrExStart {
				list = append(list, n)
			}
		}
	}
	return idsOf(list)
}

func idsOf(list []*neighbor) []packet.ID {
	var ids []packet.ID
	for _, n := range list {
		ids = append(ids, n.id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// String is a difference in one line, for logs: "interface vpn1 cost: lsa".
func (d Difference) String() string {
	var words []string
	if d.Area != nil && d.Interface == "" {
		words = append(words, "area "+d.Area.String())
	}
	if d.Interface != "" {
		words = append(words, "interface "+d.Interface)
	}
	if d.Key != "" {
		words = append(words, d.Key)
	}
	text := strings.Join(words, " ") + ": " + d.Impact.String()
	if d.Detail != "" {
		text += " (" + d.Detail + ")"
	}
	return text
}
