// Package table holds what all BGP neighbours say, and chooses: the import policy decides what counts,
// the decision process of RFC 4271 9.1.2 which paths are used, and why the others are not. It is
// pure: what neighbours say, what happens to sessions and the time go in, changes come out.
//
//   - table.go: the [Table], and what happens to it
//   - decide.go: the decision process, step by step
//   - look.go: what there is to see
package table

import (
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/ipv4"
)

// Filter is an import policy: what it makes of a path, or why the path is not accepted. It must not change
// the attributes that it is given.
type Filter func(from *bgp.Source, prefix netip.Prefix, a *bgp.Attributes) (*bgp.Attributes, string)

// Reach finds the way to a next hop and what it costs; ok is false without one.
type Reach func(hop netip.Addr) (cost uint32, ok bool)

// Change says that other paths of a prefix are used than the last call of [Table.Changes] said.
type Change struct {
	Prefix netip.Prefix
	Paths  []bgp.Path // the best one first; empty: none is left
}

// Table holds the paths of all neighbours. One goroutine owns it.
type Table struct {
	self      Self
	multipath bgp.Multipath
	filter    Filter
	reach     Reach
	peers     map[netip.Addr]*peer
	entries   map[ipv4.Prefix]*entry
	touched   map[ipv4.Prefix]struct{}
	hops      map[netip.Addr]int // accepted paths by next hop
}

// peer is what is known of a neighbour with paths or with a session.
type peer struct {
	source             *bgp.Source
	received, accepted int
	stale              int       // paths that were not said again
	until              time.Time // they stay
}

// entry is one prefix.
type entry struct {
	paths  []path // one for each neighbour that has one, by its address
	chosen []choice
}

type path struct {
	source   *bgp.Source
	received *bgp.Attributes
	accepted *bgp.Attributes // nil: rejected
	why      string          // it was rejected
	since    int64           // ns of the Unix time
	stale    bool
}

// choice is a path as it was reported.
type choice struct {
	source     *bgp.Source
	attributes *bgp.Attributes
}

// Self is what the own router goes by: a path that has any of it comes back to where it was.
type Self struct {
	AS        uint32
	RouterID  netip.Addr
	ClusterID netip.Addr // of a route reflector; zero: none
}

// New returns an empty table. Without a filter everything is accepted, without reach every next hop is there.
func New(self Self, m bgp.Multipath, filter Filter, reach Reach) *Table {
	t := &Table{
		self: self, multipath: m, filter: filter, reach: reach, peers: map[netip.Addr]*peer{}, entries: map[ipv4.Prefix]*entry{},
		touched: map[ipv4.Prefix]struct{}{}, hops: map[netip.Addr]int{},
	}
	if filter == nil {
		t.filter = func(_ *bgp.Source, _ netip.Prefix, a *bgp.Attributes) (*bgp.Attributes, string) { return a, "" }
	}
	if reach == nil {
		t.reach = func(netip.Addr) (uint32, bool) { return 0, true }
	}
	return t
}

// Configure takes other settings over; what neighbours have said is looked at again.
func (t *Table) Configure(self Self, m bgp.Multipath, filter Filter) {
	t.self, t.multipath, t.filter = self, m, filter
	for k, e := range t.entries {
		for i := range e.paths {
			t.judge(k, &e.paths[i])
		}
		t.touched[k] = struct{}{}
	}
}

// Up says that a session is established. What its neighbour said before and does not say again goes
// with the end of its RIB.
func (t *Table) Up(source bgp.Source) {
	p := t.peers[source.Address]
	if p == nil {
		p = &peer{}
		t.peers[source.Address] = p
	}
	p.source = &source
}

// Down says that a session has fallen. Its paths go, or stay for so long.
func (t *Table) Down(neighbor netip.Addr, now time.Time, keep time.Duration) {
	p := t.peers[neighbor]
	switch {
	case p == nil:
	case keep <= 0:
		t.drop(neighbor, func(*path) bool { return true })
		delete(t.peers, neighbor)
	default:
		p.stale, p.until = 0, now.Add(keep)
		t.each(neighbor, func(q *path) { q.stale = true; p.stale++ })
	}
}

// Lost says that all sessions are gone with their process.
func (t *Table) Lost(now time.Time, keep time.Duration) {
	for a := range t.peers {
		t.Down(a, now, keep)
	}
}

// EndOfRIB says that a neighbour has said everything: what is left of what it said before goes.
func (t *Table) EndOfRIB(neighbor netip.Addr) {
	if p := t.peers[neighbor]; p != nil && p.stale > 0 {
		t.drop(neighbor, func(q *path) bool { return q.stale })
	}
}

// Retain drops the paths of neighbours that are not wanted any more.
func (t *Table) Retain(wanted func(netip.Addr) bool) {
	for a := range t.peers {
		if !wanted(a) {
			t.Down(a, time.Time{}, 0)
		}
	}
}

// Deadline is when the next stale paths go; zero without any.
func (t *Table) Deadline() (at time.Time) {
	for _, p := range t.peers {
		if p.stale > 0 && (at.IsZero() || p.until.Before(at)) {
			at = p.until
		}
	}
	return at
}

// Expire drops stale paths whose time is over.
func (t *Table) Expire(now time.Time) {
	for a, p := range t.peers {
		if p.stale > 0 && !now.Before(p.until) {
			t.EndOfRIB(a)
		}
	}
}

// Update takes what a neighbour says of prefixes. Attributes must not be changed afterwards. What a
// neighbour without a session says is nothing.
func (t *Table) Update(neighbor netip.Addr, now time.Time, a *bgp.Attributes, reachable, withdrawn []netip.Prefix) {
	p := t.peers[neighbor]
	if p == nil {
		return
	}
	for _, prefix := range withdrawn {
		if k, ok := ipv4.PrefixOf(prefix); ok {
			t.remove(k, p)
		}
	}
	for _, prefix := range reachable {
		if k, ok := ipv4.PrefixOf(prefix); ok {
			t.insert(k, p, a, now)
		}
	}
}

