package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
)

func neighbors(states ...string) []api.Neighbor {
	var out []api.Neighbor
	for _, s := range states {
		out = append(out, api.Neighbor{RouterID: "10.0.0.9", Interface: "vpn9", State: s})
	}
	return out
}

func route(installed ...bool) []api.Route {
	r := api.Route{Prefix: "10.10.4.0/24", Protocol: "ospf", Selected: true, Installed: true}
	for _, in := range installed {
		r.NextHops = append(r.NextHops, api.Hop{Interface: "vpn1", Installed: in})
	}
	return []api.Route{{Prefix: "10.10.4.0/24", Protocol: "static", NextHops: []api.Hop{{Installed: true}}}, r}
}

func TestConditions(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	r := &router{}
	r.start(t, socket)
	many := neighbors("Init", "Init", "Init", "Init", "Init", "Init", "Full")
	for _, row := range []struct {
		condition string
		state     state
		missing   string // empty: met
	}{
		{"neighbor=full:2", state{neighbors: neighbors("Full", "Full")}, ""},
		{"neighbor=full:2", state{neighbors: neighbors("Full", "Init")}, "1 neighbours are Full, not 2; 10.0.0.9 on vpn9 is Init"},
		{"neighbor=full:2", state{neighbors: many}, "is Init; and 2 more"},
		{"neighbor=full:1", state{neighbors: neighbors("Full", "Full")}, "2 neighbours are Full, not 1"},
		{"neighbor=full:1+", state{neighbors: neighbors("Full", "Full")}, ""},
		{"neighbor=full:3+", state{neighbors: neighbors("Full", "Full")}, "not 3 or more"},
		{"neighbor=full:0", state{}, ""},
		{"route=10.10.4.0/24:2", state{routes: route(true, true)}, ""},
		{"route=10.10.4.9/24:2", state{routes: route(true, true)}, ""},
		{"route=10.10.4.0/24:2", state{routes: route(true, false)}, "in the kernel: 1, not 2"},
		{"route=10.10.4.0/24:1", state{routes: route(true, true)}, "in the kernel: 2, not 1"},
		{"route=10.10.4.0/24:1+", state{routes: route(true, true)}, ""},
		{"route=10.10.5.0/24:1", state{routes: route(true)}, "there is no route"},
		{"route=10.10.5.0/24:0", state{routes: route(true)}, ""},
		{"transit=sync", state{transit: api.Transit{InSync: true}}, ""},
		{"transit=sync", state{}, "wanted sets"},
	} {
		cond, err := parseCondition(row.condition)
		if err != nil {
			t.Fatal(err)
		}
		r.set(func(s *state) { *s = row.state })
		missing, err := cond.unmet(t.Context(), api.NewClient(socket))
		if err != nil || (missing == "") != (row.missing == "") || !strings.Contains(missing, row.missing) {
			t.Errorf("%s: missing %q (%v), want %q", row.condition, missing, err, row.missing)
		}
	}
}

// A daemon that comes late, converges later and is asked for two things.
func TestWaitForDaemonAndConditions(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	conditions := []condition{mustParse(t, "neighbor=full:1"), mustParse(t, "route=10.10.4.0/24:2")}
	done := make(chan error, 1)
	go func() { done <- wait(t.Context(), api.NewClient(socket), conditions, 20*time.Second) }()

	still := func(what string) {
		t.Helper()
		select {
		case err := <-done:
			t.Fatalf("%s: wait returned %v", what, err)
		case <-time.After(5 * pollInterval):
		}
	}
	still("no socket")
	r := &router{}
	r.start(t, socket)
	still("nothing is there")
	r.set(func(s *state) { s.neighbors = neighbors("Full") })
	still("no route")
	r.set(func(s *state) { s.neighbors, s.routes = neighbors("Init"), route(true, true) })
	still("no neighbour any more")
	r.set(func(s *state) { s.neighbors, s.err = neighbors("Full"), errors.New("busy") })
	still("an error of the daemon")

	start := time.Now()
	r.set(func(s *state) { s.err = nil })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("noticed after %v", took)
	}
}

func TestWaitEnds(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	conditions := []condition{mustParse(t, "neighbor=full:1"), mustParse(t, "route=10.10.4.0/24:2")}
	c := api.NewClient(socket)
	if err := wait(t.Context(), c, conditions, 50*time.Millisecond); !errors.Is(err, api.ErrUnreachable) {
		t.Errorf("no daemon: %v", err)
	}
	(&router{}).start(t, socket)
	err := wait(t.Context(), c, conditions, 50*time.Millisecond)
	if !errors.Is(err, errUnmet) || !strings.Contains(err.Error(), "neighbor=full:1: ") || !strings.Contains(err.Error(), "route=10.10.4.0/24:2: ") {
		t.Errorf("both are missing: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := wait(ctx, c, conditions, time.Minute); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("Ctrl-C: %v", err)
	}
}

func mustParse(t *testing.T, text string) condition {
	t.Helper()
	c, err := parseCondition(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
