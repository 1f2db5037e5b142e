// Package peer runs OSPF and BGP routers in the nodes of a lab: ecmpd itself, FRR and
// BIRD, all behind one interface, so that any of them can sit in any seat.
//
//	peer.go   Router, what a scenario asks of each of them
//	ecmpd.go  ecmpd
//	frr.go    zebra, ospfd and staticd of FRR
//	bird.go   BIRD 2
//	gobgp.go  gobgpd
//
// FRR and BIRD are the distribution's own binaries; their files and sockets
// are in the node's directory, and the routers of the machine, if it has any,
// are left alone.
package peer

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/lab"
)

// Router is an OSPF router in a node.
type Router interface {
	// Node is where the router runs.
	Node() *lab.Node
	// Start starts it and returns when it can be asked. After Kill or Stop
	// it may be started again.
	Start(ctx context.Context) error
	// Kill ends it at once, as a crash would. What it wrote into the
	// kernel stays.
	Kill()
	// Stop asks it to end in order and waits for it.
	Stop(ctx context.Context) error
	// Neighbors lists the OSPF neighbours, sorted by router id and
	// interface.
	Neighbors(ctx context.Context) ([]Neighbor, error)
	// Database lists the LSAs of all areas and the externals in the order
	// of LSA.Compare, without link-local ones and those at MaxAge.
	Database(ctx context.Context) ([]LSA, error)
	// Log returns the last lines of its log.
	Log() string
}

// Neighbor is an OSPF neighbour as a router sees it.
type Neighbor struct {
	RouterID  netip.Addr
	Address   netip.Addr
	Interface string
	State     string     // "Full", "2-Way", "ExStart" … as RFC 2328 10.1 writes them
	Role      string     // "DR", "Backup", "DROther" or "-"
	DR, BDR   netip.Addr // whom its last Hello named; zero where the router does not show that
}

// maxAge is the age in seconds of an LSA that is being flushed (RFC 2328 14).
const maxAge = 3600

// LSA identifies one instance of an LSA (RFC 2328 12.1) by everything but its
// age.
type LSA struct {
	Type              uint8
	ID                netip.Addr
	AdvertisingRouter netip.Addr
	Sequence          uint32
	Checksum          uint16
}

// Compare orders LSAs by type, link-state id, advertising router and instance.
func (a LSA) Compare(b LSA) int {
	for _, c := range []int{
		int(a.Type) - int(b.Type), a.ID.Compare(b.ID), a.AdvertisingRouter.Compare(b.AdvertisingRouter),
		int(int32(a.Sequence)) - int(int32(b.Sequence)), int(a.Checksum) - int(b.Checksum),
	} {
		if c != 0 {
			return c
		}
	}
	return 0
}

func (a LSA) String() string {
	return fmt.Sprintf("type %d id %s adv %s seq %#x sum %#04x", a.Type, a.ID, a.AdvertisingRouter, a.Sequence, a.Checksum)
}

// Wait waits until the router has full neighbours in state Full and its kernel
// has exactly the given number of next hops for each route.
func Wait(ctx context.Context, r Router, full int, routes map[netip.Prefix]int) error {
	return lab.Wait(ctx, r.Node().Name()+" converges", func() (bool, string) {
		missing := Missing(ctx, r, full, routes)
		if len(missing) > 0 {
			missing = append(missing, "log: "+r.Log())
		}
		return len(missing) == 0, strings.Join(missing, "; ")
	})
}

// Missing tells what keeps the condition of Wait from holding now, nothing
// when it holds.
func Missing(ctx context.Context, r Router, full int, routes map[netip.Prefix]int) []string {
	neighbors, err := r.Neighbors(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	var missing []string
	n := 0
	for _, neighbor := range neighbors {
		if neighbor.State == "Full" {
			n++
		}
	}
	if n != full {
		missing = append(missing, fmt.Sprintf("%d of %d neighbours Full: %v", n, full, neighbors))
	}
	prefixes := make([]netip.Prefix, 0, len(routes))
	for p := range routes {
		prefixes = append(prefixes, p)
	}
	slices.SortFunc(prefixes, netip.Prefix.Compare)
	for _, p := range prefixes {
		hops, err := r.Node().NextHops(p)
		if err != nil {
			missing = append(missing, err.Error())
		} else if len(hops) != routes[p] {
			missing = append(missing, fmt.Sprintf("route %s has next hops %v, want %d", p, hops, routes[p]))
		}
	}
	return missing
}
