package nexthop

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// An encoded member is the router id (4 bytes), the length of the gateway (0, 4
// or 16) and the gateway, flags, weight, and the length of the interface name
// and the name.
const flagOnLink = 0x01

var unknownRouter = netip.AddrFrom4([4]byte{})

// NewSet returns the canonical set of hops. Hops with the same gateway and
// interface are one leg: the larger weight wins, the leg is on-link when one
// of them is, and the smallest router id that is not 0.0.0.0 names it. An
// interface name is cut after 255 bytes (the kernel's limit is 15).
func NewSet(hops ...Hop) Set {
	if len(hops) == 0 {
		return Set{}
	}
	members := make([]Hop, len(hops))
	for i, h := range hops {
		members[i] = h.normal()
	}
	slices.SortFunc(members, func(a, b Hop) int {
		return cmp.Or(compareLeg(a, b), compareRouter(a, b))
	})
	unique := members[:1]
	for _, h := range members[1:] {
		last := &unique[len(unique)-1]
		if compareLeg(*last, h) != 0 {
			unique = append(unique, h)
			continue
		}
		if last.RouterID == unknownRouter {
			last.RouterID = h.RouterID
		}
		last.Weight = max(last.Weight, h.Weight)
		last.OnLink = last.OnLink || h.OnLink
	}
	slices.SortFunc(unique, func(a, b Hop) int {
		return cmp.Or(compareRouter(a, b), compareLeg(a, b))
	})
	size := 0
	for _, h := range unique {
		size += 12 + len(h.Interface)
	}
	enc := make([]byte, 0, size)
	for _, h := range unique {
		enc = h.append(enc)
	}
	return Set{enc: string(enc)}
}

// Union returns the set of all members of sets, merged as [NewSet] merges them.
func Union(sets ...Set) Set {
	var whole Set
	var hops []Hop
	for _, s := range sets {
		switch {
		case s == whole || s.IsEmpty():
		case whole.IsEmpty():
			whole = s
		default:
			hops = slices.AppendSeq(hops, s.All())
		}
	}
	if len(hops) == 0 {
		return whole
	}
	return NewSet(slices.AppendSeq(hops, whole.All())...)
}

// IsEmpty reports whether the set has no member.
func (s Set) IsEmpty() bool { return s.enc == "" }

// Len returns the number of members.
func (s Set) Len() int {
	n := 0
	for range s.All() {
		n++
	}
	return n
}

// All yields the members in canonical order.
func (s Set) All() iter.Seq[Hop] {
	return func(yield func(Hop) bool) {
		for enc := s.enc; enc != ""; {
			h, n := decode(enc)
			if !yield(h) {
				return
			}
			enc = enc[n:]
		}
	}
}

// Hops returns the members in canonical order, in a slice of the caller's own.
func (s Set) Hops() []Hop { return slices.Collect(s.All()) }

// Limit returns the first n members in canonical order; none when n is not positive.
func (s Set) Limit(n int) Set {
	end := 0
	for ; n > 0 && end < len(s.enc); n-- {
		_, size := decode(s.enc[end:])
		end += size
	}
	return Set{enc: s.enc[:end]}
}

// Without returns the set without the members whose leg is dead.
func (s Set) Without(dead func(Leg) bool) Set {
	var enc []byte // stays nil, and s is returned, as long as nobody is dead
	for pos := 0; pos < len(s.enc); {
		h, n := decode(s.enc[pos:])
		switch {
		case dead(h.Leg()):
			if enc == nil {
				enc = append(make([]byte, 0, len(s.enc)), s.enc[:pos]...)
			}
		case enc != nil:
			enc = append(enc, s.enc[pos:pos+n]...)
		}
		pos += n
	}
	if enc == nil {
		return s
	}
	return Set{enc: string(enc)}
}

// Map returns the set of f applied to every member.
func (s Set) Map(f func(Hop) Hop) Set {
	hops := s.Hops()
	for i := range hops {
		hops[i] = f(hops[i])
	}
	return NewSet(hops...)
}

// String returns the members in canonical order, in the words of iproute2:
// "via 10.0.0.1 dev tun1, via 10.0.0.5 dev tun2 weight 3 onlink".
func (s Set) String() string {
	var b strings.Builder
	for h := range s.All() {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(h.String())
	}
	return b.String()
}

// String returns the hop in the words of iproute2.
func (h Hop) String() string {
	var words []string
	if h.Gateway.IsValid() {
		words = append(words, "via", h.Gateway.String())
	}
	words = append(words, "dev", h.Interface)
	if h.Weight > 1 {
		words = append(words, "weight", strconv.Itoa(int(h.Weight)))
	}
	if h.OnLink {
		words = append(words, "onlink")
	}
	return strings.Join(words, " ")
}

// normal returns the hop as a set stores it.
func (h Hop) normal() Hop {
	if h.RouterID = h.RouterID.Unmap(); !h.RouterID.Is4() {
		h.RouterID = unknownRouter
	}
	if h.Gateway = h.Gateway.Unmap().WithZone(""); h.Gateway.IsUnspecified() {
		h.Gateway = netip.Addr{}
	}
	h.Interface = h.Interface[:min(len(h.Interface), 255)]
	h.Weight = max(h.Weight, 1)
	return h
}

func compareRouter(a, b Hop) int { return a.RouterID.Compare(b.RouterID) }

func compareLeg(a, b Hop) int {
	return cmp.Or(a.Gateway.Compare(b.Gateway), cmp.Compare(a.Interface, b.Interface))
}

func (h Hop) append(enc []byte) []byte {
	id := h.RouterID.As4()
	enc = append(enc, id[:]...)
	enc = append(enc, byte(h.Gateway.BitLen()/8))
	enc = append(enc, h.Gateway.AsSlice()...)
	var flags byte
	if h.OnLink {
		flags |= flagOnLink
	}
	enc = append(enc, flags, h.Weight, byte(len(h.Interface)))
	return append(enc, h.Interface...)
}

// decode returns the first member of enc and the bytes it takes.
func decode(enc string) (Hop, int) {
	var h Hop
	h.RouterID = netip.AddrFrom4([4]byte{enc[0], enc[1], enc[2], enc[3]})
	pos := 5
	switch enc[4] {
	case 4:
		h.Gateway = netip.AddrFrom4([4]byte([]byte(enc[5:9])))
		pos = 9
	case 16:
		h.Gateway = netip.AddrFrom16([16]byte([]byte(enc[5:21])))
		pos = 21
	}
	h.OnLink = enc[pos]&flagOnLink != 0
	h.Weight = enc[pos+1]
	end := pos + 3 + int(enc[pos+2])
	h.Interface = enc[pos+3 : end]
	return h, end
}
