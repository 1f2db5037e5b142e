package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/firewall"
)

// rulesets tells what the rulesets do to the packet, for each interface that it
// may leave through.
func (x *explainer) rulesets(out *api.Direction, f fib.Flow, d fib.Decision, answer bool) error {
	out.Tracked = true
	exits := x.exits(*out)
	switch {
	case f.In == 0 && d.Type == unix.RTN_LOCAL:
		out.TrackedBy = "what the router sends to itself is not followed through the rulesets"
		return nil
	case d.Type == unix.RTN_LOCAL:
		exits = []string{""}
	case d.Type != unix.RTN_UNICAST:
		out.TrackedBy = "what is for all on a link is not followed through the rulesets"
		return nil
	}
	var packets []firewall.Packet
	for _, exit := range exits {
		p := firewall.Packet{
			In: out.In, Out: exit, Source: f.Source, Destination: f.Destination, DestinationType: d.Type,
			Protocol: f.Protocol, SourcePort: f.SourcePort, DestinationPort: f.DestinationPort, Answer: answer,
		}
		if s, err := x.resolver.Resolve(fib.Flow{Destination: f.Source}); err == nil {
			p.SourceType = s.Type
		}
		packets = append(packets, p)
	}
	fates, err := x.d.follow(x.ctx, packets)
	if err != nil {
		out.TrackedBy = "not known: " + err.Error()
		return nil
	}
	for i, fate := range fates {
		one := *out
		judge(&one, fate)
		if i > 0 && !sameFate(one, *out) {
			one.TrackedCertain = false
			one.DroppedBy = uncertain(append(one.DroppedBy, out.DroppedBy...))
		}
		*out = one
	}
	return nil
}

// follow asks the firewall loop, which has none without nftables.
func (d *daemon) follow(ctx context.Context, packets []firewall.Packet) ([]firewall.Fate, error) {
	type result struct {
		fates []firewall.Fate
		err   error
	}
	r, err := askLoop(ctx, d.firewall.inbox, func() result {
		if d.firewall.fw == nil {
			return result{make([]firewall.Fate, len(packets)), errors.New("nftables cannot be read")}
		}
		fates, err := d.firewall.fw.Follow(packets...)
		return result{fates, err}
	})
	return r.fates, errors.Join(err, r.err)
}

func judge(out *api.Direction, f firewall.Fate) {
	out.Tracked, out.TrackedCertain = f.Tracked()
	switch {
	case f.Idle:
		out.TrackedBy = "nothing in the rulesets asks for connection tracking"
	case len(f.Untracked) > 0:
		p := f.Untracked[len(f.Untracked)-1]
		out.TrackedBy = fmt.Sprintf("%s %s %s: %s", p.Family, p.Table, p.Chain, p.Rule)
	default:
		out.TrackedBy = "no rule takes it out of connection tracking"
	}
	out.DroppedBy, out.TranslatedBy, out.OffloadedBy = places(f.Drops), places(f.Translates), places(f.Offloads)
}

func places(list []firewall.Place) (out []api.Blocker) {
	for _, p := range list {
		out = append(out, api.Blocker(p))
	}
	return out
}

func sameFate(a, b api.Direction) bool {
	return a.Tracked == b.Tracked && a.TrackedCertain == b.TrackedCertain && slices.Equal(a.DroppedBy, b.DroppedBy)
}

func uncertain(list []api.Blocker) []api.Blocker {
	for i := range list {
		list[i].Certain = false
	}
	slices.SortFunc(list, func(a, b api.Blocker) int {
		return slices.Compare([]string{a.Table, a.Chain, a.Rule}, []string{b.Table, b.Chain, b.Rule})
	})
	return slices.Compact(list)
}
