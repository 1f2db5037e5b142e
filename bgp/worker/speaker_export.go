package worker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	api "github.com/osrg/gobgp/v3/api"
	"github.com/osrg/gobgp/v3/pkg/server"

	"github.com/ecmpd/ecmpd/bgp"
)

// export says to GoBGP which neighbour hears which announcement, and how it is changed on the way: each
// pair of neighbour and adjustment has a number, which paths for it bear as a large community. The
// policy of the number matches neighbour and community, adjusts the path, takes the marks off and
// accepts; what nobody accepts is not told.
type export struct {
	server  *server.BgpServer
	next    uint32
	numbers map[string]*variant // by neighbour and adjustment
}

// variant is a target with its number.
type variant struct {
	bgp.Target
	number uint32
	uses   int // by announcements
}

// Marks begin with an autonomous system that nobody has (RFC 7300); the daemon drops paths that come with it.
const (
	markAS   = 4294967295
	markName = 0x65636d70 // "ecmp"
	most     = 4096       // variants
)

func newExport(s *server.BgpServer) *export {
	return &export{server: s, numbers: map[string]*variant{}}
}

// begin makes GoBGP take over nothing of what neighbours say, and say nothing by itself.
func (e *export) begin(ctx context.Context) error {
	own := &api.Policy{Name: "own", Statements: []*api.Statement{{
		Name: "own", Conditions: &api.Conditions{RouteType: api.Conditions_ROUTE_TYPE_LOCAL}, Actions: &api.Actions{RouteAction: api.RouteAction_ACCEPT},
	}}}
	return errors.Join(
		e.server.AddPolicy(ctx, &api.AddPolicyRequest{Policy: own}),
		e.server.AddPolicyAssignment(ctx, &api.AddPolicyAssignmentRequest{Assignment: &api.PolicyAssignment{
			Name: global, Direction: api.PolicyDirection_IMPORT, Policies: []*api.Policy{{Name: "own"}}, DefaultAction: api.RouteAction_REJECT,
		}}),
		e.server.SetPolicyAssignment(ctx, &api.SetPolicyAssignmentRequest{Assignment: &api.PolicyAssignment{
			Name: global, Direction: api.PolicyDirection_EXPORT, DefaultAction: api.RouteAction_REJECT,
		}}),
	)
}

// use finds the variant of a target, or makes it.
func (e *export) use(ctx context.Context, t bgp.Target) (*variant, error) {
	key := key(t)
	v := e.numbers[key]
	if v == nil {
		if len(e.numbers) >= most {
			return nil, fmt.Errorf("more than %d different changes of announcements on their way to neighbours", most)
		}
		e.next++
		v = &variant{Target: t, number: e.next}
		if err := e.add(ctx, v); err != nil {
			return nil, err
		}
		e.numbers[key] = v
	}
	v.uses++
	return v, nil
}

// drop says that an announcement does not use a variant any more.
func (e *export) drop(ctx context.Context, v *variant) error {
	if v.uses--; v.uses > 0 {
		return nil
	}
	delete(e.numbers, key(v.Target))
	policy := &api.Policy{Name: v.name()}
	return errors.Join(
		e.server.DeletePolicyAssignment(ctx, &api.DeletePolicyAssignmentRequest{Assignment: &api.PolicyAssignment{
			Name: global, Direction: api.PolicyDirection_EXPORT, Policies: []*api.Policy{policy},
		}}),
		e.server.DeletePolicy(ctx, &api.DeletePolicyRequest{Policy: policy, All: true}),
		e.server.DeleteDefinedSet(ctx, &api.DeleteDefinedSetRequest{DefinedSet: v.neighborSet(), All: true}),
		e.server.DeleteDefinedSet(ctx, &api.DeleteDefinedSetRequest{DefinedSet: v.markSet(), All: true}),
	)
}

func (e *export) add(ctx context.Context, v *variant) error {
	policy := &api.Policy{Name: v.name(), Statements: []*api.Statement{
		{Name: v.name() + " removes", Conditions: v.conditions(), Actions: remove(v.Adjust)},
		{Name: v.name() + " adjusts", Conditions: v.conditions(), Actions: adjust(v.Adjust)},
		{Name: v.name() + " accepts", Conditions: v.conditions(), Actions: &api.Actions{
			RouteAction:    api.RouteAction_ACCEPT,
			LargeCommunity: &api.CommunityAction{Type: api.CommunityAction_REMOVE, Communities: []string{fmt.Sprintf("^%d:%d:[0-9]+$", uint32(markAS), markName)}},
		}},
	}}
	return errors.Join(
		e.server.AddDefinedSet(ctx, &api.AddDefinedSetRequest{DefinedSet: v.neighborSet()}),
		e.server.AddDefinedSet(ctx, &api.AddDefinedSetRequest{DefinedSet: v.markSet()}),
		e.server.AddPolicy(ctx, &api.AddPolicyRequest{Policy: policy}),
		e.server.AddPolicyAssignment(ctx, &api.AddPolicyAssignmentRequest{Assignment: &api.PolicyAssignment{
			Name: global, Direction: api.PolicyDirection_EXPORT, Policies: []*api.Policy{{Name: v.name()}}, DefaultAction: api.RouteAction_REJECT,
		}}),
	)
}

