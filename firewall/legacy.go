package firewall

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// parseLegacy reads what iptables-legacy-save prints of one table. What is not
// understood may match.
func parseLegacy(text string) []foreignChain {
	p := legacyParser{index: map[string]int{}}
	for line := range strings.Lines(text) {
		words := splitWords(strings.TrimSpace(line))
		switch {
		case len(words) == 0:
		case strings.HasPrefix(words[0], "*"):
			p.table = words[0][1:]
		case strings.HasPrefix(words[0], ":") && len(words) > 1:
			p.chain(words[0][1:], words[1])
		case words[0] == "-A" && len(words) > 1:
			p.rule(words[1], words[2:])
		}
	}
	return p.chains
}

type legacyParser struct {
	table  string
	chains []foreignChain
	index  map[string]int // by name
}

// legacyHooks are the built-in chains.
var legacyHooks = map[string]hook{
	"PREROUTING": hookPrerouting, "INPUT": hookInput, "FORWARD": hookForward, "OUTPUT": hookOutput, "POSTROUTING": hookPostrouting,
}

// legacyPriority is where a table's chain sits among those of its hook.
func legacyPriority(table string, h hook) int32 {
	switch table {
	case "raw":
		return rawPriority
	case "mangle":
		return -150
	case "nat":
		if h == hookPostrouting || h == hookInput {
			return 100
		}
		return -100
	case "security":
		return 50
	}
	return 0
}

func (p *legacyParser) chain(name, policy string) {
	c := foreignChain{family: "ip", table: p.table + legacySuffix, name: name, nat: p.table == "nat", drop: policy == "DROP"}
	if policy != "-" { // chains of users have none
		c.hook = legacyHooks[name]
		c.priority = legacyPriority(p.table, c.hook)
	}
	p.index[name] = len(p.chains)
	p.chains = append(p.chains, c)
}

// legacySuffix tells tables of iptables-legacy from those of iptables-nft.
const legacySuffix = " (iptables-legacy)"

func (p *legacyParser) rule(chain string, words []string) {
	i, ok := p.index[chain]
	if !ok {
		return
	}
	l := legacyRule{words: words}
	for len(l.words) > 0 {
		l.option()
	}
	switch _, user := p.index[l.target]; {
	case l.target == "":
	case user && l.isGoto:
		l.rule.verdict, l.rule.target = verdictGoto, l.target
	case user:
		l.rule.verdict, l.rule.target = verdictJump, l.target
	default:
		l.rule.effects, l.rule.verdict = xtTarget(l.target, l.notrack, l.rule.effects)
		if slices.Contains(xtAddressing, l.target) {
			l.rule.to, l.rule.toUnknown = legacyAddresses(l.to)
		}
	}
	l.rule.text = strings.Join(words, " ")
	p.chains[i].rules = append(p.chains[i].rules, l.rule)
}

// legacyRule is a rule on its way from words.
type legacyRule struct {
	words           []string
	rule            foreignRule
	target          string
	isGoto, notrack bool
	to              []string // options of the target
}

func (l *legacyRule) when(c condition) { l.rule.when = append(l.rule.when, c) }

func (l *legacyRule) next() (word string) {
	if len(l.words) > 0 {
		word, l.words = l.words[0], l.words[1:]
	}
	return word
}

// option reads one option with its values.
func (l *legacyRule) option() {
	word := l.next()
	not := word == "!"
	if not {
		word = l.next()
	}
	switch word {
	case "-s", "-d":
		f := map[string]field{"-s": fieldSource, "-d": fieldDestination}[word]
		l.when(ranged(f, l.next(), not, addressRange))
	case "-i", "-o":
		f := map[string]field{"-i": fieldIn, "-o": fieldOut}[word]
		name := l.next()
		if prefix, all := strings.CutSuffix(name, "+"); all {
			name = prefix + "*"
		}
		l.when(condition{field: f, names: []string{name}, not: not})
	case "-p":
		l.when(protocol(l.next(), not))
	case "-m":
		if name := l.next(); !slices.Contains(legacyMatches, name) {
			l.when(condition{})
		}
	case "--ctstate", "--state":
		mask, more := stateMask(l.next())
		l.when(condition{field: fieldState, mask: mask, not: not})
		if more {
			l.when(condition{field: fieldEntry})
		}
		l.rule.effects |= effectTracks
	case "--sport", "--sports":
		l.when(ranged(fieldSourcePort, l.next(), not, portRange))
	case "--dport", "--dports":
		l.when(ranged(fieldDestinationPort, l.next(), not, portRange))
	case "--src-type":
		l.when(condition{field: fieldSourceType, mask: typeMask(l.next()), not: not})
	case "--dst-type":
		l.when(condition{field: fieldDestinationType, mask: typeMask(l.next()), not: not})
	case "--tcp-flags":
		l.when(condition{field: fieldTCPFlags, mask: uint32(parseTCPFlags(l.next())), values: []byte{parseTCPFlags(l.next())}, not: not})
	case "--comment":
		l.next()
	case "-j", "-g":
		l.isGoto = word == "-g"
		l.target = l.next()
		l.notrack = slices.Contains(l.words, "--notrack")
		l.to, l.words = l.words, nil // most of how a target does it does not matter here
	default:
		l.unknown()
	}
}

