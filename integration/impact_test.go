package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// impactChange is a change of the configuration that impactConfig has.
type impactChange struct {
	name     string
	old, new string
	impact   string
}

// impactConfig has FRR in the backbone and BIRD in area 1.
const impactConfig = `router-id: 10.255.0.1
ospf:
  spf-delay: {initial-delay: 20ms, short-delay: 50ms, long-delay: 100ms, hold-down: 500ms, time-to-learn: 200ms}
  areas:
    - area-id: 0.0.0.0
      interfaces:
        - match: eth0
          interface-type: point-to-point
          hello-interval: 1s
          dead-interval: 4s
          authentication: {key-chain: wire}
        - match: net
          passive: true
    - area-id: 0.0.0.1
      interfaces:
        - {match: eth1, interface-type: point-to-point, hello-interval: 1s, dead-interval: 4s}
key-chains:
  - name: wire
    keys:
      - {key-id: 1, algorithm: md5, key: first}
static:
  - {prefix: 198.51.100.0/24, blackhole: true}
`

// TestReloadImpact takes changes of the configuration over, and back again: what `ecmpd check
// --against-running` said before is what happens, to LSAs and to each adjacency.
//
//	frr ──eth0── ecmpd ──eth1── bird
func TestReloadImpact(t *testing.T) {
	for group, changes := range [][]impactChange{
		{
			{"cost", "          hello-interval: 1s\n", "          hello-interval: 1s\n          cost: 50\n", "lsa"},
			{"retransmit-interval", "hello-interval: 1s,", "hello-interval: 1s, retransmit-interval: 3s,", "none"},
			{"hostname", "ospf:\n", "hostname: other\nospf:\n", "lsa"},
		}, {
			{"range", "0.0.0.1\n", "0.0.0.1\n      ranges: [{prefix: 172.17.0.0/16}]\n", "lsa"},
			{"range of nothing", "0.0.0.1\n", "0.0.0.1\n      ranges: [{prefix: 198.18.0.0/15}]\n", "none"},
			{"filter", "0.0.0.1\n", "0.0.0.1\n      export-list: [10.0.0.0/8 le 32]\n", "lsa"},
		}, {
			{"redistribution", "ospf:\n", "ospf:\n  redistribute: [{source: static}]\n", "lsa"},
			{"new interface", "        - match: net\n", "        - match: [net, spare]\n", "lsa"},
			{"interface without a link", "        - match: net\n", "        - match: [net, absent]\n", "none"},
			{"new area", "key-chains:", "    - {area-id: 0.0.0.9, interfaces: [{match: nowhere}]}\nkey-chains:", "lsa"},
			{"removed interface", "        - match: net\n          passive: true\n", "", "lsa"},
		}, {
			{"passive", "          hello-interval: 1s\n", "          hello-interval: 1s\n          passive: true\n", "adjacency"},
			{"later key", "key: first}\n", "key: first}\n      - {key-id: 2, algorithm: md5, key: second, send-from: 2099-01-01T00:00:00Z}\n", "none"},
			{"other key", "key: first}", "key: second}", "adjacency"},
		}, {
			{"area type", "0.0.0.1\n", "0.0.0.1\n      area-type: stub\n", "adjacency"},
			{"intervals", "dead-interval: 4s}", "dead-interval: 5s}", "adjacency"},
			{"kernel", "static:\n", "kernel: {metric: 21}\nstatic:\n", "restart"},
		},
	} {
		t.Run(fmt.Sprintf("%d-%s", group, strings.ReplaceAll(changes[0].name, " ", "-")), func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.wire("ecmpd:eth0 10.1.0.1/30", "frr:eth0 10.1.0.2/30")
			n.wire("ecmpd:eth1 10.2.0.1/30", "bird:eth0 10.2.0.2/30")
			n.wire("ecmpd:net 172.16.1.1/24", "host1:eth0")
			n.wire("ecmpd:spare 172.16.2.1/24", "host2:eth0")
			n.wire("bird:net 172.17.1.1/24", "host3:eth0")
			n.seat("frr", "frr", seat{id: "10.255.0.2", ports: []port{{name: "eth0", text: key{id: 1, algorithm: "md5", secret: "first"}.text("frr")}}})
			n.seat("bird", "bird", seat{id: "10.255.0.3", ports: []port{{name: "eth0", area: "0.0.0.1"}, {name: "net", area: "0.0.0.1", passive: true}}})
			n.seatText("ecmpd", impactConfig)
			n.full(2, "ecmpd")
			n.waitKernel("ecmpd", "172.17.0.0/16", routes("172.17.1.0/24: 10.2.0.2 dev eth1"))
			for _, c := range changes {
				if !strings.Contains(impactConfig, c.old) {
					t.Fatalf("%s: %q is not in the configuration", c.name, c.old)
				}
				n.impact(c, strings.Replace(impactConfig, c.old, c.new, 1), c.impact)
				switch c.impact {
				case "restart":
				case "adjacency": // there is none on the way back
					n.must(n.ecmpd("ecmpd").Reload(impactConfig))
					n.full(2, "ecmpd")
				default:
					n.impact(c, impactConfig, "")
				}
			}
		})
	}
}

