package integration

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/api"
)

// TestWANTunnel has a WireGuard tunnel of the router's own, through which a route to its far end leads. The
// far end is found, stays out of the tunnel, and moves when its uplink dies.
func TestWANTunnel(t *testing.T) {
	t.Parallel()
	n := startWAN(t, "wan:\n  uplinks:\n"+uplink(1, "")+uplink(2, "")+uplink(3, "")+"  endpoints: [wireguard]\n")
	n.used("u1 u2 u3")
	for i := 1; i <= 3; i++ { // else a handshake that the far end begins has another source, and WireGuard follows it there
		n.ip("internet", fmt.Sprintf("route change 10.11%d.0.0/24 dev w%d proto kernel scope link src 198.51.100.4", i, i))
	}
	here, there := fmt.Sprintf("ec%dr", os.Getpid()), fmt.Sprintf("ec%di", os.Getpid()) // the sockets' names are the machine's
	keys := [2]*ecdh.PrivateKey{}
	for i := range keys {
		var err error
		keys[i], err = ecdh.X25519().GenerateKey(rand.Reader)
		n.must(err)
	}
	tunnel := func(node, link, address, text string) {
		t.Helper()
		file := filepath.Join(n.Node(node).Dir(), link+".conf")
		n.must(os.WriteFile(file, []byte(text), 0o600))
		t.Cleanup(func() { os.Remove("/var/run/wireguard/" + link + ".sock") })
		p, err := n.Node(node).Start("wgtunnel", wgtunnel, link, strconv.Itoa(wgMTU), file, "control")
		n.must(err)
		n.wait(link+" is ready", func() (bool, string) { return strings.Contains(p.Log(), "ready"), fmt.Sprint(p.Log(), p.Err()) })
		n.ip(node, "address add "+address+" dev "+link)
		n.ip(node, "link set "+link+" up")
	}
	tunnel("internet", there, "10.99.0.2/30", fmt.Sprintf("private_key=%x\nlisten_port=51820\npublic_key=%x\nallowed_ip=10.99.0.1/32\n", keys[1].Bytes(), keys[0].PublicKey().Bytes()))
	// The far end is found while nothing has been sent: then the route through the tunnel comes.
	tunnel("router", here, "10.99.0.1/30", fmt.Sprintf("private_key=%x\npublic_key=%x\nendpoint=198.51.100.4:51820\nallowed_ip=10.99.0.2/32\nallowed_ip=198.51.100.0/24\n", keys[0].Bytes(), keys[1].PublicKey().Bytes()))
	n.ip("router", "route add 198.51.100.4/32 dev "+here)
	by := func() string {
		w, err := show[api.WANBody](n.network, "router", "wan")
		n.must(err)
		for _, u := range w.WAN.Uplinks {
			if u.Endpoints {
				return u.Name
			}
		}
		return ""
	}
	n.wait("the far end is found", func() (bool, string) { return by() != "", n.run("router", "ip", "rule") })
	works := func() {
		t.Helper()
		n.wait("the tunnel works", func() (bool, string) {
			_, err := n.Node("router").Run(n.ctx, "ping", "-c", "1", "-W", "2", "10.99.0.2")
			return err == nil, fmt.Sprint(err, n.run("router", "ip", "route", "get", "198.51.100.4"))
		})
	}
	works()
	before := by()
	number, err := strconv.Atoi(strings.TrimPrefix(before, "u"))
	n.must(err)
	n.kill(number)
	n.wait("the far end is reached by another uplink", func() (bool, string) { return by() != before && by() != "", by() })
	n.settled()
	works()
	if way := n.run("router", "ip", "route", "get", "198.51.100.4"); strings.Contains(way, here) {
		t.Errorf("the tunnel leads into itself: %s", way)
	}
	n.reload("wan:\n  uplinks:\n" + uplink(1, "") + uplink(2, "") + uplink(3, ""))
	n.wait("the far end goes as the routes say", func() (bool, string) {
		way := n.run("router", "ip", "route", "get", "198.51.100.4")
		return strings.Contains(way, here), way
	})
}
