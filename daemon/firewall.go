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
	insertAccept  []firewall.Chain
	policy        firewall.Policy
}

func (wantedRules) replaces(other any) bool { _, ok := other.(wantedRules); return ok }

// wantedUplinks is what the table says about uplinks from now on, and whose connections are dead.
type wantedUplinks struct {
	uplinks *firewall.Uplinks // nil: there are none
	dead    []deadMarks
	alive   []uint32 // marks that new connections get
}

// foreignRules says that somebody else changed nftables.
type foreignRules struct{ event firewall.Event }

func (m foreignRules) replaces(other any) bool { return other == any(m) }

// rejoined says that packets may come back to this router that took another way
// for a while.
type rejoined struct{}

func (rejoined) replaces(other any) bool { _, ok := other.(rejoined); return ok }

// forgotten says that the conntrack entries are gone that an order was about.
type forgotten struct{ order int }

// firewallLoop owns the table `inet ecmpd`, and orders the conntrack entries of flows
// away that are no longer tracked. Only the latest wanted state counts, so a burst
// of route changes costs one transaction.
type firewallLoop struct {
	log   *logrus.Logger
	inbox *mailbox[any]
	fw    *firewall.Firewall // nil without nftables
	// conntrack works beside this loop; nil without nftables.
	conntrack *conntrackLoop
	firewalld *firewalldLoop // hears what others do from here
	settings  firewallSettings

	wanted   wantedRules
	known    bool // wanted has been set
	uplinks  *firewall.Uplinks
	settled  bool        // uplinks has been set: until then what an earlier run left stays
	dead     []deadMarks // whose conntrack entries go after the next write
	blockers []firewall.Place
	told     []firewall.Chain // of insert-accept that were looked for: tables may come and go, as some do in every reload
	nat      []firewall.Translation
	refused  string // why insert-accept failed last; empty when it did not
	failure  string // of the last write; empty when it succeeded
	inSync   bool
	windows  bool // are ignored

	// What is to be done.
	dirty  bool // compare the table
	sweep  bool // remove what an earlier run left in it
	look   task // for chains of others that drop
	find   task // NAT rules of others
	forget bool // conntrack entries; at the start there may be some
	// Of mode auto: the number of the last order to forget which flows were seen here,
	// and whether it is under way. Nothing is remembered meanwhile: an entry that
	// is made then may go with the old ones.
	order      int
	forgetting bool
}

// firewallSettings are the kernel settings that the firewall loop depends on.
type firewallSettings struct {
	// loosen sees to it that untracked packets that come in through a link are not
	// dropped because the way back leads elsewhere.
	loosen func(link string)
	// ignoreWindows lets conntrack take the packets of a connection that it has not
	// followed all the time.
	ignoreWindows func()
	// flowTimeout is what conntrack keeps an idle TCP connection for.
	flowTimeout func() time.Duration
}

// task is work that reads a whole table of the kernel, so that its share of time
// is bounded.
type task struct {
	due bool
	not time.Time // before
}

// taskRest is how much longer a task rests than it worked.
const taskRest = 5

// run does the task when it is due and has rested. It tells when to call it
// again, 0 when nothing is left to do.
func (t *task) run(work func() error) (again time.Duration) {
	if !t.due {
		return 0
	}
	start := time.Now()
	if wait := t.not.Sub(start); wait > 0 {
		return wait
	}
	err := work()
	t.not = time.Now().Add(taskRest * time.Since(start))
	if err != nil {
		return retryRules
	}
	t.due = false
	return 0
}

// newFirewallLoop opens nftables. Without it routing goes on and the log says so.
func newFirewallLoop(log *logrus.Logger, settings firewallSettings, firewalld *firewalldLoop) *firewallLoop {
	fw, err := firewall.Open()
	if err != nil {
		log.WithError(err).Warn("transit traffic stays tracked")
	}
	f := &firewallLoop{log: log, inbox: newMailbox[any](), fw: fw, firewalld: firewalld, settings: settings, forget: true}
	if fw == nil {
		return f
	}
	table, err := firewall.OpenConntrack()
	if err != nil { // the same kind of socket
		log.WithError(err).Warn("transit traffic stays tracked")
		f.close()
		f.fw = nil
		return f
	}
	f.conntrack = newConntrackLoop(log, table)
	return f
}

func (f *firewallLoop) close() {
	if f.fw != nil {
		f.fw.Close()
	}
	if f.conntrack != nil {
		f.conntrack.table.Close()
	}
}

