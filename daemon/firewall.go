package daemon

import (
	"context"
	"net/netip"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/firewall"
	"github.com/ecmpd/ecmpd/transit"
)

// wantedRules is what the route loop wants of the firewall.
type wantedRules struct {
	state         transit.State
	forwardAccept bool
}

// foreignRules says that somebody else changed nftables.
type foreignRules struct{ event firewall.Event }

// firewallLoop owns the table `inet ecmpd` and the conntrack entries of flows
// that are no longer tracked. Only the latest wanted state counts, so a burst
// of route changes costs one transaction.
type firewallLoop struct {
	log   *logrus.Logger
	inbox *mailbox[any]
	fw    *firewall.Firewall // nil while mode is off and nothing of ours is there

	wanted   wantedRules
	known    bool // wanted has been set
	swept    bool
	flush    bool // conntrack entries may have to go; at the start they may
	blockers []firewall.Blocker
	failure  string
	inSync   bool
}

func newFirewallLoop(log *logrus.Logger) *firewallLoop {
	return &firewallLoop{log: log, inbox: newMailbox[any](), flush: true}
}

// run is the loop. Without nftables routing goes on and the log says so.
func (f *firewallLoop) run(ctx context.Context) error {
	fw, err := firewall.Open()
	if err != nil {
		f.failure = err.Error()
		f.log.WithError(err).Warn("nftables is not available: transit traffic stays tracked")
	} else {
		f.fw = fw
		defer fw.Close()
		go f.watch(ctx, fw)
	}
	retry := time.AfterFunc(time.Hour, func() { f.inbox.put(foreignRules{}) })
	defer retry.Stop()
	for {
		batch := f.inbox.take(ctx)
		if batch == nil {
			return nil
		}
		work := workNone
		for _, m := range batch {
			work = max(work, f.apply(m))
		}
		if f.fw == nil || work == workNone || !f.known {
			continue
		}
		f.write(work)
		if f.failure != "" {
			retry.Reset(time.Second)
		}
	}
}

func (f *firewallLoop) watch(ctx context.Context, fw *firewall.Firewall) {
	for ctx.Err() == nil {
		if err := fw.Watch(ctx, func(e firewall.Event) { f.inbox.put(foreignRules{e}) }); err != nil {
			f.log.WithError(err).Warn("nftables changes by others are seen late")
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
			f.inbox.put(foreignRules{firewall.Event{Own: true, Other: true}})
		}
	}
}

// work says how much a batch asks for.
type work uint8

const (
	workNone work = iota
	workWrite
	workBlockers // and look for foreign chains that drop
)

func (f *firewallLoop) apply(m any) work {
	switch m := m.(type) {
	case wantedRules:
		first := !f.known || m.state.Mode != f.wanted.state.Mode
		f.wanted, f.known = m, true
		if first {
			return workBlockers
		}
		return workWrite
	case sweep:
		f.swept = true
		return workWrite
	case foreignRules:
		if m.event.Other {
			return workBlockers
		}
		return workWrite
	case query:
		m.f()
	}
	return workNone
}

// write brings the kernel in line with what is wanted.
func (f *firewallLoop) write(w work) {
	if f.wanted.state.Mode == transit.Off {
		f.off()
		return
	}
	s := f.wanted.state
	report, err := f.fw.Apply(firewall.Ruleset{
		Interfaces: s.Interfaces, Transit: s.Prefixes, Tracked: s.Tracked, ForwardAccept: f.wanted.forwardAccept,
	})
	f.note(report, err)
	if err == nil && f.swept {
		report, err = f.fw.Sweep()
		f.note(report, err)
	}
	f.inSync = err == nil
	if f.flush && err == nil {
		f.flush = false
		f.forget(s.Local)
	}
	if w == workBlockers {
		f.findBlockers()
	}
}

// off removes the table, once what an earlier run left may go.
func (f *firewallLoop) off() {
	f.blockers, f.flush = nil, true
	err := f.fw.Remove()
	f.inSync = err == nil
	f.note(firewall.Report{}, err)
}

func (f *firewallLoop) note(r firewall.Report, err error) {
	f.failure = ""
	if err != nil {
		f.failure = err.Error()
		f.log.WithError(err).Error("nftables: table inet ecmpd not written")
		return
	}
	f.flush = f.flush || r.Untracks
	if r.Changed() {
		f.log.WithFields(logrus.Fields{"rebuilt": r.Rebuilt, "added": r.Added, "deleted": r.Deleted}).Info("firewall written")
	}
}

func (f *firewallLoop) forget(local []netip.Addr) {
	n, err := f.fw.FlushTransit(local)
	switch {
	case err != nil:
		f.log.WithError(err).Error("conntrack entries of transit flows were not removed")
	case n > 0:
		f.log.WithField("entries", n).Info("conntrack entries of transit flows removed")
	}
}

// findBlockers looks for chains of others that drop untracked packets, and
// names each in the log when it appears.
func (f *firewallLoop) findBlockers() {
	blockers, err := f.fw.Blockers()
	if err != nil {
		f.log.WithError(err).Warn("foreign rulesets could not be read: nobody knows whether they drop untracked packets")
		return
	}
	for _, b := range blockers {
		if !containsBlocker(f.blockers, b) {
			f.log.WithFields(logrus.Fields{"family": b.Family, "table": b.Table, "chain": b.Chain, "rule": b.Rule, "certain": b.Certain}).
				Warn("this chain drops untracked transit packets: put 'ct state untracked accept' first in it")
		}
	}
	f.blockers = blockers
}

func containsBlocker(list []firewall.Blocker, b firewall.Blocker) bool {
	for _, o := range list {
		if o == b {
			return true
		}
	}
	return false
}

// rulesStatus is what the firewall loop knows of the kernel.
type rulesStatus struct {
	inSync   bool
	blockers []firewall.Blocker
}

func (f *firewallLoop) status() rulesStatus {
	return rulesStatus{f.inSync || f.wanted.state.Mode == transit.Off, f.blockers}
}
