package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// Two neighbours announce the same 200,000 prefixes, which become routes over one group of both. One of them goes,
// and all routes stay over the other. What each says is told to the other meanwhile.
func TestManyPrefixes(t *testing.T) { // alone, for it takes all of the machine
	const prefixes = 200_000
	n := newNetwork(t)
	for i := 1; i <= 2; i++ {
		n.wire(fmt.Sprintf("hub:p%d 10.0.%d.1/24", i, i), fmt.Sprintf("up%d:e 10.0.%d.2/24", i, i))
	}
	n.start(peer.NewEcmpd(n.Node("hub"), binary, `router-id: 10.255.0.1
bgp:
  as: 65000
  multipath: {multiple-as: true}
  neighbors:
    - {address: 10.0.1.2, remote-as: 65001}
    - {address: 10.0.2.2, remote-as: 65002}
  ebgp-requires-policy: false
`))
	var routes strings.Builder
	for i := range prefixes {
		fmt.Fprintf(&routes, "route %d.%d.%d.0/24 blackhole;\n", 20+i>>16, i>>8&255, i&255)
	}
	for i := 1; i <= 2; i++ {
		node := fmt.Sprintf("up%d", i)
		n.start(peer.NewBIRD(n.Node(node), fmt.Sprintf(`router id 10.0.%[1]d.2;
protocol device { scan time 1; }
protocol static { ipv4;
%[2]s}
protocol bgp hub { local 10.0.%[1]d.2 as 6500%[1]d; neighbor 10.0.%[1]d.1 as 65000; connect delay time 1; connect retry time 1;
 ipv4 { import none; export all; }; }`, i, routes.String())))
	}
	n.waitBGP("hub", fmt.Sprint("10.0.1.2 Established ", prefixes), fmt.Sprint("10.0.2.2 Established ", prefixes))
	told := time.Now()
	n.waitGroup(prefixes, 2)
	memory, err := show[api.Memory](n, "hub", "memory")
	n.must(err)
	t.Logf("in the kernel %v after the neighbours had told all; memory of the processes: %+v", time.Since(told).Round(time.Millisecond), memory.Processes)

	n.must(n.routers["up2"].Stop(n.ctx))
	n.waitGroup(prefixes, 1)
	hops, err := n.Node("hub").NextHops(netip.MustParsePrefix("20.0.7.0/24"))
	if n.must(err); len(hops) != 1 || fmt.Sprint(hops[0].Via) != "10.0.1.2" {
		t.Errorf("20.0.7.0/24 is left over %v", hops)
	}
}

// waitGroup waits until so many routes of the hub use a group with so many next hops.
func (n *network) waitGroup(routes, hops int) {
	n.t.Helper()
	n.wait(fmt.Sprintf("%d routes over %d next hops", routes, hops), func() (bool, string) {
		body, err := show[api.NextHops](n, "hub", "nexthop")
		for _, g := range body.Groups {
			if installed := len(installedMembers(g)); g.Routes == routes && installed == hops && len(body.Groups) == 1 {
				return true, ""
			}
		}
		return false, fmt.Sprintf("%+v %v", body.Groups, err)
	})
}

func installedMembers(g api.Group) (list []api.Member) {
	for _, m := range g.Members {
		if m.Installed {
			list = append(list, m)
		}
	}
	return list
}