// legacyAddresses reads the addresses that a target puts into packets, such as
// 10.0.0.1, 10.0.0.1:80, 10.0.0.1-10.0.0.9:80 or, of NETMAP, a prefix.
func legacyAddresses(options []string) (to [][2]uint32, unknown bool) {
	i := slices.IndexFunc(options, func(o string) bool {
		return o == "--to-destination" || o == "--to-source" || o == "--to"
	})
	if i < 0 || i+1 == len(options) {
		return nil, true
	}
	text, _, _ := strings.Cut(options[i+1], ":")
	if text == "" { // a port only
		return nil, false
	}
	from, until, isRange := strings.Cut(text, "-")
	first, ok := addressRange(from)
	last := first
	if isRange && ok {
		last, ok = addressRange(until)
	}
	return [][2]uint32{{first[0], last[1]}}, !ok
}

// legacyMatches are those whose options are read, all of them.
var legacyMatches = []string{"conntrack", "state", "tcp", "udp", "multiport", "comment", "addrtype"}

// unknown passes over an option that is not read, which may match or not.
func (l *legacyRule) unknown() {
	l.when(condition{})
	for len(l.words) > 0 && !strings.HasPrefix(l.words[0], "-") && l.words[0] != "!" {
		l.next()
	}
}

// ranged reads a list of ranges.
func ranged(f field, list string, not bool, parse func(string) ([2]uint32, bool)) condition {
	c := condition{field: f, not: not}
	for one := range strings.SplitSeq(list, ",") {
		r, ok := parse(one)
		if !ok {
			return condition{}
		}
		c.ranges = append(c.ranges, r)
	}
	return c
}

func addressRange(text string) (r [2]uint32, ok bool) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil || !a.Is4() {
			return r, false
		}
		p = netip.PrefixFrom(a, 32)
	}
	return elementRange(prefixElement(p.Masked())), p.Addr().Is4()
}

func portRange(text string) (r [2]uint32, ok bool) {
	first, last, isRange := strings.Cut(text, ":")
	if !isRange {
		last = first
	}
	a, errA := strconv.ParseUint(first, 10, 16)
	b, errB := strconv.ParseUint(last, 10, 16)
	return [2]uint32{uint32(a), uint32(b)}, errA == nil && errB == nil
}

func protocol(name string, not bool) condition {
	number, ok := map[string]byte{"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "ospf": 89, "sctp": 132}[name]
	if n, err := strconv.ParseUint(name, 10, 8); err == nil {
		number, ok = byte(n), true
	}
	if !ok {
		return condition{}
	}
	return condition{field: fieldProtocol, values: []byte{number}, not: not}
}

// stateMask reads a list of states, and whether it has more, such as DNAT.
func stateMask(list string) (mask uint32, more bool) {
	for name := range strings.SplitSeq(list, ",") {
		bit, ok := map[string]uint32{
			"INVALID": stateInvalid, "ESTABLISHED": stateEstablished, "RELATED": stateRelated, "NEW": stateNew, "UNTRACKED": stateUntracked,
		}[name]
		mask, more = mask|bit, more || !ok
	}
	return mask, more
}

// typeMask reads names of address types as bits by their RTN_ number.
func typeMask(list string) (mask uint32) {
	names := []string{"UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE", "PROHIBIT"}
	for name := range strings.SplitSeq(list, ",") {
		if i := slices.Index(names, name); i >= 0 {
			mask |= 1 << i
		}
	}
	return mask
}

func parseTCPFlags(list string) (flags byte) {
	names := []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG"}
	for name := range strings.SplitSeq(list, ",") {
		if i := slices.Index(names, name); i >= 0 {
			flags |= 1 << i
		}
	}
	return flags
}

// splitWords cuts a line at blanks; what is in double quotes is one word, and a
// backslash there takes the next character as it is.
func splitWords(line string) (words []string) {
	var word strings.Builder
	quoted, escaped, open := false, false, false
	for _, c := range line {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted, open = !quoted, true
		case c == ' ' && !quoted:
			if open {
				words = append(words, word.String())
				word.Reset()
			}
			open = false
		default:
			word.WriteRune(c)
			open = true
		}
	}
	if open {
		words = append(words, word.String())
	}
	return words
}
