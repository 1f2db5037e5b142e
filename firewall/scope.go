package firewall

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Scope says which packets between transit prefixes are not tracked.
type Scope uint8

const (
	// All of them.
	All Scope = iota
	// Unseen are all but the TCP flows of which this hub saw the SYN and its
	// answer, and the SYNs themselves.
	Unseen
	// Forgetting is Unseen where nothing is remembered: TCP openings are tracked, which
	// the operator's rules decide about, and nothing else. It gives time to forget
	// ([Firewall.ForgetSeen], [Conntrack.Forget]) what Unseen remembered.
	Forgetting
	// Strays are ICMP errors and fragments, which a hash over ports sends
	// another way than the flow that they belong to.
	Strays
	// None of them.
	None
)

// The chains and sets of scopes other than All.
const (
	chainStrays = "strays" // before defragmentation
	chainFlows  = "flows"
	setOpened   = "opened"
	setFlows    = "flows4"
)

// priorityStrays is before defragmentation at -400, which would take fragments
// for itself and wait for those that another hub got.
const priorityStrays = nftables.ChainPriority(-450)

// Bounds of what Unseen remembers. A flow that finds no room passes untracked.
const (
	maxFlows = 1 << 17
	maxOpen  = 1 << 16
	// openTimeout is the time that a SYN has to be answered; conntrack waits for
	// two minutes.
	openTimeout = time.Minute
	// closeTimeout is what is left of a flow after a FIN or RST.
	closeTimeout = 30 * time.Second
)

// flowKey is source, destination, source port and destination port, each in a
// register of 4 bytes.
var flowKey = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeIPAddr, nftables.TypeInetService, nftables.TypeInetService)

// addStrays adds the chain that no stray is tracked by.
func (t *table) addStrays() {
	t.chains[chainStrays] = filterChain(*nftables.ChainHookPrerouting, priorityStrays,
		newRule("fragments", transitPacket(),
			[]expr.Any{
				&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offsetFragment, Len: 2},
				&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 2, Mask: []byte{0x3f, 0xff}, Xor: make([]byte, 2)},
				&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 2)},
			},
			counted(&expr.Notrack{})),
		newRule("ICMP errors", transitPacket(), isICMPError(), counted(&expr.Notrack{})))
}

// addFlows adds what Unseen remembers, and the chain that finds the packets of
// these flows. timeout is what conntrack keeps an idle connection for: an entry
// here, which packets do not renew, never outlives the connection's, so that no
// packet is tracked to which nothing belongs any more.
func (t *table) addFlows(timeout time.Duration, scope Scope) {
	key := flowKey.GetNFTMagic()
	t.sets[setOpened] = set{key: key, dynamic: true, size: maxOpen, timeout: openTimeout}
	t.sets[setFlows] = set{key: key, dynamic: true, size: maxFlows, timeout: timeout}
	syn, synAck := tcpFlags(tcpSyn|tcpAck|tcpRst|tcpFin, tcpSyn),
		tcpFlags(tcpSyn|tcpAck|tcpRst, tcpSyn|tcpAck)
	reset, closing := tcpFlags(tcpRst, tcpRst), tcpAnyFlag(tcpFin|tcpRst)
	tracked := counted(&expr.Verdict{Kind: expr.VerdictAccept})
	// Protocols are asked again, in nft's order, so that it lists the rules in words
	// that it can read back.
	if scope == Forgetting {
		t.chains[chainFlows] = chain{base{policy: nftables.ChainPolicyAccept}, []rule{newRule("SYN", isTCP(), syn, tracked)}}
		return
	}
	t.chains[chainFlows] = chain{base{policy: nftables.ChainPolicyAccept}, []rule{
		// Remembering fails when the set is full, and ends its rule: the verdict is another one.
		newRule("SYN: remember", isTCP(), syn, isIPv4(), remember(setOpened, flow(), 0)),
		newRule("SYN", isTCP(), syn, tracked),
		newRule("answer to a SYN", isTCP(), synAck, isIPv4(), inSet(setOpened, reverseFlow()), remember(setFlows, reverseFlow(), 0), tracked),
		newRule("end", isTCP(), closing, isIPv4(), inSet(setFlows, flow()), remember(setFlows, flow(), closeTimeout), tracked),
		newRule("end", isTCP(), closing, isIPv4(), inSet(setFlows, reverseFlow()), remember(setFlows, reverseFlow(), closeTimeout), tracked),
		newRule("refusal of a SYN", isTCP(), reset, isIPv4(), inSet(setOpened, reverseFlow()), tracked),
		newRule("flow", isIPv4(), isTCP(), inSet(setFlows, flow()), tracked),
		newRule("flow", isIPv4(), isTCP(), inSet(setFlows, reverseFlow()), tracked),
	}}
}

