package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/fib/sysctl"
	"github.com/ecmpd/ecmpd/firewall"
	"github.com/ecmpd/ecmpd/firewall/firewalld"
)

// applySysctls sets what the configuration asks for and tells of what stands
// in the way of the job.
func (d *daemon) applySysctls(cfg *config.Config) {
	hash := sysctl.HashL4
	if cfg.ECMP.Hash == config.HashL3 {
		hash = sysctl.HashL3
	}
	d.applySeed(cfg)
	note, err := d.settings.SetMultipathHash(hash)
	switch {
	case err != nil:
		d.log.WithError(err).Errorf("multipath hash is not %s", cfg.ECMP.Hash)
	case note != "":
		d.log.Warn(note)
	}
	if forward, err := d.settings.Get("net.ipv4.ip_forward"); err == nil && forward == "0" {
		d.log.Warn("net.ipv4.ip_forward is 0: this machine forwards nothing (sysctl -w net.ipv4.ip_forward=1)")
	}
}

// warnReversePath tells of an interface that drops what came another way than
// the answer would go, which is normal among equal-cost paths. Where transit is not
// tracked the firewall loop does something about it.
func (d *daemon) warnReversePath(iface string) {
	if d.currentConfig().Transit.Mode == config.TransitOff && d.settings.ReversePath(iface) == sysctl.ReversePathStrict {
		d.log.WithField("interface", iface).Warnf("rp_filter is strict: packets of paths that are not the same both ways are dropped (sysctl -w net/ipv4/conf/%s/rp_filter=2)", iface)
	}
}

// loosenReversePath makes the check of an interface loose where it is strict; the
// old value comes back with cleanup, and with kernel.shutdown: remove.
func (d *daemon) loosenReversePath(iface string) {
	changed, err := d.settings.LoosenReversePath(iface)
	entry := d.log.WithField("interface", iface)
	switch {
	case err != nil:
		entry.WithError(err).Error("rp_filter stays strict: transit packets that come another way than the answer would go are dropped")
	case changed:
		entry.Info("rp_filter was strict and is loose now")
	}
}

// liberal is the setting that makes conntrack follow the state of TCP connections and not
// their windows.
const liberal = "net.netfilter.nf_conntrack_tcp_be_liberal"

// ignoreWindows is for mode auto, where a connection may go through another hub for
// a while and come back: its entry here is out of date then, and its packets would be
// invalid. What the check of windows keeps out passes untracked there anyway.
func (d *daemon) ignoreWindows() {
	old, err := d.settings.Set(liberal, "1")
	switch {
	case err != nil:
		d.log.WithError(err).Error("transit.mode auto: connections that come back from another hub may be dropped as invalid")
	case old != "1":
		d.log.Info(liberal + " was " + old + " and is 1 now")
	}
}

// Cleanup removes everything that is ecmpd's from the kernel: routes, nexthops
// and rules with its protocol number, the nftables table, its policy of firewalld, and its changes of
// sysctls. No daemon may run meanwhile.
func Cleanup(o Options) error {
	if err := checkPrivileges("cleanup"); err != nil {
		return err
	}
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
	return removeAll(log, protocol, o)
}

func (d *daemon) removeKernelState() error {
	d.log.Info("removing routes, nexthops and rules (kernel.shutdown: remove)")
	return removeAll(d.log, fib.Config{Protocol: d.currentConfig().Kernel.Protocol}, d.options)
}

// removeAll goes on after errors and joins them. Without nftables there is no
// table to remove, which is no error.
func removeAll(log *logrus.Logger, c fib.Config, o Options) error {
	removed, routeErr := fib.Cleanup(c)
	fw, ruleErr := firewall.Open()
	if ruleErr == nil {
		ruleErr = errors.Join(fw.Remove(), fw.Close())
	} else {
		log.WithError(ruleErr).Warn("no nftables table was removed")
		ruleErr = nil
	}
	var restored []string
	settings, settingErr := sysctl.Open(o.sysctlDir())
	if settingErr == nil {
		restored, settingErr = settings.Restore()
	}
	ctx, cancel := context.WithTimeout(context.Background(), firewalldRemoval)
	defer cancel()
	policyErr := removeFirewalldPolicy(ctx, firewalld.New(firewalldCommand), o.StateDir)
	if routeErr == nil {
		_ = os.Remove(filepath.Join(o.StateDir, protocolFile)) // nothing of it is left
	}
	log.WithFields(logrus.Fields{"removed": removed, "restored": restored}).Info("routes, nexthops and rules removed, kernel settings restored")
	return errors.Join(routeErr, ruleErr, policyErr, settingErr)
}
