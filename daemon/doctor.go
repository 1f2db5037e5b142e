package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/doctor"
	"github.com/ecmpd/ecmpd/doctor/host"
	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/firewall"
	"github.com/ecmpd/ecmpd/link"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/transit"
)

// Doctor implements api.Backend.
func (d *daemon) Doctor(ctx context.Context) (api.Doctor, error) {
	f := doctor.Facts{Kernel: kernelRelease()}
	doubt := func(what string, err error) {
		if err != nil {
			f.Unknown = append(f.Unknown, fmt.Sprintf("%s: %v", what, err))
		}
	}
	var err error
	if f.Interfaces, f.Neighbors, err = d.ospfFacts(ctx); err != nil {
		return api.Doctor{}, err
	}
	if err := d.limitFacts(ctx, &f); err != nil {
		return api.Doctor{}, err
	}
	links, err := askLoop(ctx, d.routes.inbox, func() link.Snapshot { return d.routes.links })
	if err != nil {
		return api.Doctor{}, err
	}
	routes, err := askLoop(ctx, d.routes.inbox, d.routes.fib.Status)
	if err != nil {
		return api.Doctor{}, err
	}
	f.Missing = missingHops(routes)
	if f.Shared, err = d.sharedNetworks(ctx, links); err != nil {
		return api.Doctor{}, err
	}
	state, err := d.transitState(ctx)
	if err != nil {
		return api.Doctor{}, err
	}
	split, err := d.sharedTracked(ctx, state)
	if err != nil {
		return api.Doctor{}, err
	}
	for _, s := range split {
		f.Split = append(f.Split, doctor.SplitNetwork{Prefix: s.Prefix, Why: s.reason(), NAT: s.nat != nil, Masquerades: s.masquerades()})
	}
	doubt("kernel settings", d.settingFacts(&f))
	if f.OwnSource, err = d.ownSource(ctx, routes); err != nil {
		return api.Doctor{}, err
	}
	f.Unresolved, err = unresolved(routes, links)
	doubt("link-layer addresses of gateways", err)
	doubt("rulesets", d.ruleFacts(ctx, &f))
	doubt("BGP sessions", d.bgpFacts(ctx, &f))
	doubt("policy rules", d.uplinkFacts(ctx, &f.Uplinks))
	machine := host.New("/")
	doubt("multicast memberships", hearing(machine, &f, links))
	f.OtherOSPF, err = machine.OtherOSPF()
	doubt("other OSPF daemons", err)
	f.Networkd, err = machine.Networkd()
	doubt("systemd-networkd", err)
	return diagnosis(doctor.Examine(f)), nil
}

func diagnosis(list []doctor.Finding) (out api.Doctor) {
	for i, f := range list {
		out.Findings = append(out.Findings, api.Finding{
			Number: i + 1, Check: f.Check, Severity: string(f.Severity), What: f.What, Why: f.Why, Repair: f.Repair,
		})
	}
	out.Wrong = doctor.Wrongs(list)
	return out
}

// limitFacts gathers which databases are too small, and whether retransmission lists were too long.
func (d *daemon) limitFacts(ctx context.Context, f *doctor.Facts) error {
	s, err := askOSPF(ctx, d, d.engine.Limits)
	if err != nil {
		return err
	}
	f.Overflow = s.Overflow
	if r := s.Retransmissions; r.Exceeded > 0 && r.Ago < packet.LSRefreshTime*time.Second {
		f.Anew = fmt.Sprintf("%s; %d in all", r.Last, r.Exceeded)
	}
	for _, l := range s.Databases {
		if l.Incomplete {
			f.Overfull = append(f.Overfull, fmt.Sprintf("%d of the %s, which holds %d of at most %d", l.Refused, l.Scope, l.LSAs, l.Max))
		}
	}
	return nil
}

