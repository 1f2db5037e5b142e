package worker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	api "github.com/osrg/gobgp/v3/api"
	"github.com/osrg/gobgp/v3/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/ecmpd/ecmpd/bgp"
)

// outward is what was announced: which variants each prefix uses.
type outward map[netip.Prefix][]*variant

// announce tells GoBGP a new or changed announcement.
func (s *speaker) announce(ctx context.Context, told outward, a bgp.Announcement) error {
	var variants []*variant
	var errs []error
	base, to := lowered(a.Attributes, a.To)
	attributes := *base
	attributes.Large = slices.Clone(attributes.Large)
	for _, t := range to {
		if len(t.Addresses()) == 0 { // an empty set of neighbours would match all
			continue
		}
		v, err := s.export.use(ctx, t)
		if err != nil {
			errs = append(errs, fmt.Errorf("announce %s to %s: %w", a.Prefix, t.Neighbor, err))
			continue
		}
		variants = append(variants, v)
		attributes.Large = append(attributes.Large, v.mark())
	}
	if leavesDynamic(told[a.Prefix], variants) {
		errs = append(errs, s.unsay(ctx, a.Prefix))
	}
	path, err := announced(a.Prefix, &attributes)
	if err == nil {
		_, err = s.server.AddPath(ctx, &api.AddPathRequest{TableType: api.TableType_GLOBAL, Path: path})
	}
	if err != nil {
		errs = append(errs, fmt.Errorf("announce %s: %w", a.Prefix, err))
	}
	errs = append(errs, s.forget(ctx, told[a.Prefix]))
	told[a.Prefix] = variants
	return errors.Join(errs...)
}

// lowered makes up for the one local preference that GoBGP's policies cannot set: 0, which says that a hub leaves
// (RFC 8326). The path bears it then, and whoever is to hear another one is told so.
func lowered(a *bgp.Attributes, to []bgp.Target) (*bgp.Attributes, []bgp.Target) {
	if !slices.ContainsFunc(to, func(t bgp.Target) bool { return pointsToZero(t.Adjust.LocalPref) }) {
		return a, to
	}
	base, usual := *a, a.Preference()
	base.LocalPref, base.HasLocalPref = 0, true
	to = slices.Clone(to)
	for i := range to {
		switch adjust := &to[i].Adjust; {
		case adjust.LocalPref == nil && usual > 0:
			adjust.LocalPref = &usual
		case pointsToZero(adjust.LocalPref):
			adjust.LocalPref = nil
		}
	}
	return &base, to
}

// withdraw takes an announcement back.
func (s *speaker) withdraw(ctx context.Context, told outward, p netip.Prefix) error {
	variants, known := told[p]
	if !known {
		return nil
	}
	delete(told, p)
	return errors.Join(s.unsay(ctx, p), s.forget(ctx, variants))
}

// unsay takes the path of a prefix away from GoBGP.
func (s *speaker) unsay(ctx context.Context, p netip.Prefix) error {
	path, err := announced(p, &bgp.Attributes{})
	if err == nil {
		err = s.server.DeletePath(ctx, &api.DeletePathRequest{TableType: api.TableType_GLOBAL, Path: path})
	}
	if err != nil {
		return fmt.Errorf("withdraw %s: %w", p, err)
	}
	return nil
}

// leavesDynamic tells whether dynamic neighbours that heard an announcement do not hear the next one. When that
// goes through their system, GoBGP does not take the old one back: AllowAspathLoopLocal is not among what they can have.
func leavesDynamic(before, now []*variant) bool {
	return slices.ContainsFunc(before, func(v *variant) bool {
		return !v.Neighbor.IsSingleIP() && !slices.ContainsFunc(now, func(o *variant) bool { return o.Neighbor == v.Neighbor })
	})
}

// forget gives variants back: behind the path, for GoBGP asks the policies whether it has told it.
func (s *speaker) forget(ctx context.Context, variants []*variant) error {
	var errs []error
	for _, v := range variants {
		errs = append(errs, s.export.drop(ctx, v))
	}
	return errors.Join(errs...)
}

// announced is a path in GoBGP's words.
func announced(p netip.Prefix, a *bgp.Attributes) (*api.Path, error) {
	hop := "0.0.0.0" // the own address of each session
	if a.NextHop.IsValid() {
		hop = a.NextHop.String()
	}
	list := []gobgp.PathAttributeInterface{gobgp.NewPathAttributeOrigin(uint8(a.Origin)), gobgp.NewPathAttributeNextHop(hop)}
	var segments []gobgp.AsPathParamInterface
	for _, seg := range a.ASPath {
		segments = append(segments, gobgp.NewAs4PathParam(uint8(seg.Type), seg.AS))
	}
	if segments != nil {
		list = append(list, gobgp.NewPathAttributeAsPath(segments))
	}
	if a.HasMED {
		list = append(list, gobgp.NewPathAttributeMultiExitDisc(a.MED))
	}
	if a.HasLocalPref {
		list = append(list, gobgp.NewPathAttributeLocalPref(a.LocalPref))
	}
	if a.Aggregated {
		list = append(list, gobgp.NewPathAttributeAtomicAggregate())
	}
	if len(a.Communities) > 0 {
		numbers := make([]uint32, len(a.Communities))
		for i, c := range a.Communities {
			numbers[i] = uint32(c)
		}
		list = append(list, gobgp.NewPathAttributeCommunities(numbers))
	}
	if a.OriginatorID.IsValid() {
		list = append(list, gobgp.NewPathAttributeOriginatorId(a.OriginatorID.String()))
	}
	if len(a.ClusterList) > 0 {
		var ids []string
		for _, id := range a.ClusterList {
			ids = append(ids, id.String())
		}
		list = append(list, gobgp.NewPathAttributeClusterList(ids))
	}
	if a.LinkBandwidth > 0 {
		const asTrans = 23456 // RFC 6793: the community has room for two octets
		list = append(list, gobgp.NewPathAttributeExtendedCommunities([]gobgp.ExtendedCommunityInterface{
			gobgp.NewLinkBandwidthExtended(asTrans, a.LinkBandwidth),
		}))
	}
	if len(a.Large) > 0 {
		var large []*gobgp.LargeCommunity
		for _, c := range a.Large {
			large = append(large, gobgp.NewLargeCommunity(c.Global, c.Local1, c.Local2))
		}
		list = append(list, gobgp.NewPathAttributeLargeCommunities(large))
	}
	attributes, err := apiutil.MarshalPathAttributes(list)
	if err != nil {
		return nil, err
	}
	nlri, err := anypb.New(&api.IPAddressPrefix{Prefix: p.Addr().String(), PrefixLen: uint32(p.Bits())})
	if err != nil {
		return nil, err
	}
	return &api.Path{Family: ipv4, Nlri: nlri, Pattrs: attributes}, nil
}
