package integration

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/lab"
)

// wgMTU is what wg-quick gives a tunnel over an Ethernet.
const wgMTU = 1420

// TestTwoHubsOverWireGuard has one WireGuard interface for each tunnel, as
// OSPF wants it, over an internet of 198.51.100.0/24.
func TestTwoHubsOverWireGuard(t *testing.T) {
	for _, c := range []struct {
		name      string
		addresses tunnelAddresses
		branches  [2]string
	}{
		{"numbered", numbered, [2]string{"ecmpd", "ecmpd"}},
		{"numbered, foreign branches", numbered, [2]string{"frr", "bird"}},
		{"unnumbered", unnumbered, [2]string{"ecmpd", "ecmpd"}},
		{"with peer addresses", withPeer, [2]string{"ecmpd", "ecmpd"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWireGuard(t, c.addresses)
			w.seatAll(c.branches)
			w.converge()
			w.transitKnown()
			w.carryConnections()
			w.carryBulk()
		})
	}
}

// TestWireGuardInterfaceReplaced does what `wg-quick down` and `up` do: the
// interface of a tunnel goes away and another one takes its name.
func TestWireGuardInterfaceReplaced(t *testing.T) {
	t.Parallel()
	w := newWireGuard(t, unnumbered)
	w.seatAll([2]string{"ecmpd", "ecmpd"})
	w.converge()
	w.remove("hub-a:vpn1")
	w.wait("branch-2 knows one way to branch-1", func() (bool, string) {
		hops, err := w.branches[1].NextHops(lan1)
		return err == nil && len(hops) == 1, fmt.Sprint(hops, err)
	})
	w.remove("branch-1:vpn1")
	w.join(1, 1)
	w.converge()
	w.transitKnown()
	if result := w.load(40, 20000, 1000, patient); result.Failed() > 0 {
		t.Errorf("%d of 40 connections failed: %v", result.Failed(), result.FirstError())
	}
}

// tunnelAddresses are the arguments of `ip address add` for both ends of the
// tunnel between a hub and a branch, which are counted from 1.
type tunnelAddresses func(hub, branch int) (atHub, atBranch string)

func numbered(hub, branch int) (atHub, atBranch string) {
	net := fmt.Sprintf("10.0.%d%d.", hub, branch)
	return net + "1/30", net + "2/30"
}

// unnumbered gives each router one address, which all its tunnels bear.
func unnumbered(hub, branch int) (atHub, atBranch string) {
	return fmt.Sprintf("10.0.0.%d/32", hub), fmt.Sprintf("10.0.0.%d/32", 10+branch)
}

func withPeer(hub, branch int) (atHub, atBranch string) {
	h, b := unnumbered(hub, branch)
	return strings.TrimSuffix(h, "/32") + " peer " + b, strings.TrimSuffix(b, "/32") + " peer " + h
}

// wireGuard is the two-hub network over an internet, which is one bridge.
type wireGuard struct {
	*vpn
	addresses tunnelAddresses
	tunnels   map[string]*lab.Process // by node and interface
}

func newWireGuard(t *testing.T, addresses tunnelAddresses) *wireGuard {
	t.Helper()
	w := &wireGuard{newVPN(t), addresses, map[string]*lab.Process{}}
	w.lan("internet", "hub-a:wan 198.51.100.1/24", "hub-b:wan 198.51.100.2/24",
		"branch-1:wan 198.51.100.11/24", "branch-2:wan 198.51.100.12/24")
	for hub := range w.hubs {
		for branch := range w.branches {
			w.join(hub+1, branch+1)
		}
	}
	// Like any machine with an internet, and reverse-path filtering counts
	// on it: a router without a default route drops Hellos from an address
	// that it has no route to.
	for _, n := range append(w.hubs, w.branches...) {
		w.ip(n.Name(), "route add default via 198.51.100.254")
	}
	return w
}

// join makes the tunnel between a hub and a branch. The branch calls the hub,
// which learns from that where the branch is. (When both ends call at the same
// time, WireGuard may need another attempt, five seconds later.)
func (w *wireGuard) join(hub, branch int) {
	w.t.Helper()
	curve := ecdh.X25519()
	hubKey, err := curve.GenerateKey(rand.Reader)
	w.must(err)
	branchKey, err := curve.GenerateKey(rand.Reader)
	w.must(err)
	atHub, atBranch := w.addresses(hub, branch)
	port := 51800 + branch
	w.addInterface(w.hubs[hub-1], fmt.Sprintf("vpn%d", branch), atHub, fmt.Sprintf(
		"private_key=%x\nlisten_port=%d\npublic_key=%x\n", hubKey.Bytes(), port, branchKey.PublicKey().Bytes())+everything)
	w.addInterface(w.branches[branch-1], fmt.Sprintf("vpn%d", hub), atBranch, fmt.Sprintf(
		"private_key=%x\npublic_key=%x\nendpoint=198.51.100.%d:%d\npersistent_keepalive_interval=25\n",
		branchKey.Bytes(), hubKey.PublicKey().Bytes(), hub, port)+everything)
}

// everything lets a peer send and get all that the labs have.
const everything = "allowed_ip=224.0.0.5/32\nallowed_ip=10.0.0.0/8\n"

// addInterface makes one end of a tunnel. It gets the flags of the kernel's
// own WireGuard: POINTOPOINT and NOARP, but no MULTICAST.
func (w *wireGuard) addInterface(n *lab.Node, ifname, address, config string) {
	w.t.Helper()
	file := filepath.Join(n.Dir(), ifname+".conf")
	w.must(os.WriteFile(file, []byte(config), 0o600))
	logged := "wgtunnel-" + ifname
	w.must(os.RemoveAll(filepath.Join(n.Dir(), logged+".log"))) // of a tunnel of that name before
	p, err := n.Start(logged, wgtunnel, ifname, strconv.Itoa(wgMTU), file)
	w.must(err)
	w.tunnels[n.Name()+":"+ifname] = p
	w.wait(n.Name()+":"+ifname+" is ready", func() (bool, string) {
		return strings.Contains(p.Log(), "ready"), fmt.Sprint(p.Log(), p.Err())
	})
	w.ip(n.Name(), "link set "+ifname+" multicast off")
	w.ip(n.Name(), "address add "+address+" dev "+ifname)
	w.ip(n.Name(), "link set "+ifname+" up")
}

// remove takes the interface of a tunnel away.
func (w *wireGuard) remove(end string) {
	w.t.Helper()
	w.must(w.tunnels[end].Stop(w.ctx))
}

// carryConnections makes 400 connections, and both hubs take part.
func (w *wireGuard) carryConnections() {
	w.t.Helper()
	carried := w.carried(func() {
		if result := w.load(400, 20000, 2000, patient); result.Failed() > 0 {
			w.t.Errorf("%d of 400 connections failed: %v", result.Failed(), result.FirstError())
		}
	})
	for i, c := range carried {
		// A connection is at least ten packets, and half of them pass here.
		if c.RxPackets < 400*10/4 {
			w.t.Errorf("%s carried %d packets, want about half of 400 connections", w.hubs[i].Name(), c.RxPackets)
		}
	}
}

// carryBulk sends 20 MB each way.
func (w *wireGuard) carryBulk() {
	w.t.Helper()
	start := time.Now()
	if result := w.load(1, 30000, 20<<20, 2*patient); result.Failed() > 0 {
		w.t.Errorf("20 MB: %v", result.FirstError())
	}
	w.t.Logf("20 MB each way took %s", time.Since(start).Round(time.Millisecond))
}
