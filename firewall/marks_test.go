package firewall

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestMarks looks for foreign rules that touch our bits, as nft and iptables write them.
func TestMarks(t *testing.T) {
	ns := newSpace(t, "marks")
	f := ns.open(t)
	ns.nft(t, `table inet other {
		chain harmless { type filter hook prerouting priority -149;
			meta mark set meta mark | 0x4000
			meta mark set meta mark & 0xff00ffff
			ct mark set meta mark
			meta mark set ct mark
			ct mark set ct mark & 0x3f00ffff | 0x1
			meta mark 0x1000000 counter
		}
		chain early { type filter hook prerouting priority -151; meta mark set 0x1; }
		chain late { type filter hook prerouting priority -149; meta mark set 0x1; }
		chain out { type route hook output priority 0; meta mark set 0x1000001; }
		chain connection { type filter hook forward priority 0; ct mark set 0x2; }
		chain maybe { type filter hook forward priority 0; meta mark set numgen inc mod 2; }
		chain sub { ct mark set ct mark or 0x2000000; }
	}
	table inet ecmpd { chain own { type filter hook prerouting priority 0; meta mark set 0x1000000; }; }`)
	want := []string{
		"late clears the bits 0x3f000000 of packet marks true",
		"out sets the bits 0x1000000 of packet marks true",
		"connection clears the bits 0x3f000000 of connection marks true",
		"maybe writes packet marks that are not foreseen false",
		"sub sets the bits 0x2000000 of connection marks false",
	}
	marks := func() (list []string) {
		t.Helper()
		places, err := f.Marks(0x3f000000)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range places {
			list = append(list, fmt.Sprint(p.Chain, " ", p.Rule, " ", p.Certain))
		}
		return list
	}
	if got := marks(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	ns.nft(t, "flush ruleset")
	for _, rule := range []string{
		"PREROUTING -j MARK --set-xmark 0x4000/0x4000", "PREROUTING -j CONNMARK --save-mark", "PREROUTING -j CONNMARK --restore-mark",
		"OUTPUT -j MARK --set-mark 0x1", "PREROUTING -j CONNMARK --set-mark 0x3",
	} {
		ns.exec(t, append([]string{"iptables-nft", "-t", "mangle", "-A"}, strings.Fields(rule)...)...)
	}
	want = []string{"PREROUTING clears the bits 0x3f000000 of connection marks true", "OUTPUT clears the bits 0x3f000000 of packet marks true"}
	if got := marks(); !slices.Equal(got, want) {
		t.Errorf("iptables: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
