package daemon

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// How much is remembered: of the router, of one neighbour, and of how many neighbours.
const (
	maxEvents         = 500
	maxNeighborEvents = 32
	maxHistories      = 4096
	maxRuns           = 100
)

// history is what happened lately, for operators. The OSPF loop owns it.
type history struct {
	events    ring[api.Event]
	neighbors map[packet.ID]*ring[api.Event]
	runs      ring[api.SPFRun]
}

func newHistory() *history {
	return &history{
		events: ring[api.Event]{limit: maxEvents}, runs: ring[api.SPFRun]{limit: maxRuns},
		neighbors: make(map[packet.ID]*ring[api.Event]),
	}
}

// ring keeps the latest of its items.
type ring[T any] struct {
	limit int
	items []T // oldest first
}

func (r *ring[T]) add(item T) {
	if len(r.items) == r.limit {
		r.items = slices.Delete(r.items, 0, 1)
	}
	r.items = append(r.items, item)
}

// latest returns a copy, newest first.
func (r *ring[T]) latest() []T {
	list := slices.Clone(r.items)
	slices.Reverse(list)
	return list
}

// add remembers an event of the engine.
func (h *history) add(now time.Time, ev ospf.Event) {
	at := now.Format(api.TimeFormat)
	switch ev := ev.(type) {
	case ospf.NeighborChange:
		h.ofNeighbor(ev.RouterID, api.Event{
			Time: at, Kind: "neighbor", Interface: ev.Interface, RouterID: ev.RouterID.String(), Address: ev.Address.String(),
			From: ev.From, To: ev.To, Reason: ev.Reason,
		})
	case ospf.Helping:
		h.ofNeighbor(ev.RouterID, api.Event{
			Time: at, Kind: "graceful-restart", Interface: ev.Interface, RouterID: ev.RouterID.String(), Address: ev.Address.String(), Reason: ev.Reason,
		})
	case ospf.InterfaceChange:
		h.events.add(api.Event{Time: at, Kind: "interface", Interface: ev.Interface, From: ev.From, To: ev.To, Reason: ev.Reason})
	case ospf.PacketRejected:
		h.events.add(api.Event{
			Time: at, Kind: "rejected", Interface: ev.Interface, Address: ev.Src.String(), Reason: fmt.Sprintf("%s: %s", ev.Reason, ev.Detail),
		})
	case ospf.OverflowChange:
		reason := fmt.Sprintf("%d externals, the limit is %d", ev.Externals, ev.Limit)
		h.events.add(api.Event{Time: at, Kind: "overflow", Reason: reason})
	case ospf.Alarm:
		h.events.add(api.Event{Time: at, Kind: "alarm", Reason: fmt.Sprintf("%s %s: %s", ev.Kind, ev.Subject, ev.Detail)})
	}
}

// ofNeighbor remembers an event for its neighbour, too. Of too many neighbours, the one that was
// heard of longest ago is forgotten.
func (h *history) ofNeighbor(id packet.ID, ev api.Event) {
	h.events.add(ev)
	own := h.neighbors[id]
	if own == nil {
		if len(h.neighbors) >= maxHistories {
			delete(h.neighbors, h.oldest())
		}
		own = &ring[api.Event]{limit: maxNeighborEvents}
		h.neighbors[id] = own
	}
	own.add(ev)
}

func (h *history) oldest() (oldest packet.ID) {
	last := func(id packet.ID) string { return h.neighbors[id].items[len(h.neighbors[id].items)-1].Time }
	first := true
	for id := range h.neighbors {
		if first || cmp.Or(cmp.Compare(last(id), last(oldest)), cmp.Compare(id, oldest)) < 0 {
			oldest, first = id, false
		}
	}
	return oldest
}

// ran remembers what became of the route table in one step of the engine. Changes of leaves that
// follow each other within a second are one run, or they would be all that is remembered.
func (h *history) ran(now time.Time, out ospf.Output) {
	at := now.Format(api.TimeFormat)
	full := false
	for _, ev := range out.Events {
		if run, ok := ev.(ospf.SPFRun); ok {
			full = true
			h.runs.add(api.SPFRun{
				Time: at, Kind: "full", Trigger: run.Trigger, Areas: run.Areas, Vertices: run.Vertices, Changed: run.Changed,
				Runs: 1, DurationUsec: time.Since(now).Microseconds(),
			})
		}
	}
	if full || len(out.Routes) == 0 {
		return
	}
	if n := len(h.runs.items); n > 0 && h.runs.items[n-1].Kind == "partial" {
		last := &h.runs.items[n-1]
		if begun, err := time.Parse(api.TimeFormat, last.Time); err == nil && now.Sub(begun).Abs() < time.Second {
			last.Runs++
			last.Changed += len(out.Routes)
			last.DurationUsec += time.Since(now).Microseconds()
			return
		}
	}
	h.runs.add(api.SPFRun{
		Time: at, Kind: "partial", Trigger: "leaves changed", Changed: len(out.Routes), Runs: 1, DurationUsec: time.Since(now).Microseconds(),
	})
}

// Events implements api.Backend.
func (d *daemon) Events(ctx context.Context, about netip.Addr) ([]api.Event, error) {
	return askOSPF(ctx, d, func(time.Time) []api.Event {
		if !about.IsValid() {
			return d.history.events.latest()
		}
		if own := d.history.neighbors[packet.IDFromAddr(about)]; own != nil {
			return own.latest()
		}
		return nil
	})
}

// SPF implements api.Backend.
func (d *daemon) SPF(ctx context.Context) (api.SPF, error) {
	return askOSPF(ctx, d, func(now time.Time) api.SPF {
		s := d.engine.SPFDelay(now)
		return api.SPF{
			Delay: api.SPFDelay{
				State: s.State, Pending: s.Pending, Trigger: s.Trigger, RunMsec: s.Run.Milliseconds(),
				HoldDownMsec: s.HoldDown.Milliseconds(), LearnMsec: s.Learn.Milliseconds(),
			},
			Runs: d.history.runs.latest(),
		}
	})
}
