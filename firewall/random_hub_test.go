package firewall

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

var randomRulesets = flag.Int("random.rulesets", 6, "how many rulesets TestFollowRandomRules makes up")

// TestFollowRandomRules makes rulesets up, with jumps, maps of verdicts, sets and whatever
// else rules are made of, and wants what is foretold for certain to be right.
func TestFollowRandomRules(t *testing.T) {
	n := newHub(t, "random")
	tap := newTap(t, n)
	all := 0
	for seed := range *randomRulesets {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r, script := rand.New(rand.NewPCG(uint64(seed), 7)), ""
			for refused := errors.New("none yet"); refused != nil; { // some matches contradict each other
				script = randomRuleset(r)
				load := exec.Command("ip", "netns", "exec", string(n.hub), "nft", "-f", "-")
				load.Stdin = strings.NewReader(script)
				refused = load.Run()
			}
			defer n.unload(t)
			mustApply(t, n.f, hubRules)
			_, certain := n.agree(t, tap, randomPackets(100))
			if all += certain; t.Failed() {
				t.Log(script)
			}
		})
	}
	if all < 30**randomRulesets {
		t.Errorf("%d answers of %d are certain", all, 100**randomRulesets)
	}
}

// ruleMaker writes rules in nft's words.
type ruleMaker struct {
	*rand.Rand
	chains int // that rules may jump to, by number; only to higher ones
}

func randomRuleset(r *rand.Rand) string {
	m := ruleMaker{r, 4}
	var b strings.Builder
	b.WriteString("table inet made {\n\tset ports { type inet_service; flags interval; elements = { 1-500, 8080, 20000-30000 }; }\n" +
		"\tset hosts { type ipv4_addr; flags interval; elements = { 10.10.1.0/26, 10.10.2.100-10.10.2.180, 192.168.1.0/24 }; }\n" +
		"\tset both { type ipv4_addr . inet_service; flags interval; elements = { 10.10.2.0/25 . 1-20000 }; }\n" +
		"\tset names { type ifname; flags interval; elements = { \"vpn*\" }; }\n\tcounter seen { }\n")
	for c := m.chains - 1; c >= 0; c-- {
		fmt.Fprintf(&b, "\tchain c%d {\n%s\t}\n", c, m.rules(c+1))
	}
	for i, hook := range []string{"prerouting", "forward", "forward", "postrouting"} {
		policy := []string{"accept", "drop"}[m.IntN(5)/4]
		fmt.Fprintf(&b, "\tchain b%d {\n\t\ttype filter hook %s priority %d; policy %s;\n%s\t}\n", i, hook, m.IntN(300)-150, policy, m.rules(0))
	}
	return b.String() + "}\n"
}

func (m ruleMaker) rules(from int) string {
	var b strings.Builder
	for range 1 + m.IntN(6) {
		b.WriteString("\t\t")
		for range m.IntN(3) {
			b.WriteString(m.match() + " ")
		}
		if m.IntN(4) == 0 {
			b.WriteString(m.vmap(from) + "\n")
		} else {
			b.WriteString(m.verdict(from) + "\n")
		}
	}
	return b.String()
}

func (m ruleMaker) one(of ...string) string { return of[m.IntN(len(of))] }

