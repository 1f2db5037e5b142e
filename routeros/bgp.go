package routeros

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// bgpRecords is what the script says of BGP, in either version.
type bgpRecords struct {
	as           string // of the instance (6), or of a template or connection (7)
	asLine       int
	routerID     []keyed
	templates    map[string]*script.Statement
	redistribute []keyed
	peers        []*bgpPeer
	networks     []bgpNetwork
	lists        []keyed // address lists of networks
}

// bgpPeer is a neighbour.
type bgpPeer struct {
	i, line int
	addr    netip.Addr
	as      string
	keys    []keyed
	missing string // why it is not complete
	// internal: it is of the own autonomous system, which another line may say.
	internal bool
}

type bgpNetwork struct {
	prefix netip.Prefix
	line   int
}

const (
	maxBGPPeers    = 500
	maxBGPNetworks = 1000
)

// readBGPInstance reads version 6's instance.
func (im *importer) readBGPInstance(i int, s *script.Statement) {
	im.bgpAS(s, "as")
	im.bgpRouterID(s)
	for _, source := range []string{"connected", "static", "ospf"} {
		if s.Flag("redistribute-" + source) {
			im.bgp.redistribute = append(im.bgp.redistribute, keyed{"redistribute-" + source, source, s.Line})
		}
	}
	im.bgpForeign(s, "out-filter")
}

// readBGPTemplate reads version 7's template, which connections refer to.
func (im *importer) readBGPTemplate(i int, s *script.Statement) {
	name := firstOf(s.Value("name"), "default")
	if im.bgp.templates == nil {
		im.bgp.templates = make(map[string]*script.Statement)
	}
	if len(im.bgp.templates) < maxBGPPeers {
		im.bgp.templates[name] = s
	}
	im.bgpAS(s, "as")
	im.bgpRouterID(s)
}

// readBGPPeer reads a peer of version 6.
func (im *importer) readBGPPeer(i int, s *script.Statement) {
	p := im.bgpPeer(i, s, "remote-address", "remote-as")
	if p == nil {
		return
	}
	add := func(name, key, value string) { p.keys = append(p.keys, keyed{key, value, s.Line}) }
	if a := s.Value("update-source"); a != "" {
		if addr, ok := parseHost(a); ok {
			add("update-source", "local-address", addr.String())
		} else {
			im.note(s.Pos, Assumed, "update-source=%s is not taken over: local-address wants an address", clip(a, 40))
		}
	}
	if s.Flag("route-reflect") {
		add("route-reflect", "route-reflector-client", "true")
	}
	if s.Value("nexthop-choice") == "force-self" && p.as == im.bgp.as {
		add("nexthop-choice", "next-hop-self", "true")
	}
	im.bgpLimit(p, s, "max-prefix-limit")
	im.bgpForeign(s, "in-filter", "out-filter")
}

// readBGPConnection reads a connection of version 7.
func (im *importer) readBGPConnection(i int, s *script.Statement) {
	if t := im.bgp.templates[firstOf(s.Value("templates"), "default")]; t != nil && s.Value("as") == "" {
		im.bgpAS(t, "as")
	}
	im.bgpAS(s, "as")
	role := s.Value("local.role")
	p := im.bgpPeer(i, s, "remote.address", "remote.as")
	if p == nil {
		return
	}
	if p.as == "" && strings.HasPrefix(role, "ibgp") {
		p.internal, p.missing = true, ""
	}
	add := func(key, value string) { p.keys = append(p.keys, keyed{key, value, s.Line}) }
	if addr, ok := parseHost(s.Value("local.address")); ok {
		add("local-address", addr.String())
	}
	if role == "ibgp-rr" {
		add("route-reflector-client", "true")
	}
	if s.Flag("listen") && s.Value("connect") == "no" {
		add("passive", "true")
	}
	if s.Value("nexthop-choice") == "force-self" && (p.internal || p.as == im.bgp.as) {
		add("next-hop-self", "true")
	}
	im.bgpLimit(p, s, "input.limit-process-routes-ipv4")
	for _, source := range items(s.Value("output.redistribute")) {
		k := keyed{"output.redistribute=" + source, source, s.Line}
		if slices.Contains([]string{"connected", "static", "ospf"}, source) && !slices.ContainsFunc(im.bgp.redistribute, func(o keyed) bool { return o.value == source }) {
			im.bgp.redistribute = append(im.bgp.redistribute, k)
		}
	}
	if name := s.Value("output.network"); name != "" {
		im.bgpNetworkList(s, name)
	}
	im.bgpForeign(s, "input.filter", "output.filter-chain", "output.filter-select")
}

