package integration

import (
	endian "encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/lab"
)

// usage adds up the processes that run in a node.
func (n *network) usage(node string) lab.Usage {
	n.t.Helper()
	u, err := n.Node(node).Usage()
	n.must(err)
	return u
}

// idle tells which share of a processor a node uses over some seconds.
func (n *network) idle(node string, over time.Duration) float64 {
	n.t.Helper()
	before, start := n.usage(node), time.Now()
	n.must(lab.Pause(n.ctx, over))
	return float64(n.usage(node).CPU-before.CPU) / float64(time.Since(start))
}

// settle waits until a node uses less than a tenth of a processor: what the
// start set going has ended.
func (n *network) settle(node string) {
	n.t.Helper()
	n.wait(node+" comes to rest", func() (bool, string) {
		share := n.idle(node, time.Second)
		return share < 0.1, fmt.Sprintf("it uses %.0f %%", 100*share)
	})
}

// lsaWatch listens in a node to the LSAs that arrive, and to the changes of
// the kernel's routes that they lead to.
type lsaWatch struct {
	within netip.Prefix
	stop   chan struct{}
	raw    net.PacketConn
	routes chan netlink.RouteUpdate

	mu        sync.Mutex
	lsas      map[lsaName]lsaInstance
	lastLSA   time.Time // when the last new instance came
	lastRoute time.Time // when the kernel last changed a route within
}

type lsaName struct {
	lsaType byte
	id, adv [4]byte
}

type lsaInstance struct {
	sequence uint32
	flushed  bool // it is at MaxAge
}

// watch starts to listen in a node.
func (n *network) watch(node, within string) *lsaWatch {
	n.t.Helper()
	w := &lsaWatch{
		within: netip.MustParsePrefix(within), stop: make(chan struct{}),
		routes: make(chan netlink.RouteUpdate, 1024), lsas: map[lsaName]lsaInstance{},
	}
	n.must(n.Node(node).Do(func() error {
		raw, err := net.ListenPacket("ip4:89", "0.0.0.0")
		if err != nil {
			return err
		}
		w.raw = raw
		if err := roomy(raw.(*net.IPConn), 64<<20); err != nil {
			return err
		}
		ns, err := netns.Get()
		if err != nil {
			return err
		}
		defer ns.Close()
		return netlink.RouteSubscribeWithOptions(w.routes, w.stop, netlink.RouteSubscribeOptions{
			Namespace: &ns, ReceiveBufferSize: 64 << 20, ReceiveBufferForceSize: true,
		})
	}))
	go w.readPackets()
	go w.readRoutes()
	n.t.Cleanup(func() { close(w.stop); w.raw.Close() })
	return w
}

// roomy gives a socket a buffer of so many bytes, whatever the limit of the machine: what it misses nobody sends again.
func roomy(c *net.IPConn, size int) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) })
	return errors.Join(err, failed)
}

func (w *lsaWatch) readPackets() {
	buffer := make([]byte, 1<<16)
	for {
		size, _, err := w.raw.ReadFrom(buffer)
		if err != nil {
			return
		}
		w.packet(buffer[:size], time.Now())
	}
}

// packet takes the LSAs of a Link State Update (RFC 2328 A.3.5).
func (w *lsaWatch) packet(b []byte, now time.Time) {
	if len(b) < 28 || b[1] != 4 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for b = b[28:]; len(b) >= 20; {
		length := int(endian.BigEndian.Uint16(b[18:]))
		if length < 20 || length > len(b) {
			return
		}
		name := lsaName{b[3], [4]byte(b[4:8]), [4]byte(b[8:12])}
		instance := lsaInstance{endian.BigEndian.Uint32(b[12:]), endian.BigEndian.Uint16(b) == 3600}
		if was, known := w.lsas[name]; !known || was != instance {
			w.lsas[name], w.lastLSA = instance, now
		}
		b = b[length:]
	}
}

func (w *lsaWatch) readRoutes() {
	for u := range w.routes {
		if u.Type != unix.RTM_NEWROUTE && u.Type != unix.RTM_DELROUTE || u.Dst == nil {
			continue
		}
		if a, ok := netip.AddrFromSlice(u.Dst.IP); ok && w.within.Contains(a.Unmap()) {
			w.mu.Lock()
			w.lastRoute = time.Now()
			w.mu.Unlock()
		}
	}
}

// count tells how many externals are alive.
func (w *lsaWatch) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for name, instance := range w.lsas {
		if name.lsaType == 5 && name.id[0] == 172 && !instance.flushed {
			n++
		}
	}
	return n
}

// lag is the time from the last LSA to the last kernel route.
func (w *lsaWatch) lag() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(0, w.lastRoute.Sub(w.lastLSA))
}

