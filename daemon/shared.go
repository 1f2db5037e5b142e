package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/sirupsen/logrus"

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
			now[s.Prefix] = true
			if !warned[s.Prefix] {
				d.log.WithFields(logrus.Fields{"prefix": s.Prefix, "router": s.Router}).Warn("tracked network: " + sharedReason(s))
			}
		}
		warned = now
	}
}

func (d *daemon) transitState(ctx context.Context) (transit.State, error) {
	return askLoop(ctx, d.routes.inbox, func() transit.State { return d.routes.transit })
}

// sharedTracked lists the tracked networks of whose flows connection tracking
// sees a part only.
func (d *daemon) sharedTracked(ctx context.Context, state transit.State) ([]spf.Shared, error) {
	if len(state.Tracked) == 0 {
		return nil, nil
	}
	return askOSPF(ctx, d, func(time.Time) []spf.Shared { return d.engine.Shared(state.Tracked) })
}

// sharedReason is what an operator has to know of it.
func sharedReason(s spf.Shared) string {
	return fmt.Sprintf("router %s reaches it through this router and past it at equal cost, so that a flow may come through one hub and "+
		"return through another, and stateful firewalls drop it (where addresses alone are hashed, as branches of other makes do, "+
		"all connections of two hosts or none); let one hub carry it (attach it there only, or make the other ways "+
		"dearer), or take it out of transit.tracked (and list it under transit.also where it is attached)", s.Router)
}
