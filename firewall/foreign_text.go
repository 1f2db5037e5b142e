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
	switch c.field {
	case fieldFamily:
		return ""
	case fieldFragment:
		return map[bool]string{false: "fragment", true: "no fragment"}[c.not]
	}
	name, values := c.words()
	if name == "" {
		return "…"
	}
	op := " "
	switch {
	case c.not:
		op = " != "
	case c.field == fieldTCPFlags:
		op = " == "
	}
	return name + op + c.braces(few(values))
}

// words are what is compared, empty when it is not understood, and with which values.
func (c condition) words() (name string, values []string) {
	switch c.field {
	case fieldState:
		var states []string
		names := []string{"invalid", "established", "related", "new", "", "", "untracked"}
		for i, n := range names {
			if n != "" && c.mask&(1<<i) != 0 {
				states = append(states, n)
			}
		}
		if len(states) == 0 { // of iptables only the bit that matters is kept
			return "", nil
		}
		return "ct state", []string{strings.Join(states, ",")}
	case fieldIn, fieldOut:
		for _, n := range c.names {
			values = append(values, fmt.Sprintf("%q", n))
		}
		return map[field]string{fieldIn: "iifname", fieldOut: "oifname"}[c.field], values
	case fieldProtocol:
		for _, p := range c.values {
			values = append(values, fmt.Sprint(p))
		}
		return "meta l4proto", values
	case fieldSource, fieldDestination:
		for _, r := range c.ranges {
			values = append(values, rangeText(r))
		}
		return map[field]string{fieldSource: "ip saddr", fieldDestination: "ip daddr"}[c.field], values
	case fieldSourcePort, fieldDestinationPort:
		for _, r := range c.ranges {
			text := fmt.Sprint(r[0])
			if r[1] != r[0] {
				text = fmt.Sprintf("%d-%d", r[0], r[1])
			}
			values = append(values, text)
		}
		return map[field]string{fieldSourcePort: "th sport", fieldDestinationPort: "th dport"}[c.field], values
	case fieldSourceType, fieldDestinationType:
		for i, t := range addressTypes {
			if c.mask&(1<<i) != 0 {
				values = append(values, t)
			}
		}
		return map[field]string{fieldSourceType: "fib saddr type", fieldDestinationType: "fib daddr type"}[c.field], values
	case fieldTCPFlags:
		for _, v := range c.values {
			values = append(values, fmt.Sprintf("%#x", v))
		}
		return fmt.Sprintf("tcp flags & %#x", c.mask), values
	case fieldTuple:
		return c.tupleWords()
	}
	return "", nil
}

// tupleWords writes a concatenation; what of it is not understood is ….
func (c condition) tupleWords() (name string, values []string) {
	var names []string
	for i, tuple := range c.tuples {
		var parts []string
		for _, part := range tuple {
			name, list := part.words()
			if name == "" {
				name, list = "…", []string{"…"}
			}
			parts = append(parts, part.braces(few(list)))
			if i == 0 {
				names = append(names, name)
			}
		}
		values = append(values, strings.Join(parts, " . "))
	}
	return strings.Join(names, " . "), values
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
