package fib

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/ipv4"
	"github.com/ecmpd/ecmpd/nexthop"
)

// fakeKernel behaves like the kernel where that matters: it takes objects and
// routes away in silence with a link, refuses what the kernel refuses, and fails
// the test on a deletion that would take something along.
type fakeKernel struct {
	testing.TB
	observed
	up      map[int]bool // by ifindex
	holders map[ipv4.Prefix]uint8
	rand    *rand.Rand
	faulty  bool
	writes  int
	dumps   int // of routes
}

func (k *fakeKernel) port() uint32 { return 1 }
func (k *fakeKernel) close()       {}

func (k *fakeKernel) packets() map[uint32]map[uint32]uint64 { return nil }

func (k *fakeKernel) manage(list []gateway, _ bool) []error { return make([]error, len(list)) }

func (k *fakeKernel) apply(ops []op) []error {
	errs := make([]error, len(ops))
	for i := range ops {
		if k.faulty && k.rand.IntN(4) == 0 {
			errs[i] = []error{unix.ENOMEM, unix.EPERM, errLost, unix.EINVAL}[k.rand.IntN(4)]
			continue
		}
		errs[i] = k.write(&ops[i])
		if k.faulty && errs[i] == nil && k.rand.IntN(10) == 0 {
			errs[i] = errLost // done, but nobody knows
		}
	}
	return errs
}

func (k *fakeKernel) write(o *op) error {
	k.writes++
	switch o.kind {
	case opAddHop:
		if k.exists(o.id) {
			return unix.EEXIST
		}
		if !k.up[o.hop.ifindex] {
			return unix.ENETDOWN
		}
		k.hops[o.id] = *o.hop
	case opAddGroup, opReplaceGroup:
		if _, ok := k.groups[o.id]; ok != (o.kind == opReplaceGroup) {
			return map[bool]error{true: unix.EEXIST, false: unix.ENOENT}[ok]
		}
		for _, m := range o.members {
			if _, ok := k.hops[m.id]; !ok {
				return unix.EINVAL
			}
		}
		k.groups[o.id] = slices.Clone(o.members)
	case opAddRoute, opReplaceRoute:
		_, mine := k.held()[o.prefix]
		if o.kind == opAddRoute && (mine || k.holders[o.prefix] != 0) {
			return unix.EEXIST
		}
		if o.target.id != 0 && !k.exists(o.target.id) {
			return unix.EINVAL
		}
		if k.holders[o.prefix] != 0 {
			k.Fatalf("%s: it is another's", o)
		}
		k.setRoute(o.prefix, o.target)
	case opUnroute, opDelRoute:
		if _, ok := k.held()[o.prefix]; !ok {
			return unix.ESRCH
		}
		k.delRoute(o.prefix)
	case opEvict:
		if _, ok := k.hops[o.id]; !ok {
			return unix.ENOENT
		}
		k.evict(o.id)
		for id, g := range k.groups {
			if len(g) == 0 {
				k.Fatalf("%s: empties group %d", o, id)
			}
		}
		if k.users[o.id] > 0 {
			k.Fatalf("%s: routes use it", o)
		}
	case opDelGroup, opDelHop:
		if !k.exists(o.id) {
			return unix.ENOENT
		}
		if k.users[o.id] > 0 || k.inGroup(o.id) {
			k.Fatalf("%s: it is in use", o)
		}
		delete(k.groups, o.id)
		delete(k.hops, o.id)
	}
	return nil
}

func (k *fakeKernel) held() map[ipv4.Prefix]target { return k.observed.routes }

func (k *fakeKernel) objects() (map[uint32]hopKey, map[uint32][]member, map[uint32]struct{}, error) {
	o := newObserved()
	for id, h := range k.hops {
		o.hops[id] = h
	}
	for id, g := range k.groups {
		o.groups[id] = slices.Clone(g)
	}
	return o.hops, o.groups, o.foreign, nil
}

func (k *fakeKernel) list(p ipv4.Prefix, t target) kernelRoute {
	r := kernelRoute{prefix: p.Netip(), table: 254, metric: 20, protocol: 201, typ: unix.RTN_UNICAST, nhid: t.id}
	if t.discard {
		r.typ = unix.RTN_BLACKHOLE
	}
	if t.link {
		r.scope = scopeLink
	}
	return r
}

func (k *fakeKernel) routes(reset func(), take func(ownRoute)) error {
	k.dumps++
	reset()
	for p, t := range k.held() {
		r := k.list(p, t)
		take(r.own())
	}
	return nil
}

func (k *fakeKernel) occupants(asked map[ipv4.Prefix]bool) (out []kernelRoute, err error) {
	for p := range asked {
		if t, ok := k.held()[p]; ok {
			out = append(out, k.list(p, t))
		} else if proto := k.holders[p]; proto != 0 {
			out = append(out, kernelRoute{prefix: p.Netip(), table: 254, metric: 20, protocol: proto})
		}
	}
	return out, nil
}

