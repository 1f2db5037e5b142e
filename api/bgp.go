package api

import (
	"fmt"
	"net/http"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"
)

// BGPBody is the body of [PathBGPNeighbors].
type BGPBody struct {
	BGP BGP `json:"bgp"`
}

// BGP is what is known of the BGP sessions and of the process that they run in.
type BGP struct {
	AS        uint32            `json:"as"` // 0 without BGP
	RouterID  string            `json:"routerId"`
	PID       int               `json:"pid"`       // of the process; 0 when there is none
	Restarts  uint64            `json:"restarts"`  // processes that had to be replaced
	Stale     int               `json:"stale"`     // paths that are to be learnt again
	StaleMsec int64             `json:"staleMsec"` // that they stay at most
	Prefixes  int               `json:"prefixes"`  // of all neighbours, each counted once
	Announced int               `json:"announced"` // prefixes that are told to anybody
	Neighbors List[BGPNeighbor] `json:"neighbors"` // by address
}

// BGPNeighbor is one BGP session.
type BGPNeighbor struct {
	Peer        string `json:"peer"`
	AS          uint32 `json:"as"`
	RouterID    string `json:"routerId"` // empty while there is no session
	Local       string `json:"local"`    // own address; empty while there is no session
	Description string `json:"description"`
	Internal    bool   `json:"internal"`
	Dynamic     string `json:"dynamic"`    // prefix that lets it connect; empty for a configured neighbour
	State       string `json:"state"`      // Idle, Connect, Active, OpenSent, OpenConfirm, Established
	SinceMsec   int64  `json:"sinceMsec"`  // established, or down; 0 when it has never been anything else
	Reason      string `json:"reason"`     // why it is not established, as far as that is known
	Received    int    `json:"received"`   // prefixes that it announces
	Accepted    int    `json:"accepted"`   // of them, after the import policy
	Advertised  int    `json:"advertised"` // prefixes that are told to it
	FlapCount   uint32 `json:"flapCount"`
	MessagesIn  uint64 `json:"messagesReceived"`
	MessagesOut uint64 `json:"messagesSent"`
	UpdatesIn   uint64 `json:"updatesReceived"`
	UpdatesOut  uint64 `json:"updatesSent"`
}

// BGPPaths is the body of [PathBGPRIB].
type BGPPaths struct {
	Paths List[BGPPath] `json:"paths"` // by prefix, the best path of each first
}

// BGPPath is one path to a prefix.
type BGPPath struct {
	Network          string       `json:"network"`
	NextHop          string       `json:"nextHop"`
	ASPath           string       `json:"asPath"`
	Origin           string       `json:"origin"` // igp, egp, incomplete
	MED              uint32       `json:"med"`
	HasMED           bool         `json:"hasMed"`
	LocalPref        uint32       `json:"localPref"` // that counts: 100 when nothing is said
	Communities      List[string] `json:"communities"`
	LargeCommunities List[string] `json:"largeCommunities"`
	LinkBandwidth    int64        `json:"linkBandwidth"` // bytes a second; 0: none
	Attributes       string       `json:"attributes"`    // in the words of the gobgp tool
	Peer             string       `json:"peer"`
	AgeMsec          int64        `json:"ageMsec"`
	Best             bool         `json:"best"`
	Used             bool         `json:"used"`     // the best, or as good
	Rejected         bool         `json:"rejected"` // by the import policy
	Stale            bool         `json:"stale"`    // its session is gone, it is kept for a while
	Reason           string       `json:"reason"`   // why it is not used
}

// BGPAnnouncements is the body of [PathBGPAnnouncements].
type BGPAnnouncements struct {
	Announcements List[BGPAnnouncement] `json:"announcements"` // by prefix and neighbour
}

// BGPAnnouncement is what is decided about a prefix and a neighbour. What is told is as it arrives there.
type BGPAnnouncement struct {
	Network          string       `json:"network"`
	Peer             string       `json:"peer"` // the prefix of dynamic neighbours
	Announced        bool         `json:"announced"`
	Rule             string       `json:"rule"`       // because of which it is announced, or why it is not
	NextHop          string       `json:"nextHop"`    // empty: the own address of the session
	ASPath           string       `json:"asPath"`     // with the own autonomous system
	Attributes       string       `json:"attributes"` // in the words of the gobgp tool
	MED              uint32       `json:"med"`
	HasMED           bool         `json:"hasMed"`
	LocalPref        uint32       `json:"localPref"` // told to internal neighbours only: 100 when nothing is said
	Communities      List[string] `json:"communities"`
	LargeCommunities List[string] `json:"largeCommunities"`
}

