package announce

import (
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/policy"
)

// Rule says what is told of a prefix in some state of the world. Of all rules of a prefix those count that hold: one
// that withdraws beats all others, for each value the first that sets it counts, communities add up.
type Rule struct {
	Prefix   netip.Prefix
	When     *When          // nil: always
	To       []netip.Prefix // neighbours; empty: all
	Withdraw bool
	Split    Halves     // of the prefix, for which it is a rule, too
	Set      policy.Set // of it Remove, RemoveLarge and NextHop mean nothing
	Place    string     // in the configuration, for people
}

// When is a condition: all that it says must be so.
type When struct {
	Uplink string // "": none
	Up     bool   // what that uplink is to be
	Hub    Hub
}

// Hub is what the router itself is to be.
type Hub uint8

// States of the router.
const (
	Any     Hub = iota
	Serving     // it is to stay
	Drained     // it is about to leave
)

// Halves are more specific halves of a prefix, which draw the traffic of their half wherever they are told.
type Halves uint8

// Halves; both together are two bits.
const (
	First Halves = 1 << iota
	Second
)

// holds tells whether the rule counts for a neighbour now.
func (r *Rule) holds(w *World, n *Neighbor) bool {
	return r.When.holds(w) && (len(r.To) == 0 || slices.Contains(r.To, n.Prefix))
}

// holds tells whether the world is like that; without a condition it is.
func (c *When) holds(w *World) bool {
	return c == nil || (c.Uplink == "" || w.Uplinks[c.Uplink] == c.Up) && (c.Hub == Any || w.Drained == (c.Hub == Drained))
}

// spread returns the rules for each of the prefixes that a rule is about.
func (r *Rule) spread() []*Rule {
	all := []*Rule{r}
	for i, p := range bgp.Halves(r.Prefix) {
		if r.Split&(First<<i) != 0 {
			half := *r
			half.Prefix = p
			all = append(all, &half)
		}
	}
	return all
}

// said is what rules say about a prefix and a neighbour together.
type said struct {
	by       *Rule // the first that holds, or the one that withdraws; nil: none holds
	withdraw bool
	adjust   bgp.Adjustment
}

// say joins the rules that hold.
func say(rules []*Rule, w *World, n *Neighbor) (s said) {
	for _, r := range rules {
		switch {
		case !r.holds(w, n):
			continue
		case r.Withdraw:
			return said{by: r, withdraw: true}
		case s.by == nil:
			s.by = r
		}
		s.adjust = join(s.adjust, r.Set.Adjustment())
	}
	return s
}

// join adds to an adjustment what a later one says that it does not say itself. The later one also takes away
// communities that the first one adds.
func join(a, b bgp.Adjustment) bgp.Adjustment {
	if a.Prepend == 0 {
		a.Prepend = b.Prepend
	}
	if a.MED == nil {
		a.MED = b.MED
	}
	if a.LocalPref == nil {
		a.LocalPref = b.LocalPref
	}
	if !a.NextHop.IsValid() {
		a.NextHop = b.NextHop
	}
	a.Communities, a.Large = bgp.Changed(a.Communities, b.Remove, b.Communities), bgp.Changed(a.Large, b.RemoveLarge, b.Large)
	a.Remove, a.RemoveLarge = union(a.Remove, b.Remove), union(a.RemoveLarge, b.RemoveLarge)
	return a
}

func union[T comparable](a, b []T) []T {
	for _, v := range b {
		if !slices.Contains(a, v) {
			a = append(a[:len(a):len(a)], v)
		}
	}
	return a
}
