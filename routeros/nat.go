package routeros

import (
	"fmt"
	"slices"
	"strings"
)

// nats finds the source NAT of each uplink: the first rule that takes all that leaves by it.
func (im *importer) nats(w *ways) {
	var unsure []*rule // of which the configuration has no counterpart
	for n := range im.rules {
		r := &im.rules[n]
		if r.table != "nat" || r.incomplete != "" {
			continue
		}
		switch {
		case r.chain == "dstnat" || r.action == "dst-nat" || r.action == "redirect":
			im.skip(r.i, "port forwardings stay rules of the machine's own (nftables, dnat): reply-through-ingress answers them through the uplink that they came in by")
		case r.chain != "srcnat" || r.action != "masquerade" && r.action != "src-nat":
			im.skip(r.i, "of NAT only masquerade and src-nat in chain srcnat are taken over, as nat of the uplinks")
		case !im.natOf(w, r):
			unsure = append(unsure, r)
		}
	}
	for _, u := range w.uplinks {
		if u.nat != "" {
			continue
		}
		u.nat, u.natWhy = "none", "no rule of chain srcnat is for "+clip(u.link, 40)
		for _, r := range unsure {
			if links, all := im.outInterfaces(r); all || len(links) == 0 || slices.Contains(links, u.link) {
				u.nat, u.natWhy = "masquerade", "none without this key"
				u.natWrong = fmt.Sprintf("the rule in line %d may be for it: %s", r.Line, im.fate[r.i])
				break
			}
		}
	}
}

// natOf gives the uplinks that a rule is for their NAT; false when it can not be said which or how.
func (im *importer) natOf(w *ways, r *rule) bool {
	nat, why := "masquerade", fmt.Sprintf("line %d", r.Line)
	if src := firstOf(r.Value("src-address"), r.Value("src-address-list"), r.Value("connection-mark"), r.Value("routing-mark")); src != "" {
		why += ": there only for " + clip(src, 40)
	}
	a, _ := r.Arg("to-addresses")
	addr, ok := parseHost(a.Value)
	links, all := im.outInterfaces(r)
	switch {
	case !r.only("out-interface", "out-interface-list", "src-address", "src-address-list", "ipsec-policy", "routing-mark", "connection-mark"):
		im.skip(r.i, "nat of an uplink is for all that leaves by it: this rule has further conditions")
		return false
	case r.action == "src-nat" && !ok:
		im.skip(r.i, "nat wants one address, and to-addresses is %s", clip(a.Value, 40))
		return false
	case !all && len(links) == 0:
		im.skip(r.i, "which interfaces it is for is not said")
		return false
	case r.action == "src-nat":
		nat = addr.String()
	}
	im.ignored(r, "out-interface", "out-interface-list")
	taken := false
	for _, u := range w.uplinks {
		if u.nat == "" && (all || slices.Contains(links, u.link)) {
			u.nat, u.natWhy, taken = nat, why, true
			im.judgeSource(r, u)
		}
	}
	if !taken {
		im.natOnly(w, r, links, nat, why)
	}
	return true
}

// natOnly takes interfaces with NAT and without a route for uplinks of which the route is missing.
func (im *importer) natOnly(w *ways, r *rule, links []string, nat, why string) {
	reason := "no uplink is left for it: earlier rules decide"
	for _, link := range links {
		if len(w.ofLink(link)) > 0 || len(w.uplinks) == maxUplinks {
			continue
		}
		a, _ := r.Arg("out-interface")
		u := w.add(uplink{link: link, at: a.At, nat: nat, natWhy: why})
		u.missing = "no default route in this script leads through " + clip(link, 40)
		reason = u.missing
	}
	im.skip(r.i, "%s", reason)
}

// judgeSource wants the address of src-nat to belong to the interface.
func (im *importer) judgeSource(r *rule, u *uplink) {
	a, ok := r.Arg("to-addresses")
	addr, valid := parseHost(a.Value)
	if !ok || !valid {
		return
	}
	if own, ok := im.owns(addr); ok && own.link != u.link {
		u.natWrong = fmt.Sprintf("to-addresses=%s is the address of %s (line %d), and the rule is for %s", addr, clip(own.link, 40), own.at.Line, clip(u.link, 40))
		im.find(a.At, Crossed, "%s", u.natWrong)
	}
}

// outInterfaces are the interfaces that a rule is for; all when it is for any.
func (im *importer) outInterfaces(r *rule) (links []string, all bool) {
	link, list := r.Value("out-interface"), r.Value("out-interface-list")
	switch {
	case strings.HasPrefix(link, "!") || strings.HasPrefix(list, "!"):
		return nil, false
	case link != "":
		return []string{link}, false
	case list != "" && list != "all":
		return im.links.lists[list], false
	}
	return nil, true
}