func (v *variant) name() string { return "variant " + strconv.FormatUint(uint64(v.number), 10) }

// mark is what paths for the variant bear.
func (v *variant) mark() bgp.LargeCommunity {
	return bgp.LargeCommunity{Global: markAS, Local1: markName, Local2: v.number}
}

func (v *variant) neighborSet() *api.DefinedSet {
	var addresses []string
	for _, p := range v.Addresses() {
		addresses = append(addresses, p.String())
	}
	return &api.DefinedSet{DefinedType: api.DefinedType_NEIGHBOR, Name: v.name() + " neighbor", List: addresses}
}

func (v *variant) markSet() *api.DefinedSet {
	return &api.DefinedSet{DefinedType: api.DefinedType_LARGE_COMMUNITY, Name: v.name() + " mark", List: []string{"^" + v.mark().String() + "$"}}
}

func (v *variant) conditions() *api.Conditions {
	return &api.Conditions{
		NeighborSet:       &api.MatchSet{Type: api.MatchSet_ANY, Name: v.neighborSet().Name},
		LargeCommunitySet: &api.MatchSet{Type: api.MatchSet_ANY, Name: v.markSet().Name},
	}
}

// remove is what an adjustment takes away in GoBGP's words, which is a step of its own.
func remove(a bgp.Adjustment) *api.Actions {
	actions := &api.Actions{}
	if len(a.Remove) > 0 {
		actions.Community = &api.CommunityAction{Type: api.CommunityAction_REMOVE, Communities: numbered(a.Remove, "^%d:%d$")}
	}
	if len(a.RemoveLarge) > 0 {
		list := make([]string, len(a.RemoveLarge))
		for i, c := range a.RemoveLarge {
			list[i] = "^" + c.String() + "$"
		}
		actions.LargeCommunity = &api.CommunityAction{Type: api.CommunityAction_REMOVE, Communities: list}
	}
	return actions
}

// numbered writes communities by their numbers.
func numbered(list []bgp.Community, format string) []string {
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = fmt.Sprintf(format, uint32(c)>>16, uint32(c)&0xFFFF)
	}
	return words
}

// adjust is the rest of an adjustment in GoBGP's words.
func adjust(a bgp.Adjustment) *api.Actions {
	actions := &api.Actions{}
	if a.Prepend > 0 {
		actions.AsPrepend = &api.AsPrependAction{Repeat: uint32(a.Prepend), UseLeftMost: true}
	}
	if a.MED != nil {
		actions.Med = &api.MedAction{Type: api.MedAction_REPLACE, Value: int64(*a.MED)}
	}
	if a.LocalPref != nil {
		actions.LocalPref = &api.LocalPrefAction{Value: *a.LocalPref}
	}
	if a.NextHop.IsValid() {
		actions.Nexthop = &api.NexthopAction{Address: a.NextHop.String()}
	}
	if len(a.Communities) > 0 {
		actions.Community = &api.CommunityAction{Type: api.CommunityAction_ADD, Communities: numbered(a.Communities, "%d:%d")}
	}
	if len(a.Large) > 0 {
		list := make([]string, len(a.Large))
		for i, c := range a.Large {
			list[i] = c.String()
		}
		actions.LargeCommunity = &api.CommunityAction{Type: api.CommunityAction_ADD, Communities: list}
	}
	return actions
}

// key writes a target so that equal ones have equal keys.
func key(t bgp.Target) string {
	number := func(v *uint32) string {
		if v == nil {
			return "-"
		}
		return strconv.FormatUint(uint64(*v), 10)
	}
	a := t.Adjust
	return fmt.Sprint(t.Neighbor, t.Except, a.Prepend, " ", number(a.MED), " ", number(a.LocalPref), a.Communities, a.Large, a.Remove, a.RemoveLarge, a.NextHop == netip.Addr{}, a.NextHop)
}
