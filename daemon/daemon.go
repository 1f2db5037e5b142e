// Package daemon is the only place that knows every part: it builds them, owns
// the loops, translates between neighbouring vocabularies, and starts and stops
// everything in order.
//
// Some loops own what they change, and hand each other values:
//
//	speaker.Run    the OSPF engine, its sockets and its clock
//	routeLoop      RIB and kernel routes; derives transit
//	firewallLoop   the nftables table
//	conntrackLoop  the conntrack entries of flows that are no longer tracked
//	wanLoop        the state of the uplinks, and their probes
//	bgpLoop        what BGP neighbours say, and which of it is used
//	worker.Run     the BFD sessions, and the BGP sessions, each in a process of their own
//	api.Serve      status; asks the others and gets copies
//	sequenceStore  what must not be used twice, kept in a file
//
// and watchers feed them: the kernel's links, and what other programs do to
// routes and rules. Files: daemon.go (start and stop), privilege.go and claim.go
// (may this process, and is it the only one), mailbox.go (between loops),
// routes.go and connected.go (route loop), firewall.go and conntrack.go (theirs), bfd.go (who
// wants which BFD sessions), bgp.go and bgp_routes.go (the BGP loop), events.go (engine output to logs and dead legs), log.go,
// history.go (what happened lately), shared.go (tracked networks that other hubs carry, too), status.go, explain.go,
// explain_rules.go, doctor.go, plan.go (what a configuration would change) and orders.go
// (API), statedir.go and sequence.go (what survives a restart), kernel.go (sysctls and
// cleanup).
package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/bfd/worker"
	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/fib/sysctl"
	"github.com/ecmpd/ecmpd/link"
	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/speaker"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// Options say which daemon to run, or to clean up after.
type Options struct {
	ConfigPath string           // configuration file
	Socket     string           // unix socket of the API
	StateDir   string           // directory for what survives a restart
	Record     string           // file to record the engine's inputs in; empty: none
	Version    string           // of the program, for status and metrics
	Reload     <-chan os.Signal // every value reads the configuration again
}

// stopTimeout bounds a clean stop: max-metric for at most 3 s, and the
// acknowledgements of the flushed LSAs.
const stopTimeout = 4800 * time.Millisecond

// daemon is a running instance.
type daemon struct {
	options Options
	log     *logrus.Logger
	started time.Time

	settings  *sysctl.Settings
	engine    *ospf.Engine
	speaker   *speaker.Speaker
	routes    *routeLoop
	firewall  *firewallLoop
	firewalld *firewalldLoop
	uplinks   *wanLoop
	bgp       *bgpLoop
	links     *link.Watcher
	bfd       *worker.Worker
	sessions  *bfdSessions

	sequences *sequenceStore
	restarts  *restartStore
	prepared  ospf.RestartPrepared // before flushed is closed

	flushed   chan struct{} // closed when the engine has left the network
	silent    chan struct{} // closed when the speaker has ended
	converged chan struct{} // closed after the first convergence

	changes  atomic.Uint64   // of neighbours
	healthy  atomic.Bool     // an uplink is up
	reloads  chan chan error // orders to reload, with the place for the answer
	vertices int             // of the last SPF run; owned by the OSPF loop
	unheard  []nexthop.Leg   // that died on NBMA networks since then; owned by the OSPF loop
	history  *history        // owned by the OSPF loop

	mu         sync.Mutex // guards what follows: read by status, written by reload
	config     *config.Config
	loaded     time.Time
	reloadFail string
}

// Run runs the daemon until ctx ends, then leaves the network cleanly: max-metric
// if configured, own LSAs flushed. Kernel state stays or goes as configured.
func Run(ctx context.Context, o Options) error {
	cfg, err := loadConfig(o.ConfigPath)
	if err != nil {
		return err
	}
	if err := checkPrivileges("run"); err != nil {
		return err
	}
	log, closeLog := stderrLog()
	defer closeLog()
	d := newDaemon(o, cfg, log)
	listener, err := api.Listen(o.Socket)
	if err != nil {
		return err
	}
	defer listener.Close()
	release, err := claimNamespace(log)
	if err != nil {
		return err
	}
	defer release()
	unlock, err := openStateDir(o.StateDir, log)
	if err != nil {
		return err
	}
	defer unlock()
	rememberProtocol(o.StateDir, cfg.Kernel.Protocol, log)
	for _, w := range cfg.Warnings {
		d.log.Warn(w.String())
	}
	if err := d.build(cfg); err != nil {
		return err
	}
	defer d.routes.close()
	defer d.firewall.close()
	return d.serve(ctx, func(ctx context.Context) error { return api.Serve(ctx, listener, d) })
}

