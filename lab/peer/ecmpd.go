package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/ecmpd/ecmpd/lab"
)

// Ecmpd is an ecmpd daemon.
type Ecmpd struct {
	node    *lab.Node
	binary  string
	config  string
	process *lab.Process
}

// NewEcmpd prepares a daemon of the given executable with the text of an
// ecmpd.yaml.
func NewEcmpd(node *lab.Node, binary, config string) *Ecmpd {
	return &Ecmpd{node: node, binary: binary, config: config}
}

// Node implements Router.
func (e *Ecmpd) Node() *lab.Node { return e.node }

// Binary is the path of the executable.
func (e *Ecmpd) Binary() string { return e.binary }

// Socket is the path of the daemon's API socket.
func (e *Ecmpd) Socket() string { return filepath.Join(e.node.Dir(), "ecmpd.sock") }

// ConfigFile is the path of the daemon's configuration.
func (e *Ecmpd) ConfigFile() string { return filepath.Join(e.node.Dir(), "ecmpd.yaml") }

// Start implements Router.
func (e *Ecmpd) Start(ctx context.Context) error {
	if err := e.writeConfig(); err != nil {
		return err
	}
	// A socket of a daemon that was killed would look like one that is
	// ready.
	if err := os.RemoveAll(e.Socket()); err != nil {
		return err
	}
	p, err := e.node.Start("ecmpd", e.binary, "run", "--config", e.ConfigFile(), "--socket", e.Socket(),
		"--state-dir", filepath.Join(e.node.Dir(), "state"))
	if err != nil {
		return err
	}
	e.process = p
	return waitSocket(ctx, p, e.Socket())
}

func (e *Ecmpd) writeConfig() error {
	return os.WriteFile(e.ConfigFile(), []byte(e.config), 0o644)
}

// Reload writes another configuration and has the daemon read it.
func (e *Ecmpd) Reload(config string) error {
	e.config = config
	if err := e.writeConfig(); err != nil {
		return err
	}
	return e.process.Signal(syscall.SIGHUP)
}

// Kill implements Router.
func (e *Ecmpd) Kill() {
	if e.process != nil {
		e.process.Kill()
	}
}

// Stop implements Router.
func (e *Ecmpd) Stop(ctx context.Context) error {
	if e.process == nil {
		return nil
	}
	return e.process.Stop(ctx)
}

// Pid is the daemon's process id, 0 before the first start.
func (e *Ecmpd) Pid() int {
	if e.process == nil {
		return 0
	}
	return e.process.Pid()
}

// Log implements Router.
func (e *Ecmpd) Log() string {
	if e.process == nil {
		return ""
	}
	return e.process.Log()
}

// Show runs `ecmpd show …`, for example Show(ctx, "ospf", "neighbor").
func (e *Ecmpd) Show(ctx context.Context, args ...string) (string, error) {
	return e.command(ctx, append([]string{"show"}, args...)...)
}

// Wait runs `ecmpd wait …`, for example Wait(ctx, "neighbor=full:2",
// "--timeout", "30s").
func (e *Ecmpd) Wait(ctx context.Context, args ...string) error {
	if _, err := e.command(ctx, append([]string{"wait"}, args...)...); err != nil {
		return fmt.Errorf("%w; log: %s", err, e.Log())
	}
	return nil
}

func (e *Ecmpd) command(ctx context.Context, args ...string) (string, error) {
	return e.node.Run(ctx, append(append([]string{e.binary}, args...), "--socket", e.Socket())...)
}

func (e *Ecmpd) showJSON(ctx context.Context, body any, args ...string) error {
	out, err := e.Show(ctx, append(args, "-o", "json")...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), body); err != nil {
		return fmt.Errorf("ecmpd show %s on %s: %w: %s", strings.Join(args, " "), e.node.Name(), err, out)
	}
	return nil
}

// Neighbors implements Router.
func (e *Ecmpd) Neighbors(ctx context.Context) ([]Neighbor, error) {
	var body struct {
		Neighbors []struct {
			RouterID  netip.Addr `json:"routerId"`
			Address   netip.Addr `json:"address"`
			Interface string     `json:"interface"`
			State     string     `json:"state"`
			Role      string     `json:"role"`
			DR        netip.Addr `json:"dr"`
			BDR       netip.Addr `json:"bdr"`
		} `json:"neighbors"`
	}
	if err := e.showJSON(ctx, &body, "ospf", "neighbor"); err != nil {
		return nil, err
	}
	var list []Neighbor
	for _, n := range body.Neighbors {
		list = append(list, Neighbor{n.RouterID, n.Address, n.Interface, n.State, n.Role, n.DR, n.BDR})
	}
	sortNeighbors(list)
	return list, nil
}

// ecmpdLSATypes are ecmpd's names of the LSA types.
var ecmpdLSATypes = map[string]uint8{
	"router": 1, "network": 2, "summary": 3, "asbr-summary": 4, "as-external": 5, "nssa": 7,
	"opaque-area": 10, "opaque-as": 11,
}

type ecmpdLSA struct {
	Type     string     `json:"type"`
	ID       netip.Addr `json:"linkStateId"`
	Adv      netip.Addr `json:"advertisingRouter"`
	Age      int        `json:"age"`
	Sequence string     `json:"sequenceNumber"`
	Checksum string     `json:"checksum"`
}

// Database implements Router.
func (e *Ecmpd) Database(ctx context.Context) ([]LSA, error) {
	var body struct {
		Areas []struct {
			LSAs []ecmpdLSA `json:"lsas"`
		} `json:"areas"`
		External []ecmpdLSA `json:"external"`
	}
	if err := e.showJSON(ctx, &body, "ospf", "database"); err != nil {
		return nil, err
	}
	all := body.External
	for _, area := range body.Areas {
		all = append(all, area.LSAs...)
	}
	var list []LSA
	for _, l := range all {
		if l.Age >= maxAge {
			continue
		}
		lsaType, ok := ecmpdLSATypes[l.Type]
		if !ok {
			return nil, fmt.Errorf("ecmpd's database on %s: unknown LSA type %q", e.node.Name(), l.Type)
		}
		lsa, err := newLSA(lsaType, l.ID, l.Adv, l.Sequence, l.Checksum)
		if err != nil {
			return nil, err
		}
		list = append(list, lsa)
	}
	slices.SortFunc(list, LSA.Compare)
	return list, nil
}
