package config

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/policy"
)

type rawBGPPolicy struct {
	Node    *node
	Name    *node              `key:"name"`
	Rules   []rawBGPPolicyRule `key:"rules"`
	Default *node              `key:"default"`
}

type rawBGPPolicyRule struct {
	Node   *node
	Match  *rawBGPMatch `key:"match"`
	Action *node        `key:"action"`
	Set    *rawBGPSet   `key:"set"`
}

type rawBGPMatch struct {
	Node           *node
	Prefixes       []*node `key:"prefixes" or:"scalar"`
	ASPath         []*node `key:"as-path" or:"scalar"`
	Community      []*node `key:"community" or:"scalar"`
	LargeCommunity []*node `key:"large-community" or:"scalar"`
	Neighbor       []*node `key:"neighbor" or:"scalar"`
	Source         []*node `key:"source" or:"scalar"`
	Tag            []*node `key:"tag" or:"scalar"`
}

type rawBGPSet struct {
	Node                 *node
	LocalPreference      *node   `key:"local-preference"`
	MED                  *node   `key:"med"`
	Prepend              *node   `key:"prepend"`
	NextHop              *node   `key:"next-hop"`
	Community            []*node `key:"community" or:"scalar"`
	LargeCommunity       []*node `key:"large-community" or:"scalar"`
	RemoveCommunity      []*node `key:"remove-community" or:"scalar"`
	RemoveLargeCommunity []*node `key:"remove-large-community" or:"scalar"`
}

var (
	verdicts   = []choice[bool]{{"accept", true}, {"reject", false}}
	bgpSources = []choice[policy.Source]{
		{"bgp", policy.Learnt}, {"network", policy.Network}, {"aggregate", policy.Aggregate}, {"announce", policy.Announced},
		{"connected", policy.Connected}, {"static", policy.Static}, {"kernel", policy.Kernel}, {"ospf", policy.OSPF},
	}
)

// placedPolicy is a policy with where it stands.
type placedPolicy struct {
	*policy.Policy
	raw  *rawBGPPolicy
	used bool
}

// bgpPolicies reads the policies by their names.
func (r *report) bgpPolicies(raws []rawBGPPolicy) map[string]*placedPolicy {
	all := make(map[string]*placedPolicy)
	for i := range raws {
		raw := &raws[i]
		switch {
		case raw.Name == nil:
			if !raw.Node.has("name") {
				r.errorf(raw.Node, "\"name\" is missing: write the name that neighbours refer to under import or export")
			}
			continue
		case !isWord(raw.Name.text):
			r.errorf(raw.Name, "%q is 1 to 32 letters, digits, - _ and ., not %q", raw.Name.key, raw.Name.text)
			continue
		case all[raw.Name.text] != nil:
			r.errorf(raw.Name, "policy %q is already in line %d", raw.Name.text, all[raw.Name.text].raw.Name.line)
			continue
		}
		p := &policy.Policy{Name: raw.Name.text, Accept: enum(r, raw.Default, false, verdicts)}
		for n := range raw.Rules {
			p.Rules = append(p.Rules, r.bgpPolicyRule(r.place(fmt.Sprintf("policy %s rule %d", p.Name, n+1), raw.Rules[n].Node), &raw.Rules[n]))
			r.warnShadowed(raw.Rules, p.Rules, n)
		}
		all[p.Name] = &placedPolicy{Policy: p, raw: raw}
	}
	return all
}

func (r *report) bgpPolicyRule(place string, raw *rawBGPPolicyRule) policy.Rule {
	if raw.Action == nil && !raw.Node.has("action") {
		r.errorf(raw.Node, "\"action\" is missing: write accept or reject")
	}
	rule := policy.Rule{
		Place:  place,
		Match:  r.bgpMatch(section(raw.Match)),
		Accept: enum(r, raw.Action, false, verdicts),
		Set:    r.bgpSet(section(raw.Set)),
	}
	if raw.Set != nil && raw.Action != nil && !rule.Accept {
		r.warnf(raw.Set.Node, "what is rejected is not changed: leave out set, or write action: accept")
	}
	return rule
}

func (r *report) bgpMatch(raw *rawBGPMatch) (m policy.Match) {
	m.Prefixes = r.ranges(raw.Prefixes)
	for _, n := range raw.ASPath {
		if p, err := policy.ParseASPath(n.text); err != nil {
			r.errorf(n, "%s: %v", n.key, err)
		} else {
			m.ASPath = append(m.ASPath, p)
		}
	}
	m.Communities = parsed(r, raw.Community, bgp.ParseCommunity)
	m.LargeCommunities = parsed(r, raw.LargeCommunity, bgp.ParseLargeCommunity)
	m.Neighbors = r.networks(raw.Neighbor)
	for _, n := range raw.Source {
		m.Sources = append(m.Sources, enum(r, n, 0, bgpSources))
	}
	for _, n := range raw.Tag {
		m.Tags = append(m.Tags, r.number(n, 0, 0, math.MaxUint32))
	}
	return m
}

