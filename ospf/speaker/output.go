package speaker

import (
	"fmt"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"golang.org/x/sys/unix"
)

// trouble is the send errors of one interface since the last report.
type trouble struct {
	count    uint64
	reported time.Time
}

// step gives the engine one input. Memberships change at once, the datagrams
// and the rest of the output wait for the end of the turn.
func (s *Speaker) step(now time.Time, in ospf.Input) {
	s.stepped = now
	out := s.engine.Step(now, in)
	for _, g := range out.Groups {
		if !g.Join {
			s.groups.leave(g.Interface, g.Group)
			continue
		}
		if err := s.groups.join(g.Interface, g.Group, s.indexes[g.Interface]); err != nil {
			s.joinAt = earliest(s.joinAt, now.Add(retryJoin))
			s.options.OnError(g.Interface, err)
		}
	}
	s.queue = append(s.queue, out.Send...)
	s.gather(out)
	if s.telling() {
		s.alertUntil = now.Add(alertTime)
	}
}

// gather adds to what the turn has for OnOutput. The first output is kept as it is: most
// turns have no more.
func (s *Speaker) gather(out ospf.Output) {
	o := &s.output
	if o.Routes == nil {
		o.Routes = out.Routes
	} else {
		o.Routes = append(o.Routes, out.Routes...)
	}
	if o.Events == nil {
		o.Events = out.Events
	} else {
		o.Events = append(o.Events, out.Events...)
	}
	o.Done = o.Done || out.Done
}

// telling says that the turn has something for OnOutput.
func (s *Speaker) telling() bool {
	return len(s.output.Routes) > 0 || len(s.output.Events) > 0 || s.output.Done
}

// flush sends what the turn has queued, then passes on what it has to tell.
func (s *Speaker) flush(now time.Time) {
	prioritise(s.queue)
	s.outlet = s.outlet[:0]
	sendable := s.queue[:0]
	var routed []ospf.Transmit // few: those on virtual links
	var routedOutlet []int
	for _, t := range s.queue {
		// Without an index the kernel would choose an interface itself.
		index, ok := s.indexes[t.Interface]
		if !ok || !t.Dst.Is4() || !t.Src.Is4() || len(t.Data) == 0 {
			s.sendFailed(now, t.Interface, unix.ENODEV)
			continue
		}
		if t.Routed {
			routed, routedOutlet = append(routed, t), append(routedOutlet, index)
			continue
		}
		sendable = append(sendable, t)
		s.outlet = append(s.outlet, index)
	}
	s.transmit(now, s.other.fd, sendable, s.outlet)
	s.transmit(now, s.hello.fd, routed, routedOutlet)
	clear(s.queue)
	s.queue = s.queue[:0]
	if s.telling() {
		out := s.output
		s.output = ospf.Output{}
		s.options.OnOutput(now, out)
	}
}

// transmit hands datagrams to the kernel.
func (s *Speaker) transmit(now time.Time, fd int, queue []ospf.Transmit, outlet []int) {
	s.counters.Sent += uint64(len(queue))
	s.sender.send(fd, queue, outlet, func(i int, err error) {
		s.counters.Sent--
		s.sendFailed(now, queue[i].Interface, err)
	})
}

// sendFailed counts a datagram that did not leave and reports it unless the
// interface had a report a moment ago.
func (s *Speaker) sendFailed(now time.Time, iface string, err error) {
	s.counters.SendErrors++
	t := s.troubles[iface]
	if t == nil {
		t = &trouble{}
		s.troubles[iface] = t
	}
	t.count++
	if !t.reported.IsZero() && now.Sub(t.reported) < reportEvery {
		return
	}
	s.options.OnError(iface, fmt.Errorf("send on %s: %w (%d datagrams lost since the last report)", iface, err, t.count))
	t.count, t.reported = 0, now
}
