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
	Hub    *node `key:"hub"`
}

type rawBGPThen struct {
	Node            *node
	Action          *node   `key:"action"`
	Split           *node   `key:"split"`
	Prepend         *node   `key:"prepend"`
	MED             *node   `key:"med"`
	Community       []*node `key:"community" or:"scalar"`
	LargeCommunity  []*node `key:"large-community" or:"scalar"`
	LocalPreference *node   `key:"local-preference"`
}

var (
	announcing    = []choice[bool]{{"announce", false}, {"withdraw", true}} // whether it withdraws
	ups           = []choice[bool]{{"up", true}, {"down", false}}
	hubs          = []choice[announce.Hub]{{"serving", announce.Serving}, {"drained", announce.Drained}}
	splits        = []choice[announce.Halves]{{"first", announce.First}, {"second", announce.Second}, {"both", announce.First | announce.Second}}
	redistributed = []choice[policy.Source]{{"connected", policy.Connected}, {"static", policy.Static}, {"kernel", policy.Kernel}, {"ospf", policy.OSPF}}
)

// announcements reads what is told to neighbours.
func (r *report) announcements(raw *rawBGP, c *bgp.Config, uplinks []wan.Uplink) announce.Config {
	if raw == nil {
		return announce.Config{}
	}
	a := announce.Config{AS: c.AS, RouterID: c.RouterID, ClusterID: c.ClusterID}
	neighbor := func(p netip.Prefix, one *bgp.Peering) {
		n := announce.Neighbor{Prefix: p, AS: one.RemoteAS, Internal: one.Internal(c.AS), Client: one.Reflect, RouteServer: one.RouteServer, NextHopSelf: one.NextHopSelf, Open: one.Open}
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
			a.Networks = append(a.Networks, announce.Network{Prefix: p, Place: r.place("networks", n)})
		}
	}
	a.Aggregates = r.aggregates(raw.Aggregates)
	a.Redistribute = r.intoBGP(raw.Redistribute)
	var places []*node
	for i := range raw.Announce {
		if rule, ok := r.announceRule(&raw.Announce[i], a.Neighbors, uplinks); ok {
			rule.Place = r.place(fmt.Sprintf("announce rule %d", i+1), raw.Announce[i].Node)
			a.Rules, places = append(a.Rules, rule), append(places, raw.Announce[i].Node)
		}
	}
	r.warnSilent(places, a.Rules)
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
			list = append(list, announce.Aggregate{Prefix: p, SummaryOnly: r.boolean(raw.SummaryOnly, false), Place: r.place("aggregates", raw.Node)})
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
			Place: r.place(fmt.Sprintf("redistribute rule %d", i+1), raw.Node),
		}
		d.Prefixes = r.ranges(raw.Prefixes)
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
	if rule.Split = enum(r, then.Split, 0, splits); rule.Split != 0 && ok && rule.Prefix.Bits() == 32 {
		r.errorf(then.Split, "%s has no halves", rule.Prefix)
	}
	rule.Set = r.bgpSet(&rawBGPSet{
		LocalPreference: then.LocalPreference, MED: then.MED, Prepend: then.Prepend, Community: then.Community, LargeCommunity: then.LargeCommunity,
	})
	if rule.Withdraw && (len(then.Node.pairs) > 2 || len(then.Node.pairs) == 2 && then.Split == nil) {
		r.warnf(then.Action, "what is withdrawn is not changed: of the other keys of then only split means anything")
	}
	return rule, ok
}

// announceWhen reads a condition; a state of up goes without saying.
func (r *report) announceWhen(raw *rawBGPWhen, uplinks []wan.Uplink) *announce.When {
	if raw == nil {
		return nil
	}
	w := &announce.When{Up: enum(r, raw.State, true, ups), Hub: enum(r, raw.Hub, announce.Any, hubs)}
	if raw.Uplink == nil {
		if !raw.Node.has("uplink") && (raw.State != nil || !raw.Node.has("hub")) {
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

// warnSilent reports rules that are never heard: whenever they hold, another one withdraws the prefix.
func (r *report) warnSilent(places []*node, rules []announce.Rule) {
	for i, rule := range rules {
		n := slices.IndexFunc(rules, func(o announce.Rule) bool {
			return !rule.Withdraw && o.Withdraw && o.Prefix == rule.Prefix && implies(rule.When, o.When) && among(rule.To, o.To) && o.Split|rule.Split == o.Split
		})
		if n >= 0 {
			r.warnf(places[i], "this is never announced: whenever it holds, the rule in line %d withdraws it", places[n].line)
		}
	}
}

// implies tells whether a condition is met whenever another one is.
func implies(other, c *announce.When) bool {
	switch {
	case c == nil:
		return true
	case other == nil:
		return false
	}
	return (c.Uplink == "" || c.Uplink == other.Uplink && c.Up == other.Up) && (c.Hub == announce.Any || c.Hub == other.Hub)
}

// among tells whether all of a list of neighbours are in another one; an empty list is all.
func among(list, all []netip.Prefix) bool {
	return len(all) == 0 || len(list) > 0 && !slices.ContainsFunc(list, func(p netip.Prefix) bool { return !slices.Contains(all, p) })
}
