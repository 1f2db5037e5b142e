package firewall

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

const tableName = "ecmpd"

// The sets and chains of the table.
const (
	setTransit    = "transit4"
	setTracked    = "tracked4"
	setInterfaces = "interfaces"
	setICMPErrors = "icmp_errors"

	chainPrerouting = "prerouting"
	chainOutput     = "output"
	chainForward    = "forward"
)

// table is the whole of `inet ecmpd`, as it is or as it shall be.
type table struct {
	exists bool
	flags  nftables.TableFlags
	chains map[string]chain
	sets   map[string]set
}

// chain is a base chain with policy accept, or, with no more than a policy in
// base, one that rules jump to.
type chain struct {
	base  base
	rules []rule
}

// base is what makes a chain a base chain, and cannot change in place.
type base struct {
	kind     nftables.ChainType
	hook     nftables.ChainHook
	priority nftables.ChainPriority
	policy   nftables.ChainPolicy
}

// rule is compared without its counters.
type rule struct {
	comment string
	exprs   []expr.Any
}

type set struct {
	key      uint32 // nft's number of the key's type
	interval bool
	elements []element
	broken   bool // the elements make no sense

	// Rules fill a dynamic set, and its elements are not looked at.
	dynamic bool
	size    uint32
	timeout time.Duration // of its elements
}

// wantedTable is the table that says r.
func wantedTable(r Ruleset) table {
	t := table{exists: true, chains: map[string]chain{}, sets: map[string]set{}}
	if r.Scope != None {
		t.addTransit(r)
	}
	if !r.Uplinks.Empty() {
		t.addUplinks(r.Uplinks)
	}
	return t
}

// addTransit adds what is about transit packets.
func (t *table) addTransit(r Ruleset) {
	forward := filterChain(*nftables.ChainHookForward, *nftables.ChainPriorityFilter)
	if r.ForwardAccept {
		forward.rules = []rule{acceptRule()}
	}
	icmp := make([]element, 0, 3)
	for _, t := range []byte{3, 11, 12} { // destination unreachable, time exceeded, parameter problem
		icmp = append(icmp, element{key: string([]byte{t})})
	}
	t.chains[chainPrerouting] = filterChain(*nftables.ChainHookPrerouting, *nftables.ChainPriorityRaw)
	t.chains[chainOutput] = filterChain(*nftables.ChainHookOutput, *nftables.ChainPriorityRaw)
	t.chains[chainForward] = forward
	t.sets[setTransit] = addressSet(r.Transit)
	t.sets[setTracked] = addressSet(r.Tracked)
	t.sets[setInterfaces] = set{key: nftables.TypeIFName.GetNFTMagic(), elements: nameElements(r.Interfaces)}
	t.sets[setICMPErrors] = set{key: nftables.TypeICMPType.GetNFTMagic(), elements: icmp}
	if r.Scope != All {
		t.addStrays()
	}
	var early []rule
	if r.Scope == Unseen || r.Scope == Forgetting {
		t.addFlows(r.FlowTimeout, r.Scope)
		early = []rule{flowsRule()}
	}
	if r.Scope != Strays {
		t.setRules(chainPrerouting, append(early, notrackRule())...)
		t.setRules(chainOutput, icmpErrorRule())
	}
	if !r.Policy.Empty() {
		t.addPolicy(r.Policy)
	}
}

func filterChain(hook nftables.ChainHook, priority nftables.ChainPriority, rules ...rule) chain {
	return chain{base{nftables.ChainTypeFilter, hook, priority, nftables.ChainPolicyAccept}, rules}
}

func (t *table) setRules(name string, rules ...rule) {
	c := t.chains[name]
	c.rules = rules
	t.chains[name] = c
}

// notrackRule takes transit packets out of tracking.
func notrackRule() rule {
	return newRule("transit", transitPacket(), counted(&expr.Notrack{}))
}

// icmpErrorRule covers the errors that the hub itself sends about untracked
// packets: to conntrack they would be invalid.
func icmpErrorRule() rule {
	return newRule("ICMP errors to transit",
		isIPv4(), daddr(setTransit, false), daddr(setTracked, true),
		unicast(&expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true}),
		isICMPError(),
		counted(&expr.Notrack{}))
}

func isICMPError() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Lookup{SourceRegister: 1, SetName: setICMPErrors},
	}
}

func acceptRule() rule {
	return newRule("untracked transit",
		isUntracked(), inInterface(), isIPv4(), saddr(setTransit, false), daddr(setTransit, false),
		counted(&expr.Verdict{Kind: expr.VerdictAccept}))
}

func isUntracked() []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(expr.CtStateBitUNTRACKED), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

func newRule(comment string, parts ...[]expr.Any) rule {
	return rule{comment, slices.Concat(parts...)}
}

func inInterface() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
		&expr.Lookup{SourceRegister: 1, SetName: setInterfaces},
	}
}

func isIPv4() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.NFPROTO_IPV4}},
	}
}

