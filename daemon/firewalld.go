package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/firewall/firewalld"
)

const (
	firewalldCommand = "firewall-cmd"
	// firewalldFile says in the state directory that firewalld has a policy of this daemon's:
	// without it nobody asks firewalld, which may be that of another network namespace.
	firewalldFile = "firewalld-policy"

	retryFirewalld = 10 * time.Second // after an error, such as that it does not run
	firewalldRest  = time.Second      // at least, between two looks

	// firewalldRemoval bounds a handful of runs of firewall-cmd, which is slow on a busy machine.
	firewalldRemoval = 15 * time.Second
)

// wantedZones are the zones of firewalld whose traffic among themselves it shall accept.
type wantedZones struct{ zones []string }

func (wantedZones) replaces(other any) bool { _, ok := other.(wantedZones); return ok }

// lookAtFirewalld says that its rules have changed.
type lookAtFirewalld struct{}

func (m lookAtFirewalld) replaces(other any) bool { return other == any(m) }

// firewalldLoop keeps the policy of transit.firewalld-zones. Its commands take
// their time, so nobody waits for them.
type firewalldLoop struct {
	log    *logrus.Logger
	inbox  *mailbox[any]
	client *firewalld.Client
	dir    string // state directory

	wanted  wantedZones
	failure string // of the last look; empty when it succeeded
}

func newFirewalldLoop(log *logrus.Logger, dir string) *firewalldLoop {
	return &firewalldLoop{log: log, inbox: newMailbox[any](), client: firewalld.New(firewalldCommand), dir: dir}
}

// firewalldZones are those that the configuration wants; none where transit is not ecmpd's.
func firewalldZones(cfg *config.Config) wantedZones {
	if cfg.Transit.Mode == config.TransitOff {
		return wantedZones{}
	}
	return wantedZones{cfg.Transit.FirewalldZones}
}

// run is the loop.
func (l *firewalldLoop) run(ctx context.Context) error {
	retry := time.AfterFunc(retryFirewalld, func() { l.inbox.put(lookAtFirewalld{}) })
	retry.Stop()
	defer retry.Stop()
	for {
		batch := l.inbox.take(ctx)
		if batch == nil {
			return nil
		}
		for _, m := range batch {
			if m, ok := m.(wantedZones); ok {
				l.wanted = m
			}
		}
		begin := time.Now()
		err := l.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if l.complain(err); err != nil {
			retry.Reset(retryFirewalld)
		}
		select { // whoever changes firewalld all the time does not keep this machine busy
		case <-ctx.Done():
			return nil
		case <-time.After(max(firewalldRest, time.Since(begin))):
		}
	}
}

// look brings firewalld in line with what is wanted.
func (l *firewalldLoop) look(ctx context.Context) error {
	if len(l.wanted.zones) == 0 {
		return removeFirewalldPolicy(ctx, l.client, l.dir)
	}
	// First, so that a policy is never left behind.
	if err := os.WriteFile(filepath.Join(l.dir, firewalldFile), nil, 0o644); err != nil {
		return err
	}
	changed, err := l.client.Keep(ctx, l.wanted.zones)
	if changed {
		l.log.WithField("zones", l.wanted.zones).Warn("transit.firewalld-zones: firewalld has a policy that accepts what passes among these zones; what was set in firewalld without --permanent may have ended with its reload")
	}
	return err
}

// complain tells of a failure when it is another one than before.
func (l *firewalldLoop) complain(err error) {
	before := l.failure
	l.failure = ""
	if err != nil {
		if l.failure = err.Error(); l.failure != before {
			l.log.WithError(err).Error("transit.firewalld-zones: firewalld is not as wanted; trying again every 10 s")
		}
	}
}

// removeFirewalldPolicy removes the policy if the daemon has made one.
func removeFirewalldPolicy(ctx context.Context, c *firewalld.Client, dir string) error {
	file := filepath.Join(dir, firewalldFile)
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := c.Remove(ctx); err != nil {
		return err
	}
	return os.Remove(file)
}
