package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/ecmpd/ecmpd/lab"
)

// figure is one thing that is measured of every make; less is better.
type figure struct {
	name   string
	values map[string]string
	number map[string]float64
}

// scores collects the figures in the order in which they come.
type scores struct{ list []*figure }

func (s *scores) add(maker, name, unit string, value float64, note string) {
	var f *figure
	for _, have := range s.list {
		if have.name == name {
			f = have
		}
	}
	if f == nil {
		f = &figure{name: name, values: map[string]string{}, number: map[string]float64{}}
		s.list = append(s.list, f)
	}
	f.values[maker] = fmt.Sprintf("%.2f %s%s", value, unit, note)
	if note == "" {
		f.number[maker] = max(value, 0.01) // what can be told apart
	}
}

// String is the table: each make's figure and how often it is ecmpd's.
func (s *scores) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nFIGURE\tECMPD\tFRR\tBIRD\tFRR/ECMPD\tBIRD/ECMPD")
	for _, f := range s.list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s", f.name, f.values["ecmpd"], f.values["frr"], f.values["bird"])
		own := f.number["ecmpd"]
		for _, other := range []string{"frr", "bird"} {
			if value, ok := f.number[other]; ok && own > 0 { // 0: ecmpd was not measured
				fmt.Fprintf(w, "\t%.1f", value/own)
			} else {
				fmt.Fprint(w, "\t-")
			}
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	return b.String()
}

// BenchmarkMakes measures ecmpd, FRR and BIRD in the same seats, one after the
// other in one run, and prints the figures side by side.
func BenchmarkMakes(b *testing.B) {
	var s scores
	for b.Loop() {
		for _, maker := range []string{"ecmpd", "frr", "bird"} {
			b.Run("tunnels/"+maker, func(b *testing.B) { benchmarkTunnels(b, &s, maker) })
			b.Run("externals/"+maker, func(b *testing.B) { benchmarkExternals(b, &s, maker) })
			b.Run("silent-death/"+maker, func(b *testing.B) { benchmarkDeath(b, &s, maker, true) })
			b.Run("remote-carrier/"+maker, func(b *testing.B) { benchmarkDeath(b, &s, maker, false) })
		}
	}
	fmt.Println(s.String()) // b.Log is silent when sub-benchmarks pass
}

// benchmarkTunnels holds 200 tunnels. FRR 8.4 meets the kernel's limit of 20
// multicast memberships of one socket.
func benchmarkTunnels(b *testing.B, s *scores, maker string) {
	const count = 200
	for b.Loop() {
		n := newNetwork(b, 120*time.Second)
		took, full := n.hubFull(maker, count, 30*time.Second)
		note := ""
		if full < count {
			note = fmt.Sprintf(" (only %d Full)", full)
		}
		s.add(maker, "200 tunnels, all Full", "s", took.Seconds(), note)
		n.settle("hub")
		s.add(maker, "200 tunnels, idle", "% CPU", 100*n.idle("hub", 10*time.Second), note)
		s.add(maker, "200 tunnels, resident", "MB", float64(n.usage("hub").memory)/1e6, note)
	}
}

// benchmarkExternals brings 10,000 prefixes of two ASBRs into the kernel and
// takes them out.
func benchmarkExternals(b *testing.B, s *scores, maker string) {
	const count = 10_000
	for b.Loop() {
		n := newNetwork(b, 120*time.Second)
		n.externalsLab(maker, count)
		w := n.watch("router", "172.0.0.0/8")
		s.add(maker, "10,000 externals, last LSA to last route", "s", n.announce(w, true, count).Seconds(), "")
		s.add(maker, "10,000 externals, resident", "MB", float64(n.usage("router").memory)/1e6, "")
		s.add(maker, "10,000 externals, last flush to last route gone", "s", n.announce(w, false, count).Seconds(), "")
	}
}

// benchmarkDeath joins two branches by two hubs, all of one make, and takes
// one way away: either a hub dies and its links stay up, or its link to the
// far branch loses carrier. It measures until the near branch's kernel has
// the other way alone.
//
//	near = hub-a, hub-b = far - 172.16.1.0/24
func benchmarkDeath(b *testing.B, s *scores, maker string, silent bool) {
	for b.Loop() {
		n := newNetwork(b, 90*time.Second)
		for i, hub := range []string{"hub-a", "hub-b"} {
			n.wire(fmt.Sprintf("near:vpn%d 10.1.%d.1/30", i, i), fmt.Sprintf("%s:vpn0 10.1.%d.2/30", hub, i))
			n.wire(fmt.Sprintf("far:vpn%d 10.2.%d.1/30", i, i), fmt.Sprintf("%s:vpn1 10.2.%d.2/30", hub, i))
		}
		n.wire("far:net 172.16.1.1/24", "host:eth0")
		two := []port{{name: "vpn0"}, {name: "vpn1"}}
		for i, name := range []string{"near", "hub-a", "hub-b", "far"} {
			ports := two
			if name == "far" {
				ports = append(ports[:2:2], port{name: "net", passive: true})
			}
			n.seat(maker, name, seat{id: fmt.Sprintf("10.255.0.%d", i+1), ports: ports})
		}
		target := netip.MustParsePrefix("172.16.1.0/24")
		legs := func(want int) {
			n.wait(fmt.Sprintf("%d ways", want), func() (bool, string) {
				hops, err := n.Node("near").NextHops(target)
				return err == nil && len(hops) == want, fmt.Sprint(hops, err)
			})
		}
		legs(2)
		n.must(lab.Pause(n.ctx, 12*time.Second)) // start-up has passed, delays are at rest
		start := time.Now()
		name := "remote link loses carrier, route moved"
		if silent {
			name = "silent death of a hub (4 s dead interval), route moved"
			n.routers["hub-a"].Kill()
		} else {
			n.ip("far", "link set vpn0 down")
		}
		legs(1)
		s.add(maker, name, "s", time.Since(start).Seconds(), "")
	}
}