// ospfFacts gathers interfaces and the neighbours with trouble.
func (d *daemon) ospfFacts(ctx context.Context) ([]doctor.Interface, []doctor.Neighbor, error) {
	type state struct {
		interfaces []ospf.InterfaceStatus
		neighbors  []ospf.NeighborStatus
	}
	s, err := askOSPF(ctx, d, func(now time.Time) state {
		return state{d.engine.Interfaces(), d.engine.Neighbors(now)}
	})
	if err != nil {
		return nil, nil, err
	}
	var interfaces []doctor.Interface
	for _, i := range s.interfaces {
		if i.Type != "loopback" {
			interfaces = append(interfaces, doctor.Interface{
				Name: i.Interface, Passive: i.Passive || i.Type == "virtual-link", Unicast: i.Unicast, Forwarding: true,
			})
		}
	}
	var neighbors []doctor.Neighbor
	for _, n := range s.neighbors {
		if trouble, ok := trouble(n); ok {
			neighbors = append(neighbors, doctor.Neighbor{
				RouterID: n.RouterID.String(), Address: n.Address.String(), Interface: n.Interface, Trouble: trouble, Why: n.Why,
			})
		}
	}
	return interfaces, neighbors, nil
}

// trouble sorts what keeps a neighbour from Full, or Full from being of use.
func trouble(n ospf.NeighborStatus) (t doctor.Trouble, ok bool) {
	switch {
	case n.Why == "" || n.State == "2-Way":
		return 0, false
	case n.Reject == ospf.RejectDuplicateID:
		return doctor.DuplicateID, true
	case n.Reject == ospf.RejectMTU:
		return doctor.MTU, true
	case n.State == "Down" && n.Reject == 0: // listed, and never heard
		return doctor.Silent, true
	case n.State == "Down":
		return doctor.Rejected, true
	case n.State == "Init":
		return doctor.OneWay, true
	case n.State == "Full" && n.Overdue > 0:
		return doctor.Mute, true
	case n.State == "Full":
		return doctor.Other, true
	}
	return 0, false // on its way
}

// missingHops gathers, hop by hop, what routes want and the kernel lacks. A leg
// that is dead is not wanted.
func missingHops(s fib.Status) []doctor.MissingHop {
	at := map[doctor.MissingHop]int{}
	var out []doctor.MissingHop
	for _, r := range s.Routes {
		for _, h := range r.Hops {
			reason := h.Reason
			if !r.Installed && r.Reason != "" {
				reason = r.Reason
			}
			if h.Dead || r.Installed && h.Installed {
				continue
			}
			key := doctor.MissingHop{Interface: h.Interface, Reason: reason}
			if h.Gateway.IsValid() {
				key.Via = h.Gateway.String()
			}
			i, known := at[key]
			if !known {
				i = len(out)
				at[key] = i
				first := key
				first.Example = r.Prefix
				out = append(out, first)
			}
			out[i].Routes++
		}
	}
	return out
}

// unresolved are the gateways of routes that do not answer ARP.
func unresolved(s fib.Status, links link.Snapshot) (out []doctor.Gateway, err error) {
	r, err := fib.OpenResolver()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	waiting, err := r.Unresolved()
	for _, route := range s.Routes {
		for _, h := range route.Hops {
			l, ok := links.ByName(h.Interface)
			g := doctor.Gateway{Address: h.Gateway.String(), Interface: h.Interface}
			if ok && slices.Contains(waiting[l.Index], h.Gateway) && !slices.Contains(out, g) {
				out = append(out, g)
			}
		}
	}
	return out, err
}

