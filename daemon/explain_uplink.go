package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/firewall"
	"github.com/ecmpd/ecmpd/wan"
)

// wanOrderNow is what the uplinks are to do at present; it has no ways without uplinks.
func (d *daemon) wanOrderNow(ctx context.Context) (wan.Order, error) {
	return askLoop(ctx, d.uplinks.inbox, func() wan.Order { return d.uplinks.machine.Order(d.uplinks.world.elsewhere) })
}

// uplink says by which uplink a packet goes and why, and with which mark that is looked up. Without uplinks,
// and where the main table has a route of its own, the mark is 0. entered is the uplink that the
// packet that is answered came in by; empty when there is none.
func (x *explainer) uplink(f fib.Flow, entered string) (out api.ExplainUplink, mark uint32, err error) {
	if len(x.uplinks.Ways) == 0 {
		return out, 0, nil
	}
	choose := func(w wan.Way, why string) (api.ExplainUplink, uint32, error) {
		m := x.uplinks.Config.Mark.Of(w.ID)
		return api.ExplainUplink{Name: w.Name, Mark: markText(m), NAT: natText(w.NAT), Why: why}, m, nil
	}
	pinned, known, err := x.connection(f)
	if err != nil {
		return api.ExplainUplink{Why: "not known: " + err.Error()}, 0, nil
	}
	for _, w := range x.uplinks.Ways {
		switch {
		case known && pinned&x.uplinks.Config.Mark.Mask == x.uplinks.Config.Mark.Of(w.ID):
			return choose(w, "its connection is pinned to it, in conntrack")
		case entered == w.Name && x.uplinks.Config.ReplyThroughIngress:
			return choose(w, "answered where it came in")
		}
	}
	switch {
	case known && pinned&x.uplinks.Config.Mark.Mask == x.uplinks.Config.Mark.Routed():
		return x.routed("its connection goes as the default route says"), 0, nil
	case known:
		out.Why = "none: its connection began without one"
		return out, 0, nil
	case x.enteredBy(f) != "":
		out.Why = "none: it came in through one"
		return out, 0, nil
	case slices.Contains(x.uplinks.Endpoints, f.Destination) && x.uplinks.Endpoint >= 0:
		return choose(x.uplinks.Ways[x.uplinks.Endpoint], "the far end of a tunnel")
	case !x.takesDefault(f):
		out.Why = "none: there is a route of its own, beside the default"
		return out, 0, nil
	}
	return x.byRule(f, choose)
}

// markOf is the mark that packets of an uplink are looked up with. The multipath route needs none.
func (x *explainer) markOf(u api.ExplainUplink) uint32 {
	i := slices.IndexFunc(x.uplinks.Ways, func(w wan.Way) bool { return w.Name == u.Name })
	if i >= 0 && !x.isRouted(u) {
		return x.uplinks.Config.Mark.Of(x.uplinks.Ways[i].ID)
	}
	return 0
}

// connection finds the mark of the packet's connection.
func (x *explainer) connection(f fib.Flow) (mark uint32, known bool, err error) {
	c := x.d.firewall.conntrack
	if c == nil {
		return 0, false, nil
	}
	type found struct {
		mark uint32
		ok   bool
		err  error
	}
	q := question(f)
	r, err := askLoop(x.ctx, c.inbox, func() (r found) {
		r.mark, r.ok, r.err = c.table.MarkOf(firewall.Packet{Source: f.Source, Destination: f.Destination, SourcePort: q.SourcePort, DestinationPort: q.DestinationPort})
		return r
	})
	return r.mark, r.ok, errors.Join(err, r.err)
}

// takesDefault asks the kernel what the rules of nftables ask it.
func (x *explainer) takesDefault(f fib.Flow) bool {
	q := question(f)
	q.Mark = x.uplinks.Config.Mark.Question()
	_, err := x.resolver.Resolve(q)
	return errors.Is(err, fib.ErrNoRoute)
}

// enteredBy is the name of the uplink that a flow comes in through; empty when it does not.
func (x *explainer) enteredBy(f fib.Flow) string {
	in, _ := x.links.ByIndex(f.In)
	i := slices.IndexFunc(x.uplinks.Ways, func(w wan.Way) bool { return in.Name != "" && w.At.Interface == in.Name })
	if i < 0 {
		return ""
	}
	return x.uplinks.Ways[i].Name
}

