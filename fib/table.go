package fib

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ipv4"
	"github.com/ecmpd/ecmpd/nexthop"
)

// ErrForeign is wrapped by the Failure of a route whose place (prefix, table,
// metric) another program holds.
var ErrForeign = errors.New("another program's route is in the way")

// maxRounds bounds how often one Sync plans again after surprises.
const maxRounds = 5

// Table is the wanted state and its reconciler. One goroutine owns it: no method
// may be called while another runs. Set, Delete, SetDead and SetLinks only note;
// Sync writes what changed since the last one.
type Table struct {
	cfg       Config
	kernel    writer
	want      wanted
	obs       *observed
	order     int
	round     int
	stale     redo                 // what must be dumped before the next plan
	inherited bool                 // the first dump found something of ours
	dumpErr   error                // why the last dump failed
	objectErr error                // the last nexthop write that failed for good
	gateways  map[gateway]struct{} // that the kernel keeps resolved for us
	policy    *Policy
	urgent    func() bool
}

// Open makes a Table for the calling thread's network namespace. It writes
// nothing; the first Sync reads and adopts what an earlier run left. It fails
// when the process may not write the kernel's routes.
func Open(cfg Config) (*Table, error) {
	cfg = cfg.withDefaults()
	if cfg.Protocol < 5 {
		return nil, fmt.Errorf("kernel protocol number %d belongs to the system; choose 5 to 255", cfg.Protocol)
	}
	k, err := openKernel(cfg)
	if err != nil {
		return nil, err
	}
	if err := k.permitted(); err != nil {
		k.close()
		return nil, err
	}
	t := newTable(cfg, k)
	t.policy = &Policy{kernel: k}
	return t, nil
}

func newTable(cfg Config, k writer) *Table {
	return &Table{
		cfg: cfg, kernel: k, obs: newObserved(),
		stale: redo{objects: true, routes: true}, gateways: map[gateway]struct{}{}, urgent: func() bool { return false },
		want: wanted{
			firstID: cfg.firstID(),
			routes:  map[ipv4.Prefix]*setUse{},
			blocked: map[ipv4.Prefix]error{},
			discard: new(setUse),
			sets:    map[setKey]*setUse{},
			dead:    map[nexthop.Leg]bool{},
			links:   map[string]Iface{},
			refused: map[hopKey]error{},
			placed:  map[setKey]place{},
		},
	}
}

// Close releases the socket. The kernel's routes stay.
func (t *Table) Close() { t.kernel.close() }

// Set wants r. A prefix that is not IPv4 is ignored; host bits are cut off.
func (t *Table) Set(r Route) {
	p, ok := ipv4.PrefixOf(r.Prefix)
	if !ok {
		return
	}
	u := t.useOf(r)
	old := t.want.routes[p]
	if old == u {
		return
	}
	u.refs++
	t.unuse(old)
	t.want.routes[p] = u
	t.want.dirty = append(t.want.dirty, p)
	if !errors.Is(t.want.blocked[p], ErrForeign) {
		delete(t.want.blocked, p)
	}
}

// SetShared wants other next hops for the routes that share a name, if there are any: the
// next Sync replaces their group and writes none of them.
func (t *Table) SetShared(name string, hops nexthop.Set) {
	if u := t.want.sets[setKey{shared: name}]; u != nil {
		u.set, u.hops = hops, hops.Hops()
	}
}

// Delete wants no route of ours for the prefix.
func (t *Table) Delete(prefix netip.Prefix) {
	p, ok := ipv4.PrefixOf(prefix)
	old := t.want.routes[p]
	if !ok || old == nil {
		return
	}
	t.unuse(old)
	delete(t.want.routes, p)
	delete(t.want.blocked, p)
	t.want.dirty = append(t.want.dirty, p)
}

func (t *Table) useOf(r Route) *setUse {
	if r.Discard {
		return t.want.discard
	}
	key := keyOf(r)
	u := t.want.sets[key]
	if u == nil {
		t.order++
		u = &setUse{key: key, order: t.order}
		t.want.sets[key] = u
	}
	if u.set != r.NextHops || u.hops == nil {
		u.set, u.hops = r.NextHops, r.NextHops.Hops()
	}
	return u
}

