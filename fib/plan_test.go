package fib

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/ipv4"
	"github.com/ecmpd/ecmpd/nexthop"
)

const twoLinks = "link a 2 up\nlink b 3 up\n"

var planTests = []struct{ name, wanted, kernel, plan string }{
	{"empty", "", "", ""},
	{"first routes: objects, group, routes", twoLinks + `
route 10.1.0.0/16 10.0.0.2@a 10.0.1.2@b
route 10.2.0.0/16 10.0.0.2@a 10.0.1.2@b
route 10.3.0.0/16 10.0.0.2@a`, "", `
add nexthop 1 via 10.0.0.2 dev 2
add nexthop 2 via 10.0.1.2 dev 3
add group 3 1/2
add route 10.1.0.0/16 nhid 3
add route 10.2.0.0/16 nhid 3
add route 10.3.0.0/16 nhid 1`},
	{"weights, direct, onlink, discard", twoLinks + `
route 10.1.0.0/16 10.0.0.2@a 10.0.1.2@b*3
route 10.2.0.0/16 @a
route 10.3.0.0/16 192.0.2.1@b!
route 10.4.0.0/16 blackhole`, "", `
add nexthop 1 via 10.0.0.2 dev 2
add nexthop 2 via 10.0.1.2 dev 3
add nexthop 4 dev 2
add nexthop 5 via 192.0.2.1 dev 3 onlink
add group 3 1/2,3
add route 10.1.0.0/16 nhid 3
add route 10.2.0.0/16 nhid 4 scope link
add route 10.3.0.0/16 nhid 5
add route 10.4.0.0/16 blackhole`},
	{"adopt what is equal", twoLinks + "route 10.1.0.0/16 10.0.0.2@a 10.0.1.2@b\nsweep", `
nexthop 7 via 10.0.0.2 dev 2
nexthop 8 via 10.0.1.2 dev 3
group 9 7/8
route 10.1.0.0/16 nhid 9`, ""},
	{"another order is another group", twoLinks + "route 10.1.0.0/16 10.0.0.2@a 10.0.1.2@b\nsweep", `
nexthop 7 via 10.0.0.2 dev 2
nexthop 8 via 10.0.1.2 dev 3
group 9 8/7
route 10.1.0.0/16 nhid 9`, `
add group 1 7/8
replace route 10.1.0.0/16 nhid 1
delete group 9`},
	{"dead leg: only groups are replaced", twoLinks + `
dead b 10.0.1.2
owns 9 10.0.0.2@a 10.0.1.2@b
route 10.1.0.0/16 10.0.0.2@a 10.0.1.2@b
sweep`, `
nexthop 7 via 10.0.0.2 dev 2
nexthop 8 via 10.0.1.2 dev 3
group 9 7/8
route 10.1.0.0/16 nhid 9`, `
evict nexthop 8`},
	{"dead leg with a route of its own", twoLinks + `
dead b 10.0.1.2
owns 9 10.0.0.2@a 10.0.1.2@b
owns 0 10.0.1.2@b
route 10.1.0.0/16 10.0.0.2@a 10.0.1.2@b
route 10.2.0.0/16 10.0.1.2@b
sweep`, `
nexthop 7 via 10.0.0.2 dev 2
nexthop 8 via 10.0.1.2 dev 3
group 9 7/8
route 10.1.0.0/16 nhid 9
route 10.2.0.0/16 nhid 8`, `
delete route 10.2.0.0/16
evict nexthop 8`},
	{"dead leg before the sweep: the object may be needed", twoLinks + `
dead b 10.0.1.2
owns 9 10.0.0.2@a 10.0.1.2@b
route 10.1.0.0/16 10.0.0.2@a 10.0.1.2@b`, `
nexthop 7 via 10.0.0.2 dev 2
nexthop 8 via 10.0.1.2 dev 3
group 9 7/8
route 10.1.0.0/16 nhid 9`, `
replace group 9 7`},
	{"dead leg, but a group has nothing else", twoLinks + `
dead b 10.0.1.2
owns 9 10.0.0.2@a 10.0.1.2@b
route 10.1.0.0/16 10.0.0.2@a 10.0.1.2@b
sweep`, `
nexthop 7 via 10.0.0.2 dev 2
nexthop 8 via 10.0.1.2 dev 3
group 9 7/8
group 10 8
route 10.1.0.0/16 nhid 9
route 10.2.0.0/16 nhid 10`, `
replace group 9 7
delete route 10.2.0.0/16
delete group 10
delete nexthop 8`},
	{"the kernel shrank the group already", `
link a 2 up
link b 3 down
owns 9 10.0.0.2@a 10.0.1.2@b
route 10.1.0.0/16 10.0.0.2@a 10.0.1.2@b`, `
nexthop 7 via 10.0.0.2 dev 2
group 9 7
route 10.1.0.0/16 nhid 9`, ""},
	{"link back", twoLinks + `
owns 9 10.0.0.2@a 10.0.1.2@b
route 10.1.0.0/16 10.0.0.2@a 10.0.1.2@b`, `
nexthop 7 via 10.0.0.2 dev 2
group 9 7
route 10.1.0.0/16 nhid 9`, `
add nexthop 1 via 10.0.1.2 dev 3
replace group 9 7/1`},
	{"group was emptied: it comes back with its id and its routes", twoLinks + `
owns 9 10.0.0.2@a 10.0.1.2@b
route 10.1.0.0/16 10.0.0.2@a 10.0.1.2@b`, "", `
add nexthop 1 via 10.0.0.2 dev 2
add nexthop 2 via 10.0.1.2 dev 3
add group 9 1/2
add route 10.1.0.0/16 nhid 9`},
	{"all legs dead: route before group before objects", twoLinks + `
dead a 10.0.0.2
dead b 10.0.1.2
owns 9 10.0.0.2@a 10.0.1.2@b
route 10.1.0.0/16 10.0.0.2@a 10.0.1.2@b
sweep`, `
nexthop 7 via 10.0.0.2 dev 2
nexthop 8 via 10.0.1.2 dev 3
group 9 7/8
route 10.1.0.0/16 nhid 9`, `
evict nexthop 7
delete route 10.1.0.0/16
delete group 9
delete nexthop 8`},
	{"link made anew has another index", `
link a 5 up
route 10.1.0.0/16 10.0.0.2@a
sweep`, `
nexthop 7 via 10.0.0.2 dev 2
route 10.1.0.0/16 nhid 7`, `
add nexthop 1 via 10.0.0.2 dev 5
replace route 10.1.0.0/16 nhid 1
delete nexthop 7`},
	{"stale things stay before the sweep", twoLinks, `
nexthop 7 via 10.0.0.2 dev 2
group 9 7
route 10.1.0.0/16 nhid 9
stray 10.2.0.0/16 254 77`, ""},
	{"and go with it", twoLinks + "sweep", `
nexthop 7 via 10.0.0.2 dev 2
group 9 7
route 10.1.0.0/16 nhid 9
stray 10.2.0.0/16 254 77`, `
delete route 10.1.0.0/16
delete route 10.2.0.0/16 table 254 metric 77
delete group 9
delete nexthop 7`},
	{"ids of others are skipped", twoLinks + "route 10.1.0.0/16 10.0.0.2@a", "foreign 1\nforeign 2", `
add nexthop 3 via 10.0.0.2 dev 2
add route 10.1.0.0/16 nhid 3`},
	{"unknown interface, empty set", "link a 2 up\nroute 10.1.0.0/16 10.0.0.2@x\nroute 10.2.0.0/16", "", ""},
	{"our route in an unknown form", twoLinks + "route 10.1.0.0/16 blackhole", "route 10.1.0.0/16 other",
		"replace route 10.1.0.0/16 blackhole"},
	{"blocked is left alone", twoLinks + "route 10.1.0.0/16 blackhole\nblocked 10.1.0.0/16", "", ""},
}

