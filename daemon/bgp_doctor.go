package daemon

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/doctor"
)

// settling is how long a session may take to come back before it is a finding.
const settling = 5 * time.Second

// bgpFacts gathers the neighbours without a session, and next hops without a route.
func (d *daemon) bgpFacts(ctx context.Context, f *doctor.Facts) error {
	sessions, err := d.bgp.worker.Status(ctx)
	if err != nil {
		return err
	}
	_, err = askLoop(ctx, d.bgp.inbox, func() struct{} {
		f.BGPNeighbors, f.BGPHops = d.bgp.down(time.Now(), sessions), d.bgp.unresolved()
		return struct{}{}
	})
	return err
}

// down lists configured neighbours that should have a session and have none. Those that say why, and those that
// have had time, count.
func (b *bgpLoop) down(now time.Time, sessions []bgp.Session) (list []doctor.BGPNeighbor) {
	known := make(map[netip.Addr]bgp.Session)
	for _, s := range sessions {
		known[s.Neighbor] = s
	}
	for _, n := range b.cfg.Neighbors {
		s, there := known[n.Address]
		if !there {
			s = bgp.Session{State: bgp.Idle, Reason: "there is no BGP process"}
		}
		since := b.sessions[n.Address].Since
		if n.Disabled || s.State == bgp.Established || s.Reason == "" && !since.IsZero() && now.Sub(since) < settling {
			continue
		}
		list = append(list, doctor.BGPNeighbor{Address: n.Address, State: s.State.String(), Reason: s.Reason, PrefixLimit: n.PrefixLimit})
	}
	return list
}

// unresolved lists next hops of accepted paths that no route leads to.
func (b *bgpLoop) unresolved() (list []doctor.BGPHop) {
	for hop, paths := range b.table.Unreachable() {
		list = append(list, doctor.BGPHop{Address: hop, Paths: paths})
	}
	slices.SortFunc(list, func(x, y doctor.BGPHop) int { return x.Address.Compare(y.Address) })
	return list
}
