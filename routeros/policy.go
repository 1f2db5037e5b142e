package routeros

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// policyRule sends some traffic through one uplink.
type policyRule struct {
	i                   int // the statement
	line                int
	source, destination []string // prefixes and "@list"; none: any
	protocol            string
	ports               []string
	u                   *uplink
	fallback            string
	missing             string // why it is not certain; empty when it is
}

// maxPolicyRules bounds the rules that are written.
const maxPolicyRules = 500

// policyRules finds what leaves by one uplink whatever the shares are. A mark
// that a later rule may override (passthrough=yes) gives way to it, so these
// rules come in reverse behind the others, where the first match wins.
func (im *importer) policyRules(w *ways) {
	var first, last []policyRule
	for n := range im.rules {
		r := &im.rules[n]
		if r.table != "mangle" || r.incomplete != "" || w.reply.ingest[r.i] || im.fate[r.i] != "" {
			continue
		}
		p, why := im.policyRule(w, r)
		switch {
		case why != "":
			im.skip(r.i, "%s", why)
			continue
		case p == nil:
			continue
		}
		for _, item := range slices.Concat(p.source, p.destination) {
			if name, ok := strings.CutPrefix(item, "@"); ok {
				im.wantList(p, name)
			}
		}
		if im.yields(r) {
			last = append(last, *p)
		} else {
			first = append(first, *p)
		}
	}
	slices.Reverse(last)
	w.rules = append(first, last...)
	marked := len(w.rules)
	for _, p := range im.policies {
		im.routingRule(w, p)
	}
	if marked > 0 && len(w.rules) > marked {
		im.note(im.Statements[im.policies[0].i].Pos, Assumed, "rules of mangle come before routing rules, as in RouterOS 7")
	}
	for n := maxPolicyRules; n < len(w.rules); n++ {
		im.skip(w.rules[n].i, "more than %d rules", maxPolicyRules)
	}
	w.rules = w.rules[:min(len(w.rules), maxPolicyRules)]
}

// yields tells whether a later rule may override what r decides.
func (im *importer) yields(r *rule) bool {
	if slices.Contains(r.match, "connection-mark=no-mark") {
		return false // the connection has a mark then
	}
	if mark, ok := r.newMark(); ok && r.action == "mark-connection" {
		if to := im.routingMark(mark.Value, "prerouting"); to != nil {
			return to.passthrough
		}
	}
	return r.passthrough
}

// policyRule turns a rule of mangle into one of the configuration: nil when it
// has done its part already, why when it can not be one.
func (im *importer) policyRule(w *ways, r *rule) (p *policyRule, why string) {
	connection := r.Value("connection-mark")
	switch {
	case r.action == "jump":
		return nil, "" // its target is read as part of this chain
	case r.action == "accept" || r.action == "return":
		return nil, "it passes packets by the other marks: specific routes always win over balancing, and what else is to go its own way wants a rule of wan"
	case r.action == "mark-packet":
		return nil, "packet marks are for queues, which are the kernel's (tc)"
	case r.action == "change-mss":
		return nil, "no part of ecmpd: clamp the MSS in the machine's own rules (nftables, tcp option maxseg)"
	case r.action != "mark-routing" && r.action != "mark-connection":
		return nil, "no part of ecmpd"
	case r.dead != "":
		return nil, r.dead
	case isSlot(r):
		return nil, ""
	case r.hook != "prerouting" && r.hook != "output":
		return nil, "marks of this chain come after the choice of a route"
	case r.action == "mark-routing" && connection != "" && connection != "no-mark":
		// It belongs to the rule that marks the connection.
		im.ignored(r, "connection-mark", "connection-state", "dst-address-type", "in-interface", "in-interface-list")
		return nil, ""
	}
	u, why := im.markLeadsTo(w, r, "prerouting")
	if u == nil {
		return nil, why
	}
	p = &policyRule{i: r.i, line: r.Line, u: u, fallback: im.fallback(r)}
	return p, im.matchers(w, r, p)
}

func isSlot(r *rule) bool {
	_, pcc := r.Arg("per-connection-classifier")
	_, nth := r.Arg("nth")
	return pcc || nth
}

// fallback is what becomes of a mark's packets while its table has no route:
// RouterOS goes on with the main table unless a rule forbids it.
func (im *importer) fallback(r *rule) string {
	mark, _ := r.newMark()
	if r.action == "mark-connection" {
		if to := im.routingMark(mark.Value, "prerouting"); to != nil {
			mark, _ = to.newMark()
		}
	}
	for _, p := range im.policies {
		if p.mark == mark.Value && p.action == "lookup-only-in-table" {
			return "none"
		}
	}
	return "balance"
}

