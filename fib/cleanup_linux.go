package fib

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Cleanup removes all routes (of every table), nexthop objects and rules that
// carry the configured protocol number, in the calling thread's network
// namespace, and returns how many; gateways are no longer kept resolved. It goes on after errors and joins them.
func Cleanup(cfg Config) (removed int, err error) {
	k, err := openKernel(cfg.withDefaults())
	if err != nil {
		return 0, err
	}
	defer k.close()
	var ops []op
	err1 := k.routes(func() { ops = nil }, func(r ownRoute) { ops = append(ops, op{kind: opDelStray, stray: &r.stray}) })
	hops, groups, _, err2 := k.objects()
	for id := range groups {
		ops = append(ops, op{kind: opDelGroup, id: id})
	}
	for id := range hops {
		ops = append(ops, op{kind: opDelHop, id: id})
	}
	problems := []error{err1, err2, k.releaseGateways()}
	for i, err := range k.apply(ops) {
		switch {
		case err == nil:
			removed++
		case !isAny(err, unix.ESRCH, unix.ENOENT):
			problems = append(problems, ops[i].describe(err))
		}
	}
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		n, err := k.removeRules(family)
		removed += n
		problems = append(problems, err)
	}
	return removed, errors.Join(problems...)
}

// removeRules deletes our policy rules by sending each one's own description back.
func (k *kernel) removeRules(family byte) (int, error) {
	const ruleHeader = unix.SizeofRtMsg // struct fib_rule_hdr has the same size
	body := make([]byte, ruleHeader)
	body[0] = family
	var rules [][]byte
	err := k.conn.dump(unix.RTM_GETRULE, body, func() { rules = nil }, func(m message) error {
		if len(m.body) < ruleHeader {
			return errShort
		}
		return eachAttr(m.body[ruleHeader:], func(typ uint16, v []byte) {
			if typ == unix.FRA_PROTOCOL && len(v) == 1 && v[0] == k.cfg.Protocol {
				rules = append(rules, append([]byte(nil), m.body...))
			}
		})
	})
	if isAny(err, unix.EAFNOSUPPORT, unix.EOPNOTSUPP) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("list policy rules: %w", err)
	}
	var b batch
	for _, r := range rules {
		b.start(unix.RTM_DELRULE, 0)
		b.buf = append(b.buf, r...)
		b.end()
	}
	n := 0
	var problems []error
	for _, err := range k.conn.send(&b) {
		switch {
		case err == nil:
			n++
		case !isAny(err, unix.ENOENT):
			problems = append(problems, fmt.Errorf("delete policy rule: %w", err))
		}
	}
	return n, errors.Join(problems...)
}
