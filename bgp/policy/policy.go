// Package policy decides which paths are taken from BGP neighbours and which are told to them, and
// what is changed on the way. It is pure: a route goes in, a verdict with its reason comes out.
//
//   - policy.go: a [Policy], its rules, and what they decide
//   - match.go: what a rule looks at
//   - set.go: what a rule changes
package policy

import (
	"fmt"
	"net/netip"

	"github.com/ecmpd/ecmpd/bgp"
)

// Source is where a route comes from.
type Source uint8

// Sources of routes that are announced.
const (
	Learnt    Source = iota + 1 // from a BGP neighbour
	Network                     // networks of the configuration
	Aggregate                   // aggregates of the configuration
	Announced                   // announce of the configuration
	Connected
	Static
	Kernel
	OSPF
)

var sourceNames = map[Source]string{
	Learnt: "bgp", Network: "network", Aggregate: "aggregate", Announced: "announce",
	Connected: "connected", Static: "static", Kernel: "kernel", OSPF: "ospf",
}

// String returns the word of the configuration.
func (s Source) String() string { return sourceNames[s] }

// Route is what a policy looks at.
type Route struct {
	Prefix     netip.Prefix
	Attributes *bgp.Attributes // never nil
	Neighbor   netip.Addr      // it was learnt from; the zero Addr: it begins here
	Source     Source
	Tag        uint32 // of the route in the RIB; 0: none
}

// Policy is a list of rules, of which the first that matches decides.
type Policy struct {
	Name   string
	Rules  []Rule
	Accept bool // what no rule matches
}

// Rule accepts or rejects what it matches.
type Rule struct {
	Place  string // in the configuration, for people
	Match  Match
	Accept bool
	Set    Set // of what is accepted
}

// Decide returns the rule that decides about a route, nil when none matches, and what is decided.
func (p *Policy) Decide(r *Route) (rule *Rule, accept bool) {
	for i := range p.Rules {
		if rule := &p.Rules[i]; rule.Match.Matches(r) {
			return rule, rule.Accept
		}
	}
	return nil, p.Accept
}

// Import is what becomes of a path: its attributes, or nil and why it is not taken. The attributes of the route are
// not changed.
func (p *Policy) Import(r *Route) (a *bgp.Attributes, why string) {
	rule, accept := p.Decide(r)
	switch {
	case !accept && rule != nil:
		return nil, "rejected by " + rule.Place
	case !accept:
		return nil, fmt.Sprintf("no rule of policy %s accepts it", p.Name)
	case rule == nil:
		return r.Attributes, ""
	}
	return rule.Set.apply(r.Attributes), ""
}

// Export is how an announcement is changed for one neighbour, and because of which rule; accept is false when it is not
// told, and why says why.
func (p *Policy) Export(r *Route) (adjust bgp.Adjustment, why string, accept bool) {
	rule, accept := p.Decide(r)
	switch {
	case !accept && rule != nil:
		return adjust, "rejected by " + rule.Place, false
	case !accept:
		return adjust, fmt.Sprintf("no rule of policy %s accepts it", p.Name), false
	case rule == nil:
		return adjust, "default of policy " + p.Name, true
	}
	return rule.Set.Adjustment(), rule.Place, true
}
