package api

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

// WANBody is the body of [PathWAN].
type WANBody struct {
	WAN WAN `json:"wan"`
}

// WAN is what is known of the uplinks, and what is sent through which.
type WAN struct {
	Balance   string        `json:"balance"`   // as configured; empty without uplinks
	Healthy   bool          `json:"healthy"`   // an uplink is up
	Elsewhere bool          `json:"elsewhere"` // there is a default route by something else than uplinks
	InSync    bool          `json:"inSync"`    // the kernel has the rules, tables and chains that are wanted
	Error     string        `json:"error"`     // of the last write; empty when it succeeded
	Uplinks   List[Uplink]  `json:"uplinks"`
	Rules     List[WANRule] `json:"rules"` // in order: resolvers, then those of the configuration
}

// Uplink is one way to the Internet.
type Uplink struct {
	Name            string             `json:"name"`
	State           string             `json:"state"` // up, down, disabled
	Used            bool               `json:"used"`  // gets new connections
	Reason          string             `json:"reason"`
	SinceMsec       int64              `json:"sinceMsec"` // how long it has been in this state
	Interface       string             `json:"interface"` // empty: none now
	Gateway         string             `json:"gateway"`   // empty: the link itself
	Source          string             `json:"source"`    // own address
	NAT             string             `json:"nat"`       // masquerade, none, or an address
	Tier            int                `json:"tier"`
	Weight          int                `json:"weight"`
	SharePercent    int                `json:"sharePercent"`    // of new connections, by weight; 0 when it gets none
	MeasuredPercent int                `json:"measuredPercent"` // of the connections since the rules were written
	NewConnections  uint64             `json:"newConnections"`  // that it was given since then
	Pinned          int                `json:"pinned"`          // connections that are open and stay with it
	Endpoints       bool               `json:"endpoints"`       // the far ends of tunnels are reached through it
	Mark            string             `json:"mark"`
	Table           uint32             `json:"table"`
	Targets         List[UplinkTarget] `json:"targets"`
}

// UplinkTarget is what its probes say about one target.
type UplinkTarget struct {
	Target      string `json:"target"`
	LossPercent int    `json:"lossPercent"` // of the last 50 probes
	RTTUsec     int64  `json:"rttUsec"`     // smoothed; 0 before the first answer
	Why         string `json:"why"`         // the last probe failed; empty when it was answered
}

// WANRule sends what it matches through one uplink.
type WANRule struct {
	Number      int          `json:"number"`      // of the configuration, from 1; 0 for a resolver
	Source      List[string] `json:"source"`      // empty: any
	Destination List[string] `json:"destination"` // empty: any
	Protocol    string       `json:"protocol"`    // empty: any
	Ports       List[string] `json:"ports"`       // empty: any
	Uplink      string       `json:"uplink"`
	Action      string       `json:"action"`      // uplink, balance, drop: what becomes of it now
	Connections uint64       `json:"connections"` // that it decided about since the rules were written
}

// uplinks answers what is asked about uplinks.
func (m router) uplinks() {
	m.get(PathWAN, func(r *http.Request) (any, error) {
		w, err := m.b.WAN(r.Context())
		return WANBody{w}, err
	})
	for path, disabled := range map[string]bool{PathWANDisable: true, PathWANEnable: false} {
		m.order(path, func(r *http.Request) error {
			name := r.URL.Query().Get("name")
			if name == "" {
				return fmt.Errorf("%w: name is missing", errQuery)
			}
			return m.b.DisableUplink(r.Context(), name, disabled)
		})
	}
}

// collectWAN writes the metrics of the uplinks.
func (s snapshot) collectWAN(ch chan<- prometheus.Metric) {
	up := gauge(ch, "wan_up", "Whether the uplink is up.", "uplink")
	used := gauge(ch, "wan_used", "Whether the uplink gets new connections.", "uplink")
	pinned := gauge(ch, "wan_pinned_flows", "Connections that are open and stay with the uplink.", "uplink")
	fresh := counter(ch, "wan_new_connections_total", "Connections that the uplink was given.", "uplink")
	loss := gauge(ch, "wan_check_loss_ratio", "Share of the last probes without an answer.", "uplink", "target")
	rtt := gauge(ch, "wan_check_rtt_seconds", "Smoothed round-trip time of the probes.", "uplink", "target")
	for _, u := range s.wan.Uplinks {
		up.is(truth(u.State == "up"), u.Name)
		used.is(truth(u.Used), u.Name)
		pinned.is(float64(u.Pinned), u.Name)
		fresh.is(float64(u.NewConnections), u.Name)
		for _, t := range u.Targets {
			loss.is(float64(t.LossPercent)/100, u.Name, t.Target)
			rtt.is(float64(t.RTTUsec)/1e6, u.Name, t.Target)
		}
	}
}
