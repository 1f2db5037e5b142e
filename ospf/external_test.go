package ospf

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

func prefix24(n int) netip.Prefix { return pfx(fmt.Sprintf("172.16.%d.0/24", n)) }

func prefixes(list ...string) (ps []netip.Prefix) {
	for _, s := range list {
		ps = append(ps, pfx(s))
	}
	return ps
}

// announced lists our AS-external-LSAs that are not being flushed as "id prefix metric type tag".
func (l *lab) announced() string {
	var list []string
	for entry := range l.e.as.Type(packet.LSExternal) {
		if entry.Adv != self || entry.IsMaxAge(l.now) {
			continue
		}
		x, err := packet.DecodeExternalLSA(entry.Raw)
		if err != nil {
			l.t.Fatal(err)
		}
		bits, _ := packet.MaskLen(x.Mask)
		list = append(list, fmt.Sprintf("%s %s/%d %d %t %d", entry.ID, entry.ID&x.Mask, bits, x.Metric, x.Type2, x.Tag))
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

func redistributing(rules ...Redistribute) func(*lab) {
	return func(l *lab) { l.cfg.Redistribute = rules }
}

// 12.4.4: the first rule with the source whose prefixes match decides.
func TestExternal12_4_4_Rules(t *testing.T) {
	l := newLab(t, redistributing(
		Redistribute{Source: Static, Prefixes: []PrefixRange{{Prefix: pfx("10.64.0.0/10"), Ge: 16, Le: 24}}, Metric: 5, Tag: 7},
		Redistribute{Source: Static, Prefixes: []PrefixRange{{Prefix: pfx("192.168.0.0/16"), Ge: 16, Le: 16}}, Metric: 9, Type2: true},
		Redistribute{Source: Connected, Metric: 20, Type2: true},
	))
	l.step(Offer{Source: Static, Add: prefixes("10.64.0.0/16", "10.64.1.0/24", "10.64.1.4/30", "192.168.0.0/16", "192.168.4.0/24", "0.0.0.0/0")})
	l.step(Offer{Source: Kernel, Add: prefixes("10.65.0.0/16")})
	l.step(Offer{Source: Connected, Add: prefixes("172.16.0.0/24", "127.0.0.0/8", "169.254.0.0/16", "10.0.0.0/24", "10.1.0.0/30", "10.255.0.1/32")})
	l.advance(6 * time.Second)
	want := `10.64.0.0 10.64.0.0/16 5 false 7
10.64.1.0 10.64.1.0/24 5 false 7
172.16.0.0 172.16.0.0/24 20 true 0
192.168.0.0 192.168.0.0/16 9 true 0`
	if got := l.announced(); got != want {
		t.Errorf("announced:\n%s", got)
	}
	if _, r := l.own(); r.Flags != packet.RouterE {
		t.Errorf("flags %x", r.Flags)
	}
	l.step(Offer{Source: Static, Remove: prefixes("10.64.0.0/16", "192.168.0.0/16")})
	if got := l.announced(); strings.Contains(got, "192.168") || strings.Contains(got, "10.64.0.0/16") {
		t.Errorf("announced after the removal:\n%s", got)
	}
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Redistribute = nil })
	l.advance(10 * time.Second)
	if got := l.announced(); got != "" {
		t.Errorf("announced without rules:\n%s", got)
	}
	if _, r := l.own(); r.Flags != 0 {
		t.Errorf("flags %x", r.Flags)
	}
}

// The default route: never, when present, always.
func TestExternal_Default(t *testing.T) {
	const announced = "0.0.0.0 0.0.0.0/0 1 true 3"
	for when, want := range map[DefaultWhen][2]string{DefaultNever: {"", ""}, DefaultPresent: {"", announced}, DefaultAlways: {announced, announced}} {
		l := newLab(t, func(l *lab) {
			l.cfg.Default = DefaultOriginate{When: when, Metric: 1, Type2: true, Tag: 3}
			l.cfg.Redistribute = []Redistribute{{Source: Kernel, Metric: 20}}
		})
		before := l.announced()
		l.step(Offer{Source: Kernel, Add: prefixes("0.0.0.0/0")})
		if got := [2]string{before, l.announced()}; got != want {
			t.Errorf("%d: %q", when, got)
		}
		l.step(Offer{Source: Kernel, Remove: prefixes("0.0.0.0/0")})
		l.advance(2 * time.Second) // MinLSArrival: a flush must not overtake what it ends
		if got := l.announced(); got != want[0] {
			t.Errorf("%d after the removal: %q", when, got)
		}
	}
}

