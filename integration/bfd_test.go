package integration

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// Dead intervals are so long here that only BFD can be what finds a failure out.
const (
	patience = 40 // seconds, dead interval
	inTime   = patience / 2 * time.Second
)

// bfdSeats give the ports of a seat BFD of 400 ms × 3 in the words of each make: a machine that halts for a moment is
// no failure.
var bfdSeats = map[string]func(s seat) seat{
	"ecmpd": func(s seat) seat { return s.each(", bfd: {min-interval: 400ms}") },
	"frr": func(s seat) seat {
		s = s.each(" ip ospf bfd\n ip ospf bfd profile fast\n")
		s.text += "bfd\n profile fast\n  transmit-interval 400\n  receive-interval 400\n exit\nexit\n"
		return s
	},
	"bird": func(s seat) seat {
		s = s.each("bfd yes; ")
		s.text += "protocol bfd { interface \"*\" { min rx interval 400 ms; min tx interval 400 ms; idle tx interval 1 s; multiplier 3; }; }\n"
		return s
	},
}

// each adds a text of the make to all ports, and long dead intervals.
func (s seat) each(text string) seat {
	s.ports = slices.Clone(s.ports)
	for i := range s.ports {
		s.ports[i].text += text
		s.ports[i].dead = patience
	}
	return s
}

// bfdSeat starts a router of a make with BFD.
func (n *network) bfdSeat(maker, node string, s seat) {
	n.t.Helper()
	s = bfdSeats[maker](s)
	if maker == "frr" {
		n.start(peer.NewFRR(n.Node(node), s.frr(), "ospfd", "bfdd"))
		return
	}
	n.seat(maker, node, s)
}

// sessions reads an ecmpd's BFD sessions.
func (n *network) sessions(name string) ([]api.BFDSession, error) {
	body, err := show[api.BFD](n, name, "bfd")
	return body.BFD.Sessions, err
}

// waitBFD waits until an ecmpd has exactly these sessions: "interface peer state".
func (n *network) waitBFD(name string, want ...string) {
	n.t.Helper()
	waitEqual(n, "BFD sessions of "+name, want, func() ([]string, error) {
		list, err := n.sessions(name)
		var got []string
		for _, s := range list {
			got = append(got, s.Interface+" "+s.Peer+" "+s.State)
		}
		return got, err
	})
}

// soon fails the test when done is not true within the time in which only BFD finds
// a failure out.
func (n *network) soon(what string, done func() (bool, string)) {
	n.t.Helper()
	start := time.Now()
	n.wait(what, done)
	if took := time.Since(start); took > inTime {
		n.t.Errorf("%s: took %s", what, took)
	} else {
		n.t.Logf("%s after %s", what, took.Round(time.Millisecond))
	}
}

func (n *network) neighborCount(name string, want int) func() (bool, string) {
	return func() (bool, string) {
		list, err := n.routers[name].Neighbors(n.ctx)
		// FRR keeps neighbours that are Down for a while.
		list = slices.DeleteFunc(list, func(n peer.Neighbor) bool { return n.State != "Full" })
		return err == nil && len(list) == want, fmt.Sprint(list, err)
	}
}

// TestBFDPeers runs BFD with FRR's bfdd, with BIRD and with another ecmpd: both ends
// find the other's death out, timers are negotiated anew without a failure, and
// an administrative end harms nobody.
func TestBFDPeers(t *testing.T) {
	for maker := range makes {
		t.Run(maker, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.wire("ecmpd:eth0 10.0.0.1/30", "other:eth0 10.0.0.2/30")
			here := seat{id: "10.255.0.1", ports: []port{{name: "eth0"}}}
			there := seat{id: "10.255.0.2", ports: []port{{name: "eth0"}}}
			n.bfdSeat("ecmpd", "ecmpd", here)
			n.bfdSeat(maker, "other", there)
			n.full(1, "ecmpd", "other")
			n.waitBFD("ecmpd", "eth0 10.0.0.2 Up")
			n.renegotiate(here)
			n.deaths(maker, there)
			n.goodBye(maker, here, there)
		})
	}
}

