package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/api"
)

// TestInstance runs two routing domains on one LAN (RFC 6549): ecmpd and BIRD in instance 7, ecmpd and FRR, which
// knows no instances, in instance 0. Each domain has adjacencies and routes of its own, and hears nothing of the other.
func TestInstance(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.lan("lan", "a:eth0 10.1.0.1/24", "b:eth0 10.1.0.2/24", "c:eth0 10.1.0.3/24", "d:eth0 10.1.0.4/24")
	for i, r := range []struct {
		node, maker string
		instance    int
	}{{"a", "ecmpd", 7}, {"b", "bird", 7}, {"c", "ecmpd", 0}, {"d", "frr", 0}} {
		i++
		n.wire(fmt.Sprintf("%s:net 172.16.%d.1/24", r.node, i), fmt.Sprintf("host%d:eth0", i))
		n.seat(r.maker, r.node, seat{id: fmt.Sprintf("10.255.0.%d", i), instance: r.instance, ports: []port{
			{name: "eth0", lan: true, priority: 1}, {name: "net", passive: true},
		}})
	}
	n.full(1, "a", "b", "c", "d")
	for node, want := range map[string]string{"a": "172.16.2.0/24", "b": "172.16.1.0/24", "c": "172.16.4.0/24", "d": "172.16.3.0/24"} {
		n.wait(node+" has the routes of its instance", func() (bool, string) {
			routes, err := n.kernel(node)
			_, there := routes[netip.MustParsePrefix(want)]
			far := 0
			for p := range routes {
				if p.Bits() == 24 && strings.HasPrefix(p.String(), "172.16.") {
					far++
				}
			}
			return err == nil && there && far == 1, fmt.Sprint(routes, err)
		})
	}
	for _, node := range []string{"a", "c"} {
		body, err := show[api.Interfaces](n, node, "ospf", "interface")
		n.must(err)
		for _, i := range body.Interfaces {
			if i.Interface == "eth0" && (i.Rejected["instance"] == 0 || len(i.Rejected) != 1) {
				t.Errorf("%s has dropped %v", node, i.Rejected)
			}
		}
		neighbors, err := show[api.Neighbors](n, node, "ospf", "neighbor")
		n.must(err)
		if len(neighbors.Neighbors) != 1 {
			t.Errorf("%s shows %v", node, neighbors.Neighbors)
		}
	}
}
