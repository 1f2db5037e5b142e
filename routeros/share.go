package routeros

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// share is how new connections are spread.
type share struct {
	balance string // a word of the configuration; empty when nothing is spread
	why     string
	broken  string // why it is not certain; empty when it is
	byRules bool   // of mangle, not by a route with several gateways
	weights map[*uplink]int
}

func (s *share) has(u *uplink) bool { return s.weights[u] > 0 }

// classifiers are the values of per-connection-classifier as words of the configuration.
var classifiers = map[string]string{
	"both-addresses": "per-address-pair", "both-addresses-and-ports": "per-connection", "both-ports": "per-connection",
	"src-address": "per-source", "dst-address": "per-destination",
	"src-address-and-port": "per-connection", "dst-address-and-port": "per-connection", "src-port": "per-connection", "dst-port": "per-connection",
}

// slot is a part of the connections and where a rule sends it.
type slot struct {
	r       *rule
	at      script.Pos
	by      string // the classifier, or nth
	of, rem int
	u       *uplink // nil when it leads nowhere
	reason  string  // why
}

// share finds the rules that spread connections; without any, it is the main
// table's route with several gateways.
func (im *importer) share(w *ways) {
	w.share.weights = make(map[*uplink]int)
	slots := im.slots(w)
	if len(slots) == 0 {
		im.shareByRoute(w)
		return
	}
	first := slots[0]
	w.share.byRules = true
	w.share.balance = "nth"
	if first.by != "nth" {
		w.share.balance = classifiers[first.by]
	}
	w.share.why = fmt.Sprintf("line %d: %s", first.r.Line, clip(first.r.Value(classifierParam(first.by)), 40))
	im.ignored(first.r, "per-connection-classifier", "nth", "connection-mark", "connection-state", "dst-address-type", "in-interface", "in-interface-list")
	var set []slot
	for _, s := range slots {
		switch {
		case s.by != first.by || s.r.hook != first.r.hook || others(s.r) != others(first.r):
			im.skip(s.r.i, "the first rules that spread connections, from line %d on, are for everything", first.r.Line)
		case s.reason != "":
			im.find(s.at, ShareIncomplete, "this part of the connections goes nowhere: %s", s.reason)
			w.share.broken = fmt.Sprintf("line %d: %s", s.r.Line, s.reason)
			set = append(set, s)
		default:
			set = append(set, s)
		}
	}
	im.judgeSlots(w, set)
	for _, s := range set {
		if s.u != nil {
			w.share.weights[s.u]++
		}
	}
	for u, n := range w.share.weights {
		u.weightWhy = fmt.Sprintf("from line %d on: %d of %d parts", first.r.Line, n, max(first.of, len(set)))
	}
	if weights, line := mainWeights(w); w.share.broken != "" && len(weights) > 1 { // what the rules leave over goes there
		w.share.byRules = false
		w.share.byRoute(weights, line)
	}
	im.weigh(w)
}

// maxWeight is the highest weight of the configuration.
const maxWeight = 254

func classifierParam(by string) string {
	if by == "nth" {
		return "nth"
	}
	return "per-connection-classifier"
}

// others are the matchers besides the one that spreads, without what only finds new connections.
func others(r *rule) string {
	var b strings.Builder
	for _, m := range r.match {
		switch name, _, _ := strings.Cut(m, "="); name {
		case "nth", "per-connection-classifier", "connection-mark", "connection-state":
		default:
			b.WriteString(m + "\n")
		}
	}
	return b.String()
}

// slots collects the rules that spread.
func (im *importer) slots(w *ways) (slots []slot) {
	for n := range im.rules {
		r := &im.rules[n]
		if r.table != "mangle" || r.action != "mark-connection" && r.action != "mark-routing" || r.incomplete != "" || r.dead != "" {
			continue
		}
		for _, name := range []string{"per-connection-classifier", "nth"} {
			a, ok := r.Arg(name)
			if !ok {
				continue
			}
			s := slot{r: r, at: a.At}
			if !s.read(name, a.Value) {
				im.find(a.At, InvalidValue, "%s=%s is not as RouterOS wants it, such as both-addresses:2/0 or nth=2,1", name, clip(a.Value, 40))
				im.skip(r.i, "%s is not valid", name)
				break
			}
			s.u, s.reason = im.markLeadsTo(w, r, "prerouting")
			slots = append(slots, s)
			break
		}
	}
	return slots
}