// renegotiate changes the timers of a session that is up.
func (n *network) renegotiate(here seat) {
	n.t.Helper()
	for _, want := range []struct {
		interval  string
		detection int64 // microseconds
	}{{"700ms", 2_100_000}, {"400ms", 1_200_000}} {
		config := here.each(", bfd: {min-interval: " + want.interval + "}").ecmpd()
		n.must(n.ecmpd("ecmpd").Reload(config))
		n.wait("a detection time of three times "+want.interval, func() (bool, string) {
			list, err := n.sessions("ecmpd")
			return len(list) == 1 && list[0].DetectionTimeUsec == want.detection && list[0].TxIntervalUsec == want.detection/3, fmt.Sprintf("%+v %v", list, err)
		})
	}
	list, err := n.sessions("ecmpd")
	n.must(err)
	if s := list[0]; s.UpCount != 1 || s.FailureCount != 0 {
		n.t.Errorf("the session failed while its timers changed: %+v", s)
	}
}

// deaths kills each end.
func (n *network) deaths(maker string, there seat) {
	n.t.Helper()
	n.ecmpd("ecmpd").Kill()
	n.soon("the other end has noticed our death", n.neighborCount("other", 0))
	n.must(n.ecmpd("ecmpd").Start(n.ctx))
	n.full(1, "ecmpd", "other")
	n.waitBFD("ecmpd", "eth0 10.0.0.2 Up")
	n.routers["other"].Kill()
	n.soon("we have noticed the other's death", n.neighborCount("ecmpd", 0))
	if log := n.ecmpd("ecmpd").Log(); !strings.Contains(log, "InactivityTimer: BFD down: control detection time expired (1.2s)") {
		n.t.Errorf("the log does not say why: %s", log)
	}
	n.bfdSeat(maker, "other", there)
	n.full(1, "ecmpd", "other")
	n.waitBFD("ecmpd", "eth0 10.0.0.2 Up")
}

// goodBye takes BFD out of the configuration of one end, then of the other.
func (n *network) goodBye(maker string, here, there seat) {
	n.t.Helper()
	changes := n.changes("ecmpd")
	switch maker {
	case "ecmpd":
		n.must(n.ecmpd("other").Reload(there.each("").ecmpd()))
	case "frr":
		n.must(n.frr("other").Configure(n.ctx, "bfd", "profile fast", "shutdown"))
	case "bird": // ends its sessions without a word: nothing to see here
		return
	}
	n.wait("the session is down for an administrative reason", func() (bool, string) {
		list, err := n.sessions("ecmpd")
		return len(list) == 1 && list[0].State == "Down" && list[0].Why == "neighbor is administratively down", fmt.Sprintf("%+v %v", list, err)
	})
	n.full(1, "ecmpd", "other")
	if maker == "frr" {
		n.must(n.frr("other").Configure(n.ctx, "bfd", "profile fast", "no shutdown"))
		n.waitBFD("ecmpd", "eth0 10.0.0.2 Up")
		return // FRR 8.4 takes an administrative end at our side for a failure
	}
	n.must(n.ecmpd("ecmpd").Reload(here.each("").ecmpd()))
	n.waitBFD("ecmpd")
	n.full(1, "ecmpd", "other")
	if now := n.changes("ecmpd"); now != changes {
		n.t.Errorf("the neighbour changed %d times", now-changes)
	}
}

// A neighbour that does not know BFD is a neighbour like any other.
func TestBFDWithoutPeer(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.wire("ecmpd:eth0 10.0.0.1/30", "other:eth0 10.0.0.2/30")
	n.bfdSeat("ecmpd", "ecmpd", seat{id: "10.255.0.1", ports: []port{{name: "eth0"}}})
	n.seat("bird", "other", seat{id: "10.255.0.2", ports: []port{{name: "eth0", dead: patience}}})
	n.full(1, "ecmpd", "other")
	n.waitBFD("ecmpd", "eth0 10.0.0.2 Down")
	list, err := show[api.Neighbors](n, "ecmpd", "ospf", "neighbor")
	n.must(err)
	if nbr := list.Neighbors[0]; nbr.BFD != "Down" || nbr.State != "Full" {
		t.Errorf("%+v", nbr)
	}
}

