package fib

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	monitorBuffer = 8 << 20
	// reconcileGap bounds how often foreign changes ask for a comparison.
	reconcileGap = 200 * time.Millisecond
	// restFactor bounds the share of time that dumps of foreign routes take.
	restFactor = 10
)

// Foreign is a kernel route of the table that is not ours.
type Foreign struct {
	Prefix   netip.Prefix
	Protocol uint8
	Metric   uint32
	// Gateway and Ifindex are those of the first hop that is alive, else of the
	// first; zero when there is none.
	Gateway netip.Addr
	Ifindex int
	// Type is the kernel's route type (RTN_UNICAST 1, RTN_BLACKHOLE 6 …).
	Type uint8
	// Down: the kernel has the route, and all its links are without carrier.
	Down bool
}

// Connected reports that the kernel made the route for an address of its own.
func (f Foreign) Connected() bool { return f.Protocol == unix.RTPROT_KERNEL }

func (f Foreign) compare(g Foreign) int {
	return cmp.Or(f.Prefix.Compare(g.Prefix), cmp.Compare(f.Metric, g.Metric), cmp.Compare(f.Protocol, g.Protocol),
		f.Gateway.Compare(g.Gateway), cmp.Compare(f.Ifindex, g.Ifindex), cmp.Compare(f.Type, g.Type))
}

// Event is what a Monitor saw.
type Event struct {
	// Reconcile: something of ours was changed by others or may have been; call
	// Table.Reconcile. Why says what was seen first.
	Reconcile bool
	Why       string
	// Foreign is the complete new list of foreign routes, sorted and without
	// those of the local table; nil when it did not change.
	Foreign []Foreign
}

// Monitor watches the kernel's routes and nexthops for changes by others. Our own
// writes are dropped by a filter in the kernel and cost the reader nothing.
type Monitor struct {
	cfg  Config
	file *os.File
	raw  syscall.RawConn
	conn *kernel // for dumps

	buf           []byte
	why           string // of the pending Reconcile; empty when none
	foreignStale  bool
	nextReconcile time.Time
	nextForeign   time.Time
	foreign       []Foreign
}

// Monitor opens a Monitor in the calling thread's network namespace, which must
// be the table's. Events count from now on.
func (t *Table) Monitor() (*Monitor, error) {
	k, err := openKernel(t.cfg)
	if err != nil {
		return nil, err
	}
	fd, err := subscribe(t.kernel.port())
	if err != nil {
		k.close()
		return nil, fmt.Errorf("watch kernel routes: %w", err)
	}
	m := &Monitor{cfg: t.cfg, conn: k, file: os.NewFile(uintptr(fd), "rtnetlink"), buf: make([]byte, 64<<10), foreignStale: true}
	if m.raw, err = m.file.SyscallConn(); err != nil {
		m.Close()
		return nil, fmt.Errorf("watch kernel routes: %w", err)
	}
	return m, nil
}

// Close releases the sockets; call it when Run has returned or never ran.
func (m *Monitor) Close() {
	m.file.Close()
	m.conn.close()
}

// subscribe joins the groups with a filter that drops messages which the socket
// with the port caused. Links and addresses matter because the kernel removes
// routes along with them in silence.
func subscribe(port uint32) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return -1, err
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	if err = setReceiveBuffer(fd, monitorBuffer); err != nil {
		return -1, err
	}
	filter := ownEchoFilter(port)
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog); err != nil {
		return -1, err
	}
	if err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return -1, err
	}
	for _, group := range []int{unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_NEXTHOP, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR} {
		if err = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group); err != nil {
			return -1, err
		}
	}
	return fd, nil
}

// ownEchoFilter drops a message whose nlmsg_pid is port. Loads are big-endian,
// the header is not.
func ownEchoFilter(port uint32) []unix.SockFilter {
	var b [4]byte
	native.PutUint32(b[:], port)
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 12},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: binary.BigEndian.Uint32(b[:])},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 20},
	}
}

