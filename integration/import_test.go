package integration

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/lab/peer"
)

// The addresses of the two uplinks, and the port of the servers that say who asks.
const (
	firstUplink  = "10.111.0.2"
	secondUplink = "10.112.0.2"
	whoPort      = "9000"
)

// TestImportedScript runs the configurations that become of two RouterOS scripts
// as they stand: one that works, and one whose mistakes were repaired as the
// findings say. Providers drop what does not have their own addresses, so that an
// answer by the wrong one is lost.
//
//	                 ┌─ isp-1 ─┐
//	lan ── router ───┤         ├── internet 203.0.113.1..16
//	                 └─ isp-2 ─┘
func TestImportedScript(t *testing.T) {
	for script, links := range map[string][2]string{
		"seed-002.rsc":          {"wlan1", "wlan2"},
		"seed-003-repaired.rsc": {"wlan2", "wlan1"},
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			runImported(t, script, links)
		})
	}
}

func runImported(t *testing.T, script string, links [2]string) {
	n := &wanNet{network: newNetwork(t)}
	n.wire("lan:eth0 192.168.0.10/24", "router:Local 192.168.0.1/24")
	n.wire("router:"+links[0]+" 10.111.0.2/24", "isp-1:customer 10.111.0.1/24")
	n.wire("router:"+links[1]+" 10.112.0.2/24", "isp-2:customer 10.112.0.1/24")
	n.wire("isp-1:up 198.51.100.1/30", "internet:isp1 198.51.100.2/30")
	n.wire("isp-2:up 198.51.100.5/30", "internet:isp2 198.51.100.6/30")
	n.ip("lan", "route add default via 192.168.0.1")
	n.ip("isp-1", "route add default via 198.51.100.2")
	n.ip("isp-2", "route add default via 198.51.100.6")
	n.ip("internet", "route add 10.111.0.0/24 via 198.51.100.1")
	n.ip("internet", "route add 10.112.0.0/24 via 198.51.100.5")
	for host := 1; host <= 16; host++ {
		n.ip("internet", fmt.Sprintf("address add 203.0.113.%d/32 dev lo", host))
	}
	for isp, customers := range map[string]string{"isp-1": "10.111.0.0/24", "isp-2": "10.112.0.0/24"} {
		n.must(n.Node(isp).Firewall(n.ctx, fmt.Sprintf("table inet provider {\n chain forward {\n  type filter hook forward priority 0\n  iifname customer ip saddr != %s drop\n }\n}\n", customers)))
	}
	for _, node := range []string{"router", "isp-1", "isp-2"} {
		n.must(n.Node(node).Sysctl("net.ipv4.ip_forward", "1"))
	}

	yaml := n.run("lan", binary, "import", "routeros", "../routeros/testdata/"+script)
	// A dead uplink is to be found before the patience of the test is over.
	yaml = strings.ReplaceAll(yaml, "{targets: [gateway]}", "{targets: [gateway], interval: 500ms, timeout: 500ms, down-after: 6}")
	n.start(peer.NewEcmpd(n.Node("router"), binary, yaml))
	n.who("internet", ":"+whoPort)
	n.who("router", ":"+whoPort)

	// Every pair of addresses has an uplink and keeps it, and both uplinks have some.
	first := map[string]string{}
	n.wait("connections leave by both uplinks, with their addresses", func() (bool, string) {
		by := map[string]int{}
		for host := 1; host <= 16; host++ {
			server := fmt.Sprintf("203.0.113.%d", host)
			as, err := n.askedAs("lan", "", server)
			if err != nil {
				return false, err.Error()
			}
			first[server] = as
			by[as]++
		}
		return by[firstUplink] > 0 && by[secondUplink] > 0 && by[firstUplink]+by[secondUplink] == 16, fmt.Sprint(by)
	})
	for server, as := range first {
		if again, err := n.askedAs("lan", "", server); err != nil || again != as {
			t.Errorf("%s was asked as %s, then as %s, %v", server, as, again, err)
		}
	}

	// What comes in by an uplink is answered through it, whatever the routes say.
	for _, own := range []string{firstUplink, secondUplink} {
		for host := 1; host <= 8; host++ {
			if _, err := n.askedAs("internet", fmt.Sprintf("203.0.113.%d", host), own); err != nil {
				t.Errorf("the router does not answer at %s: %v", own, err)
			}
		}
	}

	// check-gateway: a gateway that falls silent loses its connections to the other.
	n.ip("isp-1", "address del 10.111.0.1/24 dev customer")
	n.wait("all connections leave by the second uplink", func() (bool, string) {
		for host := 1; host <= 16; host++ {
			if as, err := n.askedAs("lan", "", fmt.Sprintf("203.0.113.%d", host)); err != nil || as != secondUplink {
				return false, fmt.Sprintf("asked as %q, %v", as, err)
			}
		}
		return true, ""
	})
}

// askedAs opens a connection and returns the address that the server saw.
func (n *wanNet) askedAs(node, source, server string) (string, error) {
	l, err := n.call(node, source, net.JoinHostPort(server, whoPort))
	if err != nil {
		return "", err
	}
	l.hangUp()
	return l.from, nil
}
