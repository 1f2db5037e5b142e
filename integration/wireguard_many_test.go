package integration

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab"
)

// TestOneWireGuardInterface has all branches of a hub behind one WireGuard interface, which carries no multicast: a
// point-to-multipoint network. The hub knows no branch beforehand, in WireGuard as in OSPF; the branches call it.
func TestOneWireGuardInterface(t *testing.T) {
	t.Parallel()
	w := &wireGuard{&vpn{network: newNetwork(t)}, nil, map[string]*lab.Process{}}
	branches := []string{"ecmpd", "bird", "ecmpd"}
	ends := []string{"hub:wan 198.51.100.1/24"}
	for i := range branches {
		ends = append(ends, fmt.Sprintf("b%d:wan 198.51.100.1%d/24", i+1, i+1))
	}
	w.lan("internet", ends...)
	hubKey, err := ecdh.X25519().GenerateKey(rand.Reader)
	w.must(err)
	hubConfig := fmt.Sprintf("private_key=%x\nlisten_port=51820\n", hubKey.Bytes())
	keys := make([]*ecdh.PrivateKey, len(branches))
	for i := range branches {
		keys[i], err = ecdh.X25519().GenerateKey(rand.Reader)
		w.must(err)
		hubConfig += fmt.Sprintf("public_key=%x\nallowed_ip=10.9.0.1%d/32\nallowed_ip=172.16.%d.0/24\n", keys[i].PublicKey().Bytes(), i+1, i+1)
	}
	w.addInterface(w.Node("hub"), "wg0", "10.9.0.1/24", hubConfig)
	w.ip("hub", "route add default via 198.51.100.254")
	const watched = ", bfd: {min-interval: 300ms, multiplier: 5}"
	w.seat("ecmpd", "hub", seat{id: "10.255.0.1", ports: []port{{name: "wg0", kind: "point-to-multipoint", text: ", multicast: false" + watched}}})
	for i, maker := range branches {
		name := fmt.Sprintf("b%d", i+1)
		w.addInterface(w.Node(name), "wg0", fmt.Sprintf("10.9.0.1%d/24", i+1), fmt.Sprintf(
			"private_key=%x\npublic_key=%x\nendpoint=198.51.100.1:51820\npersistent_keepalive_interval=25\nallowed_ip=10.9.0.0/24\nallowed_ip=172.16.0.0/16\n",
			keys[i].Bytes(), hubKey.PublicKey().Bytes()))
		w.ip(name, "route add default via 198.51.100.254")
		w.wire(fmt.Sprintf("%s:net 172.16.%d.1/24", name, i+1), fmt.Sprintf("host%d:eth0", i+1))
		p := port{name: "wg0", kind: "point-to-multipoint", neighbors: []neighbor{{address: "10.9.0.1"}}}
		if maker == "ecmpd" {
			p.text = watched
		}
		w.seat(maker, name, seat{id: fmt.Sprintf("10.255.0.1%d", i+1), ports: []port{p, {name: "net", passive: true}}})
	}
	w.full(3, "hub")
	w.waitKernel("hub", "172.16.0.0/16", routes("172.16.1.0/24: 10.9.0.11 dev wg0\n172.16.2.0/24: 10.9.0.12 dev wg0\n172.16.3.0/24: 10.9.0.13 dev wg0"))
	w.waitKernel("b1", "172.16.0.0/16", routes("172.16.2.0/24: 10.9.0.1 dev wg0\n172.16.3.0/24: 10.9.0.1 dev wg0"))
	w.waitKernel("b2", "172.16.0.0/16", routes("172.16.1.0/24: 10.9.0.1 dev wg0\n172.16.3.0/24: 10.9.0.1 dev wg0"))
	w.ping("b1", "-I", "172.16.1.1", "172.16.2.1")

	// A session with each neighbour that knows BFD, on one interface.
	waitEqual(w.network, "BFD sessions that are up", []string{"10.9.0.11", "10.9.0.13"}, func() ([]string, error) {
		body, err := show[api.BFD](w.network, "hub", "bfd")
		var up []string
		for _, s := range body.BFD.Sessions {
			if s.State == "Up" {
				up = append(up, s.Peer)
			}
		}
		slices.Sort(up)
		return up, err
	})
	w.routers["b3"].Kill()
	w.waitKernel("hub", "172.16.0.0/16", routes("172.16.1.0/24: 10.9.0.11 dev wg0\n172.16.2.0/24: 10.9.0.12 dev wg0"))
}
