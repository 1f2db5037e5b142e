package daemon

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/wan/tunnel"
)

// peerInterval is how often the tunnels' far ends are looked up: peers roam, and names are resolved anew.
const peerInterval = 5 * time.Second

// wanPeers are the far ends of tunnels that were found.
type wanPeers struct {
	list []netip.Addr
	err  error
}

func (wanPeers) replaces(other any) bool { _, ok := other.(wanPeers); return ok }

// findPeers has the peers of WireGuard links looked up while that is wanted. links lists those that can be tunnels.
func (w *wanLoop) findPeers(ctx context.Context) {
	var links []string
	if w.cfg.FindWireGuard {
		for _, l := range w.links.Links {
			if !l.ARP && !l.Loopback {
				links = append(links, l.Name)
			}
		}
	}
	if slices.Equal(links, w.asked) {
		return
	}
	w.asked = links
	if w.stopAsking != nil {
		w.stopAsking()
		w.stopAsking = nil
	}
	if links == nil {
		w.inbox.put(wanPeers{})
		return
	}
	var inner context.Context
	inner, w.stopAsking = context.WithCancel(ctx)
	go lookUpPeers(inner, links, func(p wanPeers) { w.inbox.put(p) })
}

// lookUpPeers looks again and again, and says what it found when it is something else than before.
func lookUpPeers(ctx context.Context, links []string, tell func(wanPeers)) {
	tick := time.NewTicker(peerInterval)
	defer tick.Stop()
	var last wanPeers
	for first := true; ; first = false {
		var p wanPeers
		p.list, p.err = tunnel.Peers(links)
		if ctx.Err() != nil {
			return
		}
		if first || !slices.Equal(p.list, last.list) || errorText(p.err) != errorText(last.err) {
			tell(p)
			last = p
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// takePeers leaves out what is on the network of a link, which is reached through that.
func (w *wanLoop) takePeers(p wanPeers) {
	if p.err != nil {
		w.log.WithError(p.err).Warn("the far ends of tunnels are not all known")
	}
	w.peers = p.list
	w.machine.SetPeers(slices.DeleteFunc(slices.Clone(w.peers), w.connected))
}

func (w *wanLoop) connected(a netip.Addr) bool {
	for _, l := range w.links.Links {
		for _, o := range l.Addrs {
			if o.Addr.Contains(a) || o.Peer == a {
				return true
			}
		}
	}
	return false
}
