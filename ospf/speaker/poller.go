package speaker

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller waits for the sockets, the inbox and the clock: an epoll set that is
// itself one descriptor of the runtime's poller.
//
// Neither this nor the batches of receive.go and send.go tell the scheduler
// about their system calls, which never wait. A told system call, and even
// more one that sleeps, wakes the runtime's monitor thread; at some hundred
// wake-ups a second that costs several times what the work itself does.
type poller struct {
	file  *os.File // the epoll set
	conn  syscall.RawConn
	epoll int
	timer int       // timerfd
	fds   [3]int    // inbox, other, hello
	armed time.Time // what the timer is set to; zero: not
	muted bool      // Hellos are not waited for
}

// ready tells what the kernel has for us.
type ready struct{ inbox, other bool }

func newPoller(inbox, other, hello int) (*poller, error) {
	p := &poller{fds: [3]int{inbox, other, hello}, epoll: -1, timer: -1}
	if err := p.open(); err != nil {
		p.close()
		return nil, fmt.Errorf("open epoll set: %w", err)
	}
	return p, nil
}

func (p *poller) open() (err error) {
	if p.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return err
	}
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	for _, fd := range append(p.fds[:], p.timer) {
		if err := p.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN); err != nil {
			return err
		}
	}
	if err := unix.SetNonblock(p.epoll, true); err != nil { // os.NewFile asks for it
		return err
	}
	p.file = os.NewFile(uintptr(p.epoll), "epoll")
	p.conn, err = p.file.SyscallConn()
	return err
}

func (p *poller) control(op, fd int, events uint32) error {
	return unix.EpollCtl(p.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// wait sleeps until one of the descriptors is readable or the instant until
// is reached, which may be zero for never. Muted, it does not wait for Hellos.
func (p *poller) wait(now, until time.Time, muted bool) (r ready, err error) {
	if muted != p.muted {
		p.muted = muted
		var events uint32 = unix.EPOLLIN
		if muted {
			events = 0
		}
		if err := p.control(unix.EPOLL_CTL_MOD, p.fds[2], events); err != nil {
			return ready{}, err
		}
	}
	if !until.Equal(p.armed) || !now.Before(until) {
		p.armed = until
		var spec unix.ItimerSpec
		if !until.IsZero() {
			spec.Value = unix.NsecToTimespec(max(1, until.Sub(now).Nanoseconds()))
		}
		if err := unix.TimerfdSettime(p.timer, 0, &spec, nil); err != nil {
			return ready{}, err
		}
	}
	err = p.conn.Read(func(uintptr) bool {
		var events [4]unix.EpollEvent
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll),
			uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
		if errno != 0 {
			return errno != unix.EINTR
		}
		for _, e := range events[:n] {
			r.inbox = r.inbox || int(e.Fd) == p.fds[0]
			r.other = r.other || int(e.Fd) == p.fds[1]
		}
		return n > 0
	})
	return r, err
}

func (p *poller) close() {
	if p.file != nil {
		p.file.Close()
	} else if p.epoll >= 0 {
		unix.Close(p.epoll)
	}
	if p.timer >= 0 {
		unix.Close(p.timer)
	}
}
