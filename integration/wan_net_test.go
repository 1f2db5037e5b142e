package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// wanNet is a router with three uplinks, a LAN, and OSPF to a branch and to an exit, which has an
// uplink of its own:
//
//	host 192.168.0.2 ── lan  router  w1 10.111.0.2 ── w1
//	branch 10.10.4.1 ── vpn1         w2 10.112.0.2 ── w2  internet (198.51.100.1 … .4, .53)
//	exit ────────────── vpn2         w3 10.113.0.2 ── w3
//	 └──────────────────────────────── 10.114.0.2 ─── up
//
// The internet takes on each link what comes from that link's network only.
type wanNet struct {
	*network
	config string // of the router, as it runs
}

const wanServer = "198.51.100.1"

// wanCheck finds a death within about three seconds, and a return within two: a machine that halts for a moment has
// killed nobody.
const wanCheck = "check: {targets: [gateway, icmp 198.51.100.1], interval: 500ms, down-after: 6, up-after: 2, hold-up: 500ms}"

// startWAN builds the network and starts its routers; text is the router's section wan.
func startWAN(t testing.TB, text string) *wanNet {
	t.Helper()
	return startWANAs(t, binary, text)
}

// startWANAs has the router's ecmpd started by another program.
func startWANAs(t testing.TB, program, text string) *wanNet {
	t.Helper()
	n := &wanNet{network: newNetwork(t)}
	n.wire("router:lan 192.168.0.1/24", "host:eth0 192.168.0.2/24 192.168.0.3/24 192.168.0.4/24 192.168.0.5/24")
	for i := 1; i <= 3; i++ {
		n.wire(fmt.Sprintf("router:w%d 10.11%d.0.2/24", i, i), fmt.Sprintf("internet:w%d 10.11%d.0.1/24", i, i))
	}
	n.wire("router:vpn1 10.0.0.1/30", "branch:vpn1 10.0.0.2/30")
	n.wire("router:vpn2 10.0.0.5/30", "exit:vpn2 10.0.0.6/30")
	n.wire("exit:up 10.114.0.2/24", "internet:up 10.114.0.1/24")
	n.wire("branch:lan 10.10.4.1/24", "desk:eth0 10.10.4.2/24")
	for _, node := range []string{"router", "exit", "branch"} {
		n.must(n.Node(node).Sysctl("net.ipv4.ip_forward", "1"))
	}
	for _, a := range []string{wanServer, "198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.53"} {
		n.ip("internet", "addr add "+a+"/32 dev lo")
	}
	n.ip("host", "route add default via 192.168.0.1")
	n.ip("desk", "route add default via 10.10.4.1")
	n.ip("exit", "route add default via 10.114.0.1")
	n.must(n.Node("exit").Firewall(n.ctx, "table ip exit { chain post { type nat hook postrouting priority 100; oifname up masquerade; }; }"))
	n.must(n.Node("internet").Firewall(n.ctx, `table ip provider { chain pre { type filter hook prerouting priority -300;
		iifname w1 ip saddr != 10.111.0.0/24 drop
		iifname w2 ip saddr != 10.112.0.0/24 drop
		iifname w3 ip saddr != 10.113.0.0/24 drop
		iifname up ip saddr != 10.114.0.0/24 drop
	}; }`))
	const vpn = "hello-interval: 1s, dead-interval: 4s, interface-type: point-to-point"
	n.config = text
	n.start(
		peer.NewEcmpd(n.Node("router"), program, n.routerConfig()),
		peer.NewEcmpd(n.Node("branch"), binary, "router-id: 10.255.0.2\nospf: {areas: [{area-id: 0, interfaces: [{match: vpn1, "+vpn+"}, {match: lan, passive: true}]}]}\n"),
		peer.NewEcmpd(n.Node("exit"), binary, "router-id: 10.255.0.3\nospf: {areas: [{area-id: 0, interfaces: [{match: vpn2, "+vpn+"}]}], default-originate: {when: always, metric: 500}}\n"),
	)
	n.full(2, "router")
	return n
}

func (n *wanNet) routerConfig() string {
	return `router-id: 10.255.0.1
ospf:
  areas: [{area-id: 0, interfaces: [{match: "vpn*", hello-interval: 1s, dead-interval: 4s, interface-type: point-to-point}, {match: lan, passive: true}]}]
  default-originate: {when: wan-up, metric: 10}
` + n.config
}

// uplink is an entry of wan.uplinks.
func uplink(number int, more string) string {
	return fmt.Sprintf("    - {name: u%d, interface: w%d, gateway: 10.11%d.0.1, nat: masquerade, %s%s}\n", number, number, number, more, wanCheck)
}

// threeUplinks have the weights 2, 3 and 7.
func threeUplinks() string {
	return "wan:\n  uplinks:\n" + uplink(1, "weight: 2, ") + uplink(2, "weight: 3, ") + uplink(3, "weight: 7, ")
}

// reload has the router take another section wan, and waits until the kernel does what it says.
func (n *wanNet) reload(text string) {
	n.t.Helper()
	n.config = text
	r := n.ecmpd("router")
	n.must(r.Reload(n.routerConfig()))
	n.run("router", binary, "reload", "--socket", r.Socket()) // which waits, and finds the file as it is
	n.settled()
}

