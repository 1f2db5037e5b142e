package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/wan"
)

// sections are the keys that the engine does not know. None of them touches an
// adjacency; restart says that a running daemon does not take the difference over.
var sections = [...]section{
	{"ospf.distance", false, func(c *config.Config) any { return c.Distance }},
	{"ospf.default-originate", false, func(c *config.Config) any { return c.WANDefault }},
	{"static", false, func(c *config.Config) any { return []any{c.Static, c.StaticBFD} }},
	{"ecmp.max-paths", false, func(c *config.Config) any { return c.ECMP.MaxPaths }},
	{"ecmp.hash", false, func(c *config.Config) any { return []any{c.ECMP.Hash, c.ECMP.Symmetric} }},
	{"ecmp.symmetric-key", false, func(c *config.Config) any { return c.ECMP.Key }},
	{"ecmp.groups", true, func(c *config.Config) any { return c.ECMP.Resilient }},
	{"transit.mode", false, func(c *config.Config) any { return c.Transit.Mode }},
	{"transit.tracked", false, func(c *config.Config) any { return c.Transit.Tracked }},
	{"transit.also", false, func(c *config.Config) any { return c.Transit.Also }},
	{"transit.forward-accept", false, func(c *config.Config) any { return c.Transit.ForwardAccept }},
	{"transit.insert-accept", false, func(c *config.Config) any { return c.Transit.InsertAccept }},
	{"transit.firewalld-zones", false, func(c *config.Config) any { return c.Transit.FirewalldZones }},
	{"transit.policy", false, func(c *config.Config) any { return c.Transit.Policy }},
	{"kernel.protocol", true, func(c *config.Config) any { return c.Kernel.Protocol }},
	{"kernel.metric", true, func(c *config.Config) any { return c.Kernel.Metric }},
	{"kernel.shutdown", false, func(c *config.Config) any { return c.Kernel.Shutdown }},
	{"wan.mark", true, func(c *config.Config) any { return c.WAN.Mark }},
	{"wan", false, func(c *config.Config) any { w := c.WAN; w.Mark = wan.Mark{}; return w }},
	{"bgp", false, func(c *config.Config) any { return []any{c.BGP, c.BGPBFD, c.BGPPolicies, c.Announce} }},
	{"kernel.source", false, func(c *config.Config) any { return c.Kernel.Source }},
}

type section struct {
	key     string
	restart bool
	value   func(*config.Config) any
}

// impactRestart is the impact of [api.Difference] that [ospf.Impact] has not.
const impactRestart = "restart"

