package firewall

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Uplinks is what the table does about several uplinks. A new connection that would take
// the default route gets the mark of one of them, which stays in its conntrack entry and is put on
// each of its packets before they are routed. The zero Uplinks is nothing.
type Uplinks struct {
	Mask uint32 // the bits that are ours, of packet and connection marks
	// Question is the mark under which the policy rules say whether a packet would take
	// the default: then they lead to no interface.
	Question uint32
	// Routed is the mark of connections, not of packets, that the kernel's multipath route
	// spreads; 0: Shares do it.
	Routed  uint32
	Ingress bool // what comes in through an uplink is answered through it
	Ways    []Way
	// Endpoints are destinations that go through EndpointWay, a mark, whatever the routes say.
	Endpoints   []netip.Prefix
	EndpointWay uint32
	Choices     []Choice // the first that matches decides about a connection
	Spread      Spread
	Shares      []Share
}

// Way is one uplink.
type Way struct {
	Mark       uint32
	Interface  string       // empty: it has none now
	Addresses  []netip.Addr // own ones on the interface
	Masquerade bool
	Source     netip.Addr // to send from; the zero Addr: as it comes
}

// Choice sends connections that match through a way. What is empty matches everything.
type Choice struct {
	From, To []netip.Prefix
	Protocol uint8
	Ports    []PortRange // of the destination
	Way      uint32      // mark; 0: it is balanced, or dropped
	Drop     bool
}

// The chains and sets of uplinks.
const (
	prefixUplink    = "wan_" // of everything here
	chainUplinkIn   = "wan_prerouting"
	chainUplinkOwn  = "wan_output"
	chainUplinkNAT  = "wan_postrouting"
	chainUplinkNew  = "wan_new"
	chainBalance    = "wan_balance"
	chainUnmark     = "wan_unmark"
	setUplinks      = "wan_interfaces"
	setUplinkOwn    = "wan_addresses"
	setEndpoints    = "wan_endpoints"
	prefixKeep      = "wan_keep_" // put the connection's mark on the packet
	prefixFrom      = "wan_from_" // mark the connection
	prefixTake      = "wan_take_" // both, of a new connection
	prefixAddresses = "wan_list_"
	prefixPorts     = "wan_ports_"
)

// Empty reports that there are no uplinks.
func (u *Uplinks) Empty() bool { return u == nil || len(u.Ways) == 0 }

// uplinkWriter adds what uplinks need to a table.
type uplinkWriter struct {
	*Uplinks
	t     *table
	lists int
}

func (t *table) addUplinks(u *Uplinks) {
	w := &uplinkWriter{Uplinks: u, t: t}
	var names []string
	var own []netip.Prefix
	for _, way := range u.Ways {
		if way.Interface != "" {
			names = append(names, way.Interface)
		}
		for _, a := range way.Addresses {
			own = append(own, netip.PrefixFrom(a, 32))
		}
		w.way(way)
	}
	t.sets[setUplinks] = set{key: nftables.TypeIFName.GetNFTMagic(), elements: nameElements(names)}
	t.sets[setUplinkOwn] = addressSet(own)
	t.sets[setEndpoints] = addressSet(u.Endpoints)
	t.chains[chainUnmark] = inner(newRule("no uplink", w.setPacketMark(0)))
	w.balance()
	w.choose()
	w.prerouting()
	w.output()
	w.postrouting()
}

func inner(rules ...rule) chain { return chain{base{policy: nftables.ChainPolicyAccept}, rules} }

func addressSet(p []netip.Prefix) set {
	return set{key: nftables.TypeIPAddr.GetNFTMagic(), interval: true, elements: prefixElements(p)}
}

// way adds the chains that give packets and connections the mark of a way.
func (w *uplinkWriter) way(way Way) {
	packet, connection := w.setPacketMark(way.Mark), w.setConnectionMark(way.Mark)
	w.t.chains[chainOf(prefixKeep, way.Mark)] = inner(newRule("known connection", packet))
	w.t.chains[chainOf(prefixFrom, way.Mark)] = inner(newRule("came in here", connection))
	w.t.chains[chainOf(prefixTake, way.Mark)] = inner(newRule("new connection", connection, packet, []expr.Any{&expr.Counter{}}))
}

func chainOf(prefix string, mark uint32) string { return fmt.Sprintf("%s%x", prefix, mark) }

