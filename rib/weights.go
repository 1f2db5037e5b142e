package rib

import (
	"math/big"
	"slices"

	"github.com/ecmpd/ecmpd/nexthop"
)

// maxWeight is the largest weight of a member that every kernel takes.
const maxWeight = 254

// reached is one gateway of a set and what it leads to.
type reached struct {
	weight uint32
	hops   nexthop.Set
}

// multiply makes one set of several: the share of a leg is the share of its gateway
// in the whole times its own share in the gateway's set, and the shares of a leg that several
// gateways lead to add up. The weights of the result are exact where they fit
// into 1..254. Else the largest is 254, and of n legs none is further than
// (2+m)/254 from its exact share, m of them being below 1/254 of the largest, which
// get 1 for want of less.
func multiply(gateways []reached) nexthop.Set {
	if len(gateways) == 1 {
		return reduce(gateways[0].hops)
	}
	shares := make(map[nexthop.Leg]*big.Rat)
	var members []nexthop.Hop
	for _, g := range gateways {
		var whole int64
		for h := range g.hops.All() {
			whole += int64(h.Weight)
		}
		for h := range g.hops.All() {
			members = append(members, h)
			share := shares[h.Leg()]
			if share == nil {
				share = new(big.Rat)
				shares[h.Leg()] = share
			}
			part := big.NewRat(int64(h.Weight), whole)
			share.Add(share, part.Mul(part, new(big.Rat).SetUint64(uint64(g.weight))))
		}
	}
	legs := nexthop.NewSet(members...).Hops() // one a leg, in the set's order
	exact := make([]*big.Rat, len(legs))
	for i, h := range legs {
		exact[i] = shares[h.Leg()]
	}
	for i, w := range quantise(exact) {
		legs[i].Weight = w
	}
	return nexthop.NewSet(legs...)
}

// reduce brings the weights of a set to lowest terms: two sets with the same shares are one.
func reduce(s nexthop.Set) nexthop.Set {
	var common uint64
	for h := range s.All() {
		common = divisor(common, uint64(h.Weight))
	}
	if common <= 1 {
		return s
	}
	return s.Map(func(h nexthop.Hop) nexthop.Hop { h.Weight /= uint8(common); return h })
}

// quantise turns positive shares into weights, by largest remainder; of equal
// remainders the first is rounded up first.
func quantise(exact []*big.Rat) []uint8 {
	weights := make([]uint8, len(exact))
	if lowest, ok := lowestTerms(exact); ok {
		for i, w := range lowest {
			weights[i] = uint8(w)
		}
		return weights
	}
	largest := slices.MaxFunc(exact, (*big.Rat).Cmp)
	scale := new(big.Rat).Quo(big.NewRat(maxWeight, 1), largest)
	rest := make([]*big.Rat, len(exact))
	sum := new(big.Rat)
	for i, share := range exact {
		scaled := new(big.Rat).Mul(share, scale)
		floor := new(big.Int).Quo(scaled.Num(), scaled.Denom())
		sum.Add(sum, scaled)
		rest[i] = scaled.Sub(scaled, new(big.Rat).SetInt(floor))
		weights[i] = uint8(floor.Uint64())
	}
	left := new(big.Int).Quo(sum.Num(), sum.Denom()).Int64()
	order := make([]int, len(exact))
	for i, w := range weights {
		order[i] = i
		left -= int64(w)
	}
	slices.SortStableFunc(order, func(a, b int) int { return rest[b].Cmp(rest[a]) })
	for _, i := range order {
		if left > 0 {
			weights[i]++
			left--
		}
		weights[i] = max(weights[i], 1)
	}
	return weights
}

// lowestTerms returns the shares as whole numbers, if none is too large for a weight.
func lowestTerms(exact []*big.Rat) ([]uint64, bool) {
	denominator, numerator := big.NewInt(1), new(big.Int)
	for _, share := range exact {
		common := new(big.Int).GCD(nil, nil, denominator, share.Denom())
		denominator.Mul(denominator, new(big.Int).Quo(share.Denom(), common))
	}
	whole := make([]*big.Int, len(exact))
	for i, share := range exact {
		whole[i] = new(big.Int).Mul(share.Num(), new(big.Int).Quo(denominator, share.Denom()))
		numerator.GCD(nil, nil, numerator, whole[i])
	}
	list := make([]uint64, len(exact))
	for i, n := range whole {
		n.Quo(n, numerator)
		if n.Cmp(big.NewInt(maxWeight)) > 0 {
			return nil, false
		}
		list[i] = n.Uint64()
	}
	return list, true
}