// runConntrack runs what works beside the loop.
func (f *firewallLoop) runConntrack(ctx context.Context) error {
	if f.conntrack == nil {
		return nil
	}
	return f.conntrack.run(ctx)
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
			f.apply(m)
		}
		if f.fw == nil || !f.dirty || !f.known || !f.settled {
			continue
		}
		if again := f.write(); again > 0 {
			retry.Reset(again)
		}
	}
}

// retryRules is how soon a write that failed is tried again.
const retryRules = time.Second

// watch feeds the loops with what others do to nftables.
func (f *firewallLoop) watch(ctx context.Context) error {
	if f.fw == nil {
		return nil
	}
	notify := func(e firewall.Event) {
		f.inbox.put(foreignRules{e})
		if e.Firewalld {
			f.firewalld.inbox.put(lookAtFirewalld{})
		}
	}
	for {
		err := f.fw.Watch(ctx, notify)
		if err == nil {
			return nil
		}
		f.log.WithError(err).Warn("nftables changes by others are seen late")
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
		notify(firewall.Event{Own: true, Other: true, Firewalld: true})
	}
}

// apply notes one message, and what there is to do because of it.
func (f *firewallLoop) apply(m any) {
	switch m := m.(type) {
	case wantedRules:
		// Whether a chain drops transit depends on where transit runs.
		was, is := f.wanted.state, m.state
		if was.Mode != is.Mode || !slices.Equal(was.Interfaces, is.Interfaces) || !slices.Equal(was.Prefixes, is.Prefixes) {
			f.look.due, f.find.due = true, true
		}
		if was.Mode != is.Mode || !slices.Equal(was.Interfaces, is.Interfaces) {
			for _, name := range is.Interfaces { // none in mode off
				f.settings.loosen(name)
			}
		}
		f.wanted, f.known, f.dirty = m, true, true
		if was.Mode != is.Mode {
			f.forgetSeen()
		}
	case wantedUplinks:
		f.uplinks, f.settled, f.dirty = m.uplinks, true, true
		f.dead = append(f.dead, m.dead...)
		if f.conntrack != nil {
			f.conntrack.alive.Store(&m.alive)
		}
	case rejoined:
		f.forgetSeen()
	case forgotten:
		if m.order == f.order {
			f.forgetting = false
		}
		f.dirty = true
	case sweep:
		f.sweep, f.dirty = true, true
	case foreignRules:
		f.look.due, f.find.due = f.look.due || m.event.Other, f.find.due || m.event.Other
		f.dirty = true
	case query:
		m.f()
	}
}

// write brings the kernel in line with what is wanted. It tells when to call it
// again, 0 when nothing is left to do.
func (f *firewallLoop) write() (again time.Duration) {
	var err error
	off := f.wanted.state.Mode == transit.Off
	if off {
		f.blockers, f.nat, f.look.due, f.find.due, f.forget = nil, nil, false, false, true
	} else {
		again = f.find.run(f.findTranslations) // before what it needs is untracked
	}
	if off && f.uplinks.Empty() {
		err = f.fw.Remove()
	} else {
		err = f.update()
	}
	f.inSync = err == nil
	f.complain(err)
	if err != nil {
		return retryRules
	}
	f.dirty = false
	f.bury()
	if off {
		return 0
	}
	if later := f.look.run(f.findBlockers); again == 0 || later > 0 && later < again {
		again = later
	}
	return again
}

// update writes the table; what an earlier run left goes once the start has converged.
func (f *firewallLoop) update() error {
	s := f.wanted.state
	policy := f.wanted.policy
	if s.Mode == transit.Strays { // no policy is meant for parts of what is tracked
		policy = firewall.Policy{}
	}
	scope, tracked := scopes[s.Mode], f.tracked()
	if f.forgetting {
		scope = firewall.Forgetting
	}
	if s.Mode == transit.Strays { // what it tracks stays
		f.conntrack.flows.Store(&firewall.Flows{})
	} else {
		f.conntrack.flows.Store(&firewall.Flows{Transit: s.Prefixes, Tracked: tracked, Local: s.Local})
	}
	report, err := f.fw.Apply(firewall.Ruleset{
		Scope: scope, FlowTimeout: f.settings.flowTimeout(),
		Interfaces: s.Interfaces, Transit: s.Prefixes, Tracked: tracked, ForwardAccept: f.wanted.forwardAccept,
		Policy: policy, Uplinks: f.uplinks,
	})
	f.note(report)
	if s.Mode != transit.Auto {
		f.windows = false
	} else if err == nil && !f.windows { // now that the rules have loaded conntrack
		f.settings.ignoreWindows()
		f.windows = true
	}
	if err == nil && f.forget && s.Mode != transit.Off {
		err = f.orderForget()
	}
	if err == nil && f.sweep {
		report, err = f.fw.Sweep()
		f.note(report)
		f.sweep = err != nil
	}
	if err == nil {
		f.insert()
	}
	return err
}