// linkDown does what the kernel does: without a word.
func (k *fakeKernel) linkDown(ifindex int) {
	k.up[ifindex] = false
	for id, h := range k.hops {
		if h.ifindex != ifindex {
			continue
		}
		delete(k.hops, id)
		for g, ms := range k.groups {
			ms = slices.DeleteFunc(ms, func(m member) bool { return m.id == id })
			if k.groups[g] = ms; len(ms) == 0 {
				delete(k.groups, g)
			}
		}
	}
	for p, t := range k.held() {
		if t.id != 0 && !k.exists(t.id) {
			k.delRoute(p)
		}
	}
}

// TestRandomLife drives a table through everything at once: changing routes, dead
// legs, silent link loss, faults, foreign deletions and restarts. After each quiet
// step the kernel must equal the wanted state, and a second look must write nothing.
func TestRandomLife(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomLife(t, seed) })
	}
}

func randomLife(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	k := &fakeKernel{TB: t, observed: *newObserved(), up: map[int]bool{}, holders: map[ipv4.Prefix]uint8{}, rand: r}
	index := []int{1, 2, 3, 4}
	links := func() (out []Iface) {
		for i, x := range index {
			out = append(out, Iface{Name: fmt.Sprint("v", i), Index: x, Up: k.up[x]})
		}
		return out
	}
	legs := make([]nexthop.Leg, 6)
	for i := range legs {
		legs[i] = nexthop.Leg{Interface: fmt.Sprint("v", i%4), Gateway: netip.AddrFrom4([4]byte{10, 0, byte(i), 1})}
	}
	table := newTable(Config{}.withDefaults(), k)
	for step := range 200 {
		k.faulty = r.IntN(5) == 0
		switch r.IntN(10) {
		case 0, 1, 2, 3:
			var hops []nexthop.Hop
			for range r.IntN(4) {
				l := legs[r.IntN(len(legs))]
				hops = append(hops, nexthop.Hop{RouterID: l.Gateway, Interface: l.Interface, Gateway: l.Gateway, Weight: uint8(1 + r.IntN(2))})
			}
			set, shared := nexthop.NewSet(hops...), []string{"", "", "x", "y"}[r.IntN(4)]
			if shared != "" && r.IntN(2) == 0 {
				table.SetShared(shared, set)
			} else {
				table.Set(Route{Prefix: prefixOf(r.IntN(20)), NextHops: set, Shared: shared, Discard: r.IntN(8) == 0})
			}
		case 4:
			table.Delete(prefixOf(r.IntN(20)))
		case 5:
			table.SetDead(legs[r.IntN(len(legs))], r.IntN(2) == 0)
		case 6: // a link goes, comes, or flaps unseen, or is made anew
			i := r.IntN(len(index))
			k.linkDown(index[i])
			if r.IntN(4) == 0 {
				index[i] += 4
			}
			k.up[index[i]] = r.IntN(3) > 0
			table.SetLinks(links())
		case 7: // another program deletes or takes a place
			p := compact(prefixOf(r.IntN(20)))
			k.delRoute(p)
			if r.IntN(2) == 0 {
				k.holders[p] = 4
			} else {
				delete(k.holders, p)
			}
			table.Reconcile()
		case 8:
			table.Reconcile()
		case 9:
			if r.IntN(5) == 0 {
				dead, want, discard := table.want.dead, table.want.routes, table.want.discard
				table = newTable(Config{}.withDefaults(), k)
				for p, u := range want {
					table.Set(Route{Prefix: p.Netip(), NextHops: u.set, Shared: u.key.shared, Discard: u == discard})
				}
				for l := range dead {
					table.SetDead(l, true)
				}
				table.SetLinks(links())
			}
			table.SweepStale()
		}
		if r.IntN(3) == 0 { // something more urgent comes in between
			table.Interrupt(func() bool { return r.IntN(2) == 0 })
			table.Evict()
			table.Sync()
			table.Interrupt(func() bool { return false })
		}
		table.Sync()
		if k.faulty {
			k.faulty = false
			table.Reconcile()
		}
		checkLife(t, table, k, step)
		before := k.writes
		table.Sync()
		if k.writes != before {
			t.Fatalf("step %d: the second sync wrote", step)
		}
	}
	table.SweepStale()
	table.Reconcile()
	before := k.writes
	table.Reconcile()
	checkLife(t, table, k, -1)
	if blocked := len(table.want.blocked); k.writes != before+blocked {
		t.Errorf("%d writes to a kernel in order, %d blocked", k.writes-before, blocked)
	}
	if len(k.held()) != installed(table) {
		t.Errorf("%d routes in the kernel, %d wanted", len(k.held()), installed(table))
	}
}

