package firewall

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
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
		out[i].text = fmt.Sprintf("%s (handle %d)", out[i].String(), raw.handle)
	}
	return out
}

func (s *ruleState) when(c condition) { s.rule.when = append(s.rule.when, c) }

// apply follows one expression. An expression that is not understood may match.
func (d *decoder) apply(key chainKey, s *ruleState, raw rawExpr) {
	unmarshal := func(e expr.Any) bool { return expr.Unmarshal(key.family, raw.data, e) == nil }
	switch raw.name {
	case "counter", "log", "last", "notrack":
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
	case "payload":
		if e := new(expr.Payload); unmarshal(e) && e.OperationType == expr.PayloadLoad {
			s.registers[e.DestRegister] = payloadSource(e)
			return
		}
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
		s.when(condition{field: fieldNever})
		return
	case "match":
		if e := new(expr.Match); unmarshal(e) {
			s.match(e)
			return
		}
	case "target":
		if e := new(expr.Target); unmarshal(e) {
			s.target(e.Name)
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
	switch {
	case e.SourceRegister:
	case e.Key == expr.CtKeySTATE:
		s.registers[e.Register] = source{field: fieldState}
	default:
		s.when(condition{field: fieldNever})
	}
}

func payloadSource(e *expr.Payload) source {
	if e.Base != expr.PayloadBaseNetworkHeader {
		return source{}
	}
	switch {
	case e.Offset == offsetSource && e.Len <= 4:
		return source{field: fieldSource, width: int(e.Len)}
	case e.Offset == offsetDestination && e.Len <= 4:
		return source{field: fieldDestination, width: int(e.Len)}
	case e.Offset == 9 && e.Len == 1:
		return source{field: fieldProtocol}
	}
	return source{}
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
		r := &expr.Range{Op: expr.CmpOpEq, FromData: []byte{0, 0, 0, 0}, ToData: e.Data}
		if e.Op == expr.CmpOpGte {
			r.FromData, r.ToData = e.Data, []byte{255, 255, 255, 255}
		}
		return inRange(from, r)
	}
	if e.Op != expr.CmpOpEq && e.Op != expr.CmpOpNeq {
		return condition{}
	}
	not := e.Op == expr.CmpOpNeq
	if from.field == fieldState && from.mask != nil {
		// `state & mask != 0` is nft's form of a list of states.
		if !isZero(e.Data) || len(from.mask) != 4 {
			return condition{}
		}
		return condition{field: fieldState, mask: binary.NativeEndian.Uint32(from.mask), not: !not}
	}
	if from.field == fieldSource || from.field == fieldDestination {
		r, ok := maskedRange(from, e.Data)
		if !ok {
			return condition{}
		}
		return condition{field: from.field, ranges: [][2]uint32{r}, not: not}
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
		s.when(d.inSet(from, set, e.Invert))
	}
}

func (d *decoder) inSet(from source, set *foreignElements, not bool) condition {
	address := from.field == fieldSource || from.field == fieldDestination
	switch {
	case address && from.mask == nil && from.width == 4 && set.keyBytes == 4:
		c := condition{field: from.field, not: not}
		for _, e := range set.list {
			r := [2]uint32{word(e.key), word(e.key)}
			if set.interval {
				r[1] = word(e.end) - 1
			}
			c.ranges = append(c.ranges, r)
		}
		return c
	case address || set.interval:
		return condition{}
	default:
		return d.among(from, set.list, not)
	}
}

func inRange(from source, e *expr.Range) condition {
	address := from.field == fieldSource || from.field == fieldDestination
	if !address || from.mask != nil || from.width != 4 || len(e.FromData) != 4 || len(e.ToData) != 4 {
		return condition{}
	}
	return condition{
		field: from.field, not: e.Op == expr.CmpOpNeq,
		ranges: [][2]uint32{{binary.BigEndian.Uint32(e.FromData), binary.BigEndian.Uint32(e.ToData)}},
	}
}

// Bits of the iptables matches "conntrack" and "state".
const (
	xtFlagState          = 1
	xtConntrackUntracked = 1 << 8
	xtStateUntracked     = 1 << 6
)

// match follows a match of iptables.
func (s *ruleState) match(e *expr.Match) {
	decide := func(flags, invert uint16, states uint32) condition {
		// Without an entry the kernel looks at the state and at nothing else.
		if flags&xtFlagState == 0 {
			return condition{field: fieldNever}
		}
		c := condition{field: fieldState, not: invert&xtFlagState != 0}
		if states&xtConntrackUntracked != 0 {
			c.mask = stateUntracked
		}
		return c
	}
	switch info := e.Info.(type) {
	case *xt.ConntrackMtinfo1:
		s.when(decide(info.MatchFlags, info.InvertFlags, uint32(info.StateMask)))
	case *xt.ConntrackMtinfo2:
		s.when(decide(info.MatchFlags, info.InvertFlags, uint32(info.StateMask)))
	case *xt.ConntrackMtinfo3:
		s.when(decide(info.MatchFlags, info.InvertFlags, uint32(info.StateMask)))
	case *xt.Comment:
	case *xt.Unknown:
		if e.Name == "state" && len(*info) >= 4 {
			c := condition{field: fieldState}
			if binary.NativeEndian.Uint32(*info)&xtStateUntracked != 0 {
				c.mask = stateUntracked
			}
			s.when(c)
			return
		}
		if e.Name != "comment" {
			s.when(condition{})
		}
	default:
		s.when(condition{})
	}
}

// target follows a target of iptables.
func (s *ruleState) target(name string) {
	switch name {
	case "REJECT":
		s.rule.verdict = verdictDrop
	case "LOG", "NFLOG", "ULOG", "TRACE", "MARK", "CONNMARK", "CONNSECMARK", "SECMARK", "CLASSIFY", "CT",
		"TCPMSS", "TCPOPTSTRIP", "DSCP", "TOS", "TTL", "ECN", "AUDIT", "IDLETIMER", "LED", "RATEEST", "CHECKSUM", "HMARK", "TEE", "SET":
		// They change or note the packet and pass it on.
	default:
		s.rule.verdict = verdictMaybeDrop
	}
}
