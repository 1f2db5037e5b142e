package injector_test

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/injector"
	"github.com/ecmpd/ecmpd/lab/peer"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

const tag = "ec-inject"

// binary is ecmpd, built by TestMain.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	if _, err := lab.SweepStale(tag); err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", tag+"-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "ecmpd")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/ecmpd").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build ecmpd: %w\n%s", err, out)
	}
	return m.Run(), nil
}

const routerID = packet.ID(10<<24 | 255<<16 | 1)

// makes run the router under test, with 1 s hellos on eth0 and eth1.
var makes = map[string]func(*lab.Node) peer.Router{
	"ecmpd": func(n *lab.Node) peer.Router {
		return peer.NewEcmpd(n, binary, `router-id: 10.255.0.1
ospf:
  areas:
    - area-id: 0.0.0.0
      interfaces:
        - {match: "eth*", interface-type: point-to-point, hello-interval: 1s, dead-interval: 4s}
`)
	},
	"frr": func(n *lab.Node) peer.Router {
		const port = ` ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ip ospf area 0
`
		return peer.NewFRR(n, `router ospf
 ospf router-id 10.255.0.1
 timers throttle spf 0 50 200
 timers throttle lsa all 0
 timers lsa min-arrival 0
interface eth0
`+port+"interface eth1\n"+port)
	},
	"bird": func(n *lab.Node) peer.Router {
		return peer.NewBIRD(n, `router id 10.255.0.1;
protocol device { scan time 1; }
protocol kernel { ipv4 { export where source ~ [RTS_OSPF, RTS_OSPF_IA, RTS_OSPF_EXT1, RTS_OSPF_EXT2]; }; }
protocol ospf v2 { ipv4 { import all; };
	area 0 { interface "eth*" { type ptp; hello 1; dead 4; cost 10; }; };
}
`)
	},
}

// TestAdjacency shows each make a network, changes it, and dies on it:
//
//	          eth0 - 0 - 1 - 2
//	[router]         |   |   |
//	          eth1 - 3 - 4 - 5
func TestAdjacency(t *testing.T) {
	for name, run := range makes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, run)
			n, stub := s.network, netip.MustParsePrefix("198.51.100.0/24")
			s.route("eth0", n.Stub(0), n.Stub(2), injector.External(0), injector.External(199))
			s.route("eth1", n.Stub(3), n.Stub(5))

			n.AddStub(5, stub)
			s.in.Flood(0, n.LSA(5))
			s.route("eth1", stub)
			s.in.Flood(1, injector.ExternalLSA(n.ID(0), 199, true, packet.InitialSeq+1, packet.MaxAge))
			s.route("", injector.External(199))
			s.must(lab.Pause(s.ctx, time.Second)) // MinLSArrival (RFC 2328 13 (5)(a))
			n.RemoveStub(5, stub)
			n.SetCost(3, 100)
			s.in.Flood(0, n.LSA(5), n.LSA(3))
			s.route("", stub)
			s.route("eth0", n.Stub(5))
			s.must(s.in.WaitAcked(s.ctx))
			if st := s.in.Stats(); st.Restarts > 0 || st.Acknowledged != 4 {
				t.Errorf("counters %+v, want 4 acknowledged and no restart", st)
			}

			s.in.Silence()
			s.route("", n.Stub(0), n.Stub(3))
		})
	}
}

// TestSecondLife starts the injector again beside a router that still has the
// LSAs of its first life, with higher sequence numbers.
func TestSecondLife(t *testing.T) {
	t.Parallel()
	s := newScene(t, makes["ecmpd"])
	for range 5 {
		s.network.LSA(5)
	}
	s.in.Flood(0, s.network.LSA(5))
	s.must(s.in.WaitAcked(s.ctx))
	s.in.Close()
	stub := netip.MustParsePrefix("198.51.100.0/24")
	s.network = square()
	s.network.AddStub(5, stub)
	s.open()
	s.route("eth1", stub, s.network.Stub(5))
}

// scene is one router under test and the network that it is shown.
type scene struct {
	t       *testing.T
	ctx     context.Context
	node    *lab.Node // of the injector
	router  peer.Router
	network *injector.Network
	in      *injector.Injector
}

// square is the network of TestAdjacency.
func square() *injector.Network {
	n := injector.Grid(3, 2)
	n.SetASBR(0)
	for i := range 2 {
		n.Attach(3*i, routerID, end(i, 2).Addr())
	}
	return n
}

// end is an address of link i.
func end(i, host int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(i), byte(host)}), 30)
}

func newScene(t *testing.T, run func(*lab.Node) peer.Router) *scene {
	t.Helper()
	l, err := lab.New(lab.Options{Tag: tag})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	s := &scene{t: t, ctx: ctx, network: square()}
	t.Cleanup(func() {
		cancel()
		if t.Failed() && s.router != nil {
			t.Log(s.router.Log())
		}
		if s.in != nil {
			s.in.Close()
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	node, err := l.AddNode("router")
	s.must(err)
	s.node, err = l.AddNode("world")
	s.must(err)
	for i := range 2 {
		name := fmt.Sprintf("eth%d", i)
		s.must(l.Connect(
			lab.End{Node: node, Interface: name, Addresses: []netip.Prefix{end(i, 1)}},
			lab.End{Node: s.node, Interface: name, Addresses: []netip.Prefix{end(i, 2)}}, 0))
	}
	s.router = run(node)
	s.must(s.router.Start(ctx))
	s.open()
	return s
}

// open starts the injector and waits until both links are Full.
func (s *scene) open() {
	s.t.Helper()
	c := injector.Config{LSAs: append(s.network.LSAs(), injector.Externals(s.network.ID(0), 0, 200, true)...)}
	for i := range 2 {
		c.Links = append(c.Links, injector.Link{Interface: fmt.Sprintf("eth%d", i), Address: end(i, 2), RouterID: s.network.ID(3 * i)})
	}
	s.must(s.node.Do(func() (err error) {
		s.in, err = injector.Open(c)
		return err
	}))
	s.must(s.in.WaitFull(s.ctx))
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// route waits until the kernel routes prefixes through an interface alone, or
// not at all when it is "".
func (s *scene) route(ifname string, prefixes ...netip.Prefix) {
	s.t.Helper()
	for _, p := range prefixes {
		s.must(lab.Wait(s.ctx, fmt.Sprintf("route %s by %q", p, ifname), func() (bool, string) {
			hops, err := s.router.Node().NextHops(p)
			if ifname == "" {
				return err == nil && len(hops) == 0, fmt.Sprint(hops, err)
			}
			return err == nil && len(hops) == 1 && hops[0].Interface == ifname, fmt.Sprint(hops, err)
		}))
	}
}
