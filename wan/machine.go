package wan

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Machine knows the state of every uplink. It holds no goroutine and no clock; one
// goroutine owns it.
type Machine struct {
	cfg      Config
	links    []Link
	uplinks  []*uplink
	memory   map[string]Memory // of an earlier run, for uplinks that have not been seen yet
	last     []string          // who carried traffic last
	endpoint string            // through which uplink the endpoints of tunnels go
	peers    []netip.Addr      // endpoints that were found
}

// Memory is what must survive a restart.
type Memory struct {
	ID       int  `json:"id"` // in the marks of its connections
	Down     bool `json:"down,omitempty"`
	Disabled bool `json:"disabled,omitempty"`
}

// uplink is what is known of one.
type uplink struct {
	Uplink
	id       int
	at       Attachment
	why      string // there is no attachment
	disabled bool
	up       bool
	reason   string // of the state
	since    time.Time
	health
}

// Event is a change of one uplink's state.
type Event struct {
	Name   string
	Up     bool
	Reason string
}

// New returns a machine that has nothing to do yet; memory is that of an earlier run.
func New(memory map[string]Memory) *Machine {
	m := &Machine{memory: maps.Clone(memory)}
	maps.DeleteFunc(m.memory, func(_ string, r Memory) bool { return r.ID <= 0 }) // the file was tampered with
	return m
}

// Configure takes a configuration over. Uplinks keep their state by name. It returns
// the identifiers of those that are gone.
func (m *Machine) Configure(now time.Time, c Config) (gone []int, events []Event) {
	old := m.uplinks
	m.cfg, m.uplinks = c, nil
	taken := make(map[int]bool)
	for _, u := range old {
		if slices.ContainsFunc(c.Uplinks, func(n Uplink) bool { return n.Name == u.Name }) {
			taken[u.id] = true
		} else {
			gone = append(gone, u.id)
		}
	}
	for name, r := range m.memory {
		switch {
		case taken[r.ID]: // the file was tampered with
			delete(m.memory, name)
		case slices.ContainsFunc(c.Uplinks, func(n Uplink) bool { return n.Name == name }):
			taken[r.ID] = true
		case old == nil:
			gone = append(gone, r.ID)
		}
	}
	for _, n := range c.Uplinks {
		i := slices.IndexFunc(old, func(u *uplink) bool { return u.Name == n.Name })
		if i < 0 {
			m.uplinks = append(m.uplinks, m.begin(now, n, taken))
			continue
		}
		u := old[i]
		if !slices.Equal(u.Check.Targets, n.Check.Targets) {
			u.targets = newTargets(n.Check.Targets)
		}
		u.Uplink = n
		m.uplinks = append(m.uplinks, u)
	}
	m.memory = nil
	return gone, m.SetLinks(now, m.links)
}

// begin makes an uplink that was not there before.
func (m *Machine) begin(now time.Time, n Uplink, taken map[int]bool) *uplink {
	u := &uplink{Uplink: n, since: now, health: health{targets: newTargets(n.Check.Targets)}}
	r, known := m.memory[n.Name]
	if known && r.ID > 0 && r.ID <= m.cfg.Mark.MaxUplinks() {
		u.id, u.disabled = r.ID, r.Disabled
		u.fresh, u.reason = !r.Down, "down when the last run ended"
	} else {
		for u.id = 1; taken[u.id]; u.id++ {
		}
		u.fresh, u.reason = true, "not attached yet"
	}
	taken[u.id] = true
	return u
}

// SetLinks says what links there are.
func (m *Machine) SetLinks(now time.Time, links []Link) (events []Event) {
	m.links = links
	for _, u := range m.uplinks {
		was := u.at
		u.at, u.why = u.attach(links)
		if u.at != was {
			u.forget()
		}
		switch {
		case !u.at.Attached():
			events = append(events, u.fall(now, u.why)...)
		case u.fresh:
			u.fresh, u.assumed = false, true
			events = append(events, u.rise(now, "assumed until its probes are answered")...)
		}
	}
	return events
}

// SetPeers says which far ends of tunnels were found on the machine. Those on the network of a link are
// left to it.
func (m *Machine) SetPeers(peers []netip.Addr) { m.peers = peers }

// Disable takes an uplink out of use, or back into it. ok is false when there is none of that name.
func (m *Machine) Disable(now time.Time, name string, disabled bool) (events []Event, ok bool) {
	for _, u := range m.uplinks {
		if u.Name != name {
			continue
		}
		if u.disabled != disabled {
			u.disabled, u.since = disabled, now
			events = append(events, Event{name, u.up && !disabled, map[bool]string{true: "disabled", false: "enabled"}[disabled]})
		}
		return events, true
	}
	return nil, false
}

// Remember returns what the next run must know.
func (m *Machine) Remember() map[string]Memory {
	out := make(map[string]Memory, len(m.uplinks))
	for _, u := range m.uplinks {
		out[u.Name] = Memory{ID: u.id, Down: !u.up && !u.fresh, Disabled: u.disabled}
	}
	return out
}

// rise and fall are the only ones that change whether an uplink is up.
func (u *uplink) rise(now time.Time, reason string) []Event {
	if u.up {
		return nil
	}
	u.up, u.reason, u.since, u.risen = true, reason, now, now
	return []Event{{u.Name, true, reason}}
}

func (u *uplink) fall(now time.Time, reason string) []Event {
	u.assumed = false
	if !u.up {
		u.reason = reason
		return nil
	}
	u.up, u.reason, u.since = false, reason, now
	u.damp(now, u.Check.HoldUp)
	return []Event{{u.Name, false, reason}}
}
