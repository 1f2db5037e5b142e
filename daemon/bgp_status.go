package daemon

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/table"
)

// BGP implements api.Backend.
func (d *daemon) BGP(ctx context.Context) (api.BGP, error) {
	sessions, err := d.bgp.worker.Status(ctx)
	if err != nil {
		return api.BGP{}, err
	}
	return askLoop(ctx, d.bgp.inbox, func() api.BGP { return d.bgp.status(sessions) })
}

// status joins what the process says of its sessions with what the loop knows.
func (b *bgpLoop) status(sessions []bgp.Session) api.BGP {
	if !b.cfg.Enabled() {
		return api.BGP{}
	}
	now := time.Now()
	out := api.BGP{
		AS: b.cfg.AS, RouterID: b.cfg.RouterID.String(), PID: b.worker.PID(), Restarts: b.worker.Restarts(), Prefixes: b.table.Len(),
		Announced: b.announce.Len(),
	}
	var until time.Time
	if out.Stale, until = b.table.Stale(); out.Stale > 0 {
		out.StaleMsec = max(until.Sub(now).Milliseconds(), 0)
	}
	known := make(map[netip.Addr]bool)
	for _, s := range sessions {
		known[s.Neighbor] = true
	}
	for _, n := range b.cfg.Neighbors { // of whom the process does not know, or there is none
		if !known[n.Address] {
			sessions = append(sessions, bgp.Session{
				Neighbor: n.Address, AS: n.RemoteAS, State: bgp.Idle, Description: n.Description, Internal: n.Internal(b.cfg.AS), Reason: "there is no BGP process",
			})
		}
	}
	slices.SortFunc(sessions, func(x, y bgp.Session) int { return x.Neighbor.Compare(y.Neighbor) })
	for _, s := range sessions {
		out.Neighbors = append(out.Neighbors, b.neighborStatus(now, s))
	}
	return out
}

func (b *bgpLoop) neighborStatus(now time.Time, s bgp.Session) api.BGPNeighbor {
	n := api.BGPNeighbor{
		Peer: s.Neighbor.String(), AS: s.AS, Description: s.Description, Internal: s.Internal, State: s.State.String(), Reason: s.Reason,
		FlapCount: s.Flaps, MessagesIn: s.Messages.Received, MessagesOut: s.Messages.Sent, UpdatesIn: s.Messages.UpdatesReceived, UpdatesOut: s.Messages.UpdatesSent,
	}
	n.Received, n.Accepted, _ = b.table.Count(s.Neighbor)
	if s.RouterID.IsValid() {
		n.RouterID = s.RouterID.String()
	}
	if s.Local.IsValid() {
		n.Local = s.Local.String()
	}
	if s.Dynamic.IsValid() {
		n.Dynamic = s.Dynamic.String()
	}
	if since := b.sessions[s.Neighbor].Since; !since.IsZero() {
		n.SinceMsec = now.Sub(since).Milliseconds()
	}
	if s.State == bgp.Established {
		n.Reason = ""
		n.Advertised = b.announce.Count(s.Neighbor)
	}
	if p := b.peering(s.Neighbor); p != nil && p.Disabled {
		n.Reason = "it is disabled (enabled: false)"
	}
	return n
}

// BGPPaths implements api.Backend: the paths of a prefix, of the longest around an address, or all.
func (d *daemon) BGPPaths(ctx context.Context, where netip.Prefix) ([]api.BGPPath, error) {
	return askLoop(ctx, d.bgp.inbox, func() []api.BGPPath { return d.bgp.paths(time.Now(), where) })
}

func (b *bgpLoop) paths(now time.Time, where netip.Prefix) (list []api.BGPPath) {
	add := func(p netip.Prefix) {
		for _, v := range b.table.Paths(p) {
			list = append(list, pathStatus(now, v))
		}
	}
	if !where.IsValid() {
		for p := range b.table.Prefixes() {
			add(p)
		}
		return list
	}
	if add(where); where.Bits() < 32 {
		return list
	}
	for bits := 31; len(list) == 0 && bits >= 0; bits-- {
		p, _ := where.Addr().Prefix(bits)
		add(p)
	}
	return list
}

func pathStatus(now time.Time, v table.View) api.BGPPath {
	a := v.Attributes
	p := api.BGPPath{
		Network: v.Prefix.String(), NextHop: a.NextHop.String(), ASPath: a.ASPath.String(), Origin: a.Origin.String(), LinkBandwidth: int64(min(a.LinkBandwidth, 1<<62)),
		MED: a.MED, HasMED: a.HasMED, LocalPref: a.Preference(),
		Attributes: a.String(), Peer: v.Source.Address.String(), AgeMsec: now.Sub(v.Since).Milliseconds(),
		Best: v.Best, Used: v.Used, Rejected: v.Rejected, Stale: v.Stale, Reason: v.Reason,
	}
	for _, c := range a.Communities {
		p.Communities = append(p.Communities, c.String())
	}
	for _, c := range a.Large {
		p.LargeCommunities = append(p.LargeCommunities, c.String())
	}
	return p
}
