package integration

import (
	endian "encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// TestBGPLoops has scripted neighbours replace a path by one that loops: through the own system, by the own router
// as originator, by the own cluster. The new path replaces the old one although it may not be used
// (RFC 4271 9.1.2, RFC 4456 8), whether the neighbour is configured or dynamic, and a good one replaces it in turn.
func TestBGPLoops(t *testing.T) {
	const hub, cluster = "10.255.0.1", "10.255.0.9"
	attribute := func(kind byte, id string) []byte {
		return append([]byte{0x80, kind, 4}, netip.MustParseAddr(id).AsSlice()...)
	}
	const originatorID, clusterList = 9, 10
	loops := []struct {
		name     string
		internal bool
		path     []uint16 // AS numbers
		more     []byte   // attributes
		reason   string
	}{
		{"own system", false, []uint16{65009, 65000}, nil, "the AS path passes through the own autonomous system"},
		{"own originator", true, nil, attribute(originatorID, hub), "this router is its originator"},
		{"own cluster", true, nil, slices.Concat(attribute(originatorID, "10.255.0.7"), attribute(clusterList, cluster)), "the own cluster has reflected it"},
	}
	t.Parallel()
	n := newNetwork(t)
	n.wire("hub:x 10.0.9.1/24", "other:e 10.0.9.2/24")
	n.start(peer.NewEcmpd(n.Node("hub"), binary, `router-id: 10.255.0.1
bgp:
  as: 65000
  cluster-id: 10.255.0.9
  ebgp-requires-policy: false
  neighbors:
    - {address: 10.0.9.10, remote-as: 65009, passive: true}
    - {address: 10.0.9.11, remote-as: 65000, passive: true, route-reflector-client: true}
    - {address: 10.0.9.12, remote-as: 65000, passive: true, route-reflector-client: true}
  dynamic-neighbors:
    - {prefix: 10.0.9.32/28, remote-as: 65009}
    - {prefix: 10.0.9.48/28, remote-as: 65000, route-reflector-client: true}
`))
	for i, loop := range loops {
		dynamic := 32 + i
		as := uint16(65009)
		if loop.internal {
			dynamic, as = 48+i, 65000
		}
		for _, host := range []int{10 + i, dynamic} {
			from := fmt.Sprintf("10.0.9.%d", host)
			n.ip("other", "address add "+from+"/24 dev e")
			s := n.script("other", from, "10.0.9.1", as)
			prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(host), 0}), 24)
			good := []uint16(nil)
			if !loop.internal {
				good = []uint16{65009}
			}
			what := fmt.Sprintf("%s of %s: ", loop.name, from)
			for range 2 {
				s.announce(prefix, good, nil)
				n.wait(what+"a good path is used", func() (bool, string) {
					hops, err := n.Node("hub").NextHops(prefix)
					return err == nil && len(hops) == 1, fmt.Sprint(hops, err)
				})
				s.announce(prefix, loop.path, loop.more)
				n.wait(what+"no path is left in the kernel", func() (bool, string) {
					hops, err := n.Node("hub").NextHops(prefix)
					return err == nil && len(hops) == 0, fmt.Sprint(hops, err)
				})
				n.wait(what+"show bgp rib says why", func() (bool, string) {
					got := n.bgpReason("hub", prefix)
					return got == loop.reason, got
				})
			}
			for range 50 { // whatever comes last counts, however fast
				s.announce(prefix, loop.path, loop.more)
				s.announce(prefix, good, nil)
			}
			n.wait(what+"the last of many paths counts", func() (bool, string) {
				hops, err := n.Node("hub").NextHops(prefix)
				return err == nil && len(hops) == 1, fmt.Sprint(hops, err)
			})
			for range 50 {
				s.announce(prefix, good, nil)
				s.announce(prefix, loop.path, loop.more)
			}
			n.wait(what+"the last of many paths counts, and may not be used", func() (bool, string) {
				hops, err := n.Node("hub").NextHops(prefix)
				return err == nil && len(hops) == 0 && n.bgpReason("hub", prefix) == loop.reason, fmt.Sprint(hops, err)
			})
		}
	}
}

