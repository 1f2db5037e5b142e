package api

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// maxSocketPath is the longest path that a unix socket address holds (unix(7)).
const maxSocketPath = 107

// Listen claims the socket: it makes the directory (0755) when it is missing,
// replaces the socket of a daemon that is dead, and refuses when something
// answers there. The socket has mode 0660 and vanishes when the listener closes.
func Listen(socket string) (net.Listener, error) {
	if len(socket) > maxSocketPath {
		return nil, fmt.Errorf("socket %s: path has %d bytes, at most %d fit", socket, len(socket), maxSocketPath)
	}
	dir := filepath.Dir(socket)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("socket %s: make its directory: %w", socket, err)
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", socket, err)
	}
	defer unlock()
	if err := removeStale(socket); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", socket, err)
	}
	if err := os.Chmod(socket, 0o660); err != nil {
		l.Close()
		return nil, fmt.Errorf("socket %s: %w", socket, err)
	}
	return l, nil
}

// lockWait bounds the wait for another daemon that is claiming a socket in the
// same directory: that takes it an instant.
const lockWait = 2 * time.Second

// lockDir keeps two daemons that start at the same moment from both taking the
// other's fresh socket for a stale one.
func lockDir(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for give := time.Now().Add(lockWait); ; time.Sleep(5 * time.Millisecond) {
		err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { d.Close() }, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(give):
			d.Close()
			return nil, fmt.Errorf("lock %s, where another ecmpd may be starting: %w", dir, err)
		}
	}
}

// removeStale removes a socket that nobody listens on any more.
func removeStale(socket string) error {
	info, err := os.Lstat(socket)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("socket %s: %w", socket, err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("socket %s: a file that is no socket is in the way; remove it or choose another --socket", socket)
	}
	conn, err := net.Dial("unix", socket)
	if err == nil {
		conn.Close()
		return fmt.Errorf("another ecmpd answers on %s; stop it or choose another --socket", socket)
	}
	// Everything but a refusal may be a daemon that is merely busy.
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("socket %s: cannot tell whether another ecmpd answers: %w", socket, err)
	}
	if err := os.Remove(socket); err != nil {
		return fmt.Errorf("socket %s: remove what a dead daemon left: %w", socket, err)
	}
	return nil
}
