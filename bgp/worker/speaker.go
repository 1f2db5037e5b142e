package worker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"sync"
	"time"

	api "github.com/osrg/gobgp/v3/api"
	"github.com/osrg/gobgp/v3/pkg/log"
	"github.com/osrg/gobgp/v3/pkg/server"

	"github.com/ecmpd/ecmpd/bgp"
)

// global names GoBGP's policy assignment that all neighbours have in common.
const global = "global"

// speaker is GoBGP with what it was told.
type speaker struct {
	server *server.BgpServer
	put    func(message)
	config bgp.Config // without neighbours
	export *export
	inward inward

	configured map[netip.Addr]bgp.Neighbor
	dynamic    map[netip.Prefix]bgp.Dynamic

	order  sync.Mutex // of what the daemon hears of paths; GoBGP's loop never waits for it
	hidden hidden

	mu      sync.Mutex
	reasons map[string]string             // of neighbours, why they are down
	unheard map[netip.Addr][]netip.Prefix // hidden paths that the daemon has not heard of
	due     chan struct{}                 // there are any
}

// newSpeaker starts GoBGP without any neighbour. It listens when it returns.
func newSpeaker(c bgp.Config, put func(message)) (*speaker, error) {
	s := &speaker{
		put: put, config: c, configured: map[netip.Addr]bgp.Neighbor{}, dynamic: map[netip.Prefix]bgp.Dynamic{}, reasons: map[string]string{},
		hidden: newHidden(), unheard: map[netip.Addr][]netip.Prefix{}, due: make(chan struct{}, 1),
	}
	s.server = server.NewBgpServer(server.LoggerOption(log.Logger(&logger{put: put, reason: s.noteReason, ignored: s.ignored})))
	s.export = newExport(s.server)
	go s.server.Serve()
	g := &api.Global{Asn: c.AS, RouterId: c.RouterID.String(), ListenPort: int32(c.Port)}
	if c.Port == 0 {
		g.ListenPort = -1
	}
	for _, a := range c.Listen {
		g.ListenAddresses = append(g.ListenAddresses, a.String())
	}
	if len(g.ListenAddresses) == 0 {
		g.ListenAddresses = []string{"0.0.0.0"}
	}
	ctx := context.Background()
	if err := s.server.StartBgp(ctx, &api.StartBgpRequest{Global: g}); err != nil {
		return nil, fmt.Errorf("listen on port %d: %w", c.Port, err)
	}
	if err := s.export.begin(ctx); err != nil {
		return nil, err
	}
	go s.uncover(ctx)
	return s, s.watch(ctx)
}

// neighbors makes the list of neighbours what it is to be.
func (s *speaker) neighbors(n neighbors) error {
	ctx := context.Background()
	var errs []error
	configured, dynamic := map[netip.Addr]bgp.Neighbor{}, map[netip.Prefix]bgp.Dynamic{}
	for _, c := range n.Configured {
		configured[c.Address] = c
	}
	for _, d := range n.Dynamic {
		dynamic[d.Prefix] = d
	}
	for a, old := range s.configured {
		if c, ok := configured[a]; !ok || restarts(old.Peering, c.Peering) {
			errs = append(errs, s.server.DeletePeer(ctx, &api.DeletePeerRequest{Address: a.String()}))
			delete(s.configured, a)
		}
	}
	for p, old := range s.dynamic {
		if d, ok := dynamic[p]; !ok || !reflect.DeepEqual(old, d) {
			errs = append(errs, s.deleteDynamic(ctx, p))
			delete(s.dynamic, p)
		}
	}
	for a, c := range configured {
		old, known := s.configured[a]
		switch {
		case !known:
			errs = append(errs, s.server.AddPeer(ctx, &api.AddPeerRequest{Peer: s.peer(c, n.Restarting)}))
		case !reflect.DeepEqual(old, c):
			_, err := s.server.UpdatePeer(ctx, &api.UpdatePeerRequest{Peer: s.peer(c, false)})
			errs = append(errs, err)
		}
		s.configured[a] = c
	}
	for p, d := range dynamic {
		if _, known := s.dynamic[p]; !known {
			errs = append(errs, s.addDynamic(ctx, d))
			s.dynamic[p] = d
		}
	}
	return errors.Join(errs...)
}

// restarts tells whether a session has to begin anew with another configuration.
func restarts(old, c bgp.Peering) bool {
	// What the daemon alone looks at, or what changes while a session lasts.
	for _, p := range []*bgp.Peering{&old, &c} {
		p.Description, p.Import, p.Export, p.Open, p.BFD, p.NextHopSelf = "", "", "", false, false, false
		p.Timers, p.PrefixLimit, p.TTLSecurity, p.Multihop = bgp.Timers{}, 0, 0, 0
	}
	return old != c
}

// ipv4 is the only family.
var ipv4 = &api.Family{Afi: api.Family_AFI_IP, Safi: api.Family_SAFI_UNICAST}

// peer is a neighbour in GoBGP's words.
func (s *speaker) peer(n bgp.Neighbor, restarting bool) *api.Peer {
	p := &n.Peering
	peer := &api.Peer{
		Conf: &api.PeerConf{
			NeighborAddress: n.Address.String(), PeerAsn: p.RemoteAS, AuthPassword: p.Password, Description: p.Description, AdminDown: p.Disabled,
			// Paths through the own autonomous system are not hidden from the daemon, which rejects them:
			// GoBGP would keep what such a path replaces.
			AllowOwnAsn: 255,
			// Nor are paths through the neighbour's from its export policy, which rejects them: GoBGP would not take
			// back what such a path replaces.
			AllowAspathLoopLocal: true,
		},
		Transport:       s.transport(p),
		Timers:          timers(p.Timers),
		EbgpMultihop:    s.multihop(p),
		TtlSecurity:     ttlSecurity(p),
		RouteReflector:  s.reflector(p),
		RouteServer:     &api.RouteServer{RouteServerClient: p.RouteServer},
		GracefulRestart: gracefulRestart(p),
		AfiSafis:        families(p),
	}
	peer.GracefulRestart.LocalRestarting = restarting && p.GracefulRestart.Enabled
	return peer
}

