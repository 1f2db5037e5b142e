package config

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/announce"
	"github.com/ecmpd/ecmpd/bgp/policy"
	"github.com/ecmpd/ecmpd/wan"
)

type rawBGPAggregate struct {
	Node        *node
	Prefix      *node `key:"prefix"`
	SummaryOnly *node `key:"summary-only"`
}

type rawBGPRedistribute struct {
	Node           *node
	Source         *node   `key:"source"`
	Prefixes       []*node `key:"prefixes"`
	MED            *node   `key:"med"`
	Community      []*node `key:"community" or:"scalar"`
	LargeCommunity []*node `key:"large-community" or:"scalar"`
}

type rawBGPAnnounce struct {
	Node   *node
	Prefix *node       `key:"prefix"`
	When   *rawBGPWhen `key:"when"`
	To     []*node     `key:"to" or:"scalar"`
	Then   *rawBGPThen `key:"then" or:"scalar"`
}

type rawBGPWhen struct {
	Node   *node
	Uplink *node `key:"uplink"`
	State  *node `key:"state"`
}

type rawBGPThen struct {
	Node            *node
	Action          *node   `key:"action"`
	Prepend         *node   `key:"prepend"`
	MED             *node   `key:"med"`
	Community       []*node `key:"community" or:"scalar"`
	LargeCommunity  []*node `key:"large-community" or:"scalar"`
	LocalPreference *node   `key:"local-preference"`
}

var (
	announcing    = []choice[bool]{{"announce", false}, {"withdraw", true}} // whether it withdraws
	ups           = []choice[bool]{{"up", true}, {"down", false}}
	redistributed = []choice[policy.Source]{{"connected", policy.Connected}, {"static", policy.Static}, {"kernel", policy.Kernel}, {"ospf", policy.OSPF}}
)

// announcements reads what is told to neighbours.
func (r *report) announcements(raw *rawBGP, c *bgp.Config, uplinks []wan.Uplink) announce.Config {
	if raw == nil {
		return announce.Config{}
	}
	a := announce.Config{AS: c.AS, RouterID: c.RouterID, ClusterID: c.ClusterID}
	neighbor := func(p netip.Prefix, one *bgp.Peering) {
		n := announce.Neighbor{Prefix: p, AS: one.RemoteAS, Internal: one.Internal(c.AS), Client: one.Reflect, NextHopSelf: one.NextHopSelf, Open: one.Open}
		if used := r.policies[one.Export]; used != nil {
			n.Export = used.Policy
		}
		a.Neighbors = append(a.Neighbors, n)
	}
	for i := range c.Neighbors {
		n := &c.Neighbors[i]
		neighbor(netip.PrefixFrom(n.Address, n.Address.BitLen()), &n.Peering)
	}
	for i := range c.Dynamic {
		neighbor(c.Dynamic[i].Prefix, &c.Dynamic[i].Peering)
	}
	for _, n := range raw.Networks {
		if p, ok := r.prefix(n); ok {
			a.Networks = append(a.Networks, announce.Network{Prefix: p, Place: "networks"})
		}
	}
	a.Aggregates = r.aggregates(raw.Aggregates)
	a.Redistribute = r.intoBGP(raw.Redistribute)
	for i := range raw.Announce {
		if rule, ok := r.announceRule(&raw.Announce[i], a.Neighbors, uplinks); ok {
			rule.Place = fmt.Sprintf("announce rule %d", i+1)
			a.Rules = append(a.Rules, rule)
		}
	}
	r.warnSilent(raw, a.Rules)
	return a
}

func (r *report) aggregates(raws []rawBGPAggregate) (list []announce.Aggregate) {
	for _, raw := range raws {
		if raw.Prefix == nil {
			if !raw.Node.has("prefix") {
				r.errorf(raw.Node, "\"prefix\" is missing: write the prefix that stands for more specific ones")
			}
			continue
		}
		if p, ok := r.prefix(raw.Prefix); ok {
			list = append(list, announce.Aggregate{Prefix: p, SummaryOnly: r.boolean(raw.SummaryOnly, false), Place: "aggregates"})
		}
	}
	return list
}

