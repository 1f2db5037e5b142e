package firewall

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Spread says what new connections are spread by.
type Spread uint8

// Spreads.
const (
	InTurn        Spread = iota // dealt out by weight
	ByPair                      // source and destination address
	BySource                    // source address
	ByDestination               // destination address
)

// Share is the part of new connections that a way gets.
type Share struct {
	Way    uint32 // mark
	Weight int
	// Alive: it gets some. Hashes are computed over all shares, and again over those that are alive
	// for what falls on a dead one, so that a death moves nothing else.
	Alive bool
}

// balance gives each share its part of what comes.
func (w *uplinkWriter) balance() {
	var rules []rule
	switch {
	case w.Routed != 0:
		rules = append(rules, newRule("spread by the route", w.setConnectionMark(w.Routed)))
	case w.Spread == InTurn:
		rules = w.deal()
	default:
		rules = w.hash()
	}
	w.t.chains[chainBalance] = inner(append(rules, newRule("no uplink", jump(expr.VerdictGoto, chainUnmark)))...)
}

// maxSlots bounds the sum of weights: each is so many rules, of which a new connection meets half.
const maxSlots = 200

// slots lists the shares, each as often as its weight, spread evenly. Weights are first divided by
// what they have in common, and scaled when their sum is large; nobody's becomes 0.
func slots(shares []Share) (out []Share) {
	sum, common := 0, 0
	for _, s := range shares {
		sum += s.Weight
		common = gcd(common, s.Weight)
	}
	weights, total := make([]int, len(shares)), 0
	for i, s := range shares {
		weights[i] = s.Weight / common
		if sum/common > maxSlots {
			weights[i] = max(1, (s.Weight*maxSlots+sum/2)/sum)
		}
		total += weights[i]
	}
	// The one that is furthest behind its due is next.
	due := make([]int, len(shares))
	for range total {
		next := 0
		for i := range shares {
			if due[i] += weights[i]; due[i] > due[next] {
				next = i
			}
		}
		due[next] -= total
		out = append(out, shares[next])
	}
	return out
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// deal writes one rule a slot. Each takes one connection of those that the ones before it left, so
// that as many connections as there are slots get one each, in the order of the slots.
func (w *uplinkWriter) deal() (rules []rule) {
	list := slots(w.alive())
	for i, s := range list {
		turn := []expr.Any{
			&expr.Numgen{Register: 1, Modulus: uint32(len(list) - i), Type: unix.NFT_NG_INCREMENTAL},
			isNumber(0),
		}
		rules = append(rules, newRule("in turn", turn, jump(expr.VerdictGoto, chainOf(prefixTake, s.Way))))
	}
	return rules
}

func isNumber(n int) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(uint32(n))}
}

// alive are the shares that get connections.
func (u *Uplinks) alive() []Share {
	return slices.DeleteFunc(slices.Clone(u.Shares), func(s Share) bool { return !s.Alive })
}

// Hashed returns the mark of the way that a new connection between two addresses gets. ok is false
// where addresses do not decide: it is dealt out in turn, or the route spreads it, or nothing is alive.
func (u *Uplinks) Hashed(source, destination netip.Addr) (way uint32, ok bool) {
	if u.Routed != 0 || u.Spread == InTurn {
		return 0, false
	}
	var key []byte
	if u.Spread != ByDestination {
		key = append(key, source.AsSlice()...)
	}
	if u.Spread != BySource {
		key = append(key, destination.AsSlice()...)
	}
	for round, list := range u.rounds() {
		// What nft_hash.c computes of Modulus: the upper half of the product.
		if slot, _ := bits.Mul32(jhash(key, seed+uint32(round)), uint32(len(list))); len(list) > 0 && list[slot].Alive {
			return list[slot].Way, true
		}
	}
	return 0, false
}

// rounds are the slots that hashes are taken over: all, and for what falls on a dead one those that
// are alive.
func (u *Uplinks) rounds() [][]Share {
	list := [][]Share{slots(u.Shares)}
	if alive := u.alive(); len(alive) < len(u.Shares) {
		list = append(list, slots(alive))
	}
	return list
}

// seed is that of the first round; the second hash must differ from the first.
const seed = 0x65636d70

// hash writes one rule a slot that is alive, for its part of a hash over all slots.
func (w *uplinkWriter) hash() (rules []rule) {
	for round, list := range w.rounds() {
		for i, s := range list {
			if !s.Alive {
				continue
			}
			key, length := w.key()
			key = append(slices.Concat(isIPv4(), key),
				&expr.Hash{SourceRegister: hashRegisters[0], DestRegister: unix.NFT_REG_1, Length: length, Modulus: uint32(len(list)), Seed: seed + uint32(round), Type: expr.HashTypeJenkins},
				isNumber(i))
			rules = append(rules, newRule("by hash", key, jump(expr.VerdictGoto, chainOf(prefixTake, s.Way))))
		}
	}
	return rules
}

// hashRegisters follow each other, and are those that nft takes.
var hashRegisters = [...]uint32{unix.NFT_REG_2, unix.NFT_REG32_05}

// key loads what connections are hashed by.
func (w *uplinkWriter) key() (exprs []expr.Any, length uint32) {
	load := func(register, offset uint32) expr.Any {
		return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4}
	}
	switch w.Spread {
	case BySource:
		return []expr.Any{load(hashRegisters[0], offsetSource)}, 4
	case ByDestination:
		return []expr.Any{load(hashRegisters[0], offsetDestination)}, 4
	}
	return []expr.Any{load(hashRegisters[0], offsetSource), load(hashRegisters[1], offsetDestination)}, 8
}

// jhash is the kernel's hash of up to twelve bytes (linux/jhash.h; lookup3 by Bob Jenkins).
func jhash(key []byte, initial uint32) uint32 {
	var words [12]byte
	copy(words[:], key)
	start := 0xdeadbeef + uint32(len(key)) + initial
	a := start + binary.LittleEndian.Uint32(words[0:])
	b := start + binary.LittleEndian.Uint32(words[4:])
	c := start + binary.LittleEndian.Uint32(words[8:])
	for _, step := range []struct {
		to, from *uint32
		by       int
	}{{&c, &b, 14}, {&a, &c, 11}, {&b, &a, 25}, {&c, &b, 16}, {&a, &c, 4}, {&b, &a, 14}, {&c, &b, 24}} {
		*step.to = (*step.to ^ *step.from) - bits.RotateLeft32(*step.from, step.by)
	}
	return c
}
