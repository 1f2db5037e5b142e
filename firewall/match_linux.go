package firewall

import (
	"fmt"
	"slices"

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
	width int    // bytes loaded
	pair  bool   // and as many of the field after it, which nft merges into one comparison
	mask  []byte // by bitwise
	value []byte // a constant
}

// ruleState is the rule so far.
type ruleState struct {
	rule      foreignRule
	registers registers
	vmap      *foreignElements
	on        []part // what vmap is looked up with
}

// rules decodes one rule; one with a verdict map becomes one for each element.
func (d *decoder) rules(key chainKey, raw rawRule) []foreignRule {
	s := ruleState{registers: registers{}}
	for _, e := range raw.exprs {
		d.apply(key, &s, e)
	}
	out := []foreignRule{s.rule}
	if s.vmap != nil {
		out = out[:0]
		for _, e := range s.vmap.list {
			r := s.vmap.verdicts[e.key]
			one := *s.vmap
			one.list = []element{e}
			r.when = append(slices.Clone(s.rule.when), d.inSet(s.on, &one, false))
			out = append(out, r)
		}
	}
	for i := range out {
		out[i].text = fmt.Sprintf("%s (handle %d)", out[i].String(), raw.handle)
		if key.family == unix.NFPROTO_INET && key.table == tableName && raw.comment != "" { // of ours it says most
			out[i].text = raw.comment + ": " + out[i].text
		}
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
				s.registers.load(e.Register, metaSource(e.Key))
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
			s.registers.load(e.Register, fibSource(e))
			return
		}
	case "payload":
		e := new(expr.Payload)
		if unmarshal(e) && e.OperationType == expr.PayloadLoad {
			s.registers.load(e.DestRegister, payloadSource(e))
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
			from := s.registers.at(e.Register)
			if from.pair && e.Op == expr.CmpOpEq && len(e.Data) == 2*from.width {
				both := *e
				both.Data = e.Data[from.width:]
				s.when(d.compare(from.second(), &both))
				from.pair, e.Data = false, e.Data[:from.width]
			}
			s.when(d.compare(from, e))
			return
		}
	case "lookup":
		if e := new(expr.Lookup); unmarshal(e) {
			d.lookup(key, s, e)
			return
		}
	case "range":
		if e := new(expr.Range); unmarshal(e) {
			s.when(inRange(s.registers.at(e.Register), e))
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
	case "nat":
		s.translate(raw.data)
		return
	case "masq", "redir":
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
		s.rule.verdict = verdictMaybeDrop
	case "objref":
		if !s.object(raw.data) {
			return
		}
	default:
		if !slices.Contains(dropless, raw.name) {
			s.rule.verdict = verdictMaybeDrop
		}
	}
	// Whatever it is, it may match, and it may have written any register.
	s.when(condition{})
	clear(s.registers)
}

// dropless are expressions that are not followed here and drop nothing by themselves.
var dropless = []string{
	"byteorder", "connlimit", "dup", "dynset", "exthdr", "hash", "inner", "limit", "numgen", "osf", "quota", "rt", "secmark", "socket", "tunnel", "xfrm",
	"meta", "ct", "fib", "payload", "bitwise", "cmp", "lookup", "range", "match",
}

// Types of named objects (NFT_OBJECT_ in linux/netfilter/nf_tables.h).
const (
	objectCounter  = 1
	objectHelper   = 3
	objectTimeout  = 7
	objectSecmark  = 8
	objectExpect   = 9
	objectSynproxy = 10
)

// object follows a reference to a named object and tells whether it decides
// about a match.
func (s *ruleState) object(data []byte) (decides bool) {
	decides = true
	err := attributes(data, func(ad *netlink.AttributeDecoder) {
		if ad.Type() != unix.NFTA_OBJREF_IMM_TYPE {
			return
		}
		switch ad.Uint32() {
		case objectCounter, objectHelper, objectTimeout, objectSecmark, objectExpect:
			decides = false
		case objectSynproxy:
			s.rule.verdict = verdictMaybeDrop
		}
	})
	return decides || err != nil
}

func metaSource(key expr.MetaKey) source {
	switch key {
	case expr.MetaKeyIIFNAME:
		return source{field: fieldIn, width: unix.IFNAMSIZ}
	case expr.MetaKeyOIFNAME:
		return source{field: fieldOut, width: unix.IFNAMSIZ}
	case expr.MetaKeyIIF:
		return source{field: fieldIn, index: true, width: 4}
	case expr.MetaKeyOIF:
		return source{field: fieldOut, index: true, width: 4}
	case expr.MetaKeyNFPROTO:
		return source{field: fieldFamily, width: 1}
	case expr.MetaKeyL4PROTO:
		return source{field: fieldProtocol, width: 1}
	}
	return source{}
}

