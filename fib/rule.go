package fib

import (
	"fmt"
	"net/netip"
	"strings"
)

// Rule is a policy rule of the kernel (ip rule).
type Rule struct {
	Priority    uint32
	Source      netip.Prefix // invalid: any
	Destination netip.Prefix // invalid: any
	In, Out     string       // interface names; empty: any
	Mark, Mask  uint32       // both 0: any
	IPProtocol  uint8        // 0: any
	SourcePorts [2]uint16    // first and last; both 0: any
	DestPorts   [2]uint16
	Not         bool
	Protocol    uint8  // routing-protocol number of who wrote it
	Table       uint32 // of a lookup
	// Suppress is the longest prefix length that makes a route of the table not
	// count; -1: none.
	Suppress int
	// Other holds what else the rule asks or does (tos, l3mdev, uid range, goto …).
	Other string
}

// String gives the rule in ip's manner.
func (r Rule) String() string {
	words := []string{fmt.Sprintf("%d:", r.Priority)}
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	if r.Not {
		add("not")
	}
	if r.Source.IsValid() {
		add("from %s", r.Source)
	} else {
		add("from all")
	}
	if r.Destination.IsValid() {
		add("to %s", r.Destination)
	}
	if r.Mark != 0 || r.Mask != 0 {
		add("fwmark %#x/%#x", r.Mark, r.Mask)
	}
	if r.In != "" {
		add("iif %s", r.In)
	}
	if r.Out != "" {
		add("oif %s", r.Out)
	}
	if r.IPProtocol != 0 {
		add("ipproto %d", r.IPProtocol)
	}
	if p := r.SourcePorts; p != [2]uint16{} {
		add("sport %d-%d", p[0], p[1])
	}
	if p := r.DestPorts; p != [2]uint16{} {
		add("dport %d-%d", p[0], p[1])
	}
	if r.Other != "" {
		add("%s", r.Other)
	}
	if r.Table != 0 {
		add("lookup %s", TableName(r.Table))
	}
	if r.Suppress >= 0 {
		add("suppress_prefixlength %d", r.Suppress)
	}
	return strings.Join(words, " ")
}

// TableName is the name of a table that every machine has, else its number.
func TableName(table uint32) string {
	switch table {
	case 253:
		return "default"
	case 254:
		return "main"
	case 255:
		return "local"
	}
	return fmt.Sprint(table)
}

// RuleOf finds the rule that led to a decision: the first that fits the flow,
// looks into the table that answered, and does not suppress the route. in is the
// name of the incoming interface, "lo" for the machine's own packets. certain is false
// when a rule before it, or it itself, asks for what a flow does not say.
func RuleOf(rules []Rule, f Flow, in string, d Decision) (rule Rule, certain, ok bool) {
	certain = true
	for _, r := range rules {
		if r.Table != d.Table && r.Other == "" || !r.fits(f, in) {
			continue
		}
		if r.Other != "" {
			certain = false
		}
		if r.Table == d.Table && (r.Suppress < 0 || d.Prefix.Bits() > r.Suppress) {
			return r, certain, true
		}
	}
	return Rule{}, false, false
}

// fits leaves out what the rule asks in Other.
func (r Rule) fits(f Flow, in string) bool {
	within := func(port uint16, r [2]uint16) bool { return r == [2]uint16{} || r[0] <= port && port <= r[1] }
	matches := (!r.Source.IsValid() || r.Source.Contains(f.Source)) &&
		(!r.Destination.IsValid() || r.Destination.Contains(f.Destination)) &&
		(r.In == "" || r.In == in) && r.Out == "" &&
		f.Mark&r.Mask == r.Mark &&
		(r.IPProtocol == 0 || r.IPProtocol == f.Protocol) &&
		within(f.SourcePort, r.SourcePorts) && within(f.DestinationPort, r.DestPorts)
	return matches != r.Not
}
