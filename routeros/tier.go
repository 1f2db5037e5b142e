package routeros

import (
	"fmt"
	"slices"
)

// maxTier is the highest tier of the configuration.
const maxTier = 16

// tiers ranks the uplinks: those that share the traffic first, then by the
// distances of the main table, and what only rules use in the end.
func (im *importer) tiers(w *ways) {
	distances := make(map[*uplink]leg)
	var ranks []int
	for _, l := range w.tables["main"] {
		if _, ok := distances[l.u]; !ok {
			distances[l.u] = l
		}
	}
	for u, l := range distances {
		if !w.share.has(u) && !slices.Contains(ranks, l.distance) {
			ranks = append(ranks, l.distance)
		}
	}
	slices.Sort(ranks)
	base := 1
	if w.share.byRules {
		base = 2
	}
	for _, u := range w.uplinks {
		l, inMain := distances[u]
		switch {
		case w.share.byRules && w.share.has(u):
			u.tier, u.tierW = 1, "one of those that share"
		case inMain:
			rank := 0
			if !w.share.has(u) {
				rank = slices.Index(ranks, l.distance)
				if !w.share.byRules && len(w.share.weights) > 0 {
					rank++
				}
			}
			u.tier, u.tierW = min(base+rank, maxTier), l.why()
		default:
			u.tier, u.tierW = min(base+len(ranks)+1, maxTier), "no default route of the main table: only rules use it"
		}
	}
}

// compact numbers the tiers from 1 without gaps.
func (w *ways) compact() {
	var tiers []int
	for _, u := range w.uplinks {
		tiers = append(tiers, u.tier)
	}
	slices.Sort(tiers)
	tiers = slices.Compact(tiers)
	for _, u := range w.uplinks {
		u.tier = slices.Index(tiers, u.tier) + 1
	}
}

// why says where the distance of a leg stands.
func (l leg) why() string {
	if l.r == nil {
		return fmt.Sprintf("its own default route, distance %d", l.distance)
	}
	return fmt.Sprintf("line %d: distance %d", l.r.at.Line, l.distance)
}
