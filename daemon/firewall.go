package daemon

import (
	"context"
	"slices"
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

func (wantedRules) replaces(other any) bool { _, ok := other.(wantedRules); return ok }

// foreignRules says that somebody else changed nftables.
type foreignRules struct{ event firewall.Event }

func (m foreignRules) replaces(other any) bool { return other == any(m) }

// firewallLoop owns the table `inet ecmpd` and the conntrack entries of flows
// that are no longer tracked. Only the latest wanted state counts, so a burst
// of route changes costs one transaction.
type firewallLoop struct {
	log   *logrus.Logger
	inbox *mailbox[any]
	fw    *firewall.Firewall // nil without nftables

	wanted   wantedRules
	known    bool // wanted has been set
	swept    bool
	blockers []firewall.Blocker
	// flush: conntrack entries may have to go; at the start they may.
	flush     bool
	mayForget time.Time
	work      work   // to be done
	failure   string // of the last write; empty when it succeeded
	inSync    bool
}

// newFirewallLoop opens nftables. Without it routing goes on and the log says so.
func newFirewallLoop(log *logrus.Logger) *firewallLoop {
	fw, err := firewall.Open()
	if err != nil {
		log.WithError(err).Warn("transit traffic stays tracked")
	}
	return &firewallLoop{log: log, inbox: newMailbox[any](), flush: true, fw: fw}
}

func (f *firewallLoop) close() {
	if f.fw != nil {
		f.fw.Close()
	}
}

// run is the loop.
func (f *firewallLoop) run(ctx context.Context) error {
	retry := time.AfterFunc(retryRules, func() { f.inbox.put(foreignRules{}) })
	retry.Stop()
	defer retry.Stop()
	for {
		batch := f.inbox.take(ctx)
		if batch == nil {
			return nil
		}
		for _, m := range batch {
			f.work = max(f.work, f.apply(m))
		}
		if f.fw == nil || f.work == workNone || !f.known {
			continue
		}
		if again := f.write(); again > 0 {
			retry.Reset(again)
		}
	}
}

const (
	// retryRules is how soon a write that failed is tried again.
	retryRules = time.Second
	// forgetRest bounds the share of time that the search for conntrack entries
	// takes: it reads the whole table.
	forgetRest = 5
)

// watch feeds the loop with what others do to nftables.
func (f *firewallLoop) watch(ctx context.Context) error {
	if f.fw == nil {
		return nil
	}
	for {
		err := f.fw.Watch(ctx, func(e firewall.Event) { f.inbox.put(foreignRules{e}) })
		if err == nil {
			return nil
		}
		f.log.WithError(err).Warn("nftables changes by others are seen late")
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
		f.inbox.put(foreignRules{firewall.Event{Own: true, Other: true}})
	}
}

// work says how much there is to do.
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

// write brings the kernel in line with what is wanted. It tells when to call it
// again, 0 when nothing is left to do.
func (f *firewallLoop) write() (again time.Duration) {
	var err error
	off := f.wanted.state.Mode == transit.Off
	if off {
		f.blockers, f.flush = nil, true
		err = f.fw.Remove()
	} else {
		err = f.update()
	}
	f.inSync = err == nil
	f.complain(err)
	if err != nil {
		return retryRules
	}
	if f.work == workBlockers && !off {
		f.findBlockers()
	}
	f.work = workNone
	if f.flush && !off {
		return f.forget()
	}
	return 0
}

// update writes the table; what an earlier run left goes once the start has converged.
func (f *firewallLoop) update() error {
	s := f.wanted.state
	report, err := f.fw.Apply(firewall.Ruleset{
		Interfaces: s.Interfaces, Transit: s.Prefixes, Tracked: s.Tracked, ForwardAccept: f.wanted.forwardAccept,
	})
	f.note(report)
	if err == nil && f.swept {
		report, err = f.fw.Sweep()
		f.note(report)
	}
	return err
}

func (f *firewallLoop) note(r firewall.Report) {
	f.flush = f.flush || r.Untracks
	if r.Changed() {
		f.log.WithFields(logrus.Fields{"rebuilt": r.Rebuilt, "added": r.Added, "deleted": r.Deleted}).Info("firewall written")
	}
}

// complain tells of a failure when it is another one than before.
func (f *firewallLoop) complain(err error) {
	before := f.failure
	f.failure = ""
	if err != nil {
		if f.failure = err.Error(); f.failure != before {
			f.log.WithError(err).Error("nftables: table inet ecmpd not written; trying again every second")
		}
	}
}

// forget removes the conntrack entries of what is no longer tracked, unless it
// has just done so; then it tells when it may.
func (f *firewallLoop) forget() (again time.Duration) {
	start := time.Now()
	if wait := f.mayForget.Sub(start); wait > 0 {
		return wait
	}
	n, err := f.fw.FlushTransit(f.wanted.state.Local)
	f.mayForget = time.Now().Add(forgetRest * time.Since(start))
	if err != nil {
		f.log.WithError(err).Error("conntrack entries of transit flows were not removed")
		return retryRules
	}
	f.flush = false
	if n > 0 {
		f.log.WithField("entries", n).Info("conntrack entries of transit flows removed")
	}
	return 0
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
		if !slices.Contains(f.blockers, b) {
			f.log.WithFields(logrus.Fields{"family": b.Family, "table": b.Table, "chain": b.Chain, "rule": b.Rule, "certain": b.Certain}).
				Warn("this chain drops untracked transit packets: put 'ct state untracked accept' first in it")
		}
	}
	f.blockers = blockers
}

// rulesStatus is what the firewall loop knows of the kernel.
type rulesStatus struct {
	inSync   bool
	blockers []firewall.Blocker
}

func (f *firewallLoop) status() rulesStatus {
	return rulesStatus{f.inSync || f.wanted.state.Mode == transit.Off, f.blockers}
}
