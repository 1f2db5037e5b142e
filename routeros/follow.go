package routeros

import "fmt"

// From a mark to the uplink that packets with it leave by.

// markLeadsTo follows the mark that a rule sets to the uplink of its table.
func (im *importer) markLeadsTo(w *ways, r *rule, chain string) (*uplink, string) {
	mark, ok := r.newMark()
	if !ok {
		return nil, "it sets no mark"
	}
	if r.action == "mark-routing" {
		return im.tableLeadsTo(w, mark.Value)
	}
	to := im.routingMark(mark.Value, chain)
	if to == nil {
		return nil, fmt.Sprintf("no rule in chain %s gives connections marked %s a routing mark", chain, clip(mark.Value, 40))
	}
	next, _ := to.newMark()
	return im.tableLeadsTo(w, next.Value)
}

// routingMark finds the rule that sends marked connections to a table; the last that is not overridden counts.
func (im *importer) routingMark(connection, chain string) *rule {
	if im.toTable == nil {
		im.toTable = make(map[string]*rule)
		for n := range im.rules {
			r := &im.rules[n]
			if r.action != "mark-routing" || r.incomplete != "" || r.dead != "" {
				continue
			}
			if _, ok := r.newMark(); ok {
				im.toTable[r.hook+"\n"+r.Value("connection-mark")] = r
			}
		}
	}
	return im.toTable[chain+"\n"+connection]
}

// tableLeadsTo returns the first uplink of the table that packets with a routing mark use.
func (im *importer) tableLeadsTo(w *ways, mark string) (*uplink, string) {
	if legs := w.tables[im.tableOf(mark)]; len(legs) > 0 {
		return legs[0].u, ""
	}
	return nil, fmt.Sprintf("table %s has no default route that leads to an uplink", clip(mark, 40))
}

// tableOf is the table of a routing mark: one of its name, unless a routing rule says otherwise.
func (im *importer) tableOf(mark string) string {
	for _, p := range im.policies {
		if p.mark == mark && p.table != "" && !p.src.IsValid() && !p.dst.IsValid() && p.link == "" {
			return p.table
		}
	}
	return mark
}
