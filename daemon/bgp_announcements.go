package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/announce"
)

// BGPAnnouncements implements api.Backend.
func (d *daemon) BGPAnnouncements(ctx context.Context, peer netip.Addr, prefix netip.Prefix) ([]api.BGPAnnouncement, error) {
	type answer struct {
		list  []api.BGPAnnouncement
		known bool
	}
	got, err := askLoop(ctx, d.bgp.inbox, func() answer {
		return answer{d.bgp.announcements(peer, prefix), !peer.IsValid() || d.bgp.target(peer).IsValid()}
	})
	if err == nil && !got.known {
		err = fmt.Errorf("peer %s: %w", peer, api.ErrNotFound)
	}
	return got.list, err
}

// announcements are what is decided about a prefix, or about all, for one neighbour, or all of them.
func (b *bgpLoop) announcements(peer netip.Addr, prefix netip.Prefix) (list []api.BGPAnnouncement) {
	prefixes := []netip.Prefix{prefix}
	if !prefix.IsValid() {
		prefixes = b.announce.Known()
	}
	to := b.target(peer)
	for _, p := range prefixes {
		for _, h := range b.announce.Heard(p) {
			if !peer.IsValid() || h.Neighbor == to {
				list = append(list, announcementStatus(p, h))
			}
		}
	}
	return list
}

// target is what announcements to a neighbour are for: itself, or the prefix of dynamic ones; the zero Prefix when it is
// not wanted.
func (b *bgpLoop) target(peer netip.Addr) (found netip.Prefix) {
	if n, ok := b.configured(peer); ok {
		return netip.PrefixFrom(n.Address, n.Address.BitLen())
	}
	for _, d := range b.cfg.Dynamic {
		if d.Prefix.Contains(peer) && (!found.IsValid() || d.Prefix.Bits() > found.Bits()) {
			found = d.Prefix
		}
	}
	return found
}

func announcementStatus(p netip.Prefix, h announce.Heard) api.BGPAnnouncement {
	out := api.BGPAnnouncement{Network: p.String(), Peer: h.Neighbor.String(), Announced: h.Told, Rule: h.Rule}
	if h.Neighbor.IsSingleIP() {
		out.Peer = h.Neighbor.Addr().String()
	}
	a := h.Attributes
	if a == nil {
		return out
	}
	if a.NextHop.IsValid() {
		out.NextHop = a.NextHop.String()
	}
	out.ASPath, out.Attributes = a.ASPath.String(), a.String()
	out.MED, out.HasMED, out.LocalPref = a.MED, a.HasMED, a.Preference()
	for _, c := range a.Communities {
		out.Communities = append(out.Communities, c.String())
	}
	for _, c := range a.Large {
		out.LargeCommunities = append(out.LargeCommunities, c.String())
	}
	return out
}

// rememberAnnouncements puts changes of what this router announces by itself among what happened lately, which the
// OSPF loop owns and nobody waits for. What is only told on would push everything else out.
func (d *daemon) rememberAnnouncements(changes []announce.Change) {
	now := time.Now().Format(api.TimeFormat)
	var list []api.Event
	for _, c := range changes {
		why := c.Announcement
		if len(c.To) == 0 {
			why = c.Before
		}
		if len(list) < logged && why.Attributes.ASPath.Len() == 0 {
			list = append(list, api.Event{
				Time: now, Kind: "announcement", Address: c.Prefix.String(), From: neighbors(c.Before.To), To: neighbors(c.To), Reason: why.Rule,
			})
		}
	}
	if len(list) == 0 {
		return
	}
	go d.speaker.Do(func(time.Time) { // after the end of the loop there is nobody to tell
		for _, e := range list {
			d.history.events.add(e)
		}
	})
}

// neighbors says to how many something is told; a prefix of dynamic ones counts once.
func neighbors(to []bgp.Target) string {
	if len(to) == 1 {
		return "1 neighbour"
	}
	return fmt.Sprintf("%d neighbours", len(to))
}