// Appendix E: prefixes with one network address have distinct link state ids,
// whatever the order in which they come and go.
func TestExternalE_LinkStateIDs(t *testing.T) {
	all := prefixes("10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/23", "10.0.0.0/24", "10.0.0.0/31", "10.0.0.0/32", "10.0.0.255/32", "10.0.255.255/32")
	for seed := range 50 {
		l := newLab(t, redistributing(Redistribute{Source: Static, Metric: 1}))
		order := slices.Clone(all)
		for n := range order {
			m := (n*7 + seed*5) % len(order)
			order[n], order[m] = order[m], order[n]
		}
		has := map[netip.Prefix]bool{}
		check := func(what string) {
			t.Helper()
			l.advance(10 * time.Second)
			seen := map[netip.Prefix]bool{}
			for entry := range l.e.as.Type(packet.LSExternal) {
				x, _ := packet.DecodeExternalLSA(entry.Raw)
				bits, _ := packet.MaskLen(x.Mask)
				p := netip.PrefixFrom((entry.ID & x.Mask).Addr(), bits)
				if seen[p] || !has[p] {
					t.Errorf("seed %d, %s: %s is announced twice or in vain", seed, what, p)
				}
				seen[p] = true
			}
			if len(seen) != len(has) || len(l.e.externals.ids) != len(has) || len(l.e.externals.prefixes) != len(has) {
				t.Errorf("seed %d, %s: %d announced, not %d", seed, what, len(seen), len(has))
			}
		}
		for _, p := range order {
			l.step(Offer{Source: Static, Add: []netip.Prefix{p}})
			has[p] = true
			check("after " + p.String())
		}
		for _, p := range order[:4] {
			l.step(Offer{Source: Static, Remove: []netip.Prefix{p}})
			delete(has, p)
			check("without " + p.String())
		}
	}
}

// Appendix E: a prefix whose link state ids all belong to longer ones is left
// out until one of them goes; the longer ones cover it.
func TestExternalE_NoIDLeft(t *testing.T) {
	l := newLab(t, redistributing(Redistribute{Source: Static, Metric: 1}))
	const hosts = "10.0.0.0 10.0.0.0/32 1 false 0\n10.0.0.1 10.0.0.1/32 1 false 0\n"
	l.step(Offer{Source: Static, Add: prefixes("10.0.0.0/30", "10.0.0.0/31", "10.0.0.0/32", "10.0.0.1/32")})
	l.advance(10 * time.Second)
	if got := l.announced(); got != hosts+"10.0.0.3 10.0.0.0/30 1 false 0" {
		t.Errorf("with both hosts:\n%s", got)
	}
	l.step(Offer{Source: Static, Add: prefixes("10.0.0.2/32", "10.0.0.3/32")})
	l.advance(10 * time.Second)
	if got := l.announced(); got != hosts+"10.0.0.2 10.0.0.2/32 1 false 0\n10.0.0.3 10.0.0.3/32 1 false 0" {
		t.Errorf("with four hosts:\n%s", got)
	}
	l.step(Offer{Source: Static, Remove: prefixes("10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32")})
	l.advance(10 * time.Second)
	if got := l.announced(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "10.0.0.1 10.0.0.0/31") || !strings.Contains(got, "10.0.0.0/30") {
		t.Errorf("with one host:\n%s", got)
	}
}

// Appendix E, whatever is offered: each prefix is announced once, or longer
// ones that are announced cover it.
func TestExternalE_Random(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		l := newLab(t, redistributing(Redistribute{Source: Static, Metric: 1}))
		has := map[netip.Prefix]bool{}
		for range 60 {
			bits := 29 + rng.IntN(4)
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(rng.IntN(8))}), bits).Masked()
			if has[p] {
				delete(has, p)
				l.step(Offer{Source: Static, Remove: []netip.Prefix{p}})
			} else {
				has[p] = true
				l.step(Offer{Source: Static, Add: []netip.Prefix{p}})
			}
			l.advance(time.Duration(rng.IntN(8000)) * time.Millisecond)
			checkLinkStateIDs(t, l.e, has)
		}
		l.advance(20 * time.Second)
		if got := strings.Fields(l.announced()); len(got) != 5*len(l.e.externals.ids) {
			t.Errorf("announced:\n%s\nnot %v", l.announced(), l.e.externals.ids)
		}
	}
}

func checkLinkStateIDs(t *testing.T, e *Engine, has map[netip.Prefix]bool) {
	t.Helper()
	if len(e.externals.ids) != len(e.externals.prefixes) {
		t.Errorf("%d prefixes, %d ids", len(e.externals.ids), len(e.externals.prefixes))
	}
	for p, id := range e.externals.ids {
		if e.externals.prefixes[id] != p || !has[p] || !p.Contains(id.Addr()) {
			t.Errorf("%s has %s", p, id)
		}
	}
	for p := range has {
		if _, ok := e.externals.ids[p]; ok {
			continue
		}
		for a := p.Addr(); p.Contains(a); a = a.Next() {
			if q := e.externals.prefixes[packet.IDFromAddr(a)]; q.Bits() <= p.Bits() || !q.Contains(a) {
				t.Errorf("%s is not announced, and nothing longer covers %s", p, a)
			}
		}
	}
}

// A prefix that comes back while its LSA is being flushed is announced anew.
func TestExternal_FlapWithinMinLSInterval(t *testing.T) {
	l := newLab(t, redistributing(Redistribute{Source: Static, Metric: 1}))
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.acks = false
	l.step(Offer{Source: Static, Add: prefixes("172.16.0.0/24")})
	l.step(Offer{Source: Static, Remove: prefixes("172.16.0.0/24")})
	l.step(Offer{Source: Static, Add: prefixes("172.16.0.0/24")})
	l.advance(6 * time.Second)
	raw := l.lsa(packet.Key{Type: packet.LSExternal, ID: id("172.16.0.0"), Adv: self})
	if raw == nil || header(raw).Age > 10 || header(raw).Seq != packet.InitialSeq+1 {
		t.Errorf("%x", raw)
	}
	if got := l.announced(); got != "172.16.0.0 172.16.0.0/24 1 false 0" {
		t.Errorf("announced: %s", got)
	}
}
