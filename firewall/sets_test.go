package firewall

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/nftables"
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestDisjoint(t *testing.T) {
	got := disjoint(prefixes("10.1.0.0/16", "10.0.0.0/24", "10.1.2.3/24", "10.0.0.0/24", "10.0.1.0/24", "fd00::/8"))
	if want := prefixes("10.0.0.0/24", "10.0.1.0/24", "10.1.0.0/16"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestElementPrefix(t *testing.T) {
	for _, p := range prefixes("0.0.0.0/0", "0.0.0.0/8", "10.0.0.0/24", "128.0.0.0/1", "255.255.255.255/32", "0.0.0.0/32", "10.9.1.4/30") {
		got, ok := elementPrefix(prefixElement(p))
		if !ok || got != p {
			t.Errorf("%v comes back as %v %v", p, got, ok)
		}
	}
	for _, e := range []element{
		{"\x0a\x00\x00\x00", "\x0a\x00\x00\x03"}, {"\x0a\x00\x00\x01", "\x0a\x00\x00\x03"},
		{"\x0a\x00\x00\x01", "\x0a\x00\x00\x01"}, {"\x0a\x00\x00\x01", "\x0a\x00\x00\x00"}, {"\x0a", "\x0b"},
	} {
		if p, ok := elementPrefix(e); ok {
			t.Errorf("%q taken for the prefix %v", e, p)
		}
	}
}

func TestElementsRoundTrip(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 2))
		want := prefixElements(randomPrefixes(rng, rng.IntN(50)))
		raw := encodeElements(want, true)
		rng.Shuffle(len(raw), func(i, j int) { raw[i], raw[j] = raw[j], raw[i] })
		got, err := decodeElements(raw, true)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %q, %v\nwant %q", seed, got, err, want)
		}
	}
}

func TestDecodeBrokenIntervals(t *testing.T) {
	start := func(b byte) nftables.SetElement { return nftables.SetElement{Key: []byte{10, 0, 0, b}} }
	end := func(b byte) nftables.SetElement {
		return nftables.SetElement{Key: []byte{10, 0, 0, b}, IntervalEnd: true}
	}
	for name, raw := range map[string][]nftables.SetElement{
		"two starts": {start(1), start(2), end(3)}, "two ends": {start(1), end(2), end(3)}, "end first": {end(2), start(3)},
	} {
		if got, err := decodeElements(raw, true); err == nil {
			t.Errorf("%s: decoded as %q", name, got)
		}
	}
	zero := nftables.SetElement{Key: []byte{0, 0, 0, 0}, IntervalEnd: true}
	if got, err := decodeElements([]nftables.SetElement{zero, start(1), end(2)}, true); err != nil || len(got) != 1 {
		t.Errorf("nft's closing element at zero: %q, %v", got, err)
	}
}

// TestDiffElements applies the difference to the old list and wants the new one.
func TestDiffElements(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		have, want := prefixElements(randomPrefixes(rng, 30)), prefixElements(randomPrefixes(rng, 30))
		add, del := diffElements(have, want)
		got := slices.DeleteFunc(slices.Clone(have), func(e element) bool { return slices.Contains(del, e) })
		got = append(got, add...)
		slices.SortFunc(got, compareElement)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %q, want %q", seed, got, want)
		}
		for _, e := range add {
			if slices.Contains(have, e) {
				t.Fatalf("seed %d: adds %q, which is there", seed, e)
			}
		}
	}
}

func TestUnionPrefixes(t *testing.T) {
	old := append(prefixElements(prefixes("10.1.0.0/16", "10.2.1.0/24")), element{"\x0b\x00\x00\x01", "\x0b\x00\x00\x04"})
	got := unionPrefixes(old, prefixElements(prefixes("10.1.2.0/24", "10.2.0.0/16", "10.3.0.0/16")))
	if want := prefixElements(prefixes("10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16")); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// randomPrefixes nest, touch and reach both ends of the address space.
func randomPrefixes(rng *rand.Rand, n int) []netip.Prefix {
	var out []netip.Prefix
	for range n {
		a := netip.AddrFrom4([4]byte{byte(rng.IntN(2) * 255), byte(rng.IntN(2) * 255), byte(rng.IntN(8)), byte(rng.IntN(256))})
		out = append(out, netip.PrefixFrom(a, 12+rng.IntN(21)).Masked())
	}
	return out
}
