package daemon

import (
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/firewall"
	"github.com/ecmpd/ecmpd/transit"
)

// The policy of the configuration comes into the kernel with the modes that leave
// packets untracked, and is shown in its order.
func TestPolicyFollowsMode(t *testing.T) {
	inNamespace(t)
	f := newFirewallLoop(newLogger(io.Discard), noSettings, newFirewalldLoop(newLogger(io.Discard), t.TempDir()))
	f.settled = true
	if f.fw == nil {
		t.Fatal("no nftables")
	}
	defer f.close()
	policy := firewall.Policy{Drop: true, Rules: []firewall.PolicyRule{
		{From: []netip.Prefix{pfx("10.1.0.0/16")}, Protocol: 6, Ports: []firewall.PortRange{{First: 22, Last: 22}, {First: 80, Last: 90}}, Accept: true},
		{To: []netip.Prefix{pfx("10.2.0.0/16")}},
	}}
	for _, tt := range []struct {
		mode    transit.Mode
		applies bool
	}{{transit.Notrack, true}, {transit.Off, false}, {transit.Auto, true}, {transit.Strays, false}} {
		f.apply(wantedRules{policy: policy, state: transit.State{
			Mode: tt.mode, Prefixes: []netip.Prefix{pfx("10.0.0.0/8")}, Interfaces: []string{"vpn1", "vpn2"},
		}})
		f.write()
		out, err := exec.Command("nft", "list", "ruleset").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got := strings.Contains(string(out), "chain policy"); got != tt.applies {
			t.Errorf("mode %s: in the kernel %v\n%s", tt.mode, got, out)
		}
		s := f.status()
		want := "[]"
		if tt.applies {
			want = "[{1 [10.1.0.0/16] [] tcp [22 80-90] accept 0} {2 [] [10.2.0.0/16]  [] drop 0} {0 [] []  [] drop 0}]"
		}
		if got := fmt.Sprint(policyStatus(s.policy, s.counters)); got != want || !s.inSync {
			t.Errorf("mode %s: in sync %v, shown\n%s\nwant\n%s", tt.mode, s.inSync, got, want)
		}
	}
}
