package integration

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/lab"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
)

// wgMTU is what wg-quick gives a tunnel over an Ethernet.
const wgMTU = 1420

// TestTwoHubsOverWireGuard has one WireGuard interface for each tunnel, as
// OSPF wants it, over an internet of 198.51.100.0/24.
func TestTwoHubsOverWireGuard(t *testing.T) {
	for _, c := range []struct {
		name      string
		addresses func(hub, branch int) (atHub, atBranch string)
		branches  [2]string
	}{
		{"numbered", numbered, [2]string{"ecmpd", "ecmpd"}},
		{"numbered, foreign branches", numbered, [2]string{"frr", "bird"}},
		{"unnumbered", unnumbered, [2]string{"ecmpd", "ecmpd"}},
		{"with peer address", withPeer, [2]string{"ecmpd", "ecmpd"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWireGuard(t)
			for h := range w.hubs {
				for b := range w.branches {
					atHub, atBranch := c.addresses(h+1, b+1)
					w.join(h, b, atHub, atBranch)
				}
				w.seat(w.hubs[h], "ecmpd")
				w.seat(w.branches[h], c.branches[h])
			}
			w.start()
			w.carryConnections()
			w.carryBulk()
		})
	}
}

// TestWireGuardInterfaceReplaced does what `wg-quick down` and `up` do: the
// interface of a tunnel goes away and another one takes its name.
func TestWireGuardInterfaceReplaced(t *testing.T) {
	t.Parallel()
	w := newWireGuard(t)
	for h := range w.hubs {
		for b := range w.branches {
			atHub, atBranch := unnumbered(h+1, b+1)
			w.join(h, b, atHub, atBranch)
		}
		w.seat(w.hubs[h], "ecmpd")
		w.seat(w.branches[h], "ecmpd")
	}
	w.start()
	w.tunnels["hub-a:vpn1"].Close()
	must(t, lab.Wait(w.ctx, "branch-2 knows one way to branch-1", func() (bool, string) {
		hops, err := w.branches[1].NextHops(branchLANs[0])
		return err == nil && len(hops) == 1, fmt.Sprint(hops, err)
	}))
	w.tunnels["branch-1:vpn1"].Close()
	atHub, atBranch := unnumbered(1, 1)
	w.join(0, 0, atHub, atBranch)
	w.converge()
	if result := w.load(40, 20000, 1000, 5*time.Second); result.Failed() > 0 {
		t.Errorf("%d of 40 connections failed: %v", result.Failed(), result.FirstError())
	}
}

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
	internet *lab.Node
	tunnels  map[string]*device.Device // by node and interface
	log      wgLog
}

func newWireGuard(t *testing.T) *wireGuard {
	w := &wireGuard{vpn: newVPN(t, 40*time.Second), tunnels: map[string]*device.Device{}}
	w.internet = w.add("internet")
	must(t, w.internet.AddBridge("br0"))
	for i, routers := range [][]*lab.Node{w.hubs, w.branches} {
		for j, n := range routers {
			address := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(10*i + j + 1)}), 24)
			must(t, w.lab.Connect(lab.End{Node: n, Interface: "wan", Addresses: []netip.Prefix{address}},
				lab.End{Node: w.internet, Interface: n.Name()}, 1500))
			must(t, w.internet.Attach(n.Name(), "br0"))
		}
	}
	t.Cleanup(func() {
		for _, d := range w.tunnels {
			d.Close()
		}
		if t.Failed() {
			t.Log(w.log.String())
		}
	})
	return w
}

// join makes the tunnel between a hub and a branch, counted from 0.
func (w *wireGuard) join(hub, branch int, atHub, atBranch string) {
	w.t.Helper()
	curve := ecdh.X25519()
	hubKey, err1 := curve.GenerateKey(rand.Reader)
	branchKey, err2 := curve.GenerateKey(rand.Reader)
	must(w.t, err1)
	must(w.t, err2)
	port := 51820 + 10*hub + branch
	w.addInterface(w.hubs[hub], fmt.Sprintf("vpn%d", branch+1), atHub, hubKey, wgPeer{branchKey.PublicKey(), 11 + branch, port})
	w.addInterface(w.branches[branch], fmt.Sprintf("vpn%d", hub+1), atBranch, branchKey, wgPeer{hubKey.PublicKey(), 1 + hub, port})
}

