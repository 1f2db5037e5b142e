package firewall

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var (
	branchA = prefixes("10.10.1.0/24")
	branchB = prefixes("10.10.2.0/24")
)

// newPolicyHub has servers of TCP and UDP at both branches, ports 7000 and 7001.
func newPolicyHub(t *testing.T, name string) hubNet {
	n := newHub(t, name)
	for _, port := range []string{":7000", ":7001"} {
		n.a.serve(t, "10.10.1.1"+port)
		n.b.serve(t, "10.10.2.1"+port)
	}
	return n
}

func withPolicy(p Policy) Ruleset {
	r := hubRules
	r.Policy = p
	return r
}

// TestPolicy opens flows in both directions under policies.
func TestPolicy(t *testing.T) {
	n := newPolicyHub(t, "policy")
	tcp := PolicyRule{From: branchA, To: branchB, Protocol: unix.IPPROTO_TCP, Ports: []PortRange{{7000, 7000}}, Accept: true}
	udp := PolicyRule{From: branchA, To: branchB, Protocol: unix.IPPROTO_UDP, Ports: []PortRange{{7000, 7000}}, Accept: true}
	dropTCP := PolicyRule{From: branchB, To: branchA, Protocol: unix.IPPROTO_TCP}
	all := "tcp a7000 a7001 b7000 b7001 udp a7000 a7001 b7000 b7001"
	for _, tt := range []struct {
		name   string
		policy Policy
		passes string // by protocol: from where and to which port
	}{
		{"none", Policy{}, all},
		{"deny by default", Policy{Drop: true}, "tcp udp"},
		{"TCP of one branch to one port", Policy{[]PolicyRule{tcp}, true}, "tcp a7000 udp"},
		{"UDP of one branch to one port", Policy{[]PolicyRule{udp}, true}, "tcp udp a7000"},
		{"both", Policy{[]PolicyRule{tcp, udp}, true}, "tcp a7000 udp a7000"},
		{"everything of one branch", Policy{[]PolicyRule{{From: branchA, Accept: true}}, true}, "tcp a7000 a7001 udp a7000 a7001 b7000 b7001"},
		{"one branch opens nothing", Policy{Rules: []PolicyRule{dropTCP}}, "tcp a7000 a7001 udp a7000 a7001 b7000 b7001"},
		{"the first match wins", Policy{[]PolicyRule{
			{To: branchB, Protocol: unix.IPPROTO_TCP, Ports: []PortRange{{7001, 7001}}},
			{Protocol: unix.IPPROTO_TCP, Ports: []PortRange{{80, 80}, {7000, 7010}}, Accept: true},
		}, true}, "tcp a7000 b7000 b7001 udp"},
		{"and the other order", Policy{[]PolicyRule{
			{Protocol: unix.IPPROTO_TCP, Ports: []PortRange{{80, 80}, {7000, 7010}}, Accept: true},
			{To: branchB, Protocol: unix.IPPROTO_TCP, Ports: []PortRange{{7001, 7001}}},
		}, true}, "tcp a7000 a7001 b7000 b7001 udp"},
		{"everything denied by a rule", Policy{Rules: []PolicyRule{{}}}, "tcp udp"},
		{"ports to the highest", Policy{[]PolicyRule{{Ports: []PortRange{{7001, 65535}}, Protocol: unix.IPPROTO_UDP}}, false}, "tcp a7000 a7001 b7000 b7001 udp"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mustApply(t, n.f, withPolicy(tt.policy))
			var passes []string
			for _, network := range []string{"tcp", "udp"} {
				passes = append(passes, network)
				for _, from := range []struct {
					name     string
					space    space
					src, dst string
				}{{"a", n.a, "10.10.1.1", "10.10.2.1"}, {"b", n.b, "10.10.2.1", "10.10.1.1"}} {
					for _, port := range []string{"7000", "7001"} {
						if tt.name == "ports to the highest" && network == "udp" {
							continue // the ports that senders choose are among them
						}
						if from.space.passes(strings.Contains(tt.passes, from.name+port), network+"4", from.src, from.dst+":"+port) {
							passes = append(passes, from.name+port)
						}
					}
				}
			}
			if got := strings.Join(passes, " "); got != tt.passes {
				t.Errorf("pass: %s\nwant: %s\n%s", got, tt.passes, n.hub.listing(t))
			}
			if ok, err := n.f.InSync(); !ok || err != nil {
				t.Errorf("in sync: %v, %v", ok, err)
			}
		})
	}
}

