package fib

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// flagInvert is FIB_RULE_INVERT: the rule is for packets that do not fit.
const flagInvert = 2

// actions are those of a rule that is no lookup (FR_ACT_ in linux/fib_rules.h).
var actions = map[byte]string{2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit"}

// ruleExtras are what a rule may ask beside what Rule holds.
var ruleExtras = map[uint16]string{
	unix.FRA_GOTO: "goto", unix.FRA_TUN_ID: "tun_id", unix.FRA_SUPPRESS_IFGROUP: "suppress_ifgroup",
	unix.FRA_L3MDEV: "l3mdev", unix.FRA_UID_RANGE: "uidrange", unix.FRA_FLOW: "realms",
}

// Rules lists the IPv4 policy rules in the order in which the kernel asks them.
func (r *Resolver) Rules() ([]Rule, error) {
	out, err := r.conn.rules()
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b Rule) int { return int(int64(a.Priority) - int64(b.Priority)) })
	return out, nil
}

// OthersIn names the routes in the tables from first to last that have another protocol number than protocol.
func (r *Resolver) OthersIn(first, last uint32, protocol uint8) (out []string, err error) {
	k := kernel{conn: r.conn}
	for table := first; table <= last; table++ { // one by one: the kernel finds a table at once, and the main one may be large
		found := len(out)
		err := k.eachRoute(0, table, func() { out = out[:found] }, func(o *kernelRoute) {
			if o.protocol != protocol && o.table == table {
				out = append(out, fmt.Sprintf("%s table %d metric %d", o.prefix, o.table, o.metric))
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func parseRule(body []byte) (Rule, error) {
	if len(body) < unix.SizeofRtMsg {
		return Rule{}, errShort
	}
	r := Rule{Table: uint32(body[4]), Suppress: -1, Not: native.Uint32(body[8:])&flagInvert != 0}
	var other []string
	if tos := body[3]; tos != 0 {
		other = append(other, fmt.Sprintf("tos %#x", tos))
	}
	err := eachAttr(body[unix.SizeofRtMsg:], func(typ uint16, v []byte) {
		switch {
		case typ == unix.FRA_PRIORITY && len(v) == 4:
			r.Priority = native.Uint32(v)
		case typ == unix.FRA_PROTOCOL && len(v) == 1:
			r.Protocol = v[0]
		case typ == unix.FRA_TABLE && len(v) == 4:
			r.Table = native.Uint32(v)
		case typ == unix.FRA_SRC && len(v) == 4:
			r.Source = netip.PrefixFrom(netip.AddrFrom4([4]byte(v)), int(body[2]))
		case typ == unix.FRA_DST && len(v) == 4:
			r.Destination = netip.PrefixFrom(netip.AddrFrom4([4]byte(v)), int(body[1]))
		case typ == unix.FRA_IIFNAME:
			r.In = unix.ByteSliceToString(v)
		case typ == unix.FRA_OIFNAME:
			r.Out = unix.ByteSliceToString(v)
		case typ == unix.FRA_FWMARK && len(v) == 4:
			r.Mark = native.Uint32(v)
		case typ == unix.FRA_FWMASK && len(v) == 4:
			r.Mask = native.Uint32(v)
		case typ == unix.FRA_IP_PROTO && len(v) == 1:
			r.IPProtocol = v[0]
		case typ == unix.FRA_SPORT_RANGE && len(v) == 4:
			r.SourcePorts = [2]uint16{native.Uint16(v), native.Uint16(v[2:])}
		case typ == unix.FRA_DPORT_RANGE && len(v) == 4:
			r.DestPorts = [2]uint16{native.Uint16(v), native.Uint16(v[2:])}
		case typ == unix.FRA_SUPPRESS_PREFIXLEN && len(v) == 4:
			r.Suppress = int(int32(native.Uint32(v)))
		case ruleExtras[typ] != "" && slices.ContainsFunc(v, func(b byte) bool { return b != 0 }):
			if typ != unix.FRA_SUPPRESS_IFGROUP || int32(native.Uint32(v)) >= 0 {
				other = append(other, ruleExtras[typ])
			}
		}
	})
	if action, ok := actions[body[7]]; ok {
		other, r.Table = append(other, action), 0
	}
	r.Other = strings.Join(other, " ")
	return r, err
}
