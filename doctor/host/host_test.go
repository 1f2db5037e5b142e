package host

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// machine makes a root directory out of files; a value that starts with "->" is
// a symbolic link.
func machine(t *testing.T, files map[string]string) Host {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if len(text) > 2 && text[:2] == "->" {
			err = os.Symlink(text[2:], path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return New(root)
}

const rawHead = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"

func rawLine(protocol, inode int) string {
	return fmt.Sprintf("   %d: 00000000:%04X 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 %d 2 0000000000000000 0\n", protocol, protocol, inode)
}

func TestOtherOSPF(t *testing.T) {
	base := map[string]string{
		"proc/self/fd/3": "->socket:[100]", "proc/7/comm": "bird\n", "proc/7/fd/0": "->/dev/null", "proc/7/fd/9": "->socket:[200]",
		"proc/8/comm": "ping\n", "proc/8/fd/3": "->socket:[300]", "proc/net/dev": "",
	}
	for name, tt := range map[string]struct{ raw, want string }{
		"alone":           {rawHead + rawLine(89, 100), "[]"},
		"nobody":          {rawHead, "[]"},
		"another":         {rawHead + rawLine(89, 100) + rawLine(89, 200), "[bird (pid 7)]"},
		"other protocols": {rawHead + rawLine(1, 300), "[]"},
		"out of sight":    {rawHead + rawLine(89, 999), "[a process that cannot be seen from here]"},
		"odd lines":       {"x\n" + rawHead + "1 2 3\n", "[]"},
	} {
		base["proc/thread-self/net/raw"] = tt.raw
		got, err := machine(t, base).OtherOSPF()
		if err != nil || fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, %v; want %s", name, got, err, tt.want)
		}
	}
	if _, err := New(t.TempDir()).OtherOSPF(); err == nil {
		t.Error("no /proc is no error")
	}
}

func TestNetworkd(t *testing.T) {
	const all = "[ManageForeignRoutes ManageForeignRoutingPolicyRules ManageForeignNextHops]"
	no := "[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules = false\n# ManageForeignNextHops=no\n"
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"default":         {map[string]string{}, all},
		"does not run":    {map[string]string{"proc/7/comm": "bird\n"}, "[]"},
		"another netns":   {map[string]string{"proc/7/ns/net": "->net:[2]"}, "[]"},
		"main file":       {map[string]string{"etc/systemd/networkd.conf": no}, "[ManageForeignNextHops]"},
		"first main file": {map[string]string{"etc/systemd/networkd.conf": "[Network]\n", "usr/lib/systemd/networkd.conf": no}, all},
		"drop-in":         {map[string]string{"run/systemd/networkd.conf.d/a.conf": no + "ManageForeignNextHops=0\n"}, "[]"},
		"later drop-in":   {map[string]string{"etc/systemd/networkd.conf.d/a.conf": no, "usr/lib/systemd/networkd.conf.d/b.conf": "[Network]\nManageForeignRoutes=yes\n"}, "[ManageForeignRoutes ManageForeignNextHops]"},
		"hidden drop-in":  {map[string]string{"etc/systemd/networkd.conf.d/a.conf": no, "usr/lib/systemd/networkd.conf.d/a.conf": "[Network]\nManageForeignRoutes=yes\n"}, "[ManageForeignNextHops]"},
		"another section": {map[string]string{"etc/systemd/networkd.conf": "[DHCPv4]\nManageForeignRoutes=no\n"}, all},
	} {
		files := map[string]string{"proc/7/comm": "systemd-network\n", "proc/7/ns/net": "->net:[1]", "proc/thread-self/ns/net": "->net:[1]"}
		for k, v := range tt.files {
			files[k] = v
		}
		got, err := machine(t, files).Networkd()
		if err != nil || fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, %v; want %s", name, got, err, tt.want)
		}
	}
}

func TestGroups(t *testing.T) {
	const igmp = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n" +
		"1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n" +
		"5\tvpn1      :     2      V3\n\t\t\t\t050000E0     1 0:00000000\t\t0\n\t\t\t\t010000E0     1 0:00000000\t\t0\n" +
		"6\tvpn-with-a-nam:     1      V3\n\t\t\t\t050000E0     1 0:00000000\t\t0\n"
	h := machine(t, map[string]string{"proc/thread-self/net/igmp": igmp})
	got, err := h.Groups(netip.MustParseAddr("224.0.0.5"))
	if err != nil || fmt.Sprint(got) != "[vpn1 vpn-with-a-nam]" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := machine(t, nil).Groups(netip.MustParseAddr("224.0.0.5")); err == nil {
		t.Error("no error without the list")
	}
}
