package integration

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/lab/peer"
)

// seat describes an OSPF router in words that all makes know. Timers are 1 s
// hellos and 4 s dead intervals unless a port says otherwise.
type seat struct {
	id        string // router id
	ports     []port
	externals []external
	kinds     map[string]areaKind // by area id
	virtual   []virtualLink
	instance  int    // RFC 6549; not of FRR
	graceful  bool   // restarts gracefully, and helps others
	rfc1583   bool   // compares paths to AS boundary routers as RFC 1583 did (RFC 2328 16.4.1)
	text      string // further configuration of the make: of ecmpd below ospf, else top level
}

// port is an OSPF interface of a seat.
type port struct {
	name        string
	lan         bool   // broadcast; otherwise point-to-point, unless
	kind        string // this says otherwise, in the words of RFC 9129
	neighbors   []neighbor
	area        string // 0.0.0.0 when empty
	cost        int    // 10 when 0
	priority    int    // of a LAN
	hello, dead int    // seconds; 1 and 4 when 0
	passive     bool
	text        string // further keys of the make
}

// neighbor is a neighbour that a port knows beforehand. It is polled every second.
type neighbor struct {
	address  string
	cost     int // of ecmpd
	priority int // of NBMA
}

// network is the port's type of network in the words of a make.
func (p port) network(words map[string]string) string {
	kind := cmp.Or(p.kind, map[bool]string{true: "broadcast", false: "point-to-point"}[p.lan])
	return cmp.Or(words[kind], kind)
}

// unicast tells whether the port's network carries no multicast.
func (p port) unicast() bool {
	return p.kind == "non-broadcast" || p.kind == "point-to-multipoint" && len(p.neighbors) > 0
}

// areaKind says what an area is.
type areaKind struct {
	kind        string // stub or nssa; normal when empty
	noSummary   bool
	defaultCost int
	translator  string   // of ecmpd
	exports     []string // of ecmpd
	imports     []string // of ecmpd
	ranges      []areaRange
}

// areaRange is an address range of an area.
type areaRange struct {
	prefix string
	hidden bool
	cost   int // not of BIRD
}

// virtualLink is a virtual link with the timers of ports, authenticated by a key.
type virtualLink struct{ transit, router, key string }

// external is a static route that the seat announces.
type external struct {
	prefix string
	via    string // a blackhole when empty
	metric int
	type1  bool
	tag    int
}

// makes are the makes of routers, by name.
var makes = map[string]func(*network, string, seat) peer.Router{
	"ecmpd": func(n *network, node string, s seat) peer.Router {
		return peer.NewEcmpd(n.Node(node), binary, s.ecmpd())
	},
	"frr": func(n *network, node string, s seat) peer.Router {
		return peer.NewFRR(n.Node(node), s.frr())
	},
	"bird": func(n *network, node string, s seat) peer.Router {
		return peer.NewBIRD(n.Node(node), s.bird())
	},
}

// seat starts a router of a make in a node.
func (n *network) seat(maker, node string, s seat) peer.Router {
	n.t.Helper()
	r := makes[maker](n, node, s)
	n.start(r)
	return r
}

// startBIRD starts BIRD with a configuration of its own.
func (n *network) startBIRD(node, config string) {
	n.t.Helper()
	n.start(peer.NewBIRD(n.Node(node), config))
}

func (p port) defaults() port {
	p.area = cmp.Or(p.area, "0.0.0.0")
	p.cost = cmp.Or(p.cost, 10)
	p.hello, p.dead = cmp.Or(p.hello, 1), cmp.Or(p.dead, 4)
	return p
}

// areas groups the ports, in order of appearance.
func (s seat) areas() (order []string, ports map[string][]port) {
	ports = map[string][]port{}
	for _, p := range s.ports {
		p = p.defaults()
		if ports[p.area] == nil {
			order = append(order, p.area)
		}
		ports[p.area] = append(ports[p.area], p)
	}
	return order, ports
}

