package peer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ecmpd/ecmpd/lab"
)

// frrDaemons is where Debian keeps FRR's daemons.
const frrDaemons = "/usr/lib/frr"

// FRR is a set of FRR daemons: zebra, staticd and ospfd, or others.
type FRR struct {
	node    *lab.Node
	config  string
	daemons []string
	running []*lab.Process
}

// NewFRR prepares FRR with the text of an frr.conf. Zebra and staticd always
// run; daemons are the others, ospfd when none is named.
func NewFRR(node *lab.Node, config string, daemons ...string) *FRR {
	if len(daemons) == 0 {
		daemons = []string{"ospfd"}
	}
	return &FRR{node: node, config: config, daemons: append([]string{"zebra", "staticd"}, daemons...)}
}

// Node implements Router.
func (f *FRR) Node() *lab.Node { return f.node }

// dir holds configuration, sockets and pid files, and belongs to FRR's user.
func (f *FRR) dir() string { return filepath.Join(f.node.Dir(), "frr") }

// Start implements Router. It waits for the daemons' sockets and then loads
// the configuration through them, as FRR's own start script does.
func (f *FRR) Start(ctx context.Context) error {
	if err := f.prepare(); err != nil {
		return fmt.Errorf("FRR on %s: %w", f.node.Name(), err)
	}
	for _, d := range f.daemons {
		if err := f.startDaemon(ctx, d); err != nil {
			f.Kill()
			return err
		}
	}
	if out, err := f.vtysh(ctx, "-b"); err != nil {
		f.Kill()
		return fmt.Errorf("load FRR's configuration: %w: %s", err, out)
	}
	return nil
}

