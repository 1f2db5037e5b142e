package link

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	eventBuffer = 4 << 20
	// restFactor spaces dumps while events go on: at most a fifth of one core.
	restFactor = 4
	// longestRest bounds how late the last change of a burst is seen.
	longestRest = 250 * time.Millisecond
)

// Watcher follows the links of one network namespace.
type Watcher struct {
	dump *dumper
	file *os.File // non-blocking event socket
	raw  syscall.RawConn
	buf  []byte

	last   Snapshot
	again  bool         // something happened since the last dump
	fallen map[int]bool // links that an event said went down, by index
}

// Open opens a Watcher in the calling thread's network namespace.
func Open() (*Watcher, error) {
	d, err := openDumper()
	if err != nil {
		return nil, err
	}
	fd, err := subscribe()
	if err != nil {
		d.close()
		return nil, fmt.Errorf("watch kernel links: %w", err)
	}
	w := &Watcher{dump: d, file: os.NewFile(uintptr(fd), "rtnetlink"), buf: make([]byte, 64<<10), fallen: map[int]bool{}}
	if w.raw, err = w.file.SyscallConn(); err != nil {
		w.Close()
		return nil, fmt.Errorf("watch kernel links: %w", err)
	}
	return w, nil
}

// Close releases the sockets; call it when Run has returned or never ran.
func (w *Watcher) Close() {
	w.file.Close()
	w.dump.close()
}

func subscribe() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return -1, err
	}
	// A small buffer costs dumps, not changes.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, eventBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, eventBuffer)
	}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR})
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Run delivers the present state, then a new snapshot after every change until
// ctx ends. A snapshot may equal the one before: something happened in between
// (a link may have lost its carrier and found it again). onSnapshot is called
// from one goroutine; while it runs the kernel's events wait or get lost, and a
// dump follows in both cases.
func (w *Watcher) Run(ctx context.Context, onSnapshot func(Snapshot)) error {
	stop := context.AfterFunc(ctx, func() { w.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		start := time.Now()
		s, err := w.dump.snapshot()
		rest := min(restFactor*time.Since(start), longestRest)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			w.last, w.again = s, false
			onSnapshot(s)
		case interrupted(err): // too much goes on; half a truth would look like lost links
			w.again = true
		default:
			return err
		}
		if err := w.follow(ctx, time.Now().Add(rest), onSnapshot); err != nil {
			return fmt.Errorf("watch kernel links: %w", err)
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// follow takes events until it is time for another dump: something happened and
// notBefore has passed. A link that went down is told at once.
func (w *Watcher) follow(ctx context.Context, notBefore time.Time, onSnapshot func(Snapshot)) error {
	for !w.again || time.Now().Before(notBefore) {
		var deadline time.Time // none
		if w.again {
			deadline = notBefore
		}
		w.file.SetReadDeadline(deadline)
		if ctx.Err() != nil {
			return nil
		}
		err := w.read()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if len(w.fallen) > 0 {
			w.last = w.last.without(w.fallen)
			clear(w.fallen)
			onSnapshot(w.last)
		}
	}
	return nil
}

// read waits for an event and takes all that are there.
func (w *Watcher) read() error {
	var result error
	err := w.raw.Read(func(fd uintptr) bool {
		for got := false; ; {
			n, _, err := unix.Recvfrom(int(fd), w.buf, 0)
			switch err {
			case nil:
				got, w.again = true, true
				w.takeFallen(w.buf[:n])
			case unix.ENOBUFS: // overrun: something happened, which is all we ask
				got, w.again = true, true
			case unix.EINTR:
			case unix.EAGAIN:
				return got
			default:
				result = err
				return true
			}
		}
	})
	return errors.Join(err, result)
}

// takeFallen notes the links that a datagram of events says are down.
func (w *Watcher) takeFallen(b []byte) {
	msgs, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return // the dump will tell
	}
	for _, m := range msgs {
		if m.Header.Type != unix.RTM_NEWLINK {
			continue
		}
		l, err := parseLink(m.Data)
		if err != nil {
			continue
		}
		if known, ok := w.last.ByIndex(l.Index); ok && known.Up && known.Name == l.Name && !l.Up {
			w.fallen[l.Index] = true
		}
	}
}

// without is the snapshot with some links down.
func (s Snapshot) without(fallen map[int]bool) Snapshot {
	links := slices.Clone(s.Links)
	for i := range links {
		links[i].Up = links[i].Up && !fallen[links[i].Index]
	}
	return Snapshot{Links: links}
}