// TestPolicyAnswers: a server may answer and nothing else, even from the port that
// it answers from.
func TestPolicyAnswers(t *testing.T) {
	n := newPolicyHub(t, "answers")
	mustApply(t, n.f, withPolicy(Policy{[]PolicyRule{
		{From: branchA, To: branchB, Protocol: unix.IPPROTO_TCP, Ports: []PortRange{{7100, 7100}}, Accept: true},
		{From: branchA, To: branchB, Protocol: unix.IPPROTO_UDP, Accept: true},
	}, true}))
	err := n.b.do(func() error {
		d := net.Dialer{Timeout: 300 * time.Millisecond, LocalAddr: &net.TCPAddr{IP: net.IPv4(10, 10, 2, 1), Port: 7100}}
		c, err := d.Dial("tcp4", "10.10.1.1:7000")
		if err == nil {
			_ = c.Close()
		}
		return err
	})
	if err == nil {
		t.Error("a server opened a connection from the port that it answers from")
	}
	// Nobody listens there: the refusal is a RST, and of UDP an ICMP error.
	for _, network := range []string{"tcp4", "udp4"} {
		if err := n.a.reach(network, "10.10.1.1", "10.10.2.1:7100"); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("%s to a closed port: %v", network, err)
		}
	}
}

// TestPolicyFragments sends datagrams that need fragments in both directions.
func TestPolicyFragments(t *testing.T) {
	n := newPolicyHub(t, "pieces")
	for _, scope := range []Scope{All, Unseen} { // with defragmentation before, and without
		r := withPolicy(Policy{[]PolicyRule{{From: branchA, To: branchB, Protocol: unix.IPPROTO_UDP, Ports: []PortRange{{7000, 7000}}, Accept: true}}, true})
		r.Scope, r.FlowTimeout = scope, time.Hour
		mustApply(t, n.f, r)
		for port, passes := range map[string]bool{":7000": true, ":7001": false} {
			err := n.a.do(func() error {
				d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(10, 10, 1, 1)}}
				c, err := d.Dial("udp4", "10.10.2.1"+port)
				if err != nil {
					return err
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(500 * time.Millisecond))
				want := bytes.Repeat([]byte("fragment"), 230) // the echo takes 2000 bytes
				if _, err := c.Write(want); err != nil {
					return err
				}
				got := make([]byte, 3000)
				size, err := c.Read(got)
				if err == nil && !bytes.Equal(got[:size], want) {
					err = fmt.Errorf("got %d bytes", size)
				}
				return err
			})
			if (err == nil) != passes {
				t.Errorf("scope %d, port %s: %v", scope, port, err)
			}
		}
	}
}

// TestPolicyIsForUntrackedTransit: nothing else is dropped by it.
func TestPolicyIsForUntrackedTransit(t *testing.T) {
	n := newPolicyHub(t, "only")
	n.b.serve(t, "10.10.2.77:7000")
	n.c.serve(t, "192.168.1.2:7000")
	n.hub.serve(t, "10.9.1.1:7000")
	mustApply(t, n.f, withPolicy(Policy{Drop: true}))
	for _, tt := range []struct {
		from     space
		src, dst string
		passes   bool
	}{
		{n.a, "10.10.1.1", "10.10.2.1", false}, {n.a, "10.9.1.2", "10.10.2.1", false},
		{n.a, "10.10.1.1", "10.10.2.77", true}, {n.a, "10.10.1.1", "192.168.1.2", true}, {n.c, "192.168.1.2", "10.10.2.1", true},
		{n.a, "10.10.1.1", "10.9.1.1", true}, {n.hub, "10.9.2.1", "10.10.2.1", true},
	} {
		for _, network := range []string{"tcp4", "udp4"} {
			if passes := tt.from.passes(tt.passes, network, tt.src, tt.dst+":7000"); passes != tt.passes {
				t.Errorf("%s from %s to %s: passes %v", network, tt.src, tt.dst, passes)
			}
		}
	}
}

