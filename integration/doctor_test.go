package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab"
)

// TestDoctor breaks one thing after the other on hub-a, or beside it, and wants
// the doctor to name it, and to be content again when it is repaired.
func TestDoctor(t *testing.T) {
	t.Parallel()
	n := startTwoHubs(t, "twohubs-ecmpd", func(node, config string) string {
		if node == "hub-a" {
			config += "\nstatic: [{prefix: 10.99.0.0/16, next-hops: [{via: 192.168.77.99}]}]\n"
		}
		return config
	})
	n.converge()
	sh := func(node, script string) func() { return func() { n.run(node, "sh", "-c", script) } }
	answers := sh("hub-a", "ip neigh replace 192.168.77.99 dev lan lladdr 02:00:00:00:00:99 nud permanent")
	answers()
	n.diagnosed("hub-a", "", "")

	var branch api.Doctor
	n.get("branch-1", api.PathDoctor, &branch)
	if list := withoutKernel(branch.Findings); len(list) != 1 || list[0].Check != "own-source" || !strings.Contains(list[0].Repair, "10.10.1.1") {
		t.Errorf("a branch whose own packets leave with the address of a tunnel: %+v", list)
	}

	speak, hush := n.speakOSPF("hub-a")
	run, end := n.networkd("hub-a")
	ping := func() { // keeps the kernel asking
		n.run("hub-a", "ip", "neigh", "del", "192.168.77.99", "dev", "lan")
		if _, err := n.Node("hub-a").Start("ping", "ping", "-q", "-i", "0.2", "10.99.0.1"); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		check, part  string // of what is found
		at           string // who finds it; hub-a when empty
		harm, repair func()
	}{
		{"forwarding", "ip_forward is 0", "", sh("hub-a", "sysctl -qw net.ipv4.ip_forward=0"), sh("hub-a", "sysctl -qw net.ipv4.ip_forward=1")},
		{"forwarding", "off on vpn2", "", sh("hub-a", "sysctl -qw net.ipv4.conf.vpn2.forwarding=0"), sh("hub-a", "sysctl -qw net.ipv4.conf.vpn2.forwarding=1")},
		{"rp-filter", "strict on vpn1", "", sh("hub-a", "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.vpn1.rp_filter=1"), sh("hub-a", "sysctl -qw net.ipv4.conf.vpn1.rp_filter=2")},
		{"hash-policy", "policy 0, not policy 3", "", sh("hub-a", "sysctl -qw net.ipv4.fib_multipath_hash_policy=0"), sh("hub-a", "sysctl -qw net.ipv4.fib_multipath_hash_policy=3")},
		{"memberships", "is 0", "", sh("hub-a", "sysctl -qw net.ipv4.igmp_max_memberships=0"), sh("hub-a", "sysctl -qw net.ipv4.igmp_max_memberships=20")},
		{"blocker", "inet late forward: policy drops", "", sh("hub-a", "nft 'table inet late { chain forward { type filter hook forward priority 5; policy drop; ct state established accept; }; }'"), sh("hub-a", "nft delete table inet late")},
		// Before those with NAT: at their end ecmpd itself removes entries, some time later.
		{"conntrack", "1 conntrack entries", "", sh("hub-a", "conntrack -I -s 10.10.1.9 -d 10.10.2.9 -p tcp --sport 1 --dport 2 --state ESTABLISHED -t 100"), sh("hub-a", "conntrack -D -s 10.10.1.9")},
		{"nat", "10.10.2.1/32 is translated", "", sh("hub-a", "nft 'table inet trans { chain pre { type nat hook prerouting priority dstnat; ip daddr 10.10.2.1 tcp dport 81 redirect; ip daddr 10.10.2.1 tcp dport 80 dnat to :8080; }; }'"), sh("hub-a", "nft delete table inet trans")},
		{"nat", "inet trans post", "", sh("hub-a", "nft 'table inet trans { chain post { type nat hook postrouting priority srcnat; oifname vpn2 masquerade; }; }'"), sh("hub-a", "nft delete table inet trans")},
		{"gateway", "192.168.77.99 on lan", "", ping, answers},
		{"one-way", "10.255.0.11", "", sh("branch-1", "nft 'table inet deaf { chain in { type filter hook input priority 0; iifname vpn1 ip protocol ospf drop; }; }'"), sh("branch-1", "nft delete table inet deaf")},
		{"mtu", "MTU", "branch-1", sh("branch-1", "ip link set vpn1 down; ip link set vpn1 mtu 1300; ip link set vpn1 up"), sh("branch-1", "ip link set vpn1 down; ip link set vpn1 mtu 1420; ip link set vpn1 up")},
		{"rejected", "interval", "", n.edited("branch-1", "dead-interval: 4s", "dead-interval: 5s"), n.edited("branch-1", "", "")},
		{"shared-network", "192.168.77.0/24 on lan is announced by 10.255.0.2", "", sh("hub-b", "ip link add lan type veth peer name far; ip addr add 192.168.77.2/24 dev lan; ip link set far up; ip link set lan up"), sh("hub-b", "ip link del lan")},
		{"other-ospf", "integration.tes", "", speak, hush},
		{"networkd", "ManageForeignRoutes=yes", "", run, end},
	} {
		at := tt.at
		if at == "" {
			at = "hub-a"
		}
		tt.harm()
		n.diagnosed(at, tt.check, tt.part)
		if tt.repair(); at == "hub-a" {
			n.diagnosed(at, "", "")
		}
	}
	n.duplicate()
}

