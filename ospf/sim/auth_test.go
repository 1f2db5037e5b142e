package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/auth"
)

// generations is a chain of three keys, each sent for a minute and accepted
// overlap longer on both sides.
func generations(n *Net, algorithm auth.Algorithm, extended bool, overlap time.Duration) auth.Scheme {
	s := auth.Scheme{Chain: "c", Extended: extended}
	for g := range 3 {
		from := n.Now().Add(time.Duration(g) * time.Minute)
		until := from.Add(time.Minute)
		s.Keys = append(s.Keys, auth.Key{
			ID: uint8(g + 1), Algorithm: algorithm, Secret: auth.NewSecret(fmt.Sprint("generation ", g)),
			Send:   auth.Lifetime{From: from, Until: until},
			Accept: auth.Lifetime{From: from.Add(-overlap), Until: until.Add(overlap)},
		})
	}
	return s
}

// Keys roll through three generations and no adjacency is lost, with clocks that
// differ and links that lose and reorder; crashed routers come back.
func TestKeyRollover(t *testing.T) {
	for _, c := range []struct {
		algorithm auth.Algorithm
		extended  bool
	}{{auth.Cleartext, false}, {auth.MD5, false}, {auth.HMACSHA256, false}, {auth.HMACSHA512, true}} {
		t.Run(fmt.Sprint(c.algorithm, c.extended), func(t *testing.T) {
			n := New(7)
			links := ring(n, 5, LinkOptions{Delay: 2 * time.Millisecond, Reorder: 0.05})
			s := generations(n, c.algorithm, c.extended, 10*time.Second)
			for _, l := range links {
				for _, p := range l.ports {
					l.Reconfigure(p.router, func(i *ospf.InterfaceConfig) { i.Auth = s })
				}
			}
			for i, r := range n.routers {
				r.step(ospf.Clock{Wall: n.Now().Add(time.Duration(i-2) * 3 * time.Second)})
			}
			converge(t, n, time.Minute)
			const ages = 4 * time.Minute // the last key goes on for a minute
			n.Run(ages)
			for _, r := range n.routers {
				for _, nb := range r.Engine().Neighbors(n.Now()) {
					if nb.State != "Full" || nb.Up < ages {
						t.Errorf("%s: %s is %s for %s: %s; %s", r.Name, nb.RouterID, nb.State, nb.Up, nb.Why, strings.Join(r.Story(), "\n"))
					}
				}
			}
			for range 3 {
				n.routers[0].Crash()
				n.Run(500 * time.Millisecond)
				n.routers[0].Start()
				converge(t, n, time.Minute)
			}
		})
	}
}

// A router without the key stays outside and does no harm.
func TestKeyOfAnother(t *testing.T) {
	n := New(8)
	links := ring(n, 3, LinkOptions{})
	s := generations(n, auth.HMACSHA256, false, time.Hour)
	links[0].Reconfigure(links[0].ports[0].router, func(i *ospf.InterfaceConfig) { i.Auth = s })
	n.Run(30 * time.Second)
	for _, p := range links[0].ports {
		if got := p.status(); got.Neighbors != 0 || got.Rejected["authentication-type"] < 20 {
			t.Errorf("%s: %+v", p.router.Name, got)
		}
	}
}
