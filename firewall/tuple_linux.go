package firewall

import (
	"bytes"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// word32 is the size of a register, and what the parts of a concatenation are padded to.
const word32 = 4

// registers hold what a rule has loaded, by the number of the first 32-bit register
// that it is in.
type registers map[uint32]source

// number gives the 32-bit registers and the older ones of 16 bytes, which are the same
// memory, one number (NFT_REG_ and NFT_REG32_ in linux/netfilter/nf_tables.h).
func number(register uint32) uint32 {
	if register < unix.NFT_REG32_00 {
		return (register - unix.NFT_REG_1) * 4
	}
	return register - unix.NFT_REG32_00
}

func (r registers) at(register uint32) source { return r[number(register)] }

// load puts something into a register. What follows is forgotten: it may be overwritten,
// and the parts of a concatenation are loaded one after the other.
func (r registers) load(register uint32, s source) {
	first := number(register)
	for n := range r {
		if n > first {
			delete(r, n)
		}
	}
	r[first] = s
}

// part is a part of the key of a set.
type part struct {
	source
	bytes int // in the key, with padding
}

// key is what a set is looked up with.
func (r registers) key(register uint32, length int) (parts []part) {
	first := number(register)
	end := first + uint32(length+word32-1)/word32
	for at := first; at < end; {
		next := at + 1
		for ; next < end; next++ {
			if _, loaded := r[next]; loaded {
				break
			}
		}
		p := part{r[at], int(next-at) * word32}
		switch {
		case at == first && next == end: // no concatenation
			return []part{{r[at], length}}
		case p.pair && p.bytes == 2*word32 && p.width == word32:
			second := part{p.second(), word32}
			p.pair, p.bytes = false, word32
			parts = append(parts, p, second)
		default:
			parts = append(parts, p)
		}
		at = next
	}
	return parts
}

// inTuples says that the parts are those of an element.
func (d *decoder) inTuples(key []part, set *foreignElements, not bool) condition {
	c := condition{field: fieldTuple, not: not}
	for _, e := range set.list {
		c.tuples = append(c.tuples, d.tuple(key, e))
	}
	return c
}

func (d *decoder) tuple(key []part, e element) (all []condition) {
	first, last := e.key, e.end
	if last == "" {
		last = first
	}
	for _, p := range key {
		if len(first) < p.bytes || len(last) < p.bytes {
			return append(all, condition{})
		}
		all = append(all, d.between(p, first[:p.bytes], last[:p.bytes]))
		first, last = first[p.bytes:], last[p.bytes:]
	}
	return all
}

// between says that a part lies between two values or is both of them.
func (d *decoder) between(p part, first, last string) condition {
	if p.width == 0 || p.bytes != (p.width+word32-1)/word32*word32 {
		return condition{}
	}
	first, last = first[:p.width], last[:p.width]
	if first == last {
		return d.compare(p.source, &expr.Cmp{Op: expr.CmpOpEq, Data: []byte(first)})
	}
	if name := strings.TrimRight(first, "\x00"); p.width == unix.IFNAMSIZ {
		if p.mask != nil || last != name+string(bytes.Repeat([]byte{0xff}, unix.IFNAMSIZ-len(name))) {
			return condition{}
		}
		return condition{field: p.field, names: []string{name + "*"}}
	}
	return inRange(p.source, &expr.Range{Op: expr.CmpOpEq, FromData: []byte(first), ToData: []byte(last)})
}
