package worker

import (
	"context"
	"fmt"
	"net/netip"

	api "github.com/osrg/gobgp/v3/api"
	"github.com/osrg/gobgp/v3/pkg/log"
	gobgp "github.com/osrg/gobgp/v3/pkg/packet/bgp"

	"github.com/ecmpd/ecmpd/bgp"
)

// hidden is what neighbours say and GoBGP tells nobody: paths that loop, by their originator or, of dynamic neighbours, by
// the own autonomous system. Each replaces what the neighbour said of the prefix before (RFC 4271 9.1.2), so the daemon has
// to hear of it. GoBGP remembers such paths, and that is where they are read. The daemon hears in order: what is
// read is at least as new as what it has heard, and what comes of these prefixes later is followed by what is
// remembered of them then.
type hidden struct {
	prefixes map[netip.Addr]map[netip.Prefix]struct{} // whose last path was a hidden one
	reviewed map[netip.Addr]reviewed
}

// reviewed is what a dynamic neighbour had said when its paths were last looked through.
type reviewed struct {
	updates uint64
	times   int
}

// enough reviews of the same number of updates have seen all of them: they are counted before they are remembered.
const enough = 5

// atOnce is how many prefixes are asked for at once.
const atOnce = 1024

func newHidden() hidden {
	return hidden{prefixes: map[netip.Addr]map[netip.Prefix]struct{}{}, reviewed: map[netip.Addr]reviewed{}}
}

// ignored hears from GoBGP's loop, which must not wait for anything here, that a path is hidden.
func (s *speaker) ignored(f log.Fields) {
	path, ok := f["Data"].(interface {
		GetNlri() gobgp.AddrPrefixInterface
	})
	if !ok {
		return
	}
	neighbor, err := netip.ParseAddr(fmt.Sprint(f["Key"]))
	prefix, notPrefix := netip.ParsePrefix(path.GetNlri().String())
	if err != nil || notPrefix != nil {
		return
	}
	s.mu.Lock()
	s.unheard[neighbor] = append(s.unheard[neighbor], prefix.Masked())
	s.mu.Unlock()
	select {
	case s.due <- struct{}{}:
	default:
	}
}

// uncover tells the daemon of hidden paths that GoBGP has spoken of.
func (s *speaker) uncover(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.due:
		}
		s.mu.Lock()
		unheard := s.unheard
		s.unheard = map[netip.Addr][]netip.Prefix{}
		s.mu.Unlock()
		s.order.Lock()
		for neighbor, prefixes := range unheard {
			for ; len(prefixes) > atOnce; prefixes = prefixes[atOnce:] {
				s.recall(ctx, neighbor, prefixes[:atOnce])
			}
			s.recall(ctx, neighbor, prefixes)
		}
		s.order.Unlock()
	}
}

// review looks for hidden paths of dynamic neighbours, of which GoBGP does not speak: their groups cannot be told to let paths through
// the own system pass.
func (s *speaker) review(ctx context.Context) {
	s.order.Lock()
	defer s.order.Unlock()
	if len(s.dynamic) == 0 {
		clear(s.hidden.reviewed)
		return
	}
	var due []netip.Addr
	// Without peers there is nothing to review.
	_ = s.server.ListPeer(ctx, &api.ListPeerRequest{}, func(p *api.Peer) {
		neighbor := address(p.State.NeighborAddress)
		if _, configured := s.configured[neighbor]; configured || !hides(p) {
			return
		}
		r, updates := s.hidden.reviewed[neighbor], p.State.GetMessages().GetReceived().GetUpdate()
		if r.updates != updates {
			r = reviewed{updates: updates}
		}
		if r.times < enough {
			r.times++
			due = append(due, neighbor)
		}
		s.hidden.reviewed[neighbor] = r
	})
	for _, neighbor := range due {
		s.recall(ctx, neighbor, nil)
	}
}

// hides tells whether GoBGP has rejected any path of a neighbour.
func hides(p *api.Peer) bool {
	for _, a := range p.AfiSafis {
		if st := a.GetState(); st.GetReceived() > st.GetAccepted() {
			return true
		}
	}
	return false
}

// recall tells the daemon what GoBGP remembers of some prefixes of a neighbour, or of all, if it is hidden. The caller
// holds order.
func (s *speaker) recall(ctx context.Context, neighbor netip.Addr, prefixes []netip.Prefix) {
	known := s.hidden.prefixes[neighbor]
	r := &api.ListPathRequest{TableType: api.TableType_ADJ_IN, Family: ipv4, Name: neighbor.String()}
	for _, p := range prefixes {
		r.Prefixes = append(r.Prefixes, &api.TableLookupPrefix{Prefix: p.String()})
		delete(known, p)
	}
	// Of a neighbour that is gone meanwhile nothing is left to be told.
	_ = s.server.ListPath(ctx, r, func(d *api.Destination) {
		for _, p := range d.Paths {
			prefix, ok := prefixOf(p.Nlri)
			if !ok {
				continue
			}
			if a := s.inward.of(p.Pattrs); !s.loops(a) {
				continue
			}
			if known == nil {
				known = map[netip.Prefix]struct{}{}
				s.hidden.prefixes[neighbor] = known
			}
			known[prefix] = struct{}{}
			s.put(message{Update: &update{Neighbor: neighbor, Attributes: s.inward.attributes, Reachable: pack(nil, prefix)}})
		}
	})
	if len(known) == 0 {
		delete(s.hidden.prefixes, neighbor)
	}
}

// loops tells whether a path may be one that GoBGP hides.
func (s *speaker) loops(a *bgp.Attributes) bool {
	return a.OriginatorID == s.config.RouterID || a.ASPath.Contains(s.config.AS)
}

// follow has what is remembered follow what was just told of prefixes whose last path was a hidden one. The caller holds
// order.
func (s *speaker) follow(ctx context.Context, paths []*api.Path) {
	if len(s.hidden.prefixes) == 0 {
		return
	}
	again := map[netip.Addr][]netip.Prefix{}
	for _, p := range paths {
		if p.Nlri == nil {
			continue
		}
		neighbor, err := netip.ParseAddr(p.NeighborIp)
		prefix, ok := prefixOf(p.Nlri)
		if _, known := s.hidden.prefixes[neighbor][prefix]; err == nil && ok && known {
			again[neighbor] = append(again[neighbor], prefix)
		}
	}
	for neighbor, prefixes := range again {
		s.recall(ctx, neighbor, prefixes)
	}
}
