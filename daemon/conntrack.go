package daemon

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/firewall"
)

// forget asks for the conntrack entries of flows that are not tracked to go. done,
// when given, is called afterwards, and somebody waits for it.
type forget struct{ done func() }

func (forget) replaces(other any) bool { _, ok := other.(forget); return ok }

// deadMarks are marks of connections whose uplink is dead: their entries go, and once more a little
// later those of packets that had been on their way.
type deadMarks struct {
	mask  uint32
	marks []uint32
	again bool
}

// secondSweep is how much later.
const secondSweep = time.Second

// rested says that what is due may be done now.
type rested struct{}

func (rested) replaces(other any) bool { return other == any(rested{}) }

// conntrackLoop removes conntrack entries, and counts them. A hub may have a million,
// and sets must not wait until they have been looked at.
type conntrackLoop struct {
	log   *logrus.Logger
	inbox *mailbox[any]
	table *firewall.Conntrack
	flows atomic.Pointer[firewall.Flows] // that are not tracked now; the firewall loop says so

	// alive are the marks that new connections of uplinks get; the firewall loop says so.
	alive atomic.Pointer[[]uint32]

	forget task
	order  forget // the last one
}

func newConntrackLoop(log *logrus.Logger, table *firewall.Conntrack) *conntrackLoop {
	c := &conntrackLoop{log: log, inbox: newMailbox[any](), table: table}
	c.flows.Store(&firewall.Flows{})
	return c
}

// run is the loop.
func (c *conntrackLoop) run(ctx context.Context) error {
	again := time.AfterFunc(time.Hour, func() { c.inbox.put(rested{}) })
	again.Stop()
	defer again.Stop()
	for {
		batch := c.inbox.take(ctx)
		if batch == nil {
			return nil
		}
		for _, m := range batch {
			switch m := m.(type) {
			case forget:
				c.order, c.forget.due = m, true
			case deadMarks:
				c.bury(m)
			case query:
				m.f()
			}
		}
		if later := c.forget.run(c.forgetFlows); later > 0 {
			again.Reset(later)
		}
	}
}

func (c *conntrackLoop) forgetFlows() error {
	n, err := c.table.Forget(c.flows.Load)
	if err != nil {
		c.log.WithError(err).Error("conntrack entries of transit flows were not removed; trying again")
	}
	if n > 0 {
		c.log.WithField("entries", n).Info("conntrack entries of transit flows removed")
	}
	if err == nil && c.order.done != nil {
		c.order.done()
	}
	return err
}

func (c *conntrackLoop) bury(d deadMarks) {
	if alive := c.alive.Load(); d.again && alive != nil { // by now an uplink may be back, or a new one may have its mark
		d.marks = slices.DeleteFunc(slices.Clone(d.marks), func(m uint32) bool { return slices.Contains(*alive, m) })
	}
	n, err := c.table.ForgetMarked(d.mask, d.marks)
	entry := c.log.WithField("entries", n)
	if err != nil {
		entry.WithError(err).Error("conntrack entries of a dead uplink were not all removed")
	} else if n > 0 {
		entry.Info("conntrack entries of a dead uplink removed")
	}
	if !d.again {
		d.again = true
		time.AfterFunc(secondSweep, func() { c.inbox.put(d) })
	}
}

// count counts the entries that are not to be there.
func (c *conntrackLoop) count(ctx context.Context) (int, error) {
	type counted struct {
		n   int
		err error
	}
	r, err := askLoop(ctx, c.inbox, func() (r counted) {
		r.n, r.err = c.table.Count(c.flows.Load())
		return r
	})
	if err != nil {
		return 0, fmt.Errorf("count conntrack entries: %w", err)
	}
	return r.n, r.err
}
