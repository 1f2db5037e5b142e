package worker

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	api "github.com/osrg/gobgp/v3/api"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/ecmpd/ecmpd/bgp"
)

// inward is what is known of the last path, which the next one mostly shares its attributes with.
type inward struct {
	raw        []*anypb.Any
	attributes *bgp.Attributes
}

// largest is how many prefixes go into one message.
const largest = 4096

// watch hands on what neighbours say and what becomes of them.
func (s *speaker) watch(ctx context.Context) error {
	table := &api.WatchEventRequest_Table{Filters: []*api.WatchEventRequest_Table_Filter{
		{Type: api.WatchEventRequest_Table_Filter_ADJIN}, {Type: api.WatchEventRequest_Table_Filter_EOR},
	}}
	return s.server.WatchEvent(ctx, &api.WatchEventRequest{Peer: &api.WatchEventRequest_Peer{}, Table: table}, func(r *api.WatchEventResponse) {
		switch e := r.Event.(type) {
		case *api.WatchEventResponse_Peer:
			if e.Peer.Type == api.WatchEventResponse_PeerEvent_STATE {
				s.sessionChanged(ctx, e.Peer.Peer)
			}
		case *api.WatchEventResponse_Table:
			s.order.Lock()
			s.pathsChanged(e.Table.Paths)
			s.follow(ctx, e.Table.Paths)
			s.order.Unlock()
		}
	})
}

// sessionChanged reports a change of a session's state.
func (s *speaker) sessionChanged(ctx context.Context, p *api.Peer) {
	neighbor, err := netip.ParseAddr(p.State.NeighborAddress)
	if err != nil {
		return
	}
	to := bgp.State(p.State.SessionState)
	change := &Session{Event: bgp.Event{Neighbor: neighbor, AS: p.State.PeerAsn, To: to}}
	if to == bgp.Established {
		id, _ := netip.ParseAddr(p.State.RouterId)
		change.Source = bgp.Source{Address: neighbor, AS: p.State.PeerAsn, RouterID: id, Internal: p.State.PeerAsn == s.config.AS}
	} else {
		s.order.Lock()
		delete(s.hidden.prefixes, neighbor)
		delete(s.hidden.reviewed, neighbor)
		s.order.Unlock()
		change.Reason = s.reason(neighbor.String())
		change.Graceful = s.graceful(ctx, neighbor)
	}
	s.put(message{Session: change})
}

// graceful is how long the paths of a neighbour that restarts are to be kept: not at all where it has not said that it goes
// on to forward for them (RFC 4724 3), as those that only help others do not.
func (s *speaker) graceful(ctx context.Context, neighbor netip.Addr) (keep time.Duration) {
	// A neighbour that is gone meanwhile restarts in no way.
	_ = s.server.ListPeer(ctx, &api.ListPeerRequest{Address: neighbor.String()}, func(p *api.Peer) {
		preserves := slices.ContainsFunc(p.AfiSafis, func(a *api.AfiSafi) bool {
			f := a.GetConfig().GetFamily()
			return f.GetAfi() == ipv4.Afi && f.GetSafi() == ipv4.Safi && a.GetMpGracefulRestart().GetState().GetReceived()
		})
		if g := p.GracefulRestart; g != nil && g.PeerRestarting && preserves {
			keep = time.Duration(g.PeerRestartTime) * time.Second
		}
	})
	return keep
}

// pathsChanged reports what one UPDATE says; its paths share their attributes.
func (s *speaker) pathsChanged(paths []*api.Path) {
	var u *update
	flush := func() {
		if u != nil {
			s.put(message{Update: u})
			u = nil
		}
	}
	for _, p := range paths {
		neighbor, err := netip.ParseAddr(p.NeighborIp)
		if err != nil || p.Family.GetAfi() != api.Family_AFI_IP || p.Family.GetSafi() != api.Family_SAFI_UNICAST {
			continue
		}
		if p.Nlri == nil {
			flush()
			s.put(message{EndOfRIB: neighbor})
			continue
		}
		prefix, ok := prefixOf(p.Nlri)
		if !ok {
			continue
		}
		var attributes *bgp.Attributes
		if !p.IsWithdraw {
			attributes = s.inward.of(p.Pattrs)
		}
		if u != nil && (u.Neighbor != neighbor || attributes != nil && u.Attributes != nil && u.Attributes != attributes || len(u.Reachable)+len(u.Withdrawn) >= largest*packed) {
			flush()
		}
		if u == nil {
			u = &update{Neighbor: neighbor}
		}
		if p.IsWithdraw {
			u.Withdrawn = pack(u.Withdrawn, prefix)
		} else {
			u.Attributes, u.Reachable = attributes, pack(u.Reachable, prefix)
		}
	}
	flush()
}

// of translates attributes, those of the path before without looking into them.
func (in *inward) of(raw []*anypb.Any) *bgp.Attributes {
	same := in.attributes != nil && len(raw) == len(in.raw)
	for i := 0; same && i < len(raw); i++ {
		same = raw[i].TypeUrl == in.raw[i].TypeUrl && bytes.Equal(raw[i].Value, in.raw[i].Value)
	}
	if !same {
		in.raw, in.attributes = raw, attributesOf(raw)
	}
	return in.attributes
}

