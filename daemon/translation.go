package daemon

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/firewall"
)

// findTranslations looks for NAT rules of others that transit packets may meet,
// and names each in the log when it appears.
func (f *firewallLoop) findTranslations() error {
	found, err := f.fw.Translations(f.wanted.state.Interfaces, f.wanted.state.Prefixes)
	if err != nil {
		f.log.WithError(err).Warn("foreign rulesets could not be read: nobody knows whether they translate transit packets; trying again")
		return err
	}
	for _, t := range found {
		if slices.ContainsFunc(f.nat, func(o firewall.Translation) bool { return o.Place == t.Place && slices.Equal(o.Networks, t.Networks) }) {
			continue
		}
		entry := f.log.WithFields(logrus.Fields{"family": t.Place.Family, "table": t.Place.Table, "chain": t.Place.Chain, "rule": t.Place.Rule})
		switch {
		case t.Doubt != "":
			entry.WithField("reason", t.Doubt).Warn("this rule may translate transit packets, which have to be tracked for that: put their networks into transit.tracked")
		case slices.ContainsFunc(t.Networks, func(p netip.Prefix) bool { return p.Bits() == 0 }):
			entry.Warn("this rule translates transit packets and names no network: all transit stays tracked because of it")
		default:
			entry.WithField("networks", t.Networks).Info("networks that this rule translates stay tracked")
		}
	}
	f.nat = found
	return nil
}

// tracked are the networks that stay tracked: by configuration, and for NAT.
func (f *firewallLoop) tracked() []netip.Prefix {
	list := slices.Clone(f.wanted.state.Tracked)
	for _, t := range f.nat {
		list = append(list, t.Networks...)
	}
	return list
}

// addTranslations tells what NAT rules of others do to transit.
func addTranslations(out *api.Transit, nat []firewall.Translation) {
	type hole struct {
		prefix netip.Prefix
		reason string
	}
	var holes []hole
	for _, t := range nat {
		p := t.Place
		for _, network := range t.Networks {
			holes = append(holes, hole{network, fmt.Sprintf("translated by %s %s %s: %s", p.Family, p.Table, p.Chain, p.Rule)})
		}
		if t.Doubt != "" {
			out.MayTranslate = append(out.MayTranslate, api.Blocker(p))
		}
	}
	slices.SortStableFunc(holes, func(a, b hole) int {
		return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()))
	})
	for _, h := range holes {
		out.Holes = append(out.Holes, api.Hole{Prefix: h.prefix.String(), Reason: h.reason})
	}
}
