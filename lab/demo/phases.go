package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/ecmpd/ecmpd/lab"
)

// problem is phase (a): equal-cost paths and stateful hubs, no help.
func (d *demo) problem(ctx context.Context) error {
	d.screen.head("(a) Equal-cost paths and stateful hubs, transit traffic tracked")
	failed, err := d.connect(ctx)
	if err != nil {
		return err
	}
	d.find(failed*4 >= d.connections && failed*4 <= d.connections*3,
		"(a) without help %d of %d connections fail; about half is expected", failed, d.connections)
	return nil
}

// cure is phase (b): the same with transit traffic untracked on the hubs.
func (d *demo) cure(ctx context.Context) error {
	d.screen.head("(b) transit mode notrack on both hubs")
	d.screen.step("Changing the hubs' configuration while they run")
	within, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, hub := range d.hubs {
		if err := hub.router.Transit(within, true); err != nil {
			return err
		}
	}
	failed, err := d.connect(ctx)
	if err != nil {
		return err
	}
	d.find(failed == 0, "(b) with transit traffic untracked %d of %d connections succeed", d.connections-failed, d.connections)
	return nil
}

// carrierDeath is the first half of phase (c): hub-a loses power.
func (d *demo) carrierDeath(ctx context.Context) error {
	d.screen.head("(c) hub-a dies under traffic")
	d.screen.step("hub-a loses power: its tunnels lose their carrier")
	return d.die(ctx, "carrier loss", time.Second, func() error {
		for _, t := range tunnels {
			if err := d.hubs[0].node.SetLink(t, false); err != nil {
				return err
			}
		}
		d.hubs[0].router.Kill()
		return nil
	})
}

// resurrection brings hub-a back between its two deaths.
func (d *demo) resurrection(ctx context.Context) error {
	d.screen.step("hub-a gets its power back")
	for _, t := range tunnels {
		if err := d.hubs[0].node.SetLink(t, true); err != nil {
			return err
		}
	}
	return d.revive(ctx)
}

// encore brings hub-a back after its second death, for somebody who wants to
// look at a network that is whole.
func (d *demo) encore(ctx context.Context) error {
	d.screen.step("hub-a comes back, so that all can be looked at")
	if err := d.hubs[0].node.Sysctl("net.ipv4.ip_forward", "1"); err != nil {
		return err
	}
	return d.revive(ctx)
}

// revive starts hub-a's router again and waits until it carries its share.
func (d *demo) revive(ctx context.Context) error {
	hub := d.hubs[0]
	if err := hub.router.Start(ctx); err != nil {
		return err
	}
	if err := d.converge(ctx, "Waiting until both branches use it again"); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return hub.router.Transit(within, true)
}

// silentDeath is the second half of phase (c): nothing tells the branches but
// that the hub's hellos stay away.
func (d *demo) silentDeath(ctx context.Context) error {
	d.screen.step("hub-a dies silently: links stay up, daemon and forwarding are gone")
	return d.die(ctx, "silent death", deadTime+2*time.Second, func() error {
		if err := d.hubs[0].node.Sysctl("net.ipv4.ip_forward", "0"); err != nil {
			return err
		}
		d.hubs[0].router.Kill()
		return nil
	})
}

// die kills hub-a under a probe stream, waits until the stream flows again,
// and then makes new connections, all of which the other hub must carry.
func (d *demo) die(ctx context.Context, name string, limit time.Duration, kill func() error) error {
	stream, err := lab.Probe{From: d.hosts[0], To: service, Flows: 8, FirstPort: 40000, Interval: 5 * time.Millisecond}.Start()
	if err != nil {
		return err
	}
	defer stream.Stop()
	const steady = 500 * time.Millisecond
	wait := func(what string, timeout time.Duration) error {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return lab.Wait(ctx, what, func() (bool, string) {
			r := stream.Result()
			d.screen.progress("%d probes sent, %d lost", r.Sent, r.Lost)
			return stream.Answered(steady), fmt.Sprintf("%+v", r)
		})
	}
	// A flow that has just begun may have met neighbours without an ARP
	// entry; that loss is not the death's.
	if err := wait("all probes answered before the death", 10*time.Second); err != nil {
		return err
	}
	stream.Mark()
	carried, err := d.carried(func() error { return lab.Pause(ctx, steady) })
	if err != nil {
		return err
	}
	if err := kill(); err != nil {
		return err
	}
	if err := lab.Pause(ctx, steady+100*time.Millisecond); err != nil {
		return err
	}
	if err := wait("all probes answered after the death", 15*time.Second); err != nil {
		return err
	}
	after := stream.Stop()
	gap := after.LongestGap.Round(time.Millisecond)
	if after.Lost == 0 {
		d.screen.line("none of %d probes lost", after.Sent)
	} else {
		d.screen.line("%d of %d probes lost, no flow silent for longer than %s", after.Lost, after.Sent, gap)
	}
	d.find(gap <= limit && carried[0] > 0, "(c) %s: traffic was interrupted for %s, %d of %d probes lost",
		name, gap, after.Lost, after.Sent)

	failed, err := d.connect(ctx)
	if err != nil {
		return err
	}
	d.find(failed == 0, "(c) %s: %d of %d new connections succeed over the other hub", name, d.connections-failed, d.connections)
	return nil
}

// connect makes the connections from host-1 to host-2 and says how many failed
// and which hub carried how much.
func (d *demo) connect(ctx context.Context) (failed int, err error) {
	load := lab.Load{
		From: d.hosts[0], To: service, Count: d.connections, FirstPort: d.nextPort,
		Payload: 4096, Timeout: 2 * time.Second,
		Progress: func(done, failed int) {
			d.screen.progress("%d of %d connections, %d failed", done, d.connections, failed)
		},
	}
	d.nextPort += uint16(d.connections)
	d.screen.step("Making %d TCP connections from host-1 to host-2", d.connections)
	var result lab.LoadResult
	carried, err := d.carried(func() (err error) {
		result, err = load.Run(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	failed = result.Failed()
	share := percent(carried[0], carried[0]+carried[1])
	d.screen.line("%d succeeded, %d failed; hub-a carried %d %% and hub-b %d %% of %d packets",
		d.connections-failed, failed, share, 100-share, carried[0]+carried[1])
	return failed, nil
}

// carried counts the packets that came into each hub through its tunnels while
// f ran.
func (d *demo) carried(f func() error) (packets [2]uint64, err error) {
	var before [2]lab.Counters
	for i, hub := range d.hubs {
		if before[i], err = hub.node.Counters(tunnels...); err != nil {
			return packets, err
		}
	}
	if err := f(); err != nil {
		return packets, err
	}
	for i, hub := range d.hubs {
		now, err := hub.node.Counters(tunnels...)
		if err != nil {
			return packets, err
		}
		packets[i] = now.Sub(before[i]).RxPackets
	}
	return packets, nil
}

// percent rounds to whole percent; of nothing it is 0.
func percent(part, whole uint64) uint64 {
	if whole == 0 {
		return 0
	}
	return (100*part + whole/2) / whole
}
