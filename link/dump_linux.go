package link

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	dumpRetries = 5
	skipStats   = 1 << 3 // RTEXT_FILTER_SKIP_STATS
)

// dumper reads links and addresses over one socket of its own, so that it stays
// in the network namespace it was opened in.
type dumper struct {
	sock  *nl.NetlinkSocket
	conn  map[int]*nl.SocketHandle
	speed speedometer
}

func openDumper() (*dumper, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink socket: %w", err)
	}
	if err := s.SetReceiveTimeout(&unix.Timeval{Sec: 10}); err != nil {
		s.Close()
		return nil, fmt.Errorf("set up rtnetlink socket: %w", err)
	}
	speed, err := openSpeedometer()
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("open a socket to ask links for their speed: %w", err)
	}
	return &dumper{sock: s, conn: map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}}, speed: speed}, nil
}

func (d *dumper) close() {
	d.sock.Close()
	d.speed.close()
}

// snapshot dumps everything. A dump that a change interfered with is repeated.
func (d *dumper) snapshot() (Snapshot, error) {
	var err error
	for range dumpRetries {
		var s Snapshot
		if s, err = d.dumpOnce(); err == nil {
			return s, nil
		}
		if !interrupted(err) {
			break
		}
	}
	return Snapshot{}, fmt.Errorf("list kernel links and addresses: %w", err)
}

// interrupted reports that a dump is no truth because changes interfered.
func interrupted(err error) bool {
	return errors.Is(err, nl.ErrDumpInterrupted) || errors.Is(err, unix.ENOBUFS)
}

func (d *dumper) dumpOnce() (Snapshot, error) {
	var s Snapshot
	at := map[int]int{}
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	req.Sockets = d.conn
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	// Counters make up most of an answer and nobody here wants them.
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	var bad error
	err := req.ExecuteIter(unix.NETLINK_ROUTE, unix.RTM_NEWLINK, func(b []byte) bool {
		l, err := parseLink(b)
		if err != nil {
			bad = err
			return false
		}
		if l.Up && l.ARP && !l.PointToPoint && !madeUp(b) {
			l.Speed = d.speed.of(l.Name)
		}
		at[l.Index] = len(s.Links)
		s.Links = append(s.Links, l)
		return true
	})
	if err := errors.Join(err, bad); err != nil {
		return Snapshot{}, err
	}
	req = nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	req.Sockets = d.conn
	req.AddData(nl.NewIfAddrmsg(unix.AF_INET))
	err = req.ExecuteIter(unix.NETLINK_ROUTE, unix.RTM_NEWADDR, func(b []byte) bool {
		index, a, err := parseAddr(b)
		if err != nil {
			bad = err
			return false
		}
		// An address of a link that came after the link dump has an event of its own.
		if i, ok := at[index]; ok {
			s.Links[i].Addrs = append(s.Links[i].Addrs, a)
		}
		return true
	})
	if err := errors.Join(err, bad); err != nil {
		return Snapshot{}, err
	}
	slices.SortFunc(s.Links, func(a, b Link) int { return cmp.Compare(a.Index, b.Index) })
	return s, nil
}

// madeUp tells whether the speed that a link tells is none: behind a tun or tap
// device is a program, and its driver says 10 Mbit/s.
func madeUp(b []byte) bool {
	attrs, err := nl.ParseRouteAttr(b[unix.SizeofIfInfomsg:])
	if err != nil {
		return false
	}
	for _, a := range attrs {
		if a.Attr.Type&^unix.NLA_F_NESTED != unix.IFLA_LINKINFO {
			continue
		}
		info, err := nl.ParseRouteAttr(a.Value)
		for _, i := range info {
			if err == nil && i.Attr.Type == unix.IFLA_INFO_KIND {
				return unix.ByteSliceToString(i.Value) == "tun"
			}
		}
	}
	return false
}

func parseLink(b []byte) (Link, error) {
	if len(b) < unix.SizeofIfInfomsg {
		return Link{}, errors.New("truncated link message")
	}
	flags := binary.NativeEndian.Uint32(b[8:])
	l := Link{
		Index:        int(int32(binary.NativeEndian.Uint32(b[4:]))),
		Up:           flags&unix.IFF_UP != 0 && flags&unix.IFF_RUNNING != 0 && flags&unix.IFF_LOWER_UP != 0,
		PointToPoint: flags&unix.IFF_POINTOPOINT != 0,
		ARP:          flags&(unix.IFF_NOARP|unix.IFF_LOOPBACK) == 0,
		Loopback:     flags&unix.IFF_LOOPBACK != 0,
	}
	attrs, err := nl.ParseRouteAttr(b[unix.SizeofIfInfomsg:])
	if err != nil {
		return Link{}, fmt.Errorf("parse link %d: %w", l.Index, err)
	}
	for _, a := range attrs {
		switch {
		case a.Attr.Type == unix.IFLA_IFNAME:
			l.Name = unix.ByteSliceToString(a.Value)
		case a.Attr.Type == unix.IFLA_MTU && len(a.Value) == 4:
			l.MTU = int(binary.NativeEndian.Uint32(a.Value))
		}
	}
	return l, nil
}

func parseAddr(b []byte) (index int, a Addr, err error) {
	if len(b) < unix.SizeofIfAddrmsg {
		return 0, Addr{}, errors.New("truncated address message")
	}
	index = int(binary.NativeEndian.Uint32(b[4:]))
	a.Secondary = b[2]&unix.IFA_F_SECONDARY != 0
	attrs, err := nl.ParseRouteAttr(b[unix.SizeofIfAddrmsg:])
	if err != nil {
		return 0, Addr{}, fmt.Errorf("parse address of link %d: %w", index, err)
	}
	var local, address netip.Addr
	for _, at := range attrs {
		switch at.Attr.Type {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(at.Value)
		case unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(at.Value)
		}
	}
	// IFA_ADDRESS is the peer when it differs from IFA_LOCAL, else the same again.
	switch {
	case !local.IsValid():
		local = address
	case address.IsValid() && address != local:
		a.Peer = address
	}
	a.Addr = netip.PrefixFrom(local, int(b[1]))
	if !a.Addr.IsValid() || !local.Is4() {
		return 0, Addr{}, fmt.Errorf("parse address of link %d: not an IPv4 address", index)
	}
	return index, a, nil
}
