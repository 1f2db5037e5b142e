package config

import (
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/firewall"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/rib"
)

var (
	hashes        = []choice[Hash]{{"l3", HashL3}, {"l4", HashL4}}
	hashModes     = []choice[Hash]{{"l3", HashL3}, {"l4", HashL4}, {"symmetric", 0}}
	groups        = []choice[bool]{{"plain", false}, {"resilient", true}}
	transitModes  = []choice[TransitMode]{{"notrack", TransitNotrack}, {"auto", TransitAuto}, {"off", TransitOff}}
	shutdowns     = []choice[Shutdown]{{"keep", ShutdownKeep}, {"remove", ShutdownRemove}}
	kernelSources = []choice[Source]{{"off", Source{}}, {"auto", Source{Auto: true}}}
)

// safeKey is the shortest shared secret without a warning, in bytes: what every
// router floods lets whoever listens try short ones.
const safeKey = 16

func (r *report) ecmp(raw *rawECMP) ECMP {
	e := ECMP{
		MaxPaths: int(r.number(raw.MaxPaths, 16, 1, 256)),
		Hash:     enum(r, raw.Hash, HashL4, hashModes),
	}
	level := enum(r, raw.SymmetricLevel, HashL4, hashes)
	if e.Symmetric = e.Hash == 0; e.Symmetric {
		e.Hash = level
	}
	buckets := r.number(raw.Buckets, 128, 8, 4096)
	idle := r.duration(raw.IdleTimer, 2*time.Minute, time.Second, time.Hour, 10*time.Millisecond)
	if enum(r, raw.Groups, false, groups) {
		e.Resilient = fib.Resilient{Buckets: uint16(buckets), Idle: idle}
		if e.Symmetric {
			r.errorf(raw.Groups, "\"groups: resilient\" and \"hash: symmetric\" exclude each other: what a resilient group chooses depends on what has been before, and differs between routers")
		}
	}
	if n := raw.SymmetricKey; n != nil {
		switch e.Key = n.text; {
		case e.Key == "":
		case !e.Symmetric:
			r.warnf(n, "%s means nothing without hash: symmetric", n.key)
		case len(e.Key) < safeKey:
			r.warnf(n, "%s has %d characters, few enough to try them all: take %d or more at random", n.key, len(e.Key), safeKey)
		}
	}
	return e
}

func (r *report) transit(raw *rawTransit) Transit {
	written := raw != nil
	raw = section(raw)
	if written && raw.Mode == nil && !raw.Node.has("mode") {
		r.errorf(raw.Node, "\"mode\" is missing: write notrack, auto or off")
	}
	mode := enum(r, raw.Mode, TransitOff, transitModes)
	return Transit{
		Mode:           mode,
		Tracked:        r.prefixes(raw.Tracked),
		Also:           r.prefixes(raw.Also),
		ForwardAccept:  r.boolean(raw.ForwardAccept, true),
		InsertAccept:   r.foreignChains(raw.InsertAccept),
		FirewalldZones: r.zones(raw.FirewalldZones),
		Policy:         r.policy(raw, mode),
	}
}

var families = []choice[string]{{"inet", "inet"}, {"ip", "ip"}}

// foreignChains reads the operator's chains that get an accept of ours.
func (r *report) foreignChains(raws []rawChain) []firewall.Chain {
	var out []firewall.Chain
	lines := make(map[firewall.Chain]int)
	for _, raw := range raws {
		c := firewall.Chain{Family: enum(r, raw.Family, "inet", families), Table: r.chainName(&raw, raw.Table, "table"), Name: r.chainName(&raw, raw.Chain, "chain")}
		switch line, twice := lines[c]; {
		case c.Table == "" || c.Name == "":
			continue
		case c.Family == "inet" && c.Table == "ecmpd":
			r.errorf(raw.Table, "%s inet ecmpd is ecmpd's own: forward-accept is for it", raw.Table.key)
		case twice:
			r.errorf(raw.Chain, "this chain is already in line %d", line)
		default:
			lines[c] = raw.Chain.line
			out = append(out, c)
		}
	}
	return out
}