func prefixOf(nlri *anypb.Any) (netip.Prefix, bool) {
	var v api.IPAddressPrefix
	if nlri.UnmarshalTo(&v) != nil {
		return netip.Prefix{}, false
	}
	a, err := netip.ParseAddr(v.Prefix)
	if err != nil || !a.Is4() || v.PrefixLen > 32 {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, int(v.PrefixLen)).Masked(), true
}

// attributesOf translates attributes; those that nobody here asks for are left out.
func attributesOf(raw []*anypb.Any) *bgp.Attributes {
	a := &bgp.Attributes{Origin: bgp.Incomplete}
	for _, attribute := range raw {
		m, err := attribute.UnmarshalNew()
		if err != nil {
			continue
		}
		switch m := m.(type) {
		case *api.OriginAttribute:
			a.Origin = bgp.Origin(min(m.Origin, uint32(bgp.Incomplete)))
		case *api.AsPathAttribute:
			for _, s := range m.Segments {
				a.ASPath = append(a.ASPath, bgp.Segment{Type: segmentType(s.Type), AS: s.Numbers})
			}
		case *api.NextHopAttribute:
			a.NextHop = address(m.NextHop)
		case *api.MpReachNLRIAttribute:
			if len(m.NextHops) > 0 {
				a.NextHop = address(m.NextHops[0])
			}
		case *api.MultiExitDiscAttribute:
			a.MED, a.HasMED = m.Med, true
		case *api.LocalPrefAttribute:
			a.LocalPref, a.HasLocalPref = m.LocalPref, true
		case *api.AtomicAggregateAttribute:
			a.Aggregated = true
		case *api.CommunitiesAttribute:
			for _, c := range m.Communities {
				a.Communities = append(a.Communities, bgp.Community(c))
			}
		case *api.LargeCommunitiesAttribute:
			for _, c := range m.Communities {
				if c.GlobalAdmin != markAS { // a mark is no word of a neighbour
					a.Large = append(a.Large, bgp.LargeCommunity{Global: c.GlobalAdmin, Local1: c.LocalData1, Local2: c.LocalData2})
				}
			}
		case *api.ExtendedCommunitiesAttribute:
			a.LinkBandwidth = bandwidth(m.Communities)
		case *api.OriginatorIdAttribute:
			a.OriginatorID = address(m.Id)
		case *api.ClusterListAttribute:
			for _, id := range m.Ids {
				a.ClusterList = append(a.ClusterList, address(id))
			}
		}
	}
	return a
}

func address(text string) netip.Addr {
	a, _ := netip.ParseAddr(strings.TrimSpace(text))
	return a.Unmap()
}

// segmentType translates from GoBGP's numbers, which are those of the RFC.
func segmentType(t api.AsSegment_Type) bgp.SegmentType { return bgp.SegmentType(t) }

// bandwidth finds the link-bandwidth community.
func bandwidth(list []*anypb.Any) float32 {
	for _, c := range list {
		var v api.LinkBandwidthExtended
		if c.MessageIs(&v) && c.UnmarshalTo(&v) == nil && v.Bandwidth > 0 {
			return v.Bandwidth
		}
	}
	return 0
}

// sessions lists all neighbours as GoBGP sees them.
func (s *speaker) sessions(ctx context.Context) ([]bgp.Session, error) {
	var list []bgp.Session
	err := s.server.ListPeer(ctx, &api.ListPeerRequest{}, func(p *api.Peer) {
		list = append(list, s.session(p))
	})
	return list, err
}

func (s *speaker) session(p *api.Peer) bgp.Session {
	st := bgp.Session{
		Neighbor: address(p.State.NeighborAddress), Description: p.Conf.Description, AS: p.State.PeerAsn,
		State: bgp.State(p.State.SessionState), Flaps: p.State.Flops,
	}
	if st.AS == 0 {
		st.AS = p.Conf.PeerAsn
	}
	st.Internal = st.AS == s.config.AS
	if _, configured := s.configured[st.Neighbor]; !configured {
		for d := range s.dynamic {
			if d.Contains(st.Neighbor) && d.Bits() >= st.Dynamic.Bits() {
				st.Dynamic = d
			}
		}
	}
	timers := p.Timers.GetState()
	if st.State == bgp.Established {
		st.RouterID, st.Local = address(p.State.RouterId), address(p.Transport.GetLocalAddress())
		if timers.GetUptime() != nil {
			st.Since = timers.Uptime.AsTime()
		}
	} else {
		st.Reason = s.reason(st.Neighbor.String())
		if d := timers.GetDowntime(); d != nil && d.Seconds > 0 {
			st.Since = d.AsTime()
		}
	}
	if m := p.State.Messages; m != nil {
		st.Messages = bgp.Messages{
			Sent: m.Sent.GetTotal(), Received: m.Received.GetTotal(),
			UpdatesSent: m.Sent.GetUpdate(), UpdatesReceived: m.Received.GetUpdate(),
		}
	}
	return st
}