// byRule finds the first of what decides about a new connection.
func (x *explainer) byRule(f fib.Flow, choose func(wan.Way, string) (api.ExplainUplink, uint32, error)) (api.ExplainUplink, uint32, error) {
	o := x.uplinks
	decide := func(r wan.Rule, w wan.Way, what string) (api.ExplainUplink, uint32, error) {
		switch c := choice(r, w, o.Config.Mark); {
		case c.Drop:
			return api.ExplainUplink{Why: fmt.Sprintf("dropped: %s says %s, which is down", what, w.Name)}, 0, nil
		case c.Way == 0:
			return x.balance(f, fmt.Sprintf("%s says %s, which is down; ", what, w.Name), choose)
		}
		return choose(w, what)
	}
	for _, w := range o.Ways {
		if slices.Contains(w.Resolvers, f.Destination) {
			return decide(wan.Rule{Strict: true}, w, "a resolver of the uplink")
		}
	}
	for i, r := range o.Config.Rules {
		if covers(r, f) {
			at := slices.IndexFunc(o.Ways, func(w wan.Way) bool { return w.Name == r.Uplink })
			return decide(r, o.Ways[at], fmt.Sprintf("rule %d", i+1))
		}
	}
	return x.balance(f, "", choose)
}

// balance finds the uplink of a new connection that no rule decides about, where that is known before it
// begins. before is what is to be said first.
func (x *explainer) balance(f fib.Flow, before string, choose func(wan.Way, string) (api.ExplainUplink, uint32, error)) (api.ExplainUplink, uint32, error) {
	o := x.uplinks
	out := api.ExplainUplink{Why: before + balanced(o), Balanced: carries(o)}
	if !out.Balanced || o.Config.Balance == wan.ByRoute {
		return x.routed(out.Why), 0, nil
	}
	used := slices.DeleteFunc(slices.Clone(o.Ways), func(w wan.Way) bool { return !w.Used })
	if len(used) == 1 {
		return choose(used[0], before+"the only one that carries traffic")
	}
	if mark, ok := uplinksOf(o).Hashed(f.Source, f.Destination); ok {
		i := slices.IndexFunc(used, func(w wan.Way) bool { return o.Config.Mark.Of(w.ID) == mark })
		return choose(used[i], fmt.Sprintf("%s, by the hash of %s", out.Why, hashedBy[o.Config.Balance]))
	}
	out.Why += ", in turn: it depends on the connections that begin before it"
	return out, 0, nil
}

// hashedBy says what is hashed.
var hashedBy = map[wan.Balance]string{
	wan.PerAddressPair: "source and destination address", wan.PerSource: "the source address", wan.PerDestination: "the destination address",
}

// routed is what the kernel's multipath route decides about; [explainer.byRoute] names the uplink.
func (x *explainer) routed(why string) api.ExplainUplink {
	return api.ExplainUplink{Why: why, Mark: markText(x.uplinks.Config.Mark.Routed()), Balanced: carries(x.uplinks)}
}

func (x *explainer) isRouted(u api.ExplainUplink) bool {
	return u.Mark != "" && u.Mark == markText(x.uplinks.Config.Mark.Routed())
}

func markText(mark uint32) string { return fmt.Sprintf("%#x", mark) }

// byRoute names the uplink that the route chose, if it is one.
func (x *explainer) byRoute(out *api.Direction) {
	i := slices.IndexFunc(x.uplinks.Ways, func(w wan.Way) bool {
		return w.At.Interface == out.Interface && (!w.At.Gateway.IsValid() || w.At.Gateway.String() == out.Via)
	})
	if i >= 0 {
		w := x.uplinks.Ways[i]
		out.Uplink.Name, out.Uplink.NAT, out.Uplink.Balanced = w.Name, natText(w.NAT), false
		out.Uplink.Why += ", by the route's hash"
	}
}

// covers tells whether a rule is for a flow.
func covers(r wan.Rule, f fib.Flow) bool {
	within := func(list []netip.Prefix, a netip.Addr) bool {
		return len(list) == 0 || slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	port := len(r.Ports) == 0 || (f.Protocol == unix.IPPROTO_TCP || f.Protocol == unix.IPPROTO_UDP) &&
		slices.ContainsFunc(r.Ports, func(p wan.PortRange) bool { return p.First <= f.DestinationPort && f.DestinationPort <= p.Last })
	return within(r.Source, f.Source) && within(r.Destination, f.Destination) && (r.Protocol == 0 || r.Protocol == f.Protocol) && port
}

// balanced says among which uplinks a new connection is spread.
func balanced(o wan.Order) string {
	weights := 0
	for _, w := range o.Ways {
		if w.Used {
			weights += w.Weight
		}
	}
	var list []string
	for _, w := range o.Ways {
		if w.Used {
			list = append(list, fmt.Sprintf("%s %d %%", w.Name, share(uint64(w.Weight), uint64(weights))))
		}
	}
	if list == nil {
		return "none: all are down, another default takes over"
	}
	return fmt.Sprintf("balanced %s among %s", o.Config.Balance, strings.Join(list, ", "))
}

func natText(n wan.NAT) string {
	switch {
	case n.Masquerade:
		return "masquerade"
	case n.Source.IsValid():
		return n.Source.String()
	}
	return "none"
}