// read reads "both-addresses:3/0" or "3,1".
func (s *slot) read(name, value string) bool {
	by, parts, separator := "nth", value, ","
	if name != "nth" {
		var ok bool
		if by, parts, ok = strings.Cut(value, ":"); !ok || classifiers[by] == "" {
			return false
		}
		separator = "/"
	}
	of, rem, ok := strings.Cut(parts, separator)
	n, errN := strconv.Atoi(of)
	m, errM := strconv.Atoi(rem)
	if !ok || errN != nil || errM != nil || n < 1 || n > 1<<16 || m < 0 {
		return false
	}
	s.by, s.of, s.rem = by, n, m
	return true
}

// judgeSlots wants every part once.
func (im *importer) judgeSlots(w *ways, set []slot) {
	nth := set[0].by == "nth"
	if nth && isCascade(set) {
		return
	}
	low, high := 0, set[0].of-1
	if nth {
		low, high = 1, set[0].of
	}
	seen := make(map[int]*rule)
	for _, s := range set {
		switch earlier := seen[s.rem]; {
		case s.of != set[0].of:
			im.find(s.at, ShareIncomplete, "this rule divides by %d, the one in line %d by %d: the parts overlap", s.of, set[0].r.Line, set[0].of)
			w.share.broken = fmt.Sprintf("line %d divides by another number", s.r.Line)
		case s.rem < low || s.rem > high:
			im.find(s.at, ShareIncomplete, "there is no part %d of %d: they are numbered %d to %d", s.rem, s.of, low, high)
			w.share.broken = fmt.Sprintf("line %d asks for a part that does not exist", s.r.Line)
		case earlier != nil:
			im.find(s.at, ShareIncomplete, "part %d of %d is that of line %d already", s.rem, s.of, earlier.Line)
			w.share.broken = fmt.Sprintf("lines %d and %d ask for the same part", earlier.Line, s.r.Line)
		default:
			seen[s.rem] = s.r
		}
	}
	if w.share.broken == "" && len(seen) < set[0].of {
		im.find(set[0].at, ShareIncomplete, "connections are divided by %d, and rules take %d of the parts: the others go by the main table", set[0].of, len(seen))
		w.share.broken = fmt.Sprintf("rules take %d of %d parts", len(seen), set[0].of)
	}
}

// isCascade finds nth=3,1 nth=2,1 nth=1,1: each takes its part of what the ones before left over.
func isCascade(set []slot) bool {
	for n, s := range set {
		if s.of != len(set)-n {
			return false
		}
	}
	return len(set) > 1
}

// shareByRoute takes the nearest default route of the main table with several gateways.
func (im *importer) shareByRoute(w *ways) {
	weights, line := mainWeights(w)
	if w.share.weights = weights; len(weights) < 2 {
		return
	}
	w.share.balance = "per-address-pair"
	w.share.why = fmt.Sprintf("line %d: equal-cost routes of RouterOS go by source and destination", line)
	w.share.byRoute(weights, line)
	im.weigh(w)
}

// byRoute takes the weights of a route.
func (s *share) byRoute(weights map[*uplink]int, line int) {
	s.weights = weights
	for u := range weights {
		u.weightWhy = fmt.Sprintf("line %d: as often as the gateway is written", line)
	}
}

// mainWeights are those of the nearest default route of the main table, and its line.
func mainWeights(w *ways) (weights map[*uplink]int, line int) {
	weights = make(map[*uplink]int)
	main := w.tables["main"]
	for _, l := range main {
		if l.distance == main[0].distance {
			weights[l.u] += l.weight
			if l.r != nil && line == 0 {
				line = l.r.at.Line
			}
		}
	}
	return weights, line
}

// weigh gives the uplinks their shares in lowest terms, and as nearly as weights can say them.
func (im *importer) weigh(w *ways) {
	divisor, highest := 0, 0
	for _, n := range w.share.weights {
		highest = max(highest, n)
		for a := n; a > 0; {
			divisor, a = a, divisor%a
		}
	}
	for _, u := range w.uplinks {
		n := w.share.weights[u]
		switch {
		case n == 0:
		case highest/divisor <= maxWeight:
			u.weight = n / divisor
		default:
			u.weight = max((n*maxWeight+highest/2)/highest, 1)
			im.note(u.at, Assumed, "a share of %d is more than weights can say: it is scaled down to %d", n/divisor, u.weight)
		}
	}
}