func (s seat) ecmpd() string {
	var b strings.Builder
	fmt.Fprintf(&b, "router-id: %s\nospf:\n  instance-id: %d\n  rfc1583-compatibility: %t\n  areas:\n", s.id, s.instance, s.rfc1583)
	order, ports := s.areas()
	if len(s.virtual) > 0 && ports["0.0.0.0"] == nil {
		order = append(order, "0.0.0.0")
	}
	for _, area := range order {
		fmt.Fprintf(&b, "    - area-id: %s\n%s", area, s.kinds[area].ecmpd())
		if area == "0.0.0.0" && len(s.virtual) > 0 {
			b.WriteString("      virtual-links:\n")
			for _, v := range s.virtual {
				fmt.Fprintf(&b, "        - {transit-area-id: %s, router-id: %s, hello-interval: 1s, dead-interval: 4s, authentication: {key-id: 1, algorithm: md5, key: %s}}\n", v.transit, v.router, v.key)
			}
		}
		if len(ports[area]) > 0 {
			b.WriteString("      interfaces:\n")
		}
		for _, p := range ports[area] {
			fmt.Fprintf(&b, "        - {match: %q, interface-type: %s, cost: %d, priority: %d, passive: %v, hello-interval: %ds, dead-interval: %ds%s%s}\n",
				p.name, p.network(nil), p.cost, p.priority, p.passive, p.hello, p.dead, p.static(), p.text)
		}
	}
	if s.graceful {
		b.WriteString("  graceful-restart: {enabled: true, restart-interval: 60s}\n")
	}
	static := ""
	if len(s.externals) > 0 {
		b.WriteString("  redistribute:\n")
	}
	for _, x := range s.externals {
		metricType := 2
		if x.type1 {
			metricType = 1
		}
		fmt.Fprintf(&b, "    - {source: static, prefixes: [%s], metric: %d, metric-type: %d, tag: %d}\n", x.prefix, x.metric, metricType, x.tag)
		way := "blackhole: true"
		if x.via != "" {
			way = "next-hops: [{via: " + x.via + "}]"
		}
		static += fmt.Sprintf("  - {prefix: %s, %s}\n", x.prefix, way)
	}
	b.WriteString(s.text)
	if static != "" {
		b.WriteString("\nstatic:\n" + static)
	}
	return b.String()
}

// static is the port's neighbours as keys of ecmpd.
func (p port) static() string {
	if len(p.neighbors) == 0 {
		return ""
	}
	var list []string
	for _, n := range p.neighbors {
		text := "{address: " + n.address
		if n.cost > 0 {
			text += fmt.Sprintf(", cost: %d", n.cost)
		}
		if p.unicast() {
			text += ", poll-interval: 1s"
		}
		if p.kind == "non-broadcast" {
			text += fmt.Sprintf(", priority: %d", n.priority)
		}
		list = append(list, text+"}")
	}
	multicast := ""
	if p.kind == "point-to-multipoint" {
		multicast = ", multicast: false"
	}
	return multicast + ", static-neighbors: [" + strings.Join(list, ", ") + "]"
}

func (s seat) frr() string {
	var b, after strings.Builder
	for i, x := range s.externals {
		fmt.Fprintf(&b, "ip route %s %s\n", x.prefix, cmp.Or(x.via, "blackhole"))
		metricType := 2
		if x.type1 {
			metricType = 1
		}
		fmt.Fprintf(&after, "ip prefix-list EXT%d permit %s\n", i, x.prefix)
		fmt.Fprintf(&after, "route-map EXT permit %d\n match ip address prefix-list EXT%d\n set metric %d\n set metric-type type-%d\n set tag %d\n",
			i+1, i, x.metric, metricType, max(1, x.tag))
	}
	fmt.Fprintf(&b, "%srouter ospf\n ospf router-id %s\n capability opaque\n timers throttle spf 0 50 200\n timers throttle lsa all 0\n timers lsa min-arrival 0\n", after.String(), s.id)
	if len(s.externals) > 0 {
		b.WriteString(" redistribute static route-map EXT\n")
	}
	if s.rfc1583 {
		b.WriteString(" compatible rfc1583\n")
	}
	if s.graceful {
		b.WriteString(" graceful-restart grace-period 60\n graceful-restart helper enable\n")
	}
	for _, area := range slices.Sorted(maps.Keys(s.kinds)) {
		b.WriteString(s.kinds[area].frr(area))
	}
	if len(s.virtual) > 0 {
		b.WriteString("router ospf\n")
	}
	for _, v := range s.virtual {
		fmt.Fprintf(&b, " area %[1]s virtual-link %[2]s hello-interval 1 dead-interval 4\n area %[1]s virtual-link %[2]s authentication message-digest\n area %[1]s virtual-link %[2]s message-digest-key 1 md5 %[3]s\n", v.transit, v.router, v.key)
	}
	for _, p := range s.ports {
		p = p.defaults()
		for _, n := range p.neighbors {
			fmt.Fprintf(&b, "router ospf\n neighbor %s priority %d poll-interval 1\n", n.address, n.priority)
		}
		fmt.Fprintf(&b, "interface %s\n ip ospf network %s\n ip ospf cost %d\n ip ospf priority %d\n ip ospf hello-interval %d\n ip ospf dead-interval %d\n%s ip ospf area %s\n",
			p.name, p.network(nil), p.cost, p.priority, p.hello, p.dead, p.text, p.area)
		if p.passive {
			b.WriteString(" ip ospf passive\n")
		}
	}
	b.WriteString(s.text)
	return b.String()
}

