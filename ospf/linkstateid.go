package ospf

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// linkStateIDs gives our LSAs of one type and one database their link state ids
// (RFC 2328 appendix E): the network address, or with host bits set when a
// prefix with another mask has that one. An id stays with its prefix until a
// longer prefix, which has fewer to choose from, finds no other. A prefix whose ids all belong
// to longer ones gets none and is not missed: they cover every address of it.
type linkStateIDs struct {
	ids      map[netip.Prefix]packet.ID
	prefixes map[packet.ID]netip.Prefix
	without  map[netip.Prefix]struct{} // that got none
}

func newLinkStateIDs() linkStateIDs {
	return linkStateIDs{
		ids:      make(map[netip.Prefix]packet.ID),
		prefixes: make(map[packet.ID]netip.Prefix),
		without:  make(map[netip.Prefix]struct{}),
	}
}

func (l *linkStateIDs) clear() {
	clear(l.ids)
	clear(l.prefixes)
	clear(l.without)
}

// take returns the link state id of p, which it has from now on. Another prefix
// may lose it: moved is that prefix, whose LSA is to be originated under another id.
func (l *linkStateIDs) take(p netip.Prefix) (id packet.ID, moved netip.Prefix, ok bool) {
	if id, ok = l.ids[p]; ok {
		return id, moved, true
	}
	if id, ok = l.free(p); !ok {
		l.without[p] = struct{}{}
		return 0, moved, false
	}
	delete(l.without, p)
	moved = l.prefixes[id]
	delete(l.ids, moved)
	l.ids[p], l.prefixes[id] = id, p
	return id, moved, true
}

// resume gives p the id that it had, unless it has one.
func (l *linkStateIDs) resume(p netip.Prefix, id packet.ID) {
	if _, ok := l.ids[p]; !ok {
		l.ids[p], l.prefixes[id] = id, p
	}
}

// release ends what take began. retry lists the prefixes that got no id so far and
// may get one now.
func (l *linkStateIDs) release(p netip.Prefix) (id packet.ID, retry []netip.Prefix, ok bool) {
	delete(l.without, p)
	if id, ok = l.ids[p]; !ok {
		return 0, nil, false
	}
	delete(l.ids, p)
	delete(l.prefixes, id)
	for o := range l.without {
		if o.Contains(id.Addr()) {
			retry = append(retry, o)
		}
	}
	return id, retry, true
}

// free is the first of the network address, that with all host bits, and so on
// downwards, that no prefix has; without one, the first that a shorter prefix has.
func (l *linkStateIDs) free(p netip.Prefix) (id packet.ID, ok bool) {
	network, host := packet.IDFromAddr(p.Addr()), ^packet.MaskOf(p.Bits())
	for n := range uint64(host) + 1 {
		candidate := network | (host+1-packet.ID(n))&host
		other, taken := l.prefixes[candidate]
		if !taken {
			return candidate, true
		}
		if !ok && other.Bits() < p.Bits() {
			id, ok = candidate, true
		}
	}
	return id, ok
}