// matchers translates the conditions of a rule; the reason is that of the one that has no counterpart.
func (im *importer) matchers(w *ways, r *rule, p *policyRule) (why string) {
	for _, a := range r.Args {
		if !a.HasValue || slices.Contains(notMatchers, a.Name) {
			continue
		}
		var list *[]string
		switch a.Name {
		case "src-address", "src-address-list", "in-interface", "in-interface-list":
			list = &p.source
		case "dst-address", "dst-address-list":
			list = &p.destination
		}
		ok := true
		switch a.Name {
		case "src-address", "dst-address":
			ok = len(*list) == 0 && addNetworks(list, a.Value)
		case "src-address-list", "dst-address-list":
			ok = len(*list) == 0 && !strings.HasPrefix(a.Value, "!")
			*list = append(*list, "@"+a.Value)
		case "in-interface", "in-interface-list":
			ok = im.fromInterface(w, r, p, a.Name, a.Value)
		case "protocol":
			p.protocol, ok = protocol(a.Value)
		case "dst-port":
			p.ports = items(a.Value)
			ok = !slices.ContainsFunc(p.ports, func(s string) bool { return !isPort(s) })
		case "connection-state", "dst-address-type", "src-address-type", "connection-mark":
			ok = a.Name != "connection-mark" || a.Value == "no-mark"
		default:
			ok = false
		}
		if !ok {
			return fmt.Sprintf("rules of wan have no counterpart of %s=%s here", clip(a.Name, 40), clip(a.Value, 40))
		}
	}
	if len(p.ports) > 0 && p.protocol != "tcp" && p.protocol != "udp" {
		return "ports go with protocol tcp or udp only"
	}
	return ""
}

// fromInterface takes the networks of an interface for the sources behind it.
func (im *importer) fromInterface(w *ways, r *rule, p *policyRule, name, value string) bool {
	if link, negated := strings.CutPrefix(value, "!"); negated {
		links := im.links.lists[link]
		if name == "in-interface" {
			links = []string{link}
		}
		// What does not come from an uplink is what a rule is for anyway.
		return !slices.ContainsFunc(links, func(l string) bool { return len(w.ofLink(l)) == 0 })
	}
	_, bySource := r.Arg("src-address")
	_, byList := r.Arg("src-address-list")
	if bySource || byList {
		return true // the sources say it more precisely
	}
	links := []string{value}
	if name == "in-interface-list" {
		links = im.links.lists[value]
	}
	im.sourcesBehind(p, links)
	if len(p.source) > 0 {
		a, _ := r.Arg(name)
		im.behind(a, p)
	}
	return len(p.source) > 0
}

// sourcesBehind adds the networks of interfaces.
func (im *importer) sourcesBehind(p *policyRule, links []string) {
	for _, own := range im.addresses {
		if network := own.network.String(); slices.Contains(links, own.link) && !slices.Contains(p.source, network) {
			p.source = append(p.source, network)
		}
	}
}

// behind tells that an interface became networks.
func (im *importer) behind(a script.Arg, p *policyRule) {
	im.note(a.At, Assumed, "%s=%s is read as the sources %s: rules of wan know no interface; add what else is behind it", a.Name, clip(a.Value, 40), clip(strings.Join(p.source, ", "), 80))
}

// addNetworks adds an address, prefix or range; 0.0.0.0/0 is no condition.
func addNetworks(list *[]string, text string) bool {
	networks, ok := parseNetworks(text)
	for _, n := range networks {
		if n.Bits() > 0 {
			*list = append(*list, n.String())
		}
	}
	return ok
}

// protocol returns the configuration's word for an IP protocol.
func protocol(text string) (string, bool) {
	switch text {
	case "tcp", "udp", "icmp", "gre", "sctp":
		return text, true
	case "ipsec-esp", "50":
		return "esp", true
	case "ipsec-ah", "51":
		return "ah", true
	}
	n, ok := decimal(text)
	return text, ok && n >= 1 && n <= 255
}

// isPort knows ports and ranges of them.
func isPort(text string) bool {
	first, last, isRange := strings.Cut(text, "-")
	a, ok := decimal(first)
	if !isRange {
		return ok && a >= 1 && a <= 65535
	}
	b, okB := decimal(last)
	return ok && okB && a >= 1 && a <= b && b <= 65535
}

// routingRule turns a rule of /ip route rule or /routing rule into one of the configuration.
func (im *importer) routingRule(w *ways, r routingRule) {
	switch {
	case r.action != "lookup" && r.action != "lookup-only-in-table":
		im.skip(r.i, "action=%s: dropping is a matter of the machine's own rules (nftables, ip rule)", clip(r.action, 40))
		return
	case r.table == "" || r.table == "main":
		im.skip(r.i, "not needed: specific routes of the main table always win over what is balanced")
		return
	case r.mark != "" && !r.src.IsValid() && !r.dst.IsValid() && r.link == "":
		return // it names the table of a mark
	case r.mark != "":
		im.skip(r.i, "a rule with routing-mark and further conditions has no counterpart")
		return
	}
	u, why := im.tableLeadsTo(w, r.table)
	if u == nil {
		im.skip(r.i, "%s", why)
		return
	}
	p := policyRule{i: r.i, line: im.Statements[r.i].Line, u: u, fallback: "balance"}
	if r.action == "lookup-only-in-table" {
		p.fallback = "none"
	}
	add := func(list *[]string, n netip.Prefix) {
		if n.IsValid() && n.Bits() > 0 {
			*list = append(*list, n.String())
		}
	}
	add(&p.source, r.src)
	add(&p.destination, r.dst)
	if r.link != "" && !r.src.IsValid() {
		im.sourcesBehind(&p, []string{r.link})
		if len(p.source) == 0 {
			im.skip(r.i, "the networks behind %s are not known", clip(r.link, 40))
			return
		}
		a, _ := im.Statements[r.i].Arg("interface")
		im.behind(a, &p)
	}
	w.rules = append(w.rules, p)
}
