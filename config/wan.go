package config

import (
	"math/bits"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ecmpd/ecmpd/wan"
)

var (
	balances = []choice[wan.Balance]{
		{"per-connection", wan.PerConnection}, {"per-address-pair", wan.PerAddressPair}, {"per-source", wan.PerSource},
		{"per-destination", wan.PerDestination}, {"nth", wan.Nth}, {"route", wan.ByRoute},
	}
	flushes   = []choice[bool]{{"dead-uplink", true}, {"never", false}}
	fallbacks = []choice[bool]{{"balance", false}, {"none", true}}
)

// wan reads the uplinks and what is spread over them.
func (r *report) wan(raw *rawWAN) wan.Config {
	if raw == nil {
		return wan.Config{}
	}
	c := wan.Config{
		Balance:             enum(r, raw.Balance, wan.PerConnection, balances),
		ReplyThroughIngress: r.boolean(raw.Reply, true),
		Flush:               enum(r, section(raw.OnFailover).Flush, true, flushes),
		Mark:                r.mark(section(raw.Mark)),
	}
	r.endpoints(raw.Endpoints, &c)
	if !raw.Node.hasItems("uplinks") {
		r.errorf(raw.Node, "\"uplinks\" is missing: write a list such as [{name: isp-a, interface: eth1, gateway: 192.0.2.1, nat: masquerade}]")
	}
	c.Uplinks = r.uplinks(raw.Uplinks)
	if most := c.Mark.MaxUplinks(); len(c.Uplinks) > most {
		r.errorf(raw.Uplinks[most].Node, "%d uplinks are more than the mask can tell apart, which are %d: write a mark.mask with more bits", len(c.Uplinks), most)
	}
	lists := r.wanLists(section(raw.Lists))
	c.Rules = r.wanRules(raw.Rules, c.Uplinks, lists)
	for _, n := range raw.OnChange {
		if words := strings.Fields(n.text); len(words) == 0 || !path.IsAbs(words[0]) {
			r.errorf(n, "%s: a command begins with the whole path of a program, such as /etc/ecmpd/changed", n.key)
		} else {
			c.OnChange = append(c.OnChange, n.text)
		}
	}
	for name, l := range lists {
		if !l.used {
			r.warnf(l.node, "no rule uses list %q", name)
		}
	}
	return c
}

// highestBase leaves room below the priority of the main table's rule, 32766.
const highestBase = 32000

func (r *report) mark(raw *rawMark) wan.Mark {
	m := wan.Mark{
		Mask:      0x3f000000,
		TableBase: r.number(raw.TableBase, 20100, 256, 1<<30),
		RuleBase:  r.number(raw.RuleBase, 20100, 1, highestBase),
	}
	if n := raw.Mask; n != nil {
		v, err := strconv.ParseUint(n.text, 0, 32)
		ones := bits.OnesCount64(v)
		switch {
		case err != nil:
			r.errorf(n, "%q is a number such as 0x3f000000, not %q", n.key, n.text)
		case ones < 3 || ones > 8 || bits.Len64(v)-bits.TrailingZeros64(v) != ones:
			r.errorf(n, "%q is 3 to 8 bits next to each other, such as 0x3f000000, not %q", n.key, n.text)
		default:
			m.Mask = uint32(v)
		}
	}
	return m
}

// endpoints reads the far ends of tunnels, and whose are looked up.
func (r *report) endpoints(nodes []*node, c *wan.Config) {
	for _, n := range nodes {
		switch n.text {
		case "wireguard":
			c.FindWireGuard = true
		case "openvpn":
			c.FindOpenVPN = true
		default:
			if _, err := netip.ParseAddr(n.text); err != nil {
				r.errorf(n, "%s: an IPv4 address, wireguard or openvpn, not %q", n.key, n.text)
			} else if a, ok := r.address(n); ok {
				c.Endpoints = append(c.Endpoints, a)
			}
		}
	}
}

