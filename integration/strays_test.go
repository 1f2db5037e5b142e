package integration

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// bigAnswer is longer than any link of the network carries in one piece.
const bigAnswer = 4000

// strays makes flows that live on ICMP errors and fragments: path MTU discovery
// through a smaller MTU behind branch-2, and UDP with answers in fragments.
func (n *twoHubs) strays() {
	n.t.Helper()
	for _, hub := range bothHubs { // the operator lets UDP begin, too
		n.run(hub, "nft", "add", "rule", "inet", "filter", "forward", "meta", "l4proto", "udp", "ct", "state", "new", "accept")
	}
	n.run("branch-2", "ip", "route", "add", service.Addr().String()+"/32", "dev", "lan", "mtu", "lock", "1000")
	const rounds = 20
	for range rounds { // a host learns for a destination, not for a flow
		n.run("host-1", "ip", "route", "flush", "cache")
		if result, _ := n.connect(service, 1); result.Failed() > 0 {
			n.t.Errorf("path MTU discovery failed: %v", result.FirstError())
		}
	}
	n.run("branch-2", "ip", "route", "del", service.Addr().String()+"/32", "dev", "lan")
	big := netip.AddrPortFrom(service.Addr(), 53)
	n.answerBig("host-2", big)
	const count = 40
	if answered := n.askBig("host-1", big, count); answered < count {
		n.t.Errorf("%d of %d UDP questions got their answer of %d bytes", answered, count, bigAnswer)
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
				_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
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
