package ospf

import (
	"maps"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// mayAnnounce holds the very first router-LSA back until the adjacencies that
// are coming up or to be expected are in it, for at most MinLSInterval: the
// second one would have to wait as long.
func (a *area) mayAnnounce() bool {
	e := a.e
	at := e.started.Add(packet.MinLSInterval * time.Second)
	if !e.now.Before(at) {
		return true
	}
	full := make(map[packet.ID]bool)
	ready := true
	for _, i := range a.interfaces() {
		for _, n := range i.neighbors {
			if n.state < nbrInit { // listed, and not there
				continue
			}
			ready = ready && (n.state == nbrFull || n.state == nbrTwoWay && !n.queued())
			full[n.id] = full[n.id] || n.state == nbrFull
		}
	}
	if before := a.db.Lookup(e.routerKey()); before != nil {
		ready = ready && namesOnly(before.Raw, full)
	} else if until := e.started.Add(firstHellos); e.now.Before(until) && a.silent() {
		ready, at = false, until
	}
	if a.first.fire == nil {
		a.first.fire = func() { a.rootDirty = true }
	}
	e.timers.set(&a.first, at)
	return ready && slices.Contains(slices.Collect(maps.Values(full)), true)
}

// namesOnly tells whether all neighbours on the point-to-point links of a
// router-LSA, that of an earlier run, are in a set.
func namesOnly(raw []byte, full map[packet.ID]bool) bool {
	lsa, err := packet.DecodeRouterLSA(raw)
	return err != nil || !slices.ContainsFunc(lsa.Links, func(l packet.RouterLink) bool {
		return l.Type == packet.LinkPointToPoint && !full[l.ID]
	})
}

// firstHellos is how long silent links are waited for: neighbours that start
// with us, answer our Hello or send theirs every second are heard by then.
const firstHellos = 1500 * time.Millisecond

// silent tells whether nobody has been heard on a point-to-point link.
func (a *area) silent() bool {
	return slices.ContainsFunc(a.interfaces(), func(i *iface) bool {
		return i.state == ifPointToPoint && i.virtual == nil &&
			!slices.ContainsFunc(i.neighbors, func(n *neighbor) bool { return n.state >= nbrInit })
	})
}
