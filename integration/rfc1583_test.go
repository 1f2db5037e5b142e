package integration

import (
	"fmt"
	"testing"
)

// TestRFC1583 has an AS boundary router that is reached through the backbone at cost 10 and through area 1 at cost 20. As
// RFC 1583 had it the cheaper path wins, since RFC 2178 the one that leaves the backbone alone (16.4.1). Every make agrees with the others.
func TestRFC1583(t *testing.T) {
	t.Parallel()
	for _, makers := range [][2]string{{"ecmpd", "frr"}, {"ecmpd", "bird"}, {"frr", "ecmpd"}, {"bird", "ecmpd"}} {
		for compatible, leg := range map[bool]string{true: "10.1.0.2 dev backbone", false: "10.2.0.2 dev area1"} {
			t.Run(fmt.Sprintf("%s routes to %s, compatible %t", makers[0], makers[1], compatible), func(t *testing.T) {
				t.Parallel()
				n := newNetwork(t)
				n.wire("near:backbone 10.1.0.1/30", "far:backbone 10.1.0.2/30")
				n.wire("near:area1 10.2.0.1/30", "far:area1 10.2.0.2/30")
				ports := []port{{name: "backbone"}, {name: "area1", area: "0.0.0.1", cost: 20}}
				n.seat(makers[0], "near", seat{id: "10.255.0.1", ports: ports, rfc1583: compatible})
				n.seat(makers[1], "far", seat{id: "10.255.0.2", ports: ports, rfc1583: compatible, externals: []external{{prefix: "203.0.113.0/24", metric: 20}}})
				n.waitKernel("near", "203.0.113.0/24", routes("203.0.113.0/24: "+leg))
			})
		}
	}
}