// wgPeer is the far end of a tunnel: its key, the last byte of its address in
// the internet and the port that both ends use.
type wgPeer struct {
	key  *ecdh.PublicKey
	host int
	port int
}

// addInterface makes one end of a tunnel. It gets the flags of the kernel's
// own WireGuard: POINTOPOINT and NOARP, but no MULTICAST.
func (w *wireGuard) addInterface(n *lab.Node, ifname, address string, key *ecdh.PrivateKey, far wgPeer) {
	w.t.Helper()
	var link tun.Device
	must(w.t, n.Do(func() (err error) {
		link, err = tun.CreateTUN(ifname, wgMTU)
		return err
	}))
	logger := &device.Logger{Verbosef: device.DiscardLogf, Errorf: w.log.prefixed(n.Name() + ":" + ifname)}
	d := device.NewDevice(nodeTUN{link}, nodeBind{conn.NewDefaultBind(), n}, logger)
	w.tunnels[n.Name()+":"+ifname] = d
	must(w.t, d.IpcSet(fmt.Sprintf(`private_key=%x
listen_port=%d
public_key=%x
endpoint=198.51.100.%d:%d
allowed_ip=224.0.0.5/32
allowed_ip=10.0.0.0/8
`, key.Bytes(), far.port, far.key.Bytes(), far.host, far.port)))
	must(w.t, d.Up())
	for _, command := range []string{"ip link set %s multicast off", "ip address add " + address + " dev %s", "ip link set %s up"} {
		_, err := n.Run(w.ctx, strings.Fields(fmt.Sprintf(command, ifname))...)
		must(w.t, err)
	}
}

// nodeTUN answers for an interface whose namespace is not the one of the
// thread that asks.
type nodeTUN struct{ tun.Device }

func (nodeTUN) MTU() (int, error) { return wgMTU, nil }

// nodeBind opens the sockets of a tunnel inside its node.
type nodeBind struct {
	conn.Bind
	node *lab.Node
}

func (b nodeBind) Open(port uint16) (receive []conn.ReceiveFunc, actual uint16, err error) {
	err = b.node.Do(func() (err error) {
		receive, actual, err = b.Bind.Open(port)
		return err
	})
	return receive, actual, err
}

// wgLog gathers what the tunnels complain about.
type wgLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *wgLog) prefixed(name string) func(format string, args ...any) {
	return func(format string, args ...any) {
		l.mu.Lock()
		defer l.mu.Unlock()
		fmt.Fprintf(&l.text, name+": "+format+"\n", args...)
	}
}

func (l *wgLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// carryConnections makes 400 connections, and both hubs take part.
func (w *wireGuard) carryConnections() {
	w.t.Helper()
	before := w.carried()
	if result := w.load(400, 20000, 2000, 10*time.Second); result.Failed() > 0 {
		w.t.Errorf("%d of 400 connections failed: %v", result.Failed(), result.FirstError())
	}
	for i, c := range w.carried() {
		// A connection is at least ten packets, and half of them pass here.
		if got := c.Sub(before[i]).RxPackets; got < 400*10/4 {
			w.t.Errorf("%s carried %d packets, want about half of 400 connections", w.hubs[i].Name(), got)
		}
	}
}

// carryBulk sends 20 MB each way.
func (w *wireGuard) carryBulk() {
	w.t.Helper()
	start := time.Now()
	if result := w.load(1, 30000, 20<<20, 20*time.Second); result.Failed() > 0 {
		w.t.Errorf("20 MB: %v", result.FirstError())
	}
	w.t.Logf("20 MB each way took %s", time.Since(start).Round(time.Millisecond))
}
