package fib

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/ipv4"
)

// writer is the kernel as Table sees it.
type writer interface {
	apply([]op) []error
	objects() (hops map[uint32]hopKey, groups map[uint32][]member, foreign map[uint32]struct{}, err error)
	routes(reset func(), take func(ownRoute)) error
	occupants(map[ipv4.Prefix]bool) ([]kernelRoute, error)
	manage(list []gateway, on bool) []error
	packets() map[uint32]map[uint32]uint64
	port() uint32
	close()
}

// redo says what must be known anew before the next plan.
type redo struct {
	objects, routes bool
	again           bool // plan once more with what the answers taught
	interrupted     bool // something more urgent waits
	taken           map[ipv4.Prefix]bool
}

func isAny(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}

// apply writes a plan stage by stage, because what a stage achieved decides
// whether a deletion of a later one is still safe. Something urgent ends it between two
// batches: the routes that were not written are dirty again, the rest is planned anew.
func (t *Table) apply(stages [opKinds][]op, rep *Report) redo {
	var rd redo
	for kind, stage := range stages {
		if k := opKind(kind); k == opEvict || k >= opDelGroup {
			stage = t.deletable(stage)
		}
		for batch := range slices.Chunk(stage, batchSize) {
			if rd.interrupted {
				t.retryAll(batch)
				continue
			}
			for i, err := range t.kernel.apply(batch) {
				t.settle(&batch[i], err, rep, &rd)
			}
			rd.interrupted = opKind(kind) >= opAddRoute && t.urgent()
		}
	}
	return rd
}

// deletable keeps the deletions of objects that nothing uses: a write before
// may have failed, and deleting a used object takes its routes along.
func (t *Table) deletable(stage []op) []op {
	var out []op
	for _, o := range stage {
		if t.obs.users[o.id] == 0 && (o.kind != opDelHop || !t.obs.inGroup(o.id)) {
			out = append(out, o)
		}
	}
	return out
}

// settle takes the kernel's answer to one write into the observed state.
func (t *Table) settle(o *op, err error, rep *Report, rd *redo) {
	if err == nil || (o.deletes() && isAny(err, unix.ESRCH, unix.ENOENT)) {
		t.succeed(o, rep)
		return
	}
	switch {
	case isAny(err, errLost):
		rd.objects, rd.routes, rd.again = true, true, true
		t.retry(o)
	case o.kind == opAddHop && isAny(err, unix.EEXIST), o.kind == opAddGroup && isAny(err, unix.EEXIST):
		t.obs.foreign[o.id] = struct{}{} // someone took the id since the last dump
		rd.objects, rd.again = true, true
	case o.kind == opAddHop && isAny(err, unix.ENETDOWN, unix.ENODEV, unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EINVAL):
		// The others of its groups shall carry the traffic meanwhile.
		err = t.describe(o, err)
		t.want.refused[*o.hop] = err
		rep.Failed = append(rep.Failed, Failure{Err: err})
		rd.again = true
	case o.kind == opAddRoute && isAny(err, unix.EEXIST):
		if rd.taken == nil {
			rd.taken = map[ipv4.Prefix]bool{}
		}
		rd.taken[o.prefix] = true
		rd.again = true
		t.retry(o)
	case o.kind <= opReplaceRoute && isAny(err, unix.EINVAL, unix.ENOENT) && t.lenient():
		// The usual reason: the kernel dropped an object behind our back.
		rd.objects, rd.again = true, true
		t.retry(o)
	default:
		t.giveUp(o, err, rep)
	}
}

func (t *Table) retryAll(ops []op) {
	for i := range ops {
		t.retry(&ops[i])
	}
}

func (t *Table) retry(o *op) {
	if o.aboutRoute() {
		t.want.dirty = append(t.want.dirty, o.prefix)
	}
}

// giveUp records a failure; it is tried again at the next Reconcile or link change.
func (t *Table) giveUp(o *op, err error, rep *Report) {
	err = t.describe(o, err)
	failure := Failure{Err: err}
	switch {
	case o.aboutRoute():
		failure.Prefix = o.prefix.Netip()
		t.want.blocked[o.prefix] = err
	case o.kind == opDelStray:
		failure.Prefix = o.stray.prefix.Netip()
		t.objectErr = err
	default:
		t.objectErr = err
	}
	rep.Failed = append(rep.Failed, failure)
}

