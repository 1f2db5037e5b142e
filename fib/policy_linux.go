package fib

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/ipv4"
)

// policy dumps our policy rules, and our routes in tables other than the main one.
func (k *kernel) policy() (s policyState, err error) {
	rules, err := k.conn.rules()
	if err != nil {
		return s, err
	}
	for _, r := range rules {
		if r.Protocol == k.cfg.Protocol {
			s.rules = append(s.rules, r)
		}
	}
	err = k.eachRoute(k.cfg.Protocol, 0, func() { s.routes = nil }, func(r *kernelRoute) {
		if r.protocol == k.cfg.Protocol && r.table != k.cfg.Table {
			s.routes = append(s.routes, policyRoute{
				table: r.table, typ: r.typ, metric: r.metric, ifindex: r.ifindex,
				gateway: r.gateway, source: r.source, prefix: r.prefix,
			})
		}
	})
	return s, err
}

// writePolicy writes ops in order and returns one error per op.
func (k *kernel) writePolicy(plan []policyOp) []error {
	var b batch
	for _, o := range plan {
		switch {
		case o.rule != nil && o.delete:
			b.start(unix.RTM_DELRULE, 0)
			b.buf = appendRule(b.buf, *o.rule)
		case o.rule != nil:
			b.start(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
			b.buf = appendRule(b.buf, *o.rule)
		case o.delete:
			p, _ := ipv4.PrefixOf(o.route.prefix)
			b.start(unix.RTM_DELROUTE, 0)
			b.buf = appendRouteKey(b.buf, k.cfg.Protocol, scopeNowhere, 0, stray{prefix: p, table: o.route.table, metric: o.route.metric})
		default:
			flags := uint16(unix.NLM_F_CREATE | unix.NLM_F_EXCL)
			if o.replace {
				flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
			}
			b.start(unix.RTM_NEWROUTE, flags)
			b.buf = appendGate(b.buf, k.cfg.Protocol, *o.route)
		}
		b.end()
	}
	return k.conn.send(&b)
}

// appendGate appends struct rtmsg and attributes of a route.
func appendGate(b []byte, protocol uint8, r policyRoute) []byte {
	scope := byte(scopeUniverse)
	if r.typ == unix.RTN_UNICAST && !r.gateway.IsValid() {
		scope = scopeLink
	}
	at := len(b)
	p, _ := ipv4.PrefixOf(r.prefix)
	b = appendRouteKey(b, protocol, scope, r.typ, stray{prefix: p, table: r.table, metric: r.metric})
	if r.onLink {
		native.PutUint32(b[at+8:], unix.RTNH_F_ONLINK)
	}
	if r.ifindex != 0 {
		b = appendAttr32(b, unix.RTA_OIF, uint32(r.ifindex))
	}
	if r.gateway.Is4() {
		b = appendAttr(b, unix.RTA_GATEWAY, r.gateway.AsSlice())
	}
	if r.source.Is4() {
		b = appendAttr(b, unix.RTA_PREFSRC, r.source.AsSlice())
	}
	return b
}

// appendRule appends struct fib_rule_hdr and attributes of a rule that looks into a table.
// What only rules of others ask is not written.
func appendRule(b []byte, r Rule) []byte {
	const lookup = 1 // FR_ACT_TO_TBL
	bits := byte(0)
	if r.Destination.IsValid() {
		bits = byte(r.Destination.Bits())
	}
	b = append(b, unix.AF_INET, bits, 0, 0, byte(unix.RT_TABLE_UNSPEC), 0, 0, lookup, 0, 0, 0, 0)
	b = appendAttr32(b, unix.FRA_PRIORITY, r.Priority)
	b = appendAttr32(b, unix.FRA_TABLE, r.Table)
	b = appendAttr(b, unix.FRA_PROTOCOL, []byte{r.Protocol})
	if r.Destination.IsValid() {
		b = appendAttr(b, unix.FRA_DST, r.Destination.Addr().AsSlice())
	}
	if r.Out != "" {
		b = appendAttr(b, unix.FRA_OIFNAME, append([]byte(r.Out), 0))
	}
	if r.Mask != 0 {
		b = appendAttr32(b, unix.FRA_FWMARK, r.Mark)
		b = appendAttr32(b, unix.FRA_FWMASK, r.Mask)
	}
	if r.Suppress >= 0 {
		b = appendAttr32(b, unix.FRA_SUPPRESS_PREFIXLEN, uint32(r.Suppress))
	}
	return b
}

// rules lists the IPv4 policy rules of everybody in the order of the kernel.
func (c *conn) rules() (out []Rule, err error) {
	body := make([]byte, unix.SizeofRtMsg) // struct fib_rule_hdr has the same size
	body[0] = unix.AF_INET
	err = c.dump(unix.RTM_GETRULE, body, func() { out = nil }, func(m message) error {
		rule, err := parseRule(m.body)
		out = append(out, rule)
		return err
	})
	if err != nil {
		err = fmt.Errorf("list policy rules: %w", err)
	}
	return out, err
}