// TestBFDUnnumbered has two sessions with one address, each over its own link.
func TestBFDUnnumbered(t *testing.T) {
	for maker := range makes {
		t.Run(maker, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			var ports []port
			for i := range 2 {
				n.wire(fmt.Sprintf("ecmpd:eth%d 10.255.0.1/32 peer=10.255.0.2", i), fmt.Sprintf("other:eth%d 10.255.0.2/32 peer=10.255.0.1", i))
				ports = append(ports, port{name: fmt.Sprintf("eth%d", i)})
			}
			n.bfdSeat("ecmpd", "ecmpd", seat{id: "10.255.0.1", ports: ports})
			n.bfdSeat(maker, "other", seat{id: "10.255.0.2", ports: ports})
			n.full(2, "ecmpd", "other")
			n.waitBFD("ecmpd", "eth0 10.255.0.2 Up", "eth1 10.255.0.2 Up")
			// One of the links goes dead and keeps its carrier.
			n.run("other", "nft", "table netdev t { chain c { type filter hook ingress device eth1 priority 0; drop; }; }")
			n.soon("one of two is left", n.neighborCount("ecmpd", 1))
			n.waitBFD("ecmpd", "eth0 10.255.0.2 Up")
		})
	}
}

// TestBFDLAN has a session with each neighbour on a LAN.
func TestBFDLAN(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.lan("switch", "ecmpd:eth0 10.0.0.1/24", "frr:eth0 10.0.0.2/24", "bird:eth0 10.0.0.3/24", "second:eth0 10.0.0.4/24")
	for i, name := range []string{"ecmpd", "frr", "bird", "second"} {
		maker := cmp.Or(map[string]string{"second": "ecmpd"}[name], name)
		s := seat{id: fmt.Sprintf("10.255.0.%d", i+1), ports: []port{{name: "eth0", lan: true, priority: 4 - i}}}
		n.bfdSeat(maker, name, s)
	}
	n.waitBFD("ecmpd", "eth0 10.0.0.2 Up", "eth0 10.0.0.3 Up", "eth0 10.0.0.4 Up")
	n.waitBFD("second", "eth0 10.0.0.1 Up", "eth0 10.0.0.2 Up", "eth0 10.0.0.3 Up")
	n.routers["bird"].Kill()
	n.waitBFD("second", "eth0 10.0.0.1 Up", "eth0 10.0.0.2 Up")
	n.waitBFD("ecmpd", "eth0 10.0.0.2 Up", "eth0 10.0.0.4 Up")
}

// TestBFDPointToMultipoint has a session with each neighbour of a point-to-multipoint network, which FRR
// takes for one with multicast and BIRD for one without.
func TestBFDPointToMultipoint(t *testing.T) {
	for maker, unicast := range map[string]bool{"frr": false, "bird": true} {
		t.Run(maker, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.lan("switch", "hub:eth0 10.0.0.1/24", "r2:eth0 10.0.0.2/24", "r3:eth0 10.0.0.3/24")
			makes := []string{"ecmpd", maker, maker}
			for i, name := range []string{"hub", "r2", "r3"} {
				p := port{name: "eth0", kind: "point-to-multipoint"}
				switch {
				case unicast && name == "hub":
					p.neighbors = []neighbor{{address: "10.0.0.2"}, {address: "10.0.0.3"}}
				case unicast:
					p.neighbors = []neighbor{{address: "10.0.0.1"}}
				}
				n.bfdSeat(makes[i], name, seat{id: fmt.Sprintf("10.255.0.%d", i+1), ports: []port{p}})
			}
			n.waitBFD("hub", "eth0 10.0.0.2 Up", "eth0 10.0.0.3 Up")
			n.routers["r3"].Kill()
			n.waitBFD("hub", "eth0 10.0.0.2 Up")
		})
	}
}