// impact checks what a file would do, which is what is wanted unless that is empty, and wants
// the reload to do just that.
func (n *network) impact(c impactChange, config, want string) {
	n.t.Helper()
	n.atRest()
	file := filepath.Join(n.Node("ecmpd").Dir(), "next.yaml")
	n.must(os.WriteFile(file, []byte(config), 0o600))
	out := n.run("ecmpd", binary, "check", "--against-running", "--config", file, "--socket", n.ecmpd("ecmpd").Socket(), "-o", "json")
	var plan api.Plan
	n.must(json.Unmarshal([]byte(out), &plan))
	order := []string{"none", "lsa", "adjacency", "restart"}
	said, falls := 0, []string{}
	for _, d := range plan.Differences {
		said = max(said, slices.Index(order, d.Impact))
		falls = append(falls, d.Neighbors...)
	}
	if len(plan.Differences) == 0 && c.name != "interface without a link" || want != "" && order[said] != want {
		n.t.Errorf("%s: the check says %s, want %s: %s", c.name, order[said], want, out)
	}
	before, changes, start := n.ownLSAs(), n.changes("ecmpd"), time.Now()
	err := n.ecmpd("ecmpd").Reload(config)
	if err == nil {
		_, err = n.Node("ecmpd").Run(n.ctx, binary, "reload", "--socket", n.ecmpd("ecmpd").Socket())
	}
	if order[said] == "restart" {
		if err == nil {
			n.t.Errorf("%s: a reload takes it over", c.name)
		}
		return
	}
	n.must(err)
	if order[said] == "adjacency" {
		n.wait(c.name+": the adjacency falls", func() (bool, string) { return n.changes("ecmpd") > changes, "" })
	}
	n.atRest()
	came := "none"
	if now := n.ownLSAs(); now != before {
		came = "lsa"
		if said == 0 {
			n.t.Errorf("%s: own LSAs were%s\nand are%s", c.name, before, now)
		}
	}
	if n.changes("ecmpd") != changes {
		came = "adjacency"
	}
	if came != order[said] {
		n.t.Errorf("%s: the check said %s, what came is %s: %s", c.name, order[said], came, out)
	}
	elapsed := time.Since(start).Milliseconds()
	neighbors, err := show[api.Neighbors](n, "ecmpd", "ospf", "neighbor")
	n.must(err)
	for _, nb := range neighbors.Neighbors {
		if !slices.Contains(falls, nb.RouterID) && (nb.State != "Full" || nb.UpTimeMsec < elapsed) {
			n.t.Errorf("%s: %s is %s for %d ms, and nothing was said about it: %s", c.name, nb.RouterID, nb.State, nb.UpTimeMsec, out)
		}
	}
}

// atRest waits until everything that ecmpd has to say is said: its own LSAs are
// acknowledged and the same for a second.
func (n *network) atRest() {
	n.t.Helper()
	last, since := "", time.Now()
	n.wait("ecmpd at rest", func() (bool, string) {
		s, err := show[api.Status](n, "ecmpd", "status")
		if err != nil {
			return false, err.Error()
		}
		if now := n.ownLSAs(); now != last || !s.OSPF.StubRouter.Acknowledged {
			last, since = now, time.Now()
		}
		return time.Since(since) > time.Second, last
	})
}

// ownLSAs are the instances that ecmpd originates, one a line.
func (n *network) ownLSAs() string {
	n.t.Helper()
	db, err := n.routers["ecmpd"].Database(n.ctx)
	n.must(err)
	var own strings.Builder
	for _, l := range db {
		if l.AdvertisingRouter.String() == "10.255.0.1" {
			fmt.Fprintf(&own, "\n  %s", l)
		}
	}
	return own.String()
}

// seatText starts ecmpd with a configuration of its own.
func (n *network) seatText(node, config string) {
	n.t.Helper()
	n.start(peer.NewEcmpd(n.Node(node), binary, config))
}