func (r *report) bgpSet(raw *rawBGPSet) policy.Set {
	return policy.Set{
		LocalPref: r.optional(raw.LocalPreference),
		MED:       r.optional(raw.MED),
		Prepend:   int(r.number(raw.Prepend, 0, 0, 255)),
		NextHop:   r.nextHop(raw.NextHop),
		Add:       parsed(r, raw.Community, bgp.ParseCommunity), AddLarge: parsed(r, raw.LargeCommunity, bgp.ParseLargeCommunity),
		Remove: parsed(r, raw.RemoveCommunity, bgp.ParseCommunity), RemoveLarge: parsed(r, raw.RemoveLargeCommunity, bgp.ParseLargeCommunity),
	}
}

// nextHop reads the next hop that is told: self, which is 0.0.0.0, or an address; the zero Addr when there is none.
func (r *report) nextHop(n *node) netip.Addr {
	switch {
	case n == nil:
		return netip.Addr{}
	case n.text == "self":
		return netip.IPv4Unspecified()
	}
	a, err := netip.ParseAddr(n.text)
	if err != nil || !a.Is4() || a.IsUnspecified() || a.IsMulticast() {
		r.errorf(n, "%q is self or an address such as 192.0.2.1, not %q", n.key, n.text)
		return netip.Addr{}
	}
	return a
}

// optional reads a number of 32 bits; nil when there is none.
func (r *report) optional(n *node) *uint32 {
	if n == nil {
		return nil
	}
	v := r.number(n, 0, 0, math.MaxUint32)
	return &v
}

// networks reads addresses and prefixes.
func (r *report) networks(nodes []*node) (list []netip.Prefix) {
	for _, n := range nodes {
		if p, ok := r.network(n); ok {
			list = append(list, p)
		}
	}
	return list
}

// parsed reads a list with a parser of its own.
func parsed[T any](r *report, nodes []*node, parse func(string) (T, error)) (list []T) {
	for _, n := range nodes {
		if v, err := parse(n.text); err != nil {
			r.errorf(n, "%s: %v", n.key, err)
		} else {
			list = append(list, v)
		}
	}
	return list
}

// warnShadowed reports a rule that no route gets to.
func (r *report) warnShadowed(raws []rawBGPPolicyRule, rules []policy.Rule, n int) {
	for i := range n {
		if rules[i].Match.Covers(&rules[n].Match) {
			r.warnf(raws[n].Node, "no route ever gets here: the rule in line %d takes all that this one matches", raws[i].Node.line)
			return
		}
	}
}

// bgpPolicy reads the name of a policy, or the prefixes that one without a name is to accept; empty without either.
func (r *report) bgpPolicy(nodes []*node, exports bool) string {
	if len(nodes) == 0 {
		return ""
	}
	n := nodes[0]
	if strings.Contains(n.text, "/") {
		return r.prefixPolicy(nodes)
	}
	p := r.policies[n.text]
	switch {
	case len(nodes) > 1:
		r.errorf(nodes[1], "%q is the name of one policy, or a list of prefixes such as 198.51.100.0/24 le 25", n.key)
		return ""
	case p == nil:
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(r.policies)), func(name string) bool { return !isWord(name) })
		r.errorf(n, "there is no policy %q%s", n.text, didYouMean(n.text, names, "write it under bgp.policies, or prefixes here"))
		return ""
	}
	p.used = true
	for i := range p.raw.Rules {
		r.checkDirection(&p.raw.Rules[i], n, exports)
	}
	return p.Name
}

// prefixPolicy makes a policy of a list of prefixes. Its name is none that a policy of the file could have.
func (r *report) prefixPolicy(nodes []*node) string {
	name := fmt.Sprintf("%s at %d:%d", nodes[0].key, nodes[0].line, nodes[0].column)
	p := &policy.Policy{Name: name, Rules: []policy.Rule{{Place: name, Match: policy.Match{Prefixes: r.ranges(nodes)}, Accept: true}}}
	r.policies[name] = &placedPolicy{Policy: p, used: true}
	return name
}

// ranges reads a list of prefixes with lengths.
func (r *report) ranges(nodes []*node) (list []policy.Range) {
	for _, p := range r.prefixList(nodes) {
		list = append(list, policy.Range{Prefix: p.Prefix, Ge: p.Ge, Le: p.Le})
	}
	return list
}

// checkDirection reports what a rule asks for that what is imported or exported never has.
func (r *report) checkDirection(raw *rawBGPPolicyRule, user *node, exports bool) {
	if exports {
		return
	}
	set, match := section(raw.Set), section(raw.Match)
	if set.NextHop != nil {
		r.errorf(set.NextHop, "the next hop is set on export only, and line %d uses the policy for import", user.line)
	}
	for _, n := range match.Source {
		if n.text != "bgp" {
			r.warnf(n, "this never matches on import, for which line %d uses the policy: what neighbours say has the source bgp", user.line)
		}
	}
	for _, n := range match.Tag {
		r.warnf(n, "this never matches on import, for which line %d uses the policy: what neighbours say has no tag", user.line)
	}
}

// warnUnusedPolicies reports policies that nobody names.
func (r *report) warnUnusedPolicies() {
	for _, p := range r.policies {
		if !p.used {
			r.warnf(p.raw.Name, "no neighbour uses policy %q: write it under import or export", p.Name)
		}
	}
}