// prerouting finds the uplink of what comes in: of its connection, or else a new one.
func (w *uplinkWriter) prerouting() {
	rules := w.known()
	for _, way := range w.Ways {
		if way.Interface != "" && w.Ingress {
			rules = append(rules, newRule("answer where it came in", iifname(way.Interface), jump(expr.VerdictGoto, chainOf(prefixFrom, way.Mark))))
		}
	}
	rules = append(rules,
		newRule("from an uplink", metaIn(expr.MetaKeyIIFNAME, setUplinks, false), ending(expr.VerdictReturn)),
		newRule("not to be routed", addressType(unix.RTN_UNICAST, expr.CmpOpNeq), ending(expr.VerdictReturn)))
	rules = append(rules, w.endpoints()...)
	rules = append(rules,
		newRule("would it take the default?", w.setPacketMark(w.Question)),
		newRule("no", []expr.Any{
			&expr.Fib{Register: 1, FlagDADDR: true, FlagMARK: true, ResultOIF: true},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
		}, jump(expr.VerdictGoto, chainUnmark)),
		newRule("yes", jump(expr.VerdictGoto, chainUplinkNew)))
	w.t.chains[chainUplinkIn] = filterChain(*nftables.ChainHookPrerouting, *nftables.ChainPriorityMangle, rules...)
}

// output does it for the router's own packets, which have been routed once by now: those that
// leave by an uplink are sent again under their mark.
func (w *uplinkWriter) output() {
	rules := w.known()
	for _, way := range w.Ways { // a socket with a mark knows its uplink: a probe
		rules = append(rules, newRule("marked by its sender", w.isPacketMark(way.Mark), jump(expr.VerdictGoto, chainOf(prefixFrom, way.Mark))))
	}
	rules = append(rules, w.endpoints()...)
	rules = append(rules,
		newRule("not by an uplink", metaIn(expr.MetaKeyOIFNAME, setUplinks, true), ending(expr.VerdictReturn)),
		newRule("not to be routed", addressType(unix.RTN_UNICAST, expr.CmpOpNeq), ending(expr.VerdictReturn)),
		newRule("new", jump(expr.VerdictGoto, chainUplinkNew)))
	w.t.chains[chainUplinkOwn] = chain{base{nftables.ChainTypeRoute, *nftables.ChainHookOutput, *nftables.ChainPriorityMangle, nftables.ChainPolicyAccept}, rules}
}

// known takes packets of known connections out.
func (w *uplinkWriter) known() []rule {
	rules := []rule{newRule("IPv4 only", notIPv4(), ending(expr.VerdictReturn))}
	for _, way := range w.Ways {
		rules = append(rules, newRule("known connection", w.isConnectionMark(way.Mark), jump(expr.VerdictGoto, chainOf(prefixKeep, way.Mark))))
	}
	return append(rules,
		newRule("spread by the route", w.connectionMark(expr.CmpOpNeq, 0), ending(expr.VerdictReturn)),
		newRule("connections that began without a mark", notNew(), ending(expr.VerdictReturn)))
}

func (w *uplinkWriter) endpoints() []rule {
	if w.EndpointWay == 0 || len(w.Endpoints) == 0 {
		return nil
	}
	return []rule{newRule("far ends of tunnels", isIPv4(), daddr(setEndpoints, false), jump(expr.VerdictGoto, chainOf(prefixTake, w.EndpointWay)))}
}

// choose writes the rules of the configuration.
func (w *uplinkWriter) choose() {
	var rules []rule
	for i, c := range w.Choices {
		var match []expr.Any
		if len(c.From)+len(c.To) > 0 {
			match = isIPv4()
		}
		if len(c.From) > 0 {
			match = append(match, saddr(w.list(c.From), false)...)
		}
		if len(c.To) > 0 {
			match = append(match, daddr(w.list(c.To), false)...)
		}
		if c.Protocol != 0 {
			match = append(match, isProtocol(c.Protocol, expr.CmpOpEq)...)
		}
		if len(c.Ports) > 0 {
			name := fmt.Sprintf("%s%d", prefixPorts, i+1)
			w.t.sets[name] = set{key: nftables.TypeInetService.GetNFTMagic(), interval: true, elements: portElements(c.Ports)}
			match = append(match,
				&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offsetDestinationPort, Len: 2},
				&expr.Lookup{SourceRegister: 1, SetName: name})
		}
		then := jump(expr.VerdictGoto, chainBalance)
		switch {
		case c.Drop:
			then = ending(expr.VerdictDrop)
		case c.Way != 0:
			then = jump(expr.VerdictGoto, chainOf(prefixTake, c.Way))
		}
		rules = append(rules, newRule(fmt.Sprintf("rule %d", i+1), match, []expr.Any{&expr.Counter{}}, then))
	}
	w.t.chains[chainUplinkNew] = inner(append(rules, newRule("balance", jump(expr.VerdictGoto, chainBalance)))...)
}

// list adds a set of addresses; lists that are equal share one.
func (w *uplinkWriter) list(p []netip.Prefix) string {
	s := addressSet(p)
	for i := 1; i <= w.lists; i++ {
		if name := fmt.Sprintf("%s%d", prefixAddresses, i); slices.Equal(w.t.sets[name].elements, s.elements) {
			return name
		}
	}
	w.lists++
	name := fmt.Sprintf("%s%d", prefixAddresses, w.lists)
	w.t.sets[name] = s
	return name
}