func (m ruleMaker) match() string {
	not := m.one("", "", "!= ")
	switch m.IntN(15) {
	case 0:
		return "iifname " + not + m.one(`"vpn1"`, `"vpn*"`, `"lan"`, `{ "vpn2", "lan" }`, "@names", `{ "v*", "eth0" }`)
	case 1:
		return "meta iif " + not + m.one("vpn1", "lan", "{ vpn1, vpn2 }")
	case 2:
		return "ip saddr " + not + m.one("10.10.1.0/25", "10.10.1.7-10.10.2.9", "{ 10.10.2.0/24, 10.10.1.3 }", "@hosts")
	case 3:
		return "ip daddr " + not + m.one("10.10.2.128/25", "10.0.0.0/8", "{ 10.10.1.0/24, 192.168.1.2 }", "@hosts")
	case 4:
		return m.one("tcp", "udp", "th") + " dport " + not + m.one("80", "1-30000", "{ 22, 443, 1000-40000 }", "@ports")
	case 5:
		return "udp sport " + not + m.one("53", "1024-65535", "{ 1-100, 40000-50000 }")
	case 6:
		return "ct state " + not + m.one("new", "untracked", "invalid", "{ new, established }", "{ established, related, untracked }")
	case 7:
		return "meta l4proto " + not + m.one("tcp", "{ udp, icmp }", "17")
	case 8:
		return "fib " + m.one("saddr", "daddr") + " type " + not + m.one("local", "unicast", "{ unicast, broadcast }")
	case 9:
		return m.one("tcp flags & (syn | ack) == syn", "tcp flags syn", "tcp flags & ack != 0", "ip frag-off & 0x1fff != 0", "tcp flags { syn, ack }", "ip saddr & 0.0.0.3 == 0.0.0.1", "tcp dport > 5000", "udp dport < 100", "th sport >= 30000")
	case 10:
		return m.one("counter name seen", "counter", "meta mark set 1", "log prefix \"x\" level debug", "meta nfproto ipv4", "meta nfproto ipv6", "ip ttl > 3")
	case 11:
		return "ip saddr . th dport " + not + m.one("@both", "{ 10.10.1.9 . 80, 10.10.1.10 . 22 }")
	case 12:
		return m.one("iifname . ip saddr . meta l4proto "+not+`{ "vpn1" . 10.10.1.0/25 . tcp, "vpn2" . 10.10.2.9-10.10.2.90 . udp }`,
			"iif . oif { vpn1 . vpn2, lan . vpn1 }", "ip saddr . ip daddr "+not+"{ 10.10.1.0/26 . 10.10.2.0/24, 10.10.2.64/26 . 10.10.1.0/25 }",
			"oifname . meta mark { lan . 1 }", "meta l4proto . th dport "+not+"{ tcp . 1-1023, udp . 53, udp . 40000-65535 }", "ct state . ip daddr { new . 10.10.1.7, untracked . 10.10.2.8 }")
	case 13:
		return m.one("udp sport 1-65535 udp dport 443", "tcp sport 80 tcp dport 22", "ip protocol udp", "ip protocol { 6, 17 }", "meta protocol ip", "ct status dnat", "ct direction original", "ct mark 0")
	}
	return "oifname " + not + m.one(`"vpn1"`, `"vpn*"`, `{ "lan", "vpn2" }`)
}

func (m ruleMaker) verdict(from int) string {
	if from < m.chains && m.IntN(2) == 0 {
		return fmt.Sprintf("%s c%d", m.one("jump", "goto"), from+m.IntN(m.chains-from))
	}
	return m.one("accept", "return", "drop", "counter", "continue", "accept", "return", "counter")
}

func (m ruleMaker) vmap(from int) string {
	terminal := func() string { return strings.Replace(m.verdict(from), "counter", "continue", 1) }
	switch m.IntN(6) {
	case 4:
		return fmt.Sprintf("ip daddr . th dport vmap { 10.10.2.0/25 . 1-30000 : %s, 10.10.1.5-10.10.1.80 . 443 : %s }", terminal(), terminal())
	case 0:
		return fmt.Sprintf("ip saddr vmap { 10.10.1.0/25 : %s, 10.10.2.7-10.10.2.99 : %s }", terminal(), terminal())
	case 1:
		return fmt.Sprintf("meta l4proto vmap { tcp : %s, udp : %s }", terminal(), terminal())
	case 2:
		return fmt.Sprintf("ct state vmap { new : %s, untracked : %s }", terminal(), terminal())
	case 3:
		return fmt.Sprintf("iifname . oifname vmap { vpn1 . vpn2 : %s, vpn2 . vpn1 : %s }", terminal(), terminal())
	}
	return fmt.Sprintf("iifname vmap { vpn1 : %s, lan : %s }", terminal(), terminal())
}
