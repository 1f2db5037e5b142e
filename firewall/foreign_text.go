package firewall

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"strings"
)

// String gives the rule in nft's manner; … stands for what is not understood.
func (r foreignRule) String() string {
	var words []string
	for _, c := range r.when {
		if w := c.String(); w != "" && (w != "…" || len(words) == 0 || words[len(words)-1] != w) {
			words = append(words, w)
		}
	}
	for _, e := range []struct {
		effect effect
		word   string
	}{{effectNotrack, "notrack"}, {effectOffload, "flow add"}, {effectNAT, "nat"}} {
		if r.effects&e.effect != 0 {
			words = append(words, e.word)
		}
	}
	verdicts := [...]string{"", "accept", "drop", "…", "jump " + r.target, "goto " + r.target, "return"}
	if r.effects&effectNAT == 0 {
		words = append(words, verdicts[r.verdict])
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

// addressTypes are the names of RTN_ numbers.
var addressTypes = []string{"unspec", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit"}

func (c condition) String() string {
	op := " "
	if c.not {
		op = " != "
	}
	var values []string
	switch c.field {
	case fieldState:
		names := []string{"invalid", "established", "related", "new", "", "", "untracked"}
		for i, n := range names {
			if n != "" && c.mask&(1<<i) != 0 {
				values = append(values, n)
			}
		}
		if len(values) == 0 {
			return "…" // of iptables only the bit that matters is kept
		}
		return "ct state" + op + strings.Join(values, ",")
	case fieldIn, fieldOut:
		name := map[field]string{fieldIn: "iifname", fieldOut: "oifname"}[c.field]
		for _, n := range c.names {
			values = append(values, fmt.Sprintf("%q", n))
		}
		return name + op + c.braces(values)
	case fieldProtocol:
		for _, p := range c.values {
			values = append(values, fmt.Sprint(p))
		}
		return "meta l4proto" + op + c.braces(values)
	case fieldFamily:
		return ""
	case fieldSource, fieldDestination:
		name := map[field]string{fieldSource: "ip saddr", fieldDestination: "ip daddr"}[c.field]
		for _, r := range c.ranges {
			values = append(values, rangeText(r))
		}
		return name + op + c.braces(few(values))
	case fieldSourcePort, fieldDestinationPort:
		name := map[field]string{fieldSourcePort: "th sport", fieldDestinationPort: "th dport"}[c.field]
		for _, r := range c.ranges {
			text := fmt.Sprint(r[0])
			if r[1] != r[0] {
				text = fmt.Sprintf("%d-%d", r[0], r[1])
			}
			values = append(values, text)
		}
		return name + op + c.braces(few(values))
	case fieldSourceType, fieldDestinationType:
		name := map[field]string{fieldSourceType: "fib saddr type", fieldDestinationType: "fib daddr type"}[c.field]
		for i, t := range addressTypes {
			if c.mask&(1<<i) != 0 {
				values = append(values, t)
			}
		}
		return name + op + c.braces(values)
	case fieldTCPFlags:
		for _, v := range c.values {
			values = append(values, fmt.Sprintf("%#x", v))
		}
		return fmt.Sprintf("tcp flags & %#x", c.mask) + map[bool]string{false: " == ", true: " != "}[c.not] + c.braces(values)
	case fieldFragment:
		return map[bool]string{false: "fragment", true: "no fragment"}[c.not]
	default:
		return "…"
	}
}

func rangeText(r [2]uint32) string {
	text := func(u uint32) string { return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, u))).String() }
	size := bits.TrailingZeros64(uint64(r[1]) - uint64(r[0]) + 1)
	switch {
	case r[0] == r[1]:
		return text(r[0])
	case r[1]-r[0] == uint32(uint64(1)<<size-1) && bits.TrailingZeros64(uint64(r[0])|1<<32) >= size:
		return fmt.Sprintf("%s/%d", text(r[0]), 32-size)
	}
	return text(r[0]) + "-" + text(r[1])
}

// few leaves out what would make a line too long.
func few(values []string) []string {
	if len(values) > 4 {
		return append(values[:4], "…")
	}
	return values
}

// braces writes the values of a match, or the set that they come from.
func (c condition) braces(values []string) string {
	if c.set != "" {
		return "@" + c.set
	}
	if len(values) == 1 {
		return values[0]
	}
	return "{ " + strings.Join(values, ", ") + " }"
}