// postrouting translates what leaves by an uplink because it would take the default. What goes to
// connected networks, or by a route of its own, has no mark.
func (w *uplinkWriter) postrouting() {
	var rules []rule
	for _, way := range w.Ways {
		if way.Interface == "" {
			continue
		}
		marks := []uint32{way.Mark}
		if w.Routed != 0 {
			marks = append(marks, w.Routed)
		}
		for _, mark := range marks {
			leaves := append(oifname(way.Interface), w.isConnectionMark(mark)...)
			switch {
			case way.Masquerade:
				rules = append(rules, newRule("masquerade", isIPv4(), leaves, counted(&expr.Masq{})))
			case way.Source.IsValid():
				rules = append(rules, newRule("source address", isIPv4(), leaves, []expr.Any{
					&expr.Counter{},
					&expr.Immediate{Register: 1, Data: way.Source.AsSlice()},
					&expr.NAT{Type: expr.NATTypeSourceNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 1, RegAddrMax: 1},
				}))
			default:
				rules = append(rules, w.ownElsewhere(way, leaves))
			}
		}
	}
	w.t.chains[chainUplinkNAT] = chain{base{nftables.ChainTypeNAT, *nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource, nftables.ChainPolicyAccept}, rules}
}

// ownElsewhere is for uplinks without NAT: a socket of the router takes the address of the uplink that
// it would have left by, and no other provider takes packets from that.
func (w *uplinkWriter) ownElsewhere(way Way, leaves []expr.Any) rule {
	own := []expr.Any{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offsetSource, Len: 4}}
	match := slices.Concat(leaves, isIPv4(), saddr(setUplinkOwn, false))
	for _, a := range way.Addresses {
		match = append(append(match, own...), &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: a.AsSlice()})
	}
	return newRule("own address of another uplink", match, counted(&expr.Masq{}))
}

// setPacketMark and setConnectionMark put a value into our bits and leave the others alone.
func (w *uplinkWriter) setPacketMark(mark uint32) []expr.Any {
	return w.rewrite(&expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, mark, &expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1})
}

func (w *uplinkWriter) setConnectionMark(mark uint32) []expr.Any {
	return w.rewrite(&expr.Ct{Key: expr.CtKeyMARK, Register: 1}, mark, &expr.Ct{Key: expr.CtKeyMARK, SourceRegister: true, Register: 1})
}

func (w *uplinkWriter) rewrite(read expr.Any, mark uint32, write expr.Any) []expr.Any {
	return []expr.Any{read, masked(^w.Mask, mark), write}
}

func masked(mask, xor uint32) expr.Any {
	return &expr.Bitwise{
		SourceRegister: 1, DestRegister: 1, Len: 4,
		Mask: binaryutil.NativeEndian.PutUint32(mask), Xor: binaryutil.NativeEndian.PutUint32(xor),
	}
}

func (w *uplinkWriter) isPacketMark(mark uint32) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, masked(w.Mask, 0), &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(mark)}}
}

func (w *uplinkWriter) isConnectionMark(mark uint32) []expr.Any {
	return w.connectionMark(expr.CmpOpEq, mark)
}

func (w *uplinkWriter) connectionMark(op expr.CmpOp, mark uint32) []expr.Any {
	return []expr.Any{&expr.Ct{Key: expr.CtKeyMARK, Register: 1}, masked(w.Mask, 0), &expr.Cmp{Op: op, Register: 1, Data: binaryutil.NativeEndian.PutUint32(mark)}}
}

// notNew matches packets that do not begin a connection, those that are not tracked included.
func notNew() []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		masked(expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED|expr.CtStateBitINVALID|expr.CtStateBitUNTRACKED, 0),
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

func notIPv4() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{unix.NFPROTO_IPV4}},
	}
}

// addressType asks what the destination is to this machine.
func addressType(kind uint32, op expr.CmpOp) []expr.Any {
	return []expr.Any{
		&expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true},
		&expr.Cmp{Op: op, Register: 1, Data: binaryutil.NativeEndian.PutUint32(kind)},
	}
}

func iifname(name string) []expr.Any { return isName(expr.MetaKeyIIFNAME, name) }
func oifname(name string) []expr.Any { return isName(expr.MetaKeyOIFNAME, name) }

func isName(key expr.MetaKey, name string) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: key, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte(nameElements([]string{name})[0].key)},
	}
}

func metaIn(key expr.MetaKey, name string, not bool) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: 1}, &expr.Lookup{SourceRegister: 1, SetName: name, Invert: not}}
}

func ending(kind expr.VerdictKind) []expr.Any { return []expr.Any{&expr.Verdict{Kind: kind}} }

func jump(kind expr.VerdictKind, chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: kind, Chain: chain}}
}
