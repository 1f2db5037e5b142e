package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// restartFile says how the last run ended, in the state directory. It is there while a daemon with
// graceful-restart runs and after it was stopped for a restart, not after it has left the network.
const restartFile = "ospf-restart.json"

// aliveEvery is how often the file is touched, so that a start knows when a run ended that could not say so.
const aliveEvery = 10 * time.Second

// restartStore keeps what a graceful restart needs (RFC 3623 2.1, 5).
type restartStore struct {
	path    string
	log     *logrus.Logger
	enabled func() bool // graceful-restart.enabled at present

	mu    sync.Mutex
	kept  bool // the file says that this run goes on
	ended bool // it says how this run ended
}

// lastRun is the content of the file.
type lastRun struct {
	Forwarding string    `json:"forwarding"`     // where the kernel's routes are: see forwardingPlane
	Until      time.Time `json:"until,omitzero"` // end of the grace period that neighbours were told; zero: they were not
}

func newRestartStore(dir string, log *logrus.Logger, enabled func() bool) *restartStore {
	return &restartStore{path: filepath.Join(dir, restartFile), log: log, enabled: enabled}
}

// begin tells whether this start is a graceful restart, and what is left of the grace period; interval is that of
// one which nobody has announced. It never is when the kernel cannot have kept the routes.
func (s *restartStore) begin(now time.Time, interval time.Duration) (r ospf.Restarting, graceful bool) {
	if !s.enabled() {
		s.keep()
		return ospf.Restarting{}, false
	}
	r, why := s.judge(now, interval)
	s.keep()
	if why != "" {
		s.log.Info("no graceful restart: " + why)
	}
	return r, r.Left > 0
}

// judge reads how the last run ended. Left is 0 when that allows no graceful restart, which why explains
// unless there simply was none.
func (s *restartStore) judge(now time.Time, interval time.Duration) (r ospf.Restarting, why string) {
	data, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, ""
	}
	var last lastRun
	if err == nil {
		err = json.Unmarshal(data, &last)
	}
	if err != nil {
		return r, fmt.Sprintf("%s is lost: %v", s.path, err)
	}
	if here := forwardingPlane(); last.Forwarding != here {
		return r, "the machine or its network namespace has started since the last run, and has no routes of it"
	}
	if !last.Until.IsZero() {
		left := last.Until.Sub(now)
		if left <= 0 || left > packet.MaxGracePeriod {
			return r, fmt.Sprintf("the grace period ended at %s", last.Until.Format(time.RFC3339))
		}
		return ospf.Restarting{Left: left, Reason: packet.RestartSoftware, Announced: true}, ""
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return r, err.Error()
	}
	if age := now.Sub(info.ModTime()); age > interval || age < -aliveEvery {
		return r, fmt.Sprintf("the last run ended at about %s, longer ago than graceful-restart.restart-interval", info.ModTime().Format(time.RFC3339))
	}
	return ospf.Restarting{Left: interval, Reason: packet.RestartUnknown}, ""
}

// run says from time to time that the daemon is alive, until ctx ends.
func (s *restartStore) run(ctx context.Context) error {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.keep()
		}
	}
}

// keep brings the file in line with the configuration, as that of a run that goes on.
func (s *restartStore) keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
	case s.enabled() && s.kept:
		if now := time.Now(); os.Chtimes(s.path, now, now) != nil {
			s.kept = false // somebody removed it; the next time writes it
		}
	case s.enabled():
		s.kept = true
		s.write(lastRun{Forwarding: forwardingPlane()})
	default:
		s.kept = false
		s.remove()
	}
}

// prepared notes that the neighbours wait until an instant.
func (s *restartStore) prepared(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.write(lastRun{Forwarding: forwardingPlane(), Until: until})
}

// left notes that nobody waits.
func (s *restartStore) left() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.remove()
}

func (s *restartStore) write(v lastRun) {
	if err := replaceFile(s.path, v); err != nil {
		s.log.WithError(err).Warn("graceful restart: the next start will not know of this run")
	}
}

func (s *restartStore) remove() {
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.WithError(err).Warn("graceful restart: the next start will take this run for one that was cut off")
	}
}

// forwardingPlane names the kernel tables that this process writes: routes outlive the daemon, but
// neither the machine nor the network namespace.
func forwardingPlane() string {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	namespace, _ := os.Readlink("/proc/self/ns/net")
	return strings.TrimSpace(string(boot)) + " " + namespace
}

// leaveGracefully readies neighbours and kernel for a restart (RFC 3623 2.1). False: OSPF did not get that far.
func (d *daemon) leaveGracefully() bool {
	d.log.Info("stopping: neighbours are asked to wait for the next start")
	d.speaker.Post(ospf.PrepareRestart)
	d.awaitOSPF()
	select {
	case <-d.flushed:
	default:
		return false
	}
	d.routes.finish()
	p := d.prepared
	d.restarts.prepared(time.Now().Add(p.Left))
	entry := d.log.WithFields(logrus.Fields{"acknowledged": p.Acknowledged, "period": p.Left.Round(time.Second)})
	if len(p.Missing) > 0 {
		entry.WithField("missing", strings.Join(p.Missing, ", ")).Warn("stopping: not all neighbours know, and the restart will not be graceful for those that do not")
		return true
	}
	entry.Info("stopping: all neighbours know; routes and rules stay in the kernel")
	return true
}

// finish lets the loop write what it has been told, and freezes it.
func (r *routeLoop) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for range 2 { // the first is taken with what came before, which is written by the time of the second
		if _, err := askLoop(ctx, r.inbox, func() struct{} { return struct{}{} }); err != nil {
			r.log.Warn("stopping: the kernel's routes may not be the latest")
			break
		}
	}
	r.inbox.put(freeze{})
}
