package peer

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ecmpd/ecmpd/lab"
)

// BIRD is a BIRD 2 daemon.
type BIRD struct {
	node    *lab.Node
	config  string
	process *lab.Process
}

// NewBIRD prepares BIRD with the text of a bird.conf.
func NewBIRD(node *lab.Node, config string) *BIRD {
	return &BIRD{node: node, config: config}
}

// Node implements Router.
func (b *BIRD) Node() *lab.Node { return b.node }

func (b *BIRD) path(name string) string { return filepath.Join(b.node.Dir(), name) }

// Start implements Router.
func (b *BIRD) Start(ctx context.Context) error { return b.start(ctx) }

// Recover starts it in a graceful restart.
func (b *BIRD) Recover(ctx context.Context) error { return b.start(ctx, "-R") }

func (b *BIRD) start(ctx context.Context, args ...string) error {
	if err := os.WriteFile(b.path("bird.conf"), []byte("log stderr all;\n"+b.config), 0o644); err != nil {
		return err
	}
	// A socket of an earlier run would look like a daemon that is ready.
	if err := os.RemoveAll(b.path("bird.ctl")); err != nil {
		return err
	}
	argv := []string{"bird", "-f", "-c", b.path("bird.conf"), "-s", b.path("bird.ctl"), "-P", b.path("bird.pid")}
	p, err := b.node.Start("bird", append(argv, args...)...)
	if err != nil {
		return fmt.Errorf("%w (apt-get install bird2)", err)
	}
	b.process = p
	return waitSocket(ctx, p, b.path("bird.ctl"))
}

// Kill implements Router.
func (b *BIRD) Kill() {
	if b.process != nil {
		b.process.Kill()
	}
}

// Stop implements Router.
func (b *BIRD) Stop(ctx context.Context) error {
	if b.process == nil {
		return nil
	}
	return b.process.Stop(ctx)
}

// Log implements Router.
func (b *BIRD) Log() string {
	if b.process == nil {
		return ""
	}
	return b.process.Log()
}

// Show runs one birdc command, for example "show protocols".
func (b *BIRD) Show(ctx context.Context, command string) (string, error) {
	return b.node.Run(ctx, "birdc", "-s", b.path("bird.ctl"), command)
}

// Neighbors implements Router.
func (b *BIRD) Neighbors(ctx context.Context) ([]Neighbor, error) {
	out, err := b.Show(ctx, "show ospf neighbors")
	if err != nil {
		return nil, err
	}
	return birdNeighbors(out), nil
}

// birdNeighbors reads the rows of BIRD's table: router id, priority, state,
// dead time, interface, address. Everything else on the screen is skipped.
func birdNeighbors(out string) []Neighbor {
	roles := map[string]string{"PtP": "-", "BDR": "Backup", "Other": "DROther"}
	var list []Neighbor
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) != 6 {
			continue
		}
		id, err := netip.ParseAddr(f[0])
		if err != nil {
			continue
		}
		address, _ := netip.ParseAddr(f[5])
		state, role, _ := strings.Cut(f[2], "/")
		if r, ok := roles[role]; ok {
			role = r
		}
		list = append(list, Neighbor{RouterID: id, Address: address, Interface: f[4], State: birdState(state), Role: role})
	}
	sortNeighbors(list)
	return list
}

// birdState gives BIRD's spelling of a state back in the RFC's.
func birdState(s string) string {
	if s == "2WAY" {
		return "2-Way"
	}
	for _, rfc := range []string{"Down", "Attempt", "Init", "ExStart", "Exchange", "Loading", "Full"} {
		if strings.EqualFold(s, rfc) {
			return rfc
		}
	}
	return s
}

// Database implements Router.
func (b *BIRD) Database(ctx context.Context) ([]LSA, error) {
	out, err := b.Show(ctx, "show ospf lsadb")
	if err != nil {
		return nil, err
	}
	return birdDatabase(out)
}

// birdDatabase reads the rows of BIRD's table: type in hexadecimal, id,
// router, sequence, age, checksum. Link-local opaque LSAs are left out, for
// they differ from link to link.
func birdDatabase(out string) ([]LSA, error) {
	var list []LSA
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) != 6 || len(f[0]) != 4 {
			continue
		}
		lsaType, err := strconv.ParseUint(f[0], 16, 8)
		if err != nil || lsaType == 9 {
			continue
		}
		if age, err := strconv.Atoi(f[4]); err != nil || age >= maxAge {
			continue
		}
		id, err := netip.ParseAddr(f[1])
		if err != nil {
			return nil, fmt.Errorf("BIRD's database: %w in %q", err, line)
		}
		adv, err := netip.ParseAddr(f[2])
		if err != nil {
			return nil, fmt.Errorf("BIRD's database: %w in %q", err, line)
		}
		lsa, err := newLSA(uint8(lsaType), id, adv, f[3], f[5])
		if err != nil {
			return nil, fmt.Errorf("BIRD's database: %w in %q", err, line)
		}
		list = append(list, lsa)
	}
	slices.SortFunc(list, LSA.Compare)
	return list, nil
}
