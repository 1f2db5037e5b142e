package firewall

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Policy decides about untracked transit packets without knowing connections.
// The zero Policy lets them all through, and there is no chain for it.
type Policy struct {
	// Rules are looked at in order; the first one that a packet matches decides.
	Rules []PolicyRule
	// Drop is what becomes of what no rule matches.
	Drop bool
}

// PolicyRule says who may open connections to whom. TCP is judged by its flags:
// what opens is a SYN without ACK. A rule that accepts takes all that From sends to
// the ports of To, and of what comes back from there all but openings; one that
// drops takes openings only. Of other protocols a rule takes both directions.
type PolicyRule struct {
	From, To []netip.Prefix // none: any
	Protocol uint8          // 0: any
	Ports    []PortRange    // of To, of TCP and UDP; none: any
	Accept   bool
}

// PortRange is a range of ports, both ends included.
type PortRange struct{ First, Last uint16 }

// PolicyCounters are packets since the rules were written: of each rule, and of
// what none matched.
type PolicyCounters struct {
	Rules   []uint64
	Default uint64
}

const (
	chainPolicy   = "policy"
	prefixPolicy  = "policy"  // of its sets
	policyComment = "policy " // and the number of the rule, from 1
	policyDefault = "policy default"
)

// Empty reports that everything passes without being looked at.
func (p Policy) Empty() bool { return len(p.Rules) == 0 && !p.Drop }

// addPolicy adds the chain that decides, and the sets that its rules name.
func (t *table) addPolicy(p Policy) {
	// Without these errors no sender learns of a smaller MTU on the way, and no list
	// can tell to which flow they belong.
	rules := []rule{newRule("ICMP errors", isICMPError(), counted(&expr.Verdict{Kind: expr.VerdictAccept}))}
	for i, r := range p.Rules {
		rules = append(rules, t.policyRules(i+1, r)...)
	}
	kind := expr.VerdictReturn
	if p.Drop {
		kind = expr.VerdictDrop
	}
	rules = append(rules, newRule(policyDefault, counted(&expr.Verdict{Kind: kind})))
	t.chains[chainPolicy] = chain{base{policy: nftables.ChainPolicyAccept}, rules}
	forward := t.chains[chainForward].rules
	t.setRules(chainForward, append([]rule{newRule("policy",
		isUntracked(), inInterface(), isIPv4(),
		saddr(setTransit, false), daddr(setTransit, false), saddr(setTracked, true), daddr(setTracked, true),
		[]expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: chainPolicy}})}, forward...)...)
}

// policyWriter writes the rules for one rule of the policy.
type policyWriter struct {
	comment         string
	from, to, ports string // sets; empty for any
	verdict         expr.Any
	rules           []rule
}

func (t *table) policyRules(number int, r PolicyRule) []rule {
	w := policyWriter{comment: fmt.Sprint(policyComment, number), verdict: &expr.Verdict{Kind: expr.VerdictDrop}}
	if r.Accept {
		w.verdict = &expr.Verdict{Kind: expr.VerdictAccept}
	}
	name := func(what string, s set) string {
		if len(s.elements) == 0 {
			return ""
		}
		n := fmt.Sprintf(prefixPolicy+"%d_%s", number, what)
		s.interval = true
		t.sets[n] = s
		return n
	}
	address, port := nftables.TypeIPAddr.GetNFTMagic(), nftables.TypeInetService.GetNFTMagic()
	w.from = name("from", set{key: address, elements: prefixElements(r.From)})
	w.to = name("to", set{key: address, elements: prefixElements(r.To)})
	w.ports = name("ports", set{key: port, elements: portElements(r.Ports)})
	switch {
	case r.Protocol == unix.IPPROTO_TCP:
		w.tcp(r.Accept)
	case r.Protocol != 0:
		w.both(r.Accept, isProtocol(r.Protocol, expr.CmpOpEq))
	default:
		w.tcp(r.Accept)
		w.both(r.Accept, isProtocol(unix.IPPROTO_TCP, expr.CmpOpNeq))
	}
	return w.rules
}

