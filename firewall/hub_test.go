package firewall

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"
)

// hubNet is a hub between two branches and a LAN:
//
//	a (10.10.1.1) --- vpn1  hub  vpn2 --- b (10.10.2.1)
//	                        lan --- c (192.168.1.2)
type hubNet struct {
	hub, a, b, c space
	f            *Firewall
	entriesOf    *Conntrack
	ct           *conntrack.Conn // for the test's own use
}

func newHub(t testing.TB, name string) hubNet {
	n := hubNet{hub: newSpace(t, name+"-h"), a: newSpace(t, name+"-a"), b: newSpace(t, name+"-b"), c: newSpace(t, name+"-c")}
	n.hub.exec(t, "sysctl", "-qw", "net.ipv4.ip_forward=1")
	wire := func(s space, link, near, far string) {
		run(t, "ip", "-n", string(n.hub), "link", "add", link, "type", "veth", "peer", "name", "hub", "netns", string(s))
		run(t, "ip", "-n", string(n.hub), "addr", "add", near, "dev", link)
		run(t, "ip", "-n", string(n.hub), "link", "set", link, "up")
		run(t, "ip", "-n", string(s), "addr", "add", far, "dev", "hub")
		run(t, "ip", "-n", string(s), "link", "set", "hub", "up")
		gateway, _, _ := strings.Cut(near, "/")
		run(t, "ip", "-n", string(s), "route", "add", "default", "via", gateway)
	}
	wire(n.a, "vpn1", "10.9.1.1/30", "10.9.1.2/30")
	wire(n.b, "vpn2", "10.9.2.1/30", "10.9.2.2/30")
	wire(n.c, "lan", "192.168.1.1/24", "192.168.1.2/24")
	run(t, "ip", "-n", string(n.a), "addr", "add", "10.10.1.1/32", "dev", "lo")
	run(t, "ip", "-n", string(n.b), "addr", "add", "10.10.2.1/32", "dev", "lo")
	run(t, "ip", "-n", string(n.b), "addr", "add", "10.10.2.77/32", "dev", "lo")
	run(t, "ip", "-n", string(n.hub), "route", "add", "10.10.1.0/24", "via", "10.9.1.2")
	run(t, "ip", "-n", string(n.hub), "route", "add", "10.10.2.0/24", "via", "10.9.2.2")
	n.f = n.hub.open(t)
	if err := n.hub.do(func() (err error) {
		if n.entriesOf, err = OpenConntrack(); err != nil {
			return err
		}
		n.ct, err = conntrack.Dial(nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = n.entriesOf.Close(), n.ct.Close() })
	return n
}

// forget removes the entries of what the hub does not track.
func (n hubNet) forget(local ...netip.Addr) (int, error) {
	flows := &Flows{n.f.wanted.Transit, n.f.wanted.Tracked, local}
	return n.entriesOf.Forget(func() *Flows { return flows })
}

var hubRules = Ruleset{
	Interfaces:    []string{"vpn1", "vpn2"},
	Transit:       prefixes("10.9.1.0/30", "10.9.2.0/30", "10.10.1.0/24", "10.10.2.0/24"),
	Tracked:       prefixes("10.10.2.77/32"),
	ForwardAccept: true,
}

// serve answers TCP and UDP on a port of the namespace with what it gets.
func (s space) serve(t testing.TB, address string) {
	t.Helper()
	err := s.do(func() error {
		l, err := net.Listen("tcp4", address)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
			}
		}()
		u, err := net.ListenPacket("udp4", address)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = u.Close() })
		go func() {
			buf := make([]byte, 2000)
			for {
				n, from, err := u.ReadFrom(buf)
				if err != nil {
					return
				}
				_, _ = u.WriteTo(buf[:n], from)
			}
		}()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// reach sends a line over TCP or UDP from an address of the namespace and wants it
// back, however busy the machine is.
func (s space) reach(network, from, to string) error {
	return s.exchange(network, from, to, 3*time.Second)
}

// passes is reach where it may as well be dropped: what is wanted has time to arrive,
// and what is not is not waited for that long.
func (s space) passes(want bool, network, from, to string) bool {
	patience := 300 * time.Millisecond
	if want {
		patience *= 10
	}
	return s.exchange(network, from, to, patience) == nil
}

func (s space) exchange(network, from, to string, patience time.Duration) error {
	return s.do(func() error {
		ip := net.ParseIP(from)
		d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: ip}}
		if network == "udp4" {
			d.LocalAddr = &net.UDPAddr{IP: ip}
		}
		c, err := d.Dial(network, to)
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write([]byte("hello")); err != nil {
			return err
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
			return fmt.Errorf("got %q: %w", got, err)
		}
		return nil
	})
}