func (s *speaker) transport(p *bgp.Peering) *api.Transport {
	t := &api.Transport{PassiveMode: p.Passive, RemotePort: uint32(p.Port)}
	if p.LocalAddress.IsValid() {
		t.LocalAddress = p.LocalAddress.String()
	}
	return t
}

func timers(t bgp.Timers) *api.Timers {
	return &api.Timers{Config: &api.TimersConfig{
		HoldTime: whole(t.Hold), KeepaliveInterval: whole(t.Keepalive), ConnectRetry: whole(t.ConnectRetry),
		IdleHoldTimeAfterReset: 1,
	}}
}

func whole(d time.Duration) uint64 { return uint64(d / time.Second) }

func (s *speaker) multihop(p *bgp.Peering) *api.EbgpMultihop {
	return &api.EbgpMultihop{Enabled: p.Multihop > 0 && !p.Internal(s.config.AS), MultihopTtl: uint32(p.Multihop)}
}

// ttlSecurity says which TTL packets have at least (RFC 5082 3).
func ttlSecurity(p *bgp.Peering) *api.TtlSecurity {
	if p.TTLSecurity == 0 {
		return &api.TtlSecurity{}
	}
	return &api.TtlSecurity{Enabled: true, TtlMin: 256 - uint32(p.TTLSecurity)}
}

// reflector makes all neighbours of the own system clients for GoBGP when there are clients: it takes the attributes of
// reflection off for others, which RFC 4456 8 wants there. Who hears what is the daemon's decision.
func (s *speaker) reflector(p *bgp.Peering) *api.RouteReflector {
	if !s.config.ClusterID.IsValid() || !p.Internal(s.config.AS) {
		return nil
	}
	return &api.RouteReflector{RouteReflectorClient: true, RouteReflectorClusterId: s.config.ClusterID.String()}
}

func gracefulRestart(p *bgp.Peering) *api.GracefulRestart {
	const deferral = 30 // s, for the neighbours' ends of RIB after a restart
	return &api.GracefulRestart{
		Enabled: p.GracefulRestart.Enabled, RestartTime: uint32(whole(p.GracefulRestart.Time)), DeferralTime: deferral,
	}
}

func families(p *bgp.Peering) []*api.AfiSafi {
	return []*api.AfiSafi{{
		Config:            &api.AfiSafiConfig{Family: ipv4, Enabled: true},
		MpGracefulRestart: &api.MpGracefulRestart{Config: &api.MpGracefulRestartConfig{Enabled: p.GracefulRestart.Enabled}},
		PrefixLimits:      &api.PrefixLimit{Family: ipv4, MaxPrefixes: p.PrefixLimit},
	}}
}

func (s *speaker) addDynamic(ctx context.Context, d bgp.Dynamic) error {
	p := &d.Peering
	name := d.Prefix.String()
	group := &api.PeerGroup{
		Conf:            &api.PeerGroupConf{PeerGroupName: name, PeerAsn: p.RemoteAS, AuthPassword: p.Password, Description: p.Description},
		Transport:       s.transport(p),
		Timers:          timers(p.Timers),
		EbgpMultihop:    s.multihop(p),
		TtlSecurity:     ttlSecurity(p),
		RouteReflector:  s.reflector(p),
		RouteServer:     &api.RouteServer{RouteServerClient: p.RouteServer},
		GracefulRestart: gracefulRestart(p),
		AfiSafis:        families(p),
	}
	if err := s.server.AddPeerGroup(ctx, &api.AddPeerGroupRequest{PeerGroup: group}); err != nil {
		return err
	}
	return s.server.AddDynamicNeighbor(ctx, &api.AddDynamicNeighborRequest{DynamicNeighbor: &api.DynamicNeighbor{Prefix: name, PeerGroup: name}})
}

func (s *speaker) deleteDynamic(ctx context.Context, p netip.Prefix) error {
	name := p.String()
	return errors.Join(
		s.server.DeleteDynamicNeighbor(ctx, &api.DeleteDynamicNeighborRequest{Prefix: name, PeerGroup: name}),
		s.server.DeletePeerGroup(ctx, &api.DeletePeerGroupRequest{Name: name}),
	)
}

// reset ends a session, which begins anew.
func (s *speaker) reset(r reset) error {
	s.noteReason(r.Neighbor.String(), r.Reason)
	return s.server.ResetPeer(context.Background(), &api.ResetPeerRequest{Address: r.Neighbor.String(), Communication: r.Reason})
}

// alive asks GoBGP's own loop for an answer, and for what it keeps to itself.
func (s *speaker) alive() error {
	ctx := context.Background()
	_, err := s.server.GetBgp(ctx, &api.GetBgpRequest{})
	s.review(ctx)
	return err
}

// stop says good-bye to all neighbours.
func (s *speaker) stop() { _ = s.server.StopBgp(context.Background(), &api.StopBgpRequest{}) }

func (s *speaker) noteReason(neighbor, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if why != "" && neighbor != "" {
		s.reasons[neighbor] = why
	}
}

func (s *speaker) reason(neighbor string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reasons[neighbor]
}
