package integration

import (
	"fmt"
	"strings"
	"testing"
)

// TestWANOthers has uplinks beside programs that use marks, rules and tables of their own, some of them ours, and
// with strict reverse-path filters that look at marks. What is in the way is named and stays.
func TestWANOthers(t *testing.T) {
	t.Parallel()
	n := startWAN(t, "wan:\n  uplinks:\n"+uplink(1, "")+uplink(2, "")+uplink(3, "tier: 2, "))
	n.who("internet", ":80")
	n.who("router", ":8080")
	n.used("u1 u2")
	for _, valid := range []string{"0", "1"} {
		n.must(n.Node("router").Sysctl("net.ipv4.conf.all.src_valid_mark", valid))
		n.must(n.Node("router").Sysctl("net.ipv4.conf.all.rp_filter", "1"))
		n.must(n.Node("router").Sysctl("net.ipv4.conf.lan.rp_filter", "1"))
		if got := n.seen("host", wanServer+":80", 20); got["10.111.0.2"] != 10 || got["10.112.0.2"] != 10 {
			t.Errorf("src_valid_mark %s: connections go %v", valid, got)
		}
		for i := 1; i <= 3; i++ { // the third carries nothing: no default leads there
			l, err := n.call("internet", wanServer, fmt.Sprintf("10.11%d.0.2:8080", i))
			if err != nil {
				t.Fatalf("src_valid_mark %s, by uplink %d: %v", valid, i, err)
			}
			l.hangUp()
		}
	}
	doctor := func() string {
		t.Helper()
		out, _ := n.Node("router").Run(n.ctx, binary, "doctor", "--socket", n.ecmpd("router").Socket()) // fails with what is wrong
		return string(out)
	}
	if before := doctor(); strings.Contains(before, "uplink") {
		t.Errorf("nothing is in the way:\n%s", before)
	}
	n.must(n.Node("router").Sysctl("net.ipv4.conf.w3.rp_filter", "0")) // that of all, which is strict, counts
	if found := doctor(); !strings.Contains(found, "rp_filter is strict on w3") {
		t.Errorf("doctor does not see the strict filter:\n%s", found)
	}
	n.must(n.Node("router").Sysctl("net.ipv4.conf.w3.rp_filter", "2"))
	n.ip("router", "rule add fwmark 0x1000000/0xff000000 lookup 7 priority 300")
	n.ip("router", "route add 203.0.113.0/24 via 192.168.0.2 table 20102")
	n.must(n.Node("router").Firewall(n.ctx, "table ip other { chain pre { type filter hook prerouting priority 0; iifname nowhere meta mark set 0x2000000; }; chain in { type filter hook input priority 0; iifname nowhere ct mark set 5; }; }"))
	found := doctor()
	for _, want := range []string{
		"300: from all fwmark 0x1000000/0xff000000", "203.0.113.0/24 table 20102", "ip other pre: sets the bits 0x2000000 of packet marks",
		"ip other in: clears the bits 0x3f000000 of connection marks",
	} {
		if !strings.Contains(strings.Join(strings.Fields(found), " "), want) {
			t.Errorf("doctor does not say %q:\n%s", want, found)
		}
	}
	n.must(n.ecmpd("router").Stop(n.ctx))
	n.run("router", binary, "cleanup", "--config", n.ecmpd("router").ConfigFile(), "--state-dir", n.ecmpd("router").Node().Dir()+"/state")
	left := n.run("router", "sh", "-c", "ip rule; ip route show table 20102; nft list tables")
	if !strings.Contains(left, "300:") || !strings.Contains(left, "203.0.113.0/24") || !strings.Contains(left, "table ip other") || strings.Contains(left, "ecmpd") {
		t.Errorf("after cleanup:\n%s", left)
	}
}