// unuse takes a route off the users of its set; nil is none.
func (t *Table) unuse(u *setUse) {
	if u == nil {
		return
	}
	if u.refs--; u.refs == 0 && u != t.want.discard {
		delete(t.want.sets, u.key)
	}
}

// maxDead is how many dead legs are remembered before those that no route uses
// are forgotten: somebody may make neighbours up.
const maxDead = 4096

// SetDead takes a leg out of its groups, or lets it in again. It stays dead,
// whatever its link does, until told otherwise. Only hops with a router id depend
// on legs: a static route through the same gateway stays.
func (t *Table) SetDead(leg nexthop.Leg, dead bool) {
	if !dead {
		delete(t.want.dead, leg)
		return
	}
	if len(t.want.dead) >= maxDead {
		used := make(map[nexthop.Leg]bool)
		for _, u := range t.want.sets {
			for _, h := range u.hops {
				used[nexthop.Leg{Interface: h.Interface, Gateway: h.Gateway}] = true
			}
		}
		maps.DeleteFunc(t.want.dead, func(leg nexthop.Leg, _ bool) bool { return !used[leg] })
	}
	t.want.dead[leg] = true
}

// SetLinks takes a link snapshot. Call it for every link or address event, also
// when the snapshot looks like the last one: a link that went and came between
// two snapshots lost its nexthop objects, and the kernel sends no word of it.
func (t *Table) SetLinks(links []Iface) {
	m := make(map[string]Iface, len(links))
	for _, l := range links {
		m[l.Name] = l
	}
	t.want.links = m
	t.stale.objects = true
	t.forgive()
}

// SetSource wants an own address as the preferred source of all routes with two
// or more next hops or a shared set; the zero Addr leaves it to the kernel.
func (t *Table) SetSource(source netip.Addr) {
	t.want.source = [4]byte{}
	if source.Is4() {
		t.want.source = source.As4()
	}
}

// forgive makes everything that failed be tried again, except what waits for
// another program's route to go.
func (t *Table) forgive() {
	clear(t.want.refused)
	t.objectErr = nil
	for p, err := range t.want.blocked {
		if !errors.Is(err, ErrForeign) {
			delete(t.want.blocked, p)
			t.want.dirty = append(t.want.dirty, p)
		}
	}
}

// SweepStale removes what an earlier run left and nobody wanted since; from then
// on, stale things go at once. Call it after convergence. The next Sync writes.
func (t *Table) SweepStale() {
	if t.want.sweep {
		return
	}
	t.want.sweep = true
	clear(t.want.adopted)
	if t.inherited { // else everything there is was written by us: no need to read it all again
		t.stale.objects, t.stale.routes = true, true
	}
}

// Reconcile compares everything with a fresh dump of the kernel and repairs it.
func (t *Table) Reconcile() Report {
	for p := range t.want.blocked {
		delete(t.want.blocked, p)
		t.want.dirty = append(t.want.dirty, p)
	}
	t.forgive()
	t.stale.objects, t.stale.routes = true, true
	clear(t.gateways) // said again: others may have flushed the entries
	return t.Sync()
}

// Interrupt makes Sync and Reconcile ask, between two batches of routes, whether something
// more urgent waits. They return then; the next Sync writes the rest.
func (t *Table) Interrupt(urgent func() bool) { t.urgent = urgent }

// Evict takes the legs that died since the last Sync out of their groups, and
// leaves the routes that were set meanwhile to the next Sync.
func (t *Table) Evict() Report {
	set := t.want.dirty
	t.want.dirty = nil
	rep := t.Sync()
	t.want.dirty = append(t.want.dirty, set...)
	return rep
}