// TestBFDStatic takes a static next hop out while its session is down.
func TestBFDStatic(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.wire("ecmpd:eth0 10.0.0.1/30", "one:eth0 10.0.0.2/30")
	n.wire("ecmpd:eth1 10.0.1.1/30", "two:eth0 10.0.1.2/30")
	for name, address := range map[string]string{"one": "10.0.0.1", "two": "10.0.1.1"} {
		n.start(peer.NewFRR(n.Node(name), "bfd\n peer "+address+" interface eth0\n  transmit-interval 50\n  receive-interval 50\n exit\nexit\n", "bfdd"))
	}
	n.start(peer.NewEcmpd(n.Node("ecmpd"), binary, `router-id: 10.255.0.1
static:
  - prefix: 172.16.0.0/16
    next-hops: [{via: 10.0.0.2, bfd: {min-interval: 50ms}}, {via: 10.0.1.2, bfd: {min-interval: 50ms}}]
`))
	n.waitKernel("ecmpd", "172.16.0.0/16", routes("172.16.0.0/16: 10.0.0.2 dev eth0, 10.0.1.2 dev eth1"))
	n.routers["one"].Kill()
	n.waitKernel("ecmpd", "172.16.0.0/16", routes("172.16.0.0/16: 10.0.1.2 dev eth1"))
	n.routers["two"].Kill()
	n.waitKernel("ecmpd", "172.16.0.0/16", table{})
	n.must(n.routers["one"].Start(n.ctx))
	n.waitKernel("ecmpd", "172.16.0.0/16", routes("172.16.0.0/16: 10.0.0.2 dev eth0"))
}

// TestBFDSilentHub measures the time from the silent death of one of two hubs to the
// kernel's change at the branch.
func TestBFDSilentHub(t *testing.T) {
	n := newNetwork(t)
	for i, hub := range []string{"hub-a", "hub-b"} {
		n.wire(fmt.Sprintf("branch:eth%d 10.0.%d.1/30", i, i), fmt.Sprintf("%s:eth0 10.0.%d.2/30", hub, i))
		n.wire(fmt.Sprintf("%s:eth1 10.1.%d.1/30", hub, i), fmt.Sprintf("net:eth%d 10.1.%d.2/30", i, i))
	}
	n.wire("net:lan 172.16.0.1/24", "host:eth0")
	two := []port{{name: "eth0"}, {name: "eth1"}}
	n.bfdSeat("ecmpd", "branch", seat{id: "10.255.0.1", ports: two})
	n.bfdSeat("ecmpd", "hub-a", seat{id: "10.255.0.2", ports: two})
	n.bfdSeat("ecmpd", "hub-b", seat{id: "10.255.0.3", ports: two})
	n.bfdSeat("ecmpd", "net", seat{id: "10.255.0.4", ports: append(slices.Clone(two), port{name: "lan", passive: true})})
	n.waitKernel("branch", "172.16.0.0/16", routes("172.16.0.0/24: 10.0.0.2 dev eth0, 10.0.1.2 dev eth1"))
	n.waitBFD("branch", "eth0 10.0.0.2 Up", "eth1 10.0.1.2 Up")
	monitor, err := n.Node("branch").Start("monitor", "ip", "-ts", "monitor", "nexthop", "route")
	n.must(err)
	seen := func() string {
		text, err := os.ReadFile(monitor.LogFile())
		n.must(err)
		return string(text)
	}
	metric := 0
	n.wait("the monitor", func() (bool, string) { // it listens once it has seen one of these
		metric++
		n.ip("branch", fmt.Sprint("route add 192.0.2.0/24 dev eth1 metric ", metric))
		return strings.Contains(seen(), "192.0.2.0/24"), seen()
	})
	heard := len(seen())

	n.must(n.Node("hub-a").Sysctl("net.ipv4.ip_forward", "0"))
	start := time.Now()
	n.ecmpd("hub-a").Kill()
	n.waitKernel("branch", "172.16.0.0/16", routes("172.16.0.0/24: 10.0.1.2 dev eth1"))
	for line := range strings.Lines(seen()[heard:]) {
		stamp, _, _ := strings.Cut(strings.TrimPrefix(line, "["), "]")
		at, err := time.ParseInLocation("2006-01-02T15:04:05.000000", stamp, time.Local)
		if err != nil || strings.Contains(line, "192.0.2.0/24") {
			continue
		}
		took := at.Sub(start)
		t.Logf("first change in the kernel %s after the death (detection time 1.2 s): %s", took.Round(time.Millisecond), strings.TrimSpace(line))
		if took > inTime {
			t.Errorf("%s is not what BFD is for", took)
		}
		return
	}
	t.Errorf("the monitor has seen nothing: %s", seen())
}

