package config

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/ecmpd/ecmpd/wan"
)

// wanList is a list of addresses that rules refer to by "@name".
type wanList struct {
	node     *node
	prefixes []netip.Prefix
	used     bool
}

// wanLists reads the lists, whose names are the file's own.
func (r *report) wanLists(raw *rawLists) map[string]*wanList {
	lists := make(map[string]*wanList)
	if raw.Node == nil {
		return lists
	}
	for _, p := range raw.Node.pairs {
		if !isWord(p.key.text) {
			r.errorf(p.key, "list %q: a name is 1 to 32 letters, digits, - _ and .", p.key.text)
			continue
		}
		l := &wanList{node: p.key}
		lists[p.key.text] = l
		if p.value.kind == null || !r.want(p.value, list) {
			continue
		}
		if len(p.value.items) > maxItems {
			r.errorf(p.key, "list %q has more than %d items: write them into a file, one a line, and \"file:/PATH\" here", p.key.text, maxItems)
			continue
		}
		for _, n := range p.value.items {
			if !r.want(n, scalar) {
				continue
			}
			if name, ok := strings.CutPrefix(n.text, "file:"); ok {
				l.prefixes = append(l.prefixes, r.listFile(n, name)...)
			} else if p, ok := r.network(n); ok {
				l.prefixes = append(l.prefixes, p)
			}
		}
	}
	return lists
}

// maxListFile bounds a file of a list, in bytes: half a million prefixes.
const maxListFile = 10 << 20

// listFile reads a file with one prefix or address a line; # begins a comment.
func (r *report) listFile(n *node, name string) (prefixes []netip.Prefix) {
	f, err := os.Open(name)
	if err != nil {
		r.unreadyf(n, "%s: %v", n.key, err)
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxListFile+1))
	switch {
	case err != nil:
		r.unreadyf(n, "%s: %v", n.key, err)
		return nil
	case len(data) > maxListFile:
		r.errorf(n, "%s: %s is larger than %d MiB", n.key, name, maxListFile>>20)
		return nil
	}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		p, err := parseNetwork(line)
		if err != nil {
			r.errorf(n, "%s:%d: %v", name, number, err)
			return nil
		}
		prefixes = append(prefixes, p)
	}
	return prefixes
}

// network reads a prefix, or an address that stands for itself.
func (r *report) network(n *node) (netip.Prefix, bool) {
	p, err := parseNetwork(n.text)
	if err != nil {
		r.errorf(n, "%s: %v", n.key, err)
	}
	return p, err == nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Is4() {
		return netip.PrefixFrom(a, 32), nil
	}
	return parsePrefix(text)
}

func (r *report) wanRules(raws []rawWANRule, uplinks []wan.Uplink, lists map[string]*wanList) (rules []wan.Rule) {
	takesAll := 0 // line of a rule that takes everything
	for _, raw := range raws {
		if takesAll > 0 {
			r.warnf(raw.Node, "no packet ever gets here: the rule in line %d takes them all", takesAll)
			takesAll = -1 // said once
		}
		rule := wan.Rule{
			Source:      r.addresses(raw.Source, lists),
			Destination: r.addresses(raw.Destination, lists),
			Protocol:    r.protocol(raw.Protocol),
			Uplink:      r.uplinkOf(&raw, uplinks),
			Strict:      enum(r, raw.Fallback, false, fallbacks),
		}
		for _, p := range r.ports(raw.Port) {
			rule.Ports = append(rule.Ports, wan.PortRange(p))
		}
		if len(raw.Port) > 0 && rule.Protocol != protocolTCP && rule.Protocol != protocolUDP {
			r.errorf(raw.Port[0], "port goes with protocol: tcp or protocol: udp only: write one of them, and a second rule for the other")
		}
		if takesAll == 0 && len(raw.Source)+len(raw.Destination)+len(raw.Port) == 0 && raw.Protocol == nil {
			takesAll = raw.Node.line
		}
		// A list that is empty matches nothing, and its rule is as if it were not there.
		if len(raw.Source) > 0 && len(rule.Source) == 0 || len(raw.Destination) > 0 && len(rule.Destination) == 0 {
			continue
		}
		rules = append(rules, rule)
	}
	return rules
}

// addresses reads prefixes, addresses and lists.
func (r *report) addresses(nodes []*node, lists map[string]*wanList) (prefixes []netip.Prefix) {
	for _, n := range nodes {
		name, isList := strings.CutPrefix(n.text, "@")
		if !isList {
			if p, ok := r.network(n); ok {
				prefixes = append(prefixes, p)
			}
			continue
		}
		l := lists[name]
		if l == nil {
			var names []string
			for name := range lists {
				names = append(names, name)
			}
			r.errorf(n, "there is no list %q%s", name, didYouMean(name, names, "write it under wan.lists"))
			continue
		}
		l.used = true
		prefixes = append(prefixes, l.prefixes...)
	}
	return prefixes
}

func (r *report) uplinkOf(raw *rawWANRule, uplinks []wan.Uplink) string {
	n := raw.Uplink
	if n == nil {
		if !raw.Node.has("uplink") {
			r.errorf(raw.Node, "\"uplink\" is missing: write the name of the uplink that the rule sends packets through")
		}
		return ""
	}
	var names []string
	for _, u := range uplinks {
		if u.Name == n.text {
			return n.text
		}
		names = append(names, u.Name)
	}
	r.errorf(n, "there is no uplink %q%s", n.text, didYouMean(n.text, names, "write it under wan.uplinks"))
	return ""
}

// didYouMean ends a message about a name that does not exist.
func didYouMean(name string, known []string, otherwise string) string {
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf(": did you mean %q?", near)
	}
	return ": " + otherwise
}