// ForgetSeen empties what Unseen remembers. With Forgetting applied it stays empty.
func (f *Firewall) ForgetSeen() error {
	if !f.have.exists {
		return nil
	}
	want := f.target()
	for _, name := range []string{setOpened, setFlows} {
		if _, ok := want.sets[name]; ok {
			f.nft.FlushSet(f.set(name, want))
		}
	}
	f.known = false
	if err := f.nft.Flush(); err != nil {
		return fmt.Errorf("forget the flows seen here: %w", err)
	}
	return nil
}

// flowsRule sends TCP through the chain of flows that this hub has seen.
func flowsRule() rule {
	return newRule("flows seen here", transitPacket(), isTCP(),
		[]expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: chainFlows}})
}

func isTCP() []expr.Any { return isProtocol(unix.IPPROTO_TCP, expr.CmpOpEq) }

// The flags of the TCP header.
const (
	tcpFin = 0x01
	tcpSyn = 0x02
	tcpRst = 0x04
	tcpAck = 0x10
)

func tcpFlags(mask, want byte) []expr.Any { return matchTCPFlags(mask, expr.CmpOpEq, want) }

func tcpAnyFlag(mask byte) []expr.Any { return matchTCPFlags(mask, expr.CmpOpNeq, 0) }

func matchTCPFlags(mask byte, op expr.CmpOp, want byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offsetTCPFlags, Len: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{mask}, Xor: []byte{0}},
		&expr.Cmp{Op: op, Register: 1, Data: []byte{want}},
	}
}

// flow loads the key of the packet's flow as its client sends it, reverseFlow
// as the client's peer does.
func flow() []expr.Any        { return loadFlow(offsetSource, offsetDestination, 0, 2) }
func reverseFlow() []expr.Any { return loadFlow(offsetDestination, offsetSource, 2, 0) }

// flowRegisters are four registers of 4 bytes that follow each other. The
// kernel calls the first one by the number that it has as a register of 16.
var flowRegisters = [...]uint32{unix.NFT_REG_1, unix.NFT_REG32_01, unix.NFT_REG32_02, unix.NFT_REG32_03}

func loadFlow(source, destination, sourcePort, destinationPort uint32) []expr.Any {
	load := func(register int, base expr.PayloadBase, offset, n uint32) expr.Any {
		return &expr.Payload{DestRegister: flowRegisters[register], Base: base, Offset: offset, Len: n}
	}
	return []expr.Any{
		load(0, expr.PayloadBaseNetworkHeader, source, 4),
		load(1, expr.PayloadBaseNetworkHeader, destination, 4),
		load(2, expr.PayloadBaseTransportHeader, sourcePort, 2),
		load(3, expr.PayloadBaseTransportHeader, destinationPort, 2),
	}
}

func inSet(set string, key []expr.Any) []expr.Any {
	return append(key, &expr.Lookup{SourceRegister: flowRegisters[0], SetName: set})
}

// remember puts a key into a set, or sets its timeout anew; 0 is the set's own.
func remember(set string, key []expr.Any, timeout time.Duration) []expr.Any {
	return append(key, &expr.Dynset{SrcRegKey: flowRegisters[0], SetName: set, Operation: unix.NFT_DYNSET_OP_UPDATE, Timeout: timeout})
}

// transitPacket matches what comes in through an OSPF interface and has both
// ends in transit prefixes, neither tracked by configuration nor the hub's own.
// What the fib says about an address is asked last: it costs the most and is
// never out of date.
func transitPacket() []expr.Any {
	return slices.Concat(
		inInterface(), isIPv4(),
		saddr(setTransit, false), daddr(setTransit, false), saddr(setTracked, true), daddr(setTracked, true),
		unicast(&expr.Fib{Register: 1, FlagSADDR: true, ResultADDRTYPE: true}),
		unicast(&expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true}))
}
