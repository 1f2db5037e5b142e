package speaker

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// longestSleep bounds how long the Go runtime may have to wait for the loop: for the
// start of a garbage collection, which needs all its processors.
const longestSleep = 100 * time.Millisecond

// sleeper waits for file descriptors and the clock. It does not tell the scheduler that the
// thread sleeps: that would wake the runtime's monitor thread each time, which looks
// round fifty times and more before it sleeps again and cost several times what the sessions do.
// So the loop has a processor of the runtime (GOMAXPROCS) to itself.
type sleeper struct {
	fds     [2]unix.PollFd // orders, control port
	timeout unix.Timespec
}

// wait sleeps for at most d and longestSleep, until there are orders or, unless
// deaf, datagrams.
func (s *sleeper) wait(d time.Duration, deaf bool) {
	n := len(s.fds)
	if deaf {
		n = 1
	}
	s.timeout = unix.NsecToTimespec(min(max(0, d), longestSleep).Nanoseconds())
	// Whatever ends it, the loop looks round.
	_, _, _ = unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&s.fds[0])), uintptr(n), uintptr(unsafe.Pointer(&s.timeout)), 0, 0, 0)
}
