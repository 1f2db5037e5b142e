package nexthop

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func hop(id, gateway, name string) Hop {
	h := Hop{Interface: name, Weight: 1}
	if id != "" {
		h.RouterID = ip(id)
	}
	if gateway != "" {
		h.Gateway = ip(gateway)
	}
	return h
}

func TestCanonical(t *testing.T) {
	a := hop("1.1.1.1", "10.0.0.9", "tun1")
	b := hop("2.2.2.2", "10.0.0.1", "tun2")
	c := hop("2.2.2.2", "10.0.0.1", "tun3")
	d := hop("2.2.2.2", "10.0.0.2", "tun0")
	e := hop("0.0.0.0", "", "eth0")
	f := hop("3.3.3.3", "2001:db8::1", "tun1")
	want := []Hop{e, a, b, c, d, f}
	set := NewSet(want...)
	if got := set.Hops(); !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		hops := append(slices.Clone(want), want[rng.IntN(len(want))])
		rng.Shuffle(len(hops), func(i, j int) { hops[i], hops[j] = hops[j], hops[i] })
		if NewSet(hops...) != set {
			t.Fatalf("%v gives another set than %v", hops, want)
		}
		cut := rng.IntN(len(hops))
		if Union(NewSet(hops[:cut]...), Set{}, NewSet(hops[cut:]...), set) != set {
			t.Fatalf("the union of parts of %v at %d is another set", hops, cut)
		}
	}
}

func TestMerge(t *testing.T) {
	unknown := hop("", "10.0.0.1", "tun1")
	known := hop("2.2.2.2", "10.0.0.1", "tun1")
	known.Weight, known.OnLink = 3, true
	later := hop("9.9.9.9", "10.0.0.1", "tun1")
	later.Weight = 2
	mapped := known
	mapped.Gateway = ip("::ffff:10.0.0.1")
	zeroWeight := unknown
	zeroWeight.Weight = 0
	set := NewSet(later, unknown, mapped, known, zeroWeight)
	if got := set.Hops(); !slices.Equal(got, []Hop{known}) {
		t.Errorf("got %v, want %v", got, known)
	}
	if NewSet(zeroWeight) != NewSet(unknown) {
		t.Error("weight 0 is not 1")
	}
}

func TestSubsets(t *testing.T) {
	a, b, c := hop("1.1.1.1", "10.0.0.1", "tun1"), hop("2.2.2.2", "", "averylongname15"), hop("3.3.3.3", "10.0.0.3", "tun3")
	set := NewSet(a, b, c)
	for n, want := range []Set{{}, NewSet(a), NewSet(a, b), set, set} {
		if got := set.Limit(n); got != want {
			t.Errorf("Limit(%d) = %v, want %v", n, got, want)
		}
	}
	if !set.Limit(-1).IsEmpty() || set.Len() != 3 || (Set{}).Len() != 0 {
		t.Error("wrong length")
	}
	for _, tt := range []struct {
		dead []Hop
		want Set
	}{
		{nil, set}, {[]Hop{a}, NewSet(b, c)}, {[]Hop{b}, NewSet(a, c)}, {[]Hop{c}, NewSet(a, b)},
		{[]Hop{a, c}, NewSet(b)}, {[]Hop{a, b, c}, Set{}},
	} {
		got := set.Without(func(l Leg) bool {
			return slices.ContainsFunc(tt.dead, func(h Hop) bool { return h.Leg() == l })
		})
		if got != tt.want {
			t.Errorf("without %v: %v, want %v", tt.dead, got, tt.want)
		}
	}
	one := set.Map(func(h Hop) Hop { h.Gateway, h.Interface = ip("10.0.0.1"), "tun1"; return h })
	if one != NewSet(a) {
		t.Errorf("mapped onto one leg: %v", one)
	}
}

func TestString(t *testing.T) {
	a, b := hop("1.1.1.1", "10.0.0.1", "tun1"), hop("2.2.2.2", "10.0.0.5", "tun2")
	b.Weight, b.OnLink = 3, true
	const want = "via 10.0.0.1 dev tun1, via 10.0.0.5 dev tun2 weight 3 onlink"
	if got := NewSet(b, a).String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := NewSet(hop("", "", "eth0")).String(); got != "dev eth0" {
		t.Errorf("got %q", got)
	}
}

func BenchmarkUnion(b *testing.B) {
	x := NewSet(hop("1.1.1.1", "10.0.0.1", "tun1"), hop("2.2.2.2", "10.0.0.5", "tun2"))
	y := NewSet(hop("3.3.3.3", "10.0.0.9", "tun3"), hop("2.2.2.2", "10.0.0.5", "tun2"))
	for b.Loop() {
		Union(x, y)
	}
}
