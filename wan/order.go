package wan

import (
	"net/netip"
	"slices"
	"time"
)

// Way is an uplink as the kernel sees it.
type Way struct {
	Uplink
	ID int
	At Attachment
	Up bool // healthy and not disabled
	// Assumed: up, though no probe has been answered yet.
	Assumed bool
	Used    bool // gets new connections
	// Disabled: by an operator; its connections stay until they end.
	Disabled bool
}

// Order is what the kernel shall do.
type Order struct {
	Config  Config
	Ways    []Way // all uplinks, in the order of the configuration
	Healthy bool  // one of them is up
	// Endpoints are the far ends of tunnels, configured and found, and Endpoint is the
	// place in Ways of the uplink that all of them go through; -1: none.
	Endpoints []netip.Addr
	Endpoint  int
}

// Order returns what the kernel shall do. elsewhere says that there is another default
// route: without a healthy uplink it takes over, and without either the last order stays.
func (m *Machine) Order(elsewhere bool) Order {
	o := Order{Config: m.cfg, Endpoint: -1, Endpoints: m.endpoints()}
	for _, u := range m.uplinks {
		w := Way{Uplink: u.Uplink, ID: u.id, At: u.at, Up: u.up && !u.disabled, Assumed: u.assumed, Disabled: u.disabled}
		o.Healthy = o.Healthy || w.Up
		o.Ways = append(o.Ways, w)
	}
	switch {
	case o.Healthy:
		o.use(func(w Way) bool { return w.Up })
		m.last = nil
		for _, w := range o.Ways {
			if w.Used {
				m.last = append(m.last, w.Name)
			}
		}
	case elsewhere:
	case !o.use(func(w Way) bool { return usable(w) && slices.Contains(m.last, w.Name) }):
		o.use(usable)
	}
	o.Endpoint = m.endpointOf(&o)
	return o
}

// use gives new connections to the uplinks of the best tier that fit.
func (o *Order) use(fits func(Way) bool) (any bool) {
	best := 0
	for _, w := range o.Ways {
		if fits(w) && (best == 0 || w.Tier < best) {
			best = w.Tier
		}
	}
	for i := range o.Ways {
		w := &o.Ways[i]
		w.Used = best > 0 && w.Tier == best && fits(*w)
		any = any || w.Used
	}
	return any
}

// usable tells whether a dead uplink may be tried for want of another.
func usable(w Way) bool { return w.At.Attached() && !w.Disabled }

// endpoints lists each far end of a tunnel once.
func (m *Machine) endpoints() []netip.Addr {
	list := slices.Clone(m.cfg.Endpoints)
	if m.cfg.FindWireGuard || m.cfg.FindOpenVPN {
		list = append(list, m.peers...)
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}

// endpointOf keeps the endpoints where they are while that uplink is up. While none is they stay as well:
// another default route may lead into the very tunnels.
func (m *Machine) endpointOf(o *Order) int {
	if len(o.Endpoints) == 0 {
		return -1
	}
	here := func(w Way) bool { return w.Name == m.endpoint }
	for _, fits := range []func(Way) bool{
		func(w Way) bool { return here(w) && w.Up },
		func(w Way) bool { return w.Used },
		func(w Way) bool { return here(w) && usable(w) },
		usable,
	} {
		if i := slices.IndexFunc(o.Ways, fits); i >= 0 {
			m.endpoint = o.Ways[i].Name
			return i
		}
	}
	return -1
}

// State is what people want to know of an uplink.
type State struct {
	Way
	Reason  string
	Since   time.Time
	Targets []TargetState
}

// TargetState is the record of one target.
type TargetState struct {
	Target Target
	Loss   float64 // of the last 50 probes, 0..1
	RTT    time.Duration
	Why    string // the last probe failed
}

// States returns a copy of what is known, in the order of the configuration.
func (m *Machine) States(elsewhere bool) []State {
	order := m.Order(elsewhere)
	var out []State
	for i, u := range m.uplinks {
		s := State{Way: order.Ways[i], Reason: u.reason, Since: u.since}
		for _, t := range u.targets {
			s.Targets = append(s.Targets, TargetState{t.Target, t.loss(), t.rtt, t.why})
		}
		out = append(out, s)
	}
	return out
}
