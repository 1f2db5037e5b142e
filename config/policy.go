package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ecmpd/ecmpd/firewall"
)

var (
	actions   = []choice[bool]{{"accept", true}, {"drop", false}}
	protocols = []choice[uint8]{{"tcp", protocolTCP}, {"udp", protocolUDP}, {"icmp", 1}, {"gre", 47}, {"esp", 50}, {"ah", 51}, {"sctp", 132}}
)

// IP protocols with ports, by their numbers at IANA.
const (
	protocolTCP = 6
	protocolUDP = 17
)

// policy reads the rules for untracked transit packets.
func (r *report) policy(raw *rawTransit, mode TransitMode) firewall.Policy {
	p := firewall.Policy{Drop: !enum(r, raw.PolicyDefault, true, actions)}
	takesAll := 0 // line of a rule that takes everything
	for _, rule := range raw.Policy {
		if takesAll > 0 {
			r.warnf(rule.Node, "no packet ever gets here: the rule in line %d takes them all", takesAll)
			takesAll = -1 // said once
		}
		one := r.policyRule(&rule)
		if takesAll == 0 && one.Accept && len(one.From)+len(one.To)+len(one.Ports) == 0 && one.Protocol == 0 {
			takesAll = rule.Node.line
		}
		p.Rules = append(p.Rules, one)
	}
	drops := slices.IndexFunc(p.Rules, func(r firewall.PolicyRule) bool { return !r.Accept })
	switch {
	case mode != TransitOff:
	case drops >= 0:
		r.warnf(raw.Policy[drops].Node, "this rule drops nothing with mode: off: a policy is for packets that are not tracked")
	case p.Drop:
		r.warnf(raw.PolicyDefault, "%s: drop drops nothing with mode: off: a policy is for packets that are not tracked", raw.PolicyDefault.key)
	}
	return p
}

func (r *report) policyRule(raw *rawPolicyRule) firewall.PolicyRule {
	if raw.Action == nil && !raw.Node.has("action") {
		r.errorf(raw.Node, "\"action\" is missing: write accept or drop")
	}
	rule := firewall.PolicyRule{
		From: r.prefixes(raw.From), To: r.prefixes(raw.To),
		Protocol: r.protocol(raw.Protocol), Ports: r.ports(raw.Ports),
		Accept: enum(r, raw.Action, true, actions),
	}
	if len(raw.Ports) > 0 && rule.Protocol != protocolTCP && rule.Protocol != protocolUDP {
		r.errorf(raw.Ports[0], "ports go with protocol: tcp or protocol: udp only: write one of them, and a second rule for the other")
	}
	return rule
}

// protocol reads the name or number of an IP protocol; 0 is any.
func (r *report) protocol(n *node) uint8 {
	if n != nil && n.text != "" && strings.Trim(n.text, "0123456789") == "" {
		return uint8(r.number(n, 0, 1, 255))
	}
	return enum(r, n, 0, protocols)
}

// ports reads ports and ranges such as 80-90.
func (r *report) ports(nodes []*node) (list []firewall.PortRange) {
	for _, n := range nodes {
		first, last, isRange := strings.Cut(n.text, "-")
		if !isRange {
			last = first
		}
		a, errA := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
		b, errB := strconv.ParseUint(strings.TrimSpace(last), 10, 16)
		switch {
		case errA != nil || errB != nil || a == 0:
			r.errorf(n, "%q is a port from 1 to 65535 or a range such as 80-90, not %q", n.key, n.text)
		case a > b:
			r.errorf(n, "%q: the range %s ends before it begins: write %d-%d", n.key, n.text, b, a)
		default:
			list = append(list, firewall.PortRange{First: uint16(a), Last: uint16(b)})
		}
	}
	return list
}
