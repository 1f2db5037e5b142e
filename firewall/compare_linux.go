package firewall

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// compare turns a comparison of what a register holds into a condition.
func (d *decoder) compare(from source, e *expr.Cmp) condition {
	if e.Op == expr.CmpOpGte || e.Op == expr.CmpOpLte { // nft's form of a range
		r := &expr.Range{Op: expr.CmpOpEq, FromData: make([]byte, len(e.Data)), ToData: e.Data}
		if e.Op == expr.CmpOpGte {
			r.FromData, r.ToData = e.Data, bytes.Repeat([]byte{255}, len(e.Data))
		}
		return inRange(from, r)
	}
	if e.Op != expr.CmpOpEq && e.Op != expr.CmpOpNeq || from.pair {
		return condition{}
	}
	not := e.Op == expr.CmpOpNeq
	if (from.field == fieldState || from.field == fieldStatus) && from.mask != nil {
		// `state & mask != 0` is nft's form of a list of states.
		if !isZero(e.Data) || len(from.mask) != 4 {
			return condition{}
		}
		return condition{field: from.field, mask: binary.NativeEndian.Uint32(from.mask), not: !not}
	}
	switch {
	case from.field == fieldFragment:
		fragment := len(from.mask) == 2 && from.mask[0]&0xc0 == 0 && len(e.Data) == 2 && isZero(e.Data)
		if !fragment {
			return condition{}
		}
		return condition{field: fieldFragment, not: !not}
	case from.isAddress():
		r, ok := maskedRange(from, e.Data)
		if !ok {
			return condition{}
		}
		return condition{field: from.field, ranges: [][2]uint32{r}, not: not}
	case from.isPort() && from.mask == nil && len(e.Data) == from.width:
		port := word(string(e.Data))
		return condition{field: from.field, ranges: [][2]uint32{{port, port}}, not: not}
	case from.field == fieldTCPFlags && len(from.mask) == 1 && len(e.Data) == 1:
		return condition{field: fieldTCPFlags, mask: uint32(from.mask[0]), values: e.Data, not: not}
	}
	return d.among(from, []element{{key: string(e.Data)}}, not)
}

// maskedRange is the prefix that an address compared in its first bytes, or
// under a mask, is compared with.
func maskedRange(from source, data []byte) (r [2]uint32, ok bool) {
	if len(data) != from.width || from.width == 0 {
		return r, false
	}
	length := 8 * from.width
	if from.mask != nil {
		if len(from.mask) != 4 || from.width != 4 {
			return r, false
		}
		mask := binary.BigEndian.Uint32(from.mask)
		length = bits.LeadingZeros32(^mask)
		if bits.OnesCount32(mask) != length {
			return r, false
		}
	}
	var full [4]byte
	copy(full[:], data)
	first := binary.BigEndian.Uint32(full[:])
	return [2]uint32{first, first | uint32(uint64(1)<<(32-length)-1)}, true
}

// among says that the source is one of the keys.
func (d *decoder) among(from source, keys []element, not bool) condition {
	if from.mask != nil || from.pair {
		return condition{}
	}
	c := condition{field: from.field, not: not}
	for _, k := range keys {
		b := []byte(k.key)
		switch from.field {
		case fieldState:
			if len(b) != 4 {
				return condition{}
			}
			c.mask |= binary.NativeEndian.Uint32(b)
		case fieldIn, fieldOut:
			if from.index {
				if len(b) != 4 {
					return condition{}
				}
				name := d.links(binary.NativeEndian.Uint32(b))
				if name == "" { // it has gone, or moved to another namespace
					return condition{}
				}
				c.names = append(c.names, name)
				continue
			}
			if len(b) > unix.IFNAMSIZ { // with more, of which nothing is known here
				return condition{}
			}
			c.names = append(c.names, namePattern(b))
		case fieldSourceType, fieldDestinationType:
			if len(b) != 4 || binary.NativeEndian.Uint32(b) >= 32 {
				return condition{}
			}
			c.mask |= 1 << binary.NativeEndian.Uint32(b)
		case fieldTCPFlags:
			if len(b) != 1 {
				return condition{}
			}
			c.mask, c.values = 0xff, append(c.values, b[0])
		case fieldFamily, fieldProtocol:
			if len(b) != 1 {
				return condition{}
			}
			c.values = append(c.values, b[0])
		default:
			return condition{}
		}
	}
	return c
}

