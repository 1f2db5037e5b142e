package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/redistribute"
)

// maxMetric is the largest metric of an external LSA that is not infinity.
const maxMetric = packet.LSInfinity - 1

// wanUp is the word for a default route that comes and goes with the uplinks.
const wanUp = "wan-up"

var (
	sources = []choice[ospf.Source]{
		{"connected", ospf.Connected},
		{"static", ospf.Static},
		{"kernel", ospf.Kernel},
		{"bgp", ospf.BGP},
	}
	metricTypes = []choice[bool]{{"1", false}, {"2", true}}
	whens       = []choice[ospf.DefaultWhen]{
		{"never", ospf.DefaultNever},
		{"present", ospf.DefaultPresent},
		{"always", ospf.DefaultAlways},
		{wanUp, ospf.DefaultNever}, // until an uplink is up, see WANDefault
	}
)

func (r *report) redistribute(raws []rawRedistribute) []ospf.Redistribute {
	var rules []ospf.Redistribute
	takesAll := make(map[ospf.Source]int) // source to the line of a rule for all its prefixes
	for _, raw := range raws {
		if raw.Source == nil && !raw.Node.has("source") {
			r.errorf(raw.Node, "\"source\" is missing: write connected, static, kernel or bgp")
		}
		rule := ospf.Redistribute{
			Source: enum(r, raw.Source, 0, sources),
			Metric: r.number(raw.Metric, 20, 0, maxMetric),
			Type2:  enum(r, raw.MetricType, true, metricTypes),
			Tag:    r.number(raw.Tag, 0, 0, 1<<32-1),
		}
		rule.Prefixes = r.prefixList(raw.Prefixes)
		if line, ok := takesAll[rule.Source]; ok {
			r.warnf(raw.Node, "no route ever gets here: the rule in line %d takes all %s routes first", line, raw.Source.text)
		} else if len(raw.Prefixes) == 0 && rule.Source != 0 {
			takesAll[rule.Source] = raw.Node.line
		}
		rules = append(rules, rule)
	}
	return rules
}

// markRoutesOfBGP puts the tag on what comes from BGP that keeps it from going back, unless another one is written.
func (r *report) markRoutesOfBGP(rules []ospf.Redistribute, raws []rawRedistribute, as uint32) {
	for i := range rules {
		rule, raw := &rules[i], raws[i]
		switch {
		case rule.Source != ospf.BGP:
		case as == 0:
			r.errorf(raw.Source, "source: bgp needs BGP: write bgp: at the top level")
		case raw.Tag == nil:
			rule.Tag = redistribute.Tag(as)
		case rule.Tag == 0:
			r.errorf(raw.Tag, "tag: 0 would mark all that OSPF has: what comes from BGP needs a tag of its own, or routes go round in circles between hubs")
		}
	}
}

// parseRange reads "P", "P ge N", "P le N" or "P ge N le N". Without ge and le
// the prefix stands for itself alone; ge alone reaches to 32, le alone begins at its own length.
func parseRange(text string) (ospf.PrefixRange, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return ospf.PrefixRange{}, fmt.Errorf("%q is not an IPv4 prefix such as 10.0.0.0/24", text)
	}
	p, err := parsePrefix(words[0])
	if err != nil {
		return ospf.PrefixRange{}, err
	}
	rng := ospf.PrefixRange{Prefix: p, Ge: p.Bits(), Le: p.Bits()}
	if words = words[1:]; len(words) > 1 && words[0] == "ge" {
		if rng.Ge, err = rangeEnd(words[1], p, p.Bits()); err != nil {
			return rng, err
		}
		rng.Le, words = 32, words[2:]
	}
	if len(words) > 1 && words[0] == "le" {
		if rng.Le, err = rangeEnd(words[1], p, rng.Ge); err != nil {
			return rng, err
		}
		words = words[2:]
	}
	if len(words) > 0 {
		return rng, fmt.Errorf("%q: after the prefix come ge N, le N or both in this order, such as %s ge %d le 32", text, p, p.Bits())
	}
	return rng, nil
}

func rangeEnd(word string, p netip.Prefix, lowest int) (int, error) {
	n, err := strconv.Atoi(word)
	if err != nil || n < lowest || n > 32 {
		return 0, fmt.Errorf("%q is no prefix length for %s here: write %d to 32", word, p, lowest)
	}
	return n, nil
}

func (r *report) defaultOriginate(raw *rawDefaultOriginate) ospf.DefaultOriginate {
	written := raw != nil
	raw = section(raw)
	if written && raw.When == nil && !raw.Node.has("when") {
		r.errorf(raw.Node, "\"when\" is missing: write never, present, always or wan-up")
	}
	return ospf.DefaultOriginate{
		When:   enum(r, raw.When, ospf.DefaultNever, whens),
		Metric: r.number(raw.Metric, 10, 0, maxMetric),
		Type2:  enum(r, raw.MetricType, true, metricTypes),
		Tag:    r.number(raw.Tag, 0, 0, 1<<32-1),
	}
}

// wanDefault reads a default route that is announced by the state of the uplinks.
func (r *report) wanDefault(raw *rawDefaultOriginate, uplinks *rawWAN) WANDefault {
	raw = section(raw)
	d := WANDefault{Enabled: raw.When != nil && raw.When.text == wanUp}
	if n := raw.DownMetric; n != nil {
		d.DownMetric = r.number(n, 0, 0, maxMetric)
		if raw.When != nil && !d.Enabled && d.DownMetric > 0 {
			r.warnf(n, "%s means nothing without when: wan-up", n.key)
		}
	}
	if d.Enabled && uplinks == nil {
		r.errorf(raw.When, "when: wan-up needs uplinks: write them under wan: at the top level")
	}
	return d
}
