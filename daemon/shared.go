package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/firewall"
	"github.com/ecmpd/ecmpd/ospf/spf"
	"github.com/ecmpd/ecmpd/transit"
)

// sharedInterval is how often the tracked networks are looked at for the log.
const sharedInterval = 5 * time.Second

// watchShared logs tracked networks that this router shares with others, each
// once while it lasts.
func (d *daemon) watchShared(ctx context.Context) error {
	tick := time.NewTicker(sharedInterval)
	defer tick.Stop()
	warned := map[netip.Prefix]bool{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		state, err := d.transitState(ctx)
		if err != nil {
			return nil // the daemon ends
		}
		shared, err := d.sharedTracked(ctx, state)
		if err != nil {
			return nil
		}
		now := map[netip.Prefix]bool{}
		for _, s := range shared {
			if s.masquerades() {
				continue
			}
			now[s.Prefix] = true
			if !warned[s.Prefix] {
				d.log.WithFields(logrus.Fields{"prefix": s.Prefix, "router": s.Router}).Warn("tracked network: " + s.reason())
			}
		}
		warned = now
	}
}

func (d *daemon) transitState(ctx context.Context) (transit.State, error) {
	return askLoop(ctx, d.routes.inbox, func() transit.State { return d.routes.transit })
}

// sharedTracked is a network that is tracked here, and of whose flows connection tracking
// sees a part only.
type sharedTracked struct {
	spf.Shared
	nat *firewall.Translation // that it is tracked for; nil: by configuration
}

// masquerades tells of a rule that puts an address into packets that other hubs do not
// have, so that the answers come back to this one.
func (s sharedTracked) masquerades() bool { return s.nat != nil && !s.nat.Destination }

// sharedTracked lists them, those of the configuration first.
func (d *daemon) sharedTracked(ctx context.Context, state transit.State) ([]sharedTracked, error) {
	nat, err := askLoop(ctx, d.firewall.inbox, func() []firewall.Translation { return d.firewall.nat })
	if err != nil {
		return nil, err
	}
	translated := translatedNetworks(nat)
	if len(state.Tracked)+len(translated) == 0 {
		return nil, nil
	}
	return askOSPF(ctx, d, func(time.Time) (list []sharedTracked) {
		for _, s := range d.engine.Shared(state.Tracked) {
			list = append(list, sharedTracked{Shared: s})
		}
		for _, s := range d.engine.Shared(translated) {
			if i := slices.IndexFunc(nat, func(t firewall.Translation) bool { return translates(t, s.Prefix) }); i >= 0 {
				list = append(list, sharedTracked{s, &nat[i]})
			}
		}
		return list
	})
}

// translatedNetworks are those that rules name; what is true of a rule that names
// none is told elsewhere.
func translatedNetworks(nat []firewall.Translation) (list []netip.Prefix) {
	for _, t := range nat {
		for _, p := range t.Networks {
			if p.Bits() > 0 && !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list
}

func translates(t firewall.Translation, network netip.Prefix) bool {
	return slices.ContainsFunc(t.Networks, func(p netip.Prefix) bool { return p.Bits() > 0 && p.Overlaps(network) })
}

// reason is what an operator has to know of it.
func (s sharedTracked) reason() string {
	if s.nat == nil {
		return fmt.Sprintf("router %s reaches it through this router and past it at equal cost, so that a flow may come through one hub and "+
			"return through another, and stateful firewalls drop it (where addresses alone are hashed, as branches of other makes do, "+
			"all connections of two hosts or none); let one hub carry it (attach it there only, or make the other ways "+
			"dearer), or take it out of transit.tracked (and list it under transit.also where it is attached)", s.Router)
	}
	p := s.nat.Place
	where := fmt.Sprintf("%s %s %s: %s translates it, and router %s reaches it through this router and past it at equal cost: ", p.Family, p.Table, p.Chain, p.Rule, s.Router)
	if s.masquerades() {
		return where + "what this router puts an address of its own into is answered to this router; a connection that is opened to this network may come " +
			"through one hub and be answered through another, which knows nothing of it"
	}
	return where + "an answer that takes another hub is not translated back there, even if that has the same rule, and the connection is lost; about half of them are"
}