// readBGPNetwork reads a network of version 6.
func (im *importer) readBGPNetwork(i int, s *script.Statement) {
	p, ok := parsePrefix(s.Value("network"))
	if !ok {
		im.skip(i, "network has no valid value")
		return
	}
	if !im.full(i, len(im.bgp.networks), maxBGPNetworks, "networks of BGP") {
		im.bgp.networks = append(im.bgp.networks, bgpNetwork{p.Masked(), s.Line})
	}
}

// bgpNetworkList takes the networks of an address list, which lines behind may still fill.
func (im *importer) bgpNetworkList(s *script.Statement, name string) {
	im.bgp.lists = append(im.bgp.lists, keyed{"output.network", name, s.Line})
}

// bgpAS notes the own autonomous system. ecmpd has one.
func (im *importer) bgpAS(s *script.Statement, name string) {
	a, ok := s.Arg(name)
	switch {
	case !ok || a.Value == "" || a.Value == im.bgp.as:
	case !isAS(a.Value):
		im.find(a.At, InvalidValue, "%s=%s is no number of an autonomous system", name, clip(a.Value, 40))
	case im.bgp.as != "":
		im.find(a.At, InvalidValue, "as=%s, and line %d says %s: there is one autonomous system", a.Value, im.bgp.asLine, im.bgp.as)
	default:
		im.bgp.as, im.bgp.asLine = a.Value, s.Line
	}
}

func isAS(text string) bool {
	n, err := strconv.ParseUint(text, 10, 32)
	return err == nil && text[0] != '0' && n != 23456 && n != 65535 && n != 1<<32-1
}

func (im *importer) bgpRouterID(s *script.Statement) {
	if a, ok := s.Arg("router-id"); ok && a.Value != "" {
		if id, valid := parseHost(a.Value); valid {
			im.bgp.routerID = []keyed{{"router-id", id.String(), s.Line}}
		}
	}
}

// bgpPeer reads what both versions say of a neighbour; nil when there is none to write.
func (im *importer) bgpPeer(i int, s *script.Statement, address, as string) *bgpPeer {
	if im.full(i, len(im.bgp.peers), maxBGPPeers, "BGP peers") {
		return nil
	}
	prefix, ok := parsePrefix(s.Value(address))
	_, host := parseHost(prefix.Addr().String())
	switch {
	case !ok || prefix.IsSingleIP() && !host:
		im.skip(i, "%s has no valid value", address)
		return nil
	case !prefix.IsSingleIP():
		im.skip(i, "it lets neighbours of %s connect: write that under dynamic-neighbors", prefix.Masked())
		return nil
	case slices.ContainsFunc(im.bgp.peers, func(p *bgpPeer) bool { return p.addr == prefix.Addr() }):
		im.skip(i, "there is a neighbour %s already", prefix.Addr())
		return nil
	}
	p := &bgpPeer{i: i, line: s.Line, addr: prefix.Addr(), as: s.Value(as)}
	if !isAS(p.as) {
		p.missing = as + " is not there"
		if p.as != "" {
			p.missing = as + " is no number of an autonomous system"
			p.as = ""
		}
	}
	add := func(key, value string) { p.keys = append(p.keys, keyed{key, value, s.Line}) }
	if name := s.Value("name"); name != "" {
		add("description", quoted(clip(name, 60)))
	}
	if a, ok := s.Arg("tcp-md5-key"); ok && a.Value != "" {
		if printable(a.Value) == a.Value && len(a.Value) <= 80 {
			add("password", quoted(a.Value))
		} else {
			p.missing = "its tcp-md5-key can not be written"
		}
	}
	if s.Flag("multihop") && p.as != im.bgp.as {
		add("multihop", "255")
	}
	if v, ok := seconds(s.Value("hold-time")); ok && v >= 3 && v <= 65535 {
		add("timers", fmt.Sprintf("{hold-time: %ds}", v))
	}
	if s.Flag("use-bfd") && !s.Flag("multihop") {
		add("bfd", "true")
	}
	im.bgp.peers = append(im.bgp.peers, p)
	return p
}

func (im *importer) bgpLimit(p *bgpPeer, s *script.Statement, name string) {
	if n := im.number(s, name, 0, 0, 1<<31-1); n > 0 {
		p.keys = append(p.keys, keyed{"prefix-limit", fmt.Sprint(n), s.Line})
	}
}

// bgpForeign notes filters, which are programs.
func (im *importer) bgpForeign(s *script.Statement, names ...string) {
	for _, name := range names {
		if a, ok := s.Arg(name); ok && a.Value != "" {
			im.note(a.Pos, Assumed, "%s=%s is not taken over: routing filters are not translated; write a policy under bgp.policies, and its name under import or export", name, clip(a.Value, 40))
		}
	}
}
