// Package clab reads containerlab topology files and builds them from network
// namespaces, so that the same files serve tests without containers and
// containerlab elsewhere.
//
//	file.go   Load: the file as a checked value
//	build.go  Build: namespaces, links, commands and routers from that value
//	image.go  what an image name stands for here
//
// The subset: name, prefix, and in topology the sections defaults, kinds,
// nodes and links. Nodes are of kind linux or bridge and know image, binds,
// exec, env, sysctls, cmd and network-mode; links are the brief form with
// endpoints and mtu. Every other key is refused, for a key that is silently
// left out would make another network than containerlab's.
//
// Departures: a bridge is a node of its own and not one of the machine; there
// is no management network, whatever network-mode says; an image is a program
// of this machine, and a bind is the file itself, whose name in the container
// is replaced in exec lines.
package clab

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// File is a topology, checked and with its defaults applied.
type File struct {
	Name   string
	Prefix string // of the nodes' names, "clab" when the file has none
	Nodes  []Node // by name
	Links  []Link // in the order of the file
}

// Node is one machine.
type Node struct {
	Name    string
	Kind    string // "linux" or "bridge"
	Image   string
	Binds   map[string]string // path in the container → file of this machine
	Exec    []string          // commands, run in order when the links are there
	Env     map[string]string // of Exec and Cmd
	Sysctls map[string]string
	Cmd     string
}

// Link joins two nodes.
type Link struct {
	A, B Endpoint
	MTU  int // containerlab's default is 9500
}

// Endpoint is one end of a link.
type Endpoint struct{ Node, Interface string }

// defaultMTU is what containerlab gives a veth.
const defaultMTU = 9500

type rawFile struct {
	Name     string  `yaml:"name"`
	Prefix   *string `yaml:"prefix"`
	Topology struct {
		Defaults rawNode            `yaml:"defaults"`
		Kinds    map[string]rawNode `yaml:"kinds"`
		Nodes    map[string]rawNode `yaml:"nodes"`
		Links    []struct {
			Endpoints []string `yaml:"endpoints"`
			MTU       int      `yaml:"mtu"`
		} `yaml:"links"`
	} `yaml:"topology"`
}

type rawNode struct {
	Kind        string         `yaml:"kind"`
	Image       string         `yaml:"image"`
	Binds       []string       `yaml:"binds"`
	Exec        []string       `yaml:"exec"`
	Env         map[string]any `yaml:"env"`
	Sysctls     map[string]any `yaml:"sysctls"`
	Cmd         string         `yaml:"cmd"`
	NetworkMode string         `yaml:"network-mode"`
}

// Load reads and checks a topology file. Errors carry file and line.
func Load(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var raw rawFile
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&raw); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c := checker{path: path, text: text}
	f := &File{Name: raw.Name, Prefix: "clab"}
	if raw.Name == "" {
		return nil, c.fail("$", "the topology has no name")
	}
	if raw.Prefix != nil {
		f.Prefix = *raw.Prefix
	}
	if f.Prefix == "__lab-name" {
		f.Prefix = ""
	}
	if f.Nodes, err = c.nodes(&raw); err != nil {
		return nil, err
	}
	if f.Links, err = c.links(&raw, f.Nodes); err != nil {
		return nil, err
	}
	return f, nil
}

// checker turns the raw file into values and tells where it is wrong.
type checker struct {
	path string
	text []byte
}

// fail names the line at which a YAML path begins.
func (c checker) fail(at, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if p, err := yaml.PathString(at); err == nil {
		if node, err := p.ReadNode(bytes.NewReader(c.text)); err == nil {
			return fmt.Errorf("%s:%d: %s", c.path, node.GetToken().Position.Line, what)
		}
	}
	return fmt.Errorf("%s: %s", c.path, what)
}

