package integration

import (
	"bytes"
	endian "encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// TestBGPProcess kills the BGP process, stops it, and has a neighbour send it nonsense, while the hub
// forwards what OSPF leads: no packet is lost, no adjacency falls, and what BGP has learnt stays.
//
//	left ── hub ── right     OSPF
//	        │ └─── enemy     BGP, as far as that goes
//	      upstream           BGP
func TestBGPProcess(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.wire("hub:l 10.1.0.1/30", "left:e 10.1.0.2/30")
	n.wire("hub:r 10.2.0.1/30", "right:e 10.2.0.2/30")
	n.wire("hub:u 10.0.1.1/24", "upstream:e 10.0.1.2/24")
	n.wire("hub:x 10.0.9.1/24", "enemy:e 10.0.9.2/24")
	n.ip("right", "address add 10.255.0.3/32 dev lo")
	ospf := func(id, interfaces string) string {
		return fmt.Sprintf("router-id: %s\nospf: {areas: [{area-id: 0, interfaces: [{match: lo}, {match: [%s], interface-type: point-to-point, hello-interval: 1s, dead-interval: 4s}]}]}\n", id, interfaces)
	}
	n.start(
		peer.NewEcmpd(n.Node("hub"), binary, ospf("10.255.0.1", "l, r")+`bgp:
  as: 65000
  ebgp-requires-policy: false
  neighbors:
    - {address: 10.0.1.2, remote-as: 65001, timers: {connect-retry: 1s}}
  dynamic-neighbors: [{prefix: 10.0.9.0/24, remote-as: 65009}]
`),
		peer.NewEcmpd(n.Node("left"), binary, ospf("10.255.0.2", "e")),
		peer.NewEcmpd(n.Node("right"), binary, ospf("10.255.0.3", "e")),
	)
	n.speak("frr", "upstream", speaker{as: 65001, remoteAS: 65000, local: "10.0.1.2", remote: "10.0.1.1", announces: "172.16.9.0/24"})
	n.full(2, "hub")
	const learnt = "172.16.9.0/24"
	n.waitHops("hub", learnt, 1)
	at := netip.MustParseAddrPort("10.255.0.3:7")
	n.waitHops("left", "10.255.0.3/32", 1)
	n.waitHops("right", "10.1.0.0/30", 1)
	echo, err := n.Node("right").Echo(at)
	n.must(err)
	t.Cleanup(func() { echo.Close() })
	probes, err := lab.Probe{From: n.Node("left"), To: at, Flows: 2, FirstPort: 40000, Interval: 5 * time.Millisecond}.Start()
	n.must(err)
	t.Cleanup(func() { probes.Stop() })
	n.wait("probes are answered", func() (bool, string) { return probes.Answered(300 * time.Millisecond), "" })
	probes.Mark()
	before, routes := n.changes("hub"), n.watchRoutes("hub")

	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		old := n.bgpProcess()
		n.must(syscall.Kill(old.PID, signal))
		n.wait(fmt.Sprintf("another process in place of the one that got %s, and its sessions", signal), func() (bool, string) {
			now, err := show[api.BGPBody](n, "hub", "bgp", "neighbor")
			ok := err == nil && now.BGP.PID != 0 && now.BGP.PID != old.PID && now.BGP.Restarts > old.Restarts &&
				now.BGP.Stale == 0 && now.BGP.Neighbors[0].State == "Established" && now.BGP.Neighbors[0].Accepted == 1
			return ok, fmt.Sprintf("%+v %v", now.BGP, err)
		})
	}
	const enemies = 12 // at once, for none is listened to again for a while
	heard, errs := make([]bool, enemies), make([]error, enemies)
	var wg sync.WaitGroup
	for i := range enemies {
		from := netip.AddrFrom4([4]byte{10, 0, 9, 10 + byte(i)})
		n.ip("enemy", fmt.Sprintf("address add %s/24 dev e", from))
		wg.Go(func() { heard[i], errs[i] = nonsense(n.Node("enemy"), from, rand.New(rand.NewPCG(uint64(i), 4271))) })
	}
	wg.Wait()
	n.must(errors.Join(errs...))
	if !slices.Contains(heard, true) {
		t.Error("no session was that far that updates count")
	}
	n.wait("the session with the upstream", func() (bool, string) {
		list, err := n.bgpNeighbors("hub")
		return err == nil && slices.Contains(list, "10.0.1.2 Established 1"), fmt.Sprint(list, err)
	})
	if changed := routes(); changed != "" {
		t.Errorf("routes changed:\n%s", changed)
	}
	if now := n.changes("hub"); now != before {
		t.Errorf("OSPF neighbours changed state %d times", now-before)
	}
	if r := probes.Stop(); r.Lost > 0 {
		t.Errorf("%d of %d probes lost, longest gap %s", r.Lost, r.Sent, r.LongestGap)
	}
}

// bgpProcess is what is known of the hub's BGP process.
func (n *network) bgpProcess() api.BGP {
	n.t.Helper()
	body, err := show[api.BGPBody](n, "hub", "bgp", "neighbor")
	n.must(err)
	return body.BGP
}

// nonsense opens a session as AS 65009 and says what nobody may say: updates with random contents, of any length
// that their header claims. It tells whether the session was that far that updates count.
func nonsense(node *lab.Node, from netip.Addr, rng *rand.Rand) (heard bool, err error) {
	var conn net.Conn
	err = node.Do(func() (err error) {
		d := net.Dialer{Timeout: patient, LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
		conn, err = d.Dial("tcp4", "10.0.9.1:179")
		return err
	})
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return false, err
	}
	id := from.As4()
	said := message(1, append([]byte{4, 0xfd, 0xf1, 0, 90}, id[0], id[1], id[2], id[3], 0)) // OPEN: version 4, AS 65009, hold time 90 s
	said = append(said, message(4, nil)...)
	for range 20 {
		body := make([]byte, 4+rng.IntN(200))
		for i := range body {
			body[i] = byte(rng.Uint32())
		}
		if rng.IntN(2) == 0 { // no withdrawn routes, and attributes that end with the message
			endian.BigEndian.PutUint16(body, 0)
			endian.BigEndian.PutUint16(body[2:], uint16(rng.IntN(len(body)-3)))
		}
		m := message(2, body)
		if rng.IntN(4) == 0 {
			endian.BigEndian.PutUint16(m[16:], uint16(rng.Uint32()))
		}
		said = append(said, m...)
	}
	_, _ = conn.Write(said) // it may hang up at the first message
	answer, _ := io.ReadAll(conn)
	return bytes.Contains(answer, message(4, nil)), nil
}

// message is a BGP message (RFC 4271 4.1).
func message(kind byte, body []byte) []byte {
	m := make([]byte, 19, 19+len(body))
	for i := range 16 {
		m[i] = 0xff
	}
	endian.BigEndian.PutUint16(m[16:], uint16(19+len(body)))
	m[18] = kind
	return append(m, body...)
}
