package clab

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// Image makes the router that an image would run, from the files that are
// bound into it; a nil router for a plain host.
type Image func(at *lab.Node, n Node) (peer.Router, error)

// Images are the images of the project's own topologies; binary is the
// executable of ecmpd.
func Images(binary string) map[string]Image {
	return map[string]Image{
		"ecmpd:dev": Ecmpd(binary),
		"frr:8.4":   FRR,
		"bird:2":    BIRD,
		"host":      Host,
	}
}

// Ecmpd runs an executable of ecmpd with /etc/ecmpd/ecmpd.yaml.
func Ecmpd(binary string) Image {
	return func(at *lab.Node, n Node) (peer.Router, error) {
		config, err := n.bound("/etc/ecmpd/ecmpd.yaml")
		if err != nil {
			return nil, err
		}
		return peer.NewEcmpd(at, binary, config), nil
	}
}

// FRR runs the daemons that /etc/frr/daemons switches on with
// /etc/frr/frr.conf.
func FRR(at *lab.Node, n Node) (peer.Router, error) {
	config, err := n.bound("/etc/frr/frr.conf")
	if err != nil {
		return nil, err
	}
	switches, err := n.bound("/etc/frr/daemons")
	if err != nil {
		return nil, err
	}
	var daemons []string
	for lines := bufio.NewScanner(strings.NewReader(switches)); lines.Scan(); {
		name, on, _ := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if on == "yes" && name != "zebra" && name != "staticd" {
			daemons = append(daemons, name)
		}
	}
	return peer.NewFRR(at, config, daemons...), nil
}

// BIRD runs BIRD 2 with /etc/bird/bird.conf.
func BIRD(at *lab.Node, n Node) (peer.Router, error) {
	config, err := n.bound("/etc/bird/bird.conf")
	if err != nil {
		return nil, err
	}
	return peer.NewBIRD(at, config), nil
}

// Host runs no router.
func Host(*lab.Node, Node) (peer.Router, error) { return nil, nil }

// bound reads the file that is bound to a path of the container.
func (n Node) bound(path string) (string, error) {
	file, ok := n.Binds[path]
	if !ok {
		return "", fmt.Errorf("node %s: image %s needs a bind to %s", n.Name, n.Image, path)
	}
	text, err := os.ReadFile(file)
	return string(text), err
}
