package firewall

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// decoder turns the kernel's expressions into conditions and verdicts.
type decoder struct {
	sets  func(key chainKey, name string) *foreignElements
	memo  map[chainKey]*foreignElements
	links func(index uint32) string
}

// source is what a register holds.
type source struct {
	field field
	index bool   // an interface's number instead of its name
	width int    // bytes loaded of an address
	mask  []byte // by bitwise
}

// ruleState is the rule so far.
type ruleState struct {
	rule      foreignRule
	registers map[uint32]source
	vmap      *foreignElements
	on        source // what vmap is looked up with
}

// rules decodes one rule; one with a verdict map becomes one for each element.
func (d *decoder) rules(key chainKey, raw rawRule) []foreignRule {
	s := ruleState{registers: map[uint32]source{}}
	for _, e := range raw.exprs {
		d.apply(key, &s, e)
	}
	out := []foreignRule{s.rule}
	if s.vmap != nil {
		out = out[:0]
		for _, e := range s.vmap.list {
			r := s.vmap.verdicts[e.key]
			r.when = append(slices.Clone(s.rule.when), d.among(s.on, []element{e}, false))
			out = append(out, r)
		}
	}
	for i := range out {
		if key.family == unix.NFPROTO_NETDEV { // which device it hangs on is not read
			out[i].when = append(out[i].when, condition{})
		}
		out[i].text = fmt.Sprintf("%s (handle %d)", out[i].String(), raw.handle)
	}
	return out
}

func (s *ruleState) when(c condition) { s.rule.when = append(s.rule.when, c) }

// apply follows one expression. An expression that is not understood may match.
func (d *decoder) apply(key chainKey, s *ruleState, raw rawExpr) {
	unmarshal := func(e expr.Any) bool { return expr.Unmarshal(key.family, raw.data, e) == nil }
	switch raw.name {
	case "counter", "log", "last":
		return
	case "notrack":
		s.rule.effects |= effectNotrack
		return
	case "meta":
		if e := new(expr.Meta); unmarshal(e) {
			if !e.SourceRegister {
				s.registers[e.Register] = metaSource(e.Key)
			}
			return
		}
	case "ct":
		if e := new(expr.Ct); unmarshal(e) {
			s.loadCt(e)
			return
		}
	case "fib":
		if e := new(expr.Fib); unmarshal(e) {
			s.registers[e.Register] = fibSource(e)
			return
		}
	case "payload":
		e := new(expr.Payload)
		if unmarshal(e) && e.OperationType == expr.PayloadLoad {
			s.registers[e.DestRegister] = payloadSource(e)
			return
		}
		s.rule.effects |= effectRewrite
	case "bitwise":
		if e := new(expr.Bitwise); unmarshal(e) {
			s.maskRegister(e)
			return
		}
	case "cmp":
		if e := new(expr.Cmp); unmarshal(e) {
			s.when(d.compare(s.registers[e.Register], e))
			return
		}
	case "lookup":
		if e := new(expr.Lookup); unmarshal(e) {
			d.lookup(key, s, e)
			return
		}
	case "range":
		if e := new(expr.Range); unmarshal(e) {
			s.when(inRange(s.registers[e.Register], e))
			return
		}
	case "immediate":
		s.immediate(raw.data)
		return
	case "reject":
		s.rule.verdict = verdictDrop
		return
	case "flow_offload": // leaves the rule for a packet without an entry
		s.when(condition{field: fieldTracked})
		s.when(condition{}) // or for one that is no good for it
		s.rule.effects |= effectOffload
		return
	case "nat", "masq", "redir":
		s.rule.effects |= effectNAT
		s.rule.verdict = verdictAccept
		return
	case "match":
		if e := new(expr.Match); unmarshal(e) {
			s.match(e)
			return
		}
	case "target":
		if e := new(expr.Target); unmarshal(e) {
			s.target(e)
			return
		}
	case "queue", "synproxy", "tproxy":
		s.rule.verdict = verdictMaybeDrop
		return
	}
	// Whatever it is, it may match, and it may have written any register.
	s.when(condition{})
	clear(s.registers)
}