// Sync writes what changed since the last Sync.
func (t *Table) Sync() Report {
	start := time.Now()
	var rep Report
	for t.round = 0; t.round < maxRounds; t.round++ {
		if t.dumpErr = t.observe(); t.dumpErr != nil {
			rep.Failed = append(rep.Failed, Failure{Err: t.dumpErr})
			slices.Sort(t.want.dirty) // what changes again and again meanwhile is there once
			t.want.dirty = slices.Compact(t.want.dirty)
			break
		}
		ops, placed, lastID := plan(&t.want, t.obs)
		t.want.placed, t.obs.lastID = placed, lastID
		t.want.dirty = nil // a burst leaves no list of its size behind
		t.stale = t.apply(ops, &rep)
		if t.stale.interrupted {
			break
		}
		if len(t.stale.taken) > 0 {
			t.examine(t.stale.taken, &rep)
		}
		if !t.stale.again {
			break
		}
	}
	t.keepGateways()
	rep.Duration = time.Since(start)
	return rep
}

// lenient reports that this Sync may plan once more.
func (t *Table) lenient() bool { return t.round < maxRounds-1 }

// observe dumps what is not known for certain.
func (t *Table) observe() error {
	if t.stale.objects {
		hops, groups, foreign, err := t.kernel.objects()
		if err != nil {
			return err
		}
		t.want.dirty = append(t.want.dirty, t.obs.setObjects(hops, groups, foreign)...)
		t.stale.objects = false
	}
	if t.stale.routes {
		if err := t.observeRoutes(); err != nil {
			return err
		}
		t.stale.routes = false
	}
	return nil
}

// observeRoutes takes a fresh dump of our routes in and marks what differs.
// After a dump that failed nothing is known; the next one follows before a plan.
func (t *Table) observeRoutes() error {
	o := t.obs
	forget := func() {
		clear(o.routes)
		clear(o.users)
		clear(o.strays)
	}
	err := t.kernel.routes(forget, func(r ownRoute) {
		if r.table != t.cfg.Table { // is the policy's
			return
		}
		if r.metric != t.cfg.Metric || r.tos != 0 {
			o.strays[r.stray] = struct{}{}
			return
		}
		o.setRoute(r.prefix, r.target)
	})
	if err != nil {
		return err
	}
	if t.want.adopted == nil && !t.want.sweep {
		t.want.adopted = make(map[ipv4.Prefix]struct{}, len(o.routes))
		for p := range o.routes {
			t.want.adopted[p] = struct{}{}
		}
		t.inherited = len(o.hops)+len(o.groups)+len(o.routes)+len(o.strays) > 0
	}
	for p, u := range t.want.routes {
		want, installable := t.want.target(u, t.want.placed)
		if have, exists := o.routes[p]; installable != exists || have != want {
			t.want.dirty = append(t.want.dirty, p)
		}
	}
	if !t.want.sweep {
		return nil
	}
	for p := range o.routes {
		if _, ok := t.want.routes[p]; !ok {
			t.want.dirty = append(t.want.dirty, p)
		}
	}
	return nil
}

// examine finds out who holds the prefixes that exclusive creation found taken:
// our own routes are known then and get replaced, others' are left alone.
func (t *Table) examine(taken map[ipv4.Prefix]bool, rep *Report) {
	holders, err := t.kernel.occupants(taken)
	if err != nil {
		rep.Failed = append(rep.Failed, Failure{Err: err})
		return
	}
	for _, r := range holders {
		p, _ := ipv4.PrefixOf(r.prefix)
		if r.protocol == t.cfg.Protocol {
			t.obs.setRoute(p, r.target())
			continue
		}
		if t.want.blocked[p] != nil {
			continue
		}
		err := fmt.Errorf("route %s table %d metric %d: %w (protocol %s); remove it or choose another kernel metric",
			r.prefix, r.table, r.metric, ErrForeign, protocolName(r.protocol))
		t.want.blocked[p] = err
		rep.Failed = append(rep.Failed, Failure{Prefix: r.prefix, Err: err})
	}
}

// protocolName is iproute2's name of a routing-protocol number, else the number.
func protocolName(p uint8) string {
	switch p {
	case 2:
		return "kernel"
	case 3:
		return "boot"
	case 4:
		return "static"
	case 11:
		return "zebra"
	case 12:
		return "bird"
	case 16:
		return "dhcp"
	case 186:
		return "bgp"
	case 188:
		return "ospf"
	}
	return fmt.Sprint(p)
}
