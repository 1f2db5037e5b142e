package routeros

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// reply says whether what came in through an uplink is answered through it.
type reply struct {
	tried  bool // there are rules for it
	sound  bool // and they do it for every uplink
	why    string
	ingest map[int]bool // statements that belong to it
}

// reply follows the marks of incoming connections: an interface, its
// connection mark, the routing mark of what the router answers, its table, and
// the uplink there, which should be on the interface.
func (im *importer) reply(w *ways) {
	w.reply.ingest = make(map[int]bool)
	marked := im.incoming(w)
	var sound, broken []string
	for _, u := range w.uplinks {
		if u.missing != "" {
			continue
		}
		in := marked[u.link]
		why, at := "no rule marks what comes in through "+clip(u.link, 40), u.at
		for _, r := range in {
			if why, at = im.answers(w, u, r); why == "" {
				break
			}
		}
		w.reply.tried = w.reply.tried || len(in) > 0 && im.anyOutput()
		if why == "" {
			sound = append(sound, u.link)
			continue
		}
		broken = append(broken, why)
		if im.anyOutput() {
			im.find(at, ReplyMissing, "what comes in through %s is not answered through it: %s", clip(u.link, 40), why)
		}
	}
	w.reply.sound = len(broken) == 0 && len(sound) > 0
	switch {
	case len(broken) > 0:
		w.reply.why = broken[0]
	case len(sound) > 0:
		w.reply.why = "the rules of chain output do it for " + clip(strings.Join(sound, ", "), 80)
	}
}

// anyOutput tells whether the router's own packets get routing marks by connection marks.
func (im *importer) anyOutput() bool {
	return slices.ContainsFunc(im.rules, func(r rule) bool {
		_, ok := r.Arg("connection-mark")
		return ok && r.action == "mark-routing" && r.hook == "output"
	})
}

// incoming finds the rules that mark connections by the uplink they came in through.
func (im *importer) incoming(w *ways) map[string][]*rule {
	marked := make(map[string][]*rule)
	for n := range im.rules {
		r := &im.rules[n]
		if r.table != "mangle" || r.action != "mark-connection" || r.incomplete != "" || r.unsure ||
			!r.only("in-interface", "in-interface-list", "connection-state", "connection-mark", "dst-address-type", "src-address-type", "dst-address") {
			continue
		}
		links := []string{r.Value("in-interface")}
		if list, ok := r.Arg("in-interface-list"); ok {
			links = im.links.lists[list.Value]
		}
		for _, link := range links {
			if len(w.ofLink(link)) > 0 {
				w.reply.ingest[r.i] = true
				if len(marked[link]) < maxRouteMarks {
					marked[link] = append(marked[link], r)
				}
			}
		}
	}
	for n := range im.rules {
		if r := &im.rules[n]; r.action == "mark-routing" && r.hook == "output" && r.Value("connection-mark") != "" {
			w.reply.ingest[r.i] = true
			im.ignored(r, "connection-mark", "connection-state", "dst-address-type", "out-interface", "routing-mark")
		}
	}
	return marked
}

// maxRouteMarks bounds the rules that mark what comes in through one uplink.
const maxRouteMarks = 16

// answers says why connections that rule r marks are not answered through u; empty when they are.
func (im *importer) answers(w *ways, u *uplink, r *rule) (why string, at script.Pos) {
	mark, ok := r.newMark()
	if !ok {
		return "its rule sets no mark", r.Pos
	}
	if r.dead != "" {
		return r.dead, r.Pos
	}
	im.crossed(w, u, mark.Value)
	to := im.routingMark(mark.Value, "output")
	if to == nil {
		return fmt.Sprintf("no rule in chain output asks for its connection mark %s", clip(mark.Value, 40)), mark.At
	}
	next, _ := to.newMark()
	legs := w.tables[im.tableOf(next.Value)]
	switch {
	case len(legs) == 0:
		return fmt.Sprintf("its mark %s leads to table %s, where no default route leads to an uplink", clip(mark.Value, 40), clip(next.Value, 40)), next.At
	case legs[0].u.link != u.link:
		return fmt.Sprintf("its mark %s leads by table %s to %s", clip(mark.Value, 40), clip(next.Value, 40), clip(legs[0].u.link, 40)), next.At
	}
	return "", script.Pos{}
}

// crossed finds gateways on another interface than the one that the mark is of,
// also behind rules that another one overrides.
func (im *importer) crossed(w *ways, u *uplink, connection string) {
	for n := range im.rules {
		r := &im.rules[n]
		if r.action != "mark-routing" || r.hook != "output" || r.Value("connection-mark") != connection {
			continue
		}
		mark, ok := r.newMark()
		if !ok {
			continue
		}
		for _, l := range w.tables[im.tableOf(mark.Value)] {
			if l.r == nil || l.u.link == u.link || slices.ContainsFunc(w.tables[im.tableOf(mark.Value)], func(o leg) bool { return o.u.link == u.link }) {
				continue
			}
			im.find(l.r.gateways[0].at, Crossed, "the gateways of table %s are on %s, and its mark is that of connections that came in through %s (mark %s, line %d)",
				clip(mark.Value, 40), clip(l.u.link, 40), clip(u.link, 40), clip(connection, 40), r.Line)
			break
		}
	}
}