// diagnosed waits until the doctor of a node has a finding of a check, or, with
// no check, until it has none at all, and the command says so, too.
func (n *twoHubs) diagnosed(node, check, part string) {
	n.t.Helper()
	e := n.ecmpd(node)
	n.wait(fmt.Sprintf("%s: finding %q", node, check), func() (bool, string) {
		var d api.Doctor
		n.get(node, api.PathDoctor, &d)
		var all []string
		found := check == "" && d.Wrong == 0 && len(withoutKernel(d.Findings)) == 0
		for i, f := range d.Findings {
			all = append(all, fmt.Sprintf("%s: %s (%s)", f.Check, f.What, f.Severity))
			found = found || check != "" && f.Check == check && strings.Contains(f.What, part)
			if f.Number != i+1 || f.Why == "" || f.Repair == "" {
				n.t.Errorf("%+v", f)
			}
		}
		if !found {
			return false, strings.Join(all, "\n")
		}
		out, err := n.Node(node).Run(n.ctx, e.Binary(), "doctor", "--socket", e.Socket())
		agrees := check == "" && err == nil || check != "" && strings.Contains(fmt.Sprint(err), "exit status 5")
		return agrees, fmt.Sprintf("%s\nand the command says %v\n%s", strings.Join(all, "\n"), err, out)
	})
}

// withoutKernel leaves out what is said of the kernel that the test runs on.
func withoutKernel(list []api.Finding) (out []api.Finding) {
	for _, f := range list {
		if f.Check != "kernel" {
			out = append(out, f)
		}
	}
	return out
}

// edited gives a node its configuration with one text replaced.
func (n *twoHubs) edited(node, old, new string) func() {
	e := n.ecmpd(node)
	config, err := os.ReadFile(e.ConfigFile())
	if err != nil {
		n.t.Fatal(err)
	}
	return func() { n.reload(node, strings.ReplaceAll(string(config), old, new)) }
}

// duplicate lets branch-1 start again with the router id of hub-a.
func (n *twoHubs) duplicate() {
	n.t.Helper()
	e := n.ecmpd("branch-1")
	n.edited("branch-1", "router-id: 10.255.0.11", "router-id: 10.255.0.1")()
	e.Kill()
	if err := e.Start(n.ctx); err != nil {
		n.t.Fatal(err)
	}
	n.diagnosed("hub-a", "duplicate-router-id", "10.255.0.1")
}

// speakOSPF opens a socket for OSPF in a node, as another daemon would.
func (n *twoHubs) speakOSPF(node string) (speak, hush func()) {
	var fd int
	speak = func() {
		err := n.Node(node).Do(func() (err error) {
			fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 89) // not for what other tests start
			return err
		})
		if err != nil {
			n.t.Fatal(err)
		}
	}
	return speak, func() { unix.Close(fd) }
}

// networkd runs a program in a node that bears the name of systemd-networkd.
func (n *twoHubs) networkd(node string) (run, end func()) {
	var p *lab.Process
	run = func() {
		path := filepath.Join(n.Node(node).Dir(), "systemd-networkd")
		n.run(node, "cp", "/bin/sleep", path)
		var err error
		if p, err = n.Node(node).Start("networkd", path, "600"); err != nil {
			n.t.Fatal(err)
		}
	}
	return run, func() { p.Kill() }
}
