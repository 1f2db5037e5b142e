package daemon

import (
	"context"
	"io"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/transit"
)

// NAT rules are followed while they come and go: their networks are tracked from
// the first write on, and no longer once the rule has gone.
func TestTranslationsAreFollowed(t *testing.T) {
	inNamespace(t)
	const rules = "table ip nat {\n chain post {\n type nat hook postrouting priority srcnat\n ip saddr 10.1.0.0/24 masquerade\n meta mark 1 masquerade\n}\n}\n"
	nft(t, rules)
	f := newFirewallLoop(newLogger(io.Discard), noSettings, newFirewalldLoop(newLogger(io.Discard), t.TempDir()))
	f.settled = true
	if f.fw == nil {
		t.Fatal("no nftables")
	}
	defer f.close()
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan error)
	go func() { watched <- f.watch(ctx) }()
	defer func() { cancel(); <-watched }()
	f.apply(wantedRules{state: transit.State{
		Mode: transit.Notrack, Prefixes: []netip.Prefix{pfx("10.0.0.0/8")}, Interfaces: []string{"vpn1", "vpn2"}, Tracked: []netip.Prefix{pfx("10.9.0.0/16")},
	}})
	f.write()
	tracked := func() string {
		out, err := exec.Command("nft", "list", "set", "inet", "ecmpd", "tracked4").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	until := func(what string, done func(string) bool) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); !done(tracked()); {
			if time.Now().After(end) {
				t.Fatalf("%s: not within 5 s\n%s", what, tracked())
			}
			batch, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			for _, m := range f.inbox.take(batch) {
				f.apply(m)
			}
			cancel()
			f.write()
		}
	}
	if got := tracked(); !strings.Contains(got, "10.1.0.0/24") || !strings.Contains(got, "10.9.0.0/16") {
		t.Errorf("after the first write: %s", got)
	}
	var out api.Transit
	addTranslations(&out, f.status().nat)
	if len(out.Holes) != 1 || out.Holes[0].Prefix != "10.1.0.0/24" || !strings.HasPrefix(out.Holes[0].Reason, "translated by ip nat post: ip saddr 10.1.0.0/24 nat") ||
		!slices.ContainsFunc(out.MayTranslate, func(b api.Blocker) bool { return b.Chain == "post" }) {
		t.Errorf("%+v", out)
	}
	nft(t, "delete table ip nat\n")
	until("the rule has gone", func(set string) bool { return !strings.Contains(set, "10.1.0.0/24") })
	nft(t, rules)
	until("the rule is back", func(set string) bool { return strings.Contains(set, "10.1.0.0/24") })
}
