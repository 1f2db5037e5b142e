package daemon

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/fib/sysctl"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/symmetry"
)

// sharedKey is what the routers of the network hash alike with; ok is false when
// the configuration wants no such thing.
func sharedKey(cfg *config.Config) (key symmetry.Key, ok bool) {
	if !cfg.ECMP.Symmetric {
		return symmetry.Key{}, false
	}
	var area packet.ID
	if areas := cfg.OSPF.Areas; len(areas) > 0 {
		area = slices.MinFunc(areas, func(a, b ospf.Area) int { return cmp.Compare(a.ID, b.ID) }).ID
	}
	return symmetry.NewKey(cfg.ECMP.Key, area), true
}

// applySeed gives the kernel's hash the seed of the shared key, or back its own.
func (d *daemon) applySeed(cfg *config.Config) {
	key, shared := sharedKey(cfg)
	err := d.settings.SetMultipathSeed(key.Seed)
	switch {
	case errors.Is(err, sysctl.ErrNoSeed):
		d.log.Error("ecmp.hash symmetric: " + err.Error())
	case err != nil:
		d.log.WithError(err).Error("the seed of the multipath hash is not as configured")
	case shared && key.Guessable:
		d.log.Warn("ecmp.hash symmetric without symmetric-key: the seed of the hash comes from the area id and can be guessed, so that anybody can send all flows to one hub")
	}
}

// ospfConfig adds to the configuration of OSPF what the machine has to say: room for databases, and
// what the router tells others, its name and its hash as the kernel has it.
func (d *daemon) ospfConfig(cfg *config.Config) ospf.Config {
	c := cfg.OSPF
	if c.MaxLSAs == 0 {
		c.MaxLSAs = databaseRoom(memory())
	}
	d.wanDefault(cfg, &c.Default)
	if c.Hostname == "" {
		// Without a name there is none to tell.
		name, _ := os.Hostname()
		c.Hostname = name[:min(len(name), packet.MaxHostname)]
	}
	kernel, err := d.settings.Multipath()
	if err != nil {
		d.log.WithError(err).Warn("other routers are not told how this kernel hashes")
		return c
	}
	m := &packet.Multipath{
		Able: kernel.Seedable, Resilient: cfg.ECMP.Resilient.Buckets > 0, Policy: kernel.Policy, Fields: kernel.Fields, MaxPaths: uint16(cfg.ECMP.MaxPaths),
	}
	if key, shared := sharedKey(cfg); shared && kernel.Seedable {
		m.Shared, m.Fingerprint = true, key.Fingerprint
	}
	c.Multipath = m
	return c
}

// defaultFlowTimeout is what conntrack keeps an idle TCP connection for where
// nobody has changed it.
const defaultFlowTimeout = 5 * 24 * time.Hour

// flowTimeout reads what conntrack keeps an idle TCP connection for.
func (d *daemon) flowTimeout() time.Duration {
	text, err := d.settings.Get("net.netfilter.nf_conntrack_tcp_timeout_established")
	seconds, numErr := strconv.Atoi(text)
	if err != nil || numErr != nil || seconds <= 0 { // conntrack is not loaded yet
		return defaultFlowTimeout
	}
	return time.Duration(seconds) * time.Second
}

// Symmetry implements api.Backend. The OSPF loop only hands out the LSAs; what
// they mean is found out beside it.
func (d *daemon) Symmetry(ctx context.Context, about netip.Addr) (api.Symmetry, error) {
	type areaLSAs struct {
		area packet.ID
		lsas [][]byte
	}
	areas, err := askOSPF(ctx, d, func(now time.Time) (list []areaLSAs) {
		for _, lsa := range d.engine.LSAs(now) {
			if lsa.Header.Type == packet.LSExternal || lsa.Interface != "" {
				continue
			}
			if n := len(list); n == 0 || list[n-1].area != lsa.Area {
				list = append(list, areaLSAs{area: lsa.Area})
			}
			last := &list[len(list)-1]
			last.lsas = append(last.lsas, lsa.Raw)
		}
		return list
	})
	if err != nil {
		return api.Symmetry{}, err
	}
	var id packet.ID
	if about.IsValid() {
		id = packet.IDFromAddr(about)
	}
	cfg := d.currentConfig()
	key, shared := sharedKey(cfg)
	out := api.Symmetry{
		Hash: cfg.ECMP.Hash.String(), Shared: shared, Guessable: shared && key.Guessable,
		Strays: shared && cfg.ECMP.Hash == config.HashL4,
	}
	for _, a := range areas {
		report := symmetry.Compute(slices.Values(a.lsas), id)
		out.Truncated = out.Truncated || report.Truncated
		for _, p := range report.Pairs {
			pair := api.SymmetryPair{Area: a.area.String(), A: p.A.String(), B: p.B.String(), Symmetric: string(p.Verdict), Why: p.Why}
			for _, t := range p.Through {
				pair.Through = append(pair.Through, t.String())
			}
			out.Pairs = append(out.Pairs, pair)
		}
	}
	return out, nil
}
