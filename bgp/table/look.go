package table

import (
	"encoding/binary"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/ipv4"
)

// View is a path with what became of it.
type View struct {
	bgp.Path        // with the attributes that were accepted, or received
	Best     bool   // the best path
	Used     bool   // the best path or one that is as good
	Rejected bool   // by the import policy
	Reason   string // why it is not used
}

// Paths are those of one prefix, the best one first.
func (t *Table) Paths(prefix netip.Prefix) []View {
	k, ok := ipv4.PrefixOf(prefix)
	if !ok || t.entries[k] == nil {
		return nil
	}
	e := t.entries[k]
	var d decision
	d.decide(t, e)
	var list []View
	for i := range e.paths {
		q := &e.paths[i]
		v := View{Path: q.out(prefix), Used: slices.Contains(d.used, i), Reason: d.lost[i].String()}
		if v.Best = v.Used && d.used[0] == i; v.Used {
			v.Reason = ""
		}
		if q.accepted == nil {
			v.Attributes, v.Rejected, v.Reason = q.received, true, q.why
		}
		list = append(list, v)
	}
	slices.SortStableFunc(list, bestFirst)
	return list
}

// Prefixes yields all prefixes, by address and length.
func (t *Table) Prefixes() iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		for _, k := range slices.Sorted(maps.Keys(t.entries)) {
			if !yield(k.Netip()) {
				return
			}
		}
	}
}

// Len is the number of prefixes.
func (t *Table) Len() int { return len(t.entries) }

// Count is how many prefixes a neighbour has told, how many of them are accepted, and how many are
// stale.
func (t *Table) Count(neighbor netip.Addr) (received, accepted, stale int) {
	if p := t.peers[neighbor]; p != nil {
		return p.received, p.accepted, p.stale
	}
	return 0, 0, 0
}

// Stale is how many paths wait to be said again, and until when at most.
func (t *Table) Stale() (n int, until time.Time) {
	for _, p := range t.peers {
		if n += p.stale; p.stale > 0 && p.until.After(until) {
			until = p.until
		}
	}
	return n, until
}

func number(a netip.Addr) uint64 {
	if !a.Is4() {
		return 0
	}
	b := a.As4()
	return uint64(binary.BigEndian.Uint32(b[:]))
}

func dotted(n uint64) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n))
	return netip.AddrFrom4(b)
}

// Unreachable lists the next hops of accepted paths that no route leads to, with the number of paths over each.
func (t *Table) Unreachable() map[netip.Addr]int {
	out := make(map[netip.Addr]int)
	for hop, n := range t.hops {
		if _, ok := t.reach(hop); !ok {
			out[hop] = n
		}
	}
	return out
}