func TestPlan(t *testing.T) {
	for _, tt := range planTests {
		t.Run(tt.name, func(t *testing.T) {
			w, o := parseWanted(t, tt.wanted), parseObserved(t, tt.kernel)
			if w.sweep {
				for p := range o.routes {
					w.dirty = append(w.dirty, p)
				}
			}
			before := fmt.Sprint(*w, *o)
			ops, _, _ := plan(w, o)
			var lines []string
			for _, op := range slices.Concat(ops[:]...) {
				lines = append(lines, op.String())
			}
			if got, want := strings.Join(lines, "\n"), strings.TrimSpace(tt.plan); got != want {
				t.Errorf("plan\n%s\nwant\n%s", got, want)
			}
			if after := fmt.Sprint(*w, *o); after != before {
				t.Errorf("plan changed its arguments:\n%s\n%s", before, after)
			}
		})
	}
}

func fieldLines(text string) (out [][]string) {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// parseSet reads hops written gateway@interface[*weight][!], ! for onlink.
func parseSet(t testing.TB, words []string) nexthop.Set {
	var hops []nexthop.Hop
	for _, w := range words {
		w, onlink := strings.CutSuffix(w, "!")
		w, weight, _ := strings.Cut(w, "*")
		gw, name, _ := strings.Cut(w, "@")
		h := nexthop.Hop{Interface: name, OnLink: onlink}
		if gw != "" {
			h.Gateway = netip.MustParseAddr(gw)
			h.RouterID = h.Gateway
		}
		if weight != "" {
			h.Weight = uint8(number(t, weight))
		}
		hops = append(hops, h)
	}
	return nexthop.NewSet(hops...)
}

func number(t testing.TB, s string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

func parsePrefix(t testing.TB, s string) ipv4.Prefix {
	t.Helper()
	return compact(netip.MustParsePrefix(s))
}

func compact(p netip.Prefix) ipv4.Prefix {
	c, _ := ipv4.PrefixOf(p)
	return c
}

func parseWanted(t testing.TB, text string) *wanted {
	t.Helper()
	table := newTable(Config{}.withDefaults(), nil)
	w := &table.want
	w.firstID = 1
	for _, f := range fieldLines(text) {
		switch f[0] {
		case "link":
			w.links[f[1]] = Iface{Name: f[1], Index: int(number(t, f[2])), Up: f[3] == "up"}
		case "dead":
			table.SetDead(nexthop.Leg{Interface: f[1], Gateway: netip.MustParseAddr(f[2])}, true)
		case "route":
			r := Route{Prefix: netip.MustParsePrefix(f[1])}
			if r.Discard = len(f) > 2 && f[2] == "blackhole"; !r.Discard {
				r.NextHops = parseSet(t, f[2:])
			}
			table.Set(r)
		case "owns":
			id := number(t, f[1])
			w.placed[setKey{set: parseSet(t, f[2:])}] = place{group: id, target: target{id: id}}
		case "blocked":
			w.blocked[parsePrefix(t, f[1])] = ErrForeign
		case "sweep":
			w.sweep = true
		default:
			t.Fatalf("wanted %q", f)
		}
	}
	return w
}

func parseObserved(t testing.TB, text string) *observed {
	t.Helper()
	o := newObserved()
	for _, f := range fieldLines(text) {
		switch f[0] {
		case "nexthop":
			o.hops[number(t, f[1])] = hopKey{gateway: netip.MustParseAddr(f[3]), ifindex: int(number(t, f[5]))}
		case "group":
			var ms []member
			for _, m := range strings.Split(f[2], "/") {
				id, weight, _ := strings.Cut(m+",1", ",")
				ms = append(ms, member{id: number(t, id), weight: uint8(number(t, weight[:1]))})
			}
			o.groups[number(t, f[1])] = ms
		case "foreign":
			o.foreign[number(t, f[1])] = struct{}{}
		case "route":
			tg := target{other: f[2] == "other", discard: f[2] == "blackhole"}
			if f[2] == "nhid" {
				tg.id = number(t, f[3])
			}
			o.setRoute(parsePrefix(t, f[1]), tg)
		case "stray":
			o.strays[stray{prefix: parsePrefix(t, f[1]), table: number(t, f[2]), metric: number(t, f[3])}] = struct{}{}
		default:
			t.Fatalf("kernel %q", f)
		}
	}
	return o
}

// BenchmarkPlan plans 100,000 routes over two legs: all of them at the start,
// one that has changed, and a leg that dies.
func BenchmarkPlan(b *testing.B) {
	const routes = 100_000
	var text strings.Builder
	text.WriteString(twoLinks)
	for i := range routes {
		fmt.Fprintf(&text, "route %s 10.0.0.2@a 10.0.1.2@b\n", prefixOf(i))
	}
	all := parseWanted(b, text.String())
	full := parseObserved(b, "nexthop 1 via 10.0.0.2 dev 2\nnexthop 2 via 10.0.1.2 dev 3\ngroup 3 1/2\n")
	for i := range routes {
		full.setRoute(compact(prefixOf(i)), target{id: 3})
	}
	run := func(name string, w *wanted, o *observed, want int) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stages, _, _ := plan(w, o)
				n := 0
				for _, stage := range stages {
					n += len(stage)
				}
				if n != want {
					b.Fatalf("%d writes, want %d", n, want)
				}
			}
		})
	}
	run("first", all, newObserved(), routes+3)

	_, placed, _ := plan(all, full)
	settled := *all
	settled.placed, settled.dirty = placed, nil
	gone := settled
	gone.dirty = []ipv4.Prefix{compact(prefixOf(routes))}
	full.setRoute(compact(prefixOf(routes)), target{id: 3})
	run("one-withdrawn", &gone, full, 1)

	leg := settled
	leg.dead = parseWanted(b, twoLinks+"dead b 10.0.1.2").dead
	run("dead-leg", &leg, full, 1)
}
