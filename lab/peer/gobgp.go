package peer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ecmpd/ecmpd/lab"
)

// GoBGP is a gobgpd, which speaks BGP alone and leaves the kernel's routes be.
type GoBGP struct {
	node    *lab.Node
	config  string
	process *lab.Process
}

// NewGoBGP prepares a gobgpd with the text of a gobgpd.conf, in TOML.
func NewGoBGP(node *lab.Node, config string) *GoBGP { return &GoBGP{node: node, config: config} }

// Node implements Router.
func (g *GoBGP) Node() *lab.Node { return g.node }

// Start implements Router.
func (g *GoBGP) Start(ctx context.Context) error {
	path := filepath.Join(g.node.Dir(), "gobgpd.conf")
	if err := os.WriteFile(path, []byte(g.config), 0o644); err != nil {
		return err
	}
	p, err := g.node.Start("gobgpd", "gobgpd", "--config-file", path, "--api-hosts", "127.0.0.1:50051", "--pprof-disable")
	if err != nil {
		return fmt.Errorf("%w (apt-get install gobgpd)", err)
	}
	g.process = p
	return lab.Wait(ctx, "gobgpd on "+g.node.Name(), func() (bool, string) {
		if err := p.Err(); err != nil {
			return false, err.Error() + ": " + p.Log()
		}
		out, err := g.Show(ctx, "global")
		return err == nil, fmt.Sprint(out, err)
	})
}

// Show runs the gobgp tool, for example Show(ctx, "neighbor").
func (g *GoBGP) Show(ctx context.Context, args ...string) (string, error) {
	return g.node.Run(ctx, append([]string{"gobgp", "--host", "127.0.0.1"}, args...)...)
}

// Kill implements Router.
func (g *GoBGP) Kill() {
	if g.process != nil {
		g.process.Kill()
	}
}

// Stop implements Router.
func (g *GoBGP) Stop(ctx context.Context) error {
	if g.process == nil {
		return nil
	}
	return g.process.Stop(ctx)
}

// Log implements Router.
func (g *GoBGP) Log() string {
	if g.process == nil {
		return ""
	}
	return g.process.Log()
}

// Neighbors implements Router: it has none in OSPF.
func (g *GoBGP) Neighbors(context.Context) ([]Neighbor, error) { return nil, nil }

// Database implements Router: it has none.
func (g *GoBGP) Database(context.Context) ([]LSA, error) { return nil, nil }