// Offsets in the IPv4 header.
const (
	offsetFragment    = 6
	offsetSource      = 12
	offsetDestination = 16
)

func saddr(set string, not bool) []expr.Any { return addressIn(offsetSource, set, not) }
func daddr(set string, not bool) []expr.Any { return addressIn(offsetDestination, set, not) }

func addressIn(offset uint32, set string, not bool) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4},
		&expr.Lookup{SourceRegister: 1, SetName: set, Invert: not},
	}
}

// unicast matches an address that is neither the hub's own nor a broadcast or
// multicast address.
func unicast(fib *expr.Fib) []expr.Any {
	return []expr.Any{fib, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(unix.RTN_UNICAST)}}
}

func counted(e expr.Any) []expr.Any { return []expr.Any{&expr.Counter{}, e} }

func (r rule) userData() []byte {
	return userdata.AppendString(nil, userdata.TypeComment, r.comment)
}

func (r rule) equal(o rule) bool {
	return r.comment == o.comment && reflect.DeepEqual(withoutCounts(r.exprs), withoutCounts(o.exprs))
}

func withoutCounts(exprs []expr.Any) []expr.Any {
	out := slices.Clone(exprs)
	for i, e := range out {
		if _, ok := e.(*expr.Counter); ok {
			out[i] = &expr.Counter{}
		}
	}
	return out
}

// change is the difference between two tables.
type change struct {
	rebuild bool
	begin   names    // what is new
	end     names    // what goes
	chains  []string // rules to rewrite, those of new chains included
	add     map[string][]element
	del     map[string][]element
}

// names are those of chains and sets.
type names struct{ chains, sets []string }

func (n names) empty() bool { return len(n.chains)+len(n.sets) == 0 }

func (c change) empty() bool {
	return !c.rebuild && c.begin.empty() && c.end.empty() && len(c.chains) == 0 && len(c.add) == 0 && len(c.del) == 0
}

// diff says how have becomes want. Definitions cannot change in place, so a
// table in which one would have to is rebuilt as a whole. Those of uplinks come and go
// by themselves.
func diff(have, want table) change {
	c := change{add: map[string][]element{}, del: map[string][]element{}}
	if !sameMake(have, want) {
		c.rebuild = true
		return c
	}
	c.begin = names{missing(want.chains, have.chains), missing(want.sets, have.sets)}
	c.end = names{missing(have.chains, want.chains), missing(have.sets, want.sets)}
	for name, w := range want.chains {
		if !slices.EqualFunc(have.chains[name].rules, w.rules, rule.equal) {
			c.chains = append(c.chains, name)
		}
	}
	slices.Sort(c.chains)
	for name, w := range want.sets {
		if slices.Contains(c.begin.sets, name) {
			continue // they come with the set
		}
		add, del := diffElements(have.sets[name].elements, w.elements)
		if len(add) > 0 {
			c.add[name] = add
		}
		if len(del) > 0 {
			c.del[name] = del
		}
	}
	return c
}

// missing lists, sorted, the names in a that are not in b.
func missing[V any](a, b map[string]V) (list []string) {
	for name := range a {
		if _, ok := b[name]; !ok {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// sameMake tells whether what is in both tables is defined in the same way.
func sameMake(have, want table) bool {
	if !have.exists || have.flags != want.flags {
		return false
	}
	// A packet that is on its way through rules while they change meets the old rules and the
	// new sets: that is harmless only for uplinks, whose connections have their marks.
	transit := func(name string) bool { return !strings.HasPrefix(name, prefixUplink) }
	if slices.ContainsFunc(slices.Concat(missing(want.chains, have.chains), missing(have.chains, want.chains),
		missing(want.sets, have.sets), missing(have.sets, want.sets)), transit) {
		return false
	}
	for name, w := range want.chains {
		if h, ok := have.chains[name]; ok && h.base != w.base {
			return false
		}
	}
	for name, w := range want.sets {
		h, ok := have.sets[name]
		if ok && (h.broken || h.key != w.key || h.interval != w.interval ||
			h.dynamic != w.dynamic || h.size != w.size || h.timeout != w.timeout) {
			return false
		}
		if strings.HasPrefix(name, prefixPolicy) && !slices.Equal(h.elements, w.elements) {
			return false
		}
	}
	return true
}

func (c change) report() Report {
	r := Report{Rebuilt: c.rebuild, Chains: len(c.chains) + len(c.end.chains), Sets: len(c.begin.sets) + len(c.end.sets)}
	for _, elements := range c.add {
		r.Added += len(elements)
	}
	for _, elements := range c.del {
		r.Deleted += len(elements)
	}
	r.Untracks = c.rebuild || slices.Contains(c.chains, chainPrerouting) || slices.Contains(c.begin.sets, setTransit) ||
		len(c.add[setTransit])+len(c.add[setInterfaces])+len(c.del[setTracked]) > 0
	return r
}
