package integration

import (
	"fmt"
	"maps"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// TestWANShares measures how new connections are spread.
func TestWANShares(t *testing.T) {
	t.Parallel()
	n := startWAN(t, threeUplinks())
	n.who("internet", ":80")
	n.used("u1 u2 u3")
	measure := func(name string, weights ...float64) {
		t.Helper()
		sum := 0.0
		for _, w := range weights {
			sum += w
		}
		const count = 2000
		got := n.seen("host", wanServer+":80", count)
		for i, w := range weights {
			have, want := 100*float64(got[fmt.Sprintf("10.11%d.0.2", i+1)])/count, 100*w/sum
			if math.Abs(have-want) > 3 {
				t.Errorf("%s: uplink %d got %.1f %%, want %.1f %%: %v", name, i+1, have, want, got)
			}
		}
	}
	measure("2:3:7", 2, 3, 7)
	two := func(weight int, more string) string {
		return "wan:\n  uplinks:\n" + uplink(1, "") + uplink(2, fmt.Sprintf("weight: %d, ", weight)) + more
	}
	n.reload(two(1, ""))
	measure("1:1", 1, 1)
	n.reload(two(5, ""))
	measure("1:5", 1, 5)

	n.reload(two(1, "  balance: nth\n"))
	last := ""
	for range 10 {
		got := n.seen("host", wanServer+":80", 1)
		from := slices.Collect(maps.Keys(got))[0]
		if from == last {
			t.Errorf("nth: %s twice", from)
		}
		last = from
	}

	n.hashed()
	n.reload(two(1, "  balance: route\n"))
	if got := n.seen("host", wanServer+":80", 60); len(got) != 2 {
		t.Errorf("route: %v", got)
	}
	for range 20 {
		l, err := n.call("host", "", wanServer+":80")
		n.must(err)
		n.explained(l)
		l.hangUp()
	}
}

// hashed wants that what is hashed stays on one uplink, and keeps it while another one dies, and that explain knows which.
func (n *wanNet) hashed() {
	n.t.Helper()
	three := "wan:\n  uplinks:\n" + uplink(1, "") + uplink(2, "") + uplink(3, "weight: 2, ")
	for _, balance := range []string{"per-source", "per-destination", "per-address-pair"} {
		n.reload(three + "  balance: " + balance + "\n")
		n.used("u1 u2 u3")
		before := n.byPair(balance)
		if used := slices.Compact(slices.Sorted(maps.Values(before))); len(used) < 2 {
			n.t.Errorf("%s: all by %v", balance, used)
		}
		n.kill(2)
		n.used("u1 u3")
		for pair, by := range n.byPair(balance) {
			if was := before[pair]; was != "10.112.0.2" && was != by {
				n.t.Errorf("%s: %s moved from %s to %s although that is alive", balance, pair, was, by)
			}
		}
		n.revive(2)
		n.used("u1 u2 u3")
	}
}

// byPair says by which uplink connections between two addresses go.
func (n *wanNet) byPair(balance string) map[string]string {
	n.t.Helper()
	out := make(map[string]string)
	for s := 2; s <= 5; s++ {
		for d := 1; d <= 4; d++ {
			key := fmt.Sprintf("192.168.0.%d to 198.51.100.%d", s, d)
			for range 2 {
				l, err := n.call("host", fmt.Sprintf("192.168.0.%d", s), fmt.Sprintf("198.51.100.%d:80", d))
				n.must(err)
				n.explained(l)
				l.hangUp()
				if was, ok := out[key]; ok && was != l.from {
					n.t.Errorf("%s: %s by %s and %s", balance, key, was, l.from)
				}
				out[key] = l.from
			}
		}
	}
	return out
}

// explained wants explain to name the uplink that a connection took, of another one with its addresses as well; where
// the multipath route decides, of the connection itself.
func (n *wanNet) explained(l *line) {
	n.t.Helper()
	from, to := l.LocalAddr().(*net.TCPAddr).AddrPort(), l.RemoteAddr().(*net.TCPAddr).AddrPort()
	q := api.ExplainQuery{Source: from.Addr(), Destination: to.Addr(), Protocol: unix.IPPROTO_TCP, SourcePort: 999, DestinationPort: to.Port(), In: "lan"}
	if strings.Contains(n.config, "balance: route") {
		q.SourcePort = from.Port()
	}
	var e api.Explain
	n.must(api.NewClient(n.ecmpd("router").Socket()).Get(n.ctx, api.PathExplain+"?"+q.Values().Encode(), &e))
	u := e.Forward.Uplink
	if want := "u" + strings.TrimSuffix(strings.TrimPrefix(l.from, "10.11"), ".0.2"); u.Name != want || u.Balanced || strings.Contains(u.Why, "pinned") {
		n.t.Errorf("%v to %v went by %s, explain says %+v", from, to, want, u)
	}
}

// TestWANFailover keeps connections open over three uplinks while one of them dies in silence, the daemon is reloaded,
// killed and started again.
func TestWANFailover(t *testing.T) {
	t.Parallel()
	n := startWAN(t, threeUplinks())
	n.who("internet", ":80")
	n.used("u1 u2 u3")
	lines := n.open("host", wanServer+":80", 600)
	own := n.open("router", wanServer+":80", 60)
	all := append(slices.Clone(lines), own...)
	survive := func(what string, but string) {
		t.Helper()
		lost := map[string]int{}
		for _, l := range all {
			if l.from != but && l.alive() != nil {
				lost[l.from]++
			}
		}
		if len(lost) > 0 {
			t.Errorf("%s: connections lost %v", what, lost)
		}
	}
	survive("at first", "")
	n.kill(2)
	n.used("u1 u3")
	survive("u2 is dead", "10.112.0.2")
	if got := n.seen("host", wanServer+":80", 90); got["10.111.0.2"] != 20 || got["10.113.0.2"] != 70 {
		t.Errorf("without u2 new connections go %v", got)
	}
	w, err := show[api.WANBody](n.network, "router", "wan")
	n.must(err)
	if u := w.WAN.Uplinks[1]; u.State != "down" || u.Reason != "0 of 1 targets answer, 1 must" || u.Pinned > 10 { // its probes
		t.Errorf("u2: %+v", u)
	}
	if u := w.WAN.Uplinks[2]; u.Pinned < 350 || u.SharePercent != 78 || len(u.Targets) != 2 || u.Targets[0].RTTUsec == 0 {
		t.Errorf("u3: %+v", u)
	}
	n.revive(2)
	n.used("u1 u2 u3")
	survive("u2 is back", "10.112.0.2")

	all = slices.DeleteFunc(all, func(l *line) bool { return l.from == "10.112.0.2" })
	n.reload("wan:\n  uplinks:\n" + uplink(3, "weight: 9, ") + uplink(1, "") + "  balance: per-source\n")
	survive("reload: other weights, order and balance, and one uplink less", "")
	running := n.config
	n.config += "  mark: {mask: 0x0000ff00}\n"
	n.must(n.ecmpd("router").Reload(n.routerConfig()))
	if out, err := n.Node("router").Run(n.ctx, binary, "reload", "--socket", n.ecmpd("router").Socket()); err == nil || !strings.Contains(fmt.Sprint(err, out), "connections over uplinks begin anew") {
		t.Errorf("other marks by reload: %v %s", err, out)
	}
	survive("reload with other marks, which is refused", "")
	n.reload(running)
	n.ecmpd("router").Kill()
	survive("while the daemon is dead", "")
	if got := n.seen("host", wanServer+":80", 20); len(got) == 0 {
		t.Error("nothing works while the daemon is dead")
	}
	n.must(n.ecmpd("router").Start(n.ctx))
	n.used("u3 u1")
	survive("after a restart", "")

	n.run("router", binary, "wan", "disable", "u3", "--socket", n.ecmpd("router").Socket())
	n.used("u1")
	survive("u3 is disabled", "")
	if got := n.seen("host", wanServer+":80", 20); got["10.111.0.2"] != 20 {
		t.Errorf("u3 is disabled, new connections go %v", got)
	}
	n.run("router", binary, "wan", "enable", "u3", "--socket", n.ecmpd("router").Socket())
	n.used("u3 u1")
	survive("u3 is enabled", "")

	// With other marks old connections begin anew, and new ones work.
	n.config += "  mark: {mask: 0x0000ff00, table-base: 30000, rule-base: 3000}\n"
	n.must(n.ecmpd("router").Reload(n.routerConfig()))
	n.must(n.ecmpd("router").Stop(n.ctx))
	n.must(n.ecmpd("router").Start(n.ctx))
	n.used("u3 u1")
	n.wait("no connection has an old mark", func() (bool, string) {
		left := n.run("router", "sh", "-c", "cat /proc/net/nf_conntrack; ip rule")
		return !regexp.MustCompile("mark=[0-9]{8}|201[0-9][0-9]:").MatchString(left), left
	})
	if got := n.seen("host", wanServer+":80", 20); len(got) != 1 { // balance: per-source
		t.Errorf("with other marks new connections go %v", got)
	}

	n.must(n.ecmpd("router").Stop(n.ctx))
	n.run("router", binary, "cleanup", "--config", n.ecmpd("router").ConfigFile(), "--state-dir", n.ecmpd("router").Node().Dir()+"/state")
	left := n.run("router", "sh", "-c", "ip rule; ip route show table all proto 201; nft list tables")
	if strings.Contains(left, "201") || strings.Contains(left, "ecmpd") {
		t.Errorf("after cleanup:\n%s", left)
	}
}

// TestWANIngress opens connections from outside by each uplink, to the router and through DNAT to a host, and looks at
// resolvers, rules, endpoints and what is not to be touched.
func TestWANIngress(t *testing.T) {
	t.Parallel()
	n := startWAN(t, "wan:\n  uplinks:\n"+uplink(1, "resolvers: [198.51.100.53], ")+uplink(2, "")+uplink(3, "")+`
  lists: {pinned: [198.51.100.2]}
  rules:
    - {destination: "@pinned", protocol: tcp, port: 81, uplink: u3, fallback: none}
    - {destination: "@pinned", uplink: u2}
    - {source: 192.168.0.5, uplink: u3}
  endpoints: [198.51.100.4]
`)
	n.who("internet", ":80")
	n.who("internet", ":81")
	n.who("router", ":8080")
	n.who("host", ":8081")
	n.who("desk", ":8082")
	n.must(n.Node("router").Firewall(n.ctx, `table ip operator { chain pre { type nat hook prerouting priority -100;
		tcp dport 8081 dnat to 192.168.0.2
		iifname "w*" tcp dport 8082 dnat to 10.10.4.2
	}; }`))
	n.used("u1 u2 u3")
	n.wait("the branch has a way back", func() (bool, string) {
		hops, err := n.Node("branch").NextHops(netip.MustParsePrefix("0.0.0.0/0"))
		return err == nil && len(hops) > 0, fmt.Sprint(hops, err)
	})
	n.waitHops("router", "10.10.4.0/24", 1)
	for i := 1; i <= 3; i++ {
		for _, port := range []int{8080, 8081, 8082} {
			for range 4 { // each could be answered by three ways
				l, err := n.call("internet", wanServer, fmt.Sprintf("10.11%d.0.2:%d", i, port))
				if err != nil || l.from != wanServer || l.alive() != nil {
					t.Fatalf("by uplink %d to port %d: %v", i, port, err)
				}
				l.hangUp()
			}
		}
	}

	only := func(what, node, source, to, want string) {
		t.Helper()
		for range 6 {
			l, err := n.call(node, source, to)
			if err != nil {
				t.Errorf("%s: %v", what, err)
				return
			}
			if l.hangUp(); l.from != want {
				t.Errorf("%s leaves with %s, want %s", what, l.from, want)
			}
		}
	}
	only("a rule by list", "host", "", "198.51.100.2:80", "10.112.0.2")
	only("a rule with port", "host", "", "198.51.100.2:81", "10.113.0.2")
	only("a rule by source", "host", "192.168.0.5", "198.51.100.3:80", "10.113.0.2")
	only("the router itself", "router", "", "198.51.100.2:80", "10.112.0.2")
	only("a resolver", "host", "", "198.51.100.53:80", "10.111.0.2")
	only("a resolver, asked by the router", "router", "", "198.51.100.53:80", "10.111.0.2")
	if got := n.seen("desk", wanServer+":80", 30); len(got) != 3 {
		t.Errorf("a branch reaches the Internet by %v", got)
	}
	// An endpoint stays on one uplink even if OSPF says that it is behind the tunnel.
	n.ip("branch", "route add 198.51.100.4/32 dev lan")
	endpoint, err := n.call("router", "", "198.51.100.4:80")
	n.must(err)
	only("an endpoint", "router", "", "198.51.100.4:80", endpoint.from)

	// What an endpoint begins itself is answered where it came in.
	for i := 1; i <= 3; i++ {
		l, err := n.call("internet", "198.51.100.4", fmt.Sprintf("10.11%d.0.2:8080", i))
		if err != nil {
			t.Fatalf("an endpoint calls by uplink %d: %v", i, err)
		}
		l.hangUp()
	}

	// Explain says the same.
	explained := func(want, route string, args ...string) {
		t.Helper()
		args = append([]string{"explain", "--socket", n.ecmpd("router").Socket()}, args...)
		out := strings.Join(strings.Fields(n.run("router", append([]string{binary}, args...)...)), " ")
		if !strings.Contains(out, "Uplink "+want) || !strings.Contains(out, route) {
			t.Errorf("%v: no %q, %q in:\n%s", args, want, route, out)
		}
	}
	explained("u3: rule 1 (mark 0x3000000, nat masquerade)", "Table 20103", "192.168.0.2", "198.51.100.2", "tcp", "40000", "81")
	explained("u2: rule 2 (", "Out w2", "192.168.0.2", "198.51.100.2", "tcp", "40000", "80")
	explained("u1: a resolver of the uplink", "Out w1", "192.168.0.2", "198.51.100.53", "udp", "40000", "53")
	explained("balanced per-connection among u1 33 %, u2 33 %, u3 33 %", "chosen when its connection begins", "192.168.0.2", wanServer, "tcp", "40000", "80")
	explained("none: there is a route of its own", "Out vpn1", "192.168.0.2", "10.10.4.2", "tcp", "40000", "80")
	explained("u2: answered where it came in", "Table 20102", wanServer, "10.112.0.2", "tcp", "40000", "8080", "--in", "w2")
	held, err := n.call("host", "192.168.0.5", "198.51.100.3:80")
	n.must(err)
	_, port, _ := net.SplitHostPort(held.LocalAddr().String())
	explained("u3: its connection is pinned to it, in conntrack", "Out w3", "192.168.0.5", "198.51.100.3", "tcp", port, "80")

	// To the VPN and the LAN nothing is translated.
	only("to the branch", "host", "192.168.0.3", "10.10.4.2:8082", "192.168.0.3")
	only("to the LAN", "desk", "", "192.168.0.2:8081", "10.10.4.2")

	// A bound socket leaves by its link, whatever the balance says.
	for i := 1; i <= 3; i++ {
		n.ping("router", "-I", fmt.Sprintf("w%d", i), wanServer)
	}

	n.kill(3)
	n.used("u1 u2")
	if l, err := n.call("host", "", "198.51.100.2:81"); err == nil {
		t.Errorf("fallback none: the connection went by %s", l.from)
	}
	if l, err := n.call("host", "192.168.0.5", "198.51.100.3:80"); err != nil || l.from == "10.113.0.2" {
		t.Errorf("fallback balance: %v", err)
	}
	n.must(endpoint.alive())
}

// TestWANAllDown takes all uplinks away: OSPF's default route takes over, and goes when one is back. The branch
// hears of the router's default while an uplink is up.
func TestWANAllDown(t *testing.T) {
	t.Parallel()
	n := startWAN(t, threeUplinks())
	n.who("internet", ":80")
	n.used("u1 u2 u3")
	announced := func(by string) {
		t.Helper()
		n.wait("the branch's default by "+by, func() (bool, string) {
			out := n.run("branch", "ip", "route", "show", "default")
			metric, err := n.ospfRoute("branch", "0.0.0.0/0")
			way := map[string]uint32{"router": 10, "exit": 20}[by] // what it costs to get there; the metric is external
			return err == nil && metric != nil && metric.Cost == way, fmt.Sprint(out, metric, err)
		})
	}
	announced("router")
	for i := 1; i <= 3; i++ {
		n.kill(i)
	}
	n.used("")
	announced("exit")
	if got := n.seen("host", wanServer+":80", 10); got["10.114.0.2"] != 10 {
		t.Errorf("with all uplinks down connections go %v", got)
	}
	if got := n.seen("router", wanServer+":80", 10); got["10.114.0.2"] != 10 {
		t.Errorf("with all uplinks down the router's go %v", got)
	}
	n.revive(2)
	n.used("u2")
	announced("router")
	if got := n.seen("host", wanServer+":80", 10); got["10.112.0.2"] != 10 {
		t.Errorf("u2 is back, connections go %v", got)
	}

	// Without another default the last order stays: what was in use works as soon as it can.
	n.routers["exit"].Kill()
	n.kill(2)
	n.wait("no uplink and no other default", func() (bool, string) {
		w, err := show[api.WANBody](n.network, "router", "wan")
		return err == nil && !w.WAN.Healthy && !w.WAN.Elsewhere && w.WAN.Uplinks[1].Used, fmt.Sprintf("%+v", w)
	})
	n.settled()
	n.revive(2)
	if l, err := n.call("host", "", wanServer+":80"); err != nil || l.from != "10.112.0.2" {
		t.Errorf("the last order: %v", err)
	}
}

// TestWANShapes has uplinks that share gateway and subnet, one without a gateway or a common network, and one whose
// address and gateway come late and change.
func TestWANShapes(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	w := &wanNet{network: n}
	n.wire("router:lan 192.168.0.1/24", "host:eth0 192.168.0.2/24")
	n.ip("host", "route add default via 192.168.0.1")
	// Two providers with the same plan.
	n.wire("router:w1 192.168.1.2/24", "isp1:in 192.168.1.1/24")
	n.wire("router:w2 192.168.1.2/24", "isp2:in 192.168.1.1/24")
	n.wire("router:ppp0 203.0.113.7/32", "isp3:in 203.0.113.1/32")
	n.wire("router:w4", "isp4:in 10.114.0.1/24 10.115.0.1/24")
	for i := 1; i <= 4; i++ {
		isp := fmt.Sprintf("isp%d", i)
		n.ip(isp, "addr add 198.51.100.1/32 dev lo")
		n.must(n.Node(isp).Sysctl("net.ipv4.ip_forward", "1"))
		w.who(isp, ":80")
	}
	n.ip("isp3", "route add 203.0.113.7/32 dev in")
	n.must(n.Node("router").Sysctl("net.ipv4.ip_forward", "1"))
	check := strings.Replace(wanCheck, "gateway, ", "", 1)
	asked := strings.Replace(wanCheck, "icmp 198.51.100.1]", `"tcp 198.51.100.1:80", "tcp 198.51.100.1:81", dns 198.51.100.1], quorum: 3`, 1)
	changes := filepath.Join(n.Dir(), "changes")
	stop := w.resolve("isp1") // port 81 is closed, which is an answer
	w.resolve("isp2")
	w.config = `wan:
  uplinks:
    - {name: u1, interface: w1, gateway: 192.168.1.1, nat: masquerade, ` + asked + `}
    - {name: u2, interface: w2, gateway: 192.168.1.1, nat: masquerade, ` + wanCheck + `}
    - {name: u3, interface: "ppp*", gateway: interface, nat: masquerade, ` + check + `}
    - {name: u4, interface: w4, gateway: dhcp, nat: masquerade, ` + wanCheck + `}
  on-change: ["/usr/bin/tee -a ` + changes + `"]
`
	n.start(peer.NewEcmpd(n.Node("router"), binary, "router-id: 10.255.0.1\n"+w.config))
	w.used("u1 u2 u3")
	if got := w.seen("host", "198.51.100.1:80", 30); got["192.168.1.2"] == 0 || got["203.0.113.7"] == 0 {
		t.Errorf("connections go %v", got)
	}
	// The router of either provider is answered where it is.
	w.who("router", ":8080")
	for _, isp := range []string{"isp1", "isp2"} {
		for range 3 {
			l, err := w.call(isp, "192.168.1.1", "192.168.1.2:8080")
			if err != nil || l.alive() != nil {
				t.Fatalf("from %s: %v", isp, err)
			}
			l.hangUp()
		}
	}
	n.ip("router", "addr add 10.114.0.2/24 dev w4")
	n.ip("router", "route add default via 10.114.0.1 dev w4 proto dhcp metric 100")
	w.used("u1 u2 u3 u4")
	if got := w.seen("host", "198.51.100.1:80", 40); got["10.114.0.2"] == 0 {
		t.Errorf("connections go %v", got)
	}
	n.ip("router", "addr add 10.115.0.2/24 dev w4")
	n.ip("router", "addr del 10.114.0.2/24 dev w4")
	n.ip("router", "route replace default via 10.115.0.1 dev w4 proto dhcp metric 100")
	n.wait("the other address", func() (bool, string) {
		got, err := show[api.WANBody](n, "router", "wan")
		u := got.WAN.Uplinks[3]
		return err == nil && u.Source == "10.115.0.2" && u.Gateway == "10.115.0.1" && u.Used && got.WAN.InSync, fmt.Sprintf("%+v", u)
	})
	if got := w.seen("host", "198.51.100.1:80", 40); got["10.115.0.2"] == 0 {
		t.Errorf("connections go %v", got)
	}
	// The resolver behind the first uplink dies. The one with its address behind the second is no
	// answer.
	stop()
	w.used("u2 u3 u4")
	n.wait("the command on change", func() (bool, string) {
		text, err := os.ReadFile(changes)
		return strings.Contains(string(text), `"uplink":"u1","state":"down","reason":"2 of 3 targets answer, 3 must"`), fmt.Sprint(string(text), err)
	})
	if events := n.run("router", binary, "show", "ospf", "events", "--socket", n.ecmpd("router").Socket()); !strings.Contains(events, "uplink up to down") {
		t.Errorf("events: %s", events)
	}
	w.resolve("isp1")
	w.used("u1 u2 u3 u4")
	// The link goes and comes.
	n.ip("router", "link set ppp0 down")
	w.used("u1 u2 u4")
	n.ip("router", "link set ppp0 up")
	w.used("u1 u2 u3 u4")
	if got := w.seen("host", "198.51.100.1:80", 40); got["203.0.113.7"] == 0 {
		t.Errorf("connections go %v", got)
	}
}
