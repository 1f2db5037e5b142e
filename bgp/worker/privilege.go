package worker

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nobody is whom the process of a daemon that is root becomes.
const nobody = 65534

// confined says in the environment that the program runs with what confine has left.
const confined = "ECMPD_BGP_CONFINED=1"

// confine gives up all that listening does not need: another user than root, no new privileges ever, and
// of the capabilities only the one for port 179. They belong to threads, and a Go program has many before
// it begins; so one thread gives them up, and becomes this program again.
func confine() error {
	if slices.Contains(os.Environ(), confined) {
		return nil
	}
	runtime.LockOSThread()
	if err := giveUp(); err != nil {
		return fmt.Errorf("give up privileges: %w", err)
	}
	err := unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), confined))
	return fmt.Errorf("start again without privileges: %w", err)
}

// giveUp changes the calling thread alone.
func giveUp() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if err := becomeNobody(); err != nil {
			return err
		}
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&head, &sets[0]); err != nil {
		return err
	}
	has := sets[0].Permitted & (1 << unix.CAP_NET_BIND_SERVICE)
	sets = [2]unix.CapUserData{{Effective: has, Permitted: has, Inheritable: has}}
	if err := unix.Capset(&head, &sets[0]); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	if has == 0 {
		return nil
	}
	return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_NET_BIND_SERVICE, 0, 0)
}

// becomeNobody keeps the capabilities for the moment.
func becomeNobody() error {
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return err
	}
	for _, call := range [][4]uintptr{
		{unix.SYS_SETGROUPS}, {unix.SYS_SETRESGID, nobody, nobody, nobody}, {unix.SYS_SETRESUID, nobody, nobody, nobody},
	} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			return errno
		}
	}
	return nil
}

// release gives up the last capability, when the sockets listen. A program that is linked with C libraries
// has threads that Go does not reach, and keeps it.
func release() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0)
	if errno == 0 {
		_, _, errno = syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&none[0])), 0)
	}
	if errno != 0 && !errors.Is(errno, syscall.ENOTSUP) {
		return fmt.Errorf("give up CAP_NET_BIND_SERVICE: %w", errno)
	}
	return nil
}
