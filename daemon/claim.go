package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// claimName is an abstract unix socket: such names belong to one network
// namespace, as routes and rules do, and vanish with the process.
const claimName = "@ecmpd"

// claimNamespace makes this process the only ecmpd of its network namespace, until
// release: two would fight over the same routes and the same table, whatever
// their API sockets are called.
func claimNamespace(log *logrus.Logger) (release func(), err error) {
	l, err := net.Listen("unix", claimName)
	if err == nil {
		return func() { l.Close() }, nil
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("claim the network namespace: %w", err)
	}
	holder, err := claimHolder()
	switch {
	case err != nil:
		return nil, fmt.Errorf("another ecmpd holds this network namespace: %w", err)
	case holder.Uid != 0 && int(holder.Uid) != os.Geteuid():
		// Anybody may take the name; only those who could be an ecmpd count.
		log.Warnf("process %d of user %d has taken the name %s and is not believed to be an ecmpd", holder.Pid, holder.Uid, claimName)
		return func() {}, nil
	}
	return nil, fmt.Errorf("another ecmpd (process %d) runs in this network namespace: stop it first (each daemon needs a namespace of its own)", holder.Pid)
}

// claimHolder asks who has the name.
func claimHolder() (*unix.Ucred, error) {
	conn, err := net.Dial("unix", claimName)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return cred, errors.Join(err, credErr)
}
