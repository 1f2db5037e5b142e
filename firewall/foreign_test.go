package firewall

import (
	"slices"
	"testing"
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
