package firewall

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// Marks names the rules of other tables that write bits of the mask into connection marks, or into
// packet marks where that changes the way of a packet. A value that cannot be foreseen makes an
// uncertain place.
func (f *Firewall) Marks(mask uint32) ([]Place, error) {
	kernel, err := f.nft.ListChains()
	if err != nil {
		return nil, fmt.Errorf("read other nftables: %w", err)
	}
	rules, err := f.dumpRules()
	if err != nil {
		return nil, fmt.Errorf("read other nftables: %w", err)
	}
	var out []Place
	for _, k := range kernel {
		if k.Table == nil || familyName(byte(k.Table.Family)) == "" || k.Table.Name == tableName && k.Table.Family == unix.NFPROTO_INET {
			continue
		}
		late := hookOf(k) == hookNone || (hookOf(k) == hookPrerouting || hookOf(k) == hookOutput) && k.Priority != nil && *k.Priority >= priorityMangle
		for _, r := range rules[chainKey{byte(k.Table.Family), k.Table.Name, k.Name}] {
			for _, w := range markWrites(byte(k.Table.Family), r) {
				if what, certain := w.harm(mask, late); what != "" {
					out = append(out, Place{familyName(byte(k.Table.Family)), k.Table.Name, k.Name, what, certain && hookOf(k) != hookNone})
				}
			}
		}
	}
	return out, nil
}

// priorityMangle is where the chains of uplinks are: what writes packet marks before them is written over.
const priorityMangle = -150

// markValue is what a register or mark gets: the bits of keep of an old mark, and those of set turned over.
type markValue struct {
	keep, set uint32
	unknown   bool
}

// markWrite is a value that a rule writes into a mark.
type markWrite struct {
	markValue
	connection bool
}

// harm says what a write does to bits of the mask; nothing when they stay as they are. A packet mark that
// is only cleared does harm behind the chains of uplinks.
func (w markWrite) harm(mask uint32, late bool) (what string, certain bool) {
	name := "packet"
	if w.connection {
		name = "connection"
	}
	switch {
	case w.unknown:
		return fmt.Sprintf("writes %s marks that are not foreseen", name), false
	case w.set&mask != 0:
		return fmt.Sprintf("sets the bits %#x of %s marks", w.set&mask, name), true
	case ^w.keep&mask != 0 && (w.connection || late):
		return fmt.Sprintf("clears the bits %#x of %s marks", ^w.keep&mask, name), true
	}
	return "", true
}

// markWrites follows the registers of a rule to the marks that they end in.
func markWrites(family byte, r rawRule) (out []markWrite) {
	registers := map[uint32]markValue{}
	value := func(register uint32) markValue {
		if v, ok := registers[register]; ok {
			return v
		}
		return markValue{unknown: true}
	}
	for _, raw := range r.exprs {
		unmarshal := func(e expr.Any) bool { return expr.Unmarshal(family, raw.data, e) == nil }
		switch raw.name {
		case "immediate":
			if e := new(expr.Immediate); unmarshal(e) && len(e.Data) == 4 {
				registers[e.Register] = markValue{set: binary.NativeEndian.Uint32(e.Data)}
			}
		case "meta":
			e := new(expr.Meta)
			switch known := unmarshal(e); {
			case known && e.Key == expr.MetaKeyMARK && e.SourceRegister:
				out = append(out, markWrite{value(e.Register), false})
			case known && !e.SourceRegister:
				registers[e.Register] = markValue{keep: ^uint32(0), unknown: e.Key != expr.MetaKeyMARK}
			}
		case "ct":
			e := new(expr.Ct)
			switch known := unmarshal(e); {
			case known && e.Key == expr.CtKeyMARK && e.SourceRegister:
				out = append(out, markWrite{value(e.Register), true})
			case known && !e.SourceRegister:
				registers[e.Register] = markValue{keep: ^uint32(0), unknown: e.Key != expr.CtKeyMARK}
			}
		case "bitwise":
			e := new(expr.Bitwise)
			if !unmarshal(e) {
				continue
			}
			from := value(e.SourceRegister)
			if len(e.Mask) != 4 || len(e.Xor) != 4 || from.unknown {
				registers[e.DestRegister] = markValue{unknown: true}
				continue
			}
			m := binary.NativeEndian.Uint32(e.Mask)
			registers[e.DestRegister] = markValue{keep: from.keep & m, set: from.set&m ^ binary.NativeEndian.Uint32(e.Xor)}
		case "lookup", "numgen", "hash", "payload", "fib", "rt", "socket":
			clear(registers) // one of them holds something else now
		case "target":
			if e := new(expr.Target); unmarshal(e) {
				out = append(out, xtMarkWrites(e)...)
			}
		}
	}
	return out
}

// xtMarkWrites reads the targets MARK and CONNMARK of iptables (linux/netfilter/xt_mark.h, xt_connmark.h).
func xtMarkWrites(e *expr.Target) []markWrite {
	info, ok := e.Info.(*xt.Unknown)
	if !ok || !slices.Contains([]string{"MARK", "CONNMARK"}, e.Name) {
		return nil
	}
	word := func(i int) uint32 {
		if len(*info) < 4*i+4 {
			return 0
		}
		return binary.NativeEndian.Uint32((*info)[4*i:])
	}
	if e.Name == "MARK" {
		return []markWrite{{markValue{keep: ^word(1), set: word(0)}, false}}
	}
	const set, save, restore = 0, 1, 2
	ours, theirs := word(1), word(2)
	at := 12
	if e.Rev >= 2 { // with a direction and a number of bits to shift by
		at = 14
	}
	if len(*info) <= at || at == 14 && (*info)[13] != 0 {
		return []markWrite{{markValue{unknown: true}, true}}
	}
	switch (*info)[at] {
	case set:
		return []markWrite{{markValue{keep: ^ours, set: word(0)}, true}}
	case save: // bits that are copied are as good as kept
		return []markWrite{{markValue{keep: ^ours | theirs}, true}}
	case restore:
		return []markWrite{{markValue{keep: ^theirs | ours}, false}}
	}
	return []markWrite{{markValue{unknown: true}, true}}
}