// tunnels joins "hub" and "far" by point-to-point links vpn1 … vpn<count>.
func (n *network) tunnels(count int) {
	n.t.Helper()
	for i := range count {
		net := netip.AddrFrom4([4]byte{10, 200, byte(i / 64), byte(i % 64 * 4)})
		n.wire(fmt.Sprintf("hub:vpn%d %s/30", i+1, net.Next()), fmt.Sprintf("far:vpn%d %s/30", i+1, net.Next().Next()))
	}
}

// hubFull runs a make as the hub of many tunnels, with BIRD at all far ends,
// and returns how long it took until all neighbours were Full. After limit it
// returns how many were.
func (n *network) hubFull(maker string, count int, limit time.Duration) (took time.Duration, full int) {
	n.t.Helper()
	n.tunnels(count)
	wildcard := []port{{name: "vpn*"}}
	n.seat("bird", "far", seat{id: "10.255.0.2", ports: wildcard})
	s := seat{id: "10.255.0.1", ports: wildcard}
	if maker == "frr" { // it knows no wildcards
		s.ports = nil
		for i := range count {
			s.ports = append(s.ports, port{name: fmt.Sprintf("vpn%d", i+1)})
		}
	}
	start := time.Now()
	n.seat(maker, "hub", s)
	for took = time.Since(start); took < limit; took = time.Since(start) {
		neighbors, _ := n.routers["hub"].Neighbors(n.ctx) // none when it has no time for us
		full = 0
		for _, nb := range neighbors {
			if nb.State == "Full" {
				full++
			}
		}
		if full == count {
			return took, full
		}
		n.must(lab.Pause(n.ctx, 100*time.Millisecond))
	}
	return took, full
}

// externalsLab joins "router" of a make to two BIRD ASBRs, which hold count
// static routes each that they do not announce yet. They announce another one
// from the start: a router that becomes ASBR has to tell that first, five
// seconds after it told anything else (MinLSInterval).
func (n *network) externalsLab(maker string, count int) {
	n.t.Helper()
	n.wire("router:eth0 10.1.0.1/30", "asbr1:eth0 10.1.0.2/30")
	n.wire("router:eth1 10.1.0.5/30", "asbr2:eth0 10.1.0.6/30")
	var static strings.Builder
	static.WriteString("protocol static ext { disabled; ipv4;\n")
	for i := range count {
		fmt.Fprintf(&static, " route 172.%d.%d.0/24 blackhole;\n", 16+i/256, i%256)
	}
	static.WriteString("}\nprotocol static one { ipv4; route 192.0.2.0/24 blackhole; }\n")
	for i := 1; i <= 2; i++ {
		s := seat{id: fmt.Sprintf("10.255.0.1%d", i), ports: []port{{name: "eth0"}}}
		config := strings.Replace(s.bird(), "export none;", "export filter { if source = RTS_STATIC then { ospf_metric2 = 20; accept; } reject; };", 1)
		n.startBIRD(fmt.Sprintf("asbr%d", i), static.String()+config)
	}
	n.seat(maker, "router", seat{id: "10.255.0.1", ports: []port{{name: "eth0"}, {name: "eth1"}}})
	n.waitKernel("router", "192.0.2.0/24", routes("192.0.2.0/24: 10.1.0.2 dev eth0, 10.1.0.6 dev eth1"))
}

// announce has both ASBRs announce or withdraw their routes and returns the
// time from the last LSA that arrived at the router to its last kernel route.
func (n *network) announce(w *lsaWatch, on bool, count int) time.Duration {
	n.t.Helper()
	command, lsas, routes := "enable ext", 2*count, count
	if !on {
		command, lsas, routes = "disable ext", 0, 0
	}
	// Whoever announces or flushes an LSA within MinLSArrival of its last
	// instance is not heard (RFC 2328 13 (5)(a)), and BIRD does not wait.
	n.must(lab.Pause(n.ctx, 2*time.Second))
	for _, asbr := range []string{"asbr1", "asbr2"} {
		_, err := n.bird(asbr).Show(n.ctx, command)
		n.must(err)
	}
	n.wait(command, func() (bool, string) {
		got := w.count()
		return got == lsas, fmt.Sprintf("%d of %d LSAs arrived", got, lsas)
	})
	n.wait("kernel routes", func() (bool, string) {
		t, err := n.kernel("router")
		if err != nil {
			return false, err.Error()
		}
		complete := 0
		t = t.within("172.0.0.0/8")
		for _, legs := range t {
			if len(legs) == 2 {
				complete++
			}
		}
		return len(t) == routes && complete == routes, fmt.Sprintf("%d routes, %d of them with two legs", len(t), complete)
	})
	return w.lag()
}
