package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

// cloud joins routers by a network of a type; those from the given one on are spokes. Each has a link to one router
// more, which is known over it.
func cloud(n *Net, count, spokes int, o LinkOptions) *Segment {
	var members []Member
	for i, r := range routers(n, count) {
		members = append(members, Member{Router: r, Interface: "cloud", Cost: uint16(5 + i), Priority: uint8(i % 3), Spoke: i >= spokes})
		connect(n, r, n.AddRouter(fmt.Sprintf("x%d", i+1), ospf.Config{}), quick)
	}
	return n.LAN(o, members...)
}

// trouble lets routers of a network come and go.
func trouble(t *testing.T, n *Net, s *Segment) {
	t.Helper()
	converge(t, n, 60*time.Second)
	for _, p := range s.ports[:3] {
		p.router.Crash()
		converge(t, n, 60*time.Second)
		p.router.Start()
		converge(t, n, 60*time.Second)
		s.SetPortUp(p.router, false)
		converge(t, n, 60*time.Second)
		s.SetPortUp(p.router, true)
		converge(t, n, 60*time.Second)
		s.Partition(p.router, s.ports[4].router)
		converge(t, n, 60*time.Second)
		s.Mend()
		converge(t, n, 60*time.Second)
	}
}

// Two hubs and four spokes that do not hear each other.
func TestPointToMultipoint(t *testing.T) {
	for _, unicast := range []bool{true, false} {
		t.Run(fmt.Sprintf("unicast=%v", unicast), func(t *testing.T) {
			n := New(20)
			o := quick
			o.Network, o.Interface.Unicast = ospf.TypePointToMultipoint, unicast
			trouble(t, n, cloud(n, 6, 2, o))
		})
	}
}

func TestNonBroadcast(t *testing.T) {
	n := New(21)
	o := quick
	o.Network = ospf.TypeNonBroadcast
	trouble(t, n, cloud(n, 6, 6, o))
}

func TestHybrid(t *testing.T) {
	n := New(22)
	o := quick
	o.Network = ospf.TypeHybrid
	trouble(t, n, cloud(n, 6, 6, o))
}