// plan lists in what a configuration differs from the running one, in the order of the
// file, and what taking it over does. [daemon.reload] goes by it.
func (d *daemon) plan(ctx context.Context, next *config.Config) ([]api.Difference, error) {
	running, wanted := d.currentConfig(), d.ospfConfig(next)
	found, err := askOSPF(ctx, d, func(time.Time) []ospf.Difference { return d.engine.Compare(wanted) })
	if err != nil {
		return nil, err
	}
	var list []api.Difference
	hash := ospf.ImpactNone // of what other routers are told about the hash
	for _, o := range found {
		if o.Key == "ecmp" {
			hash = o.Impact
			continue
		}
		list = append(list, difference(o, running, next))
	}
	for _, s := range sections {
		if reflect.DeepEqual(s.value(running), s.value(next)) {
			continue
		}
		if s.key == "wan.mark" && (len(running.WAN.Uplinks) == 0 || len(next.WAN.Uplinks) == 0) {
			continue // no connection has a mark that would lead elsewhere
		}
		path := keys(s.key)
		o := placed(running, next, path, path)
		o.Key, o.Impact = s.key, ospf.ImpactNone.String()
		switch {
		case s.restart:
			o.Impact = impactRestart
		case s.key == "ecmp.hash" && wanted.Multipath != nil: // the kernel does not hash that way yet
			o.Impact = ospf.ImpactLSA.String()
		case path[0] == "ecmp":
			o.Impact = hash.String()
		}
		list = append(list, o)
	}
	slices.SortStableFunc(list, func(a, b api.Difference) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return merged(list), nil
}

// merged makes one of what one entry does to several links.
func merged(list []api.Difference) []api.Difference {
	var out []api.Difference
	for _, o := range list {
		n := slices.IndexFunc(out, func(b api.Difference) bool {
			return len(o.Interfaces) > 0 && o.Line == b.Line && o.Column == b.Column && o.Area == b.Area && o.Key == b.Key &&
				o.Running == b.Running && o.Impact == b.Impact && (o.Key != "" || o.Detail == b.Detail)
		})
		if n < 0 {
			out = append(out, o)
			continue
		}
		out[n].Interfaces = append(out[n].Interfaces, o.Interfaces...)
		out[n].Neighbors = append(out[n].Neighbors, o.Neighbors...)
	}
	return out
}

// difference translates one of the engine's.
func difference(o ospf.Difference, running, next *config.Config) api.Difference {
	was, is := []any{}, []any{}
	switch {
	case o.Area != nil:
		was, is = areaPath(running, *o.Area), areaPath(next, *o.Area)
		if o.Interface != "" {
			was, is = append(was, "interfaces", o.Was), append(is, "interfaces", o.Entry)
		}
	case o.Interface != "":
		was, is = virtualPath(running, o.Interface), virtualPath(next, o.Interface)
	}
	was, is = append(was, keys(o.Key)...), append(is, keys(o.Key)...)
	if chain := next.Place(append(slices.Clone(is), "key-chain")...).Text; o.Key == "authentication" &&
		chain != "" && chain == running.Place(append(slices.Clone(was), "key-chain")...).Text {
		was, is = chainPath(running, chain), chainPath(next, chain)
	}
	out := placed(running, next, was, is)
	out.Key, out.Impact, out.Detail = o.Key, o.Impact.String(), o.Detail
	if o.Interface != "" {
		out.Interfaces = []string{o.Interface}
	}
	if o.Area != nil {
		out.Area = o.Area.String()
	}
	for _, id := range o.Neighbors {
		out.Neighbors = append(out.Neighbors, id.String())
	}
	return out
}

// placed fills in where the difference is, and what stands there in both files.
func placed(running, next *config.Config, was, is []any) api.Difference {
	p, old := next.PlaceOfChange(is, running, was)
	out := api.Difference{Line: p.Line, Column: p.Column}
	if old.Found {
		out.Running = old.Text
	}
	if p.Found {
		out.File = p.Text
	}
	return out
}

func keys(path string) []any {
	var out []any
	for k := range strings.SplitSeq(path, ".") {
		if k != "" {
			out = append(out, k)
		}
	}
	return out
}

func areaPath(c *config.Config, id packet.ID) []any {
	n := slices.IndexFunc(c.OSPF.Areas, func(a ospf.Area) bool { return a.ID == id })
	return []any{"ospf", "areas", n}
}

func virtualPath(c *config.Config, name string) []any {
	n := slices.IndexFunc(c.OSPF.VirtualLinks, func(v ospf.VirtualLink) bool { return v.Name() == name })
	return append(areaPath(c, 0), "virtual-links", n)
}

func chainPath(c *config.Config, name string) []any {
	for n := 0; ; n++ {
		p := c.Place("key-chains", n, "name")
		if !p.Found || p.Text == name {
			return []any{"key-chains", n}
		}
	}
}

// Plan implements api.Backend.
func (d *daemon) Plan(ctx context.Context, name string, text []byte) ([]api.Difference, error) {
	next, err := config.Parse(name, text)
	if err == nil {
		err = next.Ready()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", api.ErrRefused, err)
	}
	return d.plan(ctx, next)
}

// restarts names what only a restart of the daemon takes over; nil when there is nothing.
func restarts(path string, plan []api.Difference) error {
	var list []string
	for _, o := range plan {
		if o.Impact == impactRestart {
			list = append(list, fmt.Sprintf("%s:%d:%d: %s", path, o.Line, o.Column, o.Key))
		}
	}
	if list == nil {
		return nil
	}
	return errors.New(strings.Join(list, ", ") + ": this changes only with a restart of the daemon; before another kernel.protocol stop it and run ecmpd cleanup; with another wan.mark connections over uplinks begin anew")
}
