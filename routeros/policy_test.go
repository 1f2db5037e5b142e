package routeros_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/routeros"
)

// markRule is one rule of mangle as the oracle sees it.
type markRule struct {
	src         netip.Prefix
	mark        int
	passthrough bool
}

// marked walks through the rules as RouterOS does; 0 is no mark.
func marked(rules []markRule, src netip.Addr) (mark int) {
	for _, r := range rules {
		if !r.src.Contains(src) {
			continue
		}
		mark = r.mark
		if !r.passthrough {
			break
		}
	}
	return mark
}

// First match in the configuration is what RouterOS decides in the end, whatever overrides what.
func TestPolicyOrder(t *testing.T) {
	sources := []string{"10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "10.1.1.1/32", "10.2.0.0/16", "0.0.0.0/0"}
	hosts := []string{"10.1.1.1", "10.1.1.2", "10.1.2.1", "10.2.0.1", "10.3.0.1", "192.168.0.1"}
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		var rules []markRule
		var b strings.Builder
		for n := range 3 {
			fmt.Fprintf(&b, "/ip address add address=192.0.2.%d/30 interface=wan%d\n/ip route add gateway=192.0.2.%d routing-mark=m%d\n", 4*n+2, n+1, 4*n+1, n+1)
		}
		for range 1 + rnd.IntN(7) {
			r := markRule{netip.MustParsePrefix(sources[rnd.IntN(len(sources))]), 1 + rnd.IntN(3), rnd.IntN(2) == 0}
			rules = append(rules, r)
			passthrough := map[bool]string{true: "yes", false: "no"}[r.passthrough]
			fmt.Fprintf(&b, "/ip firewall mangle add chain=prerouting src-address=%s action=mark-routing new-routing-mark=m%d passthrough=%s\n", r.src, r.mark, passthrough)
		}
		c, err := config.Parse("yaml", []byte(imported(t, "order", b.String()).YAML))
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range hosts {
			src := netip.MustParseAddr(host)
			want := ""
			if mark := marked(rules, src); mark > 0 {
				want = fmt.Sprintf("wan%d", mark)
			}
			got := ""
			for _, rule := range c.WAN.Rules {
				if len(rule.Source) == 0 || slices.ContainsFunc(rule.Source, func(p netip.Prefix) bool { return p.Contains(src) }) {
					got = rule.Uplink
					break
				}
			}
			if got != want {
				t.Fatalf("seed %d: %s leaves by %q, in RouterOS by %q\n%s", seed, host, got, want, b.String())
			}
		}
	}
}

// Every kind of finding is in a script of the tests, and in the document.
func TestEveryKind(t *testing.T) {
	files, err := filepath.Glob("testdata/*.rsc")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[routeros.Kind]bool)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range imported(t, file, string(text)).Findings {
			found[f.Kind] = true
		}
	}
	doc, err := os.ReadFile("../docs/import-routeros.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(doc), "## Findings")
	table, _, _ = strings.Cut(table, "\n## ")
	documented := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(table, -1)
	if !ok || len(documented) < 20 {
		t.Fatalf("%d kinds in the document", len(documented))
	}
	for _, m := range documented {
		if kind := routeros.Kind(m[1]); !found[kind] {
			t.Errorf("no script has a finding %s", kind)
		} else {
			delete(found, kind)
		}
	}
	for kind := range found {
		t.Errorf("docs/import-routeros.md does not name %s", kind)
	}
}