func newDaemon(o Options, cfg *config.Config, log *logrus.Logger) *daemon {
	return &daemon{
		options: o, log: log, started: time.Now(), config: cfg, loaded: time.Now(),
		flushed: make(chan struct{}), silent: make(chan struct{}), converged: make(chan struct{}),
		reloads: make(chan chan error), history: newHistory(),
	}
}

// build makes the parts, kernel settings first.
func (d *daemon) build(cfg *config.Config) error {
	var err error
	if d.settings, err = sysctl.Open(d.options.sysctlDir()); err != nil {
		d.log.WithError(err).Warn("old kernel settings are unknown: cleanup will not restore them")
	}
	d.applySysctls(cfg)
	d.engine = ospf.New(uint64(d.started.UnixNano()))
	engine, err := d.recorded(d.engine)
	if err != nil {
		return err
	}
	d.speaker, err = speaker.New(engine, speaker.Options{OnOutput: d.onOutput, OnError: d.onSpeakerError})
	if err != nil {
		return err
	}
	if d.links, err = link.Open(); err != nil {
		return err
	}
	d.bfd = d.newBFD()
	d.sessions = newBFDSessions(d.bfd.Set, d.bfd.Release)
	d.firewalld = newFirewalldLoop(d.log, d.options.StateDir)
	d.firewalld.inbox.put(firewalldZones(cfg))
	d.firewall = newFirewallLoop(d.log, firewallSettings{d.loosenReversePath, d.ignoreWindows, d.flowTimeout}, d.firewalld)
	d.uplinks = d.newWANLoop(cfg)
	d.routes, err = newRouteLoop(d.log, cfg, d.speaker.Post, d.firewall.inbox.put, d.uplinks.inbox.put, d.sessions)
	if err != nil {
		return err
	}
	d.bgp = d.newBGPLoop()
	d.routes.bgp = d.bgp.inbox.put
	d.sequences = newSequenceStore(d.options.StateDir, d.log)
	d.speaker.Post(d.sequences.begin(d.started))
	d.restarts = newRestartStore(d.options.StateDir, d.log, func() bool { return d.currentConfig().OSPF.GracefulRestart.Enabled })
	if r, graceful := d.restarts.begin(d.started, cfg.OSPF.GracefulRestart.Interval); graceful {
		d.speaker.Post(r)
	}
	d.speaker.Post(d.ospfConfig(cfg))
	return nil
}

