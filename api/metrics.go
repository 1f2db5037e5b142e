package api

import (
	"context"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// neighborStates are the values of the label state (RFC 2328 10.1); the list
// is fixed so that a change of state starts no new series.
var neighborStates = [...]string{"Down", "Attempt", "Init", "2-Way", "ExStart", "Exchange", "Loading", "Full"}

// snapshot is everything that one scrape shows.
type snapshot struct {
	status     Status
	neighbors  []Neighbor
	interfaces []Interface
	database   Database
	routes     []Route
	groups     []Group
	transit    Transit
	bfd        BFDSessions
	wan        WAN
	bgp        BGP
}

// take asks the daemon for one snapshot.
func take(ctx context.Context, b Backend) (s snapshot, err error) {
	for _, part := range []func() error{
		func() (err error) { s.status, err = b.Status(ctx); return },
		func() (err error) { s.neighbors, err = b.Neighbors(ctx); return },
		func() (err error) { s.interfaces, err = b.Interfaces(ctx); return },
		func() (err error) { s.database, err = b.Database(ctx); return },
		func() (err error) { s.routes, err = b.Routes(ctx); return },
		func() (err error) { s.groups, err = b.Groups(ctx); return },
		func() (err error) { s.transit, err = b.Transit(ctx); return },
		func() (err error) { s.bfd, err = b.BFD(ctx); return },
		func() (err error) { s.wan, err = b.WAN(ctx); return },
		func() (err error) { s.bgp, err = b.BGP(ctx); return },
	} {
		if err := part(); err != nil {
			return snapshot{}, err
		}
	}
	return s, nil
}

// metricsHandler serves one snapshot in the format that the scraper asks for.
func metricsHandler(b Backend) http.Handler {
	// Two neighbours that claim one router id would be one series twice: that
	// costs the one series, not the scrape.
	opts := promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := take(r.Context(), b)
		if err != nil {
			reply(w, nil, err)
			return
		}
		reg := prometheus.NewRegistry()
		reg.MustRegister(s)
		promhttp.HandlerFor(reg, opts).ServeHTTP(w, r)
	})
}

// Describe implements [prometheus.Collector].
func (s snapshot) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(s, ch) }

// Collect implements [prometheus.Collector].
func (s snapshot) Collect(ch chan<- prometheus.Metric) {
	s.collectDaemon(ch)
	s.collectOSPF(ch)
	s.collectDatabase(ch)
	s.collectRoutes(ch)
	s.collectBFD(ch)
	s.collectWAN(ch)
	s.collectBGP(ch)
}