// TestBFDAuthentication has keyed sessions with BIRD, in every type; the key rolls without a
// failure, and a wrong one keeps the session Down.
func TestBFDAuthentication(t *testing.T) {
	const secret = "correct horse"
	for _, c := range []struct{ name, algorithm, meticulous, bird string }{
		{"simple", "cleartext", "false", "simple"},
		{"md5", "md5", "false", "keyed md5"},
		{"meticulous-md5", "md5", "true", "meticulous keyed md5"},
		{"sha1", "hmac-sha-1", "false", "keyed sha1"},
		{"meticulous-sha1", "hmac-sha-1", "true", "meticulous keyed sha1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.wire("ecmpd:eth0 10.0.0.1/30", "other:eth0 10.0.0.2/30")
			configured := func(keys string) seat {
				s := seat{id: "10.255.0.1", ports: []port{{name: "eth0"}}}
				s = s.each(fmt.Sprintf(", bfd: {min-interval: 400ms, authentication: {key-chain: watch, meticulous: %s}}", c.meticulous))
				s.text += "\nkey-chains: [{name: watch, keys: [" + keys + "]}]\n"
				return s
			}
			word := secret[:8] // the longest password
			key := func(id int, secret, more string) string {
				return fmt.Sprintf("{key-id: %d, algorithm: %s, key: %q%s}", id, c.algorithm, secret, more)
			}
			n.seat("ecmpd", "ecmpd", configured(key(1, word, "")))
			there := seat{id: "10.255.0.2", ports: []port{{name: "eth0"}}}.each("bfd yes; ")
			there.text += fmt.Sprintf("protocol bfd { interface \"*\" { min rx interval 400 ms; min tx interval 400 ms; multiplier 3; authentication %s; "+
				"password %q { id 1; }; password \"another\" { id 2; generate from \"2040-01-01 00:00:00\"; }; }; }\n", c.bird, word)
			n.seat("bird", "other", there)
			n.full(1, "ecmpd", "other")
			n.waitBFD("ecmpd", "eth0 10.0.0.2 Up")

			roll := time.Now().Add(2 * time.Second).UTC().Format(time.RFC3339)
			n.must(n.ecmpd("ecmpd").Reload(configured(key(1, word, ", send-until: "+roll) + ", " + key(2, "another", ", send-from: "+roll)).ecmpd()))
			before, err := n.sessions("ecmpd")
			n.must(err)
			n.wait("packets of the second key", func() (bool, string) {
				list, err := n.sessions("ecmpd")
				return len(list) == 1 && list[0].PacketsSent > before[0].PacketsSent+20, fmt.Sprintf("%+v %v", list, err)
			})
			list, err := n.sessions("ecmpd")
			n.must(err)
			if s := list[0]; s.State != "Up" || s.UpCount != 1 || s.FailureCount != 0 {
				t.Errorf("the session did not outlive a new key: %+v", s)
			}

			n.must(n.ecmpd("ecmpd").Reload(configured(key(1, "wrong", "")).ecmpd()))
			n.wait("no session with a wrong key", func() (bool, string) {
				list, err := n.sessions("ecmpd")
				return len(list) == 1 && list[0].State != "Up", fmt.Sprintf("%+v %v", list, err)
			})
		})
	}
}