// loadCt: an untracked packet has a state and nothing else, and a rule that
// asks for anything else ends without its verdict. Setting does nothing.
func (s *ruleState) loadCt(e *expr.Ct) {
	s.rule.effects |= effectTracks
	if e.SourceRegister {
		if e.Key == expr.CtKeyZONE {
			s.rule.effects |= effectTemplate
		}
		return
	}
	switch e.Key {
	case expr.CtKeySTATE:
		s.registers.load(e.Register, source{field: fieldState, width: 4})
		return
	case expr.CtKeySTATUS:
		s.registers.load(e.Register, source{field: fieldStatus, width: 4})
	default:
		s.registers.load(e.Register, source{})
	}
	s.when(condition{field: fieldTracked})
}

// fibSource: the type of an address is known where no interface is asked for.
func fibSource(e *expr.Fib) source {
	switch {
	case !e.ResultADDRTYPE || e.FlagMARK || e.FlagIIF || e.FlagOIF || e.FlagSADDR == e.FlagDADDR:
		return source{}
	case e.FlagSADDR:
		return source{field: fieldSourceType, width: 4}
	}
	return source{field: fieldDestinationType, width: 4}
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
	case at(expr.PayloadBaseTransportHeader, offsetSourcePort, 4):
		return source{field: fieldSourcePort, width: 2, pair: true}
	case at(expr.PayloadBaseNetworkHeader, offsetSource, 8):
		return source{field: fieldSource, width: 4, pair: true}
	case e.Base == expr.PayloadBaseNetworkHeader && e.Offset == offsetSource && e.Len <= 4:
		return source{field: fieldSource, width: int(e.Len)}
	case e.Base == expr.PayloadBaseNetworkHeader && e.Offset == offsetDestination && e.Len <= 4:
		return source{field: fieldDestination, width: int(e.Len)}
	case at(expr.PayloadBaseNetworkHeader, offsetFragment, 2):
		return source{field: fieldFragment, width: 2}
	case at(expr.PayloadBaseNetworkHeader, 9, 1):
		return source{field: fieldProtocol, width: 1}
	case at(expr.PayloadBaseTransportHeader, offsetSourcePort, 2):
		return source{field: fieldSourcePort, width: 2}
	case at(expr.PayloadBaseTransportHeader, offsetDestinationPort, 2):
		return source{field: fieldDestinationPort, width: 2}
	case at(expr.PayloadBaseTransportHeader, offsetTCPFlags, 1):
		return source{field: fieldTCPFlags, width: 1}
	}
	return source{}
}

// second is the other half of a pair.
func (from source) second() source {
	return source{field: map[field]field{fieldSource: fieldDestination, fieldSourcePort: fieldDestinationPort}[from.field], width: from.width}
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
	from := s.registers.at(e.SourceRegister)
	if len(e.Mask) == 0 || from.mask != nil || from.pair || !isZero(e.Xor) {
		from = source{}
	}
	from.mask = e.Mask
	s.registers.load(e.DestRegister, from)
}

func (s *ruleState) immediate(data []byte) {
	e := new(expr.Immediate)
	if expr.Unmarshal(unix.NFPROTO_INET, data, e) == nil && e.Register != unix.NFT_REG_VERDICT {
		s.registers.load(e.Register, source{value: e.Data})
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

// translate follows a NAT statement of nftables.
func (s *ruleState) translate(data []byte) {
	s.rule.effects |= effectNAT
	s.rule.verdict = verdictAccept
	e := new(expr.NAT)
	if expr.Unmarshal(unix.NFPROTO_INET, data, e) != nil {
		s.rule.toUnknown = true
		return
	}
	if e.RegAddrMin == 0 { // ports only
		return
	}
	first, last := s.registers.at(e.RegAddrMin).value, s.registers.at(e.RegAddrMin).value
	if e.RegAddrMax != 0 {
		last = s.registers.at(e.RegAddrMax).value
	}
	switch {
	case e.Family == unix.NFPROTO_IPV6:
	case len(first) != 4 || len(last) != 4:
		s.rule.toUnknown = true
	default:
		s.rule.to = [][2]uint32{{word(string(first)), word(string(last))}}
	}
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
