package probe

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/wan"
)

const tag = "ec-probe"

func TestMain(m *testing.M) {
	_, _ = lab.SweepStale(tag)
	os.Exit(m.Run())
}

// network is a router with the links w1 and w2 to two nodes that have the same addresses.
func network(t *testing.T) (router *lab.Node, isps [2]*lab.Node) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := lab.New(lab.Options{Tag: tag})
	must(err)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	router, err = l.AddNode("router")
	must(err)
	for i := range isps {
		isps[i], err = l.AddNode([]string{"isp1", "isp2"}[i])
		must(err)
		must(l.Connect(
			lab.End{Node: router, Interface: []string{"w1", "w2"}[i], Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}},
			lab.End{Node: isps[i], Interface: "in", Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}}, 0))
	}
	return router, isps
}

// TestAsk asks through each of two uplinks that look the same, of which one dies.
func TestAsk(t *testing.T) {
	router, isps := network(t)
	gateway := netip.MustParseAddr("192.0.2.1")
	var server net.PacketConn
	if err := isps[0].Do(func() (err error) {
		server, err = net.ListenPacket("udp4", "192.0.2.1:53")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		question := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(question)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(question[:n], from) // the question itself is no answer
			question[2] |= 0x80
			_, _ = server.WriteTo(question[:n], from)
		}
	}()
	path := func(link string) Path {
		return Path{Attachment: wan.Attachment{Interface: link, Gateway: gateway, Source: netip.MustParseAddr("192.0.2.2"), ARP: true}, Mark: 0x1000000}
	}
	probes := map[string]func(context.Context, Path) error{
		"icmp": func(ctx context.Context, p Path) error { return echo(ctx, p, gateway) },
		"arp":  func(ctx context.Context, p Path) error { return resolve(ctx, p, gateway) },
		"tcp":  func(ctx context.Context, p Path) error { return connect(ctx, p, netip.AddrPortFrom(gateway, 81)) }, // refused, which is an answer
		"dns":  func(ctx context.Context, p Path) error { return query(ctx, p, gateway) },
	}
	ask := func(name, link string, timeout time.Duration) (err error) {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		_ = router.Do(func() error { err = probes[name](ctx, path(link)); return nil })
		return err
	}
	expect := func(name, link, want string) {
		t.Helper()
		timeout := 5 * time.Second
		if want == "no answer" {
			timeout = 200 * time.Millisecond
		}
		err := ask(name, link, timeout)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s by %s: %v", name, link, err)
		case want != "" && (err == nil || !strings.Contains(reason(err), want)):
			t.Errorf("%s by %s: %v, want %q", name, link, err, want)
		}
	}
	for _, name := range []string{"icmp", "arp", "tcp", "dns"} {
		expect(name, "w1", "")
	}
	for _, name := range []string{"icmp", "arp", "tcp"} {
		expect(name, "w2", "")
	}
	expect("dns", "w2", "refused") // the server is behind the other link
	// Behind w1 nobody is any more, though its twin answers behind w2.
	if err := isps[0].Firewall(t.Context(), "table netdev dead { chain in { type filter hook ingress device in priority 0; drop; }; }"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"icmp", "arp", "tcp", "dns"} {
		expect(name, "w1", "no answer")
	}
	expect("icmp", "w2", "")
	expect("icmp", "w3", "no such device")
}
