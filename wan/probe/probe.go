package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/ecmpd/ecmpd/wan"
)

// Path is the way that a probe takes.
type Path struct {
	wan.Attachment
	Mark uint32
}

// Job is what one uplink's prober does again and again.
type Job struct {
	Name  string
	Path  Path
	Check wan.Check
}

// Run asks all targets of the job every interval, the first time at once, and hands each
// round over, until ctx ends.
func Run(ctx context.Context, j Job, take func(wan.Round)) {
	tick := time.NewTicker(j.Check.Interval)
	defer tick.Stop()
	for {
		r := wan.Round{Name: j.Name, At: j.Path.Attachment, Results: make([]wan.Result, len(j.Check.Targets))}
		var wg sync.WaitGroup
		for i, t := range j.Check.Targets {
			wg.Go(func() { r.Results[i] = Ask(ctx, j.Path, t, j.Check.Timeout) })
		}
		wg.Wait()
		if ctx.Err() != nil { // a probe that was cut short says nothing
			return
		}
		take(r)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Ask asks one target once.
func Ask(ctx context.Context, p Path, t wan.Target, timeout time.Duration) wan.Result {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	var err error
	switch t.Kind {
	case wan.ProbeGateway:
		err = askGateway(ctx, p)
	case wan.ProbeICMP:
		err = echo(ctx, p, t.Address)
	case wan.ProbeTCP:
		err = connect(ctx, p, netip.AddrPortFrom(t.Address, t.Port))
	case wan.ProbeDNS:
		err = query(ctx, p, t.Address)
	}
	if err != nil {
		return wan.Result{Why: reason(err)}
	}
	return wan.Result{OK: true, RTT: time.Since(start)}
}

// reason is the last cause of an error: who asked what is known to the reader.
func reason(err error) string {
	var errno syscall.Errno
	switch {
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "no answer"
	case errors.As(err, &errno):
		return errno.Error()
	}
	return err.Error()
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// askGateway asks by ICMP and, where neighbours are found by ARP, by that: many routers
// answer one of them only.
func askGateway(ctx context.Context, p Path) error {
	if !p.Gateway.IsValid() {
		return errors.New("there is no gateway")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ways := []func(context.Context, Path, netip.Addr) error{echo}
	if p.ARP {
		ways = append(ways, resolve)
	}
	answers := make(chan error, len(ways))
	for _, way := range ways {
		go func() { answers <- way(ctx, p, p.Gateway) }()
	}
	var err error
	for range ways {
		if err = <-answers; err == nil {
			return nil
		}
	}
	return err
}

// connect counts a refusal as an answer: the host is there.
func connect(ctx context.Context, p Path, to netip.AddrPort) error {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: p.Source.AsSlice()}, Control: p.control}
	c, err := d.DialContext(ctx, "tcp4", to.String())
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil
	case err != nil:
		return err
	}
	// A reset leaves nothing behind; a connection that began is all that was asked.
	_ = c.(*net.TCPConn).SetLinger(0)
	return c.Close()
}
