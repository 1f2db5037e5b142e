package firewall

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// monitorBuffer holds the news of a change of some ten thousand elements.
const monitorBuffer = 4 << 20

// firewalldTable is what firewalld keeps its rules in.
const firewalldTable = "firewalld"

func dialMonitor() (*netlink.Conn, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, err
	}
	// A smaller buffer only means that news get lost more often, which Watch handles.
	_ = c.SetReadBuffer(monitorBuffer)
	if err := c.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Watch calls notify after every transaction that changed nftables and was not
// ours, and after news got lost. It returns nil when ctx ends. One call at a time.
func (f *Firewall) Watch(ctx context.Context, notify func(Event)) error {
	stop := context.AfterFunc(ctx, func() { _ = f.monitor.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var e Event
	for {
		messages, err := f.monitor.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			e = Event{}
			notify(Event{Own: true, Other: true, Firewalld: true})
			continue
		case err != nil:
			return fmt.Errorf("watch nftables: %w", err)
		}
		for _, m := range messages {
			if m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES || m.Header.PID == f.port {
				continue
			}
			if m.Header.Type&0xff != unix.NFT_MSG_NEWGEN {
				e = e.with(m)
				continue
			}
			// The generation's number ends a transaction.
			if e != (Event{}) {
				notify(e)
			}
			e = Event{}
		}
	}
}

// with adds what one message of a transaction is about. In every message the
// first kind of attribute is the table's name.
func (e Event) with(m netlink.Message) Event {
	if len(m.Data) < 4 {
		return e
	}
	name := ""
	if ad, err := netlink.NewAttributeDecoder(m.Data[4:]); err == nil {
		for ad.Next() {
			if ad.Type() == unix.NFTA_TABLE_NAME {
				name = ad.String()
				break
			}
		}
	}
	if inet := m.Data[0] == unix.NFPROTO_INET; inet && name == tableName {
		e.Own = true
	} else {
		e.Other = true
		e.Firewalld = e.Firewalld || inet && name == firewalldTable
	}
	return e
}