// bgpReason is why an ecmpd does not use the first path of a prefix.
func (n *network) bgpReason(node string, prefix netip.Prefix) string {
	rib, err := show[api.BGPPaths](n, node, "bgp", "rib", prefix.String())
	if err != nil {
		return err.Error()
	}
	if len(rib.Paths) == 0 {
		return "no path"
	}
	return rib.Paths[0].Reason
}

// script is a BGP speaker that says what a test has it say.
type script struct {
	n    *network
	from netip.Addr
	hop  netip.Addr // next hop of what it announces
	conn net.Conn
	ibgp bool
}

// script opens a session of a node with an ecmpd of AS 65000. That hangs up while it is about to begin.
func (n *network) script(node, from, to string, as uint16) *script {
	n.t.Helper()
	s := &script{n: n, from: netip.MustParseAddr(from), hop: netip.MustParseAddr(from), ibgp: as == 65000}
	n.wait(from+" has a session", func() (bool, string) {
		answer, err := s.open(node, to, as)
		return err == nil && answer == 4, fmt.Sprint(answer, err)
	})
	n.t.Cleanup(func() { s.conn.Close() })
	go func() { // until the connection is closed
		for kept := time.Now(); ; {
			if _, err := s.conn.Read(make([]byte, 4096)); err != nil {
				return
			}
			if time.Since(kept) > 10*time.Second { // whatever comes, as keepalives do: the neighbour's timers are these
				kept = time.Now()
				_, _ = s.conn.Write(message(4, nil))
			}
		}
	}()
	return s
}

// open tries to open the session once, and tells what kind of message answers its OPEN, beside the neighbour's own: 4, a
// KEEPALIVE, when it is established.
func (s *script) open(node, to string, as uint16) (answer byte, err error) {
	err = s.n.Node(node).Do(func() (err error) {
		d := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: s.from.AsSlice()}}
		s.conn, err = d.Dial("tcp4", to+":179")
		return err
	})
	if err != nil {
		return 0, err
	}
	defer func() {
		if answer != 4 {
			s.conn.Close()
		}
	}()
	id := s.from.As4()
	open := []byte{4, 0, 0, 0, 90, id[0], id[1], id[2], id[3], 0} // version 4, hold time 90 s, no capability
	endian.BigEndian.PutUint16(open[1:], as)
	if _, err := s.conn.Write(append(message(1, open), message(4, nil)...)); err != nil {
		return 0, err
	}
	if err := s.conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return 0, err
	}
	for answer <= 1 {
		header := make([]byte, 19)
		if _, err := io.ReadFull(s.conn, header); err != nil {
			return 0, err
		}
		if _, err := io.CopyN(io.Discard, s.conn, int64(endian.BigEndian.Uint16(header[16:]))-19); err != nil {
			return 0, err
		}
		answer = header[18]
	}
	return answer, s.conn.SetReadDeadline(time.Time{})
}

// say sends a message.
func (s *script) say(kind byte, body []byte) {
	_, err := s.conn.Write(message(kind, body))
	s.n.must(err)
}

// announce says an UPDATE of one prefix.
func (s *script) announce(prefix netip.Prefix, path []uint16, more []byte) {
	a := []byte{0x40, 1, 1, 0} // ORIGIN IGP
	var segment []byte
	if len(path) > 0 {
		segment = []byte{2, byte(len(path))}
		for _, as := range path {
			segment = endian.BigEndian.AppendUint16(segment, as)
		}
	}
	a = append(append(a, 0x40, 2, byte(len(segment))), segment...)
	a = append(append(a, 0x40, 3, 4), s.hop.AsSlice()...)
	if s.ibgp {
		a = append(a, 0x40, 5, 4, 0, 0, 0, 100) // LOCAL_PREF
	}
	a = append(a, more...)
	body := endian.BigEndian.AppendUint16([]byte{0, 0}, uint16(len(a)))
	body = append(append(body, a...), byte(prefix.Bits()))
	s.say(2, append(body, prefix.Addr().AsSlice()[:(prefix.Bits()+7)/8]...))
}