// zoneName is what firewalld takes for the name of a zone; ANY and HOST are none.
var zoneName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_/-]{0,16}$`)

// zones reads names of firewalld's zones.
func (r *report) zones(nodes []*node) []string {
	var out []string
	for _, n := range nodes {
		switch {
		case !zoneName.MatchString(n.text), n.text == "ANY", n.text == "HOST":
			r.errorf(n, "%q is no zone of firewalld: write names that firewall-cmd --get-zones shows", n.text)
		case slices.Contains(out, n.text):
			r.errorf(n, "zone %s is there twice", n.text)
		default:
			out = append(out, n.text)
		}
	}
	slices.Sort(out)
	return out
}

// chainName reads a name that nftables may have.
func (r *report) chainName(raw *rawChain, n *node, key string) string {
	switch {
	case n == nil && raw.Node.has(key):
	case n == nil:
		r.errorf(raw.Node, "%q is missing: write {family: inet, table: filter, chain: forward} with the names that nft list ruleset shows", key)
	case len(n.text) == 0 || len(n.text) > 255:
		r.errorf(n, "%s is a name of 1 to 255 characters", n.key)
	default:
		return n.text
	}
	return ""
}

// foreignProtocols are the routing-protocol numbers of programs that may run on
// the same machine, from /etc/iproute2/rt_protos.
var foreignProtocols = map[uint8]string{
	8: "gated", 9: "ra", 10: "mrt", 11: "zebra", 12: "bird", 13: "dnrouted", 14: "xorp", 15: "ntk",
	16: "dhcp", 17: "mrouted", 18: "keepalived", 42: "babel", 99: "openr",
	186: "bgp", 187: "isis", 188: "ospf", 189: "rip", 192: "eigrp",
}

func (r *report) kernel(raw *rawKernel) Kernel {
	k := Kernel{
		// 0 to 4 are the kernel's own: redirect, kernel, boot and static routes.
		Protocol: uint8(r.number(raw.Protocol, 201, 5, 255)),
		Metric:   r.number(raw.Metric, 20, 1, 1<<32-1),
		Shutdown: enum(r, raw.Shutdown, ShutdownKeep, shutdowns),
		Source:   r.source(raw.Source),
	}
	if owner, ok := foreignProtocols[k.Protocol]; ok {
		r.warnf(raw.Protocol, "%s %d is the number of %s: should that run here too, each would remove the other's routes", raw.Protocol.key, k.Protocol, owner)
	}
	return k
}

// source reads off, auto or an address.
func (r *report) source(n *node) Source {
	if n == nil {
		return Source{}
	}
	for _, c := range kernelSources {
		if c.word == n.text {
			return c.value
		}
	}
	a, err := netip.ParseAddr(n.text)
	if err != nil {
		r.errorf(n, "%q is off, auto or an own address like 10.0.0.1, not %q", n.key, n.text)
	} else if first := a.As16()[12]; !a.Is4() || first == 0 || first == 127 || first >= 224 {
		r.errorf(n, "%q is a unicast address of this router, not %s", n.key, n.text)
	}
	return Source{Address: a}
}

// static reads the static routes, and how the gateways of the watched hops are watched.
func (r *report) static(raws []rawStatic) (routes []rib.StaticRoute, watched map[netip.Addr]ospf.BFD) {
	lines := make(map[netip.Prefix]int)
	for _, raw := range raws {
		s := rib.StaticRoute{
			Prefix:    r.staticPrefix(&raw, lines),
			Blackhole: r.boolean(raw.Blackhole, false),
			Recursive: r.boolean(raw.Recursive, false),
		}
		for _, h := range r.nextHops(raw.NextHops) {
			s.NextHops = append(s.NextHops, h.StaticHop)
			if h.Watched && s.Recursive {
				r.errorf(raw.Recursive, "bfd watches next-hops on connected networks: not with recursive: true")
			}
			if h.Watched {
				if watched == nil {
					watched = make(map[netip.Addr]ospf.BFD)
				}
				watched[h.Via] = faster(watched[h.Via], h.bfd)
			}
		}
		switch written := raw.Node.hasItems("next-hops"); {
		case s.Blackhole && written:
			r.errorf(raw.Node, "a static route has blackhole: true or next-hops, not both")
		case s.Blackhole && s.Recursive:
			r.errorf(raw.Recursive, "\"recursive: true\" is about next-hops, and a blackhole has none")
		case !s.Blackhole && !written && (raw.Blackhole == nil || raw.Blackhole.text == "false"):
			r.errorf(raw.Node, "a static route needs next-hops: [{via: ADDRESS}] or blackhole: true")
		}
		routes = append(routes, s)
	}
	return routes, watched
}

func (r *report) staticPrefix(raw *rawStatic, lines map[netip.Prefix]int) netip.Prefix {
	n := raw.Prefix
	if n == nil {
		if !raw.Node.has("prefix") {
			r.errorf(raw.Node, "\"prefix\" is missing: write the destination, such as prefix: 10.0.0.0/24")
		}
		return netip.Prefix{}
	}
	p, ok := r.prefix(n)
	if !ok {
		return p
	}
	if a := p.Addr(); a.IsLoopback() || a.IsMulticast() {
		r.errorf(n, "%s %s is no destination to route to", n.key, p)
	}
	if line, twice := lines[p]; twice {
		r.errorf(n, "%s %s is already in line %d: put all next-hops there", n.key, p, line)
		return p
	}
	lines[p] = n.line
	return p
}

// staticHop is a hop with the session that watches it.
type staticHop struct {
	rib.StaticHop
	bfd ospf.BFD
}

func (r *report) nextHops(raws []rawNextHop) []staticHop {
	var hops []staticHop
	lines := make(map[netip.Addr]int)
	for _, raw := range raws {
		weight, bfd := uint8(r.number(raw.Weight, 1, 1, 254)), r.bfd(section(raw.BFD))
		if raw.Via == nil {
			if !raw.Node.has("via") {
				r.errorf(raw.Node, "\"via\" is missing: write the address of the next router")
			}
			continue
		}
		via, ok := r.address(raw.Via)
		if !ok {
			continue
		}
		if line, twice := lines[via]; twice {
			r.errorf(raw.Via, "%s %s is already in line %d: write one with the weight of both", raw.Via.key, via, line)
			continue
		}
		lines[via] = raw.Via.line
		hops = append(hops, staticHop{rib.StaticHop{Via: via, Weight: weight, Watched: bfd.Multiplier > 0}, bfd})
	}
	return hops
}
