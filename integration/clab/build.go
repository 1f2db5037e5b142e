package clab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// Options say how a topology is built.
type Options struct {
	// Tag starts the names of the namespaces; the file's prefix and name
	// when empty.
	Tag string
	// Images says what image names stand for, see Images.
	Images map[string]Image
}

// Lab is a topology that runs.
type Lab struct {
	*lab.Lab
	// Routers are the routers by the name of their node. Hosts and bridges
	// have none.
	Routers map[string]peer.Router
	// Seats says which image each router is, by the name of its node.
	Seats map[string]string
}

// Build makes the topology: nodes with their sysctls, links, exec lines, and
// then the routers, all started. The caller closes the lab.
func Build(ctx context.Context, f *File, o Options) (*Lab, error) {
	tag := o.Tag
	if tag == "" {
		tag = strings.Trim(f.Prefix+"-"+f.Name, "-")
	}
	l, err := lab.New(lab.Options{Tag: tag})
	if err != nil {
		return nil, err
	}
	b := &Lab{Lab: l, Routers: map[string]peer.Router{}, Seats: map[string]string{}}
	if err := b.build(ctx, f, o.Images); err != nil {
		return nil, errors.Join(fmt.Errorf("build %s: %w", f.Name, err), l.Close())
	}
	return b, nil
}

func (b *Lab) build(ctx context.Context, f *File, images map[string]Image) error {
	for _, n := range f.Nodes {
		if err := b.addNode(n); err != nil {
			return err
		}
	}
	for _, link := range f.Links {
		if err := b.addLink(link, f.Nodes); err != nil {
			return err
		}
	}
	for _, n := range f.Nodes {
		if err := b.exec(ctx, n); err != nil {
			return err
		}
	}
	for _, n := range f.Nodes {
		if err := b.startImage(ctx, n, images); err != nil {
			return err
		}
	}
	return nil
}

func (b *Lab) addNode(n Node) error {
	node, err := b.AddNode(n.Name)
	if err != nil {
		return err
	}
	if n.Kind == "bridge" {
		return node.AddBridge(n.Name)
	}
	for _, key := range slices.Sorted(maps.Keys(n.Sysctls)) {
		if err := node.Sysctl(key, n.Sysctls[key]); err != nil {
			return err
		}
	}
	return nil
}

func (b *Lab) addLink(link Link, nodes []Node) error {
	ends := [2]Endpoint{link.A, link.B}
	var made [2]lab.End
	for i, e := range ends {
		made[i] = lab.End{Node: b.Node(e.Node), Interface: e.Interface}
	}
	if err := b.Connect(made[0], made[1], link.MTU); err != nil {
		return err
	}
	for _, e := range ends {
		isBridge := slices.ContainsFunc(nodes, func(n Node) bool { return n.Name == e.Node && n.Kind == "bridge" })
		if isBridge {
			if err := b.Node(e.Node).Attach(e.Interface, e.Node); err != nil {
				return err
			}
		}
	}
	return nil
}

// exec runs the exec lines and starts the cmd of a node.
func (b *Lab) exec(ctx context.Context, n Node) error {
	for _, line := range n.Exec {
		argv, err := n.command(line)
		if err != nil {
			return err
		}
		if _, err := b.Node(n.Name).Run(ctx, argv...); err != nil {
			return err
		}
	}
	if n.Cmd == "" {
		return nil
	}
	argv, err := n.command(n.Cmd)
	if err != nil {
		return err
	}
	_, err = b.Node(n.Name).Start("cmd", argv...)
	return err
}

// command splits a command line, puts files in the place of bound paths and
// sets the environment.
func (n Node) command(line string) ([]string, error) {
	words, err := splitWords(line)
	if err != nil {
		return nil, fmt.Errorf("node %s: command %q: %w", n.Name, line, err)
	}
	for i, w := range words {
		if file, ok := n.Binds[w]; ok {
			words[i] = file
		}
	}
	if len(n.Env) == 0 {
		return words, nil
	}
	argv := []string{"env"}
	for _, key := range slices.Sorted(maps.Keys(n.Env)) {
		argv = append(argv, key+"="+n.Env[key])
	}
	return append(argv, words...), nil
}

// splitWords splits at spaces outside quotes, as containerlab does. There is
// no shell: variables and redirections mean nothing.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case quote == 0 && (r == ' ' || r == '\t' || r == '\n'):
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("quote %c is not closed", quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, errors.New("it is empty")
	}
	return words, nil
}

func (b *Lab) startImage(ctx context.Context, n Node, images map[string]Image) error {
	if n.Kind == "bridge" {
		return nil
	}
	image, ok := images[n.Image]
	if !ok {
		return fmt.Errorf("node %s: image %q is unknown here, known are %v", n.Name, n.Image, slices.Sorted(maps.Keys(images)))
	}
	router, err := image(b.Node(n.Name), n)
	if err != nil || router == nil {
		return err
	}
	b.Routers[n.Name], b.Seats[n.Name] = router, n.Image
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return router.Start(ctx)
}
