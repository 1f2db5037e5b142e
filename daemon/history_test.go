package daemon

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// However much happens, only the latest is remembered, and what happened to one neighbour
// outlives what happens to others.
func TestHistoryIsBounded(t *testing.T) {
	h := newHistory()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	h.add(now, ospf.NeighborChange{RouterID: 1, Interface: "first", From: "Full", To: "Down"})
	for n := range 3 * maxEvents {
		now = now.Add(time.Second)
		h.add(now, ospf.NeighborChange{RouterID: 2, From: "Down", To: "Init", Reason: fmt.Sprint(n)})
	}
	if got := h.events.latest(); len(got) != maxEvents || got[0].Reason != fmt.Sprint(3*maxEvents-1) {
		t.Errorf("%d events, the latest %+v", len(got), got[0])
	}
	if got := h.neighbors[2].latest(); len(got) != maxNeighborEvents {
		t.Errorf("%d events of one neighbour", len(got))
	}
	if got := h.neighbors[1].latest(); len(got) != 1 || got[0].Interface != "first" {
		t.Errorf("events of the quiet neighbour: %+v", got)
	}
	for id := range packet.ID(maxHistories) {
		now = now.Add(time.Second)
		h.add(now, ospf.NeighborChange{RouterID: 100 + id})
	}
	if _, known := h.neighbors[1]; known || len(h.neighbors) != maxHistories {
		t.Errorf("%d histories, the oldest is among them: %v", len(h.neighbors), known)
	}
}

// Changes of leaves within a second are one run.
func TestHistoryOfRuns(t *testing.T) {
	h := newHistory()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	leaf := ospf.Output{Routes: []spf.Change{{Route: spf.Route{NextHops: nexthop.Set{}}}}}
	h.ran(now, leaf)
	h.ran(now.Add(400*time.Millisecond), leaf)
	h.ran(now.Add(1500*time.Millisecond), leaf)
	h.ran(now.Add(1600*time.Millisecond), ospf.Output{Events: []ospf.Event{ospf.SPFRun{Areas: 1, Vertices: 3, Trigger: "x"}}, Routes: leaf.Routes})
	h.ran(now.Add(1700*time.Millisecond), ospf.Output{})
	var got []string
	for _, r := range h.runs.latest() {
		got = append(got, fmt.Sprint(r.Kind, r.Runs, r.Changed))
	}
	if want := "[full1 0 partial1 1 partial2 2]"; fmt.Sprint(got) != want {
		t.Errorf("runs %v, want %s", got, want)
	}
}
