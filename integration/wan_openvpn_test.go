package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// asService writes a program that runs ecmpd with the capabilities that its service has.
func asService(t *testing.T) string {
	t.Helper()
	unit, err := os.ReadFile("../packaging/ecmpd.service")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^CapabilityBoundingSet=(.*)$`).FindSubmatch(unit)
	if found == nil {
		t.Fatal("the unit says no CapabilityBoundingSet")
	}
	set := "-all"
	for _, c := range strings.Fields(string(found[1])) {
		set += ",+" + strings.ToLower(strings.TrimPrefix(c, "CAP_"))
	}
	path := filepath.Join(t.TempDir(), "ecmpd")
	script := fmt.Sprintf("#!/bin/sh\nexec setpriv --no-new-privs --bounding-set %s --inh-caps -all -- %s \"$@\"\n", set, binary)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWANOpenVPN has a process with the name and the options of OpenVPN in the router's namespace. The far ends of its
// command line and its file are found, and stay out of the tunnel until it ends, by an ecmpd that has the service's capabilities and no more. One is behind a private line as long as there is a route.
func TestWANOpenVPN(t *testing.T) {
	t.Parallel()
	n := startWANAs(t, asService(t), "wan:\n  uplinks:\n"+uplink(1, "")+uplink(2, "")+"  endpoints: [openvpn]\n")
	n.used("u1 u2")
	n.ip("router", "tuntap add dev tun7 mode tun")
	n.ip("router", "link set tun7 up")
	n.ip("router", "route add 198.51.100.0/24 dev tun7")
	n.ip("router", "route add 198.51.100.7/32 via 10.0.0.2 dev vpn1")
	dir := n.Node("router").Dir()
	n.must(os.Symlink("/bin/sh", filepath.Join(dir, "openvpn")))
	n.must(os.WriteFile(filepath.Join(dir, "client.conf"), []byte("client\n<connection>\nremote 198.51.100.5 443 tcp\n</connection>\n"), 0o600))
	p, err := n.Node("router").Start("openvpn", filepath.Join(dir, "openvpn"), "-c", "while :; do sleep 1; done",
		"--dev", "tun7", "--remote", "198.51.100.4", "1194", "--remote", "198.51.100.7", "--cd", dir, "--config", "client.conf")
	n.must(err)
	for _, far := range []string{"198.51.100.4", "198.51.100.5"} {
		n.wait(far+" stays out of the tunnel", func() (bool, string) {
			way := n.run("router", "ip", "route", "get", far)
			return !strings.Contains(way, "tun7"), way
		})
	}
	if way := n.run("router", "ip", "route", "get", "198.51.100.6"); !strings.Contains(way, "tun7") {
		t.Errorf("what is no far end goes %s", way)
	}
	if way := n.run("router", "ip", "route", "get", "198.51.100.7"); !strings.Contains(way, "vpn1") {
		t.Errorf("what is behind the private line goes %s", way)
	}
	n.ip("router", "route del 198.51.100.7/32")
	n.wait("the far end without a private line goes by an uplink", func() (bool, string) {
		way := n.run("router", "ip", "route", "get", "198.51.100.7")
		return strings.Contains(way, "dev w"), way
	})
	n.must(p.Stop(n.ctx))
	n.wait("the far end goes as the routes say", func() (bool, string) {
		way := n.run("router", "ip", "route", "get", "198.51.100.4")
		return strings.Contains(way, "tun7"), way
	})
}
