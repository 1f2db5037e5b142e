package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// openStateDir makes the state directory this daemon's until release: two that
// shared it would use each other's sequence numbers. A directory that cannot be
// written is only worth a warning, since routing needs none.
func openStateDir(dir string, log *logrus.Logger) (release func(), err error) {
	const consequence = "state directory: what has to survive a restart is not kept (choose another with --state-dir)"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		log.WithError(err).Warn(consequence)
		return func() {}, nil
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		log.WithError(err).Warn(consequence)
		return func() {}, nil
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("state directory %s: another ecmpd uses it: give each daemon its own --state-dir", dir)
		}
		log.WithError(err).Warn("state directory: nothing keeps another daemon from using it")
	}
	return func() { f.Close() }, nil
}

// protocolFile holds kernel.protocol of the last run.
const protocolFile = "kernel-protocol"

// rememberProtocol warns when the last run wrote routes under another number: they
// are somebody else's to this one, win over its own and are never removed.
func rememberProtocol(dir string, protocol uint8, log *logrus.Logger) {
	path := filepath.Join(dir, protocolFile)
	if text, err := os.ReadFile(path); err == nil {
		last, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 8)
		if err == nil && uint8(last) != protocol {
			log.Warnf("kernel.protocol was %d in the last run: what that left in the kernel now counts as another program's and is preferred; remove it with 'ip route flush proto %d; ip nexthop flush proto %d'", last, last, last)
		}
	}
	if err := os.WriteFile(path, fmt.Appendln(nil, protocol), 0o644); err != nil {
		log.WithError(err).Warn("state directory: a later change of kernel.protocol will not be noticed")
	}
}
