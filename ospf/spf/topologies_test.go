package spf

import (
	"slices"
	"strings"
	"testing"
)

// Router 1 is the root. Link k of a topology has the addresses 10.255.0.(4k+1)
// and .(4k+2), in the order in which its ends are named, and interface pk at the root.
var topologies = []struct {
	name    string
	compat  bool
	network string
	want    string
}{
	{
		//        ┌─10─ 2 ─10─┐
		//    1 ──┤           ├── 4 ── stub
		//        └─10─ 3 ─10─┘
		name: "16.1 diamond: both equal-cost paths",
		network: `
			p2p 1 2 10
			p2p 1 3 10
			p2p 2 4 10
			p2p 3 4 10
			stub 4 192.168.4.0/24 5`,
		want: `192.168.4.0/24 intra-area area 0 cost 25 adv 4 via 10.255.0.2 dev p0, via 10.255.0.6 dev p1`,
	},
	{
		//    1 ─10─ 2 ─10─ LAN ── 3 ── stub    The LAN and router 3 are both at
		//    └────────20───────── 3            distance 20: the LAN goes first.
		name: "16.1 (3) network before router at equal distance",
		network: `
			p2p 1 2 10
			p2p 1 3 20
			lan 10.9.0.0/24 2=10 3=10
			stub 3 192.168.3.0/24 1`,
		want: `10.9.0.0/24 intra-area area 0 cost 20 adv 2 via 10.255.0.2 dev p0
			192.168.3.0/24 intra-area area 0 cost 21 adv 3 via 10.255.0.2 dev p0, via 10.255.0.6 dev p1`,
	},
	{
		name: "16.1.1 parallel links, one of them unnumbered, one dearer",
		network: `
			p2p 1 2 10
			p2p 1 2 10 unnumbered
			p2p 1 2 11
			stub 2 192.168.2.0/24 1`,
		want: `192.168.2.0/24 intra-area area 0 cost 11 adv 2 via 10.255.0.2 dev p0, via 10.255.0.6 dev p1 onlink`,
	},
	{
		//    1 ─10─ 2 ─10→ 4    The cheap link is one-way: router 4 does not report it.
		//    └─10─ 3 ─30─ 4
		name: "16.1 (2) (b) no link back",
		network: `
			p2p 1 2 10
			p2p 1 3 10
			p2p 2 4 10 half
			p2p 3 4 30
			stub 4 192.168.4.0/24 1`,
		want: `192.168.4.0/24 intra-area area 0 cost 41 adv 4 via 10.255.0.6 dev p1`,
	},
	{
		//        ┌── 2 ─10─┐
		//    LAN ┼── 3 ─10─┼── 5 ── stub
		//        └── 1      (4 is on the LAN too, with nothing behind)
		name: "16.1.1 gateways on a LAN are the link data of the neighbours",
		network: `
			lan 10.9.0.0/24 2=10 1=10 3=10 4=10
			p2p 2 5 10
			p2p 3 5 10
			stub 4 192.168.4.0/24 1
			stub 5 192.168.5.0/24 1`,
		want: `10.9.0.0/24 intra-area area 0 cost 10 adv 2 local dev lan0-1
			192.168.4.0/24 intra-area area 0 cost 11 adv 4 via 10.9.0.4 dev lan0-1
			192.168.5.0/24 intra-area area 0 cost 21 adv 5 via 10.9.0.2 dev lan0-1, via 10.9.0.3 dev lan0-1`,
	},
	{
		//    1 ──20── LAN ── 3 ── stub    An attached LAN that is as near through router 2:
		//    └─10─ 2 ─10─┘               each next hop is treated by itself.
		name: "16.1.1 attached network and an intervening router at equal cost",
		network: `
			lan 10.9.0.0/24 3=10 1=20 2=10
			p2p 1 2 10
			stub 3 192.168.3.0/24 1`,
		want: `10.9.0.0/24 intra-area area 0 cost 20 adv 3 local dev lan0-1, via 10.255.0.2 dev p0
			192.168.3.0/24 intra-area area 0 cost 21 adv 3 via 10.255.0.2 dev p0, via 10.9.0.3 dev lan0-1`,
	},
	{
		name: "16.1 second stage: union over several stubs, own stub, min cost",
		network: `
			p2p 1 2 10
			p2p 1 3 10
			stub 2 192.168.0.0/24 5
			stub 3 192.168.0.0/24 5
			stub 3 192.168.0.0/24 9
			stub 2 192.168.1.0/24 5
			stub 1 192.168.1.0/24 15
			stub 2 192.168.2.0/24 5
			stub 1 192.168.2.0/24 3`,
		want: `192.168.0.0/24 intra-area area 0 cost 15 adv 3 via 10.255.0.2 dev p0, via 10.255.0.6 dev p1
			192.168.1.0/24 intra-area area 0 cost 15 adv 2 local dev s4, via 10.255.0.2 dev p0
			192.168.2.0/24 intra-area area 0 cost 3 adv 1 local dev s6`,
	},
	{
		name: "RFC 6987 metric 65535 is the last resort, not infinity",
		network: `
			p2p 1 2 10
			p2p 2 3 65535
			p2p 1 4 10
			p2p 4 5 65535
			p2p 1 5 65535
			stub 3 192.168.3.0/24 1
			stub 5 192.168.5.0/24 1`,
		want: `192.168.3.0/24 intra-area area 0 cost 65546 adv 3 via 10.255.0.2 dev p0
			192.168.5.0/24 intra-area area 0 cost 65536 adv 5 via 10.255.0.18 dev p4`,
	},
	{
		//    area 1:  1 ─10─ 2 (B), 1 ─10─ 3 (B), 1 ─10─ 4 (no B)
		name: "16.2 summaries: union, intra-area wins, B bit, LSInfinity, unreachable originator",
		network: `
			area 1
			p2p 1 2 10
			p2p 1 3 10
			p2p 1 4 10
			flags 2 B
			flags 3 B
			flags 9 B
			sum 2 172.16.0.0/16 5
			sum 3 172.16.0.0/16 5
			sum 4 172.16.0.0/16 1
			sum 2 172.17.0.0/16 5
			stub 4 172.17.0.0/16 500
			sum 2 172.18.0.0/16 16777215
			sum 9 172.19.0.0/16 1
			sum 1 172.20.0.0/16 1`,
		want: `172.16.0.0/16 inter-area area 1 cost 15 adv 3 via 10.255.0.2 dev p0, via 10.255.0.6 dev p1
			172.17.0.0/16 intra-area area 1 cost 510 adv 4 via 10.255.0.10 dev p2`,
	},
	{
		name: "16.2 with the backbone attached only its summaries count",
		network: `
			p2p 1 2 10
			flags 2 B
			sum 2 172.16.0.0/16 50
			area 1
			p2p 1 3 10
			flags 3 B
			sum 3 172.16.0.0/16 1
			sum 3 172.17.0.0/16 1`,
		want: `172.16.0.0/16 inter-area area 0 cost 60 adv 2 via 10.255.0.2 dev p0`,
	},
	{
		name: "RFC 3509 2.1 without the backbone all count",
		network: `
			area 1
			p2p 1 2 10
			flags 2 B
			sum 2 172.16.0.0/16 5
			area 2
			p2p 1 3 10
			flags 3 B
			sum 3 172.16.0.0/16 5
			sum 3 172.17.0.0/16 1`,
		want: `172.16.0.0/16 inter-area area 2 cost 15 adv 3 via 10.255.0.2 dev p0, via 10.255.0.6 dev p1
			172.17.0.0/16 inter-area area 2 cost 11 adv 3 via 10.255.0.6 dev p1`,
	},
	{
		//    1 ─10─ 2 (E)   1 ─10─ 3 (E)   1 ─20─ 4 (E)   1 ─10─ 5 (no E)
		name: "16.4 (6) order of externals and ECMP on a full tie",
		network: `
			p2p 1 2 10
			p2p 1 3 10
			p2p 1 4 20
			p2p 1 5 10
			flags 2 E
			flags 3 E
			flags 4 E
			ext 2 172.16.0.0/16 e2 20         # full tie of 2 and 3; 4 is further away
			ext 3 172.16.0.0/16 e2 20 tag 7
			ext 4 172.16.0.0/16 e2 20
			ext 2 172.17.0.0/16 e2 20         # smaller type 2 metric wins over distance
			ext 4 172.17.0.0/16 e2 19
			ext 2 172.18.0.0/16 e2 1          # type 1 wins over type 2
			ext 4 172.18.0.0/16 e1 500
			ext 2 172.19.0.0/16 e1 20         # type 1: sum of both metrics
			ext 4 172.19.0.0/16 e1 10
			ext 2 172.20.0.0/16 e2 1          # intra-area wins over all
			stub 4 172.20.0.0/16 100
			ext 5 172.21.0.0/16 e2 1          # not an AS boundary router
			ext 2 172.22.0.0/16 e2 16777215   # LSInfinity
			ext 1 172.23.0.0/16 e2 1          # our own
			ext 9 172.24.0.0/16 e2 1          # unreachable
			ext 2 0.0.0.0/0 e2 1`,
		want: `0.0.0.0/0 external-2 area - cost 1/10 adv 2 via 10.255.0.2 dev p0
			172.16.0.0/16 external-2 area - cost 20/10 adv 3 tag 7 via 10.255.0.2 dev p0, via 10.255.0.6 dev p1
			172.17.0.0/16 external-2 area - cost 19/20 adv 4 via 10.255.0.10 dev p2
			172.18.0.0/16 external-1 area - cost 520 adv 4 via 10.255.0.10 dev p2
			172.19.0.0/16 external-1 area - cost 30 adv 4 via 10.255.0.2 dev p0, via 10.255.0.10 dev p2
			172.20.0.0/16 intra-area area 0 cost 120 adv 4 via 10.255.0.10 dev p2`,
	},
	{
		//    LAN 10.9.0.0/24: 1, 2 (E), 3, and 10.9.0.77 that speaks no OSPF
		name: "16.4 (3) forwarding addresses",
		network: `
			lan 10.9.0.0/24 2=10 1=10 3=10
			p2p 3 4 10
			flags 2 E
			stub 4 10.8.0.0/24 1
			stub 1 10.7.0.1/32 0
			ext 2 10.6.0.0/16 e2 1
			ext 2 172.16.0.0/16 e2 20 via 10.9.0.77   # attached: the address is the gateway
			ext 2 172.17.0.0/16 e2 20 via 10.9.0.3    # attached, and a router is there
			ext 2 172.18.0.0/16 e2 20 via 10.8.0.9    # behind routers: the way there
			ext 2 172.19.0.0/16 e2 20 via 10.6.0.1    # only an external leads there
			ext 2 172.20.0.0/16 e2 20 via 10.5.0.1    # nothing leads there
			ext 2 172.21.0.0/16 e2 20 via 10.9.0.1    # ourselves
			ext 2 172.22.0.0/16 e2 20 via 10.7.0.1    # ourselves
			ext 9 172.23.0.0/16 e2 20 via 10.9.0.77   # its originator is unreachable
			ext 2 172.24.0.0/16 e1 20 via 10.8.0.9`,
		want: `10.6.0.0/16 external-2 area - cost 1/10 adv 2 via 10.9.0.2 dev lan0-1
			10.7.0.1/32 intra-area area 0 cost 0 adv 1 local dev s1
			10.8.0.0/24 intra-area area 0 cost 21 adv 4 via 10.9.0.3 dev lan0-1
			10.9.0.0/24 intra-area area 0 cost 10 adv 2 local dev lan0-1
			172.16.0.0/16 external-2 area - cost 20/10 adv 2 via 10.9.0.77 dev lan0-1
			172.17.0.0/16 external-2 area - cost 20/10 adv 2 via 10.9.0.3 dev lan0-1
			172.18.0.0/16 external-2 area - cost 20/21 adv 2 via 10.9.0.3 dev lan0-1
			172.24.0.0/16 external-1 area - cost 41 adv 2 via 10.9.0.3 dev lan0-1`,
	},
	{
		//    backbone: 1 ─10─ 2 (E)    area 1: 1 ─30─ 3 (E)
		name: "16.4.1 a non-backbone intra-area path is preferred",
		network: `
			p2p 1 2 10
			flags 2 E
			ext 2 172.16.0.0/16 e2 20
			ext 3 172.16.0.0/16 e2 20
			area 1
			p2p 1 3 30
			flags 3 E`,
		want: `172.16.0.0/16 external-2 area - cost 20/30 adv 3 via 10.255.0.6 dev p1`,
	},
	{
		name:   "16.4.1 RFC1583Compatibility: the nearest one",
		compat: true,
		network: `
			p2p 1 2 10
			flags 2 E
			ext 2 172.16.0.0/16 e2 20
			ext 3 172.16.0.0/16 e2 20
			area 1
			p2p 1 3 30
			flags 3 E`,
		want: `172.16.0.0/16 external-2 area - cost 20/10 adv 2 via 10.255.0.2 dev p0`,
	},
	{
		//    One ASBR in the backbone at 10, in area 1 at 10 and in area 2 at 10.
		name:   "16.4 (3) largest area ID among least cost entries of one AS boundary router",
		compat: true,
		network: `
			p2p 1 2 10
			flags 2 E
			ext 2 172.16.0.0/16 e2 20
			area 1
			p2p 1 2 10
			flags 2 E
			area 2
			p2p 1 2 10
			flags 2 E`,
		want: `172.16.0.0/16 external-2 area - cost 20/10 adv 2 via 10.255.0.10 dev p2`,
	},
	{
		//    area 1:  1 ─10─ 2 (B) … 8    1 ─10─ 3 (BE)
		name: "16.2 ASBR-summaries: a far AS boundary router; an intra-area one keeps its path",
		network: `
			area 1
			p2p 1 2 10
			p2p 1 3 10
			flags 2 B
			flags 3 BE
			asbr 2 8 5
			asbr 3 8 5
			asbr 2 3 0
			ext 8 172.16.0.0/16 e2 20
			ext 3 172.17.0.0/16 e2 20`,
		want: `172.16.0.0/16 external-2 area - cost 20/15 adv 8 via 10.255.0.2 dev p0, via 10.255.0.6 dev p1
			172.17.0.0/16 external-2 area - cost 20/10 adv 3 via 10.255.0.6 dev p1`,
	},
	{
		//    1 ─0─ 2 ─0─ 3 ─0─ 4    A ring that costs nothing behind router 2.
		//          └────0──────┘
		name: "16.1 links of metric 0",
		network: `
			p2p 1 2 0
			p2p 2 3 0
			p2p 3 4 0
			p2p 4 2 0
			stub 4 192.168.4.0/24 0`,
		want: `192.168.4.0/24 intra-area area 0 cost 0 adv 4 via 10.255.0.2 dev p0`,
	},
	{
		name: "prefixes that never become routes, and one that does",
		network: `
			p2p 1 2 10
			flags 2 E
			stub 2 127.0.0.0/8 1
			stub 2 127.0.0.1/32 1
			stub 2 224.0.0.0/4 1
			stub 2 255.255.255.255/32 1
			stub 2 0.0.0.0/32 1
			stub 2 0.0.0.0/1 1
			ext 2 127.1.0.0/16 e2 1
			ext 2 240.0.0.0/4 e2 1`,
		want: `0.0.0.0/1 intra-area area 0 cost 11 adv 2 via 10.255.0.2 dev p0`,
	},
	{
		name: "RFC 6860 hidden transit network",
		network: `
			lan 10.9.0.0/32 2=10 1=10
			stub 2 192.168.2.0/24 1`,
		want: `192.168.2.0/24 intra-area area 0 cost 11 adv 2 via 10.9.0.2 dev lan0-1`,
	},
}

func TestTopologies(t *testing.T) {
	for _, tt := range topologies {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, tt.network)
			c := Config{RouterID: 1, RFC1583Compat: tt.compat}
			want := strings.ReplaceAll(tt.want, "\t", "") + "\n"
			if got := show(slices.Collect(m.fresh(c).Routes())); got != want {
				t.Error(difference(got, want))
			}
			if got := m.oracle(c); got != want && !strings.HasPrefix(tt.name, "prefixes") {
				t.Error("oracle: " + difference(got, want))
			}
		})
	}
}