func (s seat) bird() string {
	var b strings.Builder
	fmt.Fprintf(&b, `router id %[1]s;
protocol device { scan time 1; }
protocol kernel { merge paths yes limit 64; %[2]sipv4 { export where source ~ [RTS_OSPF, RTS_OSPF_IA, RTS_OSPF_EXT1, RTS_OSPF_EXT2]; }; }
`, s.id, map[bool]string{true: "graceful restart yes; "}[s.graceful])
	if len(s.externals) > 0 {
		b.WriteString("protocol static ext { ipv4;\n")
		for _, x := range s.externals {
			way := "blackhole"
			if x.via != "" {
				way = "via " + x.via
			}
			fmt.Fprintf(&b, "  route %s %s;\n", x.prefix, way)
		}
		b.WriteString("}\n")
	}
	fmt.Fprintf(&b, "protocol ospf v2 { instance id %d; rfc1583compat %s; ecmp yes limit 64; merge external yes;%s\n ipv4 { import all; ", s.instance, map[bool]string{true: "yes", false: "no"}[s.rfc1583], map[bool]string{true: " graceful restart yes; graceful restart time 60;"}[s.graceful])
	if len(s.externals) == 0 {
		b.WriteString("export none; };\n") // a router of stub areas must not even think of it
	} else {
		b.WriteString("export filter {\n")
	}
	for _, x := range s.externals {
		metric := "ospf_metric2"
		if x.type1 {
			metric = "ospf_metric1"
		}
		fmt.Fprintf(&b, "  if net = %s then { %s = %d; ospf_tag = %d; accept; }\n", x.prefix, metric, x.metric, x.tag)
	}
	if len(s.externals) > 0 {
		b.WriteString("  reject; }; };\n")
	}
	order, ports := s.areas()
	for _, area := range order {
		fmt.Fprintf(&b, " area %s {\n%s", area, s.kinds[area].bird())
		for _, p := range ports[area] {
			stub := ""
			if p.passive {
				stub = "stub; "
			}
			if len(p.neighbors) > 0 {
				stub += "poll 1; neighbors { "
				for _, n := range p.neighbors {
					stub += n.address + map[bool]string{true: " eligible"}[n.priority > 0] + "; "
				}
				stub += "}; "
			}
			kind := p.network(map[string]string{"point-to-point": "ptp", "point-to-multipoint": "ptmp", "non-broadcast": "nbma"})
			fmt.Fprintf(&b, "  interface %q { type %s; cost %d; priority %d; hello %d; dead %d; %s%s};\n",
				p.name, kind, p.cost, p.priority, p.hello, p.dead, stub, p.text)
		}
		for _, v := range s.virtual {
			if v.transit == area {
				fmt.Fprintf(&b, "  virtual link %s { hello 1; dead 4; authentication cryptographic; password %q { id 1; }; };\n", v.router, v.key)
			}
		}
		b.WriteString(" };\n")
	}
	b.WriteString("}\n" + s.text)
	return b.String()
}

func (k areaKind) ecmpd() string {
	var b strings.Builder
	if k.kind != "" {
		fmt.Fprintf(&b, "      area-type: %s\n      summary: %v\n      default-cost: %d\n", k.kind, !k.noSummary, k.defaultCost)
	}
	if k.translator != "" {
		fmt.Fprintf(&b, "      nssa-translator: %s\n", k.translator)
	}
	for key, list := range map[string][]string{"export-list": k.exports, "import-list": k.imports} {
		if len(list) > 0 {
			fmt.Fprintf(&b, "      %s: [%s]\n", key, strings.Join(list, ", "))
		}
	}
	if len(k.ranges) > 0 {
		b.WriteString("      ranges:\n")
	}
	for _, r := range k.ranges {
		fmt.Fprintf(&b, "        - {prefix: %s, advertise: %v", r.prefix, !r.hidden)
		if r.cost > 0 {
			fmt.Fprintf(&b, ", cost: %d", r.cost)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func (k areaKind) frr(area string) string {
	var b strings.Builder
	b.WriteString("router ospf\n")
	if k.kind != "" {
		noSummary := ""
		if k.noSummary {
			noSummary = " no-summary"
		}
		fmt.Fprintf(&b, " area %s %s%s\n area %s default-cost %d\n", area, k.kind, noSummary, area, k.defaultCost)
	}
	for _, r := range k.ranges {
		fmt.Fprintf(&b, " area %s range %s", area, r.prefix)
		if r.hidden {
			b.WriteString(" not-advertise")
		}
		if r.cost > 0 {
			fmt.Fprintf(&b, " cost %d", r.cost)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (k areaKind) bird() string {
	var b strings.Builder
	if k.kind != "" {
		fmt.Fprintf(&b, "  %s; summary %s; default cost %d;\n", k.kind, map[bool]string{true: "no", false: "yes"}[k.noSummary], k.defaultCost)
	}
	if len(k.ranges) > 0 {
		b.WriteString("  networks {\n")
		for _, r := range k.ranges {
			fmt.Fprintf(&b, "   %s%s;\n", r.prefix, map[bool]string{true: " hidden"}[r.hidden])
		}
		b.WriteString("  };\n")
	}
	return b.String()
}
