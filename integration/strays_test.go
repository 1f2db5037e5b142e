package integration

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/ecmpd/ecmpd/lab"
)

// bigAnswer is longer than any link of the network carries in one piece.
const bigAnswer = 4000

// strays makes flows that live on ICMP errors and fragments, and counts those
// that fail: transfers through a smaller MTU behind branch-2, which have to
// discover it, and UDP with answers in fragments.
func (n *twoHubs) strays(rounds int, timeout time.Duration) (stalled, unanswered int) {
	n.t.Helper()
	for _, hub := range bothHubs { // the operator lets UDP begin at branch-1, too
		n.run(hub, "nft", "add", "rule", "inet", "filter", "forward", "iifname", "vpn1", "meta", "l4proto", "udp", "ct", "state", "new", "accept")
	}
	far := n.farBehind()
	for range rounds { // a host learns for a destination, not for a flow
		n.run("host-1", "ip", "route", "flush", "cache")
		result, _ := n.connect(far, 1, timeout)
		stalled += result.Failed()
	}
	big := netip.AddrPortFrom(service.Addr(), 53)
	n.answerBig("host-2", big)
	const count = 40
	return stalled, count - n.askBig("host-1", big, count)
}

// farBehind makes host-2 the router of a network with a smaller MTU, with an
// echo server in it. What branch-2 itself sends about a packet takes the way of
// its flow; what a router behind it sends does not.
func (n *twoHubs) farBehind() netip.AddrPort {
	n.t.Helper()
	far, err := n.AddNode("far")
	if err != nil {
		n.t.Fatal(err)
	}
	near := lab.End{Node: n.Node("host-2"), Interface: "far", Addresses: []netip.Prefix{netip.MustParsePrefix("10.10.2.129/25")}}
	there := lab.End{Node: far, Interface: "eth1", Addresses: []netip.Prefix{netip.MustParsePrefix("10.10.2.130/25")}}
	if err := n.Connect(near, there, 1000); err != nil {
		n.t.Fatal(err)
	}
	n.run("far", "ip", "route", "add", "default", "via", "10.10.2.129")
	n.run("far", "ip", "link", "set", "eth1", "mtu", "1500")
	n.run("host-2", "sysctl", "-w", "net.ipv4.ip_forward=1")
	n.run("branch-2", "ip", "route", "add", "10.10.2.128/25", "via", "10.10.2.10")
	at := netip.MustParseAddrPort("10.10.2.130:7")
	n.serve("far", at)
	return at
}

// straysPass demands that all of them work.
func (n *twoHubs) straysPass() {
	n.t.Helper()
	if stalled, unanswered := n.strays(20, patient); stalled+unanswered > 0 {
		n.t.Errorf("%d of 20 transfers stalled, %d of 40 UDP questions were not answered", stalled, unanswered)
	}
}

// answerBig answers every datagram with a long one until the test ends.
func (n *twoHubs) answerBig(node string, at netip.AddrPort) {
	n.t.Helper()
	var conn *net.UDPConn
	err := n.Node(node).Do(func() (err error) {
		conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
	answer := bytes.Repeat([]byte("answer"), bigAnswer)[:bigAnswer]
	go func() {
		buf := make([]byte, 2048)
		for {
			_, from, err := conn.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = conn.WriteToUDPAddrPort(answer, from)
			}
		}
	}()
	n.t.Cleanup(func() { conn.Close() })
}

// askBig asks from a number of ports at the same time, each three times at most
// (the sender of an answer has a path MTU to learn), and counts whole answers.
func (n *twoHubs) askBig(node string, to netip.AddrPort, count int) (answered int) {
	n.t.Helper()
	var mu sync.Mutex
	var asking sync.WaitGroup
	for range count {
		var conn *net.UDPConn
		err := n.Node(node).Do(func() (err error) {
			conn, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
			return err
		})
		if err != nil {
			n.t.Fatal(err)
		}
		asking.Go(func() {
			defer conn.Close()
			buf := make([]byte, 2*bigAnswer)
			for range 3 {
				_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
				if _, err := conn.Write([]byte("question")); err != nil {
					continue
				}
				got, err := conn.Read(buf)
				if errors.Is(err, os.ErrDeadlineExceeded) {
					continue
				}
				if err == nil && got == bigAnswer {
					mu.Lock()
					answered++
					mu.Unlock()
				}
				return
			}
		})
	}
	asking.Wait()
	return answered
}
