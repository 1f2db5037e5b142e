package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// routerID is that of the router under test.
const routerID = "10.255.0.1"

// The makes, in the order in which they are measured and shown.
var makes = []string{"ecmpd", "frr", "bird"}

// dut says how the router under test is configured: 1 s hellos, 4 s dead
// intervals, cost 10, point-to-point.
type dut struct {
	ports []string // interfaces
	bfd   bool     // 50 ms × 3 on all of them
	eager bool     // ecmpd: SPF 50 ms after every event
}

// router prepares a make. A router without SPF delay at the first event is the
// fastest that each of them offers.
func (d dut) router(maker string, node *lab.Node, binary string) peer.Router {
	switch maker {
	case "ecmpd":
		return peer.NewEcmpd(node, binary, d.ecmpd())
	case "frr":
		if d.bfd {
			return peer.NewFRR(node, d.frr(), "bfdd", "ospfd")
		}
		return peer.NewFRR(node, d.frr())
	default:
		return peer.NewBIRD(node, d.bird())
	}
}

func (d dut) ecmpd() string {
	var b strings.Builder
	long := "5s"
	if d.eager {
		long = "50ms"
	}
	b.WriteString("router-id: " + routerID + `
ospf:
  spf-delay: {initial-delay: 0s, short-delay: 50ms, long-delay: ` + long + `, hold-down: 10s, time-to-learn: 500ms}
  database-control: {max-lsa: 2000000}
  areas:
    - area-id: 0.0.0.0
      interfaces:
`)
	bfd := ""
	if d.bfd {
		bfd = ", bfd: {enabled: true, min-interval: 50ms, multiplier: 3}"
	}
	fmt.Fprintf(&b, "        - {match: %q, interface-type: point-to-point, cost: 10, hello-interval: 1s, dead-interval: 4s%s}\n", d.glob(), bfd)
	return b.String()
}

// glob matches all ports.
func (d dut) glob() string { return strings.TrimRight(d.ports[0], "0123456789") + "*" }

func (d dut) frr() string {
	var b strings.Builder
	if d.bfd {
		b.WriteString("bfd\n profile fast\n  detect-multiplier 3\n  receive-interval 50\n  transmit-interval 50\n")
	}
	b.WriteString("router ospf\n ospf router-id " + routerID + "\n timers throttle spf 0 50 5000\n")
	for _, port := range d.ports {
		fmt.Fprintf(&b, "interface %s\n ip ospf network point-to-point\n ip ospf cost 10\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n", port)
		if d.bfd {
			b.WriteString(" ip ospf bfd\n ip ospf bfd profile fast\n")
		}
		b.WriteString(" ip ospf area 0.0.0.0\n")
	}
	return b.String()
}

func (d dut) bird() string {
	bfd, port := "", ""
	if d.bfd {
		bfd = "protocol bfd { interface \"*\" { min rx interval 50 ms; min tx interval 50 ms; idle tx interval 50 ms; multiplier 3; }; }\n"
		port = " bfd yes;"
	}
	return "router id " + routerID + `;
protocol device { scan time 1; }
protocol kernel { merge paths yes limit 64; ipv4 { export where source ~ [RTS_OSPF, RTS_OSPF_IA, RTS_OSPF_EXT1, RTS_OSPF_EXT2]; }; }
` + bfd + `protocol ospf v2 { ecmp yes limit 64; ipv4 { import all; };
	area 0 { interface "` + d.glob() + `" { type ptp; cost 10; hello 1; dead 4;` + port + ` }; };
}
`
}

// hasBFD tells whether ecmpd knows the configuration of BFD.
func (b *bench) hasBFD() bool {
	file := filepath.Join(os.TempDir(), fmt.Sprintf("%s-%d.yaml", tag, os.Getpid()))
	defer os.Remove(file)
	if os.WriteFile(file, []byte(dut{ports: []string{"eth0"}, bfd: true}.ecmpd()), 0o600) != nil {
		return false
	}
	return exec.CommandContext(b.ctx, b.binary, "check", "--config", file).Run() == nil
}