// TestEvictInterrupts has a leg die while many routes are written: it leaves its group
// before the next batch, and the rest follows.
func TestEvictInterrupts(t *testing.T) {
	k := &fakeKernel{TB: t, observed: *newObserved(), up: map[int]bool{1: true, 2: true}, holders: map[ipv4.Prefix]uint8{}}
	table := newTable(Config{}.withDefaults(), k)
	table.SetLinks([]Iface{{Name: "v0", Index: 1, Up: true}, {Name: "v1", Index: 2, Up: true}})
	table.SweepStale()
	legs := []nexthop.Leg{{Interface: "v0", Gateway: netip.MustParseAddr("10.0.0.2")}, {Interface: "v1", Gateway: netip.MustParseAddr("10.0.1.2")}}
	var hops []nexthop.Hop
	for _, l := range legs {
		hops = append(hops, nexthop.Hop{RouterID: l.Gateway, Interface: l.Interface, Gateway: l.Gateway, Weight: 1})
	}
	const routes = 5 * batchSize
	for i := range routes {
		table.Set(Route{Prefix: prefixOf(i), NextHops: nexthop.NewSet(hops...)})
	}
	table.Interrupt(func() bool { return len(k.held()) >= 2*batchSize })
	if rep := table.Sync(); rep.Written != 2*batchSize || table.InSync() {
		t.Fatalf("%d routes written before the interruption, in sync: %t", rep.Written, table.InSync())
	}
	table.SetDead(legs[1], true)
	if rep := table.Evict(); rep.Written+rep.Deleted != 0 || rep.Objects != 1 {
		t.Errorf("the eviction did more than evict: %+v", rep)
	}
	for id, members := range k.groups {
		if len(members) != 1 {
			t.Errorf("group %d: %s", id, membersText(members))
		}
	}
	if rep := table.Sync(); rep.Written != batchSize {
		t.Errorf("%d routes written while something urgent waits, a batch is wanted", rep.Written)
	}
	table.Interrupt(func() bool { return false })
	if table.Sync(); len(k.held()) != routes || !table.InSync() {
		t.Errorf("%d routes at the end, in sync: %t", len(k.held()), table.InSync())
	}
}

func installed(t *Table) (n int) {
	for _, r := range t.Status().Routes {
		if r.Installed {
			n++
		}
	}
	return n
}

// checkLife compares every wanted route with what the kernel would do.
func checkLife(t *testing.T, table *Table, k *fakeKernel, step int) {
	t.Helper()
	for p, u := range table.want.routes {
		var want []string
		for _, h := range u.hops {
			if key, why := table.want.resolve(h); why == "" {
				want = append(want, fmt.Sprintf("%s*%d", key, h.Weight))
			}
		}
		if u == table.want.discard {
			want = []string{"blackhole"}
		}
		var got []string
		if tg, ok := k.held()[p]; ok && tg.discard {
			got = []string{"blackhole"}
		} else if h, single := k.hops[tg.id]; ok && single {
			got = []string{fmt.Sprintf("%s*%d", h, u.hops[0].Weight)}
		} else {
			for _, m := range k.groups[tg.id] {
				got = append(got, fmt.Sprintf("%s*%d", k.hops[m.id], m.weight))
			}
		}
		st, _ := table.Route(p.Netip())
		if u.key.shared != "" && len(want) == 0 && table.want.placed[u.key].target.id != 0 {
			want = got // dead legs, kept for the moments until they are others
		}
		if k.holders[p] != 0 {
			if st.Installed || len(got) > 0 {
				t.Fatalf("step %d: %s is another's, got %q, status %+v", step, p, got, st)
			}
			continue
		}
		if !slices.Equal(got, want) {
			t.Fatalf("step %d: %s leads to %q, want %q; status %+v", step, p, got, want, st)
		}
		if st.Installed != (len(want) > 0) || st.Installed == (st.Reason != "") {
			t.Fatalf("step %d: %s status %+v, kernel %q", step, p, st, got)
		}
	}
}

// After convergence the kernel is read again when it held anything at the start, and only then: at
// 100,000 routes that is a twentieth of the work of a start.
func TestSweepReads(t *testing.T) {
	k := &fakeKernel{TB: t, observed: *newObserved(), up: map[int]bool{1: true}, holders: map[ipv4.Prefix]uint8{}}
	route := Route{Prefix: netip.MustParsePrefix("100.0.0.0/24"), NextHops: nexthop.NewSet(nexthop.Hop{
		RouterID: netip.MustParseAddr("1.1.1.1"), Interface: "v0", Gateway: netip.MustParseAddr("10.0.0.1"), Weight: 1,
	})}
	run := func(want int) {
		t.Helper()
		k.dumps = 0
		table := newTable(Config{}.withDefaults(), k)
		table.SetLinks([]Iface{{Name: "v0", Index: 1, Up: true}})
		table.Set(route)
		table.Sync()
		table.SweepStale()
		table.Sync()
		if len(k.held()) != 1 || k.dumps != want {
			t.Errorf("%d routes, %d dumps, want 1 and %d", len(k.held()), k.dumps, want)
		}
	}
	run(1)
	run(2) // of an earlier run now
}
