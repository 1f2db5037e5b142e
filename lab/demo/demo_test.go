package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/lab/peer"
)

// frrSeat runs FRR, and on a hub a table that the operator wrote by hand does
// what ecmpd's transit mode does. It shows that the problem is in the network
// and not in ecmpd, and that the cure is the untracking.
type frrSeat struct {
	*peer.FRR
	seat *seat
	cure string // the ruleset that Transit loads
}

const notrackByHand = `
table inet ecmpd {
	chain prerouting {
		type filter hook prerouting priority -300;
		ip saddr { 10.10.0.0/16, 10.0.0.0/16 } ip daddr { 10.10.0.0/16, 10.0.0.0/16 } iifname "vpn*" notrack
	}
}
`

func frrSeats(cure string) seats {
	return func(s *seat) (router, error) {
		// FRR 8.4 loses track of nexthop objects that the kernel removes
		// with the carrier, and does not write them again.
		config := "no zebra nexthop kernel enable\nrouter ospf\n ospf router-id " + s.routerID +
			"\n timers throttle spf 0 50 200\n timers throttle lsa all 0\n timers lsa min-arrival 0\n maximum-paths 16\n"
		for _, ifname := range tunnels {
			config += "interface " + ifname + "\n ip ospf network point-to-point\n ip ospf cost 10\n" +
				" ip ospf hello-interval 1\n ip ospf dead-interval 4\n ip ospf retransmit-interval 3\n ip ospf area 0\n"
		}
		if !s.hub {
			config += "interface lan\n ip ospf area 0\n ip ospf passive\n"
		}
		for _, kv := range [][2]string{{"policy", "3"}, {"fields", "55"}} { // 0x37, the 5-tuple
			if err := s.node.Sysctl("net.ipv4.fib_multipath_hash_"+kv[0], kv[1]); err != nil {
				return nil, err
			}
		}
		return frrSeat{peer.NewFRR(s.node, config), s, cure}, nil
	}
}

func (f frrSeat) Converged(ctx context.Context, full int, routes map[netip.Prefix]int) error {
	return peer.Wait(ctx, f, full, routes)
}

func (f frrSeat) Transit(ctx context.Context, untracked bool) error {
	rules := "table inet ecmpd\ndelete table inet ecmpd\n"
	if untracked {
		rules += f.cure
	}
	return f.seat.node.Firewall(ctx, rules)
}

func (f frrSeat) Look() []string { return nil }

// TestStoryWithFRR is the oracle of the demo: with routers that are not ours
// about half of the connections fail, and rules written by hand cure that.
func TestStoryWithFRR(t *testing.T) {
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	err := Run(ctx, Options{Out: &out, seats: frrSeats(notrackByHand)})
	t.Log(out.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`\(a\) without help \d+ of 400 connections fail`,
		`\(b\) with transit traffic untracked 400 of 400 connections succeed`,
		`hub-a carried [3-7]\d % and hub-b [3-7]\d %`,
		`\(c\) carrier loss: traffic was interrupted for`,
		`\(c\) silent death: 400 of 400 new connections succeed`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("the demo did not say %q", want)
		}
	}
	leaves(t)
}

// TestVerdictFails gives the hubs a cure that cures nothing.
func TestVerdictFails(t *testing.T) {
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	err := Run(ctx, Options{Out: &out, connections: 60, seats: frrSeats("")})
	if !errors.Is(err, ErrVerdict) || !strings.Contains(err.Error(), "(b)") {
		t.Errorf("got %v, want a verdict about (b)\n%s", err, out.String())
	}
	leaves(t)
}

// TestInterrupted ends the demo in the middle of its first measurement.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	out := &cutter{when: "Making", then: cancel}
	err := Run(ctx, Options{Out: out, seats: frrSeats(notrackByHand)})
	if err == nil || !strings.Contains(err.Error(), "interrupted; the demo's network is removed") {
		t.Errorf("got %v, want interrupted\n%s", err, out.text.String())
	}
	leaves(t)
}

// cutter calls then when it reads a word.
type cutter struct {
	text bytes.Buffer
	when string
	then func()
}

func (c *cutter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(c.when)) {
		c.then()
	}
	return c.text.Write(p)
}

// leaves checks that no namespace and no directory of this process's demos is left.
func leaves(t *testing.T) {
	t.Helper()
	own := fmt.Sprintf("%s-%d", tag, os.Getpid())
	for _, pattern := range []string{"/run/netns/" + own + "[.-]*", "/run/" + own, "/run/" + own + ".*"} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestHubConfigChangesOnlyTheMode(t *testing.T) {
	hub := &seat{hub: true, routerID: "10.255.0.1"}
	off, on := hub.config("off"), hub.config("notrack")
	if strings.Replace(off, `mode: "off"`, `mode: "notrack"`, 1) != on {
		t.Errorf("the phases differ in more than the mode:\n%s\n%s", off, on)
	}
	branch := &seat{routerID: "10.255.0.11"}
	if strings.Contains(branch.config("notrack"), "transit") {
		t.Error("a branch has a transit section")
	}
	if percent(2, 3) != 67 || percent(0, 0) != 0 {
		t.Error("percent")
	}
}