// NextHopChanged says that the way to a next hop is another one.
func (t *Table) NextHopChanged(changed map[netip.Addr]bool) {
	for k, e := range t.entries {
		for i := range e.paths {
			if a := e.paths[i].accepted; a != nil && changed[a.NextHop] {
				t.touched[k] = struct{}{}
			}
		}
	}
}

// NextHops are the next hops of accepted paths, in no order.
func (t *Table) NextHops() []netip.Addr {
	list := make([]netip.Addr, 0, len(t.hops))
	for h := range t.hops {
		list = append(list, h)
	}
	return list
}

// Changes returns the net difference of what is used since the last call, sorted by prefix.
func (t *Table) Changes() []Change {
	keys := make([]ipv4.Prefix, 0, len(t.touched))
	for k := range t.touched {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	t.touched = make(map[ipv4.Prefix]struct{})
	var changes []Change
	var d decision
	for _, k := range keys {
		e := t.entries[k]
		if e == nil {
			continue
		}
		d.decide(t, e)
		if !d.differs(e) {
			if len(e.paths) == 0 {
				delete(t.entries, k)
			}
			continue
		}
		c := Change{Prefix: k.Netip()}
		e.chosen = nil
		for _, i := range d.used {
			q := &e.paths[i]
			c.Paths = append(c.Paths, q.out(c.Prefix))
			e.chosen = append(e.chosen, choice{q.source, q.accepted})
		}
		if len(e.paths) == 0 {
			delete(t.entries, k)
		}
		changes = append(changes, c)
	}
	return changes
}

func (q *path) out(prefix netip.Prefix) bgp.Path {
	return bgp.Path{Prefix: prefix, Source: q.source, Attributes: q.accepted, Since: time.Unix(0, q.since), Stale: q.stale}
}

// insert puts a path in the place of the one that the neighbour had.
func (t *Table) insert(k ipv4.Prefix, p *peer, a *bgp.Attributes, now time.Time) {
	e := t.entries[k]
	if e == nil {
		e = &entry{}
		t.entries[k] = e
	}
	i, found := e.find(p.source.Address)
	switch {
	case !found:
		e.paths = slices.Insert(e.paths, i, path{since: now.UnixNano()})
		p.received++
	default:
		q := &e.paths[i]
		if q.stale {
			p.stale--
		}
		if !q.received.Equal(a) {
			q.since = now.UnixNano()
		} else {
			a = q.received
		}
		t.count(q, p, -1)
	}
	q := &e.paths[i]
	q.source, q.received, q.stale = p.source, a, false
	q.accepted, q.why = t.accept(k, q)
	t.count(q, p, 1)
	t.touched[k] = struct{}{}
}

// judge asks the policy again.
func (t *Table) judge(k ipv4.Prefix, q *path) {
	p := t.peers[q.source.Address]
	t.count(q, p, -1)
	q.accepted, q.why = t.accept(k, q)
	t.count(q, p, 1)
}

// accept is the first phase of the decision process (RFC 4271 9.1.1): what may not be used at all.
func (t *Table) accept(k ipv4.Prefix, q *path) (*bgp.Attributes, string) {
	if q.received.ASPath.Contains(t.self.AS) { // RFC 4271 9.1.2
		return nil, "the AS path passes through the own autonomous system"
	}
	if q.source.Internal && q.received.OriginatorID.IsValid() && q.received.OriginatorID == t.self.RouterID { // RFC 4456 8
		return nil, "this router is its originator"
	}
	if q.source.Internal && t.self.ClusterID.IsValid() && slices.Contains(q.received.ClusterList, t.self.ClusterID) { // RFC 4456 8
		return nil, "the own cluster has reflected it"
	}
	if !q.received.NextHop.Is4() {
		return nil, "it has no next hop in IPv4"
	}
	return t.filter(q.source, k.Netip(), q.received)
}

// count keeps the numbers of a neighbour, and the next hops.
func (t *Table) count(q *path, p *peer, by int) {
	if q.accepted == nil {
		return
	}
	p.accepted += by
	hop := q.accepted.NextHop
	if t.hops[hop] += by; t.hops[hop] == 0 {
		delete(t.hops, hop)
	}
}

func (t *Table) remove(k ipv4.Prefix, p *peer) {
	e := t.entries[k]
	if e == nil {
		return
	}
	i, found := e.find(p.source.Address)
	if !found {
		return
	}
	q := &e.paths[i]
	if q.stale {
		p.stale--
	}
	t.count(q, p, -1)
	p.received--
	e.paths = slices.Delete(e.paths, i, i+1)
	t.touched[k] = struct{}{}
}

// drop removes some of a neighbour's paths.
func (t *Table) drop(neighbor netip.Addr, which func(*path) bool) {
	p := t.peers[neighbor]
	for k, e := range t.entries {
		if i, found := e.find(neighbor); found && which(&e.paths[i]) {
			t.remove(k, p)
		}
	}
}

func (t *Table) each(neighbor netip.Addr, do func(*path)) {
	for _, e := range t.entries {
		if i, found := e.find(neighbor); found {
			do(&e.paths[i])
		}
	}
}

func (e *entry) find(neighbor netip.Addr) (int, bool) {
	for i := range e.paths {
		switch c := e.paths[i].source.Address.Compare(neighbor); {
		case c == 0:
			return i, true
		case c > 0:
			return i, false
		}
	}
	return len(e.paths), false
}
