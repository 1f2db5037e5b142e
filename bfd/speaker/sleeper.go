package speaker

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sleeper waits for file descriptors and the clock.
type sleeper struct {
	fds     [2]unix.PollFd // orders, control port
	timeout unix.Timespec
}

// wait sleeps for at most d, with forever without end, until there are orders or, unless
// deaf, datagrams.
func (s *sleeper) wait(d time.Duration, deaf bool) {
	n := len(s.fds)
	if deaf {
		n = 1
	}
	timeout := &s.timeout
	if d == forever {
		timeout = nil
	}
	s.timeout = unix.NsecToTimespec(max(0, d.Nanoseconds()))
	// Whatever ends it, the loop looks round.
	_, _, _ = unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&s.fds[0])), uintptr(n), uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
}
