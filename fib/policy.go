package fib

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Gate is a route of a table of its own, to which policy rules lead.
type Gate struct {
	Table     uint32
	Prefix    netip.Prefix // the zero Prefix: the default
	Interface string
	Gateway   netip.Addr // the zero Addr: the link itself
	Source    netip.Addr // preferred source
	OnLink    bool       // Gateway is on the link although no network of it says so
	// Unreachable makes a route that says no; it has nothing of the above.
	Unreachable bool
}

// Policy keeps the policy rules with our protocol number, and the routes with it
// in every table but the main one, as they are wanted. It belongs to the goroutine of
// its [Table].
type Policy struct {
	kernel *kernel
	known  bool // Set was called: until then what an earlier run left stays
	rules  []Rule
	gates  []Gate
	links  map[string]int // index by name
}

// Policy returns the policy rules and tables beside the table's routes.
func (t *Table) Policy() *Policy { return t.policy }

// Set wants exactly these rules and routes. Sync writes them.
func (p *Policy) Set(rules []Rule, gates []Gate) {
	p.known, p.rules, p.gates = true, rules, gates
	for i := range p.rules {
		p.rules[i].Protocol = p.kernel.cfg.Protocol
	}
}

// SetLinks says which links there are.
func (p *Policy) SetLinks(links []Iface) {
	p.links = make(map[string]int, len(links))
	for _, l := range links {
		p.links[l.Name] = l.Index
	}
}

// Sync compares with the kernel and writes the difference: routes before the rules that lead
// to them, what is new before what goes. It goes on after errors and joins them. changed counts writes.
func (p *Policy) Sync() (changed int, err error) {
	if !p.known {
		return 0, nil
	}
	have, err := p.kernel.policy()
	if err != nil {
		return 0, err
	}
	want := p.wanted()
	plan := have.difference(want)
	errs := p.kernel.writePolicy(plan)
	for i, err := range errs {
		if err == nil || plan[i].delete && isAny(err, unix.ENOENT, unix.ESRCH) {
			errs[i] = nil
			changed++
			continue
		}
		if isAny(err, unix.EEXIST) {
			err = ErrForeign
		}
		errs[i] = fmt.Errorf("%s: %w", plan[i], err)
	}
	return changed, errors.Join(errs...)
}

// policyRoute is a route as the kernel has it.
type policyRoute struct {
	table   uint32
	typ     uint8
	metric  uint32
	ifindex int
	gateway netip.Addr
	source  netip.Addr
	onLink  bool // is asked for and not compared: the kernel only says it of routes that need it
	prefix  netip.Prefix
}

func (r policyRoute) same(o policyRoute) bool {
	r.onLink, o.onLink = false, false
	return r == o
}

func (r policyRoute) sameKey(o policyRoute) bool {
	return r.table == o.table && r.metric == o.metric && r.prefix == o.prefix
}

// policyState is all of it, as it is or shall be.
type policyState struct {
	rules  []Rule
	routes []policyRoute
}

var defaultPrefix = netip.PrefixFrom(netip.IPv4Unspecified(), 0)

// wanted leaves out gates over links that are not there: the kernel has none either.
func (p *Policy) wanted() policyState {
	s := policyState{rules: p.rules}
	for _, g := range p.gates {
		r := policyRoute{table: g.Table, typ: unix.RTN_UNREACHABLE, metric: p.kernel.cfg.Metric, prefix: defaultPrefix}
		if g.Prefix.IsValid() {
			r.prefix = g.Prefix
		}
		if !g.Unreachable {
			index, ok := p.links[g.Interface]
			if !ok {
				continue
			}
			r.typ, r.ifindex, r.gateway, r.source, r.onLink = unix.RTN_UNICAST, index, g.Gateway, g.Source, g.OnLink
		}
		s.routes = append(s.routes, r)
	}
	return s
}

// policyOp is one write: of a rule, or of a route.
type policyOp struct {
	delete  bool
	replace bool // a route of ours under the same key
	rule    *Rule
	route   *policyRoute
}

func (o policyOp) String() string {
	verb := "write"
	if o.delete {
		verb = "delete"
	}
	if o.rule != nil {
		return fmt.Sprintf("%s policy rule %s", verb, o.rule)
	}
	return fmt.Sprintf("%s route %s table %d metric %d", verb, o.route.prefix, o.route.table, o.route.metric)
}

// difference says how have becomes want.
func (have policyState) difference(want policyState) (plan []policyOp) {
	for _, w := range want.routes {
		if !slices.ContainsFunc(have.routes, w.same) {
			plan = append(plan, policyOp{route: &w, replace: slices.ContainsFunc(have.routes, w.sameKey)})
		}
	}
	for _, w := range want.rules {
		if !slices.Contains(have.rules, w) {
			plan = append(plan, policyOp{rule: &w})
		}
	}
	for i, h := range have.rules {
		if !slices.Contains(want.rules, h) || slices.Contains(have.rules[:i], h) {
			plan = append(plan, policyOp{rule: &h, delete: true})
		}
	}
	for _, h := range have.routes {
		if !slices.ContainsFunc(want.routes, h.sameKey) {
			plan = append(plan, policyOp{route: &h, delete: true})
		}
	}
	return plan
}