func metaSource(key expr.MetaKey) source {
	switch key {
	case expr.MetaKeyIIFNAME:
		return source{field: fieldIn}
	case expr.MetaKeyOIFNAME:
		return source{field: fieldOut}
	case expr.MetaKeyIIF:
		return source{field: fieldIn, index: true}
	case expr.MetaKeyOIF:
		return source{field: fieldOut, index: true}
	case expr.MetaKeyNFPROTO:
		return source{field: fieldFamily}
	case expr.MetaKeyL4PROTO:
		return source{field: fieldProtocol}
	}
	return source{}
}

// loadCt: an untracked packet has a state and nothing else, and a rule that
// asks for anything else ends without its verdict. Setting does nothing.
func (s *ruleState) loadCt(e *expr.Ct) {
	s.rule.effects |= effectTracks
	if e.SourceRegister {
		return
	}
	s.registers[e.Register] = source{}
	switch e.Key {
	case expr.CtKeySTATE:
		s.registers[e.Register] = source{field: fieldState}
		return
	case expr.CtKeySTATUS:
		s.registers[e.Register] = source{field: fieldStatus}
	}
	s.when(condition{field: fieldTracked})
}

// fibSource: the type of an address is known where no interface is asked for.
func fibSource(e *expr.Fib) source {
	switch {
	case !e.ResultADDRTYPE || e.FlagMARK || e.FlagIIF || e.FlagOIF || e.FlagSADDR == e.FlagDADDR:
		return source{}
	case e.FlagSADDR:
		return source{field: fieldSourceType}
	}
	return source{field: fieldDestinationType}
}

// Offsets in the headers of TCP and UDP.
const (
	offsetSourcePort      = 0
	offsetDestinationPort = 2
	offsetTCPFlags        = 13
)

func payloadSource(e *expr.Payload) source {
	at := func(base expr.PayloadBase, offset, length uint32) bool {
		return e.Base == base && e.Offset == offset && e.Len == length
	}
	switch {
	case e.Base == expr.PayloadBaseNetworkHeader && e.Offset == offsetSource && e.Len <= 4:
		return source{field: fieldSource, width: int(e.Len)}
	case e.Base == expr.PayloadBaseNetworkHeader && e.Offset == offsetDestination && e.Len <= 4:
		return source{field: fieldDestination, width: int(e.Len)}
	case at(expr.PayloadBaseNetworkHeader, 9, 1):
		return source{field: fieldProtocol}
	case at(expr.PayloadBaseTransportHeader, offsetSourcePort, 2):
		return source{field: fieldSourcePort, width: 2}
	case at(expr.PayloadBaseTransportHeader, offsetDestinationPort, 2):
		return source{field: fieldDestinationPort, width: 2}
	case at(expr.PayloadBaseTransportHeader, offsetTCPFlags, 1):
		return source{field: fieldTCPFlags, width: 1}
	}
	return source{}
}

// ordered reports that the values have an order in which ranges make sense.
func (from source) ordered() bool { return from.isAddress() || from.isPort() }

func (from source) isAddress() bool {
	return from.field == fieldSource || from.field == fieldDestination
}

func (from source) isPort() bool {
	return from.field == fieldSourcePort || from.field == fieldDestinationPort
}

func (s *ruleState) maskRegister(e *expr.Bitwise) {
	from := s.registers[e.SourceRegister]
	if len(e.Mask) == 0 || from.mask != nil || !isZero(e.Xor) {
		from = source{}
	}
	from.mask = e.Mask
	s.registers[e.DestRegister] = from
}