func (r *report) intoBGP(raws []rawBGPRedistribute) (list []announce.Redistribute) {
	takesAll := make(map[policy.Source]int)
	for i, raw := range raws {
		if raw.Source == nil && !raw.Node.has("source") {
			r.errorf(raw.Node, "\"source\" is missing: write connected, static, kernel or ospf")
		}
		d := announce.Redistribute{
			Source: enum(r, raw.Source, 0, redistributed), MED: r.optional(raw.MED),
			Communities: parsed(r, raw.Community, bgp.ParseCommunity), Large: parsed(r, raw.LargeCommunity, bgp.ParseLargeCommunity),
			Place: fmt.Sprintf("redistribute rule %d", i+1),
		}
		for _, p := range r.prefixList(raw.Prefixes) {
			d.Prefixes = append(d.Prefixes, policy.Range{Prefix: p.Prefix, Ge: p.Ge, Le: p.Le})
		}
		if line, ok := takesAll[d.Source]; ok {
			r.warnf(raw.Node, "no route ever gets here: the rule in line %d takes all %s routes first", line, raw.Source.text)
		} else if len(raw.Prefixes) == 0 && d.Source != 0 {
			takesAll[d.Source] = raw.Node.line
		}
		list = append(list, d)
	}
	return list
}

func (r *report) announceRule(raw *rawBGPAnnounce, neighbors []announce.Neighbor, uplinks []wan.Uplink) (rule announce.Rule, ok bool) {
	if raw.Prefix == nil {
		if !raw.Node.has("prefix") {
			r.errorf(raw.Node, "\"prefix\" is missing: write what is announced")
		}
	} else {
		rule.Prefix, ok = r.prefix(raw.Prefix)
	}
	rule.When = r.announceWhen(raw.When, uplinks)
	for _, n := range raw.To {
		p, valid := r.network(n)
		if valid && !slices.ContainsFunc(neighbors, func(o announce.Neighbor) bool { return o.Prefix == p }) {
			r.errorf(n, "%s is no neighbour of bgp: write the address of one, or the prefix of dynamic-neighbors", n.text)
		}
		rule.To = append(rule.To, p)
	}
	then := section(raw.Then)
	if raw.Then != nil && raw.Then.Node.kind == scalar {
		rule.Withdraw = enum(r, raw.Then.Node, false, announcing)
		return rule, ok
	}
	rule.Withdraw = enum(r, then.Action, false, announcing)
	rule.Set = r.bgpSet(&rawBGPSet{
		LocalPreference: then.LocalPreference, MED: then.MED, Prepend: then.Prepend, Community: then.Community, LargeCommunity: then.LargeCommunity,
	})
	if rule.Withdraw && len(then.Node.pairs) > 1 {
		r.warnf(then.Action, "what is withdrawn is not changed: the other keys of then mean nothing")
	}
	return rule, ok
}

// announceWhen reads a condition; a state of up goes without saying.
func (r *report) announceWhen(raw *rawBGPWhen, uplinks []wan.Uplink) *announce.When {
	if raw == nil {
		return nil
	}
	w := &announce.When{Up: enum(r, raw.State, true, ups)}
	if raw.Uplink == nil {
		if !raw.Node.has("uplink") {
			r.errorf(raw.Node, "\"uplink\" is missing: write the name of one of wan.uplinks")
		}
		return w
	}
	w.Uplink = raw.Uplink.text
	names := make([]string, len(uplinks))
	for i, u := range uplinks {
		names[i] = u.Name
	}
	if !slices.Contains(names, w.Uplink) {
		r.errorf(raw.Uplink, "there is no uplink %q%s", w.Uplink, didYouMean(w.Uplink, names, "write it under wan.uplinks"))
	}
	return w
}

// warnSilent reports rules that can never be heard: a rule before them withdraws the same prefix in the same state.
func (r *report) warnSilent(raw *rawBGP, rules []announce.Rule) {
	for i, rule := range rules {
		if rule.Withdraw {
			continue
		}
		for _, other := range rules {
			if other.Withdraw && other.Prefix == rule.Prefix && len(other.To) == 0 && (other.When == nil || rule.When != nil && *other.When == *rule.When) {
				r.warnf(raw.Announce[min(i, len(raw.Announce)-1)].Node, "this is never announced: %s withdraws it in the same state", other.Place)
				break
			}
		}
	}
}
