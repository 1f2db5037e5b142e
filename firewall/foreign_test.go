package firewall

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBlockers walks chains by hand-made rules.
func TestBlockers(t *testing.T) {
	untracked := condition{field: fieldState, mask: stateUntracked}
	invalid := condition{field: fieldState, mask: 1}
	unknown := condition{}
	in1 := condition{field: fieldIn, names: []string{"vpn1"}}
	inAll := condition{field: fieldIn, names: []string{"vpn*"}}
	notIn1 := condition{field: fieldIn, names: []string{"vpn1"}, not: true}
	udp := condition{field: fieldProtocol, values: []byte{protocolUDP}}
	never := condition{field: fieldTracked, not: true}
	lan := condition{field: fieldSource, ranges: [][2]uint32{{0xc0a80000, 0xc0a8ffff}}}
	ten := condition{field: fieldSource, ranges: [][2]uint32{{0x0a000000, 0x0affffff}}}
	some := condition{field: fieldSource, ranges: [][2]uint32{{0x0a0a0100, 0x0a0a01ff}}}
	when := func(v verdict, c ...condition) foreignRule { return foreignRule{when: c, verdict: v, text: "x"} }
	to := func(v verdict, target string, c ...condition) foreignRule {
		return foreignRule{when: c, verdict: v, target: target, text: "j"}
	}
	type rules = []foreignRule

	for _, tt := range []struct {
		name  string
		drop  bool
		rules rules
		sub   rules // chain "sub"
		want  string
	}{
		{name: "empty accept", want: ""},
		{name: "empty drop", drop: true, want: "f/policy!"},
		{name: "untracked accepted first", drop: true, rules: rules{when(verdictAccept, untracked), when(verdictDrop)}, want: ""},
		{name: "untracked accepted too late", rules: rules{when(verdictDrop), when(verdictAccept, untracked)}, want: "f/x!"},
		{name: "established only", drop: true, rules: rules{when(verdictAccept, condition{field: fieldState, mask: 6})}, want: "f/policy!"},
		{name: "drop invalid", rules: rules{when(verdictDrop, invalid)}, want: ""},
		{name: "drop all but established", rules: rules{when(verdictDrop, condition{field: fieldState, mask: 6, not: true})}, want: "f/x!"},
		{name: "unknown accept", drop: true, rules: rules{when(verdictAccept, unknown)}, want: "f/policy?"},
		{name: "unknown drop", rules: rules{when(verdictDrop, unknown)}, want: "f/x?"},
		{name: "unknown drop after the accept", drop: true, rules: rules{when(verdictAccept), when(verdictDrop, unknown)}, want: ""},
		{name: "never, also when negated", rules: rules{when(verdictDrop, never)}, want: ""},
		{name: "one of the interfaces", drop: true, rules: rules{when(verdictAccept, in1)}, want: "f/policy?"},
		{name: "each interface", drop: true, rules: rules{when(verdictAccept, in1), when(verdictAccept, notIn1)}, want: ""},
		{name: "interfaces by pattern", drop: true, rules: rules{when(verdictAccept, inAll)}, want: ""},
		{name: "one protocol", rules: rules{when(verdictDrop, udp)}, want: "f/x?"},
		{name: "addresses outside", rules: rules{when(verdictDrop, lan)}, want: ""},
		{name: "addresses that cover", drop: true, rules: rules{when(verdictAccept, ten)}, want: ""},
		{name: "addresses that cover some", drop: true, rules: rules{when(verdictAccept, some)}, want: "f/policy?"},
		{name: "jump that accepts", drop: true, rules: rules{to(verdictJump, "sub")}, sub: rules{when(verdictAccept, untracked)}, want: ""},
		{name: "jump that returns", drop: true, rules: rules{to(verdictJump, "sub")}, sub: rules{when(verdictReturn), when(verdictAccept)}, want: "f/policy!"},
		{name: "jump that maybe returns without loss", drop: true, rules: rules{to(verdictJump, "sub", unknown)}, sub: rules{when(verdictReturn, unknown)}, want: "f/policy!"},
		{name: "jump that drops", rules: rules{to(verdictJump, "sub")}, sub: rules{when(verdictDrop)}, want: "sub/x!"},
		{name: "jump that drops some", rules: rules{to(verdictJump, "sub", unknown)}, sub: rules{when(verdictDrop)}, want: "sub/x?"},
		{name: "jump for others", rules: rules{to(verdictJump, "sub", invalid)}, sub: rules{when(verdictDrop)}, want: ""},
		{name: "goto ends at the policy", drop: true, rules: rules{to(verdictGoto, "sub"), when(verdictAccept)}, want: "f/policy!"},
		{name: "goto for some", drop: true, rules: rules{to(verdictGoto, "sub", unknown), when(verdictAccept)}, want: "f/policy?"},
		{name: "return in a base chain", drop: true, rules: rules{when(verdictReturn), when(verdictAccept)}, want: "f/policy!"},
		{name: "queue", rules: rules{when(verdictMaybeDrop)}, want: "f/x?"},
		{name: "endless jumps", rules: rules{to(verdictJump, "sub")}, sub: rules{to(verdictJump, "sub")}, want: "sub/too many jumps to follow?"},
		{name: "unreadable jump", rules: rules{to(verdictJump, "gone")}, want: "f/jump to gone, which cannot be read?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			chains := []foreignChain{
				{family: "inet", table: "t", name: "f", hook: hookForward, drop: tt.drop, rules: tt.rules},
				{family: "inet", table: "t", name: "sub", rules: tt.sub},
				{family: "ip", table: "t", name: "sub", rules: rules{when(verdictDrop)}},
			}
			got := ""
			for _, b := range blockers(chains, []string{"vpn1", "vpn2"}, prefixes("10.10.1.0/24", "10.10.2.0/24")) {
				mark := map[bool]string{true: "!", false: "?"}[b.Certain]
				got += b.Chain + "/" + b.Rule + mark
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := blockers([]foreignChain{{hook: hookForward, drop: true}}, nil, prefixes("10.0.0.0/8")); got == nil || len(got) != 0 {
		t.Errorf("without interfaces nothing is transit, got %v", got)
	}
}

func TestCoverageReachesTheTop(t *testing.T) {
	top := prefixes("255.255.255.0/24")
	for _, tt := range []struct {
		r    [2]uint32
		want answer
	}{{[2]uint32{0xffffff00, 0xffffffff}, yes}, {[2]uint32{0, 0xfffffeff}, no}, {[2]uint32{0, 0xffffff00}, maybe}} {
		if got := coverage([][2]uint32{tt.r}, prefixRanges(top)); got != tt.want {
			t.Errorf("%x: %v, want %v", tt.r, got, tt.want)
		}
	}
}

// TestPacketsOfManyInterfaces: 200 tunnels that no rule tells apart need a few packets only.
func TestPacketsOfManyInterfaces(t *testing.T) {
	var names []string
	for i := range 200 {
		names = append(names, "vpn"+string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	c := foreignChain{hook: hookForward, rules: []foreignRule{{when: []condition{{field: fieldIn, names: []string{"vpnaa"}}}}}}
	w := newWalker([]foreignChain{c})
	got := w.packets(names, prefixes("10.0.0.0/8"))
	if len(got) != 3*2*2 {
		t.Errorf("%d packets", len(got))
	}
	if !slices.ContainsFunc(got, func(p packet) bool { return p.in == "vpnaa" }) {
		t.Error("the interface that a rule names is missing")
	}
}

// TestBlockersOfManyRules: thousands of rules, each for a tunnel of its own, do not
// make a pair of each two tunnels; what holds for all of them is certain all the same.
func TestBlockersOfManyRules(t *testing.T) {
	var names []string
	chain := foreignChain{family: "inet", table: "t", name: "f", hook: hookForward}
	rule := func(f field, name string, v verdict) foreignRule {
		return foreignRule{when: []condition{{field: f, names: []string{name}}}, verdict: v, text: name}
	}
	for i := range 300 {
		names = append(names, fmt.Sprintf("vpn%d", i))
		for range 10 {
			chain.rules = append(chain.rules, rule(fieldOut, "lan", verdictDrop), rule(fieldIn, names[i], verdictNone))
		}
	}
	chain.rules = append(chain.rules, rule(fieldIn, "vpn7", verdictDrop), rule(fieldOut, "vpn*", verdictDrop))
	got := blockers([]foreignChain{chain}, names, prefixes("10.0.0.0/8"))
	if len(got) != 2 || got[0].Rule != "vpn*" || got[1].Rule != "vpn7" || got[1].Certain {
		t.Errorf("%+v", got)
	}
	w := newWalker([]foreignChain{chain})
	if n := len(w.packets(names, prefixes("10.0.0.0/8"))) * len(chain.rules); n > 2*2*maxMatches {
		t.Errorf("%d rules are compared with packets", n)
	}
}

// Rules that offload are named with the packets that may meet them. Flowtables are
// decoded by hand: not every kernel of a test has them.
func TestOffloads(t *testing.T) {
	d := decoder{memo: map[chainKey]*foreignElements{}}
	rules := d.rules(chainKey{unix.NFPROTO_INET, "t", "f"}, rawRule{handle: 4, exprs: []rawExpr{{name: "flow_offload"}}})
	chains := []foreignChain{{family: "inet", table: "t", name: "f", hook: hookForward, rules: rules}}
	got := offloads(chains, []string{"vpn1", "vpn2"}, prefixes("10.10.0.0/16"))
	if len(got) != 1 || got[0].Chain != "f" || got[0].Certain {
		t.Errorf("flowtables %+v", got)
	}
}

// What iptables-legacy-save prints, read word by word; what is not understood may match.
func TestParseLegacy(t *testing.T) {
	words := splitWords(`-A F -m comment --comment "route \"web\" x" -j ACCEPT`)
	if len(words) != 8 || words[5] != `route "web" x` {
		t.Errorf("%q", words)
	}
	chains := parseLegacy(strings.Join([]string{
		"# by hand", "*filter", ":INPUT DROP [0:0]", ":FORWARD DROP [1:2]", ":USER - [0:0]",
		"-A FORWARD -m set --match-set bad src -j DROP",
		"-A FORWARD -i vpn+ ! -o lan -p tcp -m tcp --dport 80:90 -j USER",
		"-A FORWARD -p 50 -g USER", "-A FORWARD -s 10.0.0.0/255.0.255.0 -j ACCEPT", "-A FORWARD -j QUEUE", "-A GONE -j DROP", "-A FORWARD", "-A FORWARD !",
		"-A USER -j CT --notrack", "COMMIT",
	}, "\n"))
	if len(chains) != 3 || chains[1].hook != hookForward || !chains[1].drop || chains[2].hook != hookNone || chains[0].hook != hookInput {
		t.Fatalf("%+v", chains)
	}
	p := &packet{in: "vpn7", out: "wan", protocol: 6, destinationPort: [][2]uint32{{85, 85}}, source: [][2]uint32{{1, 1}}}
	w := newWalker(chains)
	w.base, w.p = &chains[1], p
	var got []answer
	for _, r := range chains[1].rules {
		got = append(got, w.match(r))
	}
	if want := []answer{maybe, yes, no, maybe, yes, yes, maybe}; !slices.Equal(got, want) {
		t.Errorf("matches %v, want %v", got, want)
	}
	if r := chains[1].rules; r[1].verdict != verdictJump || r[2].verdict != verdictGoto || r[4].verdict != verdictMaybeDrop || chains[2].rules[0].effects&effectNotrack == 0 {
		t.Errorf("rules %+v", r)
	}
}

func FuzzParseLegacy(f *testing.F) {
	f.Add("*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m tcp -p tcp ! --tcp-flags SYN,ACK SYN -j A\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range parseLegacy(text) {
			for _, r := range c.rules {
				_ = r.String()
			}
		}
	})
}
