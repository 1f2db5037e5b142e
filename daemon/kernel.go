package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/fib/sysctl"
	"github.com/ecmpd/ecmpd/firewall"
)

// applySysctls sets what the configuration asks for and tells of what stands
// in the way of the job.
func (d *daemon) applySysctls(cfg *config.Config) {
	settings, err := sysctl.Open(d.options.sysctlDir())
	if err != nil {
		d.log.WithError(err).Warn("old kernel settings are unknown: cleanup will not restore them")
	}
	hash := sysctl.HashL4
	if cfg.ECMP.Hash == config.HashL3 {
		hash = sysctl.HashL3
	}
	note, err := settings.SetMultipathHash(hash)
	switch {
	case err != nil:
		d.log.WithError(err).Errorf("multipath hash is not %s", cfg.ECMP.Hash)
	case note != "":
		d.log.Warn(note)
	}
	if forward, err := settings.Get("net.ipv4.ip_forward"); err == nil && forward == "0" {
		d.log.Warn("net.ipv4.ip_forward is 0: this machine forwards nothing (sysctl -w net.ipv4.ip_forward=1)")
	}
}

// Cleanup removes everything that is ecmpd's from the kernel: routes, nexthops
// and rules with its protocol number, the nftables table, and its changes of
// sysctls. No daemon may run meanwhile.
func Cleanup(_ context.Context, o Options) error {
	cfg, err := config.Load(o.ConfigPath)
	protocol := fib.Config{}
	switch {
	case err == nil:
		protocol.Protocol = cfg.Kernel.Protocol
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	log, closeLog := stderrLog()
	defer closeLog()
	release, err := claimNamespace(log) // a running daemon would write it all again
	if err != nil {
		return fmt.Errorf("cleanup: %w", err)
	}
	defer release()
	return removeAll(protocol, o)
}

func (d *daemon) removeKernelState() error {
	d.log.Info("removing routes, nexthops and rules (kernel.shutdown: remove)")
	return removeAll(fib.Config{Protocol: d.currentConfig().Kernel.Protocol}, d.options)
}

func removeAll(c fib.Config, o Options) error {
	_, routeErr := fib.Cleanup(c)
	var ruleErr error
	fw, err := firewall.Open()
	if err == nil {
		ruleErr = errors.Join(fw.Remove(), fw.Close())
	}
	settings, err := sysctl.Open(o.sysctlDir())
	if err == nil {
		_, err = settings.Restore()
	}
	return errors.Join(routeErr, ruleErr, err)
}
