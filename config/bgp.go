package config

import (
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

const (
	bgpPort     = 179
	maxPassword = 80                  // TCP_MD5SIG_MAXKEYLEN of the kernel
	maxHold     = 65535 * time.Second // RFC 4271 4.2
	maxRestart  = 4095 * time.Second  // RFC 4724 3
)

// bgp reads the section; without it there is no BGP. It also returns how neighbours are watched by BFD.
func (r *report) bgp(raw *rawBGP, routerID packet.ID) (bgp.Config, map[netip.Addr]ospf.BFD) {
	if raw == nil {
		return bgp.Config{}, nil
	}
	own := netip.AddrFrom4([4]byte{byte(routerID >> 24), byte(routerID >> 16), byte(routerID >> 8), byte(routerID)})
	distance, multipath := section(raw.Distance), section(raw.Multipath)
	c := bgp.Config{
		AS:                r.as(raw.Node, raw.AS, "as"),
		RouterID:          r.identifier(raw.RouterID, own),
		Port:              uint16(r.number(raw.Port, bgpPort, 0, math.MaxUint16)),
		ResolveViaDefault: r.boolean(raw.Resolve, false),
		StaleTime:         r.duration(raw.StaleTime, 2*time.Minute, 0, time.Hour, time.Second),
		Distance: bgp.Distance{
			EBGP: uint8(r.number(distance.EBGP, 20, 1, 255)),
			IBGP: uint8(r.number(distance.IBGP, 200, 1, 255)),
		},
		Multipath: bgp.Multipath{
			EBGP: int(r.number(multipath.EBGP, 16, 1, 256)), IBGP: int(r.number(multipath.IBGP, 16, 1, 256)),
			MultipleAS: r.boolean(multipath.MultipleAS, false),
		},
	}
	for _, n := range raw.Listen {
		if a, ok := r.address(n); ok {
			c.Listen = append(c.Listen, a)
		}
	}
	r.policies = r.bgpPolicies(raw.Policies)
	watched := make(map[netip.Addr]ospf.BFD)
	c.Neighbors = r.bgpNeighbors(raw, c.AS, watched)
	c.Dynamic = r.bgpDynamic(raw, c.AS)
	if cluster := r.identifier(raw.ClusterID, c.RouterID); reflects(&c) {
		c.ClusterID = cluster
	} else if raw.ClusterID != nil {
		r.warnf(raw.ClusterID, "%s means nothing without a neighbour that has route-reflector-client: true", raw.ClusterID.key)
	}
	r.warnUnusedPolicies()
	if len(c.Dynamic) > 0 && c.Port == 0 {
		r.errorf(raw.Port, "dynamic-neighbors connect to a port: write another one than 0")
	}
	return c, watched
}

// reflects tells whether any neighbour is a client of route reflection.
func reflects(c *bgp.Config) bool {
	for _, n := range c.Neighbors {
		if n.Reflect {
			return true
		}
	}
	for _, d := range c.Dynamic {
		if d.Reflect {
			return true
		}
	}
	return false
}

// as reads the number of an autonomous system, as 65001 or 1.1000 (RFC 5396).
func (r *report) as(in, n *node, key string) uint32 {
	if n == nil {
		if in != nil && !in.has(key) {
			r.errorf(in, "%q is missing: write the number of the autonomous system", key)
		}
		return 0
	}
	text := n.text
	if high, low, dotted := strings.Cut(text, "."); dotted {
		h := r.number(&node{kind: scalar, line: n.line, column: n.column, key: n.key, text: high}, 0, 0, math.MaxUint16)
		l := r.number(&node{kind: scalar, line: n.line, column: n.column, key: n.key, text: low}, 0, 0, math.MaxUint16)
		return r.usableAS(n, h<<16|l)
	}
	return r.usableAS(n, r.number(n, 0, 1, math.MaxUint32))
}

// usableAS refuses numbers that nobody may have.
func (r *report) usableAS(n *node, as uint32) uint32 {
	switch as {
	case 65535, math.MaxUint32: // RFC 7300
		r.errorf(n, "%q %d is reserved (RFC 7300): no autonomous system has it", n.key, as)
	case 23456: // RFC 6793
		r.errorf(n, "%q 23456 stands for numbers of four octets (RFC 6793): write the number itself", n.key)
	}
	return as
}

// identifier reads a BGP identifier (RFC 6286: any number but 0).
func (r *report) identifier(n *node, fallback netip.Addr) netip.Addr {
	if n == nil {
		return fallback
	}
	a, err := netip.ParseAddr(n.text)
	if err != nil || !a.Is4() || a.IsUnspecified() {
		r.errorf(n, "%q is a dotted quad such as 192.0.2.1, not %q", n.key, n.text)
		return fallback
	}
	return a
}

func (r *report) bgpNeighbors(raw *rawBGP, as uint32, watched map[netip.Addr]ospf.BFD) (list []bgp.Neighbor) {
	lines := make(map[netip.Addr]int)
	for _, rn := range raw.Neighbors {
		b := r.bfd(section(rn.BFD))
		p := r.peering(raw, &rn, as)
		if p.BFD = b.Multiplier > 0; p.BFD && p.Multihop > 0 {
			r.errorf(rn.BFD.Node, "BFD is for neighbours on a connected network (RFC 5881): leave out multihop or bfd")
		}
		if rn.Address == nil {
			if !rn.Node.has("address") {
				r.errorf(rn.Node, "\"address\" is missing: write the address of the neighbour")
			}
			continue
		}
		a, ok := r.address(rn.Address)
		if !ok {
			continue
		}
		if line, twice := lines[a]; twice {
			r.errorf(rn.Address, "neighbour %s is already in line %d", a, line)
			continue
		}
		lines[a] = rn.Address.line
		if p.BFD {
			watched[a] = b
		}
		list = append(list, bgp.Neighbor{Address: a, Peering: p})
	}
	return list
}

func (r *report) bgpDynamic(raw *rawBGP, as uint32) (list []bgp.Dynamic) {
	lines := make(map[netip.Prefix]int)
	for _, rn := range raw.Dynamic {
		d := bgp.Dynamic{Limit: int(r.number(rn.Limit, 64, 1, 4096)), Peering: r.peering(raw, rn.neighbor(), as)}
		if rn.Prefix == nil {
			if !rn.Node.has("prefix") {
				r.errorf(rn.Node, "\"prefix\" is missing: write the prefix that the neighbours' addresses are in")
			}
			continue
		}
		p, ok := r.prefix(rn.Prefix)
		if !ok {
			continue
		}
		if line, twice := lines[p]; twice {
			r.errorf(rn.Prefix, "prefix %s is already in line %d", p, line)
			continue
		}
		lines[p] = rn.Prefix.line
		d.Prefix = p
		list = append(list, d)
	}
	return list
}

// peering reads what neighbours and prefixes of them have in common.
func (r *report) peering(raw *rawBGP, rn *rawBGPNeighbor, as uint32) bgp.Peering {
	requires := r.boolean(raw.Requires, true)
	p := bgp.Peering{
		RemoteAS:        r.as(rn.Node, rn.RemoteAS, "remote-as"),
		Port:            uint16(r.number(rn.Port, bgpPort, 1, math.MaxUint16)),
		Passive:         r.boolean(rn.Passive, false),
		Disabled:        !r.boolean(rn.Enabled, true),
		Multihop:        uint8(r.number(rn.Multihop, 0, 2, 255)),
		TTLSecurity:     uint8(r.number(rn.TTLSecurity, 0, 1, 254)),
		Timers:          r.bgpTimers(section(rn.Timers)),
		GracefulRestart: r.bgpRestart(section(rn.GracefulRestart)),
		Reflect:         r.boolean(rn.Reflect, false),
		RouteServer:     r.boolean(rn.RouteServer, false),
		NextHopSelf:     r.boolean(rn.NextHopSelf, false),
		PrefixLimit:     r.number(rn.PrefixLimit, 0, 0, math.MaxInt32),
	}
	p.Import, p.Export = r.bgpPolicy(rn.Import, false), r.bgpPolicy(rn.Export, true)
	p.Open = !r.boolean(rn.Requires, requires)
	if rn.Description != nil {
		p.Description = rn.Description.text
	}
	if rn.LocalAddress != nil {
		p.LocalAddress, _ = r.address(rn.LocalAddress)
	}
	if n := rn.Password; n != nil {
		if p.Password = n.text; p.Password == "" || len(p.Password) > maxPassword {
			r.errorf(n, "%q has 1 to %d bytes (RFC 2385)", n.key, maxPassword)
		}
	}
	r.checkPeering(rn, &p, as)
	return p
}

// checkPeering reports what does not go together.
func (r *report) checkPeering(rn *rawBGPNeighbor, p *bgp.Peering, as uint32) {
	internal := p.Internal(as)
	switch {
	case p.TTLSecurity > 0 && p.Multihop > 0:
		r.errorf(rn.TTLSecurity, "ttl-security and multihop exclude each other: ttl-security says how many hops away the neighbour may be")
	case internal && p.Multihop > 0:
		r.warnf(rn.Multihop, "multihop means nothing for a neighbour of the own autonomous system, which may be anywhere")
	}
	switch {
	case p.Reflect && !internal:
		r.errorf(rn.Reflect, "a route-reflector-client is a neighbour of the own autonomous system (RFC 4456)")
	case p.RouteServer && internal:
		r.errorf(rn.RouteServer, "a route-server-client is a neighbour of another autonomous system (RFC 7947)")
	}
	if p.RouteServer && p.Export != "" {
		r.warnf(rn.Export[0], "this is not asked: a route-server-client hears what other clients say, as they say it (RFC 7947)")
	}
	if p.NextHopSelf && !internal {
		r.warnf(rn.NextHopSelf, "next-hop-self means nothing here: neighbours of other autonomous systems always hear the own address")
	}
	if internal || p.Open || p.Disabled || p.RemoteAS == 0 || as == 0 {
		return
	}
	switch {
	case p.Import == "" && p.Export == "":
		r.warnf(rn.Node, "nothing is taken from this neighbour and only what announce names is told to it: it has no policies (RFC 8212); write import and export, or ebgp-requires-policy: false")
	case p.Import == "":
		r.warnf(rn.Node, "nothing is taken from this neighbour: it has no import policy (RFC 8212)")
	}
}

func (r *report) bgpTimers(raw *rawBGPTimers) bgp.Timers {
	t := bgp.Timers{
		Hold:         r.duration(raw.Hold, 90*time.Second, 3*time.Second, maxHold, time.Second),
		ConnectRetry: r.duration(raw.ConnectRetry, 10*time.Second, time.Second, time.Hour, time.Second),
	}
	t.Keepalive = r.duration(raw.Keepalive, t.Hold/3/time.Second*time.Second, time.Second, maxHold, time.Second)
	if t.Keepalive > t.Hold/3+time.Second {
		r.warnf(raw.Keepalive, "keepalive is more than a third of hold-time: one that is lost may end the session (RFC 4271 4.4)")
	}
	return t
}

func (r *report) bgpRestart(raw *rawBGPRestart) bgp.GracefulRestart {
	return bgp.GracefulRestart{
		Enabled: r.boolean(raw.Enabled, true),
		Time:    r.duration(raw.Time, 2*time.Minute, time.Second, maxRestart, time.Second),
	}
}