// entries are the conntrack entries between two addresses.
func (n hubNet) entries(t testing.TB, a, b string) (out []conntrack.Flow) {
	t.Helper()
	flows, err := n.ct.Dump(nil)
	if err != nil {
		t.Fatal(err)
	}
	ends := [2]netip.Addr{netip.MustParseAddr(a), netip.MustParseAddr(b)}
	for _, f := range flows {
		ip := f.TupleOrig.IP
		if ip.SourceAddress == ends[0] && ip.DestinationAddress == ends[1] || ip.SourceAddress == ends[1] && ip.DestinationAddress == ends[0] {
			out = append(out, f)
		}
	}
	return out
}

func TestOnlyTransitIsUntracked(t *testing.T) {
	n := newHub(t, "track")
	n.b.serve(t, "10.10.2.1:7000")
	n.b.serve(t, "10.10.2.77:7000")
	n.c.serve(t, "192.168.1.2:7000")
	n.hub.serve(t, "10.9.1.1:7000")
	n.hub.serve(t, "10.9.2.1:7000")
	mustApply(t, n.f, hubRules)
	for _, tt := range []struct {
		what     string
		from     space
		src, dst string
		tracked  bool
	}{
		{"transit", n.a, "10.10.1.1", "10.10.2.1", false},
		{"branch router's own traffic", n.a, "10.9.1.2", "10.10.2.1", false},
		{"the hub from a branch", n.a, "10.10.1.1", "10.9.1.1", true},
		{"the hub's other address", n.a, "10.10.1.1", "10.9.2.1", true},
		{"the hub itself to a branch", n.hub, "10.9.2.1", "10.10.2.1", true},
		{"a LAN behind the hub", n.a, "10.10.1.1", "192.168.1.2", true},
		{"from the LAN", n.c, "192.168.1.2", "10.10.2.1", true},
		{"a tracked network", n.a, "10.10.1.1", "10.10.2.77", true},
	} {
		for _, network := range []string{"tcp4", "udp4"} {
			if err := tt.from.reach(network, tt.src, tt.dst+":7000"); err != nil {
				t.Errorf("%s, %s: %v", tt.what, network, err)
			}
		}
		if got := n.entries(t, tt.src, tt.dst); (len(got) > 0) != tt.tracked {
			t.Errorf("%s: %d conntrack entries, want tracked=%v", tt.what, len(got), tt.tracked)
		}
	}
	// A packet of a LAN host that claims to be transit does not come in through a tunnel.
	run(t, "ip", "-n", string(n.c), "addr", "add", "10.10.1.1/32", "dev", "lo")
	n.hub.exec(t, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.lan.rp_filter=0")
	_ = n.c.passes(false, "udp4", "10.10.1.1", "10.10.2.1:7000")
	if len(n.entries(t, "10.10.1.1", "10.10.2.1")) == 0 {
		t.Error("a forged packet from the LAN went untracked")
	}

	before, err := n.f.Counters()
	if err != nil || before.Untracked == 0 || before.Accepted == 0 {
		t.Errorf("counters %+v, %v", before, err)
	}
	r := hubRules
	r.Transit = append(prefixes("10.11.0.0/16"), r.Transit...)
	mustApply(t, n.f, r)
	if after, err := n.f.Counters(); err != nil || after != before {
		t.Errorf("a set update moved the counters from %+v to %+v, %v", before, after, err)
	}
}

func TestFlushTransit(t *testing.T) {
	n := newHub(t, "flush")
	n.b.serve(t, "10.10.2.1:7000")
	n.b.serve(t, "10.10.2.77:7000")
	n.c.serve(t, "192.168.1.2:7000")
	n.hub.serve(t, "10.9.1.1:7000")
	n.hub.serve(t, "10.9.2.1:7000")
	// Everything is tracked so far; one address of b is reached through NAT.
	n.hub.nft(t, `
table ip nat {
	chain pre {
		type nat hook prerouting priority dstnat
		ip daddr 10.10.2.9 dnat to 10.10.2.1
	}
}
table inet track {
	chain forward {
		type filter hook forward priority 0
		ct state new accept
	}
	chain input {
		type filter hook input priority 0
		ct state new accept
	}
}
`)
	flows := []struct {
		src, dst string
		stays    bool
	}{
		{"10.10.1.1", "10.10.2.1", false}, {"10.10.1.1", "10.10.2.77", true}, {"10.10.1.1", "10.10.2.9", true},
		{"10.10.1.1", "192.168.1.2", true}, {"10.10.1.1", "10.9.2.1", true},
	}
	for _, fl := range flows {
		for _, network := range []string{"tcp4", "udp4"} {
			if err := n.a.reach(network, fl.src, fl.dst+":7000"); err != nil {
				t.Fatalf("%v %s: %v", fl, network, err)
			}
		}
		if len(n.entries(t, fl.src, fl.dst)) != 2 {
			t.Fatalf("%v is not tracked", fl)
		}
	}
	if err := exec.Command("ip", "netns", "exec", string(n.a), "ping", "-c1", "-W1", "-I", "10.10.1.1", "10.10.2.1").Run(); err != nil {
		t.Fatalf("ping: %v", err)
	}
	if r := mustApply(t, n.f, hubRules); !r.Untracks {
		t.Errorf("%+v", r)
	}
	local := []netip.Addr{netip.MustParseAddr("10.9.1.1"), netip.MustParseAddr("10.9.2.1"), netip.MustParseAddr("192.168.1.1")}
	removed, err := n.forget(local...)
	if err != nil || removed != 3 {
		t.Errorf("removed %d entries, want TCP, UDP and ICMP of one flow: %v", removed, err)
	}
	for _, fl := range flows {
		if got := n.entries(t, fl.src, fl.dst); (len(got) == 2) != fl.stays {
			t.Errorf("%v: %d entries left", fl, len(got))
		}
	}
	if removed, err = n.forget(local...); err != nil || removed != 0 {
		t.Errorf("a second flush removed %d: %v", removed, err)
	}
}

// A hub may track a million connections: they are looked at while the kernel tells
// of them, and those that go do so meanwhile. What is tracked may change on the way.
func TestForgetAmongMany(t *testing.T) {
	const transit, others = 3000, 6000
	n := newHub(t, "many")
	mustApply(t, n.f, hubRules)
	add := func(number int, src, dst string) {
		for i := range number {
			flow := conntrack.NewFlow(unix.IPPROTO_UDP, 0, netip.MustParseAddr(src), netip.MustParseAddr(dst), uint16(10_000+i), 7000, 600, 0)
			if err := n.ct.Create(flow); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(transit, "10.10.1.1", "10.10.2.1")
	add(others, "10.10.1.1", "192.168.1.2")
	all := &Flows{Transit: hubRules.Transit, Tracked: hubRules.Tracked}
	if count, err := n.entriesOf.Count(all); err != nil || count != transit {
		t.Errorf("%d entries of transit flows, want %d: %v", count, transit, err)
	}
	asked := 0
	some, err := n.entriesOf.Forget(func() *Flows {
		if asked++; asked > 10 { // datagrams
			return &Flows{}
		}
		return all
	})
	if err != nil || some == 0 || some >= transit {
		t.Errorf("removed %d of %d entries while all became tracked: %v", some, transit, err)
	}
	if removed, err := n.forget(); err != nil || removed != transit-some {
		t.Errorf("removed %d entries, want %d: %v", removed, transit-some, err)
	}
	if left, err := n.ct.Dump(nil); err != nil || len(left) != others {
		t.Errorf("%d entries are left, want %d: %v", len(left), others, err)
	}
}

// TestSmallTunnelBehindHub sends through a tunnel of MTU 1300 whose hub drops
// what is invalid at output. Without the output rule the transfer must stall,
// or this test proves nothing.
func TestSmallTunnelBehindHub(t *testing.T) {
	n := newHub(t, "mtu")
	n.b.serve(t, "10.10.2.1:7000")
	run(t, "ip", "-n", string(n.hub), "link", "set", "vpn2", "mtu", "1300")
	n.hub.nft(t, `
table inet filter {
	chain output {
		type filter hook output priority 0
		ct state invalid drop
	}
	chain forward {
		type filter hook forward priority 0; policy drop
		ct state untracked accept
		ct state established,related accept
		ct state invalid drop
	}
}
`)
	mustApply(t, n.f, hubRules)
	transfer := func(patience time.Duration) error {
		return n.a.do(func() error {
			d := net.Dialer{Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(10, 10, 1, 1)}}
			c, err := d.Dial("tcp4", "10.10.2.1:7000")
			if err != nil {
				return err
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			const size = 256 << 10
			sent := make(chan error, 1)
			go func() { _, err := c.Write(make([]byte, size)); sent <- err }()
			_, err = io.CopyN(io.Discard, c, size)
			return errors.Join(err, <-sent)
		})
	}
	n.hub.nft(t, "flush chain inet ecmpd output\n")
	if err := transfer(700 * time.Millisecond); err == nil {
		t.Fatal("the transfer completes without the output rule")
	}
	if _, err := n.f.Reconcile(); err != nil {
		t.Fatal(err)
	}
	if err := transfer(5 * time.Second); err != nil {
		t.Errorf("transfer: %v\n%s", err, n.hub.exec(t, "nft", "list", "ruleset"))
	}
	if c, err := n.f.Counters(); err != nil || c.ICMPErrors == 0 {
		t.Errorf("counters %+v, %v", c, err)
	}
}