// Run delivers events until ctx ends, the first with the foreign routes there
// are. onEvent is called from one goroutine and should return soon.
func (m *Monitor) Run(ctx context.Context, onEvent func(Event)) error {
	stop := context.AfterFunc(ctx, func() { m.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		m.deliver(onEvent)
		if err := m.wait(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("watch kernel routes: %w", err)
		}
	}
}

// deliver hands out what is due.
func (m *Monitor) deliver(onEvent func(Event)) {
	now := time.Now()
	var ev Event
	if m.why != "" && !now.Before(m.nextReconcile) {
		ev.Reconcile, ev.Why, m.why = true, m.why, ""
		m.nextReconcile = now.Add(reconcileGap)
	}
	if m.foreignStale && !now.Before(m.nextForeign) {
		m.foreignStale = false
		list, err := m.dumpForeign()
		if err != nil {
			m.foreignStale = true
		} else if m.foreign == nil || !slices.Equal(list, m.foreign) {
			m.foreign, ev.Foreign = list, slices.Clone(list)
		}
		m.nextForeign = time.Now().Add(max(restFactor*time.Since(now), time.Millisecond))
	}
	if ev.Reconcile || ev.Foreign != nil {
		onEvent(ev)
	}
}

// wait reads until something is due.
func (m *Monitor) wait(ctx context.Context) error {
	var due time.Time // zero: no deadline
	if m.why != "" {
		due = m.nextReconcile
	}
	if m.foreignStale && (due.IsZero() || m.nextForeign.Before(due)) {
		due = m.nextForeign
	}
	m.file.SetReadDeadline(due)
	if err := ctx.Err(); err != nil {
		return err
	}
	err := m.read()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ctx.Err()
	}
	return err
}

// read waits for one message and takes in all that are there.
func (m *Monitor) read() error {
	var result error
	err := m.raw.Read(func(fd uintptr) bool {
		for got := false; ; got = true {
			n, _, err := unix.Recvfrom(int(fd), m.buf, 0)
			switch err {
			case nil:
				if eachMessage(m.buf[:n], func(msg message) error { m.take(msg); return nil }) != nil {
					m.surprise("a message could not be read")
				}
			case unix.EINTR:
			case unix.EAGAIN:
				return got
			case unix.ENOBUFS:
				m.surprise("messages were lost")
				m.foreignStale = true
			default:
				result = err
				return true
			}
		}
	})
	return errors.Join(err, result)
}

func (m *Monitor) surprise(why string) {
	if m.why == "" {
		m.why = why
	}
}

// take judges one notification.
func (m *Monitor) take(msg message) {
	switch msg.typ {
	case unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP:
		if n, err := parseNexthop(msg.body); err == nil && n.protocol == m.cfg.Protocol {
			m.surprise(fmt.Sprintf("another program changed nexthop %d", n.id))
		}
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		r, err := parseRoute(msg.body)
		switch {
		case err != nil || r.cloned:
		case r.protocol == m.cfg.Protocol:
			m.surprise("another program changed route " + r.prefix.String())
		case r.table == m.cfg.Table:
			m.foreignStale = true
			gone := msg.typ == unix.RTM_DELROUTE
			if r.metric == m.cfg.Metric && (gone || msg.flags&unix.NLM_F_REPLACE != 0) {
				m.surprise("the place of route " + r.prefix.String() + " changed hands")
			}
		}
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		if r, err := parseRule(msg.body); err == nil && r.Protocol == m.cfg.Protocol {
			m.surprise("another program changed a policy rule of ours")
		}
	default:
		m.foreignStale = true
	}
}

// dumpForeign lists the table's routes that are not ours, sorted.
func (m *Monitor) dumpForeign() ([]Foreign, error) {
	routes, err := m.conn.dumpRoutes(0, m.cfg.Table, func(r *kernelRoute) bool {
		return r.protocol != m.cfg.Protocol && r.table == m.cfg.Table
	})
	if err != nil {
		return nil, err
	}
	out := make([]Foreign, 0, len(routes))
	for _, r := range routes {
		out = append(out, Foreign{
			Prefix: r.prefix, Protocol: r.protocol, Metric: r.metric,
			Gateway: r.gateway, Ifindex: r.ifindex, Type: r.typ, Down: r.down,
		})
	}
	slices.SortFunc(out, Foreign.compare)
	return slices.Compact(out), nil
}
