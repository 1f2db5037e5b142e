package config

import (
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/rib"
)

// Defaults of what bounds memory: the largest LAN or hub segment that OSPF is run on.
const (
	maxNeighbors    = 256
	maxAllNeighbors = 4096
	maxForming      = 64
)

func (r *report) ospf(raw *rawOSPF) ospf.Config {
	c := ospf.Config{
		Instance:        uint8(r.number(raw.InstanceID, 0, 0, 127)), // the rest is not assigned (RFC 6549 5)
		Areas:           r.areas(raw.Areas, r.autoCost(section(raw.AutoCost))),
		SPFDelay:        r.spfDelay(section(raw.SPFDelay)),
		LSAThrottle:     r.lsaThrottle(section(raw.LSAThrottle)),
		StubRouter:      r.stubRouter(section(raw.StubRouter)),
		GracefulRestart: r.gracefulRestart(section(raw.GracefulRestart)),
		RFC1583Compat:   r.boolean(raw.RFC1583, false),
		Redistribute:    r.redistribute(raw.Redistribute),
		Default:         r.defaultOriginate(raw.DefaultOriginate),
	}
	r.databaseControl(section(raw.DatabaseControl), &c)
	r.neighborControl(section(raw.NeighborControl), &c)
	return c
}

// databaseControl fills in how much the databases may hold (RFC 9129 database-control, RFC 1765 2.1). 0 is
// as much as the machine has room for, which is not known here.
func (r *report) databaseControl(raw *rawDatabaseControl, c *ospf.Config) {
	c.MaxLSAs = int(r.number(raw.MaxLSA, 0, 100, 100_000_000))
	c.MaxExternals = int(r.number(raw.MaxExternal, uint32(c.MaxLSAs), 1, 100_000_000))
	c.ExitOverflow = r.duration(raw.ExitOverflow, 5*time.Minute, 0, 24*time.Hour, time.Second)
	if c.MaxLSAs > 0 && c.MaxExternals > c.MaxLSAs {
		r.errorf(raw.MaxExternal, "\"max-external-lsa\" %d is more than max-lsa %d lets in: write at most that", c.MaxExternals, c.MaxLSAs)
	}
}

// neighborControl fills in how many neighbours there may be.
func (r *report) neighborControl(raw *rawNeighborControl, c *ospf.Config) {
	c.MaxNeighbors = int(r.number(raw.MaxInterfaceNeighbors, maxNeighbors, 1, 100_000))
	c.MaxAllNeighbors = int(r.number(raw.MaxNeighbors, maxAllNeighbors, 1, 100_000))
	c.MaxForming = int(r.number(raw.MaxForming, maxForming, 1, 100_000))
}

// spfDelay fills in the RFC 8405 timers.
func (r *report) spfDelay(raw *rawSPFDelay) ospf.SPFDelay {
	const ms, limit = time.Millisecond, 10 * time.Minute
	d := ospf.SPFDelay{
		Initial:     r.duration(raw.Initial, 50*ms, 0, limit, ms),
		Short:       r.duration(raw.Short, 200*ms, 0, limit, ms),
		Long:        r.duration(raw.Long, 5*time.Second, 0, limit, ms),
		HoldDown:    r.duration(raw.HoldDown, 10*time.Second, 0, limit, ms),
		TimeToLearn: r.duration(raw.TimeToLearn, 500*ms, 0, limit, ms),
	}
	if raw.Node == nil {
		return d
	}
	if d.Initial > d.Short || d.Short > d.Long {
		r.errorf(raw.Node, "\"spf-delay\": initial-delay %s, short-delay %s and long-delay %s must not decrease", d.Initial, d.Short, d.Long)
	}
	if d.HoldDown <= d.TimeToLearn { // RFC 8405 5
		r.errorf(raw.Node, "\"spf-delay\": hold-down %s must be longer than time-to-learn %s", d.HoldDown, d.TimeToLearn)
	}
	return d
}

// lsaThrottle fills in how far apart originations of an LSA are (RFC 2328 12.4); neighbours
// drop what comes within MinLSArrival.
func (r *report) lsaThrottle(raw *rawLSAThrottle) ospf.LSAThrottle {
	const ms, minInterval = time.Millisecond, packet.MinLSInterval * time.Second
	t := ospf.LSAThrottle{
		Start: r.duration(raw.Start, 0, 0, minInterval, ms),
		Hold:  r.duration(raw.Hold, minInterval, 1100*ms, 10*time.Minute, ms),
	}
	t.Max = r.duration(raw.Max, max(t.Hold, minInterval), 1100*ms, 10*time.Minute, ms)
	if t.Max < t.Hold {
		r.errorf(raw.Max, "\"max-interval\" %s is shorter than hold-interval %s", t.Max, t.Hold)
	}
	return t
}

// stubRouter fills in RFC 6987; the limit of on-shutdown keeps a stop within 5 s.
func (r *report) stubRouter(raw *rawStubRouter) ospf.StubRouter {
	return ospf.StubRouter{
		Administrative: r.boolean(raw.Administrative, false),
		OnStartup:      r.duration(raw.OnStartup, 0, 0, 24*time.Hour, time.Millisecond),
		OnShutdown:     r.duration(raw.OnShutdown, 0, 0, 3*time.Second, time.Millisecond),
	}
}

// gracefulRestart fills in RFC 3623, with the defaults of its appendix B.
func (r *report) gracefulRestart(raw *rawGracefulRestart) ospf.GracefulRestart {
	return ospf.GracefulRestart{
		Enabled:   r.boolean(raw.Enabled, false),
		Interval:  r.duration(raw.Interval, 2*time.Minute, time.Second, packet.MaxGracePeriod, time.Second),
		Helper:    r.boolean(raw.Helper, true),
		StrictLSA: r.boolean(raw.StrictLSA, true),
	}
}

func (r *report) distance(raw *rawDistance) Distance {
	all := uint32(rib.DistanceOSPF)
	if raw.Node != nil && raw.Node.kind == scalar {
		all = r.number(raw.Node, all, 1, 255)
	}
	return Distance{
		IntraArea: uint8(r.number(raw.IntraArea, all, 1, 255)),
		InterArea: uint8(r.number(raw.InterArea, all, 1, 255)),
		External:  uint8(r.number(raw.External, all, 1, 255)),
	}
}
