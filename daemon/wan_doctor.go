package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/doctor"
	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/fib/sysctl"
	"github.com/ecmpd/ecmpd/firewall"
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
	mark := cfg.WAN.Mark
	if f.Tables, err = resolver.OthersIn(mark.Table(1), mark.QuestionTable(), cfg.Kernel.Protocol); err != nil {
		return err
	}
	rules, err := resolver.Rules()
	for _, r := range rules {
		if r.Protocol != cfg.Kernel.Protocol && inTheWay(r, mark) {
			f.Rules = append(f.Rules, r.String())
		}
	}
	if err != nil {
		return err
	}
	f.Marks, err = d.foreignMarks(ctx, mark.Mask)
	return err
}

// foreignMarks asks the firewall loop for rules of others that write our bits.
func (d *daemon) foreignMarks(ctx context.Context, mask uint32) (out []doctor.ForeignMark, err error) {
	type found struct {
		places []firewall.Place
		err    error
	}
	r, err := askLoop(ctx, d.firewall.inbox, func() (r found) {
		if d.firewall.fw == nil {
			r.err = errors.New("nftables cannot be read")
			return r
		}
		r.places, r.err = d.firewall.fw.Marks(mask)
		return r
	})
	for _, p := range r.places {
		out = append(out, doctor.ForeignMark{Rule: fmt.Sprintf("%s %s %s: %s", p.Family, p.Table, p.Chain, p.Rule), Certain: p.Certain})
	}
	return out, errors.Join(err, r.err)
}

// watchUplinkConflicts tells, at the start and when it changes, what of others is in the way of the uplinks. It is
// not touched.
func (d *daemon) watchUplinkConflicts(ctx context.Context) error {
	tick := time.NewTicker(conflictInterval)
	defer tick.Stop()
	told := map[string]bool{}
	for {
		var f doctor.Uplinks
		if err := d.uplinkFacts(ctx, &f); err == nil {
			told = d.tellConflicts(f, told)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// conflictInterval is how often others' marks, rules and tables are looked at.
const conflictInterval = time.Minute

// tellConflicts logs those that were not told before, and returns all there are.
func (d *daemon) tellConflicts(f doctor.Uplinks, before map[string]bool) map[string]bool {
	now := map[string]bool{}
	tell := func(what string) {
		if now[what] = true; !before[what] {
			d.log.Warnf("uplinks: another program's %s is in the way (ecmpd doctor)", what)
		}
	}
	for _, r := range f.Rules {
		tell("policy rule " + r)
	}
	for _, r := range f.Tables {
		tell("route " + r)
	}
	for _, m := range f.Marks {
		if m.Certain {
			tell("rule " + m.Rule)
		}
	}
	return now
}

// inTheWay tells whether a rule looks at our bits, or has a priority among ours.
func inTheWay(r fib.Rule, mark wan.Mark) bool {
	return r.Mask&mark.Mask != 0 || mark.RuleBase <= r.Priority && r.Priority <= mark.BoundRule(mark.MaxUplinks())
}