func (f *FRR) prepare() error {
	owner, err := user.Lookup("frr")
	if err != nil {
		return fmt.Errorf("not installed (apt-get install frr): %w", err)
	}
	uid, err1 := strconv.Atoi(owner.Uid)
	gid, err2 := strconv.Atoi(owner.Gid)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	// Sockets of an earlier run would look like daemons that are ready.
	if err := os.RemoveAll(f.dir()); err != nil {
		return err
	}
	if err := os.Mkdir(f.dir(), 0o755); err != nil {
		return err
	}
	config := "log stdout informational\nhostname " + f.node.Name() + "\n" + f.config
	for name, text := range map[string]string{"frr.conf": config, "empty.conf": "", "vtysh.conf": ""} {
		if err := os.WriteFile(filepath.Join(f.dir(), name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return os.Chown(f.dir(), uid, gid)
}

func (f *FRR) startDaemon(ctx context.Context, name string) error {
	p, err := f.run(name)
	if err != nil {
		return err
	}
	f.running = append(f.running, p)
	sockets := []string{filepath.Join(f.dir(), name+".vty")}
	if name == "zebra" {
		sockets = append(sockets, filepath.Join(f.dir(), "zserv"))
	}
	for _, socket := range sockets {
		if err := waitSocket(ctx, p, socket); err != nil {
			return err
		}
	}
	return nil
}

// run starts a daemon's process. What it keeps for a graceful restart is in one place for all
// instances of a machine; this one gets a place of its own.
func (f *FRR) run(name string) (*lab.Process, error) {
	const private = `mount --bind "$0" /run/frr && exec "$@"`
	dir := f.dir()
	if err := os.RemoveAll(filepath.Join(dir, name+".vty")); err != nil {
		return nil, err
	}
	return f.node.Start(name, "unshare", "--mount", "sh", "-c", private, dir, filepath.Join(frrDaemons, name),
		"-u", "frr", "-g", "frr", "--vty_socket", dir, "-P", "0",
		"-z", filepath.Join(dir, "zserv"), "-i", filepath.Join(dir, name+".pid"), "-f", filepath.Join(dir, "empty.conf"))
}

// waitSocket waits until a process that has just been started listens on its
// socket. Before it does vtysh would go without it, and without a word.
func waitSocket(ctx context.Context, p *lab.Process, path string) error {
	return lab.Wait(ctx, "socket "+path, func() (bool, string) {
		if err := p.Err(); err != nil {
			return false, err.Error() + ": " + p.Log()
		}
		c, err := net.Dial("unix", path)
		if err != nil {
			return false, err.Error() + ": " + p.Log()
		}
		return c.Close() == nil, ""
	})
}

// Kill implements Router. All daemons end at the same time: none sees another one go.
func (f *FRR) Kill() {
	var killing sync.WaitGroup
	for _, p := range f.running {
		killing.Go(p.Kill)
	}
	killing.Wait()
	f.running = nil
}

// Stop implements Router. Zebra, which started first, ends last.
func (f *FRR) Stop(ctx context.Context) error {
	var errs []error
	for _, p := range slices.Backward(f.running) {
		errs = append(errs, p.Stop(ctx))
	}
	f.running = nil
	return errors.Join(errs...)
}

// KillDaemon kills one of the daemons, for example "ospfd"; the others go on.
func (f *FRR) KillDaemon(name string) {
	if i := slices.Index(f.daemons, name); i >= 0 && i < len(f.running) {
		f.running[i].Kill()
	}
}

// StartDaemon starts a daemon again that was killed, with its configuration.
func (f *FRR) StartDaemon(ctx context.Context, name string) error {
	i := slices.Index(f.daemons, name)
	if i < 0 || i >= len(f.running) {
		return fmt.Errorf("FRR on %s has no %s", f.node.Name(), name)
	}
	p, err := f.run(name)
	if err != nil {
		return err
	}
	f.running[i] = p
	if err := waitSocket(ctx, p, filepath.Join(f.dir(), name+".vty")); err != nil {
		return err
	}
	if out, err := f.vtysh(ctx, "-b"); err != nil {
		return fmt.Errorf("load FRR's configuration: %w: %s", err, out)
	}
	return nil
}

// Revive starts the daemons again that have ended by themselves, and names them. FRR 8.4 may crash where it is no part of a
// test that it lives.
func (f *FRR) Revive(ctx context.Context) (crashed []string, err error) {
	for i, p := range f.running {
		if p.Err() != nil {
			crashed = append(crashed, f.daemons[i])
			err = errors.Join(err, f.StartDaemon(ctx, f.daemons[i]))
		}
	}
	return crashed, err
}

// Log implements Router.
func (f *FRR) Log() string {
	var b strings.Builder
	for _, p := range f.running {
		b.WriteString(p.Log())
	}
	return b.String()
}

// Show runs one vtysh command, for example "show ip ospf neighbor".
func (f *FRR) Show(ctx context.Context, command string) (string, error) {
	return f.vtysh(ctx, "-c", command)
}

// Configure enters lines in FRR's configuration mode, for example "bfd", "profile p",
// "shutdown".
func (f *FRR) Configure(ctx context.Context, lines ...string) error {
	args := []string{"-c", "configure terminal"}
	for _, l := range lines {
		args = append(args, "-c", l)
	}
	_, err := f.vtysh(ctx, args...)
	return err
}

func (f *FRR) vtysh(ctx context.Context, args ...string) (string, error) {
	return f.node.Run(ctx, append([]string{"vtysh", "--vty_socket", f.dir(), "--config_dir", f.dir()}, args...)...)
}

// Neighbors implements Router.
func (f *FRR) Neighbors(ctx context.Context) ([]Neighbor, error) {
	out, err := f.Show(ctx, "show ip ospf neighbor json")
	if err != nil {
		return nil, err
	}
	var body struct {
		Neighbors map[string][]struct {
			NbrState  string     `json:"nbrState"` // "Full/DR"
			Address   netip.Addr `json:"ifaceAddress"`
			Interface string     `json:"ifaceName"` // name:address
		} `json:"neighbors"`
	}
	if err := json.Unmarshal([]byte(out), &body); err != nil {
		return nil, fmt.Errorf("FRR's neighbours on %s: %w: %s", f.node.Name(), err, out)
	}
	var list []Neighbor
	for id, entries := range body.Neighbors {
		routerID, err := netip.ParseAddr(id)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			state, role, _ := strings.Cut(e.NbrState, "/")
			ifname, _, _ := strings.Cut(e.Interface, ":")
			list = append(list, Neighbor{RouterID: routerID, Address: e.Address, Interface: ifname, State: state, Role: role})
		}
	}
	sortNeighbors(list)
	return list, nil
}

func sortNeighbors(list []Neighbor) {
	slices.SortFunc(list, func(a, b Neighbor) int {
		return cmp.Or(a.RouterID.Compare(b.RouterID), cmp.Compare(a.Interface, b.Interface), a.Address.Compare(b.Address))
	})
}

// frrLSATypes are the keys under which FRR lists LSAs, by LSA type.
var frrLSATypes = map[string]uint8{
	"routerLinkStates": 1, "networkLinkStates": 2, "summaryLinkStates": 3, "asbrSummaryLinkStates": 4,
	"asExternalLinkStates": 5, "nssaExternalLinkStates": 7, "areaLocalOpaqueLsa": 10, "asExternalOpaqueLsa": 11,
}

// Database implements Router.
func (f *FRR) Database(ctx context.Context) ([]LSA, error) {
	out, err := f.Show(ctx, "show ip ospf database json")
	if err != nil {
		return nil, err
	}
	list, err := frrDatabase([]byte(out))
	if err != nil {
		return nil, fmt.Errorf("FRR's database on %s: %w: %s", f.node.Name(), err, out)
	}
	return list, nil
}

func frrDatabase(out []byte) ([]LSA, error) {
	var body map[string]json.RawMessage
	if err := json.Unmarshal(out, &body); err != nil {
		return nil, err
	}
	var areas map[string]map[string]json.RawMessage
	if raw, ok := body["areas"]; ok {
		if err := json.Unmarshal(raw, &areas); err != nil {
			return nil, err
		}
	}
	var list []LSA
	sections := []map[string]json.RawMessage{body}
	for _, area := range areas {
		sections = append(sections, area)
	}
	for _, section := range sections {
		for key, raw := range section {
			lsaType, ok := frrLSATypes[key]
			if !ok {
				continue
			}
			var lsas []struct {
				ID       netip.Addr `json:"lsId"`
				Adv      netip.Addr `json:"advertisedRouter"`
				Age      int        `json:"lsaAge"`
				Sequence string     `json:"sequenceNumber"`
				Checksum string     `json:"checksum"`
			}
			if err := json.Unmarshal(raw, &lsas); err != nil {
				return nil, err
			}
			for _, l := range lsas {
				if l.Age >= maxAge {
					continue
				}
				lsa, err := newLSA(lsaType, l.ID, l.Adv, l.Sequence, l.Checksum)
				if err != nil {
					return nil, err
				}
				list = append(list, lsa)
			}
		}
	}
	slices.SortFunc(list, LSA.Compare)
	return list, nil
}

// newLSA reads sequence number and checksum as hexadecimal, with or without
// 0x.
func newLSA(lsaType uint8, id, adv netip.Addr, sequence, checksum string) (LSA, error) {
	seq, err1 := strconv.ParseUint(strings.TrimPrefix(sequence, "0x"), 16, 32)
	sum, err2 := strconv.ParseUint(strings.TrimPrefix(checksum, "0x"), 16, 16)
	return LSA{lsaType, id, adv, uint32(seq), uint16(sum)}, errors.Join(err1, err2)
}
