package daemon

import (
	"context"
	"fmt"
	"slices"

	"github.com/ecmpd/ecmpd/doctor"
	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/fib/sysctl"
	"github.com/ecmpd/ecmpd/link"
	"github.com/ecmpd/ecmpd/wan"
)

// uplinkFacts gathers what others do that uplinks suffer from.
func (d *daemon) uplinkFacts(ctx context.Context, f *doctor.Uplinks) error {
	cfg := d.currentConfig()
	if len(cfg.WAN.Uplinks) == 0 {
		return nil
	}
	f.Mask = cfg.WAN.Mark.Mask
	type state struct {
		foreign []fib.Foreign
		links   link.Snapshot
	}
	s, err := askLoop(ctx, d.routes.inbox, func() state { return state{slices.Clone(d.routes.foreign), d.routes.links} })
	if err != nil {
		return err
	}
	for _, l := range s.links.Links {
		if cfg.WAN.Owns(l.Name) && d.settings.ReversePath(l.Name) == sysctl.ReversePathStrict {
			f.Strict = append(f.Strict, l.Name)
		}
	}
	for _, r := range s.foreign {
		l, ok := s.links.ByIndex(r.Ifindex)
		if ok && r.Prefix == defaultRoute && r.Metric < cfg.Kernel.Metric && cfg.WAN.Owns(l.Name) {
			f.Defaults = append(f.Defaults, fmt.Sprintf("via %s dev %s metric %d", r.Gateway, l.Name, r.Metric))
		}
	}
	resolver, err := fib.OpenResolver()
	if err != nil {
		return err
	}
	defer resolver.Close()
	rules, err := resolver.Rules()
	for _, r := range rules {
		if r.Protocol != cfg.Kernel.Protocol && inTheWay(r, cfg.WAN.Mark) {
			f.Rules = append(f.Rules, r.String())
		}
	}
	return err
}

// inTheWay tells whether a rule looks at our bits, or has a priority among ours.
func inTheWay(r fib.Rule, mark wan.Mark) bool {
	return r.Mask&mark.Mask != 0 || mark.RuleBase <= r.Priority && r.Priority <= mark.BoundRule(mark.MaxUplinks())
}
