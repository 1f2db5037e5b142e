package daemon

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/fib"
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

// peerQuestion says where the far ends of tunnels are looked up.
type peerQuestion struct {
	links    []string // those that can be WireGuard's
	openVPN  bool
	names    *tunnel.Names
	mark     uint32 // asks the kernel for a route beside the default
	ordinary []int  // links that such a route may lead to: neither tunnels nor of uplinks
}

func (q peerQuestion) asks() bool { return len(q.links) > 0 || q.openVPN }

// findPeers has the far ends of tunnels looked up while that is wanted.
func (w *wanLoop) findPeers(ctx context.Context) {
	q := peerQuestion{openVPN: w.cfg.FindOpenVPN, names: &w.names, mark: w.cfg.Mark.Question()}
	for _, l := range w.links.Links {
		switch {
		case l.Loopback:
		case !l.ARP && w.cfg.FindWireGuard:
			q.links = append(q.links, l.Name)
		case l.ARP && !w.cfg.Owns(l.Name):
			q.ordinary = append(q.ordinary, l.Index)
		}
	}
	if !q.asks() {
		q = peerQuestion{}
	}
	if reflect.DeepEqual(q, w.asked) {
		return
	}
	w.asked = q
	if w.stopAsking != nil {
		w.stopAsking()
		w.stopAsking = nil
	}
	if !q.asks() {
		w.inbox.put(wanPeers{})
		return
	}
	var inner context.Context
	inner, w.stopAsking = context.WithCancel(ctx)
	go lookUpPeers(inner, q, func(p wanPeers) { w.inbox.put(p) })
}

// lookUpPeers looks again and again, and says what it found when it is something else than before.
func lookUpPeers(ctx context.Context, q peerQuestion, tell func(wanPeers)) {
	tick := time.NewTicker(peerInterval)
	defer tick.Stop()
	var last wanPeers
	for first := true; ; first = false {
		p := q.answer(ctx)
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

// answer looks once.
func (q peerQuestion) answer(ctx context.Context) wanPeers {
	var p, more wanPeers
	if len(q.links) > 0 {
		p.list, p.err = tunnel.WireGuard(q.links)
	}
	if q.openVPN {
		more.list, more.err = tunnel.OpenVPN(ctx, q.names)
	}
	list, err := q.outside(append(p.list, more.list...))
	return wanPeers{list: list, err: errors.Join(p.err, more.err, err)}
}

// outside leaves out what a route of the main table beside the default leads to, such as the address of a data centre
// behind a private line. A route over an uplink or a tunnel does not count: the first may be of a dead
// uplink, the second is what endpoints are to stay out of.
func (q peerQuestion) outside(list []netip.Addr) ([]netip.Addr, error) {
	if len(list) == 0 {
		return nil, nil
	}
	resolver, err := fib.OpenResolver()
	if err != nil {
		return list, err
	}
	defer resolver.Close()
	return slices.DeleteFunc(list, func(a netip.Addr) bool {
		d, err := resolver.Resolve(fib.Flow{Destination: a, Mark: q.mark})
		return err == nil && d.Prefix.Bits() > 0 && slices.Contains(q.ordinary, d.Ifindex)
	}), nil
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// takePeers leaves out what is on the network of a link, which is reached through that.
func (w *wanLoop) takePeers(p wanPeers) {
	if text := errorText(p.err); text != "" && text != w.peersBad {
		w.peersBad = text
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