// succeed takes a write that holds into the observed state.
func (t *Table) succeed(o *op, rep *Report) {
	switch o.kind {
	case opEvict:
		t.obs.evict(o.id)
	case opAddHop:
		t.obs.hops[o.id] = *o.hop
	case opAddGroup, opReplaceGroup:
		t.obs.groups[o.id] = o.members
	case opAddRoute, opReplaceRoute:
		t.obs.setRoute(o.prefix, o.target)
		delete(t.want.adopted, o.prefix)
		rep.Written++
		return
	case opUnroute, opDelRoute:
		t.obs.delRoute(o.prefix)
		delete(t.want.adopted, o.prefix)
		rep.Deleted++
		return
	case opDelStray:
		delete(t.obs.strays, *o.stray)
		rep.Deleted++
		return
	case opDelGroup:
		delete(t.obs.groups, o.id)
	case opDelHop:
		delete(t.obs.hops, o.id)
	}
	rep.Objects++
}

// describe is [op.describe] with the name of the interface, which the kernel
// knows by number.
func (t *Table) describe(o *op, err error) error {
	err = o.describe(err)
	if o.kind != opAddHop {
		return err
	}
	for _, l := range t.want.links {
		if l.Index == o.hop.ifindex {
			return fmt.Errorf("interface %s: %w", l.Name, err)
		}
	}
	return err
}

// describe words an error: what was tried and what to do about it.
func (o *op) describe(err error) error {
	hint := ""
	switch {
	case isAny(err, unix.EPERM, unix.EACCES):
		hint = "; run with CAP_NET_ADMIN"
	case isAny(err, unix.ENOMEM, unix.ENOBUFS):
		hint = "; the kernel is short of memory, it is tried again at the next comparison"
	case o.kind == opAddHop && isAny(err, unix.EINVAL, unix.ENETUNREACH, unix.EHOSTUNREACH):
		hint = "; check that the gateway is inside a network of the interface"
	case o.kind == opAddHop && isAny(err, unix.EOPNOTSUPP):
		hint = "; nexthop objects need Linux 5.3"
	}
	return fmt.Errorf("%s: %w%s", o, err, hint)
}

// String is the op as a line of text: what it does to what.
func (o op) String() string {
	switch o.kind {
	case opEvict:
		return fmt.Sprintf("evict nexthop %d", o.id)
	case opAddHop:
		return fmt.Sprintf("add nexthop %d %s", o.id, o.hop)
	case opAddGroup:
		return fmt.Sprintf("add group %d %s", o.id, membersText(o.members))
	case opReplaceGroup:
		return fmt.Sprintf("replace group %d %s", o.id, membersText(o.members))
	case opAddRoute:
		return fmt.Sprintf("add route %s %s", o.prefix, o.target)
	case opReplaceRoute:
		return fmt.Sprintf("replace route %s %s", o.prefix, o.target)
	case opUnroute, opDelRoute:
		return fmt.Sprintf("delete route %s", o.prefix)
	case opDelStray:
		return fmt.Sprintf("delete route %s table %d metric %d", o.stray.prefix, o.stray.table, o.stray.metric)
	case opDelGroup:
		return fmt.Sprintf("delete group %d", o.id)
	default:
		return fmt.Sprintf("delete nexthop %d", o.id)
	}
}

func (k hopKey) String() string {
	s := fmt.Sprintf("dev %d", k.ifindex)
	if k.gateway.IsValid() {
		s = fmt.Sprintf("via %s %s", k.gateway, s)
	}
	if k.onlink {
		s += " onlink"
	}
	return s
}

func membersText(ms []member) string {
	s := ""
	for i, m := range ms {
		if i > 0 {
			s += "/"
		}
		s += fmt.Sprint(m.id)
		if m.weight != 1 {
			s += fmt.Sprintf(",%d", m.weight)
		}
	}
	return s
}

func (t target) String() string {
	switch {
	case t.discard:
		return "blackhole"
	case t.other:
		return "other"
	case t.link:
		return fmt.Sprintf("nhid %d scope link", t.id)
	case t.source != [4]byte{}:
		return fmt.Sprintf("nhid %d src %s", t.id, netip.AddrFrom4(t.source))
	}
	return fmt.Sprintf("nhid %d", t.id)
}
