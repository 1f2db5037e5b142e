package routeros

import (
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// rule is one of the firewall's tables nat, mangle, raw or filter.
type rule struct {
	*script.Statement
	i      int
	table  string // nat, mangle, raw or filter
	chain  string
	hook   string // the built-in chain that leads to it by jumps; the same when it is one
	action string
	// match are the matchers as "name=value", sorted: two rules with the same
	// ones look at the same packets.
	match       []string
	passthrough bool   // packets that match go on to the next rule
	unsure      bool   // it matches some packets of a kind, by count or chance
	incomplete  string // a matcher without a value
	dead        string // why it does nothing; empty when it does
}

// notMatchers are parameters that say what a rule does, not what it is for.
var notMatchers = []string{
	"chain", "action", "comment", "disabled", "passthrough", "log", "log-prefix", "place-before",
	"new-connection-mark", "new-routing-mark", "new-packet-mark", "new-mss", "new-ttl", "new-dscp", "new-priority",
	"to-addresses", "to-ports", "jump-target", "address-list", "address-list-timeout", "route-dst", "reject-with", "tcp-mss-clamp",
}

// goOn are actions behind which the next rule sees the packet, too.
var goOn = []string{"log", "passthrough", "add-src-to-address-list", "add-dst-to-address-list", "jump", "sniff-tzsp", "sniff-pc", "fasttrack-connection"}

// actionOf are the actions that only one table has, as far as routing is concerned.
var actionOf = map[string]string{
	"masquerade": "nat", "src-nat": "nat", "dst-nat": "nat", "netmap": "nat", "redirect": "nat", "same": "nat",
	"mark-connection": "mangle", "mark-routing": "mangle", "mark-packet": "mangle", "notrack": "raw",
}

func (im *importer) readFirewall(i int, s *script.Statement) {
	r := rule{Statement: s, i: i, chain: s.Value("chain"), hook: s.Value("chain"), action: s.Value("action")}
	r.table = s.Menu[strings.LastIndexByte(s.Menu, ' ')+1:]
	if r.chain == "" {
		im.skip(i, "chain has no value")
		return
	}
	if im.full(i, len(im.rules), maxRules, "rules") {
		return
	}
	if r.action == "" {
		r.action = "accept"
	}
	if home := actionOf[r.action]; home != "" && home != r.table {
		a, _ := s.Arg("action")
		im.find(a.At, InvalidValue, "action=%s is one of /ip firewall %s, and this is a rule of %s", r.action, home, r.table)
	}
	r.passthrough = slices.Contains(goOn, r.action)
	if marks := strings.HasPrefix(r.action, "mark-") || strings.HasPrefix(r.action, "change-") || r.action == "set-priority"; marks && r.table == "mangle" {
		r.passthrough = s.Value("passthrough") != "no" && s.Value("passthrough") != "false"
	}
	for _, a := range s.Args {
		if !a.HasValue || slices.Contains(notMatchers, a.Name) {
			continue
		}
		if (a.Value == "" || hasEmptyItem(a.Value)) && r.incomplete == "" {
			r.incomplete = a.Name
		}
		switch a.Name {
		case "nth", "random", "limit", "dst-limit", "connection-limit", "connection-rate", "time":
			r.unsure = true
		}
		r.match = append(r.match, a.Name+"="+a.Value)
	}
	slices.Sort(r.match)
	im.rules = append(im.rules, r)
	if r.incomplete != "" {
		im.skip(i, "%s has no value", r.incomplete)
	}
}

// newMark returns what a mangle rule sets: the parameter's name and its value.
func (r *rule) newMark() (a script.Arg, ok bool) {
	if r.table != "mangle" || !strings.HasPrefix(r.action, "mark-") {
		return a, false
	}
	a, ok = r.Arg("new-" + strings.TrimPrefix(r.action, "mark-") + "-mark")
	return a, ok && a.Value != ""
}

// only tells whether all matchers of the rule are among those named.
func (r *rule) only(names ...string) bool {
	return !slices.ContainsFunc(r.match, func(m string) bool {
		name, _, _ := strings.Cut(m, "=")
		return !slices.Contains(names, name)
	})
}

// maxJumps is how many jumps deep a chain is looked for.
const maxJumps = 8

// followJumps finds the built-in chain behind each chain of mangle that rules jump to.
func (im *importer) followJumps() {
	from := make(map[string]*rule)
	for n := range im.rules {
		r := &im.rules[n]
		if to := r.Value("jump-target"); r.table == "mangle" && r.action == "jump" && to != "" && from[to] == nil {
			from[to] = r
			im.ignored(r, "connection-mark", "connection-state", "dst-address-type", "in-interface", "in-interface-list")
		}
	}
	for n := range im.rules {
		r := &im.rules[n]
		for range maxJumps {
			jump := from[r.hook]
			if jump == nil || r.table != "mangle" {
				break
			}
			r.hook = jump.chain
		}
	}
}

// ignored notes the conditions of a rule that have no part in what becomes of it.
func (im *importer) ignored(r *rule, harmless ...string) {
	for _, a := range r.Args {
		if a.HasValue && !slices.Contains(notMatchers, a.Name) && !slices.Contains(harmless, a.Name) {
			im.note(a.Pos, Assumed, "%s=%s is not taken over: the rule is read as if it had no such condition", clip(a.Name, 40), clip(a.Value, 40))
		}
	}
}