// TestPolicyReplaced: open connections outlive a rule against new ones, and
// counters and Follow tell which rule it was.
func TestPolicyReplaced(t *testing.T) {
	n := newPolicyHub(t, "replace")
	toB := PolicyRule{From: branchA, To: branchB, Protocol: unix.IPPROTO_TCP}
	accept := toB
	accept.Accept = true
	mustApply(t, n.f, withPolicy(Policy{[]PolicyRule{accept}, true}))
	c, err := n.connection(t, "10.10.2.1:7000")
	if err != nil {
		t.Fatal(err)
	}
	done, stopped := make(chan struct{}), make(chan error)
	go func() { // all the time, so that a gap would be met
		for {
			select {
			case <-done:
				stopped <- nil
				return
			default:
			}
			if _, err := c.Write([]byte("x")); err != nil {
				stopped <- err
				return
			}
			_ = c.SetDeadline(time.Now().Add(150 * time.Millisecond)) // before a segment is sent again
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				stopped <- err
				return
			}
		}
	}()
	for i := range 20 {
		rules := []PolicyRule{accept}
		if i%2 == 0 {
			rules = []PolicyRule{{From: branchB, To: branchA, Protocol: unix.IPPROTO_UDP, Accept: true}, accept}
		}
		mustApply(t, n.f, withPolicy(Policy{rules, true}))
	}
	close(done)
	if err := <-stopped; err != nil {
		t.Errorf("while the policy was replaced: %v", err)
	}
	mustApply(t, n.f, withPolicy(Policy{Rules: []PolicyRule{{From: branchB, To: branchA, Protocol: unix.IPPROTO_UDP}, toB}}))
	if err := echo(c); err != nil {
		t.Errorf("an open connection under a rule against new ones: %v", err)
	}
	if _, err := n.connection(t, "10.10.2.1:7000"); err == nil {
		t.Error("a new connection under a rule against them")
	}
	counters, err := n.f.PolicyCounters()
	if err != nil || len(counters.Rules) != 2 || counters.Rules[0] != 0 || counters.Rules[1] == 0 || counters.Default == 0 {
		t.Errorf("counters %+v, %v", counters, err)
	}
	packet := Packet{
		In: "vpn1", Out: "vpn2", Source: netip.MustParseAddr("10.10.1.1"), Destination: netip.MustParseAddr("10.10.2.1"),
		SourceType: typeUnicast, DestinationType: typeUnicast, Protocol: unix.IPPROTO_TCP, SourcePort: 1, DestinationPort: 7000,
	}
	answer := packet
	answer.Source, answer.Destination, answer.SourcePort, answer.DestinationPort, answer.Answer = packet.Destination, packet.Source, 7000, 1, true
	var fates []Fate
	if err := n.hub.do(func() (err error) { fates, err = n.f.Follow(packet, answer); return err }); err != nil {
		t.Fatal(err)
	}
	if dropped, certain := fates[0].Dropped(); !dropped || !certain || !strings.HasPrefix(fates[0].Drops[0].Rule, "policy 2: ") || fates[0].Drops[0].Chain != chainPolicy {
		t.Errorf("the opening: %+v", fates[0].Drops)
	}
	if dropped, certain := fates[1].Dropped(); dropped || !certain {
		t.Errorf("an answer: %+v", fates[1].Drops)
	}
	if slices.ContainsFunc(strings.Split(n.hub.listing(t), "\n"), func(l string) bool { return strings.Contains(l, "[invalid type]") }) {
		t.Error("nft cannot read the sets")
	}
	mustApply(t, n.f, hubRules)
	if strings.Contains(n.hub.listing(t), "policy1_") {
		t.Error("sets of a policy that has gone are left")
	}
}