func (s *ruleState) immediate(data []byte) {
	e := new(expr.Immediate)
	if expr.Unmarshal(unix.NFPROTO_INET, data, e) == nil && e.Register != unix.NFT_REG_VERDICT {
		delete(s.registers, e.Register)
		return
	}
	_ = attributes(data, func(ad *netlink.AttributeDecoder) {
		if ad.Type() == unix.NFTA_IMMEDIATE_DATA {
			_ = attributes(ad.Bytes(), func(ad *netlink.AttributeDecoder) {
				if ad.Type() == unix.NFTA_DATA_VERDICT {
					r := decodeVerdict(ad.Bytes())
					s.rule.verdict, s.rule.target = r.verdict, r.target
				}
			})
		}
	})
}

// decodeVerdict reads the attributes of a verdict.
func decodeVerdict(b []byte) (r foreignRule) {
	err := attributes(b, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case unix.NFTA_VERDICT_CODE:
			r.verdict = verdictOf(expr.VerdictKind(int32(ad.Uint32())))
		case unix.NFTA_VERDICT_CHAIN:
			r.target = ad.String()
		}
	})
	if err != nil {
		return foreignRule{verdict: verdictMaybeDrop}
	}
	return r
}

func verdictOf(k expr.VerdictKind) verdict {
	switch k {
	case expr.VerdictAccept:
		return verdictAccept
	case expr.VerdictDrop:
		return verdictDrop
	case expr.VerdictJump:
		return verdictJump
	case expr.VerdictGoto:
		return verdictGoto
	case expr.VerdictReturn:
		return verdictReturn
	case expr.VerdictContinue, expr.VerdictBreak:
		return verdictNone
	}
	return verdictMaybeDrop
}

func (d *decoder) compare(from source, e *expr.Cmp) condition {
	if e.Op == expr.CmpOpGte || e.Op == expr.CmpOpLte { // nft's form of a range
		r := &expr.Range{Op: expr.CmpOpEq, FromData: make([]byte, len(e.Data)), ToData: e.Data}
		if e.Op == expr.CmpOpGte {
			r.FromData, r.ToData = e.Data, bytes.Repeat([]byte{255}, len(e.Data))
		}
		return inRange(from, r)
	}
	if e.Op != expr.CmpOpEq && e.Op != expr.CmpOpNeq {
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
	if from.mask != nil {
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

func (d *decoder) lookup(key chainKey, s *ruleState, e *expr.Lookup) {
	id := chainKey{key.family, key.table, e.SetName}
	set, known := d.memo[id]
	if !known {
		set = d.sets(key, e.SetName)
		d.memo[id] = set
	}
	from := s.registers[e.SourceRegister]
	isVerdict := e.IsDestRegSet && e.DestRegister == unix.NFT_REG_VERDICT
	switch {
	case set == nil && isVerdict:
		s.rule.verdict = verdictMaybeDrop
	case set == nil:
		s.when(condition{})
	case isVerdict:
		s.vmap, s.on = set, from
	case e.IsDestRegSet:
		delete(s.registers, e.DestRegister)
		s.when(condition{})
	default:
		c := d.inSet(from, set, e.Invert)
		if !strings.HasPrefix(e.SetName, "__") { // nft's names for sets that have none
			c.set = e.SetName
		}
		s.when(c)
	}
}

func (d *decoder) inSet(from source, set *foreignElements, not bool) condition {
	switch {
	case from.ordered() && from.mask == nil && from.width == set.keyBytes && (from.isPort() || from.width == 4):
		c := condition{field: from.field, not: not}
		for _, e := range set.list {
			r := [2]uint32{word(e.key), word(e.key)}
			if set.interval {
				r = elementRange(e)
			}
			c.ranges = append(c.ranges, r)
		}
		return c
	case from.ordered() || set.interval:
		return condition{}
	default:
		return d.among(from, set.list, not)
	}
}

func inRange(from source, e *expr.Range) condition {
	if !from.ordered() || from.mask != nil || len(e.FromData) != from.width || len(e.ToData) != from.width ||
		from.isAddress() && from.width != 4 {
		return condition{}
	}
	return condition{
		field: from.field, not: e.Op == expr.CmpOpNeq,
		ranges: [][2]uint32{{word(string(e.FromData)), word(string(e.ToData))}},
	}
}