// bury has the conntrack entries of dead uplinks removed, now that no new connection gets there.
func (f *firewallLoop) bury() {
	for _, d := range f.dead {
		f.conntrack.inbox.put(d)
	}
	f.dead = nil
}

// insert keeps the accept in the operator's chains that the configuration names.
// What cannot be done now may be possible after a transaction of others, which
// brings the loop here again.
func (f *firewallLoop) insert() {
	done, err := f.fw.Insert(f.wanted.insertAccept)
	before := f.refused
	f.refused = ""
	if err != nil {
		if f.refused = err.Error(); f.refused != before {
			f.log.WithError(err).Error("transit.insert-accept")
		}
		return
	}
	if done.Written > 0 {
		f.look.due = true
		f.log.WithField("rules", done.Written).Info("accept for untracked packets written into other tables")
	}
	for _, c := range done.Missing {
		if !slices.Contains(f.told, c) {
			f.log.WithFields(logrus.Fields{"family": c.Family, "table": c.Table, "chain": c.Name}).
				Warn("transit.insert-accept: there is no such chain (see nft list ruleset); it is looked for whenever a ruleset changes")
		}
	}
	f.told = f.wanted.insertAccept
}

// scopes are the transit modes in the firewall's words.
var scopes = map[transit.Mode]firewall.Scope{
	transit.Off: firewall.None, transit.Notrack: firewall.All, transit.Auto: firewall.Unseen, transit.Strays: firewall.Strays,
}

func (f *firewallLoop) note(r firewall.Report) {
	f.forget = f.forget || r.Untracks && f.wanted.state.Mode == transit.Notrack
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
			f.log.WithError(err).Error("nftables: not written; trying again every second")
		}
	}
}

// forgetSeen forgets, in mode auto, which flows were seen here: they may have been
// somewhere else in the meantime.
func (f *firewallLoop) forgetSeen() {
	f.forgetting = f.wanted.state.Mode == transit.Auto
	f.order++
	f.forget, f.dirty = f.forget || f.forgetting, true
}

// orderForget has the conntrack entries removed of what is no longer tracked.
func (f *firewallLoop) orderForget() error {
	var done func()
	if f.forgetting {
		if err := f.fw.ForgetSeen(); err != nil {
			return err
		}
		order := f.order
		done = func() { f.inbox.put(forgotten{order}) }
	}
	f.conntrack.inbox.put(forget{done})
	f.forget = false
	return nil
}

// findBlockers looks for chains of others that drop untracked packets, and
// names each in the log when it appears.
func (f *firewallLoop) findBlockers() error {
	blockers, err := f.fw.Blockers()
	if err != nil {
		f.log.WithError(err).Warn("foreign rulesets could not be read: nobody knows whether they drop untracked packets; trying again")
		return err
	}
	for _, b := range blockers {
		if !slices.Contains(f.blockers, b) {
			f.log.WithFields(logrus.Fields{"family": b.Family, "table": b.Table, "chain": b.Chain, "rule": b.Rule, "certain": b.Certain}).
				Warn("this chain drops untracked transit packets: put 'ct state untracked accept' first in it")
		}
	}
	f.blockers = blockers
	return nil
}

// rulesStatus is what the firewall loop knows of the kernel.
type rulesStatus struct {
	inSync   bool
	blockers []firewall.Place
	nat      []firewall.Translation
	policy   firewall.Policy
	counters firewall.PolicyCounters
}

func (f *firewallLoop) status() rulesStatus {
	off := f.wanted.state.Mode == transit.Off
	s := rulesStatus{inSync: f.inSync || off, blockers: f.blockers, nat: f.nat}
	if f.fw == nil || off || f.wanted.state.Mode == transit.Strays || f.wanted.policy.Empty() {
		return s
	}
	var err error
	if s.counters, err = f.fw.PolicyCounters(); err == nil {
		s.policy = f.wanted.policy
	} else {
		f.log.WithError(err).Warn("policy is not shown")
	}
	return s
}