// tcp tells openings from the rest.
func (w *policyWriter) tcp(accept bool) {
	protocol := isProtocol(unix.IPPROTO_TCP, expr.CmpOpEq)
	opening := tcpFlags(tcpSyn|tcpAck, tcpSyn)
	if !accept {
		w.there(protocol, opening)
		return
	}
	w.there(protocol)
	// An answer acknowledges something, or is the RST that answers an ACK.
	w.back(protocol, tcpAnyFlag(tcpAck|tcpRst), matchTCPFlags(tcpSyn|tcpAck, expr.CmpOpNeq, tcpSyn))
	w.fragments(protocol)
}

// both takes what goes there and what comes back.
func (w *policyWriter) both(accept bool, protocol []expr.Any) {
	w.there(protocol)
	w.back(protocol)
	if accept && w.ports != "" {
		w.fragments(protocol)
	}
}

func (w *policyWriter) there(parts ...[]expr.Any) {
	w.add(w.from, w.to, offsetDestinationPort, parts...)
}

func (w *policyWriter) back(parts ...[]expr.Any) {
	w.add(w.to, w.from, offsetSourcePort, parts...)
}

// fragments but the first have neither ports nor flags. They pass where some
// packet would: without its first fragment none is put together.
func (w *policyWriter) fragments(protocol []expr.Any) {
	ports := w.ports
	w.ports = ""
	later := []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offsetFragment, Len: 2},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 2, Mask: []byte{0x1f, 0xff}, Xor: make([]byte, 2)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 2)},
	}
	w.there(protocol, later)
	w.back(protocol, later)
	w.ports = ports
}

func (w *policyWriter) add(from, to string, port uint32, parts ...[]expr.Any) {
	var exprs []expr.Any
	if from != "" {
		exprs = append(exprs, saddr(from, false)...)
	}
	if to != "" {
		exprs = append(exprs, daddr(to, false)...)
	}
	exprs = append(exprs, slices.Concat(parts...)...)
	if w.ports != "" {
		exprs = append(exprs,
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: port, Len: 2},
			&expr.Lookup{SourceRegister: 1, SetName: w.ports})
	}
	r := newRule(w.comment, exprs, counted(w.verdict))
	if !slices.ContainsFunc(w.rules, r.equal) { // both directions of a rule for any end are one
		w.rules = append(w.rules, r)
	}
}

func isProtocol(number byte, op expr.CmpOp) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: op, Register: 1, Data: []byte{number}},
	}
}

// portElements turns ranges into disjoint, sorted intervals.
func portElements(ports []PortRange) (out []element) {
	sorted := slices.SortedFunc(slices.Values(ports), func(a, b PortRange) int { return int(a.First) - int(b.First) })
	for i := 0; i < len(sorted); i++ {
		r := sorted[i]
		for i+1 < len(sorted) && int(sorted[i+1].First) <= int(r.Last)+1 {
			i++
			r.Last = max(r.Last, sorted[i].Last)
		}
		e := element{key: string(binary.BigEndian.AppendUint16(nil, r.First))}
		if r.Last < 1<<16-1 {
			e.end = string(binary.BigEndian.AppendUint16(nil, r.Last+1))
		}
		out = append(out, e)
	}
	return out
}

// PolicyCounters reads the counters of the policy that Apply was given last.
func (f *Firewall) PolicyCounters() (PolicyCounters, error) {
	out := PolicyCounters{Rules: make([]uint64, len(f.wanted.Policy.Rules))}
	t := table{chains: map[string]chain{}}
	if err := f.readChains(&t); err != nil {
		return out, fmt.Errorf("read the counters of table inet %s: %w", tableName, err)
	}
	for _, r := range t.chains[chainPolicy].rules {
		if r.comment == policyDefault {
			out.Default = r.packets()
			continue
		}
		number := 0
		text, ok := strings.CutPrefix(r.comment, policyComment)
		if _, err := fmt.Sscan(text, &number); ok && err == nil && 0 < number && number <= len(out.Rules) {
			out.Rules[number-1] += r.packets()
		}
	}
	return out, nil
}

// packets is what the rule counted.
func (r rule) packets() (n uint64) {
	for _, e := range r.exprs {
		if c, ok := e.(*expr.Counter); ok {
			n += c.Packets
		}
	}
	return n
}
