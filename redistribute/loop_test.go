package redistribute

import (
	"flag"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/rib"
)

var seeds = flag.Uint64("seeds", 20, "how many random lives two hubs lead")

// lives are the places where prefixes come and go. The last two come from outside and from inside at the same time.
var lives = []struct {
	prefix string
	at     []string
}{
	{"10.1.0.0/16", []string{"branch"}},
	{"10.2.0.0/16", []string{"branch"}},
	{"10.3.0.0/16", []string{"hubA"}},
	{"10.4.0.0/16", []string{"hubA", "hubB"}},
	{"198.51.100.0/24", []string{"up1"}},
	{"203.0.113.0/24", []string{"up2"}},
	{"198.18.0.0/15", []string{"up1", "up2"}},
	{"10.5.0.0/16", []string{"branch", "up1"}},
	{"10.6.0.0/16", []string{"hubB", "up2", "branch"}},
}

// Two hubs that redistribute both ways: whatever comes and goes, and in whatever order it is heard of,
// in the end nothing goes round in circles, and nothing is left of what is gone.
func TestHubsBothWays(t *testing.T) {
	for seed := range *seeds {
		if trouble := live(seed, func(r Rules) exchange { return r }); trouble != "" {
			t.Fatalf("seed %d: %s", seed, trouble)
		}
	}
}

// open are rules without marks: what everybody would write first.
type open struct{}

func (open) IntoOSPF(r rib.Route) bool { return r.Protocol == rib.BGP }
func (open) IntoBGP(r rib.Route) bool  { return r.Protocol == rib.OSPF || r.Protocol == rib.Static }

// Without the rules the same lives end badly, so the network above can tell.
func TestHubsWithoutRules(t *testing.T) {
	bad := 0
	for seed := range uint64(20) {
		if live(seed, func(Rules) exchange { return open{} }) != "" {
			bad++
		}
	}
	if bad == 0 {
		t.Error("redistribution without rules did no harm")
	}
}

// live leads one life, and says what was wrong in it.
func live(seed uint64, rules func(Rules) exchange) string {
	n := newNetwork(seed, rules)
	for _, l := range lives {
		n.originate[netip.MustParsePrefix(l.prefix)] = map[string]bool{}
	}
	for round := range 25 {
		for range 1 + n.rng.IntN(4) {
			n.happen()
			for range n.rng.IntN(30) {
				n.step()
			}
		}
		if round%5 == 4 { // in the end all links are up
			clear(n.down)
			n.settleAll()
		}
		steps := 0
		for ; n.step(); steps++ {
			if steps == 20000 {
				return fmt.Sprintf("round %d never comes to rest\n%s", round, n)
			}
		}
		if trouble := n.examine(); trouble != "" {
			return fmt.Sprintf("round %d: %s\n%s", round, trouble, n)
		}
	}
	return ""
}

func (n *network) settleAll() {
	for _, name := range []string{"branch", "hubA", "hubB", "up1", "up2"} {
		n.settle(name)
	}
}

// happen lets something happen: a link goes or comes, or a prefix.
func (n *network) happen() {
	if n.rng.IntN(2) == 0 {
		all := append(slices.Clone(ospfLinks), bgpLinks...)
		l := all[n.rng.IntN(len(all))]
		n.down[l] = !n.down[l]
		n.settle(l.a)
		n.settle(l.b)
		return
	}
	l := lives[n.rng.IntN(len(lives))]
	at := l.at[n.rng.IntN(len(l.at))]
	by := n.originate[netip.MustParsePrefix(l.prefix)]
	by[at] = !by[at]
	n.settle(at)
}

// examine follows every prefix from every router.
func (n *network) examine() string {
	for _, l := range lives {
		p := netip.MustParsePrefix(l.prefix)
		for _, from := range []string{"hubA", "hubB", "branch", "up1", "up2"} {
			if trouble := n.follow(p, from, nil); trouble != "" {
				return trouble
			}
		}
	}
	return ""
}

// follow takes all ways to a prefix and says which one does not arrive.
func (n *network) follow(p netip.Prefix, at string, way []string) string {
	if n.originate[p][at] {
		return ""
	}
	if slices.Contains(way, at) {
		return fmt.Sprintf("%s goes round in circles: %s", p, strings.Join(append(way, at), " "))
	}
	way = append(way, at)
	next := n.next(p, at)
	if len(next) == 0 && len(way) > 1 {
		return fmt.Sprintf("%s ends nowhere: %s", p, strings.Join(way, " "))
	}
	for _, to := range next {
		if trouble := n.follow(p, to, slices.Clone(way)); trouble != "" {
			return trouble
		}
	}
	return ""
}

// next are the routers that one forwards packets to.
func (n *network) next(p netip.Prefix, at string) (list []string) {
	var route rib.Route
	switch at {
	case "up1", "up2":
		if c, ok := n.chosen(at)[p]; ok {
			list = append(list, c.from)
		}
		return list
	case "branch":
		for _, r := range n.routes(at) {
			if r.Prefix == p {
				route = r
			}
		}
	default:
		route, _ = n.ribs[at].Best(p)
	}
	for h := range route.NextHops.All() {
		list = append(list, strings.TrimPrefix(h.Interface, "to-"))
	}
	return list
}