// settled waits until the kernel has what is wanted, twice in a row so that nothing is under way.
func (n *wanNet) settled() {
	n.t.Helper()
	for range 2 {
		n.wait("uplinks in sync", func() (bool, string) {
			w, err := show[api.WANBody](n.network, "router", "wan")
			return err == nil && w.WAN.InSync, fmt.Sprintf("%+v %v", w, err)
		})
	}
}

// used waits until exactly these uplinks get new connections.
func (n *wanNet) used(names string) {
	n.t.Helper()
	n.wait("uplinks "+names+" in use", func() (bool, string) {
		w, err := show[api.WANBody](n.network, "router", "wan")
		if err != nil {
			return false, err.Error()
		}
		var got []string
		for _, u := range w.WAN.Uplinks {
			if u.Used {
				got = append(got, u.Name)
			}
		}
		return w.WAN.InSync && strings.Join(got, " ") == names, fmt.Sprintf("%+v", w.WAN)
	})
}

// who starts a server that says from which address a connection comes, and then echoes.
func (n *wanNet) who(node, at string) {
	n.t.Helper()
	var l net.Listener
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	n.must(n.Node(node).Do(func() (err error) {
		l, err = lc.Listen(n.ctx, "tcp4", at)
		return err
	}))
	n.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				from, _, _ := net.SplitHostPort(c.RemoteAddr().String())
				if _, err := fmt.Fprintln(c, from); err == nil {
					_, _ = io.Copy(c, c)
				}
			}()
		}
	}()
}

// resolve answers every question with itself, as a name server that refuses might, until it is stopped.
func (n *wanNet) resolve(node string) (stop func()) {
	n.t.Helper()
	var c net.PacketConn
	n.must(n.Node(node).Do(func() (err error) {
		c, err = net.ListenPacket("udp4", wanServer+":53") // or answers would have another address
		return err
	}))
	stop = func() { c.Close() }
	n.t.Cleanup(stop)
	go func() {
		question := make([]byte, 512)
		for {
			size, from, err := c.ReadFrom(question)
			if err != nil {
				return
			}
			question[2] |= 0x80 // it is a response
			_, _ = c.WriteTo(question[:size], from)
		}
	}()
	return stop
}

// line is an open connection.
type line struct {
	net.Conn
	in   *bufio.Reader
	from string // as the server sees it
}

// call opens a connection; source may be empty.
func (n *wanNet) call(node, source, to string) (*line, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	d.SetMultipathTCP(false)
	if source != "" {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(source), 0))
	}
	var c net.Conn
	if err := n.Node(node).Do(func() (err error) {
		c, err = d.DialContext(n.ctx, "tcp4", to)
		return err
	}); err != nil {
		return nil, err
	}
	l := &line{Conn: c, in: bufio.NewReader(c)}
	_ = c.SetDeadline(time.Now().Add(patient))
	from, err := l.in.ReadString('\n')
	if err != nil {
		c.Close()
		return nil, err
	}
	l.from = strings.TrimSpace(from)
	return l, nil
}

// alive sends a line through the connection and wants it back.
func (l *line) alive() error {
	_ = l.SetDeadline(time.Now().Add(patient))
	if _, err := fmt.Fprintln(l, "still there?"); err != nil {
		return err
	}
	_, err := l.in.ReadString('\n')
	return err
}

// hangUp leaves no port waiting behind.
func (l *line) hangUp() {
	_ = l.Conn.(*net.TCPConn).SetLinger(0)
	l.Close()
}

// seen opens count connections, some at a time, and counts the addresses that the server saw.
func (n *wanNet) seen(node, to string, count int) map[string]int {
	n.t.Helper()
	lines := n.open(node, to, count)
	got := make(map[string]int)
	for _, l := range lines {
		got[l.from]++
		l.hangUp()
	}
	return got
}

// open opens count connections and keeps them.
func (n *wanNet) open(node, to string, count int) []*line {
	n.t.Helper()
	var mu sync.Mutex
	var lines []*line
	var failed error
	work := make(chan struct{})
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			for range work {
				l, err := n.call(node, "", to)
				mu.Lock()
				if err != nil {
					failed = err
				} else {
					lines = append(lines, l)
				}
				mu.Unlock()
			}
		})
	}
	for range count {
		work <- struct{}{}
	}
	close(work)
	workers.Wait()
	if failed != nil {
		n.t.Fatalf("%d of %d connections: %v", len(lines), count, failed)
	}
	n.t.Cleanup(func() {
		for _, l := range lines {
			l.hangUp()
		}
	})
	return lines
}

// kill makes the Internet behind an uplink vanish; link, gateway and neighbours stay.
func (n *wanNet) kill(number int) {
	n.t.Helper()
	n.must(n.Node("internet").Firewall(n.ctx, fmt.Sprintf("table ip dead%d { chain pre { type filter hook prerouting priority -299; iifname w%d ip daddr 198.51.100.0/24 drop; }; }", number, number)))
}

func (n *wanNet) revive(number int) {
	n.t.Helper()
	n.run("internet", "nft", "delete", "table", "ip", fmt.Sprintf("dead%d", number))
}