// serve runs the loops until ctx ends or one of them fails, and stops them in
// order: OSPF leaves first, while the routes are frozen. Neighbours must not be
// left with a router that has lost a part of itself, so a failure says good-bye
// too, unless it is OSPF that failed.
func (d *daemon) serve(ctx context.Context, serveAPI func(context.Context) error) error {
	inner, cancel := context.WithCancel(context.Background())
	defer cancel()
	failed, cause := context.WithCancelCause(ctx)
	defer cause(nil)
	var wg sync.WaitGroup
	start := func(name string, run func(context.Context) error) {
		wg.Go(func() {
			if err := run(inner); err != nil && inner.Err() == nil {
				cause(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	start("OSPF", func(ctx context.Context) error {
		defer close(d.silent)
		return d.speaker.Run(ctx)
	})
	start("BFD", d.bfd.Run)
	start("routes", d.routes.run)
	start("kernel routes", d.routes.watch)
	start("firewall", d.firewall.run)
	start("conntrack", d.firewall.runConntrack)
	start("nftables", d.firewall.watch)
	start("firewalld", d.firewalld.run)
	start("uplinks", d.uplinks.run)
	start("BGP", d.bgp.run)
	start("BGP process", d.bgp.worker.Run)
	start("conflicts with uplinks", d.watchUplinkConflicts)
	start("links", func(ctx context.Context) error {
		defer d.links.Close()
		return d.links.Run(ctx, d.onLinks)
	})
	start("sequence numbers", d.sequences.run)
	start("graceful restart", d.restarts.run)
	start("API", serveAPI)
	start("convergence", d.awaitConvergence)
	start("tracked networks", d.watchShared)
	start("memory", func(ctx context.Context) error { return tendMemory(ctx, d.log) })
	start("BFD keys", d.rollBFDKeys)
	d.log.WithFields(logrus.Fields{"version": d.options.Version, "routerId": d.config.OSPF.RouterID, "config": d.options.ConfigPath}).Info("started")

	for running := true; running; {
		select {
		case <-d.options.Reload:
			_ = d.reload(failed) // it is in the log and in the status
		case answer := <-d.reloads:
			answer <- d.reload(failed)
		case <-failed.Done():
			running = false
		}
	}
	var failure error
	if ctx.Err() == nil {
		failure = context.Cause(failed)
		d.log.WithError(failure).Error("a part of the daemon failed")
	}
	graceful := d.leave()
	cancel()
	wg.Wait()
	if !graceful && d.currentConfig().Kernel.Shutdown == config.ShutdownRemove && failure == nil {
		return d.removeKernelState()
	}
	return failure
}

// leave ends the daemon's part in the network: for a moment, if it is to restart gracefully and was not
// drained before, or for good. Then the routes stay as they are while its neighbours turn away.
func (d *daemon) leave() (graceful bool) {
	drained := false
	ospfEnded := d.speaker.Do(func(time.Time) { drained = d.engine.StubRouter().Drained })
	if ospfEnded == nil && d.currentConfig().OSPF.GracefulRestart.Enabled && !drained {
		return d.leaveGracefully()
	}
	d.log.Info("stopping: leaving the OSPF network")
	d.routes.inbox.put(freeze{})
	d.speaker.Post(ospf.Shutdown)
	d.awaitOSPF()
	d.restarts.left()
	return false
}

// awaitOSPF waits until the engine has said what there was to say.
func (d *daemon) awaitOSPF() {
	select {
	case <-d.flushed:
	case <-d.silent:
	case <-time.After(stopTimeout):
		d.log.Warn("stopping: neighbours did not acknowledge in time")
	}
}

// loadConfig reads a configuration that a daemon can run with.
func loadConfig(path string) (*config.Config, error) {
	cfg, err := config.Load(path)
	if err == nil {
		err = cfg.Ready()
	}
	return cfg, err
}

// reload takes the configuration file over as planned; a wrong one changes nothing.
func (d *daemon) reload(ctx context.Context) error {
	cfg, err := loadConfig(d.options.ConfigPath)
	var plan []api.Difference
	if err == nil {
		plan, err = d.plan(ctx, cfg)
	}
	if err == nil {
		err = restarts(d.options.ConfigPath, plan)
	}
	if err != nil {
		d.log.WithError(err).Error("reload: the running configuration stays")
		d.mu.Lock()
		d.reloadFail = err.Error()
		d.mu.Unlock()
		return err
	}
	old := d.currentConfig()
	d.mu.Lock()
	d.config, d.loaded, d.reloadFail = cfg, time.Now(), ""
	d.mu.Unlock()
	for _, w := range cfg.Warnings {
		d.log.Warn(w.String())
	}
	d.applySysctls(cfg)
	d.speaker.Post(d.ospfConfig(cfg))
	d.askAllOSPFSessions()
	d.routes.inbox.put(newConfig{cfg})
	d.firewalld.inbox.put(firewalldZones(cfg))
	d.uplinks.inbox.put(newConfig{cfg})
	d.bgp.inbox.put(newConfig{cfg})
	if cfg.Distance != old.Distance {
		d.repeatRoutes()
	}
	d.log.WithFields(logrus.Fields{"config": d.options.ConfigPath, "differences": len(plan)}).Info("configuration reloaded")
	return nil
}

// repeatRoutes hands all OSPF routes to the route loop again, which gives them
// the distances that are configured now.
func (d *daemon) repeatRoutes() {
	// After the end of the loop there is nobody to tell.
	_ = d.speaker.Do(func(time.Time) {
		var changes []spf.Change
		for _, r := range d.engine.Routes() {
			changes = append(changes, spf.Change{Prefix: r.Prefix, Route: r})
		}
		d.routes.inbox.put(ospfRoutes{changes})
	})
}

func (d *daemon) currentConfig() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.config
}

// awaitConvergence watches the start until the engine has converged; stale
// kernel state of an earlier run goes then and not before.
func (d *daemon) awaitConvergence(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := d.speaker.Do(func(now time.Time) { done = d.engine.Converged(now) }); err != nil {
			return errors.Join(err, ctx.Err())
		}
	}
	d.log.Info("converged: removing what an earlier run left over")
	d.routes.inbox.put(sweep{})
	close(d.converged)
	return nil
}

// sysctlDir is where old kernel settings are kept.
func (o Options) sysctlDir() string { return filepath.Clean(o.StateDir) }
