package routeros

import (
	"fmt"
	"slices"
	"strings"
)

// transit is what the rules of raw and filter say of untracked packets.
type transit struct {
	line    int // of the first notrack rule
	tracked []string
	why     []string // where the tracked prefixes are from
	missing string   // why it is not complete
	accept  int      // line of the rule that accepts untracked packets; 0 without one
}

// readTransit finds the notrack rules that are for packets between networks.
func (im *importer) readTransit() (tr transit, found bool) {
	for n := range im.rules {
		r := &im.rules[n]
		switch {
		case r.table == "filter":
			im.readFilter(r, &tr)
			continue
		case r.table != "raw":
			continue
		case r.action != "notrack" && r.action != "accept" || r.chain != "prerouting":
			im.skip(r.i, "of raw only notrack and accept in chain prerouting are taken over, as transit")
			continue
		case !r.only("src-address", "dst-address", "src-address-list", "dst-address-list", "in-interface", "in-interface-list"):
			im.skip(r.i, "transit goes by networks: this rule has further conditions")
			continue
		}
		if r.incomplete != "" && tr.missing == "" {
			tr.missing = fmt.Sprintf("%s in line %d has no value", r.incomplete, r.Line)
		}
		if r.action == "notrack" && !found {
			tr.line, found = r.Line, true
		}
		im.tracked(r, &tr)
		im.notByRoute(r)
	}
	if !found {
		for n := range im.rules {
			if r := &im.rules[n]; r.table == "raw" {
				im.skip(r.i, "no part of ecmpd without a notrack rule")
			}
		}
	}
	return tr, found
}

// readFilter looks for the rule that lets untracked packets pass.
func (im *importer) readFilter(r *rule, tr *transit) {
	states := items(r.Value("connection-state"))
	if r.chain == "forward" && r.action == "accept" && slices.Contains(states, "untracked") {
		if tr.accept == 0 {
			tr.accept = r.Line
		}
		if len(states) == 1 {
			return
		}
	}
	im.skip(r.i, "ecmpd is no packet filter: write the rule into the machine's own (nftables)")
}

// tracked takes what a rule leaves under connection tracking: what accept
// takes, and what notrack excludes.
func (im *importer) tracked(r *rule, tr *transit) {
	for _, a := range r.Args {
		value, negated := strings.CutPrefix(a.Value, "!")
		if !strings.HasPrefix(a.Name, "src-address") && !strings.HasPrefix(a.Name, "dst-address") || value == "" || a.Cut ||
			negated != (r.action == "notrack") {
			continue
		}
		if !strings.HasSuffix(a.Name, "-list") {
			if addNetworks(&tr.tracked, value) {
				tr.why = append(tr.why, fmt.Sprintf("line %d", r.Line))
			}
			continue
		}
		l := im.lists[value]
		if l == nil || len(l.prefixes) == 0 {
			if tr.missing == "" {
				tr.missing = fmt.Sprintf("address list %s in line %d has no entry", clip(value, 40), r.Line)
			}
			continue
		}
		l.tracked = true
		tr.why = append(tr.why, fmt.Sprintf("line %d: list %s", r.Line, clip(value, 40)))
		for _, p := range l.prefixes {
			if len(tr.tracked) < maxTracked && p.Bits() > 0 {
				tr.tracked = append(tr.tracked, p.String())
			}
		}
	}
}

// notByRoute tells of the conditions that transit has no counterpart of: ecmpd knows by its routes what only passes
// through, and takes out of that what is tracked.
func (im *importer) notByRoute(r *rule) {
	narrow := 0
	for _, a := range r.Args {
		if !a.HasValue || slices.Contains(notMatchers, a.Name) || a.Value == "" {
			continue
		}
		link := strings.HasPrefix(a.Name, "in-interface")
		negated := strings.HasPrefix(a.Value, "!")
		switch {
		case r.action == "notrack" && (link || !negated):
			im.note(a.At, Assumed, "%s=%s is not taken over: transit is what passes between networks behind OSPF neighbours, whatever their addresses; name what else is to stay tracked under tracked", a.Name, clip(a.Value, 40))
		case r.action == "accept" && (link || negated):
			im.note(a.At, Assumed, "%s=%s is not taken over: tracked goes by networks, and takes in each of them", a.Name, clip(a.Value, 40))
		case r.action == "accept":
			if narrow++; narrow > 1 {
				im.note(a.At, Assumed, "%s=%s stands beside another network: there only packets between the two are tracked, here all of both", a.Name, clip(a.Value, 40))
			}
		}
	}
}

// maxTracked bounds the tracked prefixes that are written.
const maxTracked = 1000

func (im *importer) writeTransit(t *text) {
	tr, found := im.readTransit()
	if !found {
		return
	}
	t.remark("")
	t.out(0, tr.missing, func() {
		t.line(0, "transit:", "")
		t.line(2, "mode: notrack", fmt.Sprintf("line %d; ecmpd knows by its routes what only passes through", tr.line))
		slices.Sort(tr.tracked)
		tracked := slices.Compact(tr.tracked)
		if len(tracked) > 0 || tr.missing != "" {
			t.line(2, "tracked:", firstOf(strings.Join(tr.why, ", "), "to be filled in: the networks that stay tracked"))
		}
		for _, p := range tracked {
			t.line(4, "- "+p, "")
		}
		if tr.accept > 0 {
			t.line(2, "forward-accept: true", fmt.Sprintf("line %d", tr.accept))
		}
	})
}