func (r *report) uplinks(raws []rawUplink) (list []wan.Uplink) {
	names := make(map[string]int)
	type way struct {
		link    string
		gateway wan.Gateway
	}
	ways := make(map[way]int)
	resolvers := make(map[netip.Addr]int)
	for _, raw := range raws {
		u := r.uplink(&raw)
		if line, twice := names[u.Name]; twice && u.Name != "" {
			r.errorf(raw.Name, "uplink %q is already in line %d", u.Name, line)
		} else if u.Name != "" {
			names[u.Name] = raw.Node.line
		}
		w := way{u.Interface, u.Gateway}
		if line, twice := ways[w]; twice && u.Interface != "" {
			r.errorf(raw.Node, "the uplink in line %d has the same interface and gateway: write one with the weight of both", line)
		}
		ways[w] = raw.Node.line
		for i, a := range u.Resolvers {
			if line, twice := resolvers[a]; twice {
				r.errorf(raw.Resolvers[min(i, len(raw.Resolvers)-1)], "resolver %s is already in line %d: it is reached through one uplink", a, line)
			}
			resolvers[a] = raw.Node.line
		}
		list = append(list, u)
	}
	return list
}

func (r *report) uplink(raw *rawUplink) wan.Uplink {
	u := wan.Uplink{
		Name:      r.uplinkName(raw),
		Interface: r.uplinkInterface(raw),
		Gateway:   r.gateway(raw),
		Weight:    int(r.number(raw.Weight, 1, 1, 254)),
		Tier:      int(r.number(raw.Tier, 1, 1, 16)),
		NAT:       r.nat(raw.NAT),
	}
	u.Check = r.wanCheck(section(raw.Check), u.Gateway)
	for _, n := range raw.Resolvers {
		if a, ok := r.address(n); ok {
			u.Resolvers = append(u.Resolvers, a)
		}
	}
	return u
}

func (r *report) uplinkName(raw *rawUplink) string {
	n := raw.Name
	switch {
	case n == nil && raw.Node.has("name"):
		return ""
	case n == nil:
		r.errorf(raw.Node, "\"name\" is missing: write a word of your own, such as isp-a")
		return ""
	case !isWord(n.text):
		r.errorf(n, "%s %q is 1 to 32 letters, digits, - _ and .", n.key, n.text)
		return ""
	}
	return n.text
}

// isWord tells whether a text can name an uplink or a list.
func isWord(s string) bool {
	outside := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-_.", c)
	}
	return len(s) > 0 && len(s) <= 32 && !strings.ContainsFunc(s, outside)
}

func (r *report) uplinkInterface(raw *rawUplink) string {
	n := raw.Interface
	if n == nil {
		if !raw.Node.has("interface") {
			r.errorf(raw.Node, "\"interface\" is missing: write the name of the uplink's link, or a glob such as \"ppp*\"")
		}
		return ""
	}
	_, err := path.Match(n.text, "")
	switch {
	case err != nil:
		r.errorf(n, "%s %q is no valid glob: * is any text, ? one character, [abc] one of these", n.key, n.text)
	case n.text == "" || strings.ContainsAny(n.text, " \t/!"):
		r.errorf(n, "%s %q is no name of a link: write a name, or a glob such as \"ppp*\"", n.key, n.text)
	case isName(n.text) && len(n.text) > longestName:
		r.errorf(n, "%s %q is longer than the %d characters that a link's name can have", n.key, n.text, longestName)
	case n.text == "lo":
		r.errorf(n, "%s lo is no way to the Internet", n.key)
	default:
		return n.text
	}
	return ""
}

func (r *report) gateway(raw *rawUplink) wan.Gateway {
	n := raw.Gateway
	switch {
	case n == nil && raw.Node.has("gateway"):
	case n == nil:
		r.errorf(raw.Node, "\"gateway\" is missing: write the address of the next router, interface (on point-to-point links) or dhcp")
	case n.text == "interface":
	case n.text == "dhcp":
		return wan.Gateway{DHCP: true}
	default:
		if _, err := netip.ParseAddr(n.text); err != nil {
			r.errorf(n, "%q is an IPv4 address, interface or dhcp, not %q", n.key, n.text)
		} else if a, ok := r.address(n); ok {
			return wan.Gateway{Address: a}
		}
	}
	return wan.Gateway{}
}

func (r *report) nat(n *node) wan.NAT {
	switch {
	case n == nil || n.text == "none":
	case n.text == "masquerade":
		return wan.NAT{Masquerade: true}
	default:
		if _, err := netip.ParseAddr(n.text); err != nil {
			r.errorf(n, "%q is masquerade, none or the address to send from, not %q", n.key, n.text)
		} else if a, ok := r.address(n); ok {
			return wan.NAT{Source: a}
		}
	}
	return wan.NAT{}
}

