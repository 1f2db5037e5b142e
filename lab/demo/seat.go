package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// seat is the place of a router in the network.
type seat struct {
	node     *lab.Node
	routerID string
	hub      bool
	router   router
}

// seats makes the router for a seat.
type seats func(*seat) (router, error)

// router is what the story asks of a router. The demo seats ecmpd; the tests
// also seat others, to show that problem and cure are in the network.
type router interface {
	Start(ctx context.Context) error
	// Kill ends it at once and leaves its kernel state, as a crash does.
	Kill()
	// Converged waits for a number of Full neighbours and, by prefix, of
	// kernel next hops.
	Converged(ctx context.Context, full int, routes map[netip.Prefix]int) error
	// Transit takes the traffic between the branches out of connection
	// tracking, or back. It returns when the kernel does so.
	Transit(ctx context.Context, untracked bool) error
	// Look lists commands for somebody who wants to look at it.
	Look() []string
}

// config is the configuration of a hub or a branch.
func (s *seat) config(transit string) string {
	c := "router-id: " + s.routerID + `
ospf:
  areas:
    - area-id: 0.0.0.0
      interfaces:
        - match: "vpn*"
          interface-type: point-to-point
          cost: 10
          hello-interval: 1s
          dead-interval: 4s
        - match: lan
          passive: true
ecmp:
  max-paths: 16
  hash: l4
`
	if s.hub {
		c += "transit:\n  mode: \"" + transit + "\"\n"
	}
	return c
}

// ecmpdSeat runs ecmpd.
type ecmpdSeat struct {
	*peer.Ecmpd
	seat *seat
}

func ecmpdSeats(binary string) seats {
	return func(s *seat) (router, error) {
		if binary == "" {
			return nil, errors.New("the demo was not told which executable to run")
		}
		return ecmpdSeat{peer.NewEcmpd(s.node, binary, s.config("off")), s}, nil
	}
}

// Converged implements router with the command that a script would use.
func (e ecmpdSeat) Converged(ctx context.Context, full int, routes map[netip.Prefix]int) error {
	timeout := 30 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(time.Until(deadline), time.Second)
	}
	args := []string{fmt.Sprintf("neighbor=full:%d", full)}
	for p, n := range routes {
		args = append(args, fmt.Sprintf("route=%s:%d", p, n))
	}
	slices.Sort(args)
	return e.Wait(ctx, append(args, "--timeout", timeout.Round(time.Millisecond).String())...)
}

// Transit implements router.
func (e ecmpdSeat) Transit(ctx context.Context, untracked bool) error {
	mode := "off"
	if untracked {
		mode = "notrack"
	}
	if err := e.Reload(e.seat.config(mode)); err != nil {
		return err
	}
	return lab.Wait(ctx, e.seat.node.Name()+": transit mode "+mode+" in the kernel", func() (bool, string) {
		out, err := e.Show(ctx, "transit", "-o", "json")
		if err != nil {
			return false, err.Error() + "; log: " + e.Log()
		}
		var body struct {
			Transit struct {
				Mode     string         `json:"mode"`
				Prefixes []netip.Prefix `json:"prefixes"`
				InSync   bool           `json:"inSync"`
			} `json:"transit"`
		}
		if err := json.Unmarshal([]byte(out), &body); err != nil {
			return false, err.Error() + ": " + out
		}
		t := body.Transit
		return t.Mode == mode && t.InSync && (!untracked || covers(t.Prefixes, lan1) && covers(t.Prefixes, lan2)), out
	})
}

func covers(list []netip.Prefix, p netip.Prefix) bool {
	return slices.ContainsFunc(list, func(q netip.Prefix) bool { return q.Bits() <= p.Bits() && q.Contains(p.Addr()) })
}

// Look implements router.
func (e ecmpdSeat) Look() []string {
	binary := e.Binary()
	shows := []string{"ospf neighbor", "route", "nexthop"}
	if e.seat.hub {
		shows = []string{"ospf neighbor", "route", "transit"}
	}
	var list []string
	for _, s := range shows {
		list = append(list, strings.Join([]string{binary, "show", s, "--socket", e.Socket()}, " "))
	}
	return list
}
