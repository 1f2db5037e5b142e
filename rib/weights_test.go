package rib

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/ecmpd/ecmpd/nexthop"
)

// The weights of a product say what the two levels of shares say, as closely as 254 steps allow.
func TestMultiplyKeepsShares(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 3000 {
		var list []reached
		exact := map[nexthop.Leg]float64{}
		var gatewayWeights float64
		for range 1 + rng.IntN(4) {
			limit := []int{3, 300, 1 << 32}[rng.IntN(3)]
			g := reached{weight: uint32(1 + rng.Int64N(int64(limit-1)))}
			var hops []nexthop.Hop
			for range 1 + rng.IntN(5) {
				n := byte(rng.IntN(8))
				hops = append(hops, nexthop.Hop{
					Gateway: netip.AddrFrom4([4]byte{10, 9, n, 1}), Interface: fmt.Sprint("vpn", n), Weight: uint8(1 + rng.IntN([]int{1, 4, 254}[rng.IntN(3)])),
				})
			}
			g.hops = nexthop.NewSet(hops...)
			list = append(list, g)
			gatewayWeights += float64(g.weight)
		}
		for _, g := range list {
			whole := 0.0
			for h := range g.hops.All() {
				whole += float64(h.Weight)
			}
			for h := range g.hops.All() {
				exact[h.Leg()] += float64(g.weight) / gatewayWeights * float64(h.Weight) / whole
			}
		}
		got := multiply(list)
		if got.Len() != len(exact) {
			t.Fatalf("%v gives %v: not all legs", list, got)
		}
		whole, largest, tiny := 0.0, 0.0, 0
		for h := range got.All() {
			whole += float64(h.Weight)
			largest = max(largest, exact[h.Leg()])
			if h.Weight < 1 || h.Weight > maxWeight {
				t.Fatalf("%v gives %v: weight out of range", list, got)
			}
		}
		for _, share := range exact {
			if share*maxWeight < largest {
				tiny++
			}
		}
		for h := range got.All() {
			share := float64(h.Weight) / whole
			if bound := float64(2+tiny) / maxWeight; math.Abs(share-exact[h.Leg()]) > bound+1e-9 {
				t.Fatalf("%v gives %v: %s has %.4f, exactly it is %.4f", list, got, h, share, exact[h.Leg()])
			}
		}
		slices.Reverse(list)
		if again := multiply(list); again != got {
			t.Fatalf("the order of gateways counts: %v and %v", got, again)
		}
	}
}

func TestMultiplyIsExactWhereItFits(t *testing.T) {
	leg := func(n, weight byte) nexthop.Hop {
		return nexthop.Hop{Gateway: netip.AddrFrom4([4]byte{10, 9, n, 1}), Interface: "vpn", Weight: weight}
	}
	for _, tt := range []struct {
		list []reached
		want nexthop.Set
	}{
		{[]reached{{9, nexthop.NewSet(leg(1, 200), leg(2, 100))}}, nexthop.NewSet(leg(1, 2), leg(2, 1))},
		{[]reached{{1, nexthop.NewSet(leg(1, 1))}, {254, nexthop.NewSet(leg(2, 7))}}, nexthop.NewSet(leg(1, 1), leg(2, 254))},
		{[]reached{{1000, nexthop.NewSet(leg(1, 1))}, {1000, nexthop.NewSet(leg(2, 1), leg(3, 2))}}, nexthop.NewSet(leg(1, 3), leg(2, 1), leg(3, 2))},
		{[]reached{{1, nexthop.NewSet(leg(1, 1))}, {1 << 31, nexthop.NewSet(leg(2, 1))}}, nexthop.NewSet(leg(1, 1), leg(2, 254))},
	} {
		if got := multiply(tt.list); got != tt.want {
			t.Errorf("%v gives %v, want %v", tt.list, got, tt.want)
		}
	}
}
