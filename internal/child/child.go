// Package child starts processes of the daemon: its own program again, at the other end of a pair of
// connected sockets that nobody else can reach. The process ends when its socket does.
package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// connection is the descriptor of the process's end.
const connection = 3

// Start starts a process in a group of its own, so that a terminal's signals are for the daemon alone.
// The file is the daemon's end and knows deadlines; env is added to the environment.
func Start(command []string, env ...string) (*os.File, *exec.Cmd, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a pair of sockets: %w", err)
	}
	_ = unix.SetNonblock(fds[0], true) // for the deadlines of os.File
	mine, theirs := os.NewFile(uintptr(fds[0]), command[0]), os.NewFile(uintptr(fds[1]), "daemon")
	defer theirs.Close()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		mine.Close()
		return nil, nil, fmt.Errorf("start: %w", err)
	}
	return mine, cmd, nil
}

// Daemon is the process's end.
func Daemon() (*os.File, error) {
	_ = unix.SetNonblock(connection, true)
	conn := os.NewFile(connection, "daemon")
	if conn == nil {
		return nil, errors.New("descriptor 3 is not open: the daemon starts this process")
	}
	return conn, nil
}
