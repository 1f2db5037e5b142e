package integration

import (
	"fmt"
	"strings"
	"testing"
)

// TestHostnames has hubs tell their names, through branches of another make, too:
// tables show them.
func TestHostnames(t *testing.T) {
	t.Parallel()
	for _, seats := range []string{"twohubs-ecmpd", "twohubs-hubs-ecmpd-branches-frr", "twohubs-hubs-ecmpd-branches-bird"} {
		t.Run(seats, func(t *testing.T) {
			t.Parallel()
			n := startTwoHubs(t, seats, func(node, config string) string { return "hostname: " + node + "\n" + config })
			n.wait("hub-a shows the name of hub-b", func() (bool, string) {
				out, err := n.ecmpd("hub-a").Show(n.ctx, "ospf", "database")
				return err == nil && strings.Contains(out, "10.255.0.2 (hub-b)") && strings.Contains(out, "OSPF router with id 10.255.0.1 (hub-a)"), out
			})
			for args, want := range map[string]string{
				"graph":                  `"10.255.0.2" [label="hub-b\n10.255.0.2`,
				"graph --format mermaid": `["hub-a<br/>10.255.0.1"]:::self`,
				"events 10.255.0.11":     " to Full  ",
				"neighbor 10.255.0.11":   " to Full  ",
				"spf":                    "  full  ",
				"database opaque-area":   "hub-b",
				"database router":        "Area 0.0.0.0, router 10.255.0.2 (hub-b)",
			} {
				n.wait("show ospf "+args+" has "+want, func() (bool, string) {
					out, err := n.ecmpd("hub-a").Show(n.ctx, append([]string{"ospf"}, strings.Fields(args)...)...)
					return err == nil && strings.Contains(out, want), fmt.Sprintf("%v\n%s", err, out)
				})
			}
		})
	}
}

// TestHostnamesOfOtherAreas has an AS boundary router tell its name past a border router of another make (RFC 5642 3.1.1).
func TestHostnamesOfOtherAreas(t *testing.T) {
	for maker := range makes {
		t.Run(maker, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.wire("r1:eth0 10.1.0.1/30", "r2:eth0 10.1.0.2/30")
			n.wire("r2:eth1 10.2.0.1/30", "r3:eth0 10.2.0.2/30")
			n.seat("ecmpd", "r1", seat{id: "10.255.0.1", ports: []port{{name: "eth0", area: "0.0.0.1"}}})
			n.seat(maker, "r2", seat{id: "10.255.0.2", ports: []port{{name: "eth0", area: "0.0.0.1"}, {name: "eth1"}}, graceful: true})
			n.seat("ecmpd", "r3", seat{id: "10.255.0.3", externals: []external{{prefix: "172.16.9.0/24", metric: 20}}, ports: []port{{name: "eth0"}}})
			const want = "10.255.0.3 (r3)"
			n.wait("r1 shows "+want, func() (bool, string) {
				out, err := n.ecmpd("r1").Show(n.ctx, "ospf", "database")
				return err == nil && strings.Contains(out, want), fmt.Sprintf("%v\n%s", err, out)
			})
		})
	}
}