func (c checker) nodes(raw *rawFile) ([]Node, error) {
	var nodes []Node
	for _, name := range slices.Sorted(maps.Keys(raw.Topology.Nodes)) {
		at := "$.topology.nodes." + quote(name)
		own := raw.Topology.Nodes[name]
		kind := cmp.Or(own.Kind, raw.Topology.Defaults.Kind)
		if kind != "linux" && kind != "bridge" {
			return nil, c.fail(at, "node %s: kind %q: only linux and bridge are built here", name, kind)
		}
		spec := merge(merge(raw.Topology.Defaults, raw.Topology.Kinds[kind]), own)
		if spec.NetworkMode != "" && spec.NetworkMode != "none" {
			return nil, c.fail(at, "node %s: network-mode %q: there is no management network here, say none", name, spec.NetworkMode)
		}
		binds, err := c.binds(at, name, spec.Binds)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, Node{
			Name: name, Kind: kind, Image: spec.Image, Binds: binds, Exec: spec.Exec,
			Env: texts(spec.Env), Sysctls: texts(spec.Sysctls), Cmd: spec.Cmd,
		})
	}
	if len(nodes) == 0 {
		return nil, c.fail("$", "the topology has no nodes")
	}
	return nodes, nil
}

// quote protects a name with dashes or dots in a YAML path.
func quote(name string) string { return "'" + strings.ReplaceAll(name, "'", "") + "'" }

// merge lays a more specific section over a more general one as containerlab
// does: single values are replaced, maps and lists are joined.
func merge(general, own rawNode) rawNode {
	join := func(a, b map[string]any) map[string]any {
		m := maps.Clone(a)
		if m == nil {
			m = map[string]any{}
		}
		maps.Copy(m, b)
		return m
	}
	return rawNode{
		Kind: cmp.Or(own.Kind, general.Kind), Image: cmp.Or(own.Image, general.Image),
		Binds: slices.Concat(general.Binds, own.Binds), Exec: slices.Concat(general.Exec, own.Exec),
		Env: join(general.Env, own.Env), Sysctls: join(general.Sysctls, own.Sysctls),
		Cmd: cmp.Or(own.Cmd, general.Cmd), NetworkMode: cmp.Or(own.NetworkMode, general.NetworkMode),
	}
}

func texts(m map[string]any) map[string]string {
	t := make(map[string]string, len(m))
	for k, v := range m {
		t[k] = fmt.Sprint(v)
	}
	return t
}

func (c checker) binds(at, name string, list []string) (map[string]string, error) {
	binds := map[string]string{}
	for _, bind := range list {
		part := strings.Split(bind, ":")
		if len(part) != 2 && (len(part) != 3 || part[2] != "ro" && part[2] != "rw") {
			return nil, c.fail(at, "node %s: bind %q: write file:path or file:path:ro", name, bind)
		}
		file := part[0]
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(c.path), file)
		}
		file, err := filepath.Abs(file)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(file); err != nil {
			return nil, c.fail(at, "node %s: bind %q: %v", name, bind, err)
		}
		binds[part[1]] = file
	}
	return binds, nil
}

func (c checker) links(raw *rawFile, nodes []Node) ([]Link, error) {
	known := map[string]bool{}
	for _, n := range nodes {
		known[n.Name] = true
	}
	used := map[Endpoint]bool{}
	var links []Link
	for i, l := range raw.Topology.Links {
		at := fmt.Sprintf("$.topology.links[%d]", i)
		if len(l.Endpoints) != 2 {
			return nil, c.fail(at, "link %d has %d endpoints, want two", i+1, len(l.Endpoints))
		}
		var ends [2]Endpoint
		for j, text := range l.Endpoints {
			node, ifname, ok := strings.Cut(text, ":")
			end := Endpoint{node, ifname}
			switch {
			case !ok || ifname == "" || len(ifname) > 15:
				return nil, c.fail(at, "endpoint %q: write node:interface, the interface at most 15 characters", text)
			case !known[node]:
				return nil, c.fail(at, "endpoint %q: there is no node %s", text, node)
			case used[end]:
				return nil, c.fail(at, "endpoint %q: used by an earlier link", text)
			}
			used[end] = true
			ends[j] = end
		}
		if l.MTU < 0 || l.MTU > 65535 {
			return nil, c.fail(at, "link %d: mtu %d is not between 68 and 65535", i+1, l.MTU)
		}
		links = append(links, Link{ends[0], ends[1], cmp.Or(l.MTU, defaultMTU)})
	}
	return links, nil
}
