package integration

import (
	endian "encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// key is a key of an interface in words that all makes know.
type key struct {
	id        int
	algorithm string // of ecmpd
	secret    string
	extended  bool // sequence numbers of RFC 7474, which only ecmpd has
}

// text is the key in the configuration of a make.
func (k key) text(maker string) string {
	switch {
	case k.algorithm == "":
		return ""
	case maker == "ecmpd":
		trailer := map[bool]string{false: "rfc5709", true: "rfc7474"}[k.extended]
		return fmt.Sprintf(", authentication: {key-id: %d, algorithm: %s, key: %q, auth-trailer-rfc: %s}", k.id, k.algorithm, k.secret, trailer)
	case maker == "frr" && k.algorithm == "cleartext":
		return fmt.Sprintf(" ip ospf authentication\n ip ospf authentication-key %s\n", k.secret)
	case maker == "frr":
		return fmt.Sprintf(" ip ospf authentication message-digest\n ip ospf message-digest-key %d md5 %s\n", k.id, k.secret)
	case k.algorithm == "cleartext":
		return fmt.Sprintf("authentication simple; password %q; ", k.secret)
	}
	return fmt.Sprintf("authentication cryptographic; password %q { id %d; algorithm %s; }; ", k.secret, k.id, birdAlgorithm(k.algorithm))
}

func birdAlgorithm(a string) string {
	if a == "md5" {
		return "keyed md5"
	}
	return "hmac sha" + strings.TrimPrefix(a, "hmac-sha-")
}

// pair starts ecmpd and another make on one link, each with a key.
func pair(t *testing.T, maker string, ours, theirs key) *network {
	t.Helper()
	n := newNetwork(t)
	n.wire("ecmpd:eth0 10.1.0.1/30", "other:eth0 10.1.0.2/30")
	n.wire("other:net 172.16.2.1/24", "host:eth0")
	n.seat("ecmpd", "ecmpd", seat{id: "10.255.0.1", ports: []port{{name: "eth0", text: ours.text("ecmpd")}}})
	n.seat(maker, "other", seat{id: "10.255.0.2", ports: []port{{name: "eth0", text: theirs.text(maker)}, {name: "net", passive: true}}})
	return n
}

// TestAuthentication brings adjacencies up with every algorithm that the other make has.
func TestAuthentication(t *testing.T) {
	keys := []key{{id: 0, algorithm: "cleartext", secret: "swordfsh"}, {id: 7, algorithm: "md5", secret: "sixteenbyteskey!"}, {id: 255, algorithm: "md5", secret: "short"}}
	hmacs := []key{{id: 1, algorithm: "hmac-sha-1", secret: "s"}, {id: 2, algorithm: "hmac-sha-256", secret: "secret of 32 bytes, that is full"}, {id: 3, algorithm: "hmac-sha-384", secret: "secret"}, {id: 4, algorithm: "hmac-sha-512", secret: "secret"}}
	extended := key{id: 5, algorithm: "hmac-sha-256", secret: "secret", extended: true}
	for maker, keys := range map[string][]key{"frr": keys, "bird": slices.Concat(keys, hmacs), "ecmpd": append(slices.Clone(hmacs), extended)} {
		for _, k := range keys {
			t.Run(fmt.Sprintf("%s-%s-%d", maker, k.algorithm, k.id), func(t *testing.T) {
				t.Parallel()
				n := pair(t, maker, k, k)
				n.full(1, "ecmpd", "other")
				n.waitKernel("ecmpd", "172.16.0.0/16", routes("172.16.2.0/24: 10.1.0.2 dev eth0"))
				n.waitSame("ecmpd", "other")
				n.noneRejected("ecmpd")
			})
		}
	}
}

// noneRejected fails the test when authentication has refused a packet.
func (n *network) noneRejected(name string) {
	n.t.Helper()
	body, err := show[api.Interfaces](n, name, "ospf", "interface")
	n.must(err)
	for _, i := range body.Interfaces {
		for reason, count := range i.Rejected {
			if strings.HasPrefix(reason, "authentication") {
				n.t.Errorf("%s on %s: %s %d", i.Interface, name, reason, count)
			}
		}
	}
}

// TestAuthenticationWhy gives the two ends different keys: ecmpd says what is wrong.
func TestAuthenticationWhy(t *testing.T) {
	md5 := key{id: 1, algorithm: "md5", secret: "hunter2"}
	for _, c := range []struct {
		name         string
		ours, theirs key
		why          string
	}{
		{"only they", key{}, md5, `neighbour uses digests \(type 2\), ours is none`},
		{"only we", md5, key{}, `neighbour uses none, ours is digests \(type 2\)`},
		{"password for a digest", md5, key{id: 0, algorithm: "cleartext", secret: "hunter2"}, `neighbour uses a simple password \(type 1\), ours is digests`},
		{"password", key{id: 0, algorithm: "cleartext", secret: "hunter2"}, key{id: 0, algorithm: "cleartext", secret: "hunter3"}, `simple password differs from ours`},
		{"key id", md5, key{id: 2, algorithm: "md5", secret: "hunter2"}, `neighbour sends key 2, which we do not have`},
		{"secret", md5, key{id: 1, algorithm: "md5", secret: "hunter3"}, `digest of key 1 is wrong`},
		{"algorithm", key{id: 1, algorithm: "hmac-sha-256", secret: "hunter2"}, md5, `neighbour sends key 1 with 16 bytes of authentication, ours is hmac-sha-256 with 32`},
	} {
		for _, maker := range []string{"frr", "bird"} {
			t.Run(strings.ReplaceAll(c.name, " ", "-")+"-"+maker, func(t *testing.T) {
				t.Parallel()
				n := pair(t, maker, c.ours, c.theirs)
				why := regexp.MustCompile(c.why)
				n.wait("the reason why there is no adjacency", func() (bool, string) {
					body, err := show[api.Neighbors](n, "ecmpd", "ospf", "neighbor")
					if err != nil {
						return false, err.Error()
					}
					for _, nb := range body.Neighbors {
						if nb.RouterID == "10.255.0.2" && nb.State == "Down" && why.MatchString(nb.Why) {
							return true, ""
						}
					}
					return false, fmt.Sprintf("%+v", body.Neighbors)
				})
				said := n.ecmpd("ecmpd").Log()
				for _, args := range [][]string{{"ospf", "neighbor"}, {"ospf", "interface"}, {"status"}} {
					out, err := n.ecmpd("ecmpd").Show(n.ctx, append(args, "-o", "json")...)
					n.must(err)
					said += out
				}
				if strings.Contains(said, "hunter") {
					t.Errorf("a secret is shown:\n%s", said)
				}
			})
		}
	}
}

// TestKeysRoll lets keys roll through three generations, between ecmpd, FRR,
// whose keys an operator changes by hand, and BIRD, whose keys have lifetimes:
// no adjacency is lost and no packet refused. At last a reload brings a fourth key.
//
//	frr ──eth0── ecmpd ──eth1── bird
func TestKeysRoll(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.wire("ecmpd:eth0 10.1.0.1/30", "frr:eth0 10.1.0.2/30")
	n.wire("ecmpd:eth1 10.2.0.1/30", "bird:eth0 10.2.0.2/30")

	// Generation g is sent from turn g to turn g+1.
	const generation = 6 * time.Second
	first := time.Now().Add(25 * time.Second).Truncate(time.Second)
	turn := func(g int) time.Time { return first.Add(time.Duration(g-1) * generation) }
	algorithms := []string{"hmac-sha-256", "hmac-sha-512", "hmac-sha-1"}
	chain := func(name string, algorithm func(g int) string, more string) string {
		text := "  - name: " + name + "\n    keys:\n"
		for g := range 3 {
			until := turn(g + 1).UTC().Format(time.RFC3339)
			text += fmt.Sprintf("      - {key-id: %d, algorithm: %s, key: %q, ", g+1, algorithm(g), fmt.Sprint("generation", g+1))
			if g > 0 {
				text += "send-from: " + turn(g).UTC().Format(time.RFC3339) + ", "
			}
			if g < 2 {
				text += "send-until: " + until + ", "
			}
			text = strings.TrimSuffix(text, ", ") + "}\n"
		}
		return text + more
	}
	config := func(more string) string {
		return seat{id: "10.255.0.1", ports: []port{
			{name: "eth0", text: ", authentication: {key-chain: to-frr}"}, {name: "eth1", text: ", authentication: {key-chain: to-bird}"},
		}, text: "key-chains:\n" + chain("to-frr", func(int) string { return "md5" }, more) +
			chain("to-bird", func(g int) string { return algorithms[g] }, "")}.ecmpd()
	}
	bird := "authentication cryptographic; "
	for g := range 3 {
		local := func(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }
		bird += fmt.Sprintf("password \"generation%d\" { id %d; algorithm %s; generate from %q; generate to %q; accept from %q; accept to %q; }; ",
			g+1, g+1, birdAlgorithm(algorithms[g]), local(turn(g).Add(time.Second)), local(turn(g+1).Add(time.Second)),
			local(turn(g).Add(-3*time.Second)), local(turn(g+1).Add(4*time.Second)))
		if g == 0 {
			bird = strings.ReplaceAll(bird, fmt.Sprintf("generate from %q; ", local(turn(0).Add(time.Second))), "")
			bird = strings.ReplaceAll(bird, fmt.Sprintf("accept from %q; ", local(turn(0).Add(-3*time.Second))), "")
		}
	}
	// The last generation is the end of the story.
	last := strings.LastIndex(bird, "generate to")
	bird = bird[:last] + regexp.MustCompile(`(generate|accept) to "[^"]*"; `).ReplaceAllString(bird[last:], "")

	n.start(peer.NewEcmpd(n.Node("ecmpd"), binary, config("")))
	n.seat("frr", "frr", seat{id: "10.255.0.2", ports: []port{{name: "eth0", text: key{id: 1, algorithm: "md5", secret: "generation1"}.text("frr")}}})
	n.seat("bird", "bird", seat{id: "10.255.0.3", ports: []port{{name: "eth0", text: bird}}})
	n.full(2, "ecmpd")
	n.full(1, "frr", "bird")
	if !time.Now().Before(turn(1)) {
		t.Fatal("the adjacencies took longer than the first generation of keys")
	}
	before, start := n.changes("ecmpd"), time.Now()

	frrKey := func(words string) {
		_, err := n.frr("frr").Show(n.ctx, "configure terminal\ninterface eth0\n"+words)
		n.must(err)
	}
	for g := 1; g <= 3; g++ {
		if g > 1 { // the operator is early with the new key and late to remove the old one
			n.must(lab.Pause(n.ctx, time.Until(turn(g-1).Add(-2*time.Second))))
			frrKey(fmt.Sprintf("ip ospf message-digest-key %d md5 generation%d", g, g))
		}
		n.wait(fmt.Sprintf("key %d is in use", g), func() (bool, string) {
			body, err := show[api.Interfaces](n, "ecmpd", "ospf", "interface")
			if err != nil {
				return false, err.Error()
			}
			inUse := 0
			for _, i := range body.Interfaces {
				if strings.Contains(i.Authentication, fmt.Sprintf(", key %d of to-", g)) {
					inUse++
				}
			}
			return inUse == 2, fmt.Sprintf("%+v", body.Interfaces)
		})
		if g > 1 {
			n.must(lab.Pause(n.ctx, time.Until(turn(g-1).Add(3*time.Second))))
			frrKey(fmt.Sprintf("no ip ospf message-digest-key %d", g-1))
		}
	}
	// All old keys are gone everywhere; two dead intervals later everything stands.
	n.must(lab.Pause(n.ctx, 2*deadInterval))
	n.stands(before, start)

	frrKey("ip ospf message-digest-key 4 md5 fourth")
	n.must(n.ecmpd("ecmpd").Reload(config("      - {key-id: 4, algorithm: md5, key: fourth, send-from: " + turn(3).UTC().Format(time.RFC3339) + "}\n")))
	n.wait("FRR may forget key 3", func() (bool, string) {
		body, err := show[api.Interfaces](n, "ecmpd", "ospf", "interface")
		return err == nil && slices.ContainsFunc(body.Interfaces, func(i api.Interface) bool { return i.Authentication == "md5, key 4 of to-frr" }),
			fmt.Sprintf("%+v %v", body.Interfaces, err)
	})
	frrKey("no ip ospf message-digest-key 3")
	n.must(lab.Pause(n.ctx, 2*deadInterval))
	n.stands(before, start)
}

// stands fails the test unless all adjacencies of ecmpd have been Full since start.
func (n *network) stands(before uint64, start time.Time) {
	n.t.Helper()
	if now := n.changes("ecmpd"); now != before {
		n.t.Errorf("neighbours changed state %d times", now-before)
	}
	elapsed := time.Since(start)
	body, err := show[api.Neighbors](n, "ecmpd", "ospf", "neighbor")
	n.must(err)
	for _, nb := range body.Neighbors {
		if up := time.Duration(nb.UpTimeMsec) * time.Millisecond; nb.State != "Full" || up < elapsed.Truncate(time.Millisecond) {
			n.t.Errorf("%+v", nb)
		}
	}
	n.full(2, "ecmpd")
	n.full(1, "frr", "bird")
}

// changes counts changes of neighbour states.
func (n *network) changes(name string) uint64 {
	n.t.Helper()
	s, err := show[api.Status](n, name, "status")
	n.must(err)
	return s.OSPF.NeighborChanges
}

// TestRestartWithDigests kills ecmpd, whose sequence numbers have run far ahead
// of the clock: its neighbours take it back as fast as without authentication.
func TestRestartWithDigests(t *testing.T) {
	for _, maker := range []string{"frr", "bird"} {
		t.Run(maker, func(t *testing.T) {
			t.Parallel()
			k := key{id: 1, algorithm: "md5", secret: "secret"}
			n := newNetwork(t)
			n.wire("ecmpd:eth0 10.1.0.1/30", "other:eth0 10.1.0.2/30")
			state := filepath.Join(n.Node("ecmpd").Dir(), "state")
			n.must(os.MkdirAll(state, 0o755))
			file := filepath.Join(state, "ospf-sequence.json")
			n.must(os.WriteFile(file, fmt.Appendf(nil, `{"boot": 7, "sequence": %d}`, time.Now().Unix()+1_000_000), 0o600))
			n.seat("ecmpd", "ecmpd", seat{id: "10.255.0.1", ports: []port{{name: "eth0", text: k.text("ecmpd")}}})
			n.seat(maker, "other", seat{id: "10.255.0.2", ports: []port{{name: "eth0", text: k.text(maker)}}})
			for run := range 3 {
				n.full(1, "ecmpd", "other")
				n.ecmpd("ecmpd").Kill()
				text, err := os.ReadFile(file)
				n.must(err)
				if want := fmt.Sprintf(`"boot":%d,`, 8+run); !strings.Contains(string(text), want) {
					t.Errorf("%s, want %s", text, want)
				}
				n.must(n.ecmpd("ecmpd").Start(n.ctx))
				n.full(1, "ecmpd")
				n.noneRejected("ecmpd")
			}
			n.full(1, "other")
		})
	}
}

// TestReplay records what a neighbour says to all routers and says it again:
// nothing happens.
//
//	ecmpd ── LAN ── other
//	          └──── x
func TestReplay(t *testing.T) {
	for _, maker := range []string{"frr", "bird"} {
		t.Run(maker, func(t *testing.T) {
			t.Parallel()
			k := key{id: 1, algorithm: "md5", secret: "secret"}
			n := newNetwork(t)
			n.lan("sw", "ecmpd:eth0 10.1.0.1/24", "other:eth0 10.1.0.2/24", "x:eth0 10.1.0.3/24")
			x, err := newAttacker(n.Node("x"), "eth0", "10.1.0.3", "10.1.0.1", "9.9.9.9")
			n.must(err)
			close(x.done) // it speaks only when told
			t.Cleanup(x.close)
			lan := port{name: "eth0", lan: true, priority: 1}
			lan.text = k.text("ecmpd")
			n.seat("ecmpd", "ecmpd", seat{id: "10.255.0.1", ports: []port{lan}})
			lan.text = k.text(maker)
			n.seat(maker, "other", seat{id: "10.255.0.2", ports: []port{lan}})
			n.full(1, "ecmpd", "other")
			heard := x.record("10.255.0.2", 20)
			hellos, newest := 0, uint32(0)
			for _, data := range heard {
				if packet.Type(data[1]) == packet.TypeHello {
					hellos++
				}
				newest = max(newest, sequence(data))
			}
			if hellos < 2 {
				t.Fatalf("%d hellos in %d packets heard", hellos, len(heard))
			}
			// BIRD's numbers go up more slowly than its Hellos come, and RFC 2328 D.3 takes equal ones.
			n.wait("a sequence number after those heard", func() (bool, string) {
				later := x.record("10.255.0.2", 20)
				return slices.ContainsFunc(later, func(data []byte) bool { return sequence(data) > newest }),
					fmt.Sprintf("%d packets more, none after %d", len(later), newest)
			})
			before, start := n.changes("ecmpd"), time.Now()
			for range 10 {
				for _, data := range heard {
					x.sendRaw(forged{src: x.peer.Next()}, data)
				}
			}
			n.wait("replayed packets are refused", func() (bool, string) {
				body, err := show[api.Interfaces](n, "ecmpd", "ospf", "interface", "eth0")
				if err != nil {
					return false, err.Error()
				}
				return body.Interfaces[0].Rejected["authentication-sequence"] >= uint64(10*hellos), fmt.Sprintf("%+v, %d hellos 10 times", body.Interfaces, hellos)
			})
			n.must(lab.Pause(n.ctx, deadInterval))
			if now := n.changes("ecmpd"); now != before {
				t.Errorf("neighbours changed state %d times in %s", now-before, time.Since(start))
			}
			n.full(1, "ecmpd", "other")
		})
	}
}

// sequence returns the cryptographic sequence number in a packet's header
// (RFC 2328 D.3).
func sequence(data []byte) uint32 { return endian.BigEndian.Uint32(data[20:]) }

// record returns what a router has sent to all routers so far, at most limit packets.
func (a *attacker) record(id string, limit int) (heard [][]byte) {
	buf := make([]byte, 1<<16)
	for len(heard) < limit {
		size, _, err := unix.Recvfrom(a.in, buf, 0)
		if err != nil {
			return heard
		}
		data := slices.Clone(buf[int(buf[0]&15)*4 : size])
		if h, err := packet.PeekHeader(data); err == nil && h.RouterID.String() == id {
			heard = append(heard, data)
		}
	}
	return heard
}
