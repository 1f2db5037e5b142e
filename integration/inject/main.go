// Command inject is the synthetic neighbour by itself, in the network
// namespace in which it is started:
//
//	ip netns exec NAMESPACE inject -link eth0=10.1.0.2/30 -neighbor 10.255.0.1 -grid 71
//	ip netns exec NAMESPACE inject -link eth0=10.1.0.2/30 -neighbor 10.255.0.1 -externals 100000
//
// Router 0 of the network has the first link, router WIDTH-1 of a grid (router 1
// of others) the second. It says when the links are Full and then obeys lines
// on its standard input:
//
//	stub            a new stub network at the far corner, taken away by the next one
//	watershed       the costs out of the router at the second link go from 10 to 260 or back
//	flap N PAUSE    N stub commands, for example flap 1000 10ms
//	externals N M   externals N to M-1 are announced
//	withdraw N M    externals N to M-1 are withdrawn
//	stats           counters
//	die             silence
//
// The end of the input is the end of the program.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/ecmpd/ecmpd/lab/injector"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "inject:", err)
		os.Exit(1)
	}
}

// session is the network that is shown and what was changed in it.
type session struct {
	in      *injector.Injector
	network *injector.Network
	corner  int // the router at the second link
	on, far bool
	seq     packet.Seq
}

var newStub = netip.MustParsePrefix("198.51.100.0/24")

func run() error {
	var links []string
	flag.Func("link", "`interface=address/length`, up to two", func(s string) error {
		links = append(links, s)
		return nil
	})
	neighbor := flag.String("neighbor", "", "router `id` of the router under test")
	grid := flag.Int("grid", 0, "a square grid of this `width`")
	ring := flag.Int("ring", 0, "a ring of so many `routers`")
	tree := flag.Int("tree", 0, "a binary tree of so many `routers`")
	externals := flag.Int("externals", 0, "so many type-5 LSAs from router 0")
	e1 := flag.Bool("e1", false, "externals of metric type 1")
	flag.Parse()

	id, err := packet.ParseID(*neighbor)
	if err != nil || len(links) == 0 || len(links) > 2 {
		return fmt.Errorf("needs -neighbor and one or two -link, see go doc ./integration/inject")
	}
	s := &session{network: injector.NewNetwork(2), corner: 1, seq: packet.InitialSeq}
	switch {
	case *grid > 0:
		s.network, s.corner = injector.Grid(*grid, *grid), *grid-1
	case *ring > 0:
		s.network = injector.Ring(*ring)
	case *tree > 0:
		s.network = injector.Tree(*tree, 2)
	default:
		s.network.Join(0, 1)
	}
	s.network.SetASBR(0)
	var c injector.Config
	for k, text := range links {
		name, address, _ := strings.Cut(text, "=")
		prefix, err := netip.ParsePrefix(address)
		if err != nil {
			return err
		}
		i := k * s.corner
		s.network.Attach(i, id, prefix.Addr())
		c.Links = append(c.Links, injector.Link{Interface: name, Address: prefix, RouterID: s.network.ID(i)})
	}
	c.LSAs = append(s.network.LSAs(), injector.Externals(s.network.ID(0), 0, *externals, !*e1)...)
	if s.in, err = injector.Open(c); err != nil {
		return err
	}
	defer s.in.Close()
	if err := s.in.WaitFull(context.Background()); err != nil {
		return err
	}
	_, at := s.in.Full()
	fmt.Printf("full after %s, %+v\n", at.Sub(s.in.Opened()), s.in.Stats())
	return s.obey()
}

// obey reads commands to the end.
func (s *session) obey() error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) == 0 {
			continue
		}
		if err := s.command(f[0], strings.Join(f[1:], " ")); err != nil {
			fmt.Println(err)
		}
	}
	return lines.Err()
}

func (s *session) command(verb, args string) error {
	switch verb {
	case "stub":
		s.stub()
	case "watershed":
		s.far = !s.far
		cost := uint16(10)
		if s.far {
			cost = 260
		}
		s.network.SetCost(s.corner, cost)
		s.in.Flood(0, s.network.LSA(s.corner))
	case "flap":
		var n int
		var pause string
		if _, err := fmt.Sscan(args, &n, &pause); err != nil {
			return err
		}
		every, err := time.ParseDuration(pause)
		if err != nil {
			return err
		}
		for range n {
			s.stub()
			time.Sleep(every)
		}
	case "externals", "withdraw":
		var from, to int
		if _, err := fmt.Sscan(args, &from, &to); err != nil {
			return err
		}
		s.announce(from, to, verb == "externals")
	case "die":
		s.in.Silence()
	case "stats":
	default:
		return fmt.Errorf("no command %q", verb)
	}
	fmt.Printf("%s %s: %+v\n", verb, args, s.in.Stats())
	return nil
}

func (s *session) stub() {
	last := s.network.Len() - 1
	if s.on = !s.on; s.on {
		s.network.AddStub(last, newStub)
	} else {
		s.network.RemoveStub(last, newStub)
	}
	s.in.Flood(0, s.network.LSA(last))
}

func (s *session) announce(from, to int, on bool) {
	s.seq++
	age := uint16(1)
	if !on {
		age = packet.MaxAge
	}
	var lsas [][]byte
	for i := from; i < to; i++ {
		lsas = append(lsas, injector.ExternalLSA(s.network.ID(0), i, true, s.seq, age))
	}
	s.in.Flood(0, lsas...)
}