// ruleFacts asks the firewall loop about rulesets and connection tracking.
func (d *daemon) ruleFacts(ctx context.Context, f *doctor.Facts) error {
	f.Transit = d.currentConfig().Transit.Mode != config.TransitOff
	if !f.Transit {
		return nil
	}
	state, err := d.transitState(ctx)
	if err != nil {
		return err
	}
	type found struct {
		blockers, translates, tracksAll, offloads []firewall.Place
		err                                       error
	}
	r, err := askLoop(ctx, d.firewall.inbox, func() (r found) {
		fw := d.firewall.fw
		if fw == nil || d.firewall.wanted.state.Mode == transit.Off {
			r.err = errors.New("nftables cannot be used, so that transit traffic stays tracked")
			return r
		}
		var errs [2]error
		r.blockers, errs[0] = fw.Blockers()
		r.offloads, errs[1] = fw.Offloads()
		for _, t := range d.firewall.nat {
			switch {
			case t.Doubt != "":
				r.translates = append(r.translates, t.Place)
			case slices.ContainsFunc(t.Networks, func(p netip.Prefix) bool { return p.Bits() == 0 }):
				r.tracksAll = append(r.tracksAll, t.Place)
			}
		}
		r.err = errors.Join(errs[:]...)
		return r
	})
	f.Blockers, f.Translates, f.TracksAll = doctorPlaces(r.blockers), doctorPlaces(r.translates), doctorPlaces(r.tracksAll)
	f.Offloads = doctorPlaces(r.offloads)
	if err == nil && r.err == nil && state.Mode == transit.Notrack { // other modes track some transit
		f.Entries, err = d.firewall.conntrack.count(ctx)
	}
	return errors.Join(err, r.err)
}

func doctorPlaces(list []firewall.Place) (out []doctor.Place) {
	for _, p := range list {
		out = append(out, doctor.Place(p))
	}
	return out
}

// sharedNetworks are own connected networks that another router announces as
// its own, and that transit.also does not name. Both ends of a point-to-point link
// announce its network; that is not meant.
func (d *daemon) sharedNetworks(ctx context.Context, links link.Snapshot) (out []doctor.SharedNetwork, err error) {
	type state struct {
		lsas       []ospf.LSA
		interfaces []ospf.InterfaceStatus
	}
	s, err := askOSPF(ctx, d, func(now time.Time) state { return state{d.engine.LSAs(now), d.engine.Interfaces()} })
	if err != nil {
		return nil, err
	}
	cfg := d.currentConfig()
	own := map[netip.Prefix]string{}
	for _, i := range s.interfaces {
		l, ok := links.ByName(i.Interface)
		if !ok || !i.Passive && i.Type != "broadcast" || l.Loopback {
			continue
		}
		for _, a := range l.Addrs {
			p := a.Addr.Masked()
			also := slices.ContainsFunc(cfg.Transit.Also, func(q netip.Prefix) bool { return q.Bits() <= p.Bits() && q.Contains(p.Addr()) })
			if p.Bits() < 32 && !also {
				own[p] = i.Interface
			}
		}
	}
	for _, l := range s.lsas {
		for _, a := range announced(l) {
			if name, ok := own[a.prefix]; ok && a.router != cfg.OSPF.RouterID {
				out = append(out, doctor.SharedNetwork{Prefix: a.prefix, Interface: name, Router: a.router.String()})
			}
		}
	}
	slices.SortFunc(out, func(a, b doctor.SharedNetwork) int {
		return strings.Compare(a.Prefix.String()+a.Router, b.Prefix.String()+b.Router)
	})
	return slices.Compact(out), nil
}

type announcement struct {
	prefix netip.Prefix
	router packet.ID
}

// announced lists the networks that an LSA says are attached to routers.
func announced(l ospf.LSA) (out []announcement) {
	add := func(network, mask, router packet.ID) {
		if size, ok := packet.MaskLen(mask); ok {
			out = append(out, announcement{netip.PrefixFrom(network.Addr(), size).Masked(), router})
		}
	}
	switch l.Header.Type {
	case packet.LSRouter:
		lsa, err := packet.DecodeRouterLSA(l.Raw)
		if err != nil {
			return nil
		}
		for _, link := range lsa.Links {
			if link.Type == packet.LinkStub {
				add(link.ID, link.Data, l.Header.Adv)
			}
		}
	case packet.LSNetwork:
		lsa, err := packet.DecodeNetworkLSA(l.Raw)
		if err != nil {
			return nil
		}
		for _, r := range lsa.Routers {
			add(l.Header.ID, lsa.Mask, r)
		}
	}
	return out
}