// wanCheck reads how the health of an uplink is found. Without targets the gateway is
// asked, and on a link without one its carrier is all there is.
func (r *report) wanCheck(raw *rawCheck, g wan.Gateway) wan.Check {
	c := wan.Check{
		Interval:  r.duration(raw.Interval, 2*time.Second, 100*time.Millisecond, 10*time.Minute, time.Millisecond),
		Timeout:   r.duration(raw.Timeout, time.Second, 10*time.Millisecond, time.Minute, time.Millisecond),
		DownAfter: int(r.number(raw.DownAfter, 3, 1, 100)),
		UpAfter:   int(r.number(raw.UpAfter, 5, 1, 100)),
		HoldUp:    r.duration(raw.HoldUp, 20*time.Second, 0, time.Hour, time.Millisecond),
	}
	if raw.Timeout == nil {
		c.Timeout = min(c.Timeout, c.Interval)
	}
	if c.Timeout > c.Interval {
		r.errorf(raw.Timeout, "%s %s is longer than the interval %s: a probe ends before the next begins", raw.Timeout.key, seconds(c.Timeout), seconds(c.Interval))
	}
	asked := 0 // targets other than the gateway
	onLink := !g.DHCP && !g.Address.IsValid()
	for _, n := range raw.Targets {
		t, ok := r.target(n)
		switch {
		case !ok:
			continue
		case t.Kind == wan.ProbeGateway && onLink:
			r.errorf(n, "there is no gateway to ask on a link with gateway: interface: write a target beyond it, such as icmp 192.0.2.1")
			continue
		case slices.Contains(c.Targets, t):
			r.errorf(n, "target %q stands twice", n.text)
			continue
		case t.Kind != wan.ProbeGateway:
			asked++
		}
		c.Targets = append(c.Targets, t)
	}
	if len(raw.Targets) == 0 && !onLink {
		c.Targets = []wan.Target{{Kind: wan.ProbeGateway}}
	}
	c.Quorum = int(r.number(raw.Quorum, uint32(min(1, asked)), 0, 100))
	switch {
	case c.Quorum > asked:
		r.errorf(raw.Quorum, "%s %d can never be met by %d targets: it counts those other than the gateway", raw.Quorum.key, c.Quorum, asked)
	case c.Quorum == 0 && asked > 0:
		r.errorf(raw.Quorum, "%s 0 makes the targets meaningless: write 1 or more", raw.Quorum.key)
	}
	return c
}

const targetForms = "gateway, icmp ADDRESS, tcp ADDRESS:PORT or dns ADDRESS"

func (r *report) target(n *node) (wan.Target, bool) {
	words := strings.Fields(n.text)
	switch {
	case len(words) == 1 && words[0] == "gateway":
		return wan.Target{Kind: wan.ProbeGateway}, true
	case len(words) == 2 && (words[0] == "icmp" || words[0] == "dns"):
		kind := wan.ProbeICMP
		if words[0] == "dns" {
			kind = wan.ProbeDNS
		}
		if a, err := netip.ParseAddr(words[1]); err == nil && isHost(a) {
			return wan.Target{Kind: kind, Address: a}, true
		}
	case len(words) == 2 && words[0] == "tcp":
		if a, err := netip.ParseAddrPort(words[1]); err == nil && isHost(a.Addr()) && a.Port() > 0 {
			return wan.Target{Kind: wan.ProbeTCP, Address: a.Addr(), Port: a.Port()}, true
		}
	}
	r.errorf(n, "%s: a target is %s, not %q", n.key, targetForms, n.text)
	return wan.Target{}, false
}

// isHost tells whether another host can have the address.
func isHost(a netip.Addr) bool {
	return a.Is4() && a.As4()[0] != 0 && a.As4()[0] != 127 && a.As4()[0] < 224
}

// warnStaticDefault tells of a default route that stays when all uplinks are down.
func (r *report) warnStaticDefault(raw *rawConfig) {
	for _, s := range raw.Static {
		if raw.WAN != nil && s.Prefix != nil && s.Prefix.text == "0.0.0.0/0" {
			r.warnf(s.Prefix, "this default route takes over when all uplinks are down; should it lead over one of them, remove it: uplinks make their own")
		}
	}
}