// family is one metric with its label names.
type family struct {
	ch   chan<- prometheus.Metric
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func gauge(ch chan<- prometheus.Metric, name, help string, labels ...string) family {
	return family{ch, prometheus.NewDesc("ecmpd_"+name, help, labels, nil), prometheus.GaugeValue}
}

func counter(ch chan<- prometheus.Metric, name, help string, labels ...string) family {
	f := gauge(ch, name, help, labels...)
	f.kind = prometheus.CounterValue
	return f
}

// is emits one series; values belong to the labels in their order.
func (f family) is(v float64, values ...string) {
	f.ch <- prometheus.MustNewConstMetric(f.desc, f.kind, v, values...)
}

// all emits one series for each value of the only label.
func (f family) all(counts map[string]uint64) {
	for value, n := range counts {
		f.is(float64(n), value)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// seconds turns an RFC 3339 time into a Unix time; 0 when it is none.
func seconds(at string) float64 {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func (s snapshot) collectDaemon(ch chan<- prometheus.Metric) {
	st := s.status
	gauge(ch, "build_info", "Version of the running daemon; the value is always 1.", "version", "goversion").
		is(1, st.Version, runtime.Version())
	gauge(ch, "start_time_seconds", "Unix time of the daemon's start.").is(seconds(st.StartedAt))
	gauge(ch, "converged", "Whether the first convergence after the start is over.").is(truth(st.Converged))
	gauge(ch, "config_last_reload_successful", "Whether the last attempt to load the configuration succeeded.").
		is(truth(st.Config.Error == ""))
	gauge(ch, "config_last_reload_success_timestamp_seconds", "Unix time of the last successful load of the configuration.").
		is(seconds(st.Config.LoadedAt))
	gauge(ch, "fib_in_sync", "Whether the kernel holds exactly the wanted routes.").is(truth(st.Kernel.InSync))
	counter(ch, "netlink_resyncs_total", "Complete comparisons with the kernel.").is(float64(st.Kernel.Resyncs))
	operations := counter(ch, "fib_operations_total", "Writes to the kernel.", "op", "result")
	for _, o := range st.Kernel.Operations {
		operations.is(float64(o.Count), o.Operation, o.Result)
	}
}

func (s snapshot) collectOSPF(ch chan<- prometheus.Metric) {
	state := gauge(ch, "ospf_neighbor_state", "1 for the state that the neighbour is in, 0 for the others.",
		"interface", "neighbor", "area", "state")
	inState := map[string]uint64{}
	for _, name := range neighborStates {
		inState[name] = 0
	}
	for _, n := range s.neighbors {
		inState[n.State]++
		who := n.RouterID
		if who == "0.0.0.0" { // it was never heard
			who = n.Address
		}
		for _, name := range neighborStates {
			state.is(truth(n.State == name), n.Interface, who, n.Area, name)
		}
	}
	gauge(ch, "ospf_neighbors", "Neighbours in each state.", "state").all(inState)

	up := gauge(ch, "ospf_interface_up", "Whether OSPF runs on the interface.", "interface", "area")
	cost := gauge(ch, "ospf_interface_cost", "Cost of the interface.", "interface", "area")
	for _, i := range s.interfaces {
		up.is(truth(i.State != "Down"), i.Interface, i.Area)
		cost.is(float64(i.Cost), i.Interface, i.Area)
	}

	o := s.status.OSPF
	packets := counter(ch, "ospf_packets_total", "OSPF packets.", "type", "direction")
	for _, p := range o.Packets {
		packets.is(float64(p.Count), p.Type, p.Direction)
	}
	counter(ch, "ospf_packet_errors_total", "Received OSPF packets that were dropped.", "reason").all(o.Rejected)
	counter(ch, "ospf_retransmits_total", "Retransmitted LSAs.").is(float64(o.Retransmits))
	counter(ch, "ospf_neighbor_transitions_total", "Changes of state of all neighbours.").is(float64(o.NeighborChanges))
	counter(ch, "ospf_spf_runs_total", "Dijkstra calculations.").is(float64(o.SPFRuns))
}

func (s snapshot) collectDatabase(ch chan<- prometheus.Metric) {
	// LSAs of AS and link scope belong to no area.
	counts := map[[2]string]int{}
	count := func(area string, lsas []LSA) {
		for _, l := range lsas {
			counts[[2]string{area, l.Type}]++
		}
	}
	for _, a := range s.database.Areas {
		count(a.Area, a.LSAs)
	}
	for _, l := range s.database.Link {
		count("", l.LSAs)
	}
	count("", s.database.External)
	lsas := gauge(ch, "ospf_lsas", "LSAs in the database.", "area", "type")
	for k, n := range counts {
		lsas.is(float64(n), k[0], k[1])
	}
	limits := s.database.Limits
	held := gauge(ch, "ospf_lsdb_used", "LSAs that count towards the limit, a router-LSA as often as it has links.", "scope")
	most := gauge(ch, "ospf_lsdb_limit", "How many there may be.", "scope")
	refused := counter(ch, "ospf_lsas_refused_total", "LSAs that the database had no room for.", "scope")
	incomplete := gauge(ch, "ospf_lsdb_incomplete", "Whether LSAs may be missing for want of room.", "scope")
	for _, d := range limits.Databases {
		held.is(float64(d.LSAs), d.Scope)
		most.is(float64(d.MaxLSAs), d.Scope)
		refused.is(float64(d.Refused), d.Scope)
		incomplete.is(truth(d.Incomplete), d.Scope)
	}
	gauge(ch, "ospf_externals", "AS-external-LSAs but for default routes.").is(float64(limits.Externals))
	gauge(ch, "ospf_externals_limit", "How many of them there may be.").is(float64(limits.MaxExternals))
	gauge(ch, "ospf_overflow", "Whether own externals are taken back for want of room (RFC 1765).").is(truth(limits.Overflow))
}

func (s snapshot) collectRoutes(ch chan<- prometheus.Metric) {
	rib, fib, paths := map[string]uint64{}, map[string]uint64{"installed": 0, "missing": 0}, map[string]uint64{}
	for _, r := range s.routes {
		rib[r.Protocol]++
		if !r.Selected {
			continue
		}
		if !r.Installed {
			fib["missing"]++
			continue
		}
		fib["installed"]++
		paths[strconv.Itoa(len(keep(r.NextHops, func(h Hop) bool { return h.Installed })))]++
	}
	gauge(ch, "rib_routes", "Routes of each source.", "protocol").all(rib)
	gauge(ch, "fib_routes", "Best routes, by whether the kernel has them.", "state").all(fib)
	gauge(ch, "route_ecmp_paths", "Best routes in the kernel, by their number of next hops there.", "paths").all(paths)
	gauge(ch, "nexthop_groups", "Kernel nexthop groups.").is(float64(len(s.groups)))
	packets := counter(ch, "nexthop_packets_total", "Packets over each member of a nexthop group since it was last written.", "group", "nexthop", "interface")
	share := gauge(ch, "nexthop_share_percent", "Share of a member by the weights.", "group", "nexthop", "interface")
	for _, g := range s.groups {
		for _, m := range g.Members {
			if m.ID == 0 {
				continue
			}
			group, object := strconv.FormatUint(uint64(g.ID), 10), strconv.FormatUint(uint64(m.ID), 10)
			share.is(float64(m.Share), group, object, m.Interface)
			if g.Counted {
				packets.is(float64(m.Packets), group, object, m.Interface)
			}
		}
	}
	gauge(ch, "notrack_prefixes", "Transit prefixes whose flows are not tracked.").is(float64(len(s.transit.Prefixes)))
	gauge(ch, "transit_in_sync", "Whether the kernel holds exactly the wanted transit sets.").is(truth(s.transit.InSync))
}

func (s snapshot) collectBFD(ch chan<- prometheus.Metric) {
	up := gauge(ch, "bfd_session_up", "Whether the BFD session is up.", "interface", "peer")
	failures := counter(ch, "bfd_session_failures_total", "How often the path failed while the session was up.", "interface", "peer")
	detection := gauge(ch, "bfd_session_detection_time_seconds", "Agreed detection time; 0 before the first packet.", "interface", "peer")
	packets := counter(ch, "bfd_packets_total", "BFD packets.", "interface", "peer", "direction")
	for _, b := range s.bfd.Sessions {
		up.is(truth(b.State == "Up"), b.Interface, b.Peer)
		failures.is(float64(b.FailureCount), b.Interface, b.Peer)
		detection.is(float64(b.DetectionTimeUsec)/1e6, b.Interface, b.Peer)
		packets.is(float64(b.PacketsReceived), b.Interface, b.Peer, "in")
		packets.is(float64(b.PacketsSent), b.Interface, b.Peer, "out")
	}
	counter(ch, "bfd_packet_errors_total", "Received BFD packets that were dropped.", "reason").all(s.bfd.Rejected)
}
