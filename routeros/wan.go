package routeros

import (
	"fmt"
	"slices"
	"strings"
)

// writeWAN writes the uplinks and all that belongs to them.
func (im *importer) writeWAN(t *text, w *ways) {
	if len(w.uplinks) == 0 {
		return
	}
	t.remark("")
	reason := ""
	if !w.complete() {
		reason = "no uplink is complete"
	}
	t.out(0, reason, func() {
		t.line(0, "wan:", "")
		t.line(2, "uplinks:", "")
		for _, u := range w.uplinks {
			t.out(4, u.missing, func() { im.writeUplink(t, u) })
		}
		im.writeShare(t, w)
		im.writeReply(t, w)
		im.writeLists(t)
		im.writeRules(t, w)
	})
}

// complete tells whether there is an uplink that can be used as it is.
func (w *ways) complete() bool {
	return slices.ContainsFunc(w.uplinks, func(u *uplink) bool { return u.missing == "" })
}

// nameUplinks gives each uplink the name of its interface.
func (im *importer) nameUplinks(w *ways) {
	taken := make(map[string]bool)
	for _, u := range w.uplinks {
		u.name = word(u.link, taken)
		if u.missing == "" && !isLinkName(u.link) {
			im.find(u.at, InterfaceName, "interface %s can not have this name on Linux (at most 15 characters, no blanks or /)", clip(u.link, 40))
			u.missing = "no interface can be called " + clip(u.link, 40)
		}
	}
}

func (im *importer) writeUplink(t *text, u *uplink) {
	said := fmt.Sprintf("line %d", u.at.Line)
	t.line(4, "- name: "+scalar(u.name), said)
	t.line(6, "interface: "+scalar(u.link), said+im.addressSaid(u))
	switch {
	case u.missing != "" && !u.gateway.IsValid():
		t.line(6, "gateway: ?", "to be filled in: an address, interface or dhcp")
	case u.gateway.IsValid():
		t.line(6, "gateway: "+u.gateway.String(), said)
	case u.dhcp:
		t.line(6, "gateway: dhcp", said)
	default:
		t.line(6, "gateway: interface", said+": point-to-point")
	}
	t.line(6, fmt.Sprintf("weight: %d", u.weight), firstOf(u.weightWhy, "the script has no shares for it"))
	t.line(6, fmt.Sprintf("tier: %d", u.tier), firstOf(u.tierW, "the script says no distance"))
	t.out(6, u.natWrong, func() { t.line(6, "nat: "+scalar(u.nat), u.natWhy) })
	targets := slices.DeleteFunc(slices.Clone(u.targets), func(s string) bool { return s == "gateway" && !u.gateway.IsValid() && !u.dhcp })
	if len(targets) > 0 {
		t.line(6, "check: {targets: ["+flowItems(targets)+"]}", u.targetsWhy)
	}
}

func flowItems(items []string) string {
	return strings.TrimSuffix(strings.TrimPrefix(flow(append(items[:len(items):len(items)], "")), "["), `, ""]`)
}

// addressSaid tells where the address of an uplink's interface stands.
func (im *importer) addressSaid(u *uplink) string {
	for _, own := range im.addresses {
		if own.link == u.link {
			return fmt.Sprintf(", its address in line %d", own.at.Line)
		}
	}
	return ""
}

func (im *importer) writeShare(t *text, w *ways) {
	if w.share.balance == "" {
		return
	}
	t.out(2, w.share.broken, func() { t.line(2, "balance: "+w.share.balance, w.share.why) })
}

func (im *importer) writeReply(t *text, w *ways) {
	switch {
	case w.reply.sound:
		t.line(2, "reply-through-ingress: true", w.reply.why)
	case w.reply.tried:
		t.out(2, w.reply.why, func() {
			t.line(2, "reply-through-ingress: true", "what the script's marks are there for, and ecmpd does unless told not to")
		})
	default:
		t.line(2, "reply-through-ingress: false", "the script has no marks for it; true is better with several uplinks")
	}
}

// writeLists writes the address lists that rules need.
func (im *importer) writeLists(t *text) {
	taken, begun := make(map[string]bool), false
	for _, name := range im.listNames {
		l := im.lists[name]
		if !l.wanted {
			continue
		}
		l.word = word(name, taken)
		if !begun {
			t.line(2, "lists:", "")
			begun = true
		}
		said := fmt.Sprintf("from line %d on", l.line)
		if l.strange > 0 {
			said += fmt.Sprintf(", without %d names", l.strange)
		}
		if len(l.prefixes) <= 4 {
			texts := make([]string, len(l.prefixes))
			for n, p := range l.prefixes {
				texts[n] = p.String()
			}
			t.line(4, scalar(l.word)+": ["+flowItems(texts)+"]", said)
			continue
		}
		t.line(4, scalar(l.word)+":", said)
		for _, p := range l.prefixes {
			t.line(6, "- "+p.String(), "")
		}
	}
}

// writeRules writes what goes through one uplink. Without a complete rule the
// key is commented out, too.
func (im *importer) writeRules(t *text, w *ways) {
	if len(w.rules) == 0 {
		return
	}
	reasons := make([]string, len(w.rules))
	complete := 0
	for n, p := range w.rules {
		reasons[n] = p.missing
		if p.u.missing != "" && p.missing == "" {
			reasons[n] = "uplink " + p.u.name + " is not complete"
		}
		if reasons[n] == "" {
			complete++
		}
	}
	reason := ""
	if complete == 0 {
		reason = "no rule is complete"
	}
	t.out(2, reason, func() {
		t.line(2, "rules:", "the first match wins")
		for n, p := range w.rules {
			t.out(4, reasons[n], func() { t.line(4, "- {"+im.ruleText(&p)+"}", fmt.Sprintf("line %d", p.line)) })
		}
	})
}

func (im *importer) ruleText(p *policyRule) string {
	var parts []string
	add := func(key string, items []string) {
		words := slices.Clone(items)
		for n, item := range words {
			if name, ok := strings.CutPrefix(item, "@"); ok && im.lists[name] != nil && im.lists[name].word != "" {
				words[n] = "@" + im.lists[name].word
			}
		}
		if len(words) > 0 {
			parts = append(parts, key+": "+flow(words))
		}
	}
	add("source", p.source)
	add("destination", p.destination)
	if p.protocol != "" {
		parts = append(parts, "protocol: "+scalar(p.protocol))
	}
	add("port", p.ports)
	return strings.Join(append(parts, "uplink: "+scalar(p.u.name), "fallback: "+p.fallback), ", ")
}