// namePattern reads an interface name; one that is compared without its end is a prefix.
func namePattern(b []byte) string {
	name, _, ended := bytes.Cut(b, []byte{0})
	if ended || len(b) >= unix.IFNAMSIZ {
		return string(name)
	}
	return string(name) + "*"
}

// nameInterval reads an element of a set of names in which some end in an asterisk:
// from the name, or the part before the asterisk, to what comes next in order.
func nameInterval(e element) (pattern string, ok bool) {
	if len(e.key) != unix.IFNAMSIZ || len(e.end) != unix.IFNAMSIZ {
		return "", false
	}
	name := strings.TrimRight(e.key, "\x00")
	for _, as := range []struct{ start, pattern string }{{e.key, name}, {name, name + "*"}} {
		after := []byte(as.start)
		for i := len(after) - 1; i >= 0; i-- { // one more
			if after[i]++; after[i] != 0 {
				break
			}
		}
		if name != "" && !strings.Contains(name, "\x00") && strings.TrimRight(string(after), "\x00") == strings.TrimRight(e.end, "\x00") {
			return as.pattern, true
		}
	}
	return "", false
}

func (d *decoder) lookup(key chainKey, s *ruleState, e *expr.Lookup) {
	id := chainKey{key.family, key.table, e.SetName}
	set, known := d.memo[id]
	if !known {
		set = d.sets(key, e.SetName)
		d.memo[id] = set
	}
	isVerdict := e.IsDestRegSet && e.DestRegister == unix.NFT_REG_VERDICT
	switch {
	case set == nil && isVerdict:
		s.rule.verdict = verdictMaybeDrop
	case set == nil:
		s.when(condition{})
	case isVerdict:
		s.vmap, s.on = set, s.registers.key(e.SourceRegister, set.keyBytes)
	case e.IsDestRegSet:
		s.registers.load(e.DestRegister, source{})
		s.when(condition{})
	default:
		c := d.inSet(s.registers.key(e.SourceRegister, set.keyBytes), set, e.Invert)
		if !strings.HasPrefix(e.SetName, "__") { // nft's names for sets that have none
			c.set = e.SetName
		}
		s.when(c)
	}
}

func (d *decoder) inSet(key []part, set *foreignElements, not bool) condition {
	switch {
	case len(key) > 1:
		return d.inTuples(key, set, not)
	case len(key) == 0 || set.inclusive:
		return condition{}
	}
	from := key[0].source
	switch {
	case (from.field == fieldIn || from.field == fieldOut) && !from.index && from.mask == nil && set.interval:
		c := condition{field: from.field, not: not}
		for _, e := range set.list {
			name, ok := nameInterval(e)
			if !ok {
				return condition{}
			}
			c.names = append(c.names, name)
		}
		return c
	case from.ordered() && from.mask == nil && !from.pair && from.width == set.keyBytes && (from.isPort() || from.width == 4):
		c := condition{field: from.field, not: not}
		for _, e := range set.list {
			r := [2]uint32{word(e.key), word(e.key)}
			if set.interval {
				r = elementRange(e)
			}
			c.ranges = append(c.ranges, r)
		}
		return c
	case from.field == fieldProtocol && from.mask == nil && set.interval:
		c := condition{field: from.field, not: not}
		for _, e := range set.list {
			r := elementRange(e)
			c.values = append(c.values, bytesOf(r[0], r[1]&0xff)...)
		}
		return c
	case from.ordered() || set.interval:
		return condition{}
	default:
		return d.among(from, set.list, not)
	}
}

func inRange(from source, e *expr.Range) condition {
	if from.mask != nil || from.pair || len(e.FromData) != from.width || len(e.ToData) != from.width {
		return condition{}
	}
	not, first, last := e.Op == expr.CmpOpNeq, word(string(e.FromData)), word(string(e.ToData))
	switch {
	case from.field == fieldProtocol:
		return condition{field: from.field, not: not, values: bytesOf(first, last)}
	case from.isPort() || from.isAddress() && from.width == 4:
		return condition{field: from.field, not: not, ranges: [][2]uint32{{first, last}}}
	}
	return condition{}
}

// bytesOf are the bytes from first to last.
func bytesOf(first, last uint32) (all []byte) {
	for b := first; b <= last; b++ {
		all = append(all, byte(b))
	}
	return all
}