// bgp answers what is asked about BGP.
func (m router) bgp() {
	m.get(PathBGPAnnouncements, m.bgpAnnouncements)
	m.get(PathBGPNeighbors, func(r *http.Request) (any, error) {
		all, err := m.b.BGP(r.Context())
		query := r.URL.Query()
		if err != nil || !query.Has("peer") {
			return BGPBody{all}, err
		}
		peer := query.Get("peer")
		if _, err := netip.ParseAddr(peer); err != nil {
			return nil, fmt.Errorf("%w: peer=%s: %w", errQuery, peer, err)
		}
		all.Neighbors = keep(all.Neighbors, func(n BGPNeighbor) bool { return n.Peer == peer })
		if len(all.Neighbors) == 0 {
			err = fmt.Errorf("peer %s: %w", peer, ErrNotFound)
		}
		return BGPBody{all}, err
	})
	m.get(PathBGPRIB, func(r *http.Request) (any, error) {
		where, err := prefixQuery(r)
		if err != nil {
			return nil, err
		}
		l, err := m.b.BGPPaths(r.Context(), where)
		if err == nil && len(l) == 0 && where.IsValid() {
			err = fmt.Errorf("prefix %s: %w", where, ErrNotFound)
		}
		return BGPPaths{l}, err
	})
}

func (m router) bgpAnnouncements(r *http.Request) (any, error) {
	where, err := prefixQuery(r)
	if err != nil {
		return nil, err
	}
	var peer netip.Addr
	if query := r.URL.Query(); query.Has("peer") {
		if peer, err = netip.ParseAddr(query.Get("peer")); err != nil {
			return nil, fmt.Errorf("%w: peer=%s: %w", errQuery, query.Get("peer"), err)
		}
	}
	l, err := m.b.BGPAnnouncements(r.Context(), peer, where)
	if err == nil && len(l) == 0 && where.IsValid() {
		err = fmt.Errorf("prefix %s: %w", where, ErrNotFound)
	}
	return BGPAnnouncements{l}, err
}

// prefixQuery reads the prefix or address that is asked about; the zero Prefix when nothing is.
func prefixQuery(r *http.Request) (netip.Prefix, error) {
	if !r.URL.Query().Has("prefix") {
		return netip.Prefix{}, nil
	}
	text := r.URL.Query().Get("prefix")
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%w: prefix=%s: neither a prefix nor an address", errQuery, text)
	}
	return p.Masked(), nil
}

// collectBGP writes the metrics of BGP; without BGP there are none.
func (s snapshot) collectBGP(ch chan<- prometheus.Metric) {
	if s.bgp.AS == 0 {
		return
	}
	counter(ch, "bgp_worker_restarts_total", "BGP processes that had to be replaced.").is(float64(s.bgp.Restarts))
	gauge(ch, "bgp_stale_paths", "Learnt paths that are to be learnt again.").is(float64(s.bgp.Stale))
	prefixes := gauge(ch, "bgp_prefixes", "Prefixes, learnt and accepted, or announced.", "direction")
	accepted := 0
	state := gauge(ch, "bgp_session_state", "State of the session: 1 Idle, 2 Connect, 3 Active, 4 OpenSent, 5 OpenConfirm, 6 Established.", "neighbor", "as")
	received := gauge(ch, "bgp_neighbor_prefixes", "Prefixes of one neighbour.", "neighbor", "kind")
	flaps := counter(ch, "bgp_session_flaps_total", "How often an established session fell.", "neighbor")
	for _, n := range s.bgp.Neighbors {
		state.is(float64(bgpStates[n.State]), n.Peer, fmt.Sprint(n.AS))
		received.is(float64(n.Received), n.Peer, "received")
		received.is(float64(n.Accepted), n.Peer, "accepted")
		received.is(float64(n.Advertised), n.Peer, "advertised")
		flaps.is(float64(n.FlapCount), n.Peer)
		accepted += n.Accepted
	}
	prefixes.is(float64(accepted), "in")
	prefixes.is(float64(s.bgp.Announced), "out")
}

var bgpStates = map[string]int{"Idle": 1, "Connect": 2, "Active": 3, "OpenSent": 4, "OpenConfirm": 5, "Established": 6}
